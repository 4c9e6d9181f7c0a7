"""A cell is derived once, whoever asks, and by whatever name."""

import pytest

import gradflow as gf
from gradflow.codegen import Code
from gradflow.codegen.targets.numpy.target import TARGET
from gradflow.errors import UsageError
from gradflow.jacobians import bptt, step
from gradflow.jacobians.labels import path_labels


@pytest.fixture
def derivations(monkeypatch):
    """The cells that were derived since the start of the test, one entry a call."""
    done = []

    def counted(cell, *arguments):
        done.append(cell.name)
        return accumulate(cell, *arguments)

    accumulate = step.accumulate
    monkeypatch.setattr(step, "accumulate", counted)
    step.derived.cache_clear()
    yield done
    step.derived.cache_clear()


def test_bptt_derives_once(derivations):
    bptt(gf.cells.lstm).latex()
    assert len(derivations) == 1
    bptt("lstm").latex()
    assert len(derivations) == 1


def test_blocks_labels_code_and_formulas_share_one_derivation(derivations):
    J = gf.jacobian("lstm")
    J.text()
    once = len(derivations)
    assert once == 4  # all blocks; those of h and of c with the other kept; the parameters
    path_labels(gf.cells.lstm)
    bptt("lstm").latex()
    code = Code(gf.cells.lstm, TARGET)
    assert "def jacobian" in code.source
    assert code.path_functions
    assert len(derivations) == once
    assert gf.jacobian(gf.cells.lstm) is J


def test_another_cell_is_another_derivation(derivations):
    text = gf.jacobian("lstm").text()
    assert gf.jacobian("gru").text() != text
    assert set(derivations) == {"lstm", "gru"}


@pytest.mark.parametrize("call", [gf.jacobian, bptt])
def test_what_is_no_cell_is_refused(call):
    with pytest.raises(UsageError, match=r"3\.0 is a float; a cell is a gradflow\.Cell, a name"):
        call(3.0)
    with pytest.raises(UsageError, match="unknown cell 'lsmt': did you mean 'lstm'"):
        call("lsmt")
