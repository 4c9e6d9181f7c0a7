"""A run of stacked layers, linearised as one map of the states of all of them.

With the layers' states side by side, ``s = (s1, s2, ...)``, layer ``l`` reads what the layer below
gives at the same step, so that the step Jacobian is block lower triangular: its row ``l`` is
``A_l`` on the layer's own state and ``B_l dout_(l-1)/ds`` on those below, where
``A_l = ds_l'/ds_l`` and ``B_l = ds_l'/dx_l``. Products of one covector with it cost as much as
those of the layers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gradflow.arrays import whole_number
from gradflow.codegen.logarithms.numbers import Logs, added
from gradflow.codegen.over_time import Pulled
from gradflow.errors import UsageError
from gradflow.networks.between import Between
from gradflow.networks.logarithms import block_log_norms, log_least, log_path_jacobians
from gradflow.networks.nodes import within_step
from gradflow.spectra.beyond import lyapunov as beyond
from gradflow.spectra.faults.fault import Fault
from gradflow.spectra.faults.told import told
from gradflow.spectra.linearised import Where
from gradflow.spectra.lyapunov.exponents import LyapunovSpectrum
from gradflow.spectra.lyapunov.of_run import spectrum_of
from gradflow.spectra.numerics.logdomain import Floats, unit_rows
from gradflow.spectra.trajectory import Analysed, Trajectory

__all__ = ["NetworkTrajectory"]


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class NetworkTrajectory(Analysed):
    """Stacked layers run over an input, with every analysis of a run as a method.

    State parts are named by layer, counted from 1 at the input: ``1.h``, ``1.c``, ``2.h``. A
    gradient by a part is that of a restart there: the other parts of the same step are held. The
    gradient that automatic differentiation gives for a tensor within the step, with the path
    through the layers above at the same step, is :meth:`node_gradients`.

    Parameters
    ----------
    label
        What was run, for labels.
    runs
        The run of each layer.
    between
        What stands behind each layer: normalisation, residual connection.
    flat_states
        (..., T + 1, d): the states of all layers side by side.
    """

    label: str
    runs: tuple[Trajectory, ...]
    between: tuple[Between, ...]

    @property
    def name(self) -> str:
        """What was run, for labels."""
        return self.label

    @cached_property
    def layers(self) -> tuple[slice, ...]:
        """The slice of each layer in the whole state."""
        stops = np.cumsum([0, *(run.width for run in self.runs)])
        return tuple(slice(int(a), int(b)) for a, b in pairwise(stops))

    def part_sizes(self) -> Mapping[str, int]:
        """Return the number of units of each state part, in flattening order."""
        return {
            f"{level}.{part}": size
            for level, run in enumerate(self.runs, 1)
            for part, size in run.part_sizes().items()
        }

    def one(self, *index: int) -> Self:
        """Return one trajectory of a batch, by its index along each batch axis."""
        if len(index) != len(self.batch):
            raise UsageError(
                f"one: {len(index)} indices are given; the run has batch axes {self.batch}, and "
                "each needs one."
            )
        runs = tuple(run.one(*index) for run in self.runs)
        return replace(self, runs=runs, flat_states=self.flat_states[index])

    def until(self, t: int) -> Self:
        """Return the run as far as the state after step ``t``, counted from 1."""
        stop = whole_number(t, "until: t", 1, self.steps)
        runs = tuple(run.until(stop) for run in self.runs)
        return replace(self, runs=runs, flat_states=self.flat_states[..., : stop + 1, :])

    def fault(self) -> Fault | None:
        """Return where a derivative of a layer first is not finite, ``None`` where none is."""
        found = [
            fault.of_layer(level)
            for level, run in enumerate(self.runs, 1)
            if (fault := run.fault()) is not None
        ]
        return min(found, key=lambda fault: fault.step, default=None)

    @told
    def lyapunov(self, *, leading: int | None = None, **options: Any) -> LyapunovSpectrum:
        """Return the Lyapunov spectrum of the whole state, (..., k) for leading axes (...).

        ``options`` go to :func:`gradflow.spectra.lyapunov_spectrum`; the transient is a tenth of
        all steps by default.
        """
        if leading is not None:
            options["leading"] = whole_number(leading, "lyapunov: leading", 1)
        options.setdefault("transient", self.steps // 10)
        if self.in_doubt().any():
            return beyond.spectrum(self, slice(None), options)
        return spectrum_of(self, options)

    def layer_norms(self, lag: int) -> Floats:
        """Return log norms (layers, layers) of the blocks of ``P(T, T - lag)``, layer by layer.

        Row ``a``, column ``b``: what the state of layer ``b`` does to that of layer ``a`` so many
        steps later; ``-inf`` above the diagonal, since no layer acts on those below it.
        """
        self.require_single("layer_norms")
        count = whole_number(lag, "layer_norms: lag", 1, self.steps)
        if self.in_doubt()[self.steps - count :].any():
            wanted = np.arange(self.steps - 1, self.steps - count - 1, -1)
            steps = added(list(self.log_path_jacobians(wanted).values()))
            return block_log_norms([steps[k] for k in range(count)], self.layers)
        product, scale = np.eye(self.width), 0.0
        for t in range(self.steps, self.steps - count, -1):
            product = product @ self.jacobian(t)
            size = float(np.abs(product).max())
            if size == 0.0:
                break
            product, scale = product / size, scale + float(np.log(size))
        norms = np.array(
            [[np.linalg.norm(product[a, b], 2) for b in self.layers] for a in self.layers]
        )
        with np.errstate(divide="ignore"):
            return np.asarray(np.log(norms) + scale)

    def node_gradients(self, gradient: ArrayLike | Mapping[str, ArrayLike]) -> dict[str, Floats]:
        """Return by part the gradient (..., T, units) of a loss of the last state, at steps 1 to T.

        As automatic differentiation gives it for the tensor of that part within its step: what the
        part does through other parts of its layer and through the layers above at the same step
        counts too. Scales are not kept apart, so that very small ones underflow.
        """
        row = self.checked_covector(gradient)
        steps = self.steps
        states = np.broadcast_to(row, (*self.batch, self.width)).copy()
        found = np.zeros((*self.batch, steps, self.width))
        for t in range(steps - 1, -1, -1):
            nodes, old = self._downward(states, t)
            found[..., t, :] = nodes
            states = np.concatenate(old, axis=-1)
        for run, own in zip(self.runs, self.layers, strict=True):
            if len(run.parts) > 1:
                found[..., own] = np.einsum("...i,...ij->...j", found[..., own], within_step(run))
        return {p: found[..., s] for p, s in self.parts.items()}

    def _path_jacobians(self, where: Where) -> dict[str, Floats]:
        # "1: carousel" stays within a layer; "depth" leads from a layer to those above it
        whole = self._jacobians(where)
        found: dict[str, Floats] = {}
        depth = whole.copy()
        for level, (run, own) in enumerate(zip(self.runs, self.layers, strict=True), 1):
            depth[..., own, own] = 0.0
            for path, share in run._path_jacobians(where).items():
                found[f"{level}: {path}"] = np.zeros(whole.shape)
                found[f"{level}: {path}"][..., own, own] = share
        if len(self.runs) > 1:
            found["depth"] = depth
        return found

    def log_least(self) -> Floats:
        """Return (..., T) a log below which no entry of the step's Jacobian lies but zeros."""
        return self._log_least

    @cached_property
    def _log_least(self) -> Floats:
        return log_least(self.runs, self.between)

    def log_path_jacobians(self, where: NDArray[np.int64]) -> dict[str, Logs]:
        """Return `path_jacobians` of some steps of one trajectory, from 0, in logarithms."""
        return log_path_jacobians(self.runs, self.between, self.layers, where)

    def pull_back(self, covector: Floats, *, rows: bool = False) -> Pulled:
        """Return the logs of ``u P(T, T - lag)`` for lag 0 to T, and with ``rows`` directions."""
        steps, width, batch = self.steps, self.width, self.batch
        current = np.broadcast_to(covector, (*batch, width))
        scale = np.zeros(batch)
        log_norm = np.empty((*batch, steps + 1))
        log_part = np.empty((*batch, len(self.parts), steps + 1))
        kept = np.empty((*batch, steps + 1 if rows else 1, width))
        for lag in range(steps + 1):
            if lag:
                current = self._vjp(current, steps - lag)
            current, length = unit_rows(current)
            scale = scale + length
            log_norm[..., lag] = scale
            for i, part in enumerate(self.parts.values()):
                log_part[..., i, lag] = unit_rows(current[..., part])[1] + scale
            kept[..., lag if rows else 0, :] = current
        return Pulled(log_norm, log_part, kept)

    def _input_jacobian(self, level: int, where: Where) -> Floats:
        run = self.runs[level]
        states, inputs, t = run._at(where)
        return np.asarray(run.bound.input_jacobian(states, inputs, t))

    def _hidden(self, level: int, where: Where) -> Floats:
        """The output part of a layer after the steps ``where``, before what stands behind it."""
        run = self.runs[level]
        return np.asarray(run.flat_states[..., 1:, run.parts["h"]][..., where, :])

    def _jacobians(self, where: Where, out: Floats | None = None) -> Floats:
        given: Floats | None = None  # d(what the layer below gives) / d(old states)
        lead = self.runs[0]._at(where)[0].shape[:-1]
        found = np.zeros((*lead, self.width, self.width)) if out is None else out
        if out is not None:
            found[...] = 0.0
        for level, (run, own) in enumerate(zip(self.runs, self.layers, strict=True)):
            row = found[..., own, :]
            row[..., own] = run._jacobians(where)
            if given is not None:
                row += self._input_jacobian(level, where) @ given
            hidden = row[..., run.parts["h"], :]
            given = self.between[level].push(self._hidden(level, where), hidden, given)
        return found

    def _nodes(self, u: Floats, where: Where) -> Floats:
        """Add to covectors on the new states what they do to the layers above at the same step."""
        return self._downward(u, where)[0]

    def _downward(self, u: Floats, where: Where) -> tuple[Floats, list[Floats]]:
        """Return covectors on the nodes of all layers, and by layer those on the old states.

        The layers go from the top down, each once: what it reads is what the one below gives.
        """
        nodes = np.array(u, dtype=np.float64)
        old: list[Floats] = []
        above: Floats | None = None  # covector on what this layer gives
        for level in range(len(self.runs) - 1, -1, -1):
            run, block = self.runs[level], nodes[..., self.layers[level]]
            passed: Floats | None = None
            if above is not None:
                back, passed = self.between[level].pull(self._hidden(level, where), above)
                block[..., run.parts["h"]] += back
            if level:
                before, read = run._full_vjp(block, where)
                above = read if passed is None else read + passed
            else:
                before = run._vjp(block, where)
            old.append(before)
        return nodes, old[::-1]

    def _vjp(self, u: ArrayLike, where: Where) -> Floats:
        return np.concatenate(self._downward(np.asarray(u, dtype=np.float64), where)[1], axis=-1)

    def _parameter_vjp(self, u: ArrayLike, where: Where) -> dict[str, Floats]:
        nodes = self._nodes(np.asarray(u, dtype=np.float64), where)
        return {
            f"{level}.{name}": value
            for level, (run, own) in enumerate(zip(self.runs, self.layers, strict=True), 1)
            for name, value in run._parameter_vjp(nodes[..., own], where).items()
        }


def joined(label: str, runs: Sequence[Trajectory], between: Sequence[Between]) -> NetworkTrajectory:
    """Return the runs of the layers as the run of the whole."""
    flat = np.concatenate([run.flat_states for run in runs], axis=-1)
    return NetworkTrajectory(
        label=label, runs=tuple(runs), between=tuple(between), flat_states=flat
    )
