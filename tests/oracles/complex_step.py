"""A cell as Python reads it, on complex arrays: an imaginary step gives derivatives to rounding.

``f(a + i e) = f(a) + i e f'(a)`` for small e, without a difference (Squire & Trapp, SIAM Rev. 40,
1998). A map is a matrix, ``.T`` and ``+`` are Python's own. Nothing here calls gradflow.
"""

import textwrap

import numpy as np

STEP = 1e-150

WORDS = {
    "tanh": np.tanh,
    "exp": np.exp,
    "log": np.log,
    "sqrt": np.sqrt,
    "sin": np.sin,
    "cos": np.cos,
    "sigmoid": lambda a: 1 / (1 + np.exp(-a)),
    "mean": lambda v: np.mean(v, keepdims=True),
    "sum": lambda v: np.sum(v, keepdims=True),
}


def new_state(equations, states, values, more=None):
    """The new state, flat, by executing the text; ``values`` are arrays by name."""
    size = len(values[states[0]])
    names = {**WORDS, "identity": np.eye(size), **(more or {}), **values}
    exec(textwrap.dedent(equations), names)
    parts = (np.broadcast_to(names[f"{p}_next"], np.shape(values[p])) for p in states)
    return np.concatenate([np.ravel(part) for part in parts])


def derivative(equations, states, values, name, more=None):
    """``d new state / d values[name]``, (d, entries of it)."""
    columns = []
    for k in range(np.size(values[name])):
        moved = np.array(values[name], dtype=complex)
        moved.flat[k] += 1j * STEP
        columns.append(new_state(equations, states, {**values, name: moved}, more).imag / STEP)
    return np.stack(columns, axis=1)


def jacobian(equations, states, values, more=None):
    """The step Jacobian (d, d)."""
    return np.hstack([derivative(equations, states, values, p, more) for p in states])
