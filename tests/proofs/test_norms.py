"""Norm bounds of any cell: never violated by a run, attained where they can be."""

from dataclasses import replace
from fractions import Fraction as Q

import numpy as np
import pytest

import gradflow as gf
from gradflow.errors import InputError, UsageError
from gradflow.proofs.algebra.wording import text
from gradflow.proofs.bounding.carousels import carousel
from gradflow.proofs.bounding.cone import Cone, best_cone
from gradflow.proofs.bounding.norms import step_from_json
from gradflow.proofs.bounding.step import bounds
from gradflow.proofs.weights.values import measure
from proofs.user_cells import USER_CELLS, antisymmetric, coupled_lstm, leaky

CELLS = [gf.cells.get(name) for name in gf.cells.names()] + list(USER_CELLS)
EPS = 1e-10  # relative rounding of a product of a few dozen float64 matrices


def random_run(cell, rng, steps=8, scale=1.0, hidden=5):
    given = {"hidden": hidden, "input": 3, "context": max(1, hidden - 1)}
    sizes = {("inputs" if s == "input" else s): given[s] for s in cell.sizes}
    extra = {"A": np.zeros((hidden, hidden))} if cell.name == "antisymmetric" else {}
    params = cell.init(rng=rng, **sizes, **extra)
    for name, array in params.items():
        if array.ndim == 2:
            params[name] = scale * rng.standard_normal(array.shape) / np.sqrt(array.shape[-1])
        elif name in cell.parameters:
            params[name] = array + scale * rng.standard_normal(array.shape)
    if cell.name == "antisymmetric":
        params["A"] = params["A"] - params["A"].T
    x = scale * rng.standard_normal((steps, 3)) if cell.input_names else None
    units = sum(gf.compile(cell).part_sizes(params, np.ones(1) if x is None else None).values())
    state = np.clip(scale * rng.standard_normal(units), -1, 1)
    return gf.run(cell, params, x, state, steps=steps)


def product(jacobians):
    total = np.eye(jacobians.shape[-1])
    for j in jacobians:
        total = j @ total
    return total


def check_instance(cell, run):
    jacobians = run.jacobians()
    bound = bounds(cell)
    values = measure(bound.variables, bound.expressions, run)
    steps = [np.linalg.norm(j, 2) for j in jacobians]
    assert max(steps) <= bound.number(values) * (1 + EPS)
    whole = product(jacobians)
    assert np.linalg.norm(whole, 2) <= bound.number(values, len(jacobians)) * (1 + EPS)
    found = carousel(cell)
    if not found:
        return None
    values = measure(found.variables, found.expressions, run)
    cone = found.cone({v: Q(x) for v, x in values.items()})
    if cone is None:
        return None
    block = whole[run.parts[found.part], run.parts[found.part]]
    if len(cell.states) == 1:
        block = whole
    kept = np.linalg.svd(block, compute_uv=False).min()
    floor = float(cone.rate) ** len(jacobians)
    assert kept >= floor * (1 - EPS) - 1e-300
    return floor / kept if kept else None


def sound(cell, count, seed):
    rng = np.random.default_rng([seed, len(cell.name)])
    ratios = []
    for k in range(count):
        scale = [0.01, 0.1, 1.0, 8.0][k % 4]
        hidden = int(rng.integers(1, 41)) if k % 10 == 0 else int(rng.integers(1, 7))
        run = random_run(cell, rng, int(rng.integers(1, 12)), scale, hidden)
        ratios.append(check_instance(cell, run))
    return [r for r in ratios if r is not None]


@pytest.mark.parametrize("cell", CELLS, ids=lambda c: c.name)
def test_no_random_instance_breaks_a_bound(cell):
    ratios = sound(cell, 40, 0)
    if carousel(cell):
        assert ratios
        assert max(ratios) <= 1 + EPS


@pytest.mark.slow
@pytest.mark.parametrize("cell", CELLS, ids=lambda c: c.name)
def test_no_random_instance_of_a_thousand_breaks_a_bound(cell):
    sound(cell, 1000, 1)


STATED = {
    "rnn": "|U|",
    "irnn": "|U|",
    "scalar": "sup|w|",
    "gru": "1 + |U_g| + 1/2 |U_z| + 1/4 |U_g| |U_r|",
    "leaky": "sup|1 - alpha| + |U| sup|alpha|",
    "antisymmetric": "1 + |A| sup|eps| + sup|eps| sup|gamma|",
}


@pytest.mark.parametrize("name", STATED)
def test_the_automatic_bound_reads_as_a_person_would_write_it(name):
    cell = next(c for c in CELLS if c.name == name)
    assert text(bounds(cell).bound) == STATED[name]


def test_lstm_blocks_and_condition():
    bound = bounds(gf.cells.get("lstm"))
    assert bound["c", "c"].statement() == "|dc'/dc| <= 1"
    assert text(bound["c", "h"].bound) == "|U_g| + 1/4 |U_i| + 1/4 |U_f| sup|c|"
    found = carousel(gf.cells.get("lstm"))
    assert (text(found.kept), text(found.g)) == ("min f", "1")
    assert text(found.b) == "|U_g| + 1/4 |U_i| + |U_f| (1 - min f) sup|c|"
    assert carousel(coupled_lstm).part == "c"
    assert carousel(gf.cells.get("rnn")) is None
    assert text(carousel(leaky).kept) == "min 1 - alpha - |U| sup|alpha|"
    assert text(carousel(antisymmetric).kept) == "1 - |A| sup|eps| - sup|eps| sup|gamma|"


def test_derivations_survive_a_round_trip_and_reject_changes():
    bound = bounds(gf.cells.get("lstm"))
    assert bound.fault() == ""
    data = bound.to_json()
    assert step_from_json(data).statement() == bound.statement()
    data["blocks"][0]["bound"] = data["blocks"][1]["bound"]
    with pytest.raises(InputError, match="another bound is stated"):
        step_from_json(data)
    data = bound.to_json()
    data["blocks"][0]["terms"][0]["maps"] = []
    with pytest.raises(InputError, match="another bound is stated"):
        step_from_json(data)


def test_a_missing_norm_is_named():
    with pytest.raises(UsageError, match=r"no value for \|U\|"):
        bounds(gf.cells.get("rnn")).number({})
    with pytest.raises(UsageError, match="no value for"):
        carousel(gf.cells.get("lstm")).cone({})


def test_degenerate_lags():
    bound = bounds(gf.cells.get("rnn"))
    assert bound.number({("norm", "U"): 0.5}, 0) == 1.0
    assert bound.number({("norm", "U"): 0.0}, 3) == 0.0
    assert bound.number({("norm", "U"): 0.5}, 3) == 0.125


def test_the_best_cone_is_a_cone_and_no_worse_kappa_does_better():
    rng = np.random.default_rng(5)
    exists = 0
    for _ in range(300):
        a, b, g, d = (
            Q(x).limit_denominator(1000) for x in rng.uniform(0, 1, 4) * [1, 0.4, 0.4, 0.4]
        )
        cone = best_cone(a, b, g, d)
        possible = float(a) >= float(d) + 2 * np.sqrt(float(b * g))
        assert (cone is not None) == possible
        if cone is None:
            continue
        exists += 1
        assert cone.fault() == ""
        best = ((a + d) + Q(np.sqrt(float((a - d) ** 2 - 4 * b * g)))) / 2 if b and g else a
        assert float(cone.rate) == pytest.approx(float(best), rel=1e-6)
        below = replace(cone, kappa=cone.kappa * Q(999, 1000))
        assert below.fault() or cone.kappa == 0
    assert exists > 50


@pytest.mark.parametrize(
    ("numbers", "rate"),
    [
        ((1, 0, 1, 0), 1),
        ((Q(1, 2), 0, 0, 0), Q(1, 2)),
        ((1, Q(1, 4), 1, 0), Q(1, 2)),
        ((0, 0, 0, 0), 0),
    ],
)
def test_cones_at_the_edge(numbers, rate):
    cone = best_cone(*map(Q, numbers))
    assert cone.fault() == ""
    assert cone.rate == rate


def test_a_cone_that_is_none_says_why():
    assert "negative" in Cone(a=Q(1), b=Q(2), g=Q(0), d=Q(0), kappa=Q(1)).fault()
    assert "is above" in Cone(a=Q(1), b=Q(0), g=Q(1), d=Q(0), kappa=Q(1, 2)).fault()
    assert "at least 0" in Cone(a=Q(1), b=Q(0), g=Q(1), d=Q(0), kappa=Q(-1)).fault()
    assert best_cone(Q(1), Q(1), Q(1), Q(0)) is None
