"""One block of a long product: against long arithmetic, and beside one that outgrows it."""

import math

import mpmath
import numpy as np
import pytest

import gradflow as gf
from gradflow.errors import UsageError

STEPS = 120


@pytest.fixture(scope="module")
def run():
    recurrent = 2 * np.random.default_rng(1).standard_normal((4, 4)) / 2
    params = gf.cells.lstm.init(hidden=4, inputs=2, rng=0, recurrent=recurrent)
    return gf.run("lstm", params, np.random.default_rng(0).standard_normal((STEPS, 2)))


def exact(run, block, lag):
    """Log singular values of the block of the product in 400 digits."""
    of, by = (run.parts[part] for part in block)
    with mpmath.workdps(400):
        product = mpmath.eye(run.width)
        for k in range(lag):
            product = product * mpmath.matrix(run.jacobian(run.steps - k).tolist())
        values = mpmath.svd_r(product[of.start : of.stop, by.start : by.stop], compute_uv=False)
        return np.array([float(mpmath.log(v)) for v in values])


@pytest.mark.parametrize("block", [("h", "h"), ("h", "c"), ("c", "h"), ("c", "c")])
def test_a_block_is_that_of_the_whole_product(run, block):
    decay = run.decay(block=block)
    lags = [1, 5, STEPS]
    values = run.singular_values(lags, block=block)
    assert values.log_sigma.shape == (3, 4)
    for i, lag in enumerate(lags):
        expected = exact(run, block, lag)
        # 120 products, and sweeps as accurate as those of the whole product
        assert decay.log_norm[lag] == pytest.approx(expected[0], abs=1e-11)
        np.testing.assert_allclose(values.log_sigma[i], expected, rtol=0, atol=1e-9)
    start = 0.0 if block[0] == block[1] else -math.inf
    assert decay.log_norm[0] == start
    assert run.singular_values([0], block=block).log_sigma.tolist() == [[start] * 4]
    assert f"block ({block[0]}, {block[1]})" in repr(decay)


def test_no_product_of_blocks(run):
    alone = np.eye(4)
    for step in run.jacobians():
        alone = step[:4, :4] @ alone
    block = run.decay(block=("h", "h")).log_norm[-1]
    assert abs(math.log(np.linalg.norm(alone, 2)) - block) > 1


def test_a_block_that_falls_beside_one_that_grows_is_not_lost():
    """c' = c/2 + h/10^10, h' = 3 h: dc/dc = 2^-900 beside dc/dh of about 3^900 / 10^10."""
    cell = gf.Cell(name="apart", state="h c", equations="h_next = 3 * h\nc_next = c/2 + 1e-10 * h")
    cells = gf.run(cell, {}, state={"h": [0.0], "c": [1.0]}, steps=900)
    both = gf.run(cell, {}, state={"h": np.zeros((2, 1)), "c": np.ones((2, 1))}, steps=900)
    grown = 900 * math.log(3)
    # dc/dh = 10^-10 (3^900 - 2^-900) / (3 - 1/2)
    expected = {
        ("c", "c"): -900 * math.log(2),
        ("h", "h"): grown,
        ("c", "h"): grown - 10 * math.log(10) - math.log(2.5),
        ("h", "c"): -math.inf,
    }
    for block, log in expected.items():
        assert cells.decay(block=block).log_norm[-1] == pytest.approx(log, rel=1e-12)
        assert both.decay(block=block).log_norm[1, -1] == pytest.approx(log, rel=1e-12)
    assert cells.decay(block=("h", "c")).rate() == -math.inf
    assert cells.decay(block=("c", "h")).rate() == pytest.approx(math.log(3), rel=1e-9)


def test_parts_that_are_none_are_refused(run):
    for block in ("c", "hc", ("h", "q"), ("h",)):
        for call in (run.decay, run.singular_values):
            with pytest.raises(UsageError, match="two state parts of h, c"):
                call(block=block)
    with pytest.raises(UsageError, match=f"from 0 to {STEPS}"):
        run.singular_values([STEPS + 1], block=("c", "c"))
