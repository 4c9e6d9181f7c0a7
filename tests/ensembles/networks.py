"""The naive algorithm: exponents of networks of finite width, measured by gradflow's own runs."""

import math

import numpy as np

import gradflow as gf


def measured(cell, n, draws, steps, *, maps, biases=(), inputs=0.0, burn=100, seed=0):
    """Return mean and standard error over draws of the leading exponent, weights tied."""
    cell, biases = gf.cells.get(cell), dict(biases)
    found = []
    for rng in np.random.default_rng(seed).spawn(draws):
        params = cell.init(rng=rng, **sizes(cell, n), **maps)
        for name, (mean, variance) in biases.items():
            shape = np.shape(params[name])
            params[name] = mean + math.sqrt(variance) * rng.standard_normal(shape)
        found.append(exponent(cell, params, n, steps, burn, inputs, rng))
    return np.mean(found), np.std(found, ddof=1) / math.sqrt(draws)


def exponent(cell, params, n, steps, burn, inputs, rng):
    """Return the leading exponent of a run along white inputs, if the cell has any."""
    x = None
    if cell.input_names:
        x = math.sqrt(inputs) * rng.standard_normal((burn + steps, n))
    start = {p: 0.5 * rng.standard_normal(n) for p in cell.states}
    told = {} if x is not None else {"steps": burn + steps}
    run = gf.run(cell, params, x, start, **told)
    return run.lyapunov(leading=1, transient=burn).exponents[0]


def sizes(cell, n):
    """Return ``n`` units of every size, by the words of ``cell.init``."""
    return {("inputs" if space == "input" else space): n for space in cell.sizes}


def redrawn(cell, n, draws, steps, *, maps, biases=(), inputs=0.0, burn=50, seed=0):
    """Return mean and standard error of the leading exponent, matrices drawn afresh each step."""
    cell, biases = gf.cells.get(cell), dict(biases)
    found = []
    for rng in np.random.default_rng(seed).spawn(draws):
        drawn = [cell.init(rng=rng, **sizes(cell, n), **maps) for _ in range(burn + steps)]
        params = dict(drawn[0])
        for name in cell.parameters:
            if name in biases:
                mean, variance = biases[name]
                shape = (burn + steps, *np.shape(params[name]))
                params[name] = mean + math.sqrt(variance) * rng.standard_normal(shape)
            else:
                params[name] = np.array([p[name] for p in drawn])
        found.append(exponent(cell, params, n, steps, burn, inputs, rng))
    return np.mean(found), np.std(found, ddof=1) / math.sqrt(draws)
