"""Printed theorems as predicates: hypotheses and conclusion, on random networks.

A statement is taken from the words alone: what it draws, what each printed hypothesis asks of it,
and what is concluded. Where every hypothesis holds the conclusion must; a network that breaks one
hypothesis and no other must break the conclusion sometimes, so that none is printed that is not
needed. A statement without one of its hypotheses, or with a bolder conclusion, is found out.
"""

from dataclasses import replace

import numpy as np
import pytest

import gradflow as gf
from gradflow.proofs.theorems import theorems
from proofs.printed import gru, irnn, lstm_changes, lstm_gates, others, rnn
from proofs.printed.statement import changed

# endings of sentences that say what a letter stands for
LETTERS = ("or above it", "or above them", "over units and steps")
AUTOMATIC = ("upper", "lower")
PRINTED = {
    name: statement
    for module in (rnn, irnn, lstm_changes, lstm_gates, gru, others)
    for name, statement in module.STATEMENTS.items()
}
DRAWS = 15


def seeded(name):
    return np.random.default_rng(sorted(PRINTED).index(name))


def broken(statement, instance, start, rng):
    return changed(instance, **statement.breaks[start](instance, rng))


def true_of_all(statement, rng, left_out="", count=DRAWS):
    """Whether the conclusion holds wherever the hypotheses (but one) do, and how often they did."""
    held, fine = 0, True
    for _ in range(count):
        instance = statement.draw(rng)
        tried = [instance]
        if left_out in statement.breaks:
            tried.append(broken(statement, instance, left_out, rng))
        for one in tried:
            if all(p(one) for start, p in statement.hypotheses.items() if start != left_out):
                held += 1
                fine = fine and bool(statement.conclusion(one))
    return held, fine


def test_every_theorem_of_the_library_is_evaluated():
    names = [c.name for name in gf.cells.names() for c in theorems(gf.cells.get(name))]
    assert sorted(PRINTED) == sorted(n for n in names if n.split(".")[1] not in AUTOMATIC)


@pytest.mark.parametrize("name", PRINTED)
def test_the_predicates_are_those_that_are_printed(name):
    cell = gf.cells.get(name.split(".")[0])
    (claim,) = (c for c in theorems(cell) if c.name == name)
    said, statement = claim.plain().hypotheses, PRINTED[name]
    for start in statement.hypotheses:
        assert sum(h.startswith(start) for h in said) == 1, (start, said)
        assert (start in statement.breaks) != (start in statement.meaning), start
    for line in said:
        assert line.endswith(LETTERS) or any(line.startswith(s) for s in statement.hypotheses), line


@pytest.mark.parametrize("count", [DRAWS, pytest.param(1000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", PRINTED)
def test_the_conclusion_follows_from_the_hypotheses(name, count):
    held, fine = true_of_all(PRINTED[name], seeded(name), count=count)
    assert held == count  # every draw satisfies them
    assert fine


@pytest.mark.parametrize(
    ("name", "start"), [(n, s) for n, found in PRINTED.items() for s in found.breaks]
)
def test_each_hypothesis_is_needed(name, start):
    statement, rng = PRINTED[name], seeded(name)
    alone, wrong = 0, 0
    for _ in range(DRAWS):
        instance = broken(statement, statement.draw(rng), start, rng)
        assert not statement.hypotheses[start](instance)
        if all(p(instance) for other, p in statement.hypotheses.items() if other != start):
            alone += 1
            wrong += not statement.conclusion(instance)
    assert alone > DRAWS // 2
    assert wrong > 0


@pytest.mark.parametrize(
    ("name", "start"),
    [(n, s) for n, found in PRINTED.items() for s in found.breaks],
)
def test_planted_a_hypothesis_left_out_is_found(name, start):
    held, fine = true_of_all(PRINTED[name], seeded(name), left_out=start)
    assert held > DRAWS
    assert not fine


@pytest.mark.parametrize("name", PRINTED)
def test_planted_a_bolder_conclusion_is_found(name):
    """A conclusion that no bound of the change allows is refused."""
    statement = PRINTED[name]
    _, fine = true_of_all(replace(statement, conclusion=statement.bolder), seeded(name))
    assert not fine
