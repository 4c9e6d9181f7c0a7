"""Concrete weights: certified singular values, enclosed products, boxes of inputs."""

from fractions import Fraction as Q

import mpmath
import numpy as np
import pytest

import gradflow as gf
from gradflow.errors import PrecisionError, UsageError
from gradflow.proofs.algebra.integers import dyadic
from gradflow.proofs.claims import evidence
from gradflow.proofs.weights.boxes import box_bound
from gradflow.proofs.weights.concrete import concrete
from gradflow.proofs.weights.enclosing import enclose
from gradflow.proofs.weights.singular_values import sigma_max, sigma_min
from oracles.runs import product, random_run
from proofs.user_cells import USER_CELLS, coupled_lstm, leaky

MAX_SLACK = 1e-11  # the certificate's own slack of 1e-12 in the square, and rounding in NumPy's SVD


def exact_sigma(matrix):
    """Largest and smallest singular value by mpmath at 60 digits."""
    with mpmath.workdps(60):
        found = mpmath.svd_r(mpmath.matrix(matrix.tolist()), compute_uv=False)
        return Q(str(found[0])), Q(str(found[len(found) - 1]))


@pytest.mark.parametrize("shape", [(1, 1), (3, 2), (5, 5), (2, 4), (7, 3)])
@pytest.mark.parametrize("scale", [1e-9, 1.0, 1e7])
def test_certified_singular_values_enclose_those_of_high_precision(shape, scale):
    matrix = scale * np.random.default_rng(3).standard_normal(shape)
    top, bottom = exact_sigma(matrix)
    above, below = sigma_max(matrix), sigma_min(matrix)
    assert above.fault() == below.fault() == ""
    assert top <= above.bound <= top * Q(1 + MAX_SLACK)
    if shape[0] >= shape[1]:
        condition = float(top / bottom)
        assert bottom * (1 - Q(1e-11 * condition**2)) <= below.bound <= bottom
    else:
        assert below.bound == 0


@pytest.mark.parametrize(
    ("matrix", "top", "bottom"),
    [
        (np.eye(4), 1, 1),
        (np.zeros((3, 3)), 0, 0),
        (np.ones((3, 3)), 3, 0),
        ([[2, -2], [2, -2]], 4, 0),
    ],
)
def test_degenerate_matrices(matrix, top, bottom):
    above, below = sigma_max(matrix), sigma_min(matrix)
    assert 0 <= float(above.bound) - top <= 1e-6
    assert 0 <= bottom - float(below.bound) <= 1e-6
    assert above.fault() == below.fault() == ""


def test_false_singular_bounds_are_rejected():
    matrix = np.random.default_rng(0).standard_normal((4, 4))
    for found, factor in ((sigma_max(matrix), Q(99, 100)), (sigma_min(matrix), Q(101, 100))):
        data = {**found.evidence, "bound": str(found.bound * factor)}
        assert "does not follow" in evidence.check(data)
        swapped = {**found.evidence, "side": "min" if found.side == "max" else "max"}
        assert evidence.check(swapped)
    data = sigma_max(matrix).evidence
    rows = [list(r) for r in data["matrix"]]
    rows[0][0] *= 3
    assert evidence.check({**data, "matrix": rows})
    assert evidence.check({**data, "factor": [[1.5] * 4] * 4})
    assert evidence.check({**data, "shift": -1})


def test_dyadic_numbers_are_exact():
    rows, shift = dyadic([[0.1, -3.0], [2.0**-40, 1e10]])
    assert [[Q(x, 2**shift) for x in r] for r in rows] == [
        [Q(0.1), Q(-3)],
        [Q(1, 2**40), Q(10**10)],
    ]


@pytest.mark.parametrize("bad", [[1.0, 2.0], [[np.nan]], [[np.inf, 1.0]], np.zeros((0, 2))])
def test_what_is_no_finite_matrix_is_one_sentence(bad):
    with pytest.raises(UsageError, match="finite matrix is needed"):
        sigma_max(bad)


CERTIFIED = [gf.cells.get(n) for n in ("scalar", "rnn", "irnn", "gru", "clockwork", "scrn")]


@pytest.mark.parametrize("cell", [*CERTIFIED, coupled_lstm, leaky], ids=lambda c: c.name)
def test_a_network_gets_a_certified_rate_that_no_run_breaks(cell):
    rng = np.random.default_rng(7)
    given = {"hidden": 5, "input": 3, "context": 4}
    sizes = {("inputs" if s == "input" else s): given[s] for s in cell.sizes}
    params = cell.init(rng=rng, **sizes)
    claim = concrete(cell, params)
    assert claim.fault() == ""
    rate = float(Q(claim.evidence[0]["rate"]))
    for k in range(20):
        x = [0.1, 1.0, 10.0][k % 3] * rng.standard_normal((6, 3)) if cell.input_names else None
        width = {"scalar": 1, "scrn": 9}.get(cell.name, 5 * len(cell.states))
        start = np.clip(rng.standard_normal(width), -1, 1)
        run = gf.run(cell, params, x, start, steps=6)
        for column in product(run).T:
            parts = [np.linalg.norm(column[s]) for s in run.parts.values()]
            assert sum(parts) <= rate**6 * (1 + 1e-10)


def test_a_changed_rate_or_norm_is_rejected():
    cell = gf.cells.get("rnn")
    claim = concrete(cell, cell.init(rng=0, hidden=3, inputs=2))
    (data,) = claim.evidence
    assert "not the largest column sum" in evidence.check({**data, "rate": "1/10"})
    broken = {**data["singular"]["U"], "bound": "1/10"}
    assert "does not follow" in evidence.check({**data, "singular": {"U": broken}})
    assert "cannot be read" in evidence.check({**data, "singular": {}})


def test_weights_alone_do_not_bound_an_lstm():
    cell = gf.cells.get("lstm")
    assert concrete(cell, cell.init(rng=0, hidden=3, inputs=2)) is None


def test_a_contraction_is_said_to_vanish():
    cell = gf.cells.get("rnn")
    params = cell.init(rng=0, hidden=3, inputs=2, U=0.5 * np.eye(3))
    claims = gf.prove(cell, params)
    assert "every gradient vanishes" in claims["rnn.weights"].words
    assert claims["rnn.weights"].level == "CERTIFIED"


def exact_norm(run):
    """``|P(T, 0)|`` by the mpmath target and mpmath's SVD at 60 digits."""
    code = gf.compile(run.cell, "mpmath", digits=60)
    state = run.flat_states[0]
    with mpmath.workdps(60):
        whole = mpmath.eye(run.width)
        for k in range(run.steps):
            x = {n: a[k] for n, a in run.inputs.items()} or None
            step = code.jacobian(run.params, state, x, k + 1)
            whole = mpmath.matrix(step.tolist()) * whole
            state = code.step(run.params, state, x, k + 1)
        return Q(str(mpmath.svd_r(whole, compute_uv=False)[0]))


@pytest.mark.parametrize("name", gf.cells.names())
def test_the_enclosure_holds_the_value_of_high_precision(name):
    run, _ = random_run(name, 12)
    found = enclose(run)
    value = exact_norm(run)
    assert found.low * (1 - Q(1, 10**40)) <= value <= found.high * (1 + Q(1, 10**40))
    assert found.high - found.low <= found.high * Q(1, 10**9)
    assert "lies in [" in str(found)


def test_a_product_that_no_float_holds():
    cell = gf.cells.get("rnn")
    params = cell.init(rng=0, hidden=2, inputs=1, U=1e-3 * np.array([[1.0, 2.0], [0.5, -1.0]]))
    run = gf.run(cell, params, np.zeros((200, 1)))
    found = enclose(run)
    top = float(np.linalg.eigvals(params["U"]).real.max())
    assert 0 < found.high < Q(1, 10**500)
    size = float(found.high.denominator.bit_length() - found.high.numerator.bit_length())
    assert size * np.log10(2) == pytest.approx(-200 * np.log10(top), abs=1)


def test_a_unit_on_the_kink_is_refused(monkeypatch):
    monkeypatch.setattr("gradflow.proofs.weights.enclosing._LAST", 512)
    cell = gf.Cell(
        name="kinked",
        state="h",
        inputs="x",
        maps="U V W",
        equations="h_next = relu(tanh(U @ h) - tanh(V @ h) + W @ x)",
    )
    same = np.array([[0.1, 0.2], [0.3, -0.7]])
    params = {"U": same, "V": same, "W": np.zeros((2, 1))}
    run = gf.run(cell, params, np.zeros((2, 1)), np.array([0.3, 0.4]))
    with pytest.raises(PrecisionError, match="kink of relu"):
        enclose(run)


@pytest.mark.parametrize("name", [n for n in gf.cells.names() if n != "scalar"])
@pytest.mark.parametrize("radius", [0.0, 1e-6, 1e-3])
def test_no_input_of_the_box_breaks_its_bound(name, radius):
    run, rng = random_run(name, 8)
    bound = box_bound(run, radius)
    if bound.high is None:
        assert "no useful bound" in str(bound)
        return
    x = run.inputs["x"]
    for _ in range(25):
        near = gf.run(
            run.cell, run.params, x + radius * rng.uniform(-1, 1, x.shape), run.flat_states[0]
        )
        value = np.linalg.norm(product(near), 2)
        assert value <= float(bound.high) * (1 + 1e-10)
        apart = np.linalg.norm(near.flat_states[-1] - run.flat_states[-1])
        assert bound.reached is None or apart <= float(bound.reached) * (1 + 1e-10) + 1e-12
        assert value >= float(bound.low) * (1 - 1e-10)
    if radius == 0:
        centre = enclose(run)
        assert centre.low <= bound.high <= centre.high * (1 + Q(1, 10**6))


@pytest.mark.parametrize("bias", [0.0, 1.0, 5.0])
def test_a_box_around_an_lstm_holds_its_corners_and_an_adversary(bias):
    cell = gf.cells.get("lstm")
    params = cell.init(rng=0, hidden=6, inputs=4, forget_bias=bias)
    rng = np.random.default_rng(1)
    x = np.eye(4)[rng.integers(0, 4, 30)]
    centre = gf.run(cell, params, x)
    radius = 1e-5
    bound = box_bound(centre, radius)
    middle = float(enclose(centre).low)
    assert middle * 0.9 < float(bound.low) < middle < float(bound.high) < middle * 1.1

    def value(signs):
        near = gf.run(cell, params, x + radius * signs)
        apart = np.linalg.norm(near.flat_states[-1] - centre.flat_states[-1])
        assert apart <= float(bound.reached) * (1 + 1e-10)
        return np.linalg.norm(product(near), 2)

    found = [value(rng.choice([-1.0, 1.0], x.shape)) for _ in range(40)]
    for way in (1, -1):  # one input after another goes to the corner that is worse
        signs = np.zeros_like(x)
        for t in rng.permutation(30)[:12]:
            tries = []
            for k in range(4):
                for sign in (-1.0, 1.0):
                    other = signs.copy()
                    other[t, k] = sign
                    tries.append((way * value(other), k, sign))
            _, k, sign = max(tries)
            signs[t, k] = sign
        found.append(value(signs))
    assert float(bound.low) <= min(found) < middle * (1 - 1e-6)
    assert middle * (1 + 1e-6) < max(found) <= float(bound.high)


@pytest.mark.parametrize("name", [n for n in gf.cells.names() if n != "scalar"])
def test_no_weights_of_the_box_break_its_bound(name):
    run, rng = random_run(name, 8)
    share, radius = 1e-5, 1e-6
    bound = box_bound(run, radius, weight_share=share)
    assert bound.high is None or bound.low <= bound.high
    x = run.inputs["x"]
    for k in range(25):
        moved = dict(run.params)
        for n in run.cell.parameters:
            array = np.asarray(run.params[n])
            signs = rng.uniform(-1, 1, array.shape)
            moved[n] = array * (1 + share * (np.sign(signs) if k % 2 else signs))
        near_x = x + radius * rng.uniform(-1, 1, x.shape)
        near = gf.run(run.cell, moved, near_x, run.flat_states[0])
        if bound.high is None:
            assert "no useful bound" in str(bound)
            continue
        apart = np.linalg.norm(near.flat_states[-1] - run.flat_states[-1])
        assert apart <= float(bound.reached) * (1 + 1e-10) + 1e-12
        value = np.linalg.norm(product(near), 2)
        assert float(bound.low) * (1 - 1e-10) <= value <= float(bound.high) * (1 + 1e-10)


def test_weights_ten_times_as_far_leave_the_box():
    params = gf.cells.lstm.init(rng=0, hidden=4, inputs=2, forget_bias=3.0)
    x = np.random.default_rng(0).standard_normal((40, 2))
    bound = box_bound(gf.run("lstm", params, x), 0.0, weight_share=2.0**-24)
    rounded = {n: np.float32(v).astype(float) for n, v in params.items()}

    def value(weights):
        return np.linalg.norm(product(gf.run("lstm", weights, x)), 2)

    assert float(bound.low) < value(rounded) < float(bound.high)
    assert value({**params, "b_f": params["b_f"] * (1 + 1e-3)}) > float(bound.high)


@pytest.mark.slow
@pytest.mark.parametrize("share", [0.0, 2.0**-24])
def test_ten_thousand_inputs_and_a_hundred_adversaries_stay_in_the_box(share):
    torch = pytest.importorskip("torch")
    from oracles import torch_cells

    cell, rng, steps, radius = gf.cells.lstm, np.random.default_rng(0), 20, 1e-4
    params = cell.init(rng=0, hidden=4, inputs=3, forget_bias=1.0)
    x = np.eye(3)[rng.integers(0, 3, steps)]
    bound = box_bound(gf.run(cell, params, x), radius, weight_share=share)
    low, high = float(bound.low), float(bound.high)
    step = torch_cells.step_of("lstm")
    weights = {k: torch.tensor(np.asarray(v)) for k, v in params.items()}

    def norms(inputs, own):
        state = torch.zeros(len(inputs), 8, dtype=torch.float64)
        columns = torch.eye(8, dtype=torch.float64).expand(len(inputs), 8, 8)
        one = torch.func.jacrev(lambda s, u: step(own, s, u, 1))
        for t in range(steps):
            columns = torch.func.vmap(one)(state, inputs[:, t]) @ columns
            state = torch.func.vmap(lambda s, u: step(own, s, u, 1))(state, inputs[:, t])
        return torch.linalg.matrix_norm(columns, 2)

    found = []
    for _ in range(20):
        own = {
            k: v * (1 + share * torch.tensor(rng.choice([-1.0, 1.0], v.shape)))
            for k, v in weights.items()
        }
        inputs = torch.tensor(x + radius * rng.uniform(-1, 1, (500, steps, 3)))
        found.append(norms(inputs, own).numpy())
    assert low <= np.min(found)
    assert np.max(found) <= high
    start = torch.tensor(x + radius * rng.choice([-1.0, 1.0], (50, steps, 3))).requires_grad_()
    own = {k: v.clone().requires_grad_() for k, v in weights.items()}
    norms(start, own).sum().backward()
    for way in (-1.0, 1.0):
        worst = torch.tensor(x) + way * radius * torch.sign(start.grad)
        moved = {k: v * (1 + way * share * torch.sign(own[k].grad * v)) for k, v in weights.items()}
        ends = norms(worst, moved).numpy()
        assert low <= ends.min() <= ends.max() <= high
        # they are worse than what chance finds, so that the bound is put to the test
        assert (way * (ends - np.mean(found))).min() > np.ptp(found) / 2
    # and the bound is no wider than a hundred times what they find
    assert high - low < 100 * np.ptp(ends - np.mean(found)) + 100 * np.ptp(found)


def test_boxes_of_a_contraction_stay_useful_and_others_say_so():
    cell = gf.cells.get("rnn")
    rng = np.random.default_rng(2)
    turn = np.linalg.qr(rng.standard_normal((6, 6)))[0]
    x = rng.standard_normal((60, 3))
    calm = gf.run(cell, cell.init(rng=0, hidden=6, inputs=3, U=0.8 * turn), x)
    wild = gf.run(cell, cell.init(rng=0, hidden=6, inputs=3, U=3.0 * turn), x)
    assert float(box_bound(calm, 0.1).high) <= 0.8**60 * (1 + 1e-6)
    assert "no useful bound" in str(box_bound(wild, 0.1))
    with pytest.raises(UsageError, match="at least 0"):
        box_bound(calm, -1.0)


@pytest.mark.parametrize("cell", USER_CELLS, ids=lambda c: c.name)
def test_a_cell_of_the_readers_own_is_enclosed(cell):
    extra = {"A": np.array([[0.0, 1.0], [-1.0, 0.0]])} if cell.name == "antisymmetric" else {}
    params = cell.init(rng=1, hidden=2, inputs=2, **extra)
    run = gf.run(cell, params, np.random.default_rng(0).standard_normal((5, 2)))
    found = enclose(run)
    value = exact_norm(run)
    assert found.low * (1 - Q(1, 10**40)) <= value <= found.high * (1 + Q(1, 10**40))
