"""The theorems of the library: no instance breaks one, sharp ones are attained, false ones fall."""

from fractions import Fraction as Q

import numpy as np
import pytest

import gradflow as gf
from gradflow.cells.language.syntax import symbol
from gradflow.errors import UsageError
from gradflow.proofs.algebra.polynomial import variable
from gradflow.proofs.bounding.facts import Facts
from gradflow.proofs.bounding.forget_bias import forget_bias_for, gate_below
from gradflow.proofs.bounding.step import facts_of
from gradflow.proofs.claims import evidence
from gradflow.proofs.claims.refute import attack, certify_bound
from gradflow.proofs.theorems import theorems
from gradflow.proofs.weights.values import values_along
from oracles.runs import product
from proofs.user_cells import leaky

QUICK, MANY = 60, 1000
COUNTS = [pytest.param(QUICK, id="quick"), pytest.param(MANY, id="many", marks=pytest.mark.slow)]
EPS = 1e-9


def norm(run):
    return float(np.linalg.norm(product(run), 2))


def spectral(matrix):
    return float(np.linalg.norm(matrix, 2))


def draw(name, rng, steps, scale, hidden=None, **choices):
    """A run of a library cell with random numbers everywhere, sizes 1 to 40."""
    cell = gf.cells.get(name)
    n = hidden or (int(rng.integers(1, 41)) if rng.random() < 0.1 else int(rng.integers(1, 7)))
    sizes = {"hidden": n, "input": 3, "context": max(1, n - 1)}
    params = cell.init(rng=rng, **{("inputs" if s == "input" else s): sizes[s] for s in cell.sizes})
    for key, array in params.items():
        if key in cell.parameters:
            width = np.sqrt(array.shape[-1]) if array.ndim == 2 else 1.0
            params[key] = scale * rng.standard_normal(array.shape) / width
    params.update({k: v(n) if callable(v) else v for k, v in choices.items()})
    x = scale * rng.standard_normal((steps, 3))
    units = sum(gf.compile(cell).part_sizes(params).values())
    return gf.run(cell, params, x, np.clip(scale * rng.standard_normal(units), -1, 1))


def draws(name, count, seed, **choices):
    rng = np.random.default_rng([seed, len(name)])
    for k in range(count):
        scale = [0.01, 0.3, 1.0, 20.0][k % 4]
        yield draw(name, rng, int(rng.integers(1, 15)), scale, **choices)


@pytest.mark.parametrize("count", COUNTS)
def test_irnn_identity(count):
    for run in draws("irnn", count, 1, U=np.eye):
        whole = product(run)
        assert np.array_equal(whole, np.diag(np.diag(whole)))
        assert set(np.diag(whole)) <= {0.0, 1.0}
        active = (run.states["h"][1:] > 0).all(0)
        assert np.array_equal(np.diag(whole), active.astype(float))


@pytest.mark.parametrize("count", COUNTS)
def test_irnn_near_the_identity(count):
    rng = np.random.default_rng(11)
    tightest = 0.0
    for k in range(count):
        n, size = int(rng.integers(1, 9)), float(rng.uniform(0, 0.5))
        step = rng.standard_normal((n, n))
        # an extreme: E = e I attains the upper bound, E = -e I the lower one
        step = [step, np.eye(n), -np.eye(n)][k % 3]
        step *= size / spectral(step)
        cell = gf.cells.get("irnn")
        params = cell.init(rng=rng, hidden=n, inputs=2, U=np.eye(n) + step, W=np.zeros((n, 2)))
        steps = int(rng.integers(1, 12))
        params["b"] = np.full(n, 1e3)
        run = gf.run(cell, params, np.zeros((steps, 2)), np.full(n, 1e4))
        if not (run.states["h"][1:] > 0).all():
            continue
        values = np.linalg.svd(product(run), compute_uv=False)
        assert values.max() <= (1 + size) ** steps * (1 + EPS)
        assert values.min() >= (1 - size) ** steps * (1 - EPS)
        tightest = max(tightest, values.max() / (1 + size) ** steps)
    assert tightest > 0.95


@pytest.mark.parametrize("count", COUNTS)
def test_scrn_context_decays_at_exactly_alpha(count):
    rng = np.random.default_rng(3)
    for run in draws("scrn", count, 3, alpha=lambda n: rng.uniform(0.1, 1.0, 1)):
        alpha = float(run.params["alpha"][0])
        rows = product(run)[run.parts["s"]]
        wanted = np.zeros_like(rows)
        wanted[:, run.parts["s"]] = alpha**run.steps * np.eye(rows.shape[0])
        assert rows == pytest.approx(wanted, rel=1e-12, abs=1e-300)
        eigenvalues = np.linalg.eigvals(run.jacobians()[0])
        block = np.linalg.eigvals(run.jacobians()[0][run.parts["h"], run.parts["h"]])
        both = np.sort_complex(np.concatenate([block, np.full(rows.shape[0], alpha)]))
        assert np.abs(np.sort_complex(eigenvalues) - both).max() < 1e-6 * max(1, abs(both).max())


@pytest.mark.parametrize("count", COUNTS)
def test_clockwork_few_factors_act(count):
    rng = np.random.default_rng(4)
    tightest = 0.0
    for k in range(count):
        period, n = int(rng.integers(1, 6)), int(rng.integers(1, 7))
        cell = gf.cells.get("clockwork")
        params = cell.init(rng=rng, hidden=n, inputs=2, period=float(period))
        turn = np.linalg.qr(rng.standard_normal((n, n)))[0]
        params["W_H"] = 1.3 * turn if k % 2 else rng.standard_normal((n, n))
        scale = 0.0 if k % 2 else 1.0  # at the state 0 every tanh' is 1
        steps = int(rng.integers(1, 15))
        run = gf.run(cell, params, scale * rng.standard_normal((steps, 2)), np.zeros(n))
        bound = spectral(params["W_H"]) ** (steps // period)
        assert norm(run) <= bound * (1 + EPS)
        tightest = max(tightest, norm(run) / bound)
        idle = [t for t in range(1, steps + 1) if t % period]
        for t in idle:
            assert np.array_equal(run.jacobian(t), np.eye(n))
    assert tightest > 0.95


@pytest.mark.parametrize("count", COUNTS)
def test_clockwork_modules(count):
    rng = np.random.default_rng(14)
    cell = gf.cells.get("clockwork")
    for _ in range(count):
        n = int(rng.integers(2, 9))
        periods = rng.choice([1.0, 2.0, 3.0, 5.0], n)
        params = cell.init(rng=rng, hidden=n, inputs=2, period=periods)
        params["W_H"] = rng.choice([0.3, 1.0, 2.0]) * rng.standard_normal((n, n))
        steps = int(rng.integers(1, 15))
        run = gf.run(cell, params, rng.standard_normal((steps, 2)), np.zeros(n))
        whole = product(run)
        for p in np.unique(periods):
            own, slower = periods == p, periods > p
            assert not whole[np.ix_(slower, own)].any()
            bound = spectral(params["W_H"][np.ix_(own, own)]) ** (steps // int(p))
            assert spectral(whole[np.ix_(own, own)]) <= bound * (1 + EPS)
        # the spectrum is the union of the modules' own
        blocks = [
            np.linalg.eigvals(whole[np.ix_(periods == p, periods == p)]) for p in np.unique(periods)
        ]
        assert np.prod(np.concatenate(blocks)) == pytest.approx(
            np.linalg.det(whole), rel=1e-6, abs=1e-9
        )


@pytest.mark.parametrize("count", COUNTS)
def test_lstm_gates_and_cell_state(count):
    for run in draws("lstm", count, 5):
        values = values_along(run)
        f = values["f"]
        # direct path: the product of dc'/dc with h held is the product of the gates
        direct = np.eye(f.shape[1])
        for j in run.jacobians():
            direct = j[run.parts["c"], run.parts["c"]] @ direct
        assert direct == pytest.approx(np.diag(np.prod(f, 0)), rel=1e-12, abs=1e-300)
        # forget bias
        n = f.shape[1]
        reach = np.linalg.norm(run.inputs["x"], axis=1).max()
        spread = spectral(run.params["U_f"]) * np.sqrt(n) + spectral(run.params["W_f"]) * reach
        floor = run.params["b_f"].min() - spread
        assert f.min() >= (1 / (1 + np.exp(-floor)) if floor > -700 else 0.0) * (1 - EPS)
        # bound of c
        top = f.max()
        if top < 1:
            limit = max(1 / (1 - top), np.abs(run.states["c"][0]).max())
            assert np.abs(run.states["c"]).max() <= limit * (1 + EPS)


@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize("name", ["gru", "gru_reset_after", "clockwork", "rnn"])
def test_the_state_stays_in_its_box(name, count):
    for run in draws(name, count, 6):
        assert np.abs(run.states["h"]).max() <= 1


@pytest.mark.parametrize("count", COUNTS)
def test_rnn_bound_and_its_sharpness(count):
    tightest = 0.0
    for run in draws("rnn", count, 7):
        bound = spectral(run.params["U"]) ** run.steps
        assert norm(run) <= bound * (1 + EPS)
    for run in draws("rnn", 12, 8, U=lambda n: 0.9 * np.eye(n)):
        still = gf.run(run.cell, {**run.params, "b": np.zeros(run.width)}, np.zeros((run.steps, 3)))
        tightest = max(tightest, norm(still) / 0.9**still.steps)
    assert tightest == pytest.approx(1, rel=1e-12)


def test_the_cone_is_within_five_percent_where_the_maps_are_small():
    cell = gf.cells.get("lstm")
    small = {"recurrent": 1e-7, "input_maps": 0.0}
    params = cell.init(rng=0, hidden=8, inputs=3, forget_bias=6.0, **small)
    margin = gf.prove(cell, params)["lstm.lower"].margin
    assert margin.bound > 0.5
    assert margin.tightness > 0.95
    gru = gf.cells.get("gru")
    params = gru.init(rng=0, hidden=8, inputs=3, forget_bias=9.0, **small)
    assert gf.prove(gru, params)["gru.lower"].margin.tightness > 0.95


def test_the_tightness_of_every_measured_theorem_is_at_most_one():
    rows = []
    for name in gf.cells.names():
        cell = gf.cells.get(name)
        given = {"hidden": 6, "input": 3, "context": 4}
        sizes = {("inputs" if s == "input" else s): given[s] for s in cell.sizes}
        for claim in gf.prove(cell, cell.init(rng=1, **sizes)):
            if claim.margin and claim.margin.tightness is not None:
                assert claim.margin.holds, claim.name
                rows.append((claim.name, claim.margin.tightness))
    assert {n for n, _ in rows} >= {"rnn.upper", "scalar.upper", "scalar.lower", "irnn.upper"}
    assert dict(rows)["scalar.upper"] == pytest.approx(1)


def test_powers_are_those_of_exact_arithmetic():
    for claim in theorems(gf.cells.get("scalar"))[2:]:
        (data,) = claim.evidence
        value = data["factor"] * Q(data["base"]) ** data["exponent"]
        assert Q(data["low"]) / 10**12 <= value <= Q(data["high"]) / 10**12
        assert evidence.check(data) == ""
        assert "does not lie" in evidence.check(
            {**data, "low": str(int(data["low"]) + 2), "high": str(int(data["high"]) + 2)}
        )
        assert "neighbours" in evidence.check({**data, "high": str(int(data["high"]) + 1)})


# false claims


def test_a_false_gate_bound_is_refused_with_a_counterexample():
    facts = Facts(gf.cells.get("lstm"))
    i = symbol("i")
    with pytest.raises(UsageError, match=r"false at i = 1/2, where the value is 1/4"):
        certify_bound(facts, [i, 1 - i], Q(1, 5))
    upper, lower = certify_bound(facts, [i, 1 - i], Q(1, 4))
    assert upper.check()
    assert lower.check()


def test_the_lstm_without_a_bound_on_c_is_refused():
    facts = facts_of(gf.cells.get("lstm"))
    f, c = symbol("f"), symbol("c")
    with pytest.raises(UsageError, match=r"is false at c = -?\d+, f = 1/4"):
        certify_bound(facts, [c, f, 1 - f], Q(1, 4))
    new = symbol("c_next")
    with pytest.raises(UsageError, match="is false at"):
        certify_bound(facts, [new], Q(1))


def test_a_true_bound_without_a_certificate_is_not_claimed():
    facts = Facts(gf.cells.get("lstm"))
    i = symbol("i")
    steep = [i, 1 - i, 1 - 2 * i]
    with pytest.raises(UsageError, match="no certificate was found, and no counterexample"):
        certify_bound(facts, steep, Q(97, 1000))  # the supremum is 1/(6 sqrt 3) = 0.0962...


def test_the_spectral_radius_falls_to_an_attack():
    def radius(run):
        return float(np.abs(np.linalg.eigvals(run.params["U"])).max()) ** run.steps

    broken = attack(gf.cells.get("rnn"), radius, norm, "above")
    assert broken is not None
    assert broken.measured > broken.claimed
    assert "is claimed" in str(broken)


def test_the_irnn_without_the_active_set_falls_to_an_attack():
    def claimed(run):
        if run.params["U"].shape[0] != run.params["U"].shape[1]:
            return None
        size = spectral(run.params["U"] - np.eye(run.width))
        return (1 - size) ** run.steps if size < 1 else None

    def least(run):
        return float(np.linalg.svd(product(run), compute_uv=False).min())

    broken = attack(gf.cells.get("irnn"), claimed, least, "below")
    assert broken is not None

    def active(run):
        return claimed(run) if (run.states["h"][1:] > 0).all() else None

    assert attack(gf.cells.get("irnn"), active, least, "below") is None


def test_no_singular_value_of_the_lstm_vanishes_falls_to_an_attack():
    def least(run):
        return float(np.linalg.svd(product(run), compute_uv=False).min())

    def gates(run):
        return float(values_along(run)["f"].min()) ** run.steps

    assert attack(gf.cells.get("lstm"), gates, least, "below") is not None


def test_a_true_rate_survives_the_attack():
    def rate(run):
        return spectral(run.params["U"]) ** run.steps

    assert attack(gf.cells.get("rnn"), rate, norm, "above") is None

    def mixed(run):
        alpha = abs(float(run.params["alpha"][0]))
        one = abs(1 - float(run.params["alpha"][0]))
        return (one + alpha * spectral(run.params["U"])) ** run.steps

    assert attack(leaky, mixed, norm, "above") is None


# the forget bias


def test_the_forget_bias_keeps_what_it_promises():
    norms = {k: Q(1, 200) for k in ("U_i", "U_f", "U_o")} | {"U_g": Q(1, 1000), "W_f": Q(1, 10)}
    found = forget_bias_for(100, Q(1, 2), norms, 4, Q(2), Q(10))
    assert found.cone.fault() == ""
    assert found.cone.rate**100 >= Q(1, 2)
    rng = np.random.default_rng(0)
    cell = gf.cells.get("lstm")
    for _ in range(5):
        params = cell.init(rng=rng, hidden=4, inputs=3)
        for key, size in norms.items():
            array = rng.standard_normal(params[key].shape)
            params[key] = array * float(size) / spectral(array)
        params["b_f"] = np.full(4, float(found.bias))
        x = rng.standard_normal((100, 3))
        x *= 2 / np.linalg.norm(x, axis=1, keepdims=True)
        run = gf.run(cell, params, x)
        assert values_along(run)["f"].min() >= float(found.gate)
        if np.abs(run.states["c"]).max() <= 10:
            kept = np.linalg.svd(product(run)[run.parts["c"], run.parts["c"]], compute_uv=False)
            assert kept.min() >= 0.5
    smaller = forget_bias_for(50, Q(1, 2), norms, 4, Q(2), Q(10))
    assert smaller.bias < found.bias


def test_no_forget_bias_helps_against_large_maps():
    norms = {k: Q(1) for k in ("U_i", "U_f", "U_o", "U_g", "W_f")}
    assert forget_bias_for(10, Q(1, 2), norms, 4, Q(1), Q(10)) is None
    with pytest.raises(UsageError, match="it must lie between 0 and 1"):
        forget_bias_for(10, Q(2), norms, 4, Q(1), Q(10))


@pytest.mark.parametrize("y", [0, Q(1, 64), 1, Q(37, 8), 20, 64])
def test_gates_are_bounded_from_below(y):
    import mpmath

    with mpmath.workdps(60):
        true = 1 / (1 + mpmath.exp(-mpmath.mpf(Q(y).numerator) / Q(y).denominator))
        found = gate_below(Q(y))
        low = mpmath.mpf(found.numerator) / found.denominator
        assert low <= true
        assert low == pytest.approx(true, rel=1e-11)


def test_structure_not_strings():
    # a state part with the name that the program would give to the product U h
    cell = gf.Cell(
        name="names",
        state="U_h h",
        inputs="x",
        maps="U V W",
        equations="U_h_next = tanh(U @ h)\nh_next = tanh(V @ U_h + W @ x)",
    )
    facts = facts_of(cell)
    assert facts.polynomial(symbol("U_h")) == variable("value", "U_h")
    names = [s.target.name for s in cell.program]
    assert "U_h" not in names
    assert gf.proofs.bounds(cell).fault() == ""
