"""The commands about theorems: ``gradflow prove`` and ``gradflow verify``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from gradflow.cli.console import output, plain, table

if TYPE_CHECKING:
    from gradflow.proofs.claims.claim import Claim

__all__ = ["prove", "verify"]


def prove(
    cell: str | None = None,
    /,
    *,
    params: Path | None = None,
    out: Path | None = None,
    all: Annotated[bool, Parameter(name="--all")] = False,
) -> None:
    """State and prove the theorems about a cell: gradient bounds from above and from below.

    Parameters
    ----------
    cell
        A cell's name, or FILE.py:NAME for one of your own.
    params
        A .npz file with the cell's arrays by name, and its input if you like: adds margins.
    out
        Folder for one bundle a claim, which `gradflow verify` re-checks.
    all
        Every cell of the library.
    """
    from gradflow.cells import LIBRARY, get
    from gradflow.errors import UsageError
    from gradflow.networks.params import read_params
    from gradflow.proofs import prove as prove_cell
    from gradflow.proofs import write
    from gradflow.proofs.claims.claim import NOT_PROVED, REFUTED
    from gradflow.prose import ascii_text

    if (cell is None) != all or (all and params is not None):
        raise UsageError("prove: name one cell (with --params, if you like), or pass --all.")
    failed = False
    missing: tuple[str, ...] = ()
    rows = table("claim", "level", "statement", "margin" if params else "")
    for found in [get(name) for name in (LIBRARY if cell is None else [cell])]:
        arrays, x = read_params(found, params) if params else (None, {})
        claims = prove_cell(found, arrays, x or None)
        missing += claims.unstated
        for claim in claims:
            rejected = claim.level in (REFUTED, NOT_PROVED)
            failed = failed or rejected
            note = claim.verdict[1] if rejected else str(claim.margin or "")
            rows.add_row(claim.name, claim.level, plain(ascii_text(claim.words)), plain(note))
            if out is not None:
                write(claim, out)
    output().print(rows)
    for reason in missing:
        output().print(plain(ascii_text(reason)))
    if out is not None:
        print(f"bundles: {out}")
    if failed:
        sys.exit(1)


def verify(
    folder: Path,
    /,
    *,
    solvers: bool = False,
    cell: str | None = None,
    seconds: float = 9.0,
) -> None:
    """Re-check bundles that `gradflow prove --out` wrote.

    Exits with 1 if a claim fails, or is foreign: not a statement that gradflow makes.

    Parameters
    ----------
    folder
        A bundle, or a folder that holds some.
    solvers
        Ask z3 and cvc5 too, where they are installed.
    cell
        A cell whose own theorems you vouch for, as FILE.py:NAME; the file is run.
    seconds
        How long one bundle may be worked on.
    """
    from gradflow.proofs import verify as verify_bundles

    known: tuple[Claim, ...] = ()
    if cell is not None:
        from gradflow.cells import get
        from gradflow.proofs.theorems import theorems

        known += theorems(get(cell))

    rows = table("claim", "level", "digest", "note")
    failed = False
    for result in verify_bundles(folder, solvers=solvers, known=known, seconds=seconds):
        said = ", ".join(f"{name} {answer}" for name, answer in result.solvers.items())
        note = "; ".join(text for text in (result.note, said) if text)
        rows.add_row(plain(result.name), result.level, result.digest, plain(note))
        failed = failed or result.failed
    output().print(rows)
    if failed:
        sys.exit(1)
