"""Certified gradients through exponentials, roots, quotients and functions of a cell's own."""

import shutil
from dataclasses import replace

import mpmath
import numpy as np
import pytest

import gradflow as gf
from gradflow.errors import PrecisionError
from gradflow.proofs import Loss
from gradflow.proofs.certified.gradient import elementary, whole
from gradflow.proofs.certified.program.sums import with_maps
from gradflow.proofs.certified.theorem.claim import gradient_claim
from gradflow.proofs.claims import evidence
from proofs.function_cells import (
    ATTENDING,
    CELLS,
    DECAYING,
    LN_LSTM,
    LN_RNN,
    POWERS,
    SPHERE,
    TWO_SIZES,
    WRITTEN,
    with_loss,
)
from proofs.test_certified_gradient import TORCH, by_torch, torch_cells

COQ = pytest.mark.skipif(shutil.which("coqc") is None, reason="needs coq")
TRUE = {
    "exp": (mpmath.exp, mpmath.exp),
    "log": (mpmath.log, lambda x: 1 / x),
    "sqrt": (mpmath.sqrt, lambda x: 1 / (2 * mpmath.sqrt(x))),
    "inverse": (lambda x: 1 / x, lambda x: -1 / x**2),
}
BOTH_SIGNS = ("exp", "inverse")


@pytest.mark.parametrize("p", [64, 128, 333])
@pytest.mark.parametrize("name", elementary.FUNCTIONS)
def test_a_ball_holds_the_true_values_and_slopes(name, p):
    scale = whole.Scale(p, 8, p - 16)
    function, derivative = TRUE[name]
    rng = np.random.default_rng(p)
    drawn = np.exp(rng.uniform(-6, 4, 25)) * rng.choice([-1, 1], 25)
    with mpmath.workdps(160):
        one = mpmath.mpf(2) ** p
        for number in [1.0, 2.0, 0.5, *drawn]:
            if number < 0 and name not in BOTH_SIGNS:
                number = -number
            c = int(number * 2.0**40) << (p - 40)
            for r in (0, 1, 1 << (p // 2), 1 << (p - 14)):
                value = elementary.value(scale, name, (c, r))
                slope = elementary.slope(scale, name, (c, r), value)
                for x in (c - r, c, c + r):
                    assert abs(function(x / one) * one - value[0]) <= value[1]
                    true = derivative(x / one) * mpmath.mpf(2) ** scale.m
                    assert abs(true - slope[0]) <= slope[1]
                # as narrow as the slope says, but for what 2^-p itself is worth there
                steep = abs(derivative((c - r) / one)) + abs(derivative((c + r) / one))
                size = 1 + abs(function(c / one)) + abs(derivative(c / one))
                assert value[1] <= 1.1 * r * steep + 4 * p * size
        # planted: the check sees a unit more than there is
        middle, radius = elementary.value(scale, name, (one.__int__(), 0))
        assert abs(function(mpmath.mpf(1)) * one - (middle + radius + 2)) > radius


@pytest.mark.parametrize(
    ("name", "ball"),
    [
        ("inverse", (5, 5)),
        ("inverse", (-5, 6)),
        ("sqrt", (5, 5)),
        ("sqrt", (-9, 0)),
        ("sqrt", (0, 0)),
        ("log", (3, 3)),
        ("log", (0, 0)),
        ("log", (2**64, 2**63)),
        ("exp", (0, 2**64)),
    ],
)
def test_a_ball_too_wide_for_a_function_is_refused(name, ball):
    with pytest.raises(whole.UndecidedError):
        elementary.value(whole.Scale(64, 8, 48), name, ball)


@pytest.mark.parametrize("cell", CELLS, ids=lambda cell: cell.name)
def test_the_gradient_against_autograd(cell):
    run, loss = with_loss(cell)
    found = gf.certify(run, loss)
    by_state, by_array = by_torch(run, loss, torch_cells.read_by_python(cell))
    low, high = np.exp(found.lower)[::-1], np.exp(found.upper)[::-1]
    for k, value in enumerate(by_state):
        assert low[k] * (1 - TORCH) <= value <= high[k] * (1 + TORCH)
        assert high[k] - low[k] <= 1.1e-6 * high[k]
    # planted: a step of other equations has another gradient
    other = torch_cells.read_by_python(cell)
    moved, _ = by_torch(run, loss, lambda p, s, x, t: other(p, s, x, t) * 1.001)
    assert not low[0] * (1 - TORCH) <= moved[0] <= high[0] * (1 + TORCH)
    bounds = found.parameters()
    for name, value in by_array.items():
        least, most = np.exp(bounds[name])
        assert least * (1 - TORCH) <= value <= most * (1 + TORCH)


@pytest.mark.parametrize("cell", CELLS, ids=lambda cell: cell.name)
def test_what_is_stated_is_the_same_run_and_its_evidence_holds(cell):
    run, loss = with_loss(cell)
    other = with_maps(run)
    np.testing.assert_allclose(other.flat_states, run.flat_states, rtol=0, atol=1e-14)
    assert other.cell.declaration.define == ""
    claim = gradient_claim(gf.certify(run, loss, digits=3))
    assert claim.scope == ""
    assert claim.script is not None
    (data,) = claim.evidence
    assert evidence.check(data) == ""
    low, high = data["bounds"][1]["h"]
    data["bounds"][1]["h"] = [low + 1, high]
    assert "not in its bounds" in evidence.check(data)


def test_a_root_at_zero_is_said():
    cell = gf.Cell(name="root", state="h", equations="h_next = sqrt(h)")
    loss = Loss(kind="linear", weight=[1.0])
    found = gf.certify(gf.run(cell, {}, state=[4.0], steps=1), loss)
    assert found.lower[1] <= np.log(0.25) <= found.upper[1]
    with pytest.raises(PrecisionError, match="a quotient, a root or a logarithm at 0"):
        gf.certify(gf.run(cell, {}, state=[0.0], steps=1), loss)


@COQ
@pytest.mark.slow
@pytest.mark.parametrize(
    "cell",
    [LN_RNN, DECAYING, POWERS, SPHERE, ATTENDING, TWO_SIZES, *WRITTEN],
    ids=lambda cell: cell.name,
)
def test_coq_accepts_the_theorem_and_refuses_a_moved_bound(cell):
    run, loss = with_loss(cell, hidden=2, steps=3)
    claim = gradient_claim(gf.certify(run, loss, digits=3), arrays=True)
    assert claim.verdict == ("PROVED", "")
    low, high = claim.evidence[0]["bounds"][0]["h"]
    for other in (f"({low + 1}, {high})", f"({low}, {high - 1})"):
        text = claim.script.statement.replace(f"({low}, {high})", other)
        assert text != claim.script.statement
        moved = replace(claim, script=replace(claim.script, statement=text))
        assert moved.level == "not proved (script)"


@COQ
@pytest.mark.slow
def test_coq_accepts_a_layer_normalised_lstm():
    run, loss = with_loss(LN_LSTM, hidden=2, steps=2)
    claim = gradient_claim(gf.certify(run, loss, digits=3))
    assert claim.verdict == ("PROVED", "")
