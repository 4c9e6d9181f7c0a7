"""The commands about theorems: ``gradflow prove``, ``gradflow theorem``, ``gradflow verify``."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from gradflow.cli.console import manner, output, plain, print_json, print_table, progress, table
from gradflow.errors import close_to

if TYPE_CHECKING:
    from gradflow.cells.cell import Cell
    from gradflow.proofs.claims.claim import Claim

__all__ = ["prove", "theorem", "verify"]


def prove(
    cell: str | None = None,
    /,
    *,
    params: Path | None = None,
    out: Path | None = None,
    all: Annotated[bool, Parameter(name="--all")] = False,
    json_: Annotated[bool, Parameter(name="--json", negative="")] = False,
) -> None:
    """State and prove the theorems about a cell: gradient bounds from above and from below.

    gradflow prove lstm --out proofs

    Below them stand statements about random networks, at the level DERIVED: a written argument, and
    what Coq proves of it.

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
    json_
        Print the claims as JSON.
    """
    from gradflow.cells import LIBRARY, get
    from gradflow.errors import UsageError
    from gradflow.networks.params import read_params
    from gradflow.proofs import card, write
    from gradflow.proofs import prove as prove_cell
    from gradflow.proofs.claims.claim import NOT_PROVED, REFUTED
    from gradflow.prose import ascii_text

    if (cell is None) != all or (all and params is not None):
        raise UsageError("prove: name one cell (with --params, if you like), or pass --all.")
    failed = False
    missing: tuple[str, ...] = ()
    rows = table("claim", "level", "statement", "margin" if params else "")
    started = time.perf_counter()
    found: list[Claim] = []
    for one in [get(name) for name in (LIBRARY if cell is None else [cell])]:
        arrays, x = read_params(one, params) if params else (None, {})
        claims = prove_cell(one, arrays, x or None)
        missing += claims.unstated
        found += claims
        found += [] if params else _derived(one)
    with progress(len(found)) as advance:
        for claim in found:
            advance(claim.name)
            rejected = claim.level in (REFUTED, NOT_PROVED)
            failed = failed or rejected
            note = claim.verdict[1] if rejected else str(claim.margin or "")
            rows.add_row(
                claim.name, claim.level, plain(ascii_text(claim.words)), plain(ascii_text(note))
            )
            if out is not None:
                write(claim, out)
    seconds = time.perf_counter() - started
    if json_:
        print_json({"claims": [card(claim).to_json() for claim in found], "not stated": missing})
    else:
        print_table(rows)
        for reason in missing:
            output().print(plain(ascii_text(reason)))
    if out is not None and not json_:
        print(f"bundles: {out}")
    if not manner().quiet:
        print(f"{len(found)} claims in {seconds:.1f} s", file=sys.stderr)
    if failed:
        sys.exit(1)


def _derived(cell: Cell) -> list[Claim]:
    """Return what a written argument gives for a cell; none where it has no limit."""
    from gradflow.errors import UsageError
    from gradflow.proofs import derived

    try:
        return [claim for statement in derived(cell) for claim in statement.claims()]
    except UsageError:
        return []


def theorem(
    name: str,
    /,
    *,
    format: Literal["text", "tex", "md", "json", "bib"] = "text",
    params: Path | None = None,
    json_: Annotated[bool, Parameter(name="--json", negative="")] = False,
) -> None:
    """Show one theorem: what it says, what it assumes, its level, and where it comes from.

    gradflow theorem lstm.lower --format tex

    Parameters
    ----------
    name
        A claim such as lstm.lower, or FILE.py:NAME.lower for a cell of your own.
    format
        text: a card; tex: a theorem environment with its proof (amsmath, amsthm); md: Markdown;
        json: plain data; bib: the BibTeX of its source.
    params
        A .npz file with the cell's arrays by name, and its input if you like: adds what the
        theorem says of them, or the value of the condition that they miss.
    json_
        The same as --format json.
    """
    from gradflow.cells import get
    from gradflow.errors import UsageError
    from gradflow.networks.params import read_params
    from gradflow.proofs import card
    from gradflow.proofs import prove as prove_cell
    from gradflow.proofs.cards.sources import bibtex

    of, dot, which = name.rpartition(".")
    if not dot or ":" in which or "/" in which:
        raise UsageError(
            f"theorem: {name!r} names no theorem; pass CELL.THEOREM, such as lstm.lower, as "
            "`gradflow prove CELL` lists them."
        )
    cell = get(of)
    arrays, x = read_params(cell, params) if params else (None, {})
    stated = [*prove_cell(cell, arrays, x or None), *_derived(cell)]
    claims = {claim.name: claim for claim in stated}
    claim = claims.get(f"{cell.name}.{which}")
    if claim is None:
        hint = close_to(f"{cell.name}.{which}", [*claims])
        known = ", ".join(claims)
        raise UsageError(f"theorem: there is no {cell.name}.{which}; {hint}there are {known}.")
    format = "json" if json_ else format
    if format == "bib":
        print(bibtex(claim))
        return
    found = card(claim)
    if format == "json":
        print_json(found.to_json())
    elif format == "tex":
        print(found.latex(), end="")
    elif format == "md":
        print(found.markdown(), end="")
    else:
        print(found.text())


def verify(
    folder: Path,
    /,
    *,
    solvers: bool = False,
    cell: str | None = None,
    seconds: float = 9.0,
    json_: Annotated[bool, Parameter(name="--json", negative="")] = False,
) -> None:
    """Re-check bundles that `gradflow prove --out` wrote.

    gradflow verify proofs

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
    json_
        Print the verdicts as JSON.
    """
    from gradflow.proofs import verify as verify_bundles

    known: tuple[Claim, ...] = ()
    if cell is not None:
        from gradflow.cells import get
        from gradflow.proofs.theorems import theorems

        known += theorems(get(cell))

    rows = table("claim", "level", "digest", "note")
    failed = False
    verdicts = []
    for result in verify_bundles(folder, solvers=solvers, known=known, seconds=seconds):
        said = ", ".join(f"{name} {answer}" for name, answer in result.solvers.items())
        note = "; ".join(text for text in (result.note, said) if text)
        rows.add_row(plain(result.name), result.level, result.digest, plain(note))
        failed = failed or result.failed
        verdicts.append(
            {"name": result.name, "level": result.level, "digest": result.digest, "note": note}
        )
    if json_:
        print_json({"bundles": verdicts, "failed": failed})
    else:
        print_table(rows)
    if failed:
        sys.exit(1)
