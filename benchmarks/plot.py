"""The cost against n and against T, with fitted slopes, as SVG and PNG."""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from measure import Row
from scaling import slopes

from gradflow.figures.look.style import paper_style, stroke
from gradflow.files import write_atomically


def draw(rows: Sequence[Row]) -> Figure:
    """Two panels; a series keeps its colour, the NumPy backend is drawn open and dashed."""
    fitted = slopes(list(rows))
    with paper_style():
        figure = Figure(figsize=(9.0, 5.6), layout="constrained")
        for ax, axis in zip(figure.subplots(1, 2, sharey=True), ("n", "T"), strict=True):
            names = dict.fromkeys(row.series for row in rows if row.axis == axis)
            for k, series in enumerate(names):
                _series(ax, k, [row for row in rows if row.series == series], fitted)
            ax.set(xscale="log", yscale="log")
            ax.set_xlabel("units n" if axis == "n" else "steps T")
            ticks = sorted({row.at for row in rows if row.axis == axis})
            ax.set_xticks(ticks, [f"{tick:,}" for tick in ticks], minor=False)
            ax.minorticks_off()
            ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.16), handlelength=3)
        figure.axes[0].set_ylabel("median time of the work (s)")
    return figure


def _series(ax: Any, index: int, rows: Sequence[Row], fitted: dict[tuple[str, str], float]) -> None:
    look = stroke(index)
    for label in (case.label for case in rows[0].cases):
        found = [
            (row.at, case.amount)
            for row in rows
            for case in row.cases
            if case.label == label and case.amount is not None
        ]
        if not found:
            continue
        slope = fitted.get((rows[0].series, label))
        power = "" if slope is None else f": slope {slope:.2f}, order {rows[0].order}"
        plain = label.endswith("numpy")
        ax.plot(
            *zip(*found, strict=True),
            color=look.color,
            marker=look.marker,
            linestyle="dashed" if plain else "solid",
            markerfacecolor="white" if plain else look.color,
            label=f"{rows[0].series}; {label.removeprefix('gradflow, ')}{power}",
        )


def write(rows: Sequence[Row], out: Path) -> None:
    """Write ``cost.svg`` and ``cost.png``; whole or not at all."""
    figure = draw(rows)
    with paper_style():
        svg = io.StringIO()
        figure.savefig(svg, format="svg", metadata={"Date": None})
        write_atomically(out / "cost.svg", svg.getvalue())
        aside = out / ".cost.png.part"
        figure.savefig(aside, format="png", dpi=150)
        os.replace(aside, out / "cost.png")
