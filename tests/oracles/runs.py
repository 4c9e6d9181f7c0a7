"""Runs of library cells with rectangular sizes and random, non-symmetric weights."""

import numpy as np

import gradflow as gf


def random_run(name, steps, hidden=5, inputs=3, context=4, seed=0):
    cell = gf.cells.get(name)
    rng = np.random.default_rng(seed)
    given = {"hidden": hidden, "input": inputs, "context": context}
    sizes = {("inputs" if s == "input" else s): given[s] for s in cell.sizes}
    params = cell.init(rng=rng, **sizes)
    for key in cell.parameters:
        params[key] = params[key] + 0.3 * rng.standard_normal(params[key].shape)
    x = rng.standard_normal((steps, inputs)) if cell.input_names else None
    state = None if x is not None else np.ones(1)
    return gf.run(cell, params, x, state, steps=steps), rng


def product(run, steps=None):
    """P(t, 0) of a run after all steps or so many, by the definition."""
    whole = np.eye(run.width)
    for j in run.jacobians()[:steps]:
        whole = j @ whole
    return whole


def work(seed):
    """One run and what is measured of it, as numbers."""
    cell = gf.cells.get("lstm")
    params = cell.init(hidden=4, inputs=2, rng=seed, forget_bias=1.0)
    run = gf.run(cell, params, np.random.default_rng(seed).standard_normal((30, 2)))
    u = np.ones(run.width)
    return (
        run.flat_states,
        run.gradient_decay(u).log_norm,
        run.decay().log_norm,
        run.singular_values([1, 30]).log_sigma,
        run.product_eigenvalues().log_abs,
        run.lyapunov(leading=2).exponents,
        run.parameter_gradient(u, lags=3).total["U_f"],
        run.paths(u).total,
    )
