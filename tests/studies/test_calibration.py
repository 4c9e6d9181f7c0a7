"""The LSTM of which training was measured: what each remedy is said to do, against the remedied.

24 units on the adding problem over 120 steps, forget biases from -2 to 5 and chrono biases. What
was measured of four networks each is the median of log10 of the gradient at half of the steps over
that at lag 0: -26 for a forget bias of -2, -8.2, -3.3, -1.6 and -0.8 for 0, 1, 3 and 5, -0.7 for
chrono biases; and horizons of 4, 10, 30 and beyond the run.
"""

import math
from dataclasses import replace

import numpy as np
import pytest

import gradflow as gf

STEPS, NEED = 120, 60
BIASES = (-2.0, 0.0, 1.0, 3.0, 5.0)
MEASURED = {-2.0: -26.0, 0.0: -8.2, 1.0: -3.3, 3.0: -1.6, 5.0: -0.8}


@pytest.fixture(scope="module")
def adding():
    chance = np.random.default_rng(0)
    x = np.stack([chance.uniform(size=(4, STEPS)), np.zeros((4, STEPS))], axis=-1)
    for one in x:
        one[[chance.integers(0, NEED), chance.integers(NEED, STEPS)], 1] = 1.0
    return x, x.prod(axis=-1).sum(axis=-1)[:, None]


@pytest.fixture(scope="module")
def forgets(adding):
    return diagnosed(gf.stack("lstm", 1, hidden=24, inputs=2, rng=0, forget_bias=-2.0), adding)


def diagnosed(network, adding, **options):
    head = np.random.default_rng(1).normal(size=(1, 24)) / 5
    options = {"head": head, "targets": adding[1], "loss": "squared error", **options}
    return gf.diagnose(network, adding[0], need=NEED, **options)


@pytest.mark.slow
def test_each_remedy_is_what_the_remedied_network_has(forgets, adding):
    """The change is made anew here, by cell.init or by hand, and diagnosed from the start."""
    gradient = forgets.subject.losses.rows[:, 0, :24]
    tried = {one.name: one for one in forgets.remedies if not one.effect}
    for bias in (1.0, 3.0, 5.0):
        again = gf.stack("lstm", 1, hidden=24, inputs=2, rng=0, forget_bias=bias)
        one = tried[f"forget bias {bias:g}"]
        for name, array in again.layers[0].params.items():
            np.testing.assert_array_equal(one.network.layers[0].params[name], array)
    for one in tried.values():
        again = diagnosed(
            one.network, adding, head=None, targets=None, loss=lambda h: gradient
        ).reach
        for end in ("median", "low", "high"):
            told, wanted = (getattr(r.log10_left, end) for r in (one, again))
            assert told == pytest.approx(wanted, abs=1e-11)
        assert one.directions == again.directions
        run = one.network.run(adding[0][0])
        product = np.linalg.multi_dot(list(run.jacobians(range(NEED + 1, STEPS + 1))[::-1]))
        directions = int((np.linalg.svd(product, compute_uv=False) > 0.01).sum())
        assert one.directions.low <= directions <= one.directions.high
    chrono = tried[f"chrono biases for {NEED} steps"].network.layers[0].params
    assert (chrono["b_i"] == -chrono["b_f"]).all()
    assert 0.0 <= chrono["b_f"].min() < chrono["b_f"].max() <= math.log(NEED - 1)


@pytest.mark.slow
def test_forget_biases_have_the_reach_that_was_measured(adding):
    """Within half of a power of ten a bias unit: these are other draws of the same kind."""
    lefts, horizons = [], []
    for bias in BIASES:
        found = [
            diagnosed(
                gf.stack("lstm", 1, hidden=24, inputs=2, rng=seed, forget_bias=bias), adding
            ).reach
            for seed in range(3)
        ]
        lefts.append(float(np.median([one.log10_left.median for one in found])))
        horizons.append(float(np.median([one.loss_horizon.median for one in found])))
        assert lefts[-1] == pytest.approx(MEASURED[bias], abs=0.5 + 0.1 * abs(MEASURED[bias]))
    assert lefts == sorted(lefts)
    assert horizons[0] in (4, 5)
    assert horizons[1] in (9, 10, 11)
    assert 20 <= horizons[2] <= 40
    assert horizons[4] == math.inf


def test_where_nothing_is_wrong_nothing_is_computed():
    network = gf.stack("lstm", 1, hidden=6, inputs=2, rng=0, forget_bias=5.0)
    found = gf.diagnose(network, np.zeros((2, 12, 2)), need=8)
    assert found.good
    assert found.remedies == ()
    assert replace(found, good=False).remedies
