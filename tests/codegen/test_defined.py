"""Functions of one's own: one factor of every derivative, right in every backend."""

import numpy as np
import pytest

import gradflow as gf
from gradflow.errors import UsageError
from oracles import complex_step
from oracles.agreement import draw, gap

LN = "LN(v, gain, b) = gain * (v - mean(v)) / sqrt(mean((v - mean(v))**2) + 0.01) + b"
SIZES = {"hidden": 3, "context": 2, "inputs": 4}


def layer_norm(v, gain, b):
    centred = v - np.mean(v)
    return gain * centred / np.sqrt(np.mean(centred**2) + 0.01) + b


WORDS = {
    "LN": layer_norm,
    "rms": lambda v: v / np.sqrt(np.mean(v * v) + 1),
    "share": lambda v: np.exp(v) / np.sum(np.exp(v)),
    "mixed": lambda a, b: a * np.mean(b * b) + b * np.sum(a) / 4,
    "spread": lambda v: np.sqrt(np.mean((v - np.mean(v)) ** 2, keepdims=True) + 1),
    "twice": lambda v: layer_norm(layer_norm(v, 1, 0) ** 2, 2, np.mean(v)),
    "cube": lambda a: a * a * a / 3,
    "nested": lambda v: np.tanh(v * np.mean(v * np.mean(v * np.sum(v)))),
}
DEFINITIONS = f"""
    {LN}
    rms(v) = v / sqrt(mean(v * v) + 1)
    share(v) = exp(v) / sum(exp(v))        # no maximum taken off
    mixed(a, b) = a * mean(b * b) + b * sum(a) / 4
    spread(v) = sqrt(
        mean((v - mean(v))**2) + 1)
    twice(v) = LN(LN(v, 1, 0)**2, 2, mean(v))
    cube(a) = a * a * a / 3
    nested(v) = tanh(v * mean(v * mean(v * sum(v))))
"""
EQUATIONS = {
    "layer norm": "h_next = tanh(LN(U @ h, a, b))",
    "of a name": "z = U @ h\nh_next = tanh(LN(z, a, b)) * mean(z)",
    "one after the other": "h_next = tanh(U @ LN(tanh(U @ LN(h, a, b)), b, a))",
    "added": "h_next = rms(h) + U @ rms(h) - rms(U @ h) * a",
    "two vectors": "h_next = tanh(mixed(U @ h, a * h))",
    "one vector twice": "h_next = tanh(mixed(h, h))",
    "one value": "h_next = tanh(h * spread(U @ h + h)) + spread(h) * a",
    "nested": "h_next = share(twice(U @ h)) + nested(h)",
    "one unit's": "h_next = cube(tanh(U @ h)) - cube(h) / 9",
    "a gate between": "f = sigmoid(LN(U @ h, a, b))\nh_next = f * h + (1 - f) * rms(f * h)",
    "with itself as gain": "h_next = LN(U @ h, tanh(h), mean(h))",
    "beside its parts": "h_next = LN(h, a, b) * mean(h) + mean((h - mean(h))**2)",
}


def cell_of(name):
    text = EQUATIONS[name]
    used = [
        w
        for w in ("a", "b")
        if f" {w})" in text
        or f" {w}," in text
        or f" {w} " in text
        or f"({w} " in text
        or text.endswith(f" {w}")
    ]
    lines = [line for line in gf_lines() if needed(line.split("(")[0].strip(), text)]
    return gf.Cell(
        name="defined",
        state="h",
        maps="U" * ("U @" in text),
        vectors=" ".join(used),
        define="\n".join(lines),
        equations=text,
    )


def gf_lines():
    found = []
    for line in DEFINITIONS.strip().splitlines():
        if "=" in line.split("(")[-1] or ") =" in line:
            found.append(line)
        else:
            found[-1] += "\n" + line
    return found


def needed(name, text):
    inner = {"LN": "twice("}.get(name, "")
    return f"{name}(" in text or (inner and inner in text)


def check(cell, backend):
    params, state, _ = draw(cell, np.random.default_rng(3), **SIZES)
    values = {**params, **state}
    text, code = cell.equations, gf.compile(cell, backend=backend)
    u = np.random.default_rng(4).standard_normal(3)
    J = complex_step.jacobian(text, ("h",), values, WORDS)
    # float64, sums of some terms below 100
    assert (
        gap(code.step(params, state), complex_step.new_state(text, ("h",), values, WORDS)) < 1e-13
    )
    assert gap(code.jacobian(params, state), J) < 1e-12
    assert gap(code.jvp(params, state, u), J @ u) < 1e-12
    assert gap(code.vjp(params, state, u), u @ J) < 1e-12
    paths = code.path_jacobians(params, state)
    assert gap(sum(paths.values()), J) < 1e-12
    found = code.parameter_vjp(params, state, u)
    for name in cell.parameters:
        wanted = u @ complex_step.derivative(text, ("h",), values, name, WORDS)
        assert gap(np.ravel(found[name]), wanted) < 1e-12, name


@pytest.mark.parametrize("backend", ["numpy", "array-api", "mpmath"])
@pytest.mark.parametrize("name", EQUATIONS)
def test_all_derivatives(name, backend):
    check(cell_of(name), backend)


@pytest.mark.slow
@pytest.mark.parametrize("name", EQUATIONS)
def test_numba(name):
    pytest.importorskip("numba")
    check(cell_of(name), "numba")


def test_the_oracle_sees_another_epsilon():
    cell = cell_of("layer norm")
    params, state, _ = draw(cell, np.random.default_rng(3), **SIZES)
    values = {**params, **state}
    other = WORDS | {"LN": lambda v, g, b: layer_norm(v, 1.001 * g, b)}
    right = complex_step.jacobian(cell.equations, ("h",), values, WORDS)
    wrong = complex_step.jacobian(cell.equations, ("h",), values, other)
    assert gap(wrong, right) > 1e-5


def ln_lstm():
    gates = [("i", "sigmoid"), ("f", "sigmoid"), ("o", "sigmoid"), ("g", "tanh")]
    lines = [f"{k} = {s}(LN(W_{k} @ x + U_{k} @ h, a_{k}, b_{k}))" for k, s in gates]
    lines += ["c_next = f * c + i * g", "h_next = o * tanh(LN(c_next, a_c, b_c))"]
    return gf.Cell(
        name="ln_lstm",
        state="h c",
        inputs="x",
        maps=" ".join(f"{m}_{k}" for m in "WU" for k in "ifog"),
        vectors=" ".join(f"{v}_{k}" for v in "ab" for k in "ifogc"),
        define=LN,
        equations="\n".join(lines),
    )


def test_a_layer_normalised_lstm_has_as_many_terms_as_an_lstm():
    J, plain = gf.jacobian(ln_lstm()), gf.jacobian("lstm")
    for key, block in J.blocks().items():
        assert len(block.terms) == len(plain[key].terms)
    source = gf.compile(ln_lstm(), backend="numba").source
    assert len(source) < 120_000  # the terms multiplied out made 733,000


def test_an_lstm_of_it_runs_and_its_bound_is_one_line():
    cell = ln_lstm()
    params = cell.init(hidden=4, inputs=2, rng=0)
    run = gf.run(cell, params, np.random.default_rng(0).standard_normal((6, 2)))
    J = run.jacobians()
    for backend in ("array-api", "mpmath"):
        code = gf.compile(cell, backend=backend)
        found = code.jacobian(params, run.flat_states[3], run.inputs["x"][3], 4)
        assert gap(found, J[3]) < 1e-13
    from gradflow.proofs.bounding.step import bounds
    from gradflow.proofs.weights.values import measure

    bound = bounds(cell)
    assert bound["h", "c"].statement() == "|dh'/dc| <= |LN'|"
    assert len(bound.statement()) < 400
    numbers = measure(bound.variables, bound.expressions, run)
    for one in J:
        N = bound.matrix(numbers)
        for i, out in enumerate((slice(0, 4), slice(4, 8))):
            for j, into in enumerate((slice(0, 4), slice(4, 8))):
                assert np.linalg.norm(one[out, into], 2) <= N[i][j] * (1 + 1e-12)


def test_balls_hold_the_jacobian():
    from gradflow.proofs.weights.balls import BallCell, ball, upper

    cell = cell_of("one after the other")
    params, state, _ = draw(cell, np.random.default_rng(3), **SIZES)
    run = gf.run(cell, params, state=state["h"], steps=1)
    balls = BallCell(run)
    values = balls.values({"h": [ball(v) for v in state["h"]]}, {}, 1)
    terms = gf.jacobian(cell)["h", "h"].terms
    whole = sum(
        (balls.jacobian_term(t, values, "hidden", 1) for t in terms[1:]),
        balls.jacobian_term(terms[0], values, "hidden", 1),
    )
    wanted = gf.compile(cell, backend="mpmath").jacobian(params, state)
    for i in range(3):
        for j in range(3):
            gap_here = abs(whole[i, j] - ball(float(wanted[i, j])))
            assert upper(gap_here) < 1e-13


def test_how_they_print():
    cell = cell_of("layer norm")
    J = gf.jacobian(cell)
    assert J["h", "h"].text() == "dh'/dh = diag(1 - h'**2) LN'(U @ h) U"
    assert r"\mathrm{LN}'\left( U \, h_{t-1} \right) \, U" in J["h", "h"].latex()
    definition = r"\mathrm{LN}\left( v, \mathrm{gain}, b \right) &= \frac"
    assert definition in J.where_latex()
    assert definition in cell.latex()
    assert J.to_json()["definitions"][0]["left"].startswith(r"\mathrm{LN}")
    two = gf.jacobian(cell_of("two vectors"))["h", "h"].text()
    assert "mixed'(U @ h) U" in two
    assert "mixed'_2(a*h) diag(a)" in two
    assert list(gf.jacobians.path_labels(cell).values()) == ["LN', U"]


BAD = {
    "LN(v) = v - mean(v) + q": "uses 'q', which is no argument of it; pass it: `LN(v, q) = ...`",
    "LN(v) = U @ v": "'U @ v' has a map; a function takes vectors, so call it as in `LN(W @ x)`",
    "LN(v) = nothing(v)": "function 'LN': 'nothing(v)' calls an unknown function 'nothing'",
    "LN(v) = LN(v) + 1": "'LN(v)' calls an unknown function 'LN'",
    "LN(v, v) = v": "has one argument twice",
    "LN(v) = v\nLN(w) = w": "is defined twice",
    "LN = h": "found 'LN = h'; write one `name(arguments) = expression` a line",
    "LN() = 1": "write one `name(arguments) = expression` a line",
    "LN(2) = 1": "write one `name(arguments) = expression` a line",
    "LN(v) =": "cannot read",
    "tanh(v) = v": "'tanh' has a meaning in the language",
    "h(v) = v": "the name is that of state part too",
    "LN(v) = v\nRMS(v) = v": "function 'RMS': no equation calls it; remove it",
    "LN(v) = v if v else 0": "is no condition where one is needed",
    "LN(v, w) = v * w": "gives LN 1 arguments; it takes 2",
    "LN(v) = v[0]": "is outside the language",
}


@pytest.mark.parametrize("text", BAD)
def test_what_is_wrong_is_told(text):
    with pytest.raises(UsageError) as caught:
        gf.Cell(name="bad", state="h", maps="U", define=text, equations="h_next = LN(U @ h)")
    message = str(caught.value)
    assert BAD[text] in message
    assert message.startswith("cell 'bad'")
    assert message.endswith(".")


def test_sizes_are_checked_in_a_call():
    with pytest.raises(UsageError, match=r"equation 'h_next', f\(a, b\): sizes differ in 'h \* x'"):
        gf.Cell(
            name="bad",
            state="h",
            inputs="x",
            define="f(a, b) = a * b + mean(a)",
            equations="h_next = f(h, x)",
        )
