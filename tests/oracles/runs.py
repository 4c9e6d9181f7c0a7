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
