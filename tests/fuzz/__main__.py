"""Random attempts to get a wrong number, or an exception that says nothing, out of gradflow.

    make fuzz                                    a minute of everything
    make fuzz SECONDS=3600 SEED=7                longer, and otherwise
    PYTHONPATH=tests python -m fuzz --only eigenvalues --kind Jordan --numbers 17 18

Prints what was tried and, of each fault, the command that repeats it; exits 1 if there was one.
"""

import argparse
import pkgutil
import sys
import time
import zlib
from collections import Counter
from importlib import import_module

import numpy as np

import fuzz
from fuzz.attempt import Told

# Faults of one kind that are printed; all are counted.
SHOWN = 3


def subjects():
    """Those of all files of this folder, by name."""
    names = [m.name for m in pkgutil.iter_modules(fuzz.__path__) if m.name != "__main__"]
    found = [s for name in names for s in getattr(import_module(f"fuzz.{name}"), "SUBJECTS", ())]
    return {subject.name: subject for subject in found}


def once(subject, kind, seed, number):
    """One attempt; an exception that is none of gradflow's own is a fault."""
    rng = np.random.default_rng([seed, number, zlib.crc32(f"{subject.name}/{kind}".encode())])
    try:
        return subject.attempt(kind, rng)
    except Exception as error:
        words = " ".join(f"{type(error).__name__}: {error}".split())
        return Told("", wrong=f"raised {words[:300]}")


def each(subject, kind, numbers):
    for number in numbers:
        for which in subject.kinds:
            if kind in (None, which):
                yield subject, which, number


def turns(chosen, kind, numbers, spent, until):
    """``(subject, kind, number)``: the subject that had the least time next, its kinds in turn."""
    left = {name: each(s, kind, numbers) for name, s in chosen.items()}
    while left and time.perf_counter() < until:
        name = min(left, key=spent.__getitem__)
        turn = next(left[name], None)
        if turn is None:
            del left[name]
        else:
            yield turn


def run(chosen, kind, numbers, seconds, seed):
    """All attempts; how many faults there were."""
    counts, spent, faults = Counter(), Counter(), 0
    for subject, which, number in turns(
        chosen, kind, numbers, spent, time.perf_counter() + seconds
    ):
        start = time.perf_counter()
        told = once(subject, which, seed, number)
        taken = time.perf_counter() - start
        spent[subject.name] += taken
        counts[subject.name, which, "tried"] += 1
        for verdict in ("wrong", "refused", "doubtful"):
            said = getattr(told, verdict)
            counts[subject.name, which, verdict] += bool(said)
            few = counts[subject.name, which, verdict] <= SHOWN
            if said and few and verdict != "doubtful":
                again = f"--only {subject.name!r} --kind {which!r} --seed {seed}"
                line = f"{verdict.upper()}: {subject.name}, {which}, {told.asked}: {said}"
                print(" ".join(line.split()))
                print(f"  python -m fuzz {again} --numbers {number} {number + 1}", flush=True)
        faults += bool(told.wrong)
    table(counts, spent)
    return faults


def table(counts, spent):
    verdicts = ("tried", "wrong", "refused", "doubtful")
    rows = sorted({(name, which) for name, which, _ in counts})
    print(f"{'subject':<18}{'kind':<28}" + "".join(f"{v:>10}" for v in verdicts))
    for name, which in rows:
        numbers = "".join(f"{counts[name, which, v]:>10}" for v in verdicts)
        print(f"{name:<18}{which:<28}{numbers}")
    for name in sorted(spent):
        total = [sum(counts[n, w, v] for n, w in rows if n == name) for v in verdicts]
        numbers = "".join(f"{n:>10}" for n in total)
        print(f"{name:<18}{f'all, in {spent[name]:.0f} s':<28}{numbers}")


def main():
    known = subjects()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=float("inf"), help="for all together")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--numbers", type=int, nargs=2, default=(0, 10**6), help="first, and end")
    parser.add_argument("--only", nargs="+", choices=sorted(known), default=sorted(known))
    parser.add_argument("--kind")
    given = parser.parse_args()
    chosen = {name: known[name] for name in given.only}
    faults = run(chosen, given.kind, range(*given.numbers), given.seconds, given.seed)
    print(f"{faults} faults, seed {given.seed}")
    return faults > 0


if __name__ == "__main__":
    sys.exit(main())
