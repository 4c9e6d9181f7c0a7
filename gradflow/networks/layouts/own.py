"""Arrays by gradflow's own names: ``W_f``, ``U_f``, ``b_f``, as ``cell.init`` makes them."""

from __future__ import annotations

from gradflow.cells.registry import CELLS
from gradflow.codegen import compile
from gradflow.errors import InputError, UsageError
from gradflow.networks.layouts.layout import Finding, Layout, Reading
from gradflow.networks.layouts.making.building import layer_of

__all__ = ["LAYOUT"]


def find(reading: Reading) -> Finding | None:
    """Find the cell of the library whose parameters have these names."""
    names = set(reading.contents.arrays)
    said = reading.facts.take("cell")
    fitting = [
        (name, cell)
        for name, cell in CELLS.usable()
        if set(cell.parameters) <= names
        and not cell.constant_names
        and any(p.startswith("U") for p in cell.parameters)
        and any(p.startswith("W") for p in cell.parameters)
    ]
    most = max((len(cell.parameters) for _, cell in fitting), default=0)
    fitting = [(name, cell) for name, cell in fitting if len(cell.parameters) == most]
    if said is not None:
        fitting = [one for one in fitting if one[0] == said]
    if not fitting:
        return None
    name, cell = next((one for one in fitting if one[0] == "rnn"), fitting[0])
    if len(fitting) > 1:
        reading.facts.assume(
            f"the names fit {', '.join(n for n, _ in fitting)}; {name} is assumed, say cell=... "
            "where it is another",
            warn=True,
        )
    params = {p: reading.array(p) for p in cell.parameters}
    try:
        compile(cell, "numpy").bind(params)
    except UsageError as error:
        sentence = f"{reading.path}: {error}"
        raise InputError(sentence) from None
    layer = layer_of(
        cell,
        params,
        name=name,
        level=0,
        direction="forward",
        bias=any(p.startswith("b") for p in params),
        dtype=reading.stored(cell.parameters[0]).dtype,
    )
    return Finding(layers=[layer], used=set(cell.parameters))


LAYOUT = Layout(name="gradflow", find=find)
