"""Random networks for printed bounds: calm ones, in which hypotheses hold, and wild ones."""

import numpy as np

import gradflow as gf

CONSTANTS = {
    "alpha": lambda rng, shape: rng.uniform(*[(0.0, 1.0), (-1.5, 1.5)][rng.integers(2)], shape),
    "period": lambda rng, shape: rng.choice([1.0, 2.0, 3.0], shape),
    "eps": lambda rng, shape: rng.uniform(0, 0.5, shape),
    "gamma": lambda rng, shape: rng.uniform(0, 1, shape),
}


def network(cell, rng, *, calm):
    """A run of one or two units a part over up to three steps."""
    units, steps = int(rng.integers(1, 3)), int(rng.integers(1, 4))
    sizes = {("inputs" if s == "input" else s): units for s in cell.sizes}
    square = np.ones((units, units))
    filled = {n: square if n in cell.linear_maps else 1.0 for n in cell.constant_names}
    drawn = cell.init(rng=0, **sizes, **filled)
    alone = not calm and rng.random() < 0.5  # one array grows, and the others stay calm
    params = {
        n: CONSTANTS[n](rng, a.shape)
        if n in CONSTANTS
        else _array(rng, a.shape, calm=calm or alone)
        for n, a in drawn.items()
    }
    reach = 1.0 if calm else rng.choice([0.0, 1.0, 1.0, 30.0, 3000.0])
    if alone:
        grown = rng.choice(sorted(params))
        params[grown] = params[grown] * 10.0 ** rng.uniform(0, 5)
    widths = gf.compile(cell).part_sizes(params)
    reach = {p: 1.0 if calm else rng.choice([0.0, 1.0, 1.0, 30.0, 3000.0]) for p in widths}
    start = {p: reach[p] * rng.uniform(-1, 1, n) for p, n in widths.items()}
    x = {n: rng.uniform(-1, 1, (steps, units)) for n in cell.input_names}
    if not calm and rng.random() < 0.5:
        _balance(params, start, x)
    return gf.run(cell, params, x or None, start, steps=steps)


def _array(rng, shape, *, calm):
    """A matrix or a vector; calm matrices are small, and a vector may hold gates open."""
    entries = rng.standard_normal(shape)
    if calm:
        return 0.02 * entries if len(shape) == 2 else rng.choice([0.0, 6.0]) + 0.5 * entries
    scale = rng.choice([0.0, 1.0, 1.0]) * 10.0 ** rng.uniform(-2, 2)
    return scale * entries if len(shape) == 2 else entries * rng.choice([0.3, 3.0])


def _balance(params, start, x):
    """Biases that take the first arguments of the gates back to about 0, where slopes are large."""
    h = next(iter(start.values()))
    for name in [n for n in params if n.startswith("b")]:
        u, w = (params.get(m + name[1:]) for m in "UW")
        if u is not None and u.shape[1] == len(h):
            driven = w @ x["x"][0] if w is not None and "x" in x else 0.0
            params[name] = 0.3 * params[name] - u @ h - driven
