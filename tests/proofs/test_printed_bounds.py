"""The automatic bounds as they are printed, read from their words, on random networks.

Where every printed hypothesis holds the printed bound must. For each hypothesis a network is
searched that breaks it alone and the bound with it, so that none is printed that is not needed.
"""

from dataclasses import replace

import numpy as np
import pytest

import gradflow as gf
from gradflow.proofs.theorems import theorems
from proofs.printed import statement
from proofs.printed.drawing import network
from proofs.printed.reading import CONE, KINK, Read, is_about
from proofs.test_any_cell_in_coq import MORE
from proofs.user_cells import USER_CELLS

DECLARED = ("euler", "leapfrog")
CELLS = {name: gf.cells.get(name) for name in gf.cells.names()}
CELLS |= {cell.name: cell for cell in USER_CELLS}
CELLS |= {name: gf.Cell(**{"name": "declared", "state": "h"} | MORE[name]) for name in DECLARED}
BOUNDS = {
    f"{name}: {claim.name.split('.')[1]}": claim
    for name, cell in CELLS.items()
    for claim in theorems(cell)
    if claim.name.split(".")[1] in ("upper", "lower")
}
DRAWS, TRIES = 12, 10_000
FEWER = 600  # where none is expected
QUICK = ("rnn: upper", "lstm: upper", "gru: lower", "leaky: lower")
SLOW = pytest.mark.slow
MEANING = {("clockwork: upper", "active is"): "it says what a clock is"}


def named(name):
    """The cell, the reader of the bound, and a generator of its own."""
    rng = np.random.default_rng(sorted(BOUNDS).index(name))
    return CELLS[name.split(":")[0]], Read(BOUNDS[name]), rng


def kappas(read, i):
    """Openings of the cone that may do: the roots of its condition, and odd ones."""
    sizes = read.sizes(i)
    if "kappa" not in sizes:
        return [0.0]
    a, b, g, d = (sizes[n] for n in "abgd")
    room = (a - d) ** 2 - 4 * b * g
    roots = [(a - d - sign * room**0.5) / (2 * b) for sign in (1, -1) if b > 0 and room >= 0]
    middle = [(a - d) / (2 * b)] if b > 0 else [g / (a - d)] if a > d else []
    return [*middle, *roots, 0.0, -10.0, 1000.0]


def changes(read, run, kappa, rng, *, inside):
    """A change of the state, in the cone or anywhere."""
    v = rng.standard_normal(run.width)
    if inside and CONE in str(read.lines):
        rest = np.ones(run.width, bool)
        rest[read.part(run)] = False
        v[rest] *= 0.99 * abs(kappa) * np.linalg.norm(v[~rest]) / max(np.linalg.norm(v[rest]), 1e-9)
    return v


def instances(read, run, rng, left_out=""):
    """Instances of one network; a letter that is left out is no bound any more."""
    made = read.instance(run, rng)
    for letter, (kind, _) in read.letters.items():
        if is_about(left_out, letter):
            made.said[letter] = made.said[letter] + 1 if kind == "least" else 0.0
    for kappa in kappas(read, made):
        made.kappa = kappa
        made.v = changes(read, run, kappa, rng, inside=not left_out.startswith(CONE))
        yield made


@pytest.mark.parametrize(
    ("name", "count"),
    [
        *(pytest.param(name, DRAWS, marks=() if name in QUICK else SLOW) for name in BOUNDS),
        *(pytest.param(name, 200, marks=SLOW) for name in BOUNDS),
    ],
)
def test_the_bound_holds_where_its_hypotheses_do(name, count):
    cell, read, rng = named(name)
    lines, held = read.lines, 0
    for k in range(20 * count):
        for i in instances(read, network(cell, rng, calm=bool(k % 2)), rng):
            if all(read.holds(line, i) for line in lines):
                held += 1
                assert read.concludes(i)
        if held >= count:
            return
    raise AssertionError(f"the hypotheses held {held} times only")


def steep(name):
    """A network at which a slope is as large as can be, for letters that hardly ever matter."""
    cell, run = CELLS[name.split(":")[0]], statement.network
    if "c" in cell.states:
        start = {"h": np.zeros(1), "c": np.ones(1)}
        u_o = 130.0 if cell.name == "lstm" else 600.0
        return run(cell, 2, 1, start=start, b_f=2.0, U_g=0.05, U_o=u_o)
    return run(cell, 1, 1, state=1.0, U_r=100.0, b_r=-100.0, U_g=1.0, b_g=-0.5)


STEEP = {("lstm: lower", "|U_o|"), ("coupled_lstm: lower", "|U_o|"), ("gru: upper", "|U_r|")}


def refuted(name, line):
    """Whether a network is found that breaks one hypothesis alone, and the bound."""
    cell, read, rng = named(name)
    others = [other for other in read.lines if other != line]
    chosen = any(n == name and line.startswith(start) for n, start in STEEP)
    for k in range(FEWER if reason(name, line) else TRIES):
        run = steep(name) if chosen else network(cell, rng, calm=bool(k % 2))
        for i in instances(read, run, rng, left_out=line):
            alone = not read.holds(line, i) and all(read.holds(other, i) for other in others)
            if alone and not read.concludes(i):
                return True
    return False


LINES = [
    (name, line)
    for name, claim in BOUNDS.items()
    for line in claim.plain().hypotheses
    if not KINK.fullmatch(line)  # there is no product to speak of
]


def reason(name, line):
    return next(
        (why for (n, s), why in MEANING.items() if n in ("", name) and line.startswith(s)), ""
    )


@pytest.mark.parametrize(
    ("name", "line"),
    [
        pytest.param(n, line, marks=() if n in QUICK and not reason(n, line) else SLOW)
        for n, line in LINES
    ],
)
def test_each_hypothesis_is_needed_or_says_what_a_word_means(name, line):
    assert refuted(name, line) != bool(reason(name, line))


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        ("lstm: upper", "1/4 |U_i|", "1/9 |U_i|"),
        ("gru: upper", "1/2 |U_z|", "1/9 |U_z|"),
        ("rnn: upper", "(|U|)", "(9/10 |U|)"),
        ("euler: lower", "93/100", "95/100"),
        pytest.param("lstm: lower", "a = min f,", "a = 101/100 min f,", marks=SLOW),
    ],
)
def test_planted_a_bolder_bound_is_found(name, before, after):
    cell, read, rng = named(name)
    assert before in read.words
    bolder = Read(replace(read.claim.plain(), words=read.words.replace(before, after)))
    lines = read.lines
    assert any(
        all(bolder.holds(line, i) for line in lines) and not bolder.concludes(i)
        for k in range(TRIES)
        for i in instances(bolder, network(cell, rng, calm=bool(k % 2)), rng)
    )
