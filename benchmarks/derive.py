"""From equations to compiled Jacobians of an LSTM, beside other ways to a derivative.

The table of every library cell is that of ``derivation.py``, which this part runs as well.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import derivation
import numpy as np
from measure import GRADFLOW, PEER, Row, Work, compare
from problems import Problem
from sympy.core.cache import clear_cache


def rows(quick: bool, out: Path) -> Iterator[Row]:
    derivation.main(out, quick=quick)
    sizes = (2,) if quick else (64, 256)
    entries = (1,) if quick else (2, 4)
    works = [
        Work("gradflow, derive, any n", GRADFLOW, fresh(derivation.derive, "lstm")),
        Work(
            "gradflow, derive and compile, any n",
            GRADFLOW,
            fresh(derivation.derive_and_compile, "lstm"),
        ),
        *[Work(f"SymPy entrywise, n = {n}", PEER, fresh(derivation.entrywise, n)) for n in entries],
        *[installed("symengine", f"symengine entrywise, n = {n}", symengine, n) for n in entries],
        *[installed("casadi", f"CasADi MX, function of n = {n}", casadi, n) for n in sizes],
    ]
    yield compare("derive", "lstm: Jacobian of the whole state", works, None, quick)


def fresh(work: Callable[..., Any], *args: Any) -> Callable[[], None]:
    def call() -> None:
        clear_cache()
        work(*args)

    return call


def installed(package: str, label: str, make: Callable[[int], Callable[[], Any]], n: int) -> Work:
    if find_spec(package) is None:
        return Work(label, PEER, None, note=f"{package} is not installed")
    return Work(label, PEER, make(n))


def symengine(n: int) -> Callable[[], Any]:
    """Matrix.jacobian of the two state parts, entry by entry."""
    import symengine as se

    def vector(name: str) -> Any:
        return se.Matrix([se.Symbol(f"{name}{i}") for i in range(n)])

    def matrix(name: str) -> Any:
        return se.Matrix(n, n, [se.Symbol(f"{name}_{i}_{j}") for i in range(n) for j in range(n)])

    def call() -> Any:
        h, c, x = vector("h"), vector("c"), vector("x")
        new_h, new_c = [], []
        a = {k: matrix(f"W{k}") * x + matrix(f"U{k}") * h + vector(f"b{k}") for k in "ifog"}
        for j in range(n):
            i, f, o = (1 / (1 + se.exp(-a[k][j])) for k in "ifo")
            new_c.append(f * c[j] + i * se.tanh(a["g"][j]))
            new_h.append(o * se.tanh(new_c[j]))
        return se.Matrix(new_h + new_c).jacobian(se.Matrix([*h, *c]))

    return call


def casadi(n: int) -> Callable[[], Any]:
    """Declare, differentiate and build the function; :func:`casadi_jacobian` calls it."""
    return lambda: casadi_function(n)


def casadi_function(n: int) -> Any:
    """A CasADi function of (state, input, U, W, b), gates stacked, to the Jacobian (d, d)."""
    import casadi as ca

    s, x = ca.MX.sym("s", 2 * n), ca.MX.sym("x", Problem("lstm", n, 1).x.shape[-1])
    u, w = ca.MX.sym("U", 4 * n, n), ca.MX.sym("W", 4 * n, x.shape[0])
    b = ca.MX.sym("b", 4 * n)
    a = u @ s[:n] + w @ x + b
    gates = 1 / (1 + ca.exp(-a[: 3 * n]))
    c = gates[n : 2 * n] * s[n:] + gates[:n] * ca.tanh(a[3 * n :])
    new = ca.vertcat(gates[2 * n :] * ca.tanh(c), c)
    return ca.Function("jacobian", [s, x, u, w, b], [ca.jacobian(new, s)])


def casadi_jacobian(p: Problem) -> np.ndarray:
    """Its value at the first step of a problem, (d, d)."""
    w = p.stacked
    found = casadi_function(p.n)(p.before[0], p.x[0], w["U"], w["W"], w["b"])
    return np.array(found)
