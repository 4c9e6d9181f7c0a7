"""The gradient split by the path it takes through a step: carousel, each gate, h."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike

from gradflow.drawable import Drawable
from gradflow.spectra.numerics.logdomain import Floats, log_magnitude, row_products

# Paths that fit on a line.
_MOST_TOLD = 3


@dataclass(frozen=True, eq=False)
class PathDecay(Drawable):
    r"""Gradient against lag, split by the path through the last step taken backward.

    Leading axes (...) are the batch axes of the run; `repr` and shares in it are then of the first
    trajectory, and a figure takes one: ``run.one(...).paths(...)``.

    Parameters
    ----------
    lag
        (T,) lags from 1 on.
    log_norm
        Path to (..., T): log norm of
        :math:`\frac{\partial L}{\partial s_{k+1}} J^{(p)}_{k+1}`, where
        :math:`J = \sum_p J^{(p)}`. The vectors, not their norms, add up to the gradient.
    total
        (..., T) log norm of the whole gradient.
    carousel_only
        (..., T) log norm of the gradient that, from lag 1 on, never leaves the carousel: all paths
        of the last step, then only those from a part to itself without a linear map. ``None`` where
        the cell has no such path.

    Examples
    --------
    >>> import gradflow as gf, numpy as np
    >>> params = gf.cells.lstm.init(hidden=4, inputs=2, rng=0, forget_bias=3)
    >>> run = gf.run("lstm", params, np.ones((50, 2)))
    >>> shares = run.paths(np.ones(8)).share()
    >>> list(shares), round(float(sum(share[-1] for share in shares.values())), 6)
    (['i', 'f', 'o', 'g', 'c to h', 'carousel'], 1.0)
    """

    drawn_by: ClassVar[str] = "paths:plot_paths"
    lag: np.ndarray[Any, np.dtype[np.int64]]
    log_norm: Mapping[str, Floats]
    total: Floats
    carousel_only: Floats | None

    def __repr__(self) -> str:
        last = sorted(self._last_shares(), key=lambda part: -part[1])
        listed = ", ".join(f"{name} {100 * value:.3g} %" for name, value in last[:_MOST_TOLD])
        more = f", {len(last) - _MOST_TOLD} more" if len(last) > _MOST_TOLD else ""
        return (
            f"<PathDecay lags 1 to {self.lag[-1]}, at the last: {listed}{more}{self._first_of()}>"
        )

    def _repr_html_(self) -> str:
        listed = ", ".join(f"{name} {100 * value:.3g} %" for name, value in self._last_shares())
        return f"<b>gradient by path</b> at lag {int(self.lag[-1])}: {listed}{self._first_of()}"

    def _first_of(self) -> str:
        count = self.total[..., 0].size
        return f" (the first of {count} trajectories)" if self.total.ndim > 1 else ""

    def _last_shares(self) -> list[tuple[str, float]]:
        return [
            (name, float(values.reshape(-1, values.shape[-1])[0, -1]))
            for name, values in self.share().items()
        ]

    def share(self) -> dict[str, Floats]:
        """Return, by path, the norm of its part over the sum of the norms of all, (..., T) each."""
        stacked = np.stack(list(self.log_norm.values()))
        most = np.where(np.isfinite(stacked.max(axis=0)), stacked.max(axis=0), 0.0)
        weight = np.exp(stacked - most)
        whole = weight.sum(axis=0)
        parts = weight / np.where(whole == 0, 1.0, whole)
        return dict(zip(self.log_norm, parts, strict=True))


def path_decay(
    blocks: Iterable[tuple[Floats, Mapping[str, Floats]]], covector: ArrayLike
) -> PathDecay:
    """Split the gradient of one trajectory, or of each of a batch, by path.

    Parameters
    ----------
    blocks
        Step Jacobians (..., m, d, d) and path to (..., m, d, d), which add up to them: blocks of
        steps, that of the last ones first.
    covector
        (..., d) gradient at the last step, one a trajectory or one for all.
    """
    row, scale = np.asarray(covector, dtype=np.float64), np.zeros(())
    total: list[Floats] = []
    shares: dict[str, list[Floats]] = {}
    only: list[Floats] = []
    kept: Floats | None = None
    since = scale
    for steps, by_path in blocks:
        unit, log = row_products(steps, row)
        log = log + scale[..., None]
        arriving = unit[..., :-1, :]
        for path, matrices in by_path.items():
            rows = np.einsum("...ld,...lde->...le", arriving, matrices[..., ::-1, :, :])
            norm = log_magnitude(np.linalg.norm(rows, axis=-1)) + log[..., :-1]
            shares.setdefault(path, []).append(norm)
        if "carousel" in by_path:
            carousel = by_path["carousel"]
            if kept is None:
                carousel, kept, since = carousel[..., :-1, :, :], unit[..., 1, :], log[..., 1]
                only.append(since[..., None])
            rows, along = row_products(carousel, kept)
            along = along + since[..., None]
            only.append(along[..., 1:])
            kept, since = rows[..., -1, :], along[..., -1]
        total.append(log[..., 1:])
        row, scale = unit[..., -1, :], log[..., -1]
    whole = np.concatenate(total, axis=-1)
    return PathDecay(
        np.arange(1, whole.shape[-1] + 1),
        {path: np.concatenate(logs, axis=-1) for path, logs in shares.items()},
        whole,
        np.concatenate(only, axis=-1) if only else None,
    )
