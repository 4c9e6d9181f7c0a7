"""How close the theorems about a cell come to the truth: bound beside measurement, by weight scale.

The data of a figure: one curve of bounds and one of measurements a theorem, against the factor by
which all recurrent maps are scaled. Floating point; nothing here is a proof.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gradflow.cells import get
from gradflow.cells.cell import Cell
from gradflow.errors import UsageError
from gradflow.proofs.proving import run_for
from gradflow.proofs.theorems import theorems

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Tightness:
    """One theorem's bound and what was measured, for each scale of the recurrent maps.

    Parameters
    ----------
    claim
        The theorem's name.
    side
        ``"above"`` or ``"below"``: on which side of the measurement the bound lies.
    scales
        (k,): factors of the recurrent maps.
    measured, bounds
        (k,): a bound is nan where the theorem's condition does not hold.
    """

    claim: str
    side: str
    scales: Floats
    measured: Floats
    bounds: Floats

    @property
    def ratio(self) -> Floats:
        """Measured over bound (k,), or bound over measured from below: 1 where attained."""
        with np.errstate(divide="ignore", invalid="ignore"):
            found = self.measured / self.bounds
            return np.asarray(found if self.side == "above" else 1 / found)

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td>{s:g}</td><td>{m:.4g}</td><td>{b:.4g}</td></tr>"
            for s, m, b in zip(self.scales, self.measured, self.bounds, strict=True)
        )
        return (
            f"<table><caption>{self.claim}</caption><tr><th>scale<th>measured<th>bound</tr>"
            f"{rows}</table>"
        )


def tightness(
    cell: Cell | str,
    params: Mapping[str, ArrayLike],
    scales: Sequence[float],
    x: ArrayLike | Mapping[str, ArrayLike] | None = None,
) -> dict[str, Tightness]:
    """Measure the margins of a cell's theorems while its recurrent maps are scaled.

    Parameters
    ----------
    cell, params, x
        As in :func:`gradflow.proofs.proving.prove`.
    scales
        Factors of every map that acts on the previous state.

    Returns
    -------
    dict
        A :class:`Tightness` for each theorem that can be measured, by its name.

    Raises
    ------
    UsageError
        If there is no scale, or one is not finite.
    """
    cell = get(cell) if isinstance(cell, str) else cell
    factors = np.asarray(scales, dtype=np.float64)
    if factors.ndim != 1 or not factors.size or not np.isfinite(factors).all():
        raise UsageError(f"tightness: scales={scales!r}; a list of finite numbers is needed.")
    claims = [c for c in theorems(cell) if c.measure is not None]
    rows: dict[str, list[tuple[float, float, str]]] = {c.name: [] for c in claims}
    recurrent = cell.recurrent_maps()
    for factor in factors:
        scaled = {
            n: factor * np.asarray(a, dtype=np.float64) if n in recurrent else a
            for n, a in params.items()
        }
        on = run_for(cell, scaled, x)
        for claim in claims:
            assert claim.measure is not None
            margin = claim.measure(on)
            bound = np.nan if margin.bound is None else margin.bound
            rows[claim.name].append((margin.measured, bound, margin.side))
    return {
        name: Tightness(
            name,
            found[0][2],
            factors,
            np.array([m for m, _, _ in found]),
            np.array([b for _, b, _ in found]),
        )
        for name, found in rows.items()
    }
