"""Exponents by rank: closed forms, the published table, and the identity's zeros."""

import math

import pytest


def test_theory_is_the_table(quick):
    numbers = quick("isometry").numbers
    assert numbers["leading exponent of theory, Gaussian"] == pytest.approx(0, abs=1e-10)
    assert numbers["median exponent of theory, Gaussian"] == pytest.approx(-0.477, abs=3e-3)
    assert numbers["median exponent of theory, orthogonal"] == pytest.approx(-0.129, abs=3e-3)
    for word in ("Gaussian", "orthogonal"):
        measured = numbers[f"median exponent measured, {word}"]
        assert measured == pytest.approx(numbers[f"median exponent of theory, {word}"], abs=0.08)


def test_an_identity_keeps_all_and_an_lstm_half(quick):
    numbers = quick("isometry").numbers
    assert numbers["largest size of an exponent, identity"] < 1e-14
    gate = numbers["LSTM, ln of the gate"]
    assert gate == pytest.approx(-math.log(1 + math.exp(-5)), abs=1e-15)
    assert numbers["LSTM, floor"] == pytest.approx(-math.log(1 + math.exp(-5 + 0.125)), abs=1e-15)
    assert numbers["LSTM, exponent of rank n"] > -0.1
    assert numbers["LSTM, exponent of rank n + 1"] < -1.5
