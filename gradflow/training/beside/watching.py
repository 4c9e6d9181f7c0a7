"""A watch beside anyone's training loop: what each update does to the gradient."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from gradflow.arrays import whole_number
from gradflow.codegen.frameworks import library_torch
from gradflow.errors import InputError, NotFiniteError, UsageError
from gradflow.given import function
from gradflow.networks.formats.live import is_module
from gradflow.training.beside.hooks import Gradients, hooked
from gradflow.training.beside.pacing import Pace
from gradflow.training.beside.probing import chosen_lags, probed
from gradflow.training.beside.reaching import Look
from gradflow.training.beside.rising import curvature
from gradflow.training.beside.subject import Subject, blamed
from gradflow.training.beside.watched import Watched, recorded

__all__ = ["Watching", "watch"]


@contextmanager
def watch(
    subject: Any,
    probe: Any,
    *,
    every: int | None = None,
    lags: Sequence[int] | None = None,
    loss: Callable[[Any], Any] | None = None,
) -> Iterator[Watching]:
    """Watch a training: how far the gradient reaches, whether it is about to jump, what dies.

    Inside the ``with`` block tell each update by ``seen.update(loss)``, after the optimizer's step.
    The network is looked at before the first update and then at every 50th: by gradflow's Jacobians
    of its present weights on the probe, so that fused layers such as ``nn.LSTM`` are watched like
    any other. Where looks would take over 3 % of the updates' time they are made at a later one
    instead, at a multiple of 50 too, and ``seen.record().share`` tells what they took. Between
    looks an update costs one norm of each array's gradient, twice. Whatever ends the block, an
    interruption too, ``seen.record()`` has all until then.

    A gradient that is no finite number ends the block quietly before the optimizer uses it, with a
    warning that says where: ``update 312, step 17, gate g, unit 5``.

    Parameters
    ----------
    subject
        A torch module that holds a cell of :func:`gradflow.to_torch` or layers that
        :func:`gradflow.read` knows; or a pair of a cell and its arrays, which a loop of one's own
        changes in place.
    probe
        Sequences (sequences, T, inputs) that stay the same, up to six of them; with classes or
        values as a pair ``(x, y)``, or a task, whose held-out ones are taken. Without them, or
        without a linear map behind the cell, the loss is a random linear read-out.
    every
        Updates between looks, whatever they take: the same updates are looked at in each run.
    lags
        Where reach is measured; up to 16, evenly spaced, by default.
    loss
        A function of the module that returns the probe's loss, for its curvature; by default the
        cross-entropy or squared error of ``module(x)``.

    Raises
    ------
    UsageError
        torch is missing (for a module), or a subject or probe that does not fit.

    Examples
    --------
    In a loop of one's own::

        with gf.watch(model, (x, y), every=50) as seen:
            for inputs, targets in batches:
                optimizer.zero_grad()
                loss = criterion(model(inputs), targets)
                loss.backward()
                torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
                optimizer.step()
                seen.update(loss)
        seen.record().plot()

    A loop without torch:

    >>> import gradflow as gf, numpy as np
    >>> params = gf.cells.rnn.init(hidden=4, inputs=1, rng=0)
    >>> with gf.watch(("rnn", params), np.ones((2, 9, 1)), every=1) as seen:
    ...     params["U"] *= 0.5
    ...     seen.update(1.0)
    >>> seen.record().update, seen.record().reach.shape
    (array([0, 1]), (2, 2, 9))
    """
    every = None if every is None else whole_number(every, "watch: every", 1, 10**9)
    x, y = probed(probe)
    chosen = chosen_lags(lags, x.shape[1])
    if loss is not None:
        function(loss, "watch: loss")
    watched = is_module(subject)
    if watched:
        library_torch.torch("watch")
    seen = Watching(subject, x, y, Pace(every), chosen, loss)
    seen.look()
    if not watched:
        yield seen
        return
    with hooked(subject, seen.gradients):
        try:
            yield seen
        except NotFiniteError as error:
            if not seen.fault:
                raise
            warnings.warn(f"watch: {error}", UserWarning, stacklevel=3)


class Watching:
    """A watch at work; :func:`gradflow.watch` makes it."""

    def __init__(
        self, subject: Any, x: Any, y: Any, pace: Pace, lags: list[int], loss: Any
    ) -> None:
        self._subject, self._x, self._y, self._loss = subject, x, y, loss
        self._pace, self._lags = pace, lags
        self._looks: list[tuple[int, Look, float]] = []
        self._updates: list[tuple[float, float, float]] = []
        self.fault = ""
        self.gradients = Gradients(self._bad)

    def update(self, loss: Any) -> None:
        """Tell that an update was made, and the loss it was made from: a number or a tensor.

        Raises ``NotFiniteError`` for a loss, or for weights at a look, that are no finite numbers,
        which ends the block.
        """
        value = loss.detach().item() if hasattr(loss, "detach") else loss
        try:
            value = float(value)
        except (TypeError, ValueError):
            raise UsageError(
                f"watch: update is told a {type(loss).__name__}; tell the loss, one number."
            ) from None
        self._updates.append((value, *self.gradients.taken()))
        if not math.isfinite(value):
            self._bad(None)
        if self._pace.due(len(self._updates)):
            try:
                self.look()
            except (InputError, NotFiniteError):
                self._bad(None)  # the optimizer made weights that are no finite numbers

    def look(self) -> None:
        """Look at the network now; :meth:`update` does so every so many updates."""
        with self._pace.looking():
            subject = Subject.of(self._subject, self._x, self._y)
            rate, rises = self.gradients.rate, math.nan
            if math.isfinite(rate) and (self._y is not None or self._loss is not None):
                rises = rate * curvature(self._subject, self._x, self._y, self._loss)
            self._looks.append((len(self._updates), subject.look(self._lags), rises))

    def record(self) -> Watched:
        """Return what was seen until now."""
        share = self._pace.share()
        return recorded(self._lags, self._looks, self._updates, fault=self.fault, share=share)

    def _bad(self, inputs: Any) -> None:
        """Say where a gradient stops being finite, on these inputs or else on the probe."""
        x = self._x if inputs is None else inputs
        at = len(self._updates) + (inputs is not None)
        try:
            self.fault = blamed(self._subject, x, at)
        except (UsageError, ValueError):  # inputs that are laid out in a way of their own
            self.fault = blamed(self._subject, self._x, at)
        raise NotFiniteError(self.fault)

    def __repr__(self) -> str:
        return f"<Watching: {len(self._updates)} updates, {len(self._looks)} looks>"
