"""The command line: what it prints, where it writes, and how it refuses."""

import json
import math
import re
import subprocess
import sys

import numpy as np
import pytest

import gradflow as gf
from gradflow import cli
from gradflow.cli.console import folded, print_json
from gradflow.reporting.publish.scripts import find_script, scripts

REPORT = ["report", "lstm", "--hidden", "4", "--steps", "12", "--seeds", "2"]


def ask(arguments):
    """Run the command line in this process; return its exit code."""
    try:
        cli.main([str(a) for a in arguments])
    except SystemExit as stop:
        return int(stop.code or 0)
    return 0


def refused(arguments, capsys):
    """Run a command that must fail; return its code and its one sentence."""
    code = ask(arguments)
    captured = capsys.readouterr()
    lines = [line for line in captured.err.splitlines() if line.strip()]
    assert captured.out == ""
    assert len(lines) == 1, captured.err
    assert lines[0].startswith("gradflow: ")
    return code, lines[0]


def test_cells_lists_every_cell(capsys):
    assert ask(["cells"]) == 0
    listed = capsys.readouterr().out
    assert all(name in listed for name in gf.cells.names())


def test_cells_shows_one_cell_whatever_its_case(capsys):
    for name in ("lstm", "LSTM"):
        assert ask(["cells", name]) == 0
        shown = capsys.readouterr().out
        assert "c_next = f * c + i * g" in shown
        assert "U_f (hidden x hidden)" in shown
    assert ask(["cells", "lstm", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["state"] == ["h", "c"]
    assert ask(["cells", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)["cells"]
    assert [one["name"] for one in listed] == list(gf.cells.names())


def test_nothing_wraps_where_nobody_looks(monkeypatch, capsys):
    monkeypatch.delenv("COLUMNS", raising=False)
    assert ask(["cells"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 1 + len(gf.cells.names())
    assert ask(["report", "--help"]) == 0
    assert not set("─│╭╮╰╯") & set(capsys.readouterr().out)


def test_lines_fold_at_the_width_of_a_terminal_and_stay_whole_in_a_pipe(monkeypatch):
    line = "  " + "word " * 30 + "end"
    monkeypatch.setenv("COLUMNS", "40")
    lines = folded(line).splitlines()
    assert max(map(len, lines)) <= 40
    assert {len(one) - len(one.lstrip()) for one in lines[1:]} == {6}
    assert " ".join(folded(line).split()) == line.strip()
    monkeypatch.delenv("COLUMNS")
    assert folded(line) == line


def test_quiet_says_nothing_beside_and_json_is_alone_on_stdout(tmp_path, capsys):
    words = [*REPORT, "--json", "--quiet", "--no-color", "--out", tmp_path / "r.json"]
    assert ask(words) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    told = json.loads(captured.out)
    assert told["numbers"] == json.loads((tmp_path / "r.json").read_text("utf-8"))["numbers"]
    assert (
        told["numbers"]["horizon"]["over"] == "1 run"
        or "runs" in told["numbers"]["horizon"]["over"]
    )


def test_what_derive_prints_as_latex_is_displays_and_one_document(capsys):
    assert ask(["derive", "gru", "--format", "latex", "--only", "jacobian"]) == 0
    shown = capsys.readouterr().out
    assert shown.count("\\[\n") == shown.count("\n\\]") == len(gf.jacobian("gru").equations())
    assert ask(["derive", "gru", "--format", "latex", "--standalone"]) == 0
    whole = capsys.readouterr().out
    assert whole.startswith("\\documentclass")
    assert whole.rstrip().endswith("\\end{document}")
    assert shown.strip() in whole


def test_run_prints_and_keeps_the_states(tmp_path, capsys):
    words = ["run", "lstm", "--hidden", "4", "--steps", "12", "--init", "forget_bias=-1.5"]
    assert ask([*words, "--json", "--out", tmp_path / "s.npz"]) == 0
    told = json.loads(capsys.readouterr().out)
    with np.load(tmp_path / "s.npz") as held:
        assert held["state_c"].shape == (13, 4)
        assert np.all(held["b_f"] == -1.5)
        largest = np.abs(held["state_h"]).max()
    assert told["state"]["h"]["largest"] == pytest.approx(largest, rel=1e-15)
    assert ask(words) == 0
    assert "random weights" in capsys.readouterr().out
    np.savetxt(tmp_path / "x.csv", np.ones((50, 2)), delimiter=",")
    for steps, told in (("3", "of these the first 3 steps"), ("50", "rows 0 to 49")):
        assert ask(["run", "lstm", "--input", tmp_path / "x.csv", "--steps", steps]) == 0
        assert capsys.readouterr().out.splitlines()[0].endswith(told)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_can_complete_the_words(shell, capsys):
    assert ask(["completion", shell]) == 0
    assert "gradflow" in capsys.readouterr().out


def test_derive_prints_text_latex_and_json(capsys):
    assert ask(["derive", "lstm"]) == 0
    assert "dc'/dc = diag(f)" in capsys.readouterr().out
    assert ask(["derive", "lstm", "--format", "latex"]) == 0
    assert r"\operatorname{diag}\left( f_{t} \right)" in capsys.readouterr().out
    assert ask(["derive", "lstm", "--format", "json"]) == 0
    data = json.loads(capsys.readouterr().out)
    block = next(b for b in data["blocks"] if (b["out"], b["wrt"]) == ("c", "c"))
    assert block["terms"] == [{"diagonals": ["f"], "maps": [], "path": []}]


def test_report_writes_one_page_and_prints_the_numbers(tmp_path, capsys, monkeypatch):
    monkeypatch.delenv("COLUMNS", raising=False)  # no line folds
    out = tmp_path / "new" / "lstm.html"
    assert ask([*REPORT, "--init", "forget_bias:3", "--out", out]) == 0
    captured = capsys.readouterr()
    assert str(out) in captured.out.replace("\n", "")
    assert "h only (what others print)" in captured.out
    assert "help topics of Python" in captured.out.replace("\n", " ")
    page = out.read_text()
    assert page.startswith("<!DOCTYPE html>")
    assert "forget_bias=3" in page
    assert [p.name for p in out.parent.iterdir()] == ["lstm.html"]


def test_a_stack_is_reported_over_seeds(tmp_path, capsys):
    page = tmp_path / "stack.json"
    words = ["report", "gru", "--layers", "2", "--hidden", "3", "--need", "5", "--out", page]
    assert ask(words) == 0
    start = "gru, 2 layers of 3 units, random weights, 8 seeds: 1\u00a0% of the gradient reaches"
    assert capsys.readouterr().out.startswith(start)
    written = json.loads(page.read_text("utf-8"))
    assert written["provenance"]["Weights"] == "random weights, seeds 0 to 7; not trained"
    assert written["numbers"]["horizon_by_seed"]["over"].startswith("8 seeds")
    assert ask([*words, "--seeds", "2", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["draws"]["seeds"] == [0, 1]
    assert told["draws"]["runs"] == 10


def test_a_stack_is_reported_of_one_draw_where_asked(tmp_path, capsys):
    page = tmp_path / "stack.json"
    words = ["report", "gru", "--layers", "2", "--hidden", "3", "--need", "5", "--seeds", "1"]
    assert ask([*words, "--out", page]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("gru, 2 layers, random weights: at lag 5 the gradient")
    assert "layer 2: gru, 3 inputs, 3 units" in shown
    written = json.loads(page.read_text("utf-8"))
    again = "gradflow report gru --hidden 3 --layers 2 --seed 0 --seeds 1 --need 5"
    assert written["provenance"]["Command"] == again
    assert written["provenance"]["Weights"] == "random weights, one draw"
    lines = tmp_path / "text.txt"
    lines.write_text("abcab" * 40)
    assert ask([*words, "--input", lines, "--json", "--out", page]) == 0
    assert json.loads(capsys.readouterr().out)["need"] == 5


def test_two_reports_are_the_same_bytes(tmp_path):
    pages = []
    for seed in ("0", "0", "1"):
        assert ask([*REPORT, "--seed", seed, "--out", tmp_path / "page.html"]) == 0
        pages.append((tmp_path / "page.html").read_bytes())
    assert pages[0] == pages[1]
    assert pages[0] != pages[2]


@pytest.mark.parametrize(
    "kind", ["npy", "txt", *(pytest.param(k, marks=pytest.mark.slow) for k in ("npz", "csv"))]
)
def test_report_reads_every_kind_of_input(tmp_path, kind):
    path = tmp_path / f"data.{kind}"
    values = np.random.default_rng(0).standard_normal((30, 3))
    if kind == "npy":
        np.save(path, values)
    elif kind == "npz":
        np.savez(path, x=values)
    elif kind == "csv":
        np.savetxt(path, values, delimiter=",", header="a,b,c", comments="")
    else:
        path.write_text("the quick brown fox jumps over the lazy dog, again and again")
    out = tmp_path / "page.html"
    assert ask([*REPORT, "--input", path, "--out", out]) == 0
    assert path.name in out.read_text()


def test_a_cell_of_ones_own_works_wherever_a_name_does(tmp_path, capsys):
    file = tmp_path / "my_cell.py"
    file.write_text(
        "from gradflow import Cell\n"
        "MyCell = Cell(name='leaky', state='h', inputs='x', maps='W U', vectors='b',\n"
        "    equations='h_next = h + 0.1 * (tanh(W @ x + U @ h + b) - h)')\n"
    )
    assert ask(["derive", f"{file}:MyCell"]) == 0
    assert "dh'/dh" in capsys.readouterr().out
    out = tmp_path / "mine.html"
    report = ["report", f"{file}:MyCell", "--hidden", "4", "--steps", "12", "--seeds", "1"]
    assert ask([*report, "--out", out]) == 0
    assert "leaky" in out.read_text()


def broken_files(folder):
    """Files that cannot be read, each with the words its refusal must hold."""
    empty = folder / "empty.txt"
    empty.write_text("")
    text = folder / "text.npy"
    text.write_text("this is no array")
    nan = folder / "nan.csv"
    nan.write_text("1,2\n3,nan\n" * 10)
    short = folder / "short.csv"
    short.write_text("1,2\n3,4\n")
    return {
        "empty.txt": (empty, "empty"),
        "text.npy": (text, ".npy"),
        "nan.csv": (nan, "nan"),
        "short.csv": (short, "2"),
        "missing.csv": (folder / "missing.csv", "missing.csv"),
        "folder": (folder, "folder"),
    }


@pytest.mark.parametrize(
    "which", ["empty.txt", "text.npy", "nan.csv", "short.csv", "missing.csv", "folder"]
)
def test_an_input_that_cannot_be_read_is_exit_3(tmp_path, capsys, which):
    path, word = broken_files(tmp_path)[which]
    out = tmp_path / "page.html"
    code, sentence = refused([*REPORT, "--input", path, "--out", out], capsys)
    assert code == 3
    assert word in sentence
    assert not out.exists()


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["report", "lstn"], "did you mean 'lstm'"),
        (["derive", "gruu"], "did you mean 'gru'"),
        (["report", "lstm", "--hidden", "0"], "at least 1"),
        (["report", "lstm", "--layers", "0"], "from 1 to 1000"),
        (["report", "lstm", "--layers", "2", "--seeds", "0"], "at least 1"),
        (["report", "lstm", "--layers", "2", "--steps", "30"], "twice the lag"),
        (["report", "scrn", "--layers", "2", "--out", "r.docx"], "html, pdf"),
        (["report", "lstm", "--steps", "0"], "at least 1"),
        (["report", "lstm", "--steps", "-3"], "at least 1"),
        (["report", "lstm", "--hidden", "many"], "many"),
        (["report", "lstm", "--init", "orthogonl"], "unknown rule 'orthogonl'"),
        (["report", "lstm", "--init", "gaussian:x"], "no number"),
        (["report", "lstm", "--init", "b_q=constant:1"], "'b_q'"),
        (["report", "rnn", "--init", "forget_bias:1"], "no forget gate"),
        (["report", "scalar", "--input", "x.npy"], "has no input"),
        (["derive", "lstm", "--format", "pdf"], "pdf"),
        (["derive", "lstm", "--standalone"], "--standalone is for --format latex"),
        (["derive", "lstm", "--format", "json", "--only", "bptt"], "--only is for text and latex"),
        (["report", "lstm", "--out", "r.docx"], "html, pdf, tex, md, json, ipynb"),
        (["report", "lstm", "--out", "r"], "its ending says no format"),
        (["report", "lstm", "--format", "word"], "html, pdf, tex, md, json, ipynb"),
        (["report", "lstm", "--seeds", "0"], "at least 1"),
        (["report", "lstm", "--need", "201"], "need is 201"),
        (["run", "lstm", "--out", "x.txt"], "written as .npz"),
        (["completion", "tcsh"], "tcsh"),
        (["report", "lstm", "--colour", "red"], "--colour"),
        (["sing"], "sing"),
    ],
)
def test_bad_usage_is_exit_2(tmp_path, capsys, monkeypatch, arguments, word):
    monkeypatch.chdir(tmp_path)
    code, sentence = refused(arguments, capsys)
    assert code == 2
    assert word in sentence
    assert list(tmp_path.iterdir()) == []


def test_a_file_without_the_cell_is_exit_3(tmp_path, capsys):
    file = tmp_path / "cells.py"
    file.write_text("x = 1\n")
    code, sentence = refused(["derive", f"{file}:MyCell"], capsys)
    assert code == 3
    assert "no Cell named 'MyCell'" in sentence
    code, sentence = refused(["derive", f"{tmp_path}/none.py:MyCell"], capsys)
    assert code == 3
    assert "no such file" in sentence


def test_a_bad_declaration_in_a_file_is_exit_2(tmp_path, capsys):
    file = tmp_path / "bad.py"
    file.write_text(
        "from gradflow import Cell\n"
        "Bad = Cell(name='bad', state='h', maps='U', equations='h_next = tanh(U @ h + q)')\n"
    )
    code, sentence = refused(["derive", f"{file}:Bad"], capsys)
    assert code == 2
    assert "equation 'h_next'" in sentence
    assert "'q' is not declared" in sentence


def test_an_unwritable_place_leaves_nothing_behind(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    code, sentence = refused([*REPORT, "--out", tmp_path / "file" / "page.html"], capsys)
    assert code == 2
    assert "file" in sentence
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_an_interrupt_is_exit_130(monkeypatch, capsys):
    def stop(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "app", stop)
    assert ask(["cells"]) == 130
    assert "interrupted" in capsys.readouterr().err


def test_an_interrupt_of_a_process_is_told(tmp_path):
    """The library that reads the words would swallow it without a word."""
    code = (
        "import gradflow.cli as cli, gradflow.cli.cell.listing as listing\n"
        "import gradflow.cells as cells\n"
        "def stop(): raise KeyboardInterrupt\n"
        "cells.names = stop\n"
        "cli.main(['cells'])"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (ran.returncode, ran.stdout) == (130, "")
    assert ran.stderr == "gradflow: interrupted\n"


def test_a_stdout_that_was_closed_before_the_start_is_no_fault():
    words = [sys.executable, "-m", "gradflow", "cells"]
    ran = subprocess.run(
        ["sh", "-c", 'exec "$@" >&-', "sh", *words], stderr=subprocess.PIPE, text=True
    )
    assert (ran.returncode, ran.stderr) == (0, "")


@pytest.mark.parametrize(
    "words",
    [
        ["cells"],
        ["cells", "gru"],
        ["derive", "scalar"],
        ["run", "scalar", "--steps", "5"],
        ["theory", "rnn"],
        ["theorem", "scalar.lower"],
        ["prove", "scalar"],
        ["figure", "--list"],
        ["figure", "toy_power", "--quick", "--format", "png", "--out", "{folder}"],
    ],
    ids=" ".join,
)
def test_json_is_alone_on_stdout_in_every_command(words, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("gradflow.proofs.coq.check.available", lambda: False)
    words = [str(word).format(folder=tmp_path) for word in words]
    assert ask([*words, "--json", "--quiet"]) == 0
    said = capsys.readouterr()
    assert json.loads(said.out)
    assert said.err == ""


def test_verify_answers_in_json_and_by_its_code(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("gradflow.proofs.coq.check.available", lambda: False)
    assert ask(["prove", "scalar", "--out", tmp_path / "b", "--quiet"]) == 0
    capsys.readouterr()
    assert ask(["verify", tmp_path / "b", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert not told["failed"]
    assert {one["name"] for one in told["bundles"]} >= {"scalar.lower", "scalar.upper"}
    file = tmp_path / "b" / "scalar.lower" / "claim.json"
    file.write_text(file.read_text("utf-8").replace("every", "some"), "utf-8")
    assert ask(["verify", tmp_path / "b", "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["failed"]


def test_what_is_infinite_is_null_in_json(capsys):
    print_json({"a": math.inf, "b": [math.nan, 1.0], "c": {"d": -math.inf}, "e": (2, "x")})
    expected = {"a": None, "b": [None, 1.0], "c": {"d": None}, "e": [2, "x"]}
    assert json.loads(capsys.readouterr().out) == expected


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        (["report", "lstm", "--init", "forgetbias=3"], "forget_bias"),
        (["theorem", "scalar.lowr"], "scalar.lower"),
        (["figure", "toypower"], "toy_power"),
    ],
)
def test_a_misspelt_word_is_asked_about(words, meant, capsys):
    assert ask(words) == 2
    assert f"did you mean '{meant}'?" in capsys.readouterr().err


def test_as_a_process():
    command = [sys.executable, "-m", "gradflow"]
    good = subprocess.run([*command, "derive", "scalar"], capture_output=True, text=True)
    assert good.returncode == 0
    assert good.stderr == ""
    assert "dy'/dy = w" in good.stdout
    bad = subprocess.run([*command, "report", "lstn"], capture_output=True, text=True)
    assert bad.returncode == 2
    assert "Traceback" not in bad.stderr
    version = subprocess.run([*command, "--version"], capture_output=True, text=True)
    assert version.stdout.strip() == gf.__version__


def test_figure_draws_and_prints_the_answer_the_claims_and_the_files(tmp_path, capsys):
    out = tmp_path / "figures"
    look = ["--venue", "icml", "--format", "svg", "--format", "png", "--quick", "--out", out]
    assert ask(["figure", "toy_power", *look]) == 0
    printed = capsys.readouterr().out
    assert "no single one serves both" in " ".join(printed.split())
    assert "-2000" in printed
    names = {f"toy_power.{kind}" for kind in ("svg", "png", "tex", "json")}
    assert {p.name for p in out.iterdir()} == names
    assert all(str(out / name) in printed.replace("\n", "") for name in names)


def test_figure_lists_every_figure_with_its_question(capsys):
    assert ask(["figure", "--list"]) == 0
    listed = capsys.readouterr().out
    assert all(script.name in listed for script in scripts())
    assert "Why is even y = w^1000 hard to learn?" in listed


def test_a_figure_script_is_a_command_of_its_own(tmp_path):
    script = find_script("toy_power").path
    command = [sys.executable, str(script), "--quick", "--format", "svg", "--out", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path)
    assert "no single one serves both" in " ".join(done.stdout.split())
    assert (tmp_path / "toy_power.svg").read_text().startswith("<?xml")
    command = [sys.executable, str(script), "--venue", "nature"]
    wrong = subprocess.run(command, capture_output=True, text=True, check=False)
    assert wrong.returncode == 2
    assert wrong.stderr.count("\n") == 1
    assert "choose one of neurips" in wrong.stderr


def test_all_figures_make_a_gallery(tmp_path, capsys, monkeypatch):
    from gradflow.reporting.publish import scripts as module

    chosen = (find_script("toy_power"),)
    monkeypatch.setattr(module, "scripts", lambda: chosen)
    look = ["--quick", "--format", "png", "--out", tmp_path / "gallery"]
    assert ask(["figure", "--all", *look]) == 0
    assert str(tmp_path / "gallery" / "index.html") in capsys.readouterr().out.replace("\n", "")
    assert (tmp_path / "gallery" / "toy_power.png").is_file()


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ([], 2, "name one figure, or pass --list or --all"),
        (["toy_power", "--all"], 2, "name one figure"),
        (["toy_powr"], 2, "not known; did you mean 'toy_power'? choose one of"),
        (["toy_power", "--venue", "nature"], 2, "choose one of neurips"),
        (["toy_power", "--format", "eps"], 2, "choose of pdf, svg, png"),
        (["toy_power", "--out", "{file}/x"], 2, "cannot be written"),
        (["{file}.py"], 3, "No such file"),
        (["--all", "--format", "pdf", "--out", "{file}x"], 2, "png or svg"),
        (["toy_power", "--quick", "extra"], 2, "extra"),
    ],
)
def test_figure_refuses_in_one_sentence(tmp_path, capsys, arguments, code, said):
    file = tmp_path / "file"
    file.write_text("")
    found, sentence = refused(["figure", *(a.format(file=file) for a in arguments)], capsys)
    assert found == code
    assert said in sentence
    assert list(tmp_path.iterdir()) == [file]


def test_what_report_prints_holds_no_latex(tmp_path, capsys):
    """At 200 steps the answer has a power of ten in it."""
    assert ask(["report", "lstm", "--seeds", "1", "--out", tmp_path / "r.html"]) == 0
    said = capsys.readouterr().out
    assert "× 10^-" in said
    assert not set("$\\{}") & set(said)


def test_theory_tells_both_settings_and_what_follows(capsys):
    assert ask(["theory", "scrn", "--size", "256", "--input", "1"]) == 0
    told = capsys.readouterr().out
    assert "tied" in told
    assert "fresh" in told
    assert "-0.0513" in told
    assert "scrn.carousel (DERIVED, fresh weights)" in told
    code, line = refused(["theory", "lstm", "--init", "chrono:20"], capsys)
    assert code == 2
    assert "chrono ties b_i to b_f" in line


def test_a_wrong_number_of_steps_is_told_by_the_command_that_was_asked(capsys):
    assert ask(["run", "gru", "--steps", "0"]) == 2
    assert "run: steps is 0" in capsys.readouterr().err
    assert ask(["run", "gru", "--hidden", "-1"]) == 2
    assert "run: hidden is -1" in capsys.readouterr().err


@pytest.mark.parametrize("name", [name for name in cli.app if not name.startswith("-")])
def test_the_help_of_each_command_has_an_example(name):
    assert re.search(rf"^\s*(eval .*)?gradflow {name} \S", cli.app[name].help, re.MULTILINE)


def test_a_missing_file_of_weights_is_no_unknown_cell(tmp_path, capsys):
    code, sentence = refused(["compare", "lstm", f"{tmp_path}/epoch1.onnx"], capsys)
    assert code == 3
    assert "no such file" in sentence
    code, sentence = refused(["report", "epoch1.pt"], capsys)
    assert code == 2
    assert "`gradflow diagnose epoch1.pt --out epoch1.html`" in sentence
    assert "no file of that name" in sentence


def test_a_diagnosis_whose_report_cannot_be_written_prints_nothing(tmp_path, capsys):
    weights = gf.stack("rnn", 1, hidden=2, inputs=1, rng=0).layers[0].params
    np.savez(tmp_path / "a.npz", **weights)
    out = tmp_path / "a.npz" / "page.html"
    code, sentence = refused(["diagnose", f"{tmp_path}/a.npz", "--need", "3", "--out", out], capsys)
    assert code == 2
    assert "a.npz" in sentence
