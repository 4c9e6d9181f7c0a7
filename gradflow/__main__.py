"""`python -m gradflow`: the same as the command `gradflow`."""

from gradflow.cli import main

if __name__ == "__main__":
    main()
