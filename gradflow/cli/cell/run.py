"""``gradflow run``: a cell along one input, its states as an array or in words."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from gradflow.cli.console import print_json

__all__ = ["run"]


def run(
    cell: str,
    /,
    *,
    hidden: int | None = None,
    steps: int = 200,
    input: Annotated[str | None, Parameter(name="--input")] = None,
    init: str = "",
    seed: int = 0,
    out: Path | None = None,
    json_: Annotated[bool, Parameter(name="--json", negative="")] = False,
) -> None:
    """Run a cell on an input and print what its states do.

    gradflow run lstm --steps 100 --out states.npz

    Parameters
    ----------
    cell
        A cell's name, or FILE.py:NAME for one of your own.
    hidden, steps, input, init, seed
        As in `gradflow report`, for one seed.
    out
        A .npz file for the states, step 0 first, by part, and the parameters by name.
    json_
        Print the numbers as JSON.
    """
    from gradflow.cli.choices import read_choices
    from gradflow.errors import UsageError
    from gradflow.networks.params import write_arrays
    from gradflow.studies.setup import set_up

    if out is not None and out.suffix != ".npz":
        raise UsageError(f"run: out is {str(out)!r}; states are written as .npz.")
    from gradflow.arrays import whole_number
    from gradflow.cells import get

    steps, seed = whole_number(steps, "run: steps", 1), whole_number(seed, "run: seed", 0)
    hidden = None if hidden is None else whole_number(hidden, "run: hidden", 1)
    ran = set_up(
        get(cell), hidden=hidden, steps=steps, input=input, init=read_choices(init), seed=seed
    )
    run = ran.trajectory
    numbers = {
        part: {
            "units": int(values.shape[-1]),
            "largest": float(abs(values).max()),
            "last_norm": float((values[-1] ** 2).sum() ** 0.5),
        }
        for part, values in run.states.items()
    }
    if out is not None:
        states = {f"state_{part}": values for part, values in run.states.items()}
        write_arrays(out, {**states, **ran.params})
    part = f"; of these the first {run.steps} steps" if ran.windows > 1 else ""
    source = f"{ran.source}{part}"
    if json_:
        print_json({"cell": cell, "steps": run.steps, "input": source, "state": numbers})
        return
    count = f"{run.steps} step{'s' * (run.steps > 1)}"
    print(f"{cell}: {count}, random weights by seed {seed}; input: {source}")
    for part, found in numbers.items():
        print(
            f"  {part}: {found['units']} units, largest entry {found['largest']:.4g}, norm at the "
            f"last step {found['last_norm']:.4g}"
        )
    if out is not None:
        print(f"states: {out}")
