"""The benchmarks run, write their table under ``out`` only, and say what they compared."""

import importlib
import importlib.util
import json
import math
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parent.parent


def load(name):
    spec = importlib.util.spec_from_file_location(name, ROOT / "benchmarks" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # where dataclasses look for the module of their annotations
    spec.loader.exec_module(module)
    return module


def test_derivation_writes_a_row_a_case(tmp_path, capsys):
    ratios = load("derivation").main(tmp_path, quick=True)
    table = (tmp_path / "derivation.md").read_text()
    assert [p.name for p in tmp_path.iterdir()] == ["derivation.md"]
    assert table.strip() in capsys.readouterr().out
    assert all(label in table and math.isfinite(ratio) for label, ratio in ratios.items())
    assert any("entrywise" in label for label in ratios)
    assert ratios["gradflow, lstm, derive, any n"] == 1.0


def test_certified_has_narrow_rows_that_agree_with_high_precision(tmp_path):
    widths = load("certified").main(tmp_path, quick=True)
    table = (tmp_path / "certified.md").read_text()
    rows = [[c.strip() for c in row.split("|")[1:-1]] for row in table.splitlines() if ".." in row]
    assert len(rows) == len(widths) == 9
    finite = [width for width in widths.values() if math.isfinite(width)]
    assert len(finite) == 8  # an IRNN of 3 units is dead: exactly 0 has no logarithm
    assert max(finite) < 1e-6
    beside = [row for row in rows if row[3]]
    assert len(beside) == 3
    for _, _, floats, exact, certified, *_ in beside:
        low, high = map(float, certified.split(" .. "))
        # the last printed digit of each
        slack = 1e-11 * max(1, abs(low))
        assert low - slack <= float(exact) <= high + slack
        assert float(floats) == pytest.approx(float(exact), rel=1e-5)


def test_a_phase_diagram_has_the_signs_of_theory(tmp_path):
    module = load("phase_diagram")
    assert set(module.main(tmp_path, quick=True)) == {"tied", "fresh"}
    exponents, _ = module.diagram(False, True)
    assert exponents[0, 0] < 0 < exponents[1, 1]
    rows = [r for r in (tmp_path / "phase_diagram.md").read_text().splitlines() if "| fresh" in r]
    assert rows[0].startswith(f"| fresh | 4 | {(exponents > 0).sum()} of 4 |")


@pytest.mark.slow
def test_a_phase_diagram_takes_less_than_a_minute_of_one_core(tmp_path):
    seconds = load("phase_diagram").main(tmp_path)
    assert max(seconds.values()) < 60


def test_proved_says_why_a_row_is_not(tmp_path):
    assert load("proved").main(tmp_path, quick=True, most=1.0) == {"LSTM 2, 3 steps": "CERTIFIED"}
    assert "| CERTIFIED | Coq would take about" in (tmp_path / "proved.md").read_text()


@pytest.mark.skipif(shutil.which("coqc") is None, reason="needs coq")
@pytest.mark.slow
def test_proved_writes_a_row_a_network(tmp_path):
    assert load("proved").main(tmp_path, quick=True) == {"LSTM 2, 3 steps": "PROVED"}
    assert "| LSTM 2 | 3 | 80 |" in (tmp_path / "proved.md").read_text()


def test_certified_tells_of_a_row_that_takes_too_long(tmp_path):
    module = load("certified")

    def endless():
        while True:
            pass

    assert module.within(0.05, endless) is None
    assert module.within(60.0, lambda: 7) == 7


# torch's own vmap(jacfwd) compiles its decompositions with it
@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated:DeprecationWarning")
def test_gpu_writes_a_row_a_case_and_its_error(tmp_path, capsys):
    for library in ("torch", "jax"):
        pytest.importorskip(library)
    ratios = load("gpu").main(tmp_path, quick=True)
    table = (tmp_path / "gpu.md").read_text()
    assert table.strip() in capsys.readouterr().out
    for label, ratio in ratios.items():
        line = next(line for line in table.splitlines() if label in line)
        assert math.isfinite(ratio)
        # twelve steps of sums of 32 products in float64
        assert float(line.split("|")[-2]) < 1e-12
    for case in ("vmap(jacrev)", "autograd", "jit(vmap(jacfwd))", "jit(vjp(scan))"):
        assert sum(label.endswith(f"| {case}") for label in ratios) == 3  # one a cell
    assert ("No GPU was found" in table) == ("on CPU" in table)


PARTS = {
    # part: what its rows are about, cases of every row, largest error that is allowed to gradflow
    "jacobians": (
        ("rnn", "gru_reset_after", "lstm", "one Jacobian"),
        ("fill the output", "gradflow, numba", "gradflow, numpy", "NumPy by hand", "JAX"),
        1e-14,  # sums of 12 products of numbers of size 1
    ),
    "lyapunov": (
        ("rnn", "lstm", "leading exponents"),
        ("gradflow, numba", "gradflow, numpy", "JAX"),
        1e-8,  # the accuracy the interval is chosen for
    ),
    "decay": (
        ("rnn", "lstm", "3 trajectories"),
        ("gradflow, numba", "gradflow, numpy", "gradflow, streamed", "NumPy by hand", "JAX"),
        1e-12,  # a log of size 30 summed from 40 terms
    ),
    "memory": (("rnn", "lstm"), ("states themselves", "gradflow", "JAX", "torch"), None),
    "products": (
        ("rnn",),
        ("naive", "gradflow"),
        1e-9,  # what singular_values promises
    ),
    "grid": (("3 x 3 points",), ("gemm and tanh", "gradflow", "NumPy by hand", "JAX"), 1e-12),
    "derive": (("lstm",), ("derive", "derive and compile", "SymPy", "symengine", "CasADi"), None),
    "scaling": (("Jacobians", "Lyapunov", "gradient", "singular"), ("gradflow",), None),
    "training": (
        ("rnn", "lstm", "gru_reset_after"),
        ("gradflow, torch", "torch, fused"),
        1e-4,  # float32 gradients over 24 steps
    ),
    "watch": (("nn.LSTM",), ("torch alone", "gradflow, watched"), None),
    "cold": (("help", "report"), ("import sympy", "gradflow"), None),
}
PEERS = {"JAX": "jax", "torch": "torch", "numba": "numba", "symengine": "symengine"}
PEERS |= {"CasADi": "casadi"}
SLOW = pytest.mark.slow


@pytest.fixture
def siblings(monkeypatch):
    """Modules of benchmarks/, which import each other as scripts do."""
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    return importlib.import_module


@pytest.mark.parametrize(
    "part", [pytest.param(p, marks=() if p == "products" else SLOW) for p in PARTS]
)
def test_a_part_has_every_row_and_small_errors(part, tmp_path):
    subjects, labels, most = PARTS[part]
    command = [sys.executable, str(ROOT / "benchmarks" / "run.py"), "--quick"]
    done = subprocess.run(
        [*command, "--out", str(tmp_path), "--parts", part], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    results = json.loads((tmp_path / "results.json").read_text())
    table = (tmp_path / "benchmarks.md").read_text()
    rows = results["rows"]["1"]
    assert {"benchmarks.md", "results.json"} <= {p.name for p in tmp_path.iterdir()}
    for subject in subjects:
        assert any(subject in row["work"] for row in rows), subject
    for row in [row for rows in results["rows"].values() for row in rows]:
        assert row["part"] == part
        for label in labels:
            assert any(label in case["label"] for case in row["cases"]), (row["work"], label)
        for case in row["cases"]:
            check_case(case, most)
            assert case["label"] in table
    assert ("2" in results["rows"]) == (part in ("jacobians", "lyapunov", "decay", "grid"))
    assert (tmp_path / "cost.svg").exists() == (part == "scaling")
    assert (tmp_path / "cost.png").exists() == (part == "scaling")


def check_case(case, most):
    """A number, or a reason: the package that its label names is not here."""
    if case["amount"] is None:
        package = next(p for label, p in PEERS.items() if label in case["label"])
        assert case["note"] == f"{package} is not installed"
        assert importlib.util.find_spec(package) is None
        return
    assert math.isfinite(case["amount"])
    assert case["amount"] >= 0
    if most is not None and case["kind"] == "gradflow":
        assert case["error"] <= most, case
    if most is not None and case["kind"] == "peer":
        assert case["error"] <= 1e-8, case  # small sizes, on which no peer underflows


def test_a_wrong_result_shows_its_error_and_a_failure_its_reason(siblings):
    measure = siblings("measure")

    def fails():
        raise ValueError("no such thing")

    works = [
        measure.Work("right", measure.LIMIT, lambda: [1.0, 2.0]),
        measure.Work("wrong", measure.GRADFLOW, lambda: [1.0, 2.5]),
        measure.Work("zero", measure.PEER, lambda: [1.0, -math.inf]),
        measure.Work("fails", measure.PEER, fails),
        measure.peer("absent", "a_package_that_is_not_there", lambda module: None),
    ]
    row = measure.compare("part", "work", works, measure.largest(np.array([1.0, 2.0])), quick=True)
    found = {case.label: case for case in row.cases}
    assert [found[k].error for k in ("right", "wrong", "zero")] == [0.0, 0.5, math.inf]
    assert found["fails"].note == "failed: ValueError: no such thing"
    assert found["absent"].note == "a_package_that_is_not_there is not installed"
    assert found["fails"].amount is found["absent"].amount is None
    assert measure.Row.of(json.loads(json.dumps(row.json()))) == row


def test_a_part_that_fails_is_a_row_that_says_so(siblings, tmp_path, capsys):
    (row,) = siblings("run").elsewhere("no_such_part", 1, tmp_path, quick=True)
    assert row["cases"][0]["note"].startswith("failed: ModuleNotFoundError")
    assert "no_such_part" in capsys.readouterr().err


def test_the_table_gives_ratios_to_the_limit_and_to_the_best_peer(siblings):
    measure, table = siblings("measure"), siblings("table")
    cases = [
        measure.Case("fill", measure.LIMIT, 0.001),
        measure.Case("ours", measure.GRADFLOW, 0.002, error=1e-12, cores=1.0),
        measure.Case("slow peer", measure.PEER, 0.008, error=math.inf),
        measure.Case("best peer", measure.PEER, 0.004),
        measure.Case("absent", measure.PEER, None, note="x is not installed"),
    ]
    row = measure.Row("decay", "some work", "s", 5, tuple(cases))
    text = table.text({1: [row]}, table.about(), quick=False)
    assert "|  | ours | 2.00 | 2.00 | 0.500 | 1e-12 | 1.0 |  |" in text
    assert "|  | slow peer | 8.00 | 8.00 | 2.00 | inf |  |  |" in text
    assert "|  | absent |  |  |  |  |  | x is not installed |" in text


def test_a_slope_is_the_power_of_the_cost(siblings):
    measure, scaling = siblings("measure"), siblings("scaling")
    rows = [
        measure.Row("scaling", "w", "s", 3, (measure.Case("c", "gradflow", 3e-9 * n**3),))
        for n in (10, 30, 90)
    ]
    rows = [replace(r, series="s", axis="n", at=n) for r, n in zip(rows, (10, 30, 90), strict=True)]
    assert scaling.slopes(rows) == {("s", "c"): pytest.approx(3.0, abs=1e-12)}


def test_the_reference_of_long_products_agrees_with_certified_balls(siblings):
    pytest.importorskip("flint")
    from oracles.precision import log_singular_values as certified
    from oracles.precision import lstm_jacobians, rnn_jacobians

    for jacobians in (rnn_jacobians(5, 1.4, 40, seed=1), lstm_jacobians(3, 1.5, 30, seed=2)):
        steps = len(jacobians)
        found = siblings("balls").log_singular_values(jacobians, [3, steps])
        wanted = [certified(jacobians[-3:]), certified(jacobians)]
        # logs of integers of some thousand bits, each with 53 bits of its own
        assert np.abs(found - wanted).max() < 1e-11


def test_the_longer_reference_sees_an_error_in_one_step(siblings):
    numpy_peer, problem = siblings("peers_numpy"), siblings("problems").Problem("lstm", 4, 12)
    each = numpy_peer.one_at_a_time("lstm", problem.stacked, problem.before, problem.x)
    jacobians = np.array([step.copy() for step in each])
    u = problem.covector
    wanted = []
    for step in jacobians[::-1]:
        u = u @ step
        wanted.append(math.log(np.linalg.norm(u)))
    found = numpy_peer.decay(
        "lstm", problem.stacked, problem.x[None], problem.covector[None], np.longdouble
    )
    assert np.abs(found[0] - wanted).max() < 1e-12  # 12 products of 8 x 8 matrices
    planted = problem.x[None].copy()
    planted[0, 5] += 1e-6
    moved = numpy_peer.decay("lstm", problem.stacked, planted, problem.covector[None])
    assert np.abs(moved[0] - wanted).max() > 1e-9
