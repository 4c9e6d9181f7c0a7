"""Answers questions with z3, in a process of its own."""

from __future__ import annotations

import sys

from gradflow.proofs.solvers.questions import SEPARATOR


def main() -> None:
    """Read questions from standard input and print an answer a line."""
    import z3

    for text in sys.stdin.read().split(SEPARATOR):
        solver = z3.Solver()
        solver.from_string(text)
        print(solver.check())


if __name__ == "__main__":
    main()
