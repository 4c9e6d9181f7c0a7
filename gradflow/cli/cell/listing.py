"""``gradflow cells``: the cells known by name, or one of them with its equations."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from gradflow.cli.console import plain, print_json, print_table, table
from gradflow.errors import GradflowError

__all__ = ["cells"]


def cells(
    name: str | None = None,
    /,
    *,
    json_: Annotated[bool, Parameter(name="--json", negative="")] = False,
) -> None:
    """List the cells known by name, or show one of them.

    gradflow cells lstm

    Parameters
    ----------
    name
        A cell's name, or FILE.py:NAME for one of your own.
    json_
        Print as JSON.
    """
    from gradflow.cells import get, names

    if name is not None:
        _one(name, json_)
        return
    if json_:
        print_json({"cells": [_data(known) for known in names()]})
        return
    rows = table("cell", "title", "state", "source")
    for known in names():
        try:
            cell = get(known)
        except GradflowError as error:
            rows.add_row(plain(known), "cannot be loaded", "", plain(str(error)))
            continue
        rows.add_row(plain(known), plain(cell.title), " ".join(cell.states), plain(cell.reference))
    print_table(rows)


def _data(name: str) -> dict[str, object]:
    from gradflow.cells import get

    try:
        cell = get(name)
    except GradflowError as error:
        return {"name": name, "error": str(error)}
    return {
        "name": name,
        "title": cell.title,
        "reference": cell.reference,
        "state": list(cell.states),
        "inputs": list(cell.input_names),
        "parameters": {p: list(cell.shape_of(p)) for p in cell.parameters},
        "equations": [line.strip() for line in cell.equations.strip().splitlines()],
    }


def _one(name: str, as_json: bool) -> None:
    from gradflow.cells import get

    cell = get(name)
    if as_json:
        print_json(_data(name))
        return
    print(cell.title or cell.name)
    if cell.reference:
        print(cell.reference)
    print("\n" + "\n".join(f"  {line.strip()}" for line in cell.equations.strip().splitlines()))
    shapes = {p: " x ".join(cell.shape_of(p)) for p in (*cell.parameters, *cell.constant_names)}
    print(f"\nstate: {', '.join(f'{p} ({cell.spaces[p]})' for p in cell.states)}")
    if cell.input_names:
        print(f"input: {', '.join(f'{p} ({cell.spaces[p]})' for p in cell.input_names)}")
    if shapes:
        print("parameters: " + ", ".join(f"{p} ({shape})" for p, shape in shapes.items()))
