"""The GRU's update gate: the exact carousel, the certified bound, the order in the bias."""

import mpmath as mp
import pytest

from gradflow.report.scripts import find_script

BIASES = (5, 3, 1, 0, -3)
STEPS = 50
PATHS = ("carousel", "candidate", "reset gate", "update gate")


@pytest.mark.parametrize("b", BIASES)
def test_the_carousel_alone_is_a_power_of_the_gate(quick, b):
    with mp.workdps(50):
        exact = float(STEPS * mp.log10(1 / (1 + mp.exp(-b))))
    found = quick("gru").numbers[f"b={b}, all maps 0: log10 of the gradient"]
    assert found == pytest.approx(exact, rel=1e-13)


def test_the_further_open_the_more_is_kept(quick):
    numbers = quick("gru").numbers
    kept = [numbers[f"b={b}: log10 of the gradient"] for b in BIASES]
    assert kept == sorted(kept, reverse=True)


def certified(numbers):
    """The bound lies under the least singular value, and that under the gradient's rate."""
    bound = numbers["b=6: nats a step, certified"]
    least = numbers["b=6: nats a step, least singular value"]
    assert bound < 0
    assert bound <= least <= numbers["b=6: nats a step"] + 1e-12


def test_the_certified_bound_is_respected(quick):
    certified(quick("gru").numbers)


@pytest.mark.parametrize("b", ["-4", "6"])
def test_the_shares_are_a_whole(quick, b):
    numbers = quick("gru").numbers
    shares = {path: numbers[f"{path}: percent at b={b}"] for path in PATHS}
    assert sum(shares.values()) == pytest.approx(100, rel=1e-12)
    assert max(shares, key=shares.get) == ("carousel" if b == "6" else "candidate")


@pytest.mark.slow
def test_in_full_the_bound_is_respected_too(tmp_path):
    certified(find_script("gru").run(tmp_path, formats=["png"]))
