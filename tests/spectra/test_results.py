"""Every result says its number on one line of a terminal, and is made by keywords if it is long."""

import doctest
import importlib
import re
from dataclasses import fields, is_dataclass

import numpy as np
import pytest

import gradflow as gf
from gradflow import spectra
from oracles.runs import random_run

BATCH = np.random.default_rng(0).standard_normal((3, 2, 40, 3))


def cell_and_params(name):
    run, _ = random_run(name, 40)
    return run.cell, run.params, run.inputs.get("x")


def batch():
    cell, params, _ = cell_and_params("lstm")
    return gf.run(cell, params, BATCH)


def surface():
    cell, params, x = cell_and_params("rnn")

    def loss(run):
        return spectra.cross_entropy(np.eye(5), run.states["h"][-1], 2)

    return spectra.error_surface(
        cell, params, loss, (("U", (0, 1)), [0.0, 1.0]), (("U", (1, 0)), [0.0, 0.5, 1.0]), x
    )


def parabola(points):
    return (points**2).sum(-1) / 2, points


RESULTS = {
    "trajectory": lambda: random_run("clockwork", 12)[0],
    "batch": batch,
    "decay": lambda: random_run("lstm", 40)[0].decay(),
    "gradient": lambda: batch().gradient_decay(np.ones(10)),
    "dead gradient": lambda: batch().gradient_decay(np.zeros(10)),
    "asymptote": lambda: random_run("lstm", 40)[0].decay().asymptote(),
    "paths": lambda: random_run("gru", 40)[0].paths(np.ones(5)),
    "parameters": lambda: random_run("lstm", 40)[0].parameter_gradient(np.ones(10)),
    "truncation": lambda: batch().truncation(np.ones(10), [1, 20], sliding=False),
    "singular values": lambda: random_run("lstm", 40)[0].singular_values(),
    "no singular values": lambda: random_run("lstm", 4)[0].singular_values([]),
    "product eigenvalues": lambda: random_run("lstm", 12)[0].product_eigenvalues(),
    "lyapunov": lambda: batch().lyapunov(),
    "h alone": lambda: random_run("lstm", 40)[0].lyapunov("h"),
    "singular exponents": lambda: spectra.lyapunov_spectrum(np.zeros((9, 2, 2))),
    "fixed points": lambda: gf.fixed_points(*cell_and_params("rnn")[:2], starts=20),
    "no fixed points": lambda: gf.fixed_points(
        gf.cells.scalar, {"w": np.array([1.0])}, starts=np.ones((4, 1))
    ),
    "surface": surface,
    "descents": lambda: spectra.descend(parabola, np.ones((4, 2)), 0.1, 3),
    "descent": lambda: spectra.descend(parabola, np.ones(2), 0.1, 3),
    "kreiss": lambda: spectra.kreiss_constant([[0.5, 40.0], [0.0, 0.5]]),
    "contraction": lambda: spectra.kreiss_constant([[0.5]]),
    "loss": lambda: spectra.cross_entropy(np.eye(3), np.ones(3), 1),
    "losses": lambda: spectra.cross_entropy(np.eye(3), np.ones((4, 3)), np.arange(4) % 3),
}


@pytest.fixture(scope="module")
def results():
    return {name: make() for name, make in RESULTS.items()}


@pytest.mark.parametrize("name", RESULTS)
def test_a_result_is_one_line_with_a_number(results, name):
    assert_one_line_with_a_number(repr(results[name]), type(results[name]))


def assert_one_line_with_a_number(text, record):
    assert text.startswith(f"<{record.__name__} ")
    assert text.endswith(">")
    assert "\n" not in text
    assert len(text) < 200
    assert re.search(r"\d", text)
    # no array in it, and no object that says nothing but its address
    assert not re.search(r"array|object at|np\.", text)


def shown(record):
    """What the examples in the docstrings of a record's module show of it, each on its line."""
    found = doctest.DocTestFinder().find(importlib.import_module(record.__module__))
    wanted = [example.want.rstrip("\n") for test in found for example in test.examples]
    return [want for want in wanted if want.startswith(f"<{record.__name__} ")]


def test_every_public_record_is_among_them_or_shows_its_line_in_an_example(results):
    public = {getattr(spectra, name) for name in spectra.__all__}
    records = {kind for kind in public if isinstance(kind, type) and is_dataclass(kind)}
    made = {type(result) for result in results.values()}
    assert made <= records
    for record in records - made:
        lines = shown(record)
        assert lines, f"{record.__name__}: no example in its module shows what its repr says"
        for line in lines:
            assert_one_line_with_a_number(line, record)


def test_the_lines_in_examples_are_found():
    assert shown(spectra.PathDecay) == []
    assert [line[:16] for line in shown(spectra.Trajectory)] == ["<Trajectory scal"]


def test_the_numbers_are_those_of_the_result(results):
    decay, values = results["decay"], results["singular values"]
    horizon = decay.horizon()
    said = "not reached" if horizon is None else horizon
    assert repr(decay) == (
        f"<Decay lstm: product of Jacobians: lags 0 to 40, horizon (1 %) {said}>"
    )
    assert "horizon (1 %) 0, median of 6" in repr(results["dead gradient"])
    last = values.log_sigma[-1]
    assert f"at lag 40: log sigma from {last[0]:.4g} down to {last[-1]:.4g}" in repr(values)
    assert f"leading {results['lyapunov'].exponents[0, 0, 0]:.4g} +- " in repr(results["lyapunov"])
    assert "(the first of 6 trajectories)" in repr(results["lyapunov"])
    found = results["fixed points"]
    assert f"<FixedPoints {len(found.states)} isolated (" in repr(found)
    assert "0 isolated, 0 slow; 4 starts of 4 on a continuum" in repr(results["no fixed points"])
    total = results["parameters"].total.values()
    norm = np.sqrt(sum((value**2).sum() for value in total))
    assert f"by 12 parameters, norm {norm:.4g}, 40 lags kept" in repr(results["parameters"])
    share = {name: values[-1] for name, values in results["paths"].share().items()}
    most = max(share, key=share.get)
    assert f"at the last: {most} {100 * share[most]:.3g} %" in repr(results["paths"])
    surface = results["surface"]
    assert f"from {surface.error.min():.4g} to {surface.error.max():.4g}" in repr(surface)
    assert "3 x 2 points" in repr(surface)
    assert repr(results["descent"]) == f"<Descent of 3 updates: error {0.9**6:.4g} at the end>"
    assert repr(results["loss"]) == f"<Loss cross-entropy of the next symbol: {np.log(3):.4g}>"
    assert "(mean of 4)" in repr(results["losses"])
    assert f"<KreissConstant {results['kreiss'].value:.4g} at z" in repr(results["kreiss"])
    assert "batch axes (3, 2)" in repr(results["batch"])


def test_a_long_record_is_made_by_keywords(results):
    for result in results.values():
        if len(fields(result)) > 4:
            with pytest.raises(TypeError, match="positional"):
                type(result)(*(getattr(result, field.name) for field in fields(result)))


def test_a_cell_may_be_named():
    cell, params, x = cell_and_params("rnn")
    given = gf.fixed_points(cell, params, starts=8)
    np.testing.assert_array_equal(gf.fixed_points("rnn", params, starts=8).states, given.states)
    row = np.ones(5)
    streamed = [gf.stream_gradient_decay(which, params, x, row) for which in (cell, "rnn")]
    np.testing.assert_array_equal(streamed[0].log_norm, streamed[1].log_norm)

    def loss(run):
        return spectra.Loss(run.flat_states[-1].sum(), row, "sum")

    grid = (("U", (0, 1)), [0.0, 1.0]), (("U", (1, 0)), [0.5])
    errors = [spectra.error_surface(which, params, loss, *grid, x).error for which in (cell, "rnn")]
    np.testing.assert_array_equal(*errors)
    with pytest.raises(gf.errors.UsageError, match="did you mean 'rnn'"):
        gf.fixed_points("rmn", params)


def test_the_public_names_are_there_and_say_how_they_are_called():
    assert sorted(spectra._HOME) == sorted(spectra.__all__) == sorted(dir(spectra))
    for name in spectra.__all__:
        value = getattr(spectra, name)
        assert value.__name__ == name
        assert value.__doc__
    plumbing = {"TangentMaps", "cheaper_unformed", "parameter_gradient", "path_decay"}
    assert not plumbing & set(dir(spectra))
