"""The edge of eigenvalues, correlations of trajectories: against closed forms and networks."""

import math

import numpy as np
import pytest

import gradflow as gf
from ensembles.cells import ERF, NORMED
from gradflow.cells.initializers import gaussian
from gradflow.ensembles import bulk_edge, correlations
from gradflow.errors import UsageError

QUICK = {"populations": 2, "size": 256, "steps": 1, "tied": False}


def test_the_edge_of_diag_times_a_map_is_the_disc():
    for gain in (0.5, 2.0):
        theory = gf.mean_field("rnn", gains=gain, tied=False)
        assert bulk_edge(theory) == pytest.approx(math.exp(theory.bulk), rel=0.03)


def test_the_edge_at_a_state_of_zero():
    # a GRU at rest: z = r = 1/2, so the Jacobian is 1/2 + G g/4, and 1 is reached at g = 2
    edges = [bulk_edge(gf.mean_field("gru", gains=g, **QUICK)) for g in (1.0, 1.99)]
    assert edges == pytest.approx([0.5 + 0.25, 0.5 + 1.99 / 4], abs=1e-3)
    assert edges[0] != pytest.approx(1.001 * 0.75, abs=1e-4)
    assert bulk_edge(gf.mean_field("rnn", gains=0.0)) == pytest.approx(0, abs=1e-8)


@pytest.mark.slow
@pytest.mark.parametrize("tied", [True, False])
def test_the_edge_of_a_network(tied):
    """Weights that stay, or new ones at every step, as the theory says; the other one is off."""
    n, steps, maps = 150, 60, ("U_i", "U_f", "U_o", "U_g")
    edges = {
        kept: bulk_edge(gf.mean_field("lstm", gains=4.0, **(QUICK | {"tied": kept})))
        for kept in (True, False)
    }
    found = []
    for rng in np.random.default_rng(0).spawn(3):
        drawn = dict.fromkeys(maps, gaussian(4.0))
        params = gf.cells.lstm.init(hidden=n, inputs=1, rng=rng, **drawn)
        if not tied:
            params |= {m: 4 / math.sqrt(n) * rng.standard_normal((steps, n, n)) for m in maps}
        start = 0.5 * rng.standard_normal(2 * n)
        run = gf.run("lstm", params, np.zeros((steps, 1)), start, backend="numpy")
        found.append(np.abs(run.eigenvalues(steps)).max())
    assert np.mean(found) == pytest.approx(edges[tied], rel=0.08)
    assert np.mean(found) != pytest.approx(edges[not tied], rel=0.08)


def test_no_edge_of_masks_and_calls():
    with pytest.raises(UsageError, match="'W_H' of cell 'clockwork' is masked"):
        bulk_edge(gf.mean_field("clockwork", **QUICK))
    with pytest.raises(UsageError, match="mixes units"):
        bulk_edge(gf.mean_field(NORMED, **QUICK))


@pytest.mark.parametrize("gain", [0.8, 2.5])
def test_correlations_of_erf_in_closed_form(gain):
    theory = gf.mean_field(ERF, gains=gain, biases={"b": (0, 0.05)}, tied=False)
    found = correlations(theory, 0.6, 6, size=2000)
    q, c, exact = theory.moments["h"], 0.6, [0.6]
    for _ in range(6):
        a, both = gain**2 * q + 0.05, gain**2 * q * c + 0.05
        c = 2 / math.pi * math.asin(2 * both / (1 + 2 * a)) / q
        exact.append(c)
    np.testing.assert_allclose(found.mean["h"], exact, atol=0.03)
    assert found.mean["h"][0] == pytest.approx(0.6, abs=1e-12)
    assert (found.error["h"] < 0.1).all()


def test_identical_trajectories_stay_so():
    theory = gf.mean_field("gru", gains=2.0, inputs=1.0, **QUICK)
    found = correlations(theory, 1.0, 5, size=300, populations=2)
    np.testing.assert_allclose(found.mean["h"], 1.0, atol=1e-6)
    assert repr(found) == "<Correlations of gru over 5 steps: h 1 to 1>"
