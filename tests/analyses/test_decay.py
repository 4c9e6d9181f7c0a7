"""The picture of the README: the numbers it claims, its bytes, and where it writes."""

import importlib.util
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture(scope="module")
def decay():
    spec = importlib.util.spec_from_file_location("decay", ROOT / "analyses" / "decay.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_forget_gate_and_the_identity_keep_the_gradient(decay, tmp_path):
    numbers = decay.main(tmp_path / "a", quick=True)
    again = decay.main(tmp_path / "b", quick=True)
    assert numbers == again
    assert [p.name for p in (tmp_path / "a").iterdir()] == ["decay.svg"]
    first = (tmp_path / "a" / "decay.svg").read_bytes()
    assert first == (tmp_path / "b" / "decay.svg").read_bytes()
    assert set(numbers) == set(decay.CASES)
    # 40 steps: sigmoid(3)^40 is 0.14, sigmoid(0)^40 is 1e-12; the rest of the state lifts both.
    assert numbers["LSTM, forget bias 3"] > -2
    assert numbers["LSTM, forget bias 0"] < -4
    assert numbers["LSTM, forget bias 0"] < numbers["SCRN"] < 0
    assert numbers["Clockwork"] > -2
