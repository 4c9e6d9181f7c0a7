"""Answers questions with cvc5, in a process of its own."""

from __future__ import annotations

import sys

from gradflow.proofs.solvers.questions import SEPARATOR


def main() -> None:
    """Read questions from standard input and print an answer a line."""
    import cvc5

    for text in sys.stdin.read().split(SEPARATOR):
        solver = cvc5.Solver()
        parser = cvc5.InputParser(solver)
        parser.setStringInput(cvc5.InputLanguage.SMT_LIB_2_6, text, "question")
        while not (command := parser.nextCommand()).isNull():
            answer = str(command.invoke(solver, parser.getSymbolManager())).strip()
            if answer:
                print(answer)


if __name__ == "__main__":
    main()
