"""Running a cell: shapes, batches, continuation of parts, and what is refused."""

import numpy as np
import pytest

import gradflow as gf
from gradflow.errors import UsageError


def small(name, seed=0):
    """A cell with rectangular sizes, non-symmetric weights and random biases."""
    cell = gf.cells.get(name)
    rng = np.random.default_rng(seed)
    given = {"hidden": 5, "input": 3, "context": 4}
    sizes = {("inputs" if s == "input" else s): given[s] for s in cell.sizes}
    params = cell.init(rng=rng, **sizes)
    for key in cell.parameters:
        params[key] = params[key] + 0.2 * rng.standard_normal(params[key].shape)
    x = rng.standard_normal((12, 3)) if cell.input_names else None
    return cell, params, x


@pytest.mark.parametrize("name", gf.cells.LIBRARY)
def test_a_run_repeats_the_step_and_its_jacobians_are_the_codes(name):
    cell, params, x = small(name)
    code = gf.compile(cell)
    run = gf.run(cell, params, x, steps=12)
    state = run.flat_states[0]
    for k in range(12):
        now = None if x is None else x[k]
        jacobian = code.jacobian(params, state, now, k + 1)
        # The whole trajectory at once may sum a matrix product in another order: a few ulp.
        np.testing.assert_allclose(run.jacobian(k + 1), jacobian, rtol=1e-13, atol=1e-15)
        state = code.step(params, state, now, k + 1)
        # products with the input are taken for all steps at once: a few ulp, fed on for 12 steps
        np.testing.assert_allclose(run.flat_states[k + 1], state, rtol=1e-13, atol=1e-14)
    assert list(run.states) == list(cell.states)
    stacked = np.concatenate(list(run.states.values()), axis=-1)
    np.testing.assert_array_equal(stacked, run.flat_states)


@pytest.mark.parametrize("name", gf.cells.LIBRARY)
def test_a_batch_is_its_sequences_side_by_side(name):
    cell, params, x = small(name)
    rng = np.random.default_rng(1)
    starts = rng.standard_normal((2, 4, gf.run(cell, params, x, steps=12).width))
    batch_x = None if x is None else rng.standard_normal((2, 4, 12, 3))
    batch = gf.run(cell, params, batch_x, starts, steps=12)
    row = rng.standard_normal(batch.width)
    decay = batch.gradient_decay(row)
    assert batch.flat_states.shape == (2, 4, 13, batch.width)
    assert decay.log_norm.shape == (2, 4, 13)
    for index in ((0, 0), (1, 2)):
        one = gf.run(cell, params, None if x is None else batch_x[index], starts[index], steps=12)
        np.testing.assert_allclose(one.flat_states, batch.flat_states[index], rtol=1e-12)
        alone = one.gradient_decay(row).log_norm
        np.testing.assert_allclose(alone, decay.log_norm[index], rtol=1e-10, atol=1e-12)


def test_the_clock_counts_steps_from_one():
    cell, params, x = small("clockwork")
    params["period"] = np.array([1.0, 2.0, 3.0, 4.0, 12.0])
    run = gf.run(cell, params, x)
    moved = np.abs(np.diff(run.states["h"], axis=0)) > 0
    for unit, period in enumerate(params["period"]):
        ticks = [t for t in range(1, 13) if t % period == 0]
        assert np.flatnonzero(moved[:, unit]).tolist() == [t - 1 for t in ticks]


def test_a_state_may_be_given_by_part():
    cell, params, x = small("scrn")
    parts = {"s": np.arange(4.0), "h": -np.arange(5.0)}
    run = gf.run(cell, params, x, parts)
    np.testing.assert_array_equal(run.states["s"][0], parts["s"])
    np.testing.assert_array_equal(run.states["h"][0], parts["h"])


def test_chunks_are_the_jacobians_in_order(monkeypatch):
    import gradflow.spectra.linearised as module

    cell, params, x = small("lstm")
    run = gf.run(cell, params, x)
    monkeypatch.setattr(module, "_CHUNK_BYTES", 5 * 8 * run.width**2)
    chunks = list(run.chunks())
    assert [len(c) for c in chunks] == [5, 5, 2]
    np.testing.assert_allclose(np.concatenate(chunks), run.jacobians(), rtol=1e-13, atol=1e-15)


def test_every_argument_that_names_a_step_counts_from_one():
    cell, params, x = small("lstm")
    run = gf.run(cell, params, x)
    all_steps, u = run.jacobians(), np.random.default_rng(2).standard_normal((12, run.width))
    for k in range(12):
        assert np.array_equal(run.jacobian(k + 1), run.jacobians(k + 1))
        # one step at a time may sum a matrix product in another order: a few ulp
        np.testing.assert_allclose(run.jacobian(k + 1), all_steps[k], rtol=1e-13, atol=1e-15)
        np.testing.assert_allclose(run.vjp(u[k], k + 1), u[k] @ all_steps[k], atol=1e-13)
        np.testing.assert_allclose(
            np.poly(run.eigenvalues(k + 1)), np.poly(all_steps[k]), rtol=1e-9, atol=1e-12
        )
    some = (3, 12, 5)
    for t in (some, list(some), np.array(some), iter(some)):
        np.testing.assert_allclose(run.jacobians(t), all_steps[[2, 11, 4]], atol=1e-14)
    np.testing.assert_array_equal(run.jacobians(range(1, 13)), all_steps)
    np.testing.assert_allclose(
        run.jacobians(range(12, 2, -3)), all_steps[[11, 8, 5, 2]], atol=1e-14
    )
    assert run.jacobians(range(13, 13)).shape == (0, run.width, run.width)
    # linear, so the whole is the sum over any parting of the steps
    whole = run.parameter_vjp(u)
    first, rest = run.parameter_vjp(u[0], 1), run.parameter_vjp(u[1:], range(2, 13))
    for name, value in whole.items():
        np.testing.assert_allclose(first[name] + rest[name], value, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize(
    ("t", "says"),
    [
        (0, "t=0; this run has the steps 1 to 12"),
        (-1, "t=-1; this run"),
        (range(13), "t=0; this run"),
        (range(2, 14), "t=13; this run"),
        ([1, 40, 2], "t=40; this run"),
        (slice(0, 3), r"t is slice\(0, 3, None\); give .* range\(1, 13\), counted from 1"),
        (1.0, "t is 1.0; give a step number"),
        (True, "t is True; give"),
        ([1.5], "give a step number"),
        ([[1, 2]], "give a step number"),
        ([[1], [1, 2]], "give a step number"),
        ("3", "give a step number"),
    ],
)
def test_what_is_no_step_of_the_run_is_refused(t, says):
    cell, params, x = small("rnn")
    run = gf.run(cell, params, x)
    for call in (
        run.jacobians,
        run.eigenvalues,
        lambda t: run.vjp(np.ones(5), t),
        lambda t: run.parameter_vjp(np.ones(5), t),
    ):
        with pytest.raises(UsageError, match=says):
            call(t)


def test_one_trajectory_of_a_batch_is_that_sequence_alone():
    cell, params, x = small("gru")
    starts = np.random.default_rng(1).standard_normal((2, 3, 5))
    run = gf.run(cell, params, x, starts)
    one = run.one(1, 2)
    alone = gf.run(cell, params, x, starts[1, 2])
    np.testing.assert_allclose(one.flat_states, alone.flat_states, rtol=1e-12, atol=1e-14)
    np.testing.assert_array_equal(one.inputs["x"], x)
    np.testing.assert_allclose(one.jacobians(), run.jacobians()[1, 2], rtol=1e-12, atol=1e-14)
    assert (run.batch, one.batch) == ((2, 3), ())
    with pytest.raises(UsageError, match=r"1 indices are given; the run has batch axes \(2, 3\)"):
        run.one(1)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda p, x: (p, x[:0]), "0 steps; a run has at least one"),
        (lambda p, x: (p, x[:, :2]), r"input x has shape \(12, 2\).*needs 3 entries"),
        (lambda p, x: (p, x[0]), r"input x has shape \(3,\).*one row a step"),
        (lambda p, x: (p, None), "needs its input x"),
        (lambda p, x: (p, np.where(x == x[4, 1], np.nan, x)), r"x holds nan at index \(4, 1\)"),
        (lambda p, x: ({**p, "U_f": p["U_f"][:4]}, x), r"U_f has shape \(4, 5\); it needs"),
        (lambda p, x: ({**p, "b_f": p["b_f"] * np.inf}, x), "b_f holds -?inf at index"),
        (lambda p, x: ({k: v for k, v in p.items() if k != "U_g"}, x), "'U_g' is missing"),
        (lambda p, x: ({**p, "U_q": p["U_f"]}, x), "unknown parameter 'U_q'"),
        (lambda p, x: (p, {"y": x}), "inputs given do not match"),
        (lambda p, x: (p, [["a", "b", "c"]]), "x is no array of real numbers"),
    ],
)
def test_bad_arguments_get_one_sentence(change, says):
    cell, params, x = small("lstm")
    bad_params, bad_x = change(params, x)
    with pytest.raises(UsageError, match=says) as caught:
        gf.run(cell, bad_params, bad_x)
    assert "\n" not in str(caught.value)


def test_wrong_states_steps_and_parts_are_refused():
    cell, params, x = small("lstm")
    with pytest.raises(UsageError, match="last axis needs 10 entries"):
        gf.run(cell, params, x, np.zeros(9))
    with pytest.raises(UsageError, match="it needs h, c"):
        gf.run(cell, params, x, {"h": np.zeros(5)})
    with pytest.raises(UsageError, match="12 and 13 steps given"):
        gf.run(cell, params, x, steps=13)
    run = gf.run(cell, params, x)
    with pytest.raises(UsageError, match="t=13; this run has the steps 1 to 12"):
        run.jacobian(13)
    with pytest.raises(UsageError, match="part is 'q'; it must be one of"):
        run.lyapunov(part="q")
    with pytest.raises(UsageError, match="no state part 'q'"):
        run.gradient_decay({"q": np.zeros(5)})
    with pytest.raises(UsageError, match="batch axes"):
        list(gf.run(cell, params, np.stack([x, x])).chunks())


def test_spectra_of_products_of_a_batch_are_those_of_each():
    cell = gf.cells.lstm
    params = cell.init(hidden=3, inputs=2, rng=0)
    batch = gf.run(cell, params, np.random.default_rng(0).normal(size=(2, 2, 20, 2)))
    lags = [1, 20, 0]
    values, block = batch.singular_values(lags), batch.singular_values(lags, block=("c", "h"))
    roots = batch.product_eigenvalues(20)
    assert values.log_sigma.shape == (2, 2, 3, 6)
    assert block.log_sigma.shape == block.error.shape == (2, 2, 3, 3)
    assert roots.log_abs.shape == batch.eigenvalues(3).shape == (2, 2, 6)
    for index in np.ndindex(2, 2):
        one = batch.one(*index)
        # the batch makes its Jacobians together, to rounding; sweeps of 20 steps enlarge that
        for mine, its in (
            (values.log_sigma, one.singular_values(lags).log_sigma),
            (block.log_sigma, one.singular_values(lags, block=("c", "h")).log_sigma),
            (roots.log_abs, one.product_eigenvalues().log_abs),
        ):
            np.testing.assert_allclose(mine[index], its, rtol=0, atol=1e-9)


def test_a_state_that_explodes_is_said_at_which_step():
    cell = gf.cells.irnn
    params = cell.init(hidden=2, inputs=1, rng=0, U=1e200 * np.eye(2), W=np.ones((2, 1)))
    with pytest.raises(UsageError, match="stops being finite at step 3 of 5"):
        gf.run(cell, params, np.ones((5, 1)))


def test_batches_that_do_not_go_together_are_refused():
    cell, params, x = small("rnn")
    with pytest.raises(UsageError, match=r"leading axes \(2,\), \(3,\) do not go together"):
        gf.run(cell, params, np.stack([x, x, x]), np.zeros((2, 5)))


def test_a_decay_draws_itself():
    from matplotlib.figure import Figure

    cell, params, x = small("lstm")
    run = gf.run(cell, params, x)
    ax = Figure().subplots()
    assert run.gradient_decay(np.ones(10)).plot(ax) is ax
    assert len(ax.lines) >= 1
    other = Figure().subplots()
    assert run.paths(np.ones(10)).plot(other) is other
    third = Figure().subplots()
    assert run.singular_values([1, 12]).plot(third) is third
    fourth = Figure().subplots()
    assert run.lyapunov().plot(fourth) is fourth


def test_every_result_says_its_number_in_a_notebook():
    cell, params, x = small("lstm")
    run = gf.run(cell, params, x)
    decay, spectrum = run.decay(), run.lyapunov()
    end = decay.asymptote()
    rate = end.reason if end.rate is None else f"{end.rate:.4g} nats a step"
    assert f"half-life {decay.half_life():.4g} steps" in decay._repr_html_()
    assert rate in decay._repr_html_()
    assert f"{spectrum.exponents[0]:.4g}" in spectrum._repr_html_()
    assert "12 steps, units h: 5, c: 5" in run._repr_html_()
    values = run.singular_values([1, 12])
    assert f"{values.log_sigma[-1][0]:.4g}" in values._repr_html_()
    assert f"{run.product_eigenvalues().log_abs[0]:.4g}" in run.product_eigenvalues()._repr_html_()
    paths = run.paths(np.ones(10))
    assert f"carousel {100 * paths.share()['carousel'][-1]:.3g} %" in paths._repr_html_()
    gradient = run.parameter_gradient(np.ones(10))
    assert f"b_f {np.linalg.norm(gradient.total['b_f']):.4g}" in gradient._repr_html_()
