"""The cells, parameters and inputs that every part shares, and their weights with gates stacked."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

import gradflow as gf

INPUTS = 8
GATES = {"rnn": ("",), "lstm": ("_i", "_f", "_o", "_g"), "gru_reset_after": ("_r", "_z", "_g")}


@dataclass(frozen=True)
class Problem:
    """A library cell of ``n`` units over ``steps`` steps, drawn from a fixed seed.

    Recurrent weights have standard deviation ``gain / sqrt(n)``; ``batch`` are leading axes of the
    inputs. Without ``driven`` the inputs are zero, and the run starts from a state that the cell
    itself has come to.
    """

    name: str
    n: int
    steps: int
    gain: float = 1.0
    batch: tuple[int, ...] = ()
    driven: bool = True

    @cached_property
    def cell(self) -> Any:
        return gf.cells.get(self.name)

    @cached_property
    def params(self) -> dict[str, np.ndarray]:
        rng = np.random.default_rng(0)
        sizes = {"hidden": self.n, "input": INPUTS}
        drawn = {}
        for name in self.cell.parameters:
            shape = [sizes[space] for space in self.cell.shape_of(name)]
            drawn[name] = rng.normal(size=shape) * self._scale(name)
        return drawn

    def _scale(self, name: str) -> float:
        if name.startswith("U"):
            return self.gain / self.n**0.5
        return INPUTS**-0.5 if name.startswith("W") else 0.1

    @property
    def width(self) -> int:
        """Size ``d`` of the whole state."""
        return self.n * len(self.cell.states)

    @cached_property
    def x(self) -> np.ndarray:
        """(*batch, steps, inputs)."""
        if not self.driven:
            return np.zeros((*self.batch, self.steps, INPUTS))
        return np.random.default_rng(1).normal(size=(*self.batch, self.steps, INPUTS))

    @cached_property
    def covector(self) -> np.ndarray:
        """(*batch, d): a gradient at the last step."""
        return np.random.default_rng(2).normal(size=(*self.batch, self.width))

    @cached_property
    def run(self) -> Any:
        """The trajectory that every implementation gets, since chaotic ones diverge."""
        start = None
        if not self.driven:
            rest = np.zeros((200, INPUTS))
            random = np.random.default_rng(4).normal(size=self.width)
            start = gf.run(self.cell, self.params, rest, random, backend="numpy").flat_states[-1]
        return gf.run(self.cell, self.params, self.x, start, backend="numpy")

    @cached_property
    def before(self) -> np.ndarray:
        """(*batch, steps, d): the state each step starts from."""
        return np.ascontiguousarray(self.run.flat_states[..., :-1, :])

    @cached_property
    def t(self) -> np.ndarray:
        return np.arange(1, self.steps + 1)

    @cached_property
    def stacked(self) -> dict[str, np.ndarray]:
        """The weights a framework's own cell keeps, gates one above the other: U, W, b (and d)."""
        gates = GATES[self.name]
        found = {k: np.concatenate([self.params[k + gate] for gate in gates]) for k in "UWb"}
        return found | ({"d": self.params["d_g"]} if "d_g" in self.params else {})

    def frame(self, columns: int) -> np.ndarray:
        """(d, columns), orthonormal: the first frame of every Lyapunov spectrum."""
        drawn = np.random.default_rng(3).normal(size=(self.width, columns))
        return np.linalg.qr(drawn)[0]
