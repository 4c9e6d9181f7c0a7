"""Cells beside one another: the same numbers as each alone, and claims held to them."""

import json
import math
import shlex
from pathlib import Path

import numpy as np
import pytest

import gradflow as gf
from gradflow import cli
from gradflow.errors import UsageError
from gradflow.reporting.compared import call_of, command_of
from gradflow.reporting.comparing import lay_out_comparison
from gradflow.reporting.document.blocks import Cards, Drawing, Drawings, Table, flat
from gradflow.studies import study
from gradflow.studies.comparison.claims import CLAIMS, claims_about
from gradflow.studies.comparison.comparing import Comparison, comparison

SIX = ["lstm", "gru", "irnn", "rnn", "clockwork", "scrn"]


@pytest.fixture(scope="module")
def six():
    return comparison(SIX, hidden=8, steps=60, seeds=3, need=50)


def test_each_has_the_numbers_that_it_has_alone(six):
    for one in six.cells:
        alone = study(one.name, hidden=8, steps=60, seeds=3, need=50)
        assert one.numbers() == alone.headline()
        assert one.verdict == alone.verdict


def test_those_that_reach_furthest_stand_first(six):
    assert {one.name for one in six.cells} == set(SIX)
    reach = [one.numbers()["horizon"].value for one in six.cells]
    assert reach == sorted(reach, reverse=True)
    assert repr(six).startswith(f"Comparison({six.cells[0].name}, ")
    assert "\n" not in repr(six)


def test_counts_are_those_of_the_arrays(six):
    lstm = six.of("lstm")
    inputs = lstm.setup.sizes["input"]
    assert lstm.parameters() == 4 * (8 * inputs + 64 + 8)
    assert lstm.multiplications() == 4 * (8 * inputs + 64)


def test_every_claim_is_judged_by_its_own_numbers(six):
    told = {claim.title: claim for claim in claims_about(six)}
    assert len(told) == len(CLAIMS)
    lstm, rnn = (six.of(n).numbers()["horizon"] for n in ("lstm", "rnn"))
    remembers = told["An LSTM remembers, a plain RNN forgets"]
    apart = lstm.between[0] > rnn.between[1]
    assert (remembers.seen == "SEEN") == apart
    assert (remembers.seen == "NOT SEEN") == (lstm.value <= rnn.value)
    scrn = told["The SCRN forgets at the rate that it is given"]
    assert scrn.seen == "SEEN"
    assert f"−{-math.log(0.95):.4f}" in scrn.evidence
    gates = told["Slopes of gates of at most 1/4 do not make the LSTM vanish"]
    shares = six.of("lstm").seeds.shares
    mean = {path: float(np.sort(rows.mean(axis=1))[1]) for path, rows in shares.items()}
    assert (gates.seen == "SEEN") == (mean["carousel"] > mean["i"] + mean["f"] + mean["o"])
    for claim in told.values():
        assert claim.seen in ("SEEN", "IN PART", "NOT SEEN")
        assert any(sign.isdigit() for sign in claim.evidence)
        assert "true" not in claim.evidence.lower()


def test_a_claim_about_a_cell_that_is_not_there_is_not_made(six):
    only = Comparison(cells=(six.of("rnn"),), need=six.need, steps=six.steps)
    assert list(claims_about(only)) == []
    biased = comparison([("lstm", {"forget_bias": 3.0}), "rnn"], hidden=3, steps=9, seeds=1)
    assert biased.of("lstm") is None
    assert list(claims_about(biased)) == []


def test_the_page_has_all_of_it(six):
    blocks = list(flat(lay_out_comparison(six, {}).blocks))
    (table, *_) = (b for b in blocks if isinstance(b, Table))
    assert len(table.rows) == len(SIX)
    (cards,) = (b for b in blocks if isinstance(b, Cards))
    assert [card.badge for card in cards.cards] == [c.seen for c in claims_about(six)]
    (panels,) = (b for b in blocks if isinstance(b, Drawings))
    for panel, one in zip(panels.panels, six.cells, strict=True):
        assert isinstance(panel, Drawing)
        median = np.array(panel.series["log10_median"])
        assert np.allclose(median, one.seeds.decays.curve() / math.log(10))


def test_compare_writes_a_page_and_prints(tmp_path, capsys):
    out = tmp_path / "c.json"
    words = ["compare", "LSTM", "lstm:forget_bias=3", "rnn", "--hidden", "3", "--steps", "12"]
    with pytest.raises(SystemExit) as stop:
        cli.main([*words, "--seeds", "2", "--json", "--quiet", "--out", str(out)])
    assert not stop.value.code
    captured = capsys.readouterr()
    assert captured.err == ""
    told = json.loads(captured.out)
    assert set(told["cells"]) == {"lstm", "lstm forget_bias=3", "rnn"}
    page = json.loads(out.read_text("utf-8"))
    assert page["numbers"]["rnn: horizon"]["value"] == told["cells"]["rnn"]["horizon"]["value"]
    with pytest.raises(SystemExit):
        cli.main([*words, "--seeds", "1", "--out", str(tmp_path / "c.html")])
    said = capsys.readouterr().out
    assert "An LSTM remembers" in said
    assert not set("${}") & set(said)


def test_a_cell_of_ones_own_is_compared(tmp_path):
    file = tmp_path / "mine.py"
    file.write_text(
        "from gradflow import Cell\n"
        "leak = Cell(name='leak', state='h', inputs='x', maps='W', scalars='a',\n"
        "    equations='h_next = a * h + W @ x', defaults={'a': 0.5})\n"
    )
    words = ["compare", f"{file}:leak:a=0.9", f"{file}:leak", "rnn", "--hidden", "3"]
    with pytest.raises(SystemExit) as stop:
        cli.main([*words, "--steps", "30", "--seeds", "1", "--out", str(tmp_path / "o.md")])
    assert not stop.value.code
    assert "leak a=0.9" in (tmp_path / "o.md").read_text("utf-8").replace("\\", "")


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        ([], "cells is empty"),
        ("lstm", "cells"),
        (["lstm", "LSTM"], "two cells are called 'lstm'"),
        ([("lstm",)], "a pair"),
        ([("lstm", 3)], "choices of a cell"),
        (["lstn"], "did you mean 'lstm'"),
    ],
)
def test_what_is_no_list_of_cells_is_refused(cells, message, tmp_path):
    with pytest.raises(UsageError, match=message):
        gf.compare(cells, tmp_path / "c.html", steps=3)
    assert list(tmp_path.iterdir()) == []


FILE = "tests/networks/files/lstm_1layer.safetensors"


@pytest.fixture(scope="module")
def mixed():
    stacked = gf.stack("gru", 2, hidden=3, inputs=2, rng=0)
    return comparison(["rnn", FILE, stacked], hidden=4, steps=24, seeds=2)


def test_a_network_has_the_numbers_of_its_diagnosis(mixed):
    """On the same sequences, read out by the same random numbers."""
    for one in mixed.cells:
        if one.name == "rnn":
            continue
        network = one.subject.network
        x = np.random.default_rng([0, 1]).standard_normal((8, 24, network.layers[0].inputs))
        found = gf.diagnose(network, x, need=24, at="last")
        numbers = one.numbers()
        assert numbers["horizon"].value == found.reach.loss_horizon.median
        left = numbers["left_24"]
        assert left.value == pytest.approx(found.reach.log10_left.median, abs=1e-12)
        assert left.between == pytest.approx(
            (found.reach.log10_left.low, found.reach.log10_left.high), abs=1e-12
        )
        assert numbers["directions"].value == found.reach.directions.median
        arrays = [p for layer in network.layers for p in layer.params.values()]
        assert one.parameters() == sum(p.size for p in arrays)


def test_the_page_says_whose_weights_are_random(mixed):
    page = lay_out_comparison(mixed, {})
    text = page.blocks[0].text
    whose = "1 cell, random weights, 2 seeds; 1 network, random weights, one draw; 1 network, "
    assert f"{whose}weights as given" in text
    assert not any("trained" in chip for chip in page.blocks[0].judged.chips)
    (made,) = (b for b in flat(page.blocks) if isinstance(b, Table) and b.header[1] == "Weights")
    assert {row[0]: row[1] for row in made.rows} == {
        "RNN": "random weights",
        "lstm_1layer.safetensors (safetensors)": "weights as given",
        "gru, 2 layers": "random weights",
    }


def test_the_command_compares_files_beside_cells(tmp_path, capsys):
    out = tmp_path / "c.json"
    words = ["compare", "rnn", FILE, "--hidden", "3", "--steps", "12", "--seeds", "1"]
    with pytest.raises(SystemExit) as left:
        cli.main([*words, "--out", str(out), "--quiet"])
    assert left.value.code in (0, None)
    assert "lstm_1layer.safetensors" in capsys.readouterr().out
    assert any("safetensors" in name for name in json.loads(out.read_text("utf-8"))["numbers"])


def test_an_input_of_another_width_and_both_directions_are_refused(tmp_path):
    np.save(tmp_path / "x.npy", np.ones((40, 7)))
    with pytest.raises(UsageError, match=r"reads 5 entries a step and .* has 7"):
        comparison([FILE], steps=12, input=str(tmp_path / "x.npy"))
    with pytest.raises(UsageError, match="both ends"):
        comparison(["tests/networks/files/bigru.safetensors"], steps=12)


def test_the_command_that_is_printed_makes_the_same_page(tmp_path, monkeypatch, capsys):
    """Cells with choices, options, and a file of weights, from the folder that it was made in."""
    monkeypatch.chdir(tmp_path)
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    torch.save(torch.nn.GRU(4, 3).state_dict(), "mine.pt")
    asked = ["irnn", ("lstm", {"forget_bias": 3.0}), "mine.pt"]
    first = gf.compare(asked, "a.json", hidden=3, steps=20, seeds=2, need=7)
    page = json.loads(first.path.read_text("utf-8"))
    words = shlex.split(page["provenance"]["Command"])
    assert words[:3] == ["gradflow", "compare", "irnn"]
    assert "--need" in words
    first.path.unlink()
    with pytest.raises(SystemExit) as stop:
        cli.main([*words[1:], "--quiet"])
    assert not stop.value.code
    again = json.loads((tmp_path / "a.json").read_text("utf-8"))
    assert again["numbers"] == page["numbers"]
    assert again["blocks"] == page["blocks"]


def test_the_call_of_what_has_no_word_in_a_shell_is_python():
    own = gf.Cell(name="own", state="h", maps="U", equations="h_next = tanh(U @ h)")
    call = call_of([own, ("rnn", {"U": 2.0})], Path("a.html"), {"steps": 5, "need": None})
    assert call == "gf.compare(['own', ('rnn', {'U': 2.0})], 'a.html', steps=5)"
    assert command_of([own, "rnn"], Path("a.html"), {"steps": 5}) == ""
    told = command_of(["rnn", ("lstm", {"forget_bias": 3.0})], Path("a.html"), {"steps": 5})
    assert told == "gradflow compare rnn lstm:forget_bias=3.0 --steps 5 --out a.html"
