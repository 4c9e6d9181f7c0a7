"""Functions that the checker of gradients has no rule for, written by those that it has."""

import shutil

import mpmath
import numpy as np
import pytest

import gradflow as gf
from gradflow.errors import PrecisionError, UsageError
from gradflow.proofs import Loss
from gradflow.proofs.certified.program import known
from gradflow.proofs.certified.theorem.claim import gradient_claim
from proofs.function_cells import EXTREMES, HYPERBOLIC, STEPS, with_loss
from proofs.test_certified_gradient import TORCH, by_torch, torch

COQ = pytest.mark.skipif(shutil.which("coqc") is None, reason="needs coq")
TRUE = {
    "step": lambda x: mpmath.mpf(x > 0),
    "sinh": mpmath.sinh,
    "cosh": mpmath.cosh,
    "asinh": mpmath.asinh,
}
BRANCHES = gf.Cell(
    name="branches",
    state="h",
    inputs="x",
    maps="U W",
    equations="""
    a = U @ h + W @ x
    b = h / 3 if h > 0 and a <= 1/2 else tanh(a)
    h_next = b if a != h or not h < 2 else 5
    """,
)


def by_where(p, s, x, t):
    """The step of the branches, by torch's own selection."""
    a = p["U"].mv(s) + p["W"].mv(x)
    return torch.where((s > 0) & (a <= 0.5), s / 3, torch.tanh(a))


def one_unit(expression, start):
    """A step of one unit, and what is certified of its derivative."""
    cell = gf.Cell(name="unit", state="h", equations=f"h_next = {expression}")
    run = gf.run(cell, {}, state=[start], steps=1)
    return gf.certify(run, Loss(kind="linear", weight=[1.0]))


@pytest.mark.parametrize("name", known.BY_KNOWN)
def test_a_definition_is_the_function(name):
    with mpmath.workdps(60):
        for x in (-40.0, -1.5, -(2.0**-20), 2.0**-20, 0.75, 3.0, 40.0):
            own = known.BY_KNOWN[name](mpmath.mpf(x)) if name != "step" else None
            value = mpmath.mpf(max(x, 0.0)) / x if own is None else mpmath.mpmathify(own.evalf(60))
            assert abs(value - TRUE[name](mpmath.mpf(x))) <= mpmath.mpf(10) ** -35 * (
                1 + abs(value)
            )


SLOPES = [
    ("abs(h)", -0.75, lambda x: -1),
    ("max(h, h * h, 1/4)", 2.5, lambda x: 2 * x),
    ("min(h, h * h)", -0.5, lambda x: 1),
    ("sinh(h)", -9.0, mpmath.cosh),
    ("cosh(h)", 0.125, mpmath.sinh),
    # the sum under the logarithm cancels to 5e-9, which costs bits and no digit
    ("asinh(h)", -1e8, lambda x: 1 / mpmath.sqrt(1 + x * x)),
    ("asinh(h)", 1e8, lambda x: 1 / mpmath.sqrt(1 + x * x)),
    ("step(h) * h * h", 2.0**-30, lambda x: 2 * x),
    ("sign(h) * h", -3.0, lambda x: -1),
    ("h * h if h > 1 else h / 7", 0.5, lambda x: mpmath.mpf(1) / 7),
]


@pytest.mark.parametrize(("expression", "start", "slope"), SLOPES)
def test_a_slope_against_mpmath(expression, start, slope):
    found = one_unit(expression, start)
    with mpmath.workdps(50):
        true = float(mpmath.log(abs(mpmath.mpf(slope(mpmath.mpf(start))))))
    low, high = found.lower[1], found.upper[1]
    off = 1e-14 * abs(true)
    assert low - off <= true <= high + off
    assert high - low <= 1.1e-6
    # planted: a slope that is off by one part in a hundred thousand is outside
    assert not low <= true + 1e-5 <= high


def test_branches_against_autograd():
    run, loss = with_loss(BRANCHES)
    taken = [
        by_where(
            {k: torch.tensor(v) for k, v in run.params.items()}, torch.tensor(s), torch.tensor(x), 0
        )
        for s, x in zip(run.flat_states, run.inputs["x"], strict=False)
    ]
    np.testing.assert_allclose(run.flat_states[1:], torch.stack(taken), rtol=0, atol=1e-14)
    found = gf.certify(run, loss)
    by_state, by_array = by_torch(run, loss, by_where)
    low, high = np.exp(found.lower)[::-1], np.exp(found.upper)[::-1]
    for k, value in enumerate(by_state):
        assert low[k] * (1 - TORCH) <= value <= high[k] * (1 + TORCH)
    for name, value in by_array.items():
        least, most = np.exp(found.parameters()[name])
        assert least * (1 - TORCH) <= value <= most * (1 + TORCH)


@pytest.mark.parametrize(
    ("cell", "words", "others"),
    [
        (EXTREMES, ["relu"], ["Max", "Min", "Abs"]),
        (HYPERBOLIC, ["sinh", "cosh", "arcsinh"], []),
        (STEPS, ["step"], ["sign"]),
    ],
    ids=lambda given: getattr(given, "name", ""),
)
def test_the_statement_says_what_the_cell_declares(cell, words, others):
    run, loss = with_loss(cell, hidden=1, steps=1)
    text = gradient_claim(gf.certify(run, loss, digits=3)).script.statement
    equations = text[text.index("Section Cell.") : text.index("End Cell.")]
    assert all(f"({word} " in equations for word in words)
    assert not any(word in equations for word in others)


@pytest.mark.parametrize("expression", ["abs(h)", "max(h, 0)", "min(0, h)"])
def test_a_unit_exactly_on_a_kink_is_named(expression):
    claim = gradient_claim(one_unit(expression, 0.0))
    assert claim.script is None
    assert "kink of relu (in which Abs, Max and Min are written)" in claim.scope
    assert "exists" not in claim.words


@pytest.mark.parametrize("expression", ["step(h)", "sign(h)", "h if h > 0 else 2 * h"])
def test_a_unit_exactly_where_a_branch_changes_is_refused(expression):
    with pytest.raises(PrecisionError, match="a kink of relu or where a branch changes"):
        one_unit(expression, 0.0)


@pytest.mark.parametrize(
    ("expression", "name"),
    [
        ("sin(h)", "sin"),
        ("cos(h)", "cos"),
        ("tan(h)", "tan"),
        ("atan(h)", "atan"),
        ("gelu(h)", "erf"),
        ("floor(h)", r"floor \(and %\)"),
        ("h % 2", r"floor \(and %\)"),
        ("h if h > sin(h) else 2 * h", "sin"),
        ("pi * h", "pi"),
        ("h * exp(1)", r"exp\(1\)"),
        ("h * t", "a step that depends on t"),
    ],
)
def test_what_remains_is_refused_by_its_name(expression, name):
    with pytest.raises(UsageError, match=f"certify: {name} has no rule in whole numbers"):
        one_unit(expression, 0.5)


@COQ
@pytest.mark.slow
def test_coq_accepts_branches():
    run, loss = with_loss(BRANCHES, hidden=2, steps=2)
    claim = gradient_claim(gf.certify(run, loss, digits=3), arrays=True)
    assert claim.verdict == ("PROVED", "")
