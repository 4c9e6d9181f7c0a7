"""A training with a watch at its default beside the same training without: torch's fused LSTM.

The limit is the training alone, so that what is over 1 in its column is what watching costs, the
look before the first update and the norms of every update included.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from importlib.util import find_spec
from typing import Any

from measure import GRADFLOW, LIMIT, Row, Work, compare

import gradflow as gf

# Units, steps, sequences of a batch, updates.
SIZES = ((16, 30, 16, 600), (64, 100, 32, 300), (100, 100, 32, 300))
QUICK = ((4, 8, 4, 60),)


def rows(quick: bool) -> Iterator[Row]:
    for hidden, steps, batch, updates in QUICK if quick else SIZES:
        work = f"nn.LSTM, n = {hidden}, T = {steps}, batch {batch}: {updates} updates of Adam"
        labels = (("torch alone", LIMIT, False), ("gradflow, watched", GRADFLOW, True))
        works = [
            Work(label, kind, _training(hidden, steps, batch, updates, watched), remark=_told)
            if find_spec("torch")
            else Work(label, kind, None, note="torch is not installed")
            for label, kind, watched in labels
        ]
        yield compare("watch", work, works, quick=quick)


def _told(found: Any) -> str:
    """What a watch says of itself."""
    if found is None:
        return ""
    return f"{len(found.update)} looks took {100 * found.share:.1f} % of the updates' time"


def _training(
    hidden: int, steps: int, batch: int, updates: int, watched: bool
) -> Callable[[], Any]:
    """Return a training from scratch; what it returns is what was watched."""
    import torch

    class Model(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.rnn = torch.nn.LSTM(2, hidden, batch_first=True)
            self.out = torch.nn.Linear(hidden, 1)

        def forward(self, x: Any) -> Any:
            return self.out(self.rnn(x)[0])

    task = gf.training.adding(steps)
    drawn = [task.draw(batch, rng=k) for k in range(10)]
    batches = [tuple(torch.tensor(a, dtype=torch.float32) for a in (one.x, one.y)) for one in drawn]

    def train() -> Any:
        torch.manual_seed(0)
        model = Model()
        descend = torch.optim.Adam(model.parameters(), lr=0.01)
        with gf.watch(model, task) if watched else nullcontext() as seen:
            for k in range(updates):
                x, y = batches[k % len(batches)]
                descend.zero_grad()
                loss = ((model(x)[:, -1] - y) ** 2).mean()
                loss.backward()
                torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
                descend.step()
                if seen is not None:
                    seen.update(loss)
        return seen.record() if seen is not None else None

    return train
