"""Cells that use every construct of the language, each against mpmath and differences by order."""

import numpy as np
import pytest

import gradflow as gf
from oracles.agreement import check, draw

CELLS = {
    "layer_norm": gf.Cell(
        name="layer_norm",
        state="h",
        inputs="x",
        maps="W U",
        vectors="gain shift",
        equations="""
            a = W @ x + U @ h
            m = mean(a)
            v = mean((a - m)**2)
            h_next = tanh(gain * (a - m) / sqrt(v + 0.001) + shift)
        """,
    ),
    "parts_of_three_sizes": gf.Cell(
        name="parts",
        state="h s[context] y[one]",
        inputs="x",
        maps="W P Q R V[one,hidden]",
        vectors="b[context]",
        scalars="a",
        equations="""
            s_next = tanh(P @ h + Q @ s + b) * y + a
            y_next = sigmoid(V @ h) + a * mean(s_next) * y
            h_next = tanh(W @ x + R @ s_next) + h * y_next - mean(s)
        """,
    ),
    "fixed_maps": gf.Cell(
        name="fixed_maps",
        state="h",
        inputs="x",
        maps="U",
        vectors="b",
        constants="D[hidden,input] place[hidden] clock[input]",
        fixed={
            "S": "1 if row(index) == column(index) + 1 else 0",
            "B[hidden,hidden]": "1/(1 + row(index) + column(index))",
            "K[hidden,input]": "row(place) - column(clock)/3",
        },
        equations="h_next = tanh(D @ x + S @ h + U @ (B @ h) + K @ x + identity @ h + b)",
    ),
    "masked": gf.Cell(
        name="masked",
        state="h",
        inputs="x",
        maps="U W",
        constants="level[hidden] side[input]",
        masks={
            "U": "row(level) <= column(level) and not row(index) == column(index)",
            "W": "0 < row(level) < 3 or column(side) > 0",
        },
        defaults={"level": [0.0, 1.0, 2.0], "side": [1.0, -1.0, 0.0, 1.0]},
        equations="h_next = tanh(U @ h + W @ x) + U @ sigmoid(U @ h)",
    ),
    "kinks": gf.Cell(
        name="kinks",
        state="h",
        inputs="x",
        maps="W U",
        vectors="b c",
        equations="""
            a = W @ x + U @ h
            p = Max(a, b) + Min(a, 0.3, c) - Abs(h - b)
            q = Piecewise((tanh(a), a < 0), (a**2, a < 1), (1 + log(a), True))
            r = relu(p) * step(q) + sign(h) * q + floor(3 * h) * a + (7 * a) % (1 + b**2)
            h_next = p if 0 < p + 1 < 3 and not q == 0 or h != h else r - Max(0.2, p, q)
        """,
    ),
    "shared_conditions": gf.Cell(
        name="conditions",
        state="h",
        vectors="b",
        equations="""
            p = h if softplus(2) < 3 and h > b or t > 2 and not b > h else b * h
            q = b if softplus(2) < 3 and b > 0 else p
            h_next = tanh(q) * h if t > 2 and (h > b or softplus(2) < 3) else p * q
        """,
    ),
    "smooth_functions": gf.Cell(
        name="smooth",
        state="h",
        vectors="a b c d",
        equations="""
            p = exp(-h**2) + log(1 + a**2) + sqrt(1 + b**2) + sin(h) * cos(a) + tan(tanh(h) / 2)
            q = sinh(h / 2) * cosh(c / 2) + asinh(h * b) + atan(h) + erf(h * d) + softplus(5 * a)
            h_next = p**3 / (1 + q**2) + 2**h + (1 + a**2)**(h / 3) + exp(1) * h - q**-2
        """,
    ),
    "time": gf.Cell(
        name="time",
        state="h k",
        inputs="x",
        maps="W U",
        vectors="rate shift[hidden]",
        scalars="period",
        equations="""
            phase = (t - shift) / (1 + period**2) % 1
            open = 2 * phase if phase < 0.5 else 2 - 2 * phase
            h_next = open * tanh(W @ x + U @ h) + (1 - open) * h / t
            k_next = exp(-rate**2 * t) * k + t % 2
        """,
    ),
    "outputs_and_inputs": gf.Cell(
        name="outputs",
        state="h",
        inputs="x z[side] y[hidden]",
        maps="W V U O[out,hidden]",
        vectors="b[out]",
        outputs="p q",
        equations="""
            p = softplus(O @ h + b)
            h_next = tanh(W @ x + U @ h) * y + V @ z
            q = mean(h_next) * 2
        """,
    ),
    "hostile_names": gf.Cell(
        name="hostile",
        state="out h np_[size]",
        inputs="x",
        maps="np W_mask where index_ ones zero",
        vectors="keep keep_ block[size] gradients",
        scalars="E pi S",
        constants="W[size,hidden] total[one]",
        fixed={"outer[hidden,hidden]": "1 if row(index) == 0 else 2"},
        masks={"np": "row(index) != column(index)"},
        defaults={"total": 0.7},
        equations="""
            I = np @ h + W_mask @ x + keep * E
            lambda_ = where @ np_ + pi * exp(1) * keep_ / (1 + gradients**2)
            v0 = I * lambda_ * S + index_ @ h
            d_h = tanh(v0 * I * lambda_) + 3.0
            u_h = sigmoid(d_h * v0)
            np_in = tanh(ones @ np_ + W @ h) + block
            h_next = tanh(u_h + out)
            out_next = u_h * total - d_h + zero @ (outer @ h)
            spread = mean(h)
            np__next = np_in * spread + np_
        """,
    ),
    "no_parameters": gf.Cell(
        name="henon",
        state="a[one] b[one]",
        constants="p[one] q[one]",
        defaults={"p": 1.4, "q": 0.3},
        equations="a_next = 1 - p * a**2 + b\nb_next = q * a",
    ),
    "constant_state": gf.Cell(
        name="constant_state",
        state="h k",
        vectors="b",
        equations="two = 2\nh_next = b / two**2\nk_next = 3 if t > 2 else k",
    ),
    "spread_and_reduce": gf.Cell(
        name="spread",
        state="h y[one]",
        maps="U",
        scalars="a b",
        equations="""
            m = mean(h) * y + a
            h_next = m * h + y + tanh(U @ (m * h)) * sum(h * h) + b
            y_next = sum(h) * mean(h * y) + mean(h_next) * b + mean(m)
        """,
    ),
}
# hidden = 3, so that a mean's 1/3 is no exact float
SIZES = {"hidden": 3, "inputs": 4, "context": 2, "side": 5, "out": 2, "size": 5}


def taken(cell):
    known = {("inputs" if s == "input" else s) for s in cell.sizes}
    return {k: v for k, v in SIZES.items() if k in known}


@pytest.mark.parametrize("name", CELLS)
def test_all_routines_agree(name):
    cell = CELLS[name]
    for seed in range(2):
        params, state, x = draw(cell, np.random.default_rng(seed), **taken(cell))
        check(cell, params, state, x)


@pytest.mark.parametrize("name", [n for n in CELLS if n != "masked"])  # its levels are three
def test_one_unit_everywhere(name):
    cell = CELLS[name]
    params, state, x = draw(cell, np.random.default_rng(0), **dict.fromkeys(taken(cell), 1))
    check(cell, params, state, x)


@pytest.mark.parametrize("name", CELLS)
def test_a_batch_and_a_run_are_the_single_steps(name):
    cell = CELLS[name]
    code = gf.compile(cell)
    rng = np.random.default_rng(1)
    params, state, x = draw(cell, rng, **taken(cell))
    d = len(code.join(state))
    states, u, v = rng.standard_normal((3, 2, 6, d))
    xs = x and {k: rng.standard_normal((2, 6, len(a))) for k, a in x.items()}
    t = np.arange(1, 7)

    def one(i, k):
        return xs and {name: a[i, k] for name, a in xs.items()}

    together = {
        "step": code.step(params, states, xs, t),
        "jacobian": code.jacobian(params, states, xs, t),
        "jvp": code.jvp(params, states, v, xs, t),
        "vjp": code.vjp(params, states, u, xs, t),
    }
    kept = code.parameter_vjp(params, states, u, xs, t, keep=True)
    summed = code.parameter_vjp(params, states, u, xs, t)
    for i in range(2):
        for k in range(6):
            here = (params, states[i, k]), (one(i, k), t[k])
            single = {
                "step": code.step(*here[0], *here[1]),
                "jacobian": code.jacobian(*here[0], *here[1]),
                "jvp": code.jvp(*here[0], v[i, k], *here[1]),
                "vjp": code.vjp(*here[0], u[i, k], *here[1]),
            }
            for key, value in single.items():
                # the same operations in another order of summation: a few ulp of entries up to 100
                np.testing.assert_allclose(together[key][i, k], value, rtol=1e-11, atol=1e-11)
            for key, value in code.parameter_vjp(*here[0], u[i, k], *here[1]).items():
                np.testing.assert_allclose(kept[key][i, k], value, rtol=1e-11, atol=1e-11)
    for key, value in summed.items():
        np.testing.assert_allclose(value, kept[key].sum((0, 1)), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize(
    ("expression", "by_h", "by_b"),
    [
        ("Max(h, b)", 0, 1),  # at a tie the derivative goes to the later argument
        ("Max(b, h)", 1, 0),
        ("Min(h, b)", 0, 1),
        ("Min(b, h)", 1, 0),
        ("Max(h, 2) + b", 0, 1),  # never to a number
        ("Max(2, h) + b", 0, 1),
        ("Min(2, h) + b", 0, 1),
        ("relu(h - b)", 0, 0),
        ("Abs(h - b)", 0, 0),
        ("sign(h - b)", 0, 0),
        ("step(h - b)", 0, 0),
        ("floor(h) + floor(b)", 0, 0),
        ("h % b", 1, -1),
        ("(h - b) % 3", 1, -1),
        ("sqrt((h - b)**2)", 0, 0),  # which SymPy turns into its own Abs
        ("h if h > b else 3 * b", 0, 3),
        ("h if h >= b else 3 * b", 1, 0),
        ("h**2 if h == b else 3 * b", 4, 0),
    ],
)
def test_exactly_at_a_kink(expression, by_h, by_b):
    cell = gf.Cell(name="kink", state="h", vectors="b", equations=f"h_next = {expression}")
    params, state = {"b": np.array([2.0])}, np.array([2.0])
    for backend in ("numpy", "mpmath"):
        code = gf.compile(cell, backend=backend)
        assert code.jacobian(params, state).tolist() == [[by_h]]
        assert code.vjp(params, state, np.ones(1)).tolist() == [by_h]
        assert code.parameter_vjp(params, state, np.ones(1))["b"].tolist() == [by_b]
