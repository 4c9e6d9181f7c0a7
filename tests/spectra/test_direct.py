"""Many short products at once: formed where their own bound allows, against exact whole numbers."""

import time

import numpy as np
import pytest

from gradflow.spectra.decay.decay import product_decay
from gradflow.spectra.products import direct, eigenvalues, singular_values
from oracles.hostile import (
    KINDS,
    exact_log_eigenvalues,
    exact_log_singular_values,
    hostile,
    wrong_by_more,
)

DOUBT = 1e-7


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_called_good_is(kind):
    """Each kind in eight products of 1 to 12 steps, 1 to 6 units."""
    rng, good = np.random.default_rng(len(kind)), 0
    for steps in (1, 2, 3, 12):
        for d in (2, 3, 6):
            batch = np.array([hostile(kind, d, steps, rng) for _ in range(2)])
            with np.errstate(all="ignore"):
                fine, logs, error = direct.singular_values_formed(batch, DOUBT)
                sure, log_abs, _, off = direct.eigenvalues_formed(batch, DOUBT / 10)
            good += fine.sum() + sure.sum()
            for n in np.flatnonzero(fine):
                assert wrong_by_more(logs[n], error[n], exact_log_singular_values(batch[n])) == 0
            for n in np.flatnonzero(sure):
                order = np.argsort(-log_abs[n], kind="stable")
                exact = exact_log_eigenvalues(batch[n])[0]
                assert wrong_by_more(log_abs[n][order], off[n][order], exact) == 0
    assert good > 20 or kind not in ("gauss", "orthogonal", "rnn run", "permutation")


def test_a_bound_that_forgets_the_later_steps_is_found_out(monkeypatch):
    # growth that turns round: what is rounded at its height is as large as the small value
    up, down = np.diag([1e9, 1.0]), np.diag([1e-9, 1.0])
    mixed = np.linalg.qr(np.random.default_rng(0).normal(size=(2, 2, 2)))[0]
    steps = np.array([[mixed[0] @ up, mixed[1], down @ mixed[0].T @ mixed[1].T]] * 3)
    exact = [exact_log_singular_values(each) for each in steps]
    _, logs, error = direct.singular_values_formed(steps, DOUBT)
    assert all(wrong_by_more(a, e, x) == 0 for a, e, x in zip(logs, error, exact, strict=True))
    product = steps[:, 2] @ steps[:, 1] @ steps[:, 0]
    monkeypatch.setattr(direct, "formed", lambda s: (product, np.full(3, 1e-18)))
    _, logs, error = direct.singular_values_formed(steps, DOUBT)
    assert all(wrong_by_more(a, e, x) > 0 for a, e, x in zip(logs, error, exact, strict=True))


def test_thousands_of_small_products_are_formed(monkeypatch):
    slow = {"values": 0, "roots": 0}
    for module, name in ((singular_values, "values"), (eigenvalues, "roots")):

        def counted(*args, of=module._of_one, name=name):
            slow[name] += 1
            return of(*args)

        monkeypatch.setattr(module, "_of_one", counted)
    batch = np.random.default_rng(0).normal(size=(4000, 3, 6, 6))
    start = time.process_time()
    found = singular_values.singular_values(batch, [3])
    roots = eigenvalues.product_eigenvalues(batch)
    # a sweep for each would take some 4000 x 2 ms, NumPy alone takes 0.03 s
    assert time.process_time() - start < 4
    assert slow["values"] < 40
    assert slow["roots"] < 80
    assert (found.error <= DOUBT * np.maximum(1, np.abs(found.log_sigma))).all()
    assert roots.error.max() < DOUBT
    for n in range(0, 4000, 500):
        exact = exact_log_singular_values(batch[n])
        assert wrong_by_more(found.log_sigma[n, 0], found.error[n, 0], exact) == 0
        exact, _ = exact_log_eigenvalues(batch[n])
        assert wrong_by_more(roots.log_abs[n], roots.error[n], exact) == 0


def test_no_product_at_all_says_so():
    none = np.ones((2, 0, 3, 2, 2))
    asked = singular_values.singular_values, eigenvalues.product_eigenvalues, product_decay
    for found in (each(none) for each in asked):
        assert "(2, 0, " in repr(found)
        assert "no trajectory" in found._repr_html_()


def test_zeros_that_the_steps_show_are_exact():
    rng = np.random.default_rng(0)
    steps = rng.normal(size=(50, 3, 4, 4)) * rng.integers(0, 2, size=(50, 3, 4, 1))
    with np.errstate(all="ignore"):
        good, logs, error = direct.singular_values_formed(steps, DOUBT)
    zero = logs == -np.inf
    assert (good & zero.any(axis=1)).sum() > 10
    for n in np.flatnonzero(good):
        exact = exact_log_singular_values(steps[n])
        np.testing.assert_array_equal(zero[n], exact == -np.inf)
        assert (error[n][zero[n]] == 0).all()


def test_zeros_of_cancellation_are_left_to_longer_arithmetic():
    steps = np.array([[[[1.0, 1.0], [1.0, 1.0]], [[1.0, -1.0], [2.0, -2.0]]]])
    with np.errstate(all="ignore"):
        good, logs, _ = direct.singular_values_formed(steps, DOUBT)
    assert not good.any() or np.isfinite(logs).all()
    found = singular_values.singular_values(steps[0], [2])
    assert (found.log_sigma == -np.inf).all()
    assert (found.error == 0).all()
