"""The gradient split by path where a step is in doubt."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from gradflow.codegen.logarithms.numbers import Logs, added, log_norm, logs
from gradflow.spectra.beyond.rows import through
from gradflow.spectra.decay.paths import PathDecay
from gradflow.spectra.linearised import Linearised
from gradflow.spectra.numerics.logdomain import Floats


def paths(run: Linearised, row: Floats) -> PathDecay:
    """Return the gradient against lag split by path, of every trajectory of a run."""
    given = np.broadcast_to(row, (*run.batch, run.width))
    found = [_one(run.one(*i), given[i]) for i in np.ndindex(*run.batch)]

    def whole(values: list[Floats]) -> Floats:
        return np.stack(values).reshape(*run.batch, run.steps)

    only = [one.carousel_only for one in found if one.carousel_only is not None]
    return PathDecay(
        found[0].lag,
        {name: whole([one.log_norm[name] for one in found]) for name in found[0].log_norm},
        whole([one.total for one in found]),
        whole(only) if only else None,
    )


def _one(run: Linearised, covector: Floats) -> PathDecay:
    row, alone = logs(covector), None
    log_norms: dict[str, list[Floats]] = {}
    total, only = [], []
    plain, doubt = run.path_jacobians(), run.in_doubt()
    for k in range(run.steps - 1, -1, -1):
        step = _step(run, plain, k, bool(doubt[k]))
        for name, share in step.items():
            log_norms.setdefault(name, []).append(log_norm(through(row, share)))
        row = through(row, added(list(step.values())))
        total.append(log_norm(row))
        if "carousel" in step:
            alone = row if alone is None else through(alone, step["carousel"])
            only.append(log_norm(alone))
    found = {name: np.array(values) for name, values in log_norms.items()}
    lag = np.arange(1, run.steps + 1)
    return PathDecay(lag, found, np.array(total), np.array(only) if only else None)


def _step(
    run: Linearised, plain: Mapping[str, Floats], k: int, in_doubt: bool
) -> Mapping[str, Logs]:
    if in_doubt:
        return {n: share[0] for n, share in run.log_path_jacobians(np.array([k])).items()}
    return {name: logs(share[k]) for name, share in plain.items()}
