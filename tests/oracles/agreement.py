"""Everything that must hold between the routines of one cell, whatever its equations are."""

import mpmath
import numpy as np

import gradflow as gf
from gradflow.cells.initializers import Initializer
from oracles.convergence import errors, is_second_order, slopes

DIGITS = 50


def draw(cell, rng, **sizes):
    """Random parameters, state by part and inputs of a cell; a default value is kept."""
    found = {"one": 1, "input": sizes.get("inputs"), **sizes}
    names = (*cell.parameters, *cell.constant_names)
    shapes = {n: tuple(found[s] for s in cell.shape_of(n)) for n in names}
    params = {n: rng.standard_normal(shape) for n, shape in shapes.items()}
    given = {n: v for n, v in cell.defaults.items() if not isinstance(v, Initializer)}
    params |= {n: np.broadcast_to(v, shapes[n]) for n, v in given.items()}
    if "period" in params:
        params["period"] = np.resize([2.0, 1.0, 3.0, 4.0], shapes["period"])
    state = {p: rng.standard_normal(found[cell.spaces[p]]) for p in cell.states}
    x = {n: rng.standard_normal(found[cell.spaces[n]]) for n in cell.input_names} or None
    return params, state, x


def gap(found, wanted):
    """Largest difference relative to the largest entry, or to 1 where all are smaller."""
    found, wanted = np.asarray(found, dtype=float), np.asarray(wanted, dtype=float)
    assert found.shape == wanted.shape, (found.shape, wanted.shape)
    return np.abs(found - wanted).max(initial=0) / max(1, np.abs(wanted).max(initial=0))


def by_parts(code, params, u, state, x, t):
    """The same gradient as parameter_vjp of one step, but from a batch of two equal steps."""
    twice = {k: np.stack([v, v]) for k, v in state.items()}
    both = None if x is None else {k: np.stack([v, v]) for k, v in x.items()}
    return code.parameter_vjp(params, twice, np.stack([u, u]), both, np.array([t, t]))


def check(cell, params, state, x, t=3, tight=1e-11):
    """Assert that all routines agree with each other, with mpmath and with differences, by order.

    `tight` bounds the float64 rounding of one step, relative to the largest entry or 1.
    """
    fast, exact = gf.compile(cell), gf.compile(cell, backend="mpmath", digits=DIGITS)
    rng = np.random.default_rng(0)
    s = fast.join(state)
    u, v = rng.standard_normal((2, len(s)))

    # float64 against 50 digits
    wanted = {
        "step": exact.step(params, state, x, t),
        "jacobian": exact.jacobian(params, state, x, t),
    }
    J = wanted["jacobian"]
    gradient = exact.parameter_vjp(params, state, exact.target.asarray(u), x, t)
    assert gap(fast.step(params, state, x, t), wanted["step"]) < tight
    assert gap(fast.jacobian(params, state, x, t), J) < tight
    assert gap(fast.jvp(params, state, v, x, t), J @ v) < tight
    assert gap(fast.vjp(params, state, u, x, t), u @ J) < tight
    found = fast.parameter_vjp(params, state, u, x, t)
    doubled = by_parts(fast, params, u, state, x, t)
    for name in cell.parameters:
        assert gap(found[name], gradient[name]) < tight, name
        assert gap(doubled[name], 2 * gradient[name]) < tight, name
    paths = fast.path_jacobians(params, state, x, t)
    assert gap(sum(paths.values(), np.zeros_like(J, dtype=float)), J) < tight
    for name, value in exact.outputs(params, state, x, t).items():
        assert gap(fast.outputs(params, state, x, t)[name], value) < tight

    def parts(flat):
        stops = np.cumsum([len(a) for a in state.values()])[:-1]
        return dict(zip(state, np.split(flat, stops), strict=True))

    with mpmath.workdps(DIGITS):
        # jvp and vjp at 50 digits agree with the matrix and with each other
        u, v, s = map(exact.target.asarray, (u, v, s))
        forward, back = exact.jvp(params, state, v, x, t), exact.vjp(params, state, u, x, t)
        size = 1 + max(abs(e) for e in [*J.ravel(), u @ forward])
        assert np.abs(forward - J @ v).max() < size * mpmath.mpf(10) ** -40
        assert abs(u @ forward - back @ v) < size * mpmath.mpf(10) ** -40

        # central differences by state, input and every parameter
        by_order(lambda e: exact.step(params, parts(s + e * v), x, t), forward, "state")
        if x is not None:
            move = {k: rng.standard_normal(len(a)) for k, a in x.items()}
            change = np.concatenate(list(move.values()))
            by_order(
                lambda e: exact.step(params, state, {k: a + e * move[k] for k, a in x.items()}, t),
                exact.input_jacobian(params, state, x, t) @ change,
                "input",
            )
        for name in cell.parameters:
            move = rng.standard_normal(np.shape(params[name]))

            def moved(e, name=name, move=move):
                new = params | {name: exact.target.asarray(params[name]) + e * move}
                return u @ exact.step(new, state, x, t)

            by_order(moved, (gradient[name] * move).sum(), name)


def by_order(function, derivative, what):
    found = errors(function, derivative)
    assert is_second_order(found), (what, slopes(found), [float(e) for e in found])
