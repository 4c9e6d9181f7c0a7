"""Decay through saturated units, step by step against mpmath by formulas written here."""

from importlib.util import find_spec

import mpmath
import numpy as np

import gradflow as gf
from fuzz.attempt import Subject, Told

BACKENDS = ("numpy", "numba") if find_spec("numba") else ("numpy",)
STEPS = 60
# of a log; sums of 60 logs, each to a few rounding units of the slope and of the state before it
CLOSE = 1e-12
DIGITS = 50


def tanh(a):
    return mpmath.tanh(a), 1 / mpmath.cosh(a) ** 2


def sigmoid(a):
    s = 1 / (1 + mpmath.exp(-a))
    return s, s / (1 + mpmath.exp(a))


def gate(a, h):
    """``z h + (1 - z) tanh(1)`` of a gate that knows nothing of h: its slope is z."""
    z = 1 / (1 + mpmath.exp(-a))
    return z * h + (1 - z) * mpmath.tanh(1), z


def closed(a, h):
    """``(1 - z) h``: of an open gate, which all but forgets."""
    z = 1 / (1 + mpmath.exp(a))
    return z * h, z


CELLS = {
    "tanh": ("tanh(h + b)", lambda h, b: tanh(h + b)),
    "sigmoid": ("sigmoid(h + b)", lambda h, b: sigmoid(h + b)),
    "forget gate": ("sigmoid(b) * h + (1 - sigmoid(b)) * tanh(1)", lambda h, b: gate(b, h)),
    "open gate": ("(1 - sigmoid(b)) * h", lambda h, b: closed(b, h)),
}


def declared(kind):
    name = kind.replace(" ", "_")
    return gf.Cell(name=name, state="h", vectors="b", equations=f"h_next = {CELLS[kind][0]}")


def exact(kind, b, start):
    """log |dh_T/dh_0| of one unit; the state is followed in float64, as it is stored, each step."""
    with mpmath.workdps(DIGITS):
        log, h = mpmath.mpf(0), mpmath.mpf(start)
        for _ in range(STEPS):
            value, slope = CELLS[kind][1](h, mpmath.mpf(b))
            log += mpmath.log(slope)
            h = mpmath.mpf(float(value))
        return float(log)


def of_units(kind, rng):
    size = np.exp(rng.uniform(np.log(0.1), np.log(700), 3))
    b = np.where(rng.random(3) < 0.5, size, -size)
    start = rng.uniform(-1, 1, 3)
    backend = str(rng.choice(BACKENDS))
    asked = f"{backend}, b={b.tolist()} h={start.tolist()}"
    run = gf.run(declared(kind), {"b": b}, state=start, steps=STEPS, backend=backend)
    for unit in range(3):
        row = np.eye(3)[unit]
        found = run.gradient_decay(row).log_norm[-1]
        true = exact(kind, b[unit], start[unit])
        if not abs(found - true) <= CLOSE * max(1, abs(true)):
            return Told(asked, wrong=f"unit {unit}: said {found:.17g}, exact {true:.17g}")
    return Told(asked)


SUBJECTS = (Subject("saturated units", tuple(CELLS), of_units),)
