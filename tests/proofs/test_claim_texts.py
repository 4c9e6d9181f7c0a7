"""Texts of claims: data between dollars, readable in a terminal, settable, without memory."""

import pickle
import re
import subprocess
import sys
import tomllib
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest

import gradflow as gf
from gradflow.cells.language.spaces import ONE
from gradflow.jacobians import jacobian
from gradflow.proofs.bounding.carousels import carousel
from gradflow.proofs.bounding.step import bounds, facts_of
from gradflow.proofs.claims.stating import filled, texts
from gradflow.proofs.theorems import theorems
from gradflow.proofs.weights.concrete import concrete
from gradflow.proofs.weights.values import map_array, measure, values_along
from gradflow.prose import ascii_text, latex_text, split_inline
from oracles.runs import random_run
from proofs.user_cells import USER_CELLS

CELLS = [*map(gf.cells.get, gf.cells.names()), *USER_CELLS]
DATA = Path(gf.__file__).parent / "proofs" / "coq" / "theorems"
FIELDS = ("title", "words", "witness", "false", "scope")


def every_text(claim):
    return [*(getattr(claim, name) for name in FIELDS), *claim.hypotheses, *claim.proof]


@pytest.mark.parametrize("cell", CELLS, ids=lambda c: c.name)
def test_every_text_is_readable_in_a_terminal(cell):
    for claim in theorems(cell):
        for text in every_text(claim):
            plain = ascii_text(text)
            assert plain.isascii(), plain
            assert not set(plain) & set("\\${}"), plain
            assert "<<" not in plain, plain
            assert "  " not in re.sub(r"^\w+ +", "", plain, flags=re.MULTILINE), plain
            assert ascii_text(plain) == plain


@pytest.mark.parametrize("cell", CELLS, ids=lambda c: c.name)
def test_formulas_are_between_dollars_and_can_be_set(cell):
    from gradflow.reporting.render.mathml import latex_to_mathml

    for claim in theorems(cell):
        for text in every_text(claim):
            for span in split_inline(text):
                if span.math:
                    assert latex_to_mathml(span.content, False).startswith("<math")
                else:  # what is left outside is prose: no powers, norms or comparisons
                    assert not re.search(r"[|^]|[<>]=|\w_\w+ [<>=]", span.content), span.content


@pytest.mark.parametrize(
    ("latex", "plain"),
    [
        (r"\|P(t, k)\| \le \|U\|^{t-k}", "|P(t, k)| <= |U|^(t-k)"),
        (r"\sup|c| \ge \tfrac{1}{4} \, (1 - \min f)", "sup|c| >= 1/4 (1 - min f)"),
        (r"\frac{1}{1 - f_{\max}}", "1/(1 - f_max)"),
        (r"\|W_H\|^{\lfloor T/p \rfloor}", "|W_H|^floor(T/p)"),
        (r"\tanh\left( U_{g} \, h \right)^{2}", "tanh(U_g h)^2"),
        (r"\begin{pmatrix} 2 & -2 \\ 0 & 1 \end{pmatrix}", "[[2, -2], [0, 1]]"),
        (
            r"\operatorname{diag}(\mathrm{on}\, (1 - a^2)) \to \kappa",
            "diag(on (1 - a^2)) -> kappa",
        ),
    ],
)
def test_formulas_in_the_signs_of_a_keyboard(latex, plain):
    assert ascii_text(f"${latex}$") == plain


def test_latex_keeps_formulas_and_escapes_the_rest():
    assert (
        latex_text(r"lstm.forget_bias has $b_f$ at 5 %") == r"lstm.forget\_bias has $b_f$ at 5 \%"
    )


def test_each_coq_text_has_its_words_and_each_mark_a_value():
    coq = {p.stem for p in DATA.glob("*.v")}
    said = {p.stem for p in DATA.glob("*.toml")}
    assert said - coq == {"any_cell", "scalar_power"}
    assert coq <= said
    for path in DATA.glob("*.toml"):
        assert tomllib.loads(path.read_text("utf-8")) == texts(path.stem)
    with pytest.raises(KeyError, match="bound"):
        filled("$<<bound>>$", {"other": "1"})


@pytest.mark.parametrize("cell", CELLS, ids=lambda c: c.name)
def test_claims_are_pickled_and_measured_after_it(cell):
    claims = gf.prove(cell)
    again = pickle.loads(pickle.dumps(claims))
    assert again == claims
    if cell.name == "scalar":
        run = gf.run(cell, {"w": np.array([0.5])}, state=np.ones(1), steps=3)
        assert again["scalar.upper"].measure(run) == claims["scalar.upper"].measure(run)


def test_a_repr_is_a_line_and_starts_no_coq(monkeypatch):
    def fail(*_):
        raise AssertionError("Coq was started")

    monkeypatch.setattr("gradflow.proofs.coq.check.check", fail)
    monkeypatch.setattr("gradflow.proofs.coq.check.shared_workshop", fail)
    claims = gf.prove("lstm")
    shown = [repr(claims), *map(repr, claims), repr(bounds("lstm")), repr(carousel("lstm"))]
    assert all("\n" not in line and line.startswith("<") for line in shown)
    assert repr(carousel("lstm")) == "<Carousel lstm: |c'| >= (min f) |c| - b |rest|>"
    assert repr(claims[2]).startswith("<Claim lstm.direct: along the direct path from c to c")
    monkeypatch.setattr("gradflow.proofs.coq.check.available", lambda: False)
    assert claims[2].level == "CERTIFIED"
    assert repr(claims[2]).startswith("<Claim lstm.direct: CERTIFIED, along")


def cleared():
    bounds.cache_clear()
    carousel.cache_clear()
    facts_of.cache_clear()


def drawn(cell):
    given = {"hidden": 3, "input": 2, "context": 4}
    sizes = {("inputs" if s == "input" else s): given[s] for s in cell.sizes}
    return cell.init(rng=0, **sizes)


@pytest.mark.parametrize("name", gf.cells.names())
def test_nothing_depends_on_what_was_asked_before(name):
    run, _ = random_run(name, 5)
    cell, params = run.cell, drawn(run.cell)

    def above():
        found = bounds(cell)
        return measure(found.variables, found.expressions, run)

    def below():
        found = carousel(cell)
        return found and measure(found.variables, found.expressions, run)

    def weights():
        return concrete(cell, params)

    answers = set()
    for order in permutations((above, below, weights)):
        cleared()
        found = {ask.__name__: repr(ask()) for ask in order}
        answers.add(tuple(sorted(found.items())))
    assert len(answers) == 1


def test_a_fresh_process_measures_before_it_bounds():
    code = (
        "import gradflow as gf\n"
        "from gradflow.proofs.weights.concrete import concrete\n"
        "cell = gf.cells.get('scrn')\n"
        "params = cell.init(rng=0, hidden=3, inputs=2, context=4)\n"
        "assert concrete(cell, params).fault() == ''\n"
        "from gradflow.proofs.bounding.step import bounds\n"
        "bounds.cache_clear()\n"
        "assert concrete(cell, params).fault() == ''\n"
    )
    root = Path(gf.__file__).parents[1]
    subprocess.run([sys.executable, "-c", code], cwd=root, check=True)


@pytest.mark.parametrize("name", gf.cells.names())
def test_values_along_a_run_are_those_of_its_steps(name):
    run, _ = random_run(name, 6)
    values = values_along(run)
    assert set(values) == {s.target.name for s in run.cell.program}
    for part, states in run.states.items():
        np.testing.assert_allclose(values[f"{part}_next"], states[1:], rtol=1e-13, atol=1e-300)
    whole, out = run.jacobians(), run.cell.states[0]
    for block in jacobian(run.cell).blocks().values():
        if block.out != out:
            continue
        total = 0.0
        for term in block.terms:
            found = values_along(run, {str(k): d for k, d in enumerate(term.diagonals)})
            product = found["0"][:, :, None] * np.eye(whole[:, run.parts[out]].shape[1])
            for k, linear_map in enumerate(term.maps, 1):
                sizes = run.code.sizes(run.params) | {ONE: 1}
                shape = (sizes[linear_map.out], sizes[linear_map.into])
                product = product @ map_array(run.cell, linear_map, run.params, shape)
                product = product * found[str(k)][:, None, :]
            total = total + product
        wanted = whole[:, run.parts[out], run.parts[block.wrt]]
        np.testing.assert_allclose(
            np.broadcast_to(total, wanted.shape), wanted, rtol=1e-9, atol=1e-12
        )
