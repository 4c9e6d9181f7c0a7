"""The fuzzing finds planted faults, repeats itself, and counts what raises."""

import numpy as np
import pytest

from fuzz.__main__ import once, run, subjects
from fuzz.attempt import Subject, Told
from fuzz.products import compared


def planted(kind, rng):
    number = int(rng.integers(10))
    if kind == "raises":
        raise ZeroDivisionError(number)
    return Told(f"{number}", wrong="seven" if number == 7 else "", refused="one" * (number == 1))


SUBJECT = Subject("planted", ("even", "raises"), planted)


def test_a_fault_is_printed_with_the_command_that_repeats_it(capsys):
    faults = run({"planted": SUBJECT}, "even", range(100), float("inf"), 3)
    said = capsys.readouterr().out
    tried = [once(SUBJECT, "even", 3, n) for n in range(100)]
    assert faults == sum(bool(told.wrong) for told in tried) > 0
    first = next(n for n, told in enumerate(tried) if told.wrong)
    assert f"--only 'planted' --kind 'even' --seed 3 --numbers {first} {first + 1}" in said
    assert "WRONG: planted, even, 7: seven" in said
    assert said.splitlines()[-1].split()[-4:-2] == ["100", str(faults)]


def test_what_raises_is_a_fault():
    told = once(SUBJECT, "raises", 0, 0)
    assert told.wrong.startswith("raised ZeroDivisionError")


def test_time_ends_it():
    assert run({"planted": SUBJECT}, None, range(10**6), 0.05, 0) > 0


def test_a_wrong_product_is_told():
    exact = np.array([1.0, -5.0, -np.inf])
    good = np.array([1e-9, 1e-9, 0.0])
    assert compared("", exact, good, exact) == Told("")
    assert compared("", exact + np.array([0, 1e-6, 0]), good, exact).wrong
    assert compared("", np.array([1.0, -5.0, -99.0]), good, exact).wrong
    assert compared("", exact, np.array([0.0, 1e-3, 0.0]), exact).doubtful
    assert compared("", exact, np.array([0.0, np.inf, 0.0]), exact).refused


@pytest.mark.parametrize("name", sorted(subjects()))
def test_every_subject_can_be_asked(name):
    subject = subjects()[name]
    assert subject.kinds
    if name != "saturated units":  # compiles
        assert not once(subject, subject.kinds[0], 0, 0).wrong
