"""Statements of the level DERIVED: their numbers by hand, and simulation beside them."""

import hashlib
import json
import math
import re
from dataclasses import replace

import numpy as np
import pytest

import gradflow as gf
from gradflow.cells.initializers import chrono, orthogonal
from gradflow.ensembles.laws import read_laws
from gradflow.proofs import derived, verify, write
from gradflow.proofs.coq import check as coq_check
from gradflow.proofs.wide.plain_laws import arguments, data_of
from gradflow.prose import ascii_text, split_inline
from gradflow.reporting.render.mathml import latex_to_mathml

SMALL = (0.0, 0.05)
BIASES = {"b_i": SMALL, "b_o": SMALL, "b_g": SMALL}


@pytest.mark.parametrize("bias", [1.0, 3.0, 5.0])
def test_the_floor_of_the_lstm_by_hand(bias):
    (floor,) = derived("lstm", biases={**BIASES, "b_f": (bias, 0.05)})
    v = 1.0 + 0.05  # U_f of gain 1 acts on |h| <= 1
    assert floor.value == pytest.approx(-math.log(1 + math.exp(-bias + v / 2)), abs=1e-12)
    assert floor.level == "DERIVED"
    assert floor.formula == r"\lambda \ge E\ln f \ge -\ln\left(1 + e^{-m + v/2}\right)"
    assert "E \\ln(1 + e^{-a})" in floor.derivation


def test_the_floor_holds_in_fresh_networks_whatever_the_other_gains_are():
    rng = np.random.default_rng(0)
    for bias in (1.0, 4.0):
        for gain in (0.2, 1.0, 5.0):
            maps = {"U_i": gain, "U_f": 1.0, "U_o": gain, "U_g": gain}
            biases = {**BIASES, "b_f": (bias, 0.05)}
            (floor,) = derived("lstm", gains=maps, biases=biases)
            n, steps = 60, 60
            drawn = {
                name: g / math.sqrt(n) * rng.standard_normal((steps, n, n))
                for name, g in maps.items()
            }
            params = gf.cells.lstm.init(hidden=n, inputs=1, rng=0, input_maps=0.0) | drawn
            params["b_f"] = bias + math.sqrt(0.05) * rng.standard_normal(n)
            start = 0.5 * rng.standard_normal(2 * n)
            run = gf.run("lstm", params, np.zeros((steps, 1)), start)
            assert run.lyapunov(leading=1, transient=20).exponents[0] > floor.value


def test_constant_carousels_and_gates_of_the_gru():
    (floor,) = derived("scrn")
    assert floor.value == pytest.approx(math.log(0.95), abs=1e-15)
    (floor,) = derived("gru", biases={"b_z": 5.0}, inputs=0.5)
    # U_z on |h| <= 1 and W_z, of the same rule, on inputs of variance 1/2
    assert floor.value == pytest.approx(-math.log(1 + math.exp(-5 + 1.5 / 2)), abs=1e-12)
    exact = gf.mean_field("gru", biases={"b_z": 5.0}, inputs=0.5, tied=False)
    assert exact.bulk >= floor.value


def test_no_carousel_no_floor():
    none, median = derived("rnn", gains=math.sqrt(1.7609546396), biases={"b": SMALL})
    assert none.name == "rnn.no_floor"
    assert none.value == -math.inf
    assert median.value == pytest.approx(-0.477, abs=2e-3)
    for gain in (1e-2, 1e-4):
        assert gf.mean_field("rnn", gains=gain).exponent == pytest.approx(math.log(gain), abs=1e-3)


def test_what_may_cancel_has_no_floor():
    # the second part takes the first away again: h' = h - c + ..., and no square is added
    cell = gf.Cell(
        name="cancel",
        state="h c",
        maps="U",
        equations="""
            h_next = 0.9 * h - 0.9 * c + tanh(U @ h)
            c_next = tanh(U @ h)
        """,
    )
    assert [d.name for d in derived(cell)] == []
    # a map with a part of the identity carries states of its own
    shifted = gf.Cell(name="s", state="h", maps="U", equations="h_next = 0.9 * h + tanh(U @ h)")
    assert len(derived(shifted, gains=1.0)) == 1
    assert derived(shifted, gains={"U": (-0.9, 1.0)}) == ()
    assert derived("clockwork") == ()


def every_claim(statements):
    return [claim for statement in statements for claim in statement.claims()]


CASES = {
    "lstm": derived("lstm", gains=orthogonal(0.7), biases={"b_f": chrono(20), "b_i": (1, 0.1)}),
    "gru": derived("gru", biases={"b_z": (2.0, 0.1)}, inputs=gf.ensembles.one_hot(4)),
    "scrn": derived("scrn", inputs=gf.ensembles.correlated(0.5, -0.3)),
    "rnn": derived("rnn", gains={"U": 1.3270096607}, biases={"b": SMALL}),
}


@pytest.mark.parametrize("name", CASES)
def test_laws_are_read_back_from_plain_data(name):
    for statement in CASES[name]:
        data = json.loads(json.dumps(data_of(statement.laws)))
        told = arguments(data)
        again = read_laws("test", statement.laws.cell, *(told[k] for k in told))
        assert again == statement.laws
        assert derived(name, **told) == CASES[name]


@pytest.mark.parametrize("name", gf.cells.names())
def test_texts_of_statements_are_readable_and_can_be_set(name):
    for claim in every_claim((*derived(name), *CASES.get(name, ()))):
        for text in (claim.words, claim.scope, claim.witness, *claim.hypotheses, *claim.proof):
            plain = ascii_text(text)
            assert plain.isascii()
            assert not set(plain) & set("\\${}"), plain
            assert not re.search(r"<<|  |\bln[a-z]", plain), plain
            for span in split_inline(text):
                if span.math:
                    assert latex_to_mathml(span.content, False).startswith("<math")


def test_a_floor_is_told_by_a_number_below_it():
    for bias in np.linspace(-1, 6, 30):
        (floor,) = derived("lstm", biases={"b_f": bias})
        told = float(re.search(r"at least (-\S+) nats", floor.words)[1])
        assert floor.value * 1.001 < told <= floor.value


def forged(folder, change):
    """Change the texts of a bundle, and its hashes with them."""
    texts = {p.name: p.read_text("utf-8") for p in folder.iterdir()}
    listed = json.loads(texts.pop("hashes.json"))
    for name, text in change(texts).items():
        (folder / name).write_text(text, "utf-8")
        listed["files"][name] = hashlib.sha256(text.encode()).hexdigest()
    (folder / "hashes.json").write_text(json.dumps(listed), "utf-8")


def test_bundles_of_statements_are_made_again_and_compared(tmp_path):
    claims = every_claim(found for statements in CASES.values() for found in statements)
    for claim in claims:
        write(claim, tmp_path)
    results = {r.name: r for r in verify(tmp_path, coq=False)}
    assert set(results) == {c.name for c in claims}
    assert "gru.carousel_moments" in results
    for result in results.values():
        assert result.level == "DERIVED"
        assert not result.failed
    changes = {
        "gru.carousel": lambda t: {
            "claim.json": t["claim.json"].replace("at least -", "at least ")
        },
        "scrn.carousel": lambda t: {"evidence.json": t["evidence.json"].replace("0.5", "0.25")},
        "rnn.median": lambda t: {
            "evidence.json": t["evidence.json"].replace("1.3270096607", "NaN")
        },
        "rnn.no_floor": lambda t: {"cell.json": t["cell.json"].replace('"rnn"', '"other"')},
        "gru.carousel_moments": lambda t: {
            "Statement.v": t["Statement.v"].replace("(m T)) / 2", "(m T)) / 3")
        },
    }
    for name, change in changes.items():
        forged(tmp_path / name, change)
    after = {r.name: r for r in verify(tmp_path, coq=False)}
    assert {n: after[n].level for n in changes} == {
        "gru.carousel": "foreign",
        "scrn.carousel": "foreign",
        "rnn.median": "REFUTED",
        "rnn.no_floor": "foreign",
        "gru.carousel_moments": "foreign",
    }
    assert after["scrn.carousel"].note == "gradflow's own scrn.carousel has another hypotheses"
    assert all(after[name].level == "DERIVED" for name in set(after) - set(changes))


def moments(rng, steps, paths, least):
    """Return both sides of the inequality of second moments, from its words.

    ``paths`` are equally likely, and what is added to moments is at least ``least``.
    """
    a = rng.normal(1.0, 1.5, (steps, paths))
    m, logs = np.ones(paths), 0.0
    for row in a:
        f = 1 / (1 + np.exp(-row))
        m = f**2 * m + rng.uniform(least, 0.1 + least, paths) * f**2 * m
        logs += np.log(f).mean()
    return np.log(m.mean()) / (2 * steps), logs / steps, -np.log1p(np.exp(-a).mean(axis=1).max())


def test_the_inequality_of_second_moments_on_random_paths():
    rng = np.random.default_rng(0)
    for _ in range(200):
        growth, middle, floor = moments(rng, rng.integers(1, 12), rng.integers(1, 30), 0.0)
        assert growth >= middle - 1e-12
        assert middle >= floor - 1e-12
    # without the hypothesis on what is added it is false
    broken = [moments(rng, 5, 2, -0.9) for _ in range(200)]
    assert any(growth < floor for growth, _, floor in broken)


@pytest.mark.slow
def test_coq_proves_the_inequality_and_no_stronger_one(tmp_path):
    (_, claim) = CASES["gru"][0].claims()
    if not coq_check.available():
        pytest.skip("needs coq")
    assert claim.level == "PROVED"
    stronger = claim.script.statement.replace("<= ln (E (m T)) / 2", "<= ln (E (m T)) / 3")
    assert stronger != claim.script.statement
    verdict = coq_check.check(
        coq_check.shared_workshop(), replace(claim.script, statement=stronger)
    )
    assert not verdict.proved
    assert "is not the statement" in verdict.reason
    write(claim, tmp_path)
    (result,) = verify(tmp_path)
    assert result.level == "PROVED"
    assert result.note.startswith("proved is the inequality between moments")
