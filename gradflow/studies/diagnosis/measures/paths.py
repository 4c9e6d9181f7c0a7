"""By which path the gradient takes its last step back to the lag that is needed."""

from __future__ import annotations

import numpy as np

from gradflow.spectra.numerics.logdomain import Floats, unit_rows
from gradflow.studies.diagnosis.measures.spread import Spread, spread
from gradflow.studies.diagnosis.subject import Subject

__all__ = ["path_shares"]

_MOST = 8  # sequences whose paths are split


def path_shares(subject: Subject, need: int) -> dict[str, Spread]:
    """Return each path's share of the gradient of the last loss at lag ``need``, largest first.

    A share is the norm of what comes by a path over the sum of those of all.
    """
    chosen = subject.long_enough(need)[:_MOST]
    found: dict[str, list[float]] = {}
    if subject.run.in_doubt().any():
        single = subject.single(chosen[0])
        shares = single.paths(subject.covector(chosen[0])).share()
        found = {path: [float(values[need - 1])] for path, values in shares.items()}
    else:
        for last in np.unique(subject.losses.last[chosen]):
            own = [i for i in chosen if subject.losses.last[i] == last]
            for path, values in _shares(subject, own, int(last), need).items():
                found.setdefault(path, []).extend(values.tolist())
    told = {path: spread(values) for path, values in found.items()}
    return dict(sorted(told.items(), key=lambda one: -one[1].median))


def _shares(subject: Subject, own: list[int], last: int, need: int) -> dict[str, Floats]:
    """Return the shares of sequences whose last loss is at one step, by path."""
    run = subject.run
    rows = np.zeros((len(subject.lengths), run.width))
    for i in own:
        rows[i] = subject.covector(i)
    for step in range(last, last - need + 1, -1):
        rows = unit_rows(run.vjp(rows, step))[0]
    norms = {
        path: np.linalg.norm(np.einsum("si,sij->sj", rows[own], matrices[own]), axis=-1)
        for path, matrices in run.path_jacobians(last - need + 1).items()
    }
    whole = np.sum(list(norms.values()), axis=0)
    return {path: norm / np.where(whole == 0.0, 1.0, whole) for path, norm in norms.items()}
