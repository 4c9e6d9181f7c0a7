"""Makes the stored files anew: python -m oracles.frameworks.store MODULE NAME... in tests/."""

import importlib
import json
import sys
import tempfile
from pathlib import Path

import numpy as np

FOLDER = Path(__file__).parents[2] / "networks" / "files" / "written"


def main(module, table, *names):
    """Write the files of these names into the folder of stored ones, with their answers."""
    FOLDER.mkdir(exist_ok=True)
    samples = getattr(importlib.import_module(f"oracles.frameworks.{module}"), table)
    known = FOLDER / "answers.json"
    answers = json.loads(known.read_text()) if known.exists() else {}
    for name in names:
        with tempfile.TemporaryDirectory() as folder:
            sample = samples[name](Path(folder))
            for file in Path(folder).iterdir():
                (FOLDER / f"{name}{file.name.removeprefix('model')}").write_bytes(file.read_bytes())
        ending = sample.path.name.removeprefix("model")
        y = [[float(f"{v:.8g}") for v in row] for row in np.asarray(sample.y, np.float64)]
        answers[name] = {"file": name + ending, "facts": dict(sample.facts), "y": y}
    known.write_text(json.dumps(answers, indent=None, sort_keys=True).replace('}, "', '},\n"'))


if __name__ == "__main__":
    main(*sys.argv[1:])
