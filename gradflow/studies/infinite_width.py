"""A fresh network beside the theory of infinitely many units with weights of such laws."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gradflow.cells.cell import Cell
from gradflow.ensembles import InputLaw, MeanField, correlated, mean_field, one_hot, white
from gradflow.errors import GradflowError, UsageError
from gradflow.prose import number_text
from gradflow.spectra import Trajectory
from gradflow.studies.headline import Number

__all__ = ["InfiniteWidth", "beside_infinite_width", "infinite_width"]

Floats = NDArray[np.float64]

# Steps that the exponent of a network takes at least, and units that a limit speaks of.
_STEPS, _UNITS = 40, 8
# A second of sampling, where moments do not close.
_QUICK: dict[str, Any] = {"size": 512, "populations": 4, "steps": 60}
# Standard errors by which a mean of entries is no chance, and a correlation below which inputs are
# taken as independent from step to step.
_NO_CHANCE, _WHITE = 5.0, 0.1


@dataclass(frozen=True, eq=False, kw_only=True)
class InfiniteWidth:
    """What infinitely many units would do, and what this network does.

    Attributes
    ----------
    theory
        Of weights, biases and inputs of the laws that those of the network look like.
    measured, error
        Leading exponent of the run, mean over its trajectories, and its standard error.
    units
        The fewest units of a state part.
    """

    theory: MeanField
    measured: float
    error: float
    units: int

    @property
    def sentence(self) -> str:
        """Both numbers with their errors."""
        expected, found = (number_text(v, ".3f") for v in (self.theory.exponent, self.measured))
        return (
            f"infinite width says {expected} ± {self.theory.error:.1g} nats a step, this network "
            f"of {self.units} units {found} ± {self.error:.1g}"
        )

    def numbers(self) -> dict[str, Number]:
        """Return the two exponents by name."""
        words = "Leading exponent, infinitely many units with such weights"
        unit = "nats per step"
        return {
            "infinite_width": Number(
                value=self.theory.exponent,
                label=words,
                unit=unit,
                error=self.theory.error,
                over=self.theory.method,
            ),
            "infinite_width_measured": Number(
                value=self.measured,
                label="Leading exponent of the first seed, beside it",
                unit=unit,
                error=self.error if math.isfinite(self.error) else None,
                over="first window",
            ),
        }

    def __repr__(self) -> str:
        return f"<InfiniteWidth {self.theory.cell.name}: {self.sentence}>"


def beside_infinite_width(run: Trajectory) -> InfiniteWidth | None:
    """Return theory beside a run, ``None`` where it has nothing to say of its weights."""
    try:
        return infinite_width(run)
    except GradflowError:
        return None


def infinite_width(run: Trajectory) -> InfiniteWidth:
    r"""Return the leading exponent of a run beside that of infinitely many units.

    The laws are read off the weights: :math:`W = a\,1 + \sigma G` with a the mean of the diagonal
    where that is no chance, mean and variance of every bias, second moment and correlation of the
    inputs. So it speaks of the initialisation, whoever made it.

    Raises
    ------
    UsageError
        Weights that no longer look drawn: a largest singular value beyond the edge of a random
        matrix, as training makes it; fewer than 8 units or 40 steps; a cell without a limit.

    Examples
    --------
    >>> import gradflow as gf
    >>> params = gf.cells.rnn.init(hidden=100, inputs=1, rng=0)
    >>> chance = np.random.default_rng(1)
    >>> run = gf.run("rnn", params, chance.normal(size=(100, 1)), backend="numpy")
    >>> found = infinite_width(run)
    >>> found.theory.method, abs(found.measured - found.theory.exponent) < 0.1
    ('quadrature', True)
    """
    cell, sizes = run.cell, run.part_sizes()
    units = min(sizes.values())
    if units < _UNITS or run.steps < _STEPS:
        raise UsageError(
            f"infinite_width: the run has {units} units and {run.steps} steps; a limit of many "
            f"units is told from {_UNITS} units and {_STEPS} steps on."
        )
    gains = {n: _law_of_map(cell, n, np.asarray(run.params[n])) for n in _maps(cell)}
    biases = {
        n: (float(np.mean(run.params[n])), float(np.var(run.params[n])))
        for n in cell.parameters
        if n not in cell.linear_maps
    }
    inputs = {name: _law_of_input(x) for name, x in run.inputs.items()}
    theory = mean_field(cell, gains=gains, biases=biases, inputs=inputs, rng=0, **_QUICK)
    found = run.lyapunov(leading=1, transient=run.steps // 3)
    leading = found.exponents[..., 0].ravel()
    error = float(np.sqrt(np.mean(found.stderr[..., 0] ** 2) / leading.size))
    return InfiniteWidth(theory=theory, measured=float(leading.mean()), error=error, units=units)


def _maps(cell: Cell) -> list[str]:
    return [n for n in cell.parameters if n in cell.linear_maps]


def _law_of_map(cell: Cell, name: str, w: Floats) -> tuple[float, float] | float:
    """Return a gain, or a multiple of the identity and a gain."""
    if w.ndim != 2:
        raise UsageError(f"infinite_width: map {name!r} changes from step to step.")
    rows, columns = w.shape
    mask = cell.linear_maps[name].mask
    shift, rest = 0.0, w
    if rows == columns and mask is None:
        diagonal = np.diag(w)
        off = math.sqrt(np.mean((w - np.diag(diagonal)) ** 2))
        if abs(diagonal.mean()) > _NO_CHANCE * off / math.sqrt(rows):
            shift = float(diagonal.mean())
            rest = w - shift * np.eye(rows)
    seen = rest[rest != 0] if mask is not None else rest
    sigma = math.sqrt(columns * float(np.mean(seen**2))) if seen.size else 0.0
    # the edge of a random matrix, and the scatter of the largest value about it
    edge = sigma * (1 + math.sqrt(rows / columns)) * (1 + 2 * min(rows, columns) ** (-2 / 3))
    if mask is None and np.linalg.norm(rest, 2) > edge:
        raise UsageError(
            f"infinite_width: map {name!r} has a singular value beyond {edge:.3g}, the edge of a "
            "random matrix with such entries; it was trained, or built, and theory is of weights "
            "as they are drawn."
        )
    return (shift, sigma) if shift else sigma


def _law_of_input(x: Floats) -> InputLaw:
    """Return the law that inputs (..., T, m) look like."""
    square = float(np.mean(x * x))
    if x.shape[-1] > 1 and np.isin(x, (0.0, 1.0)).all() and (x.sum(axis=-1) == 1).all():
        return one_hot(x.shape[-1])
    if not square or x.shape[-2] < 2:
        return white(square)
    memory = float(np.mean(x[..., 1:, :] * x[..., :-1, :])) / square
    return (
        correlated(square, max(-1.0, min(memory, 1.0))) if abs(memory) > _WHITE else white(square)
    )
