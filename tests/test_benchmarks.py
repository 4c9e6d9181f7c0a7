"""The benchmarks run, write their table under ``out`` only, and say what they compared."""

import importlib.util
import math
from pathlib import Path

ROOT = Path(__file__).parent.parent


def load(name):
    spec = importlib.util.spec_from_file_location(name, ROOT / "benchmarks" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
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
