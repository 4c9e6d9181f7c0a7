"""The context against powers of alpha in decimal arithmetic, and a backward pass by hand."""

from decimal import Decimal, getcontext
from math import log, log10

import numpy as np
import pytest

import gradflow as gf
from gradflow.networks import read_sequence
from gradflow.reporting.publish.scripts import find_script
from gradflow.spectra import cross_entropy

ALPHAS = ["0.9", "0.95", "0.99"]


def power(alpha):
    """alpha^100 at 40 digits."""
    getcontext().prec = 40
    return float(Decimal(alpha) ** 100)


def check(numbers, alpha, context):
    """The theorems scrn.context and scrn.eigenvalue."""
    for end in ("least", "most"):
        found = numbers[f"{end} of ds/ds over 100 steps, alpha = {alpha}"]
        assert found == pytest.approx(power(alpha), abs=1e-12)
        assert found == pytest.approx(power(alpha), rel=1e-12)
    assert numbers[f"entries beside the diagonal of ds/ds, alpha = {alpha}"] == 0
    assert numbers[f"entries of ds/dh, alpha = {alpha}"] == 0
    assert numbers[f"eigenvalues at alpha, alpha = {alpha}"] == context
    # beyond lag 50 what comes in through h is below 1e-20 of the line
    rate = numbers[f"rate of s (nats a step), alpha = {alpha}"]
    assert rate == pytest.approx(log(float(alpha)), abs=1e-12)


@pytest.mark.parametrize("alpha", ALPHAS)
def test_the_context_keeps_exactly_its_power_of_alpha(quick, alpha):
    check(quick("scrn").numbers, alpha, 4)


def test_the_checkpoint_of_the_paper(quick):
    found = quick("scrn").numbers["most of ds/ds over 100 steps, alpha = 0.95"]
    assert abs(found - 0.005920529220334) < 1e-12


@pytest.mark.parametrize("alpha", ALPHAS)
def test_both_parts_against_a_backward_pass_by_hand(quick, alpha):
    text = read_sequence(None, 200)
    x, a = text.values, float(alpha)
    p = gf.cells.scrn.init(hidden=16, context=4, inputs=x.shape[1], rng=0, alpha=a)
    h, s, slopes = np.zeros(16), np.zeros(4), []
    for row in x:
        s = (1 - a) * (p["B"] @ row) + a * s
        h = 1 / (1 + np.exp(-(p["P"] @ s + p["A"] @ row + p["R"] @ h)))
        slopes.append(h * (1 - h))
    readout = np.random.default_rng(1).standard_normal((x.shape[1], 20)) / np.sqrt(20)
    gradient = cross_entropy(readout, np.concatenate([h, s]), text.targets[-1]).gradient
    dh, ds = gradient[:16], gradient[16:]
    along = [np.linalg.norm(ds)]
    for slope in slopes[:-101:-1]:
        local = dh * slope
        dh, ds = local @ p["R"], a * (ds + local @ p["P"])
        along.append(np.linalg.norm(ds))
    numbers = quick("scrn").numbers
    for part, value in (("h", dh), ("s", ds)):
        found = numbers[f"log10 gradient in {part} at lag 100, alpha = {alpha}"]
        assert found == pytest.approx(log10(np.linalg.norm(value)), abs=1e-9)
    off = np.abs(np.array(along) / (along[-1] * a ** (np.arange(101.0) - 100)) - 1).max()
    found = numbers[f"share of s that comes in through h, alpha = {alpha}"]
    assert found == pytest.approx(off, abs=1e-9)
    # sigmoid' is at most 1/4
    others = numbers[f"largest of the others, alpha = {alpha}"]
    assert others <= np.linalg.norm(p["R"], 2) / 4


@pytest.mark.slow
def test_the_full_figure(tmp_path):
    numbers = find_script("scrn").run(tmp_path, formats=["png"])
    for alpha in ALPHAS:
        check(numbers, alpha, 40)
        assert numbers[f"log10 gradient in h at lag 100, alpha = {alpha}"] < -30
