"""The process that looks at bundles: one request a line, one answer a line.

What others wrote is read, and multiplied out, only here: within limits of memory and time that the
process puts on itself, so that no folder can keep a checker from the next one.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from gradflow.proofs.claims.bundle import read
from gradflow.proofs.claims.origin import origin
from gradflow.proofs.limits import limit

MEMORY = 2**30


def answer(folder: Path, known: Mapping[str, str]) -> dict[str, Any]:
    """Return what is found out about one bundle, as plain data."""
    bundle = read(folder)
    claim = bundle.claim
    found: dict[str, Any] = {"name": folder.name, "digest": bundle.digest, "fault": bundle.fault}
    if claim is None or bundle.fault:
        return found
    if claim.name != folder.name:
        return found | {"fault": f"the folder is called {folder.name}, the claim {claim.name[:80]}"}
    if fault := claim.fault():
        return found | {"fault": fault[:300]}
    where = origin(claim, known)
    found |= {"foreign": where.foreign, "own_proof": where.own_proof, "scope": claim.scope}
    if claim.script:
        script = claim.script
        found["script"] = {
            "theorem": script.theorem,
            "statement": script.statement,
            "proof": script.proof,
        }
    return found | {"basis": claim.basis, "questions": bundle.questions}


def main() -> None:
    """Answer requests until there are no more."""
    limit(10**6, MEMORY, 0)
    for line in sys.stdin:
        asked = json.loads(line)
        started = time.process_time()
        _work_for(asked["seconds"])
        try:
            found = answer(Path(asked["folder"]), asked["known"])
        except (MemoryError, RecursionError) as error:
            found = {"fault": f"cannot be read ({type(error).__name__})"}
        used = time.process_time() - started
        print(json.dumps({"name": Path(asked["folder"]).name, **found, "used": used}), flush=True)


def _work_for(seconds: float) -> None:
    """End this process after at most so many more seconds of work, where the system can.

    It counts whole seconds, so at least one is left to begin with.
    """
    if find_spec("resource") is None:
        return
    import resource

    most = resource.getrlimit(resource.RLIMIT_CPU)[1]
    used = time.process_time()
    soft = max(int(used + seconds), int(used) + 1)
    resource.setrlimit(resource.RLIMIT_CPU, (soft, most))


if __name__ == "__main__":
    main()
