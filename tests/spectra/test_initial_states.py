"""An initial state goes into whatever runs a cell, flat or by part."""

import numpy as np
import pytest

import gradflow as gf
from gradflow.errors import UsageError
from gradflow.studies import study

TOY = {"w": np.array([0.5])}


def test_a_proof_measures_on_a_run_from_the_state_given():
    """``h' = relu(W x + U h + b)``: no unit is active from -1 on, and all are from 1 on."""
    cell = gf.cells.irnn
    params = {"W": np.zeros((2, 1)), "U": np.eye(2), "b": np.zeros(2)}
    x = np.zeros((5, 1))
    active, silent = (
        gf.prove(cell, params, x, state=value * np.ones(2))["irnn.upper"].margin for value in (1, 0)
    )
    assert (active.measured, silent.measured) == (1.0, 0.0)
    by_part = gf.prove(cell, params, x, {"h": np.ones(2)})["irnn.upper"].margin
    assert by_part.measured == 1.0


def test_a_study_and_a_report_begin_at_the_state_given(tmp_path):
    begun = study("scalar", steps=3, init=TOY, state=[8.0])
    np.testing.assert_array_equal(begun.setup.trajectory.flat_states.ravel(), [8, 4, 2, 1])
    by_part = study("scalar", steps=3, init=TOY, state={"y": [8.0]})
    np.testing.assert_array_equal(by_part.setup.trajectory.flat_states.ravel(), [8, 4, 2, 1])
    windows = study("rnn", hidden=3, steps=5, state=np.arange(3.0)).setup.runs
    np.testing.assert_array_equal(windows.flat_states[:, 0], np.tile(np.arange(3.0), (8, 1)))
    written = gf.report("scalar", tmp_path / "r.html", steps=3, init=TOY, state=[8.0])
    assert written.study.setup.trajectory.flat_states[0] == 8.0
    with pytest.raises(UsageError, match="its last axis needs 1 entries"):
        study("scalar", steps=3, init=TOY, state=[8.0, 1.0])


def test_a_search_for_fixed_points_begins_there_too():
    """``h' = h^3 / 4`` has -2, 0 and 2; from near 0 alone the others are not found."""
    cell = gf.Cell(name="cubic", state="h", scalars="a", equations="h_next = a*h**3")
    given = {"a": 0.25}
    starts = np.array([[0.1]])
    alone = gf.fixed_points(cell, given, starts=starts)
    np.testing.assert_allclose(alone.states, [[0.0]], atol=1e-12)
    for state in ([2.1], [[2.1]], {"h": [2.1]}):
        more = gf.fixed_points(cell, given, starts=starts, state=state)
        np.testing.assert_allclose(sorted(more.states.ravel()), [0.0, 2.0], atol=1e-12)
    # the state shows a size that nothing else does
    assert gf.fixed_points(cell, given, starts=8, state=[0.1, 0.2]).states.shape[-1] == 2


def test_a_branch_begins_there_by_part_too():
    cell = gf.Cell(name="shifted", state="h", scalars="b", equations="h_next = h/2 + b")
    flat, by_part = (
        gf.continue_fixed_points(cell, {"b": 1.0}, "b", (1, 3), state=state)
        for state in ([2.0], {"h": [2.0]})
    )
    np.testing.assert_array_equal(flat.states, by_part.states)
    np.testing.assert_allclose(flat.states[-1], 6.0)
