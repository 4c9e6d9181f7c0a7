"""The library's cells entry by entry, in SymPy matrices; `Matrix.jacobian` differentiates them.

Every weight, state and input entry is a symbol of its own. `sigma` and `hyp` (tanh) are opaque
functions that know their derivative in terms of themselves, so a Jacobian is a polynomial in the
entries and in the values of these functions. `normal` writes it as such: every distinct value
`sigma(a)`, its argument normalised first, becomes a fresh symbol, and the polynomial is expanded.
Two expressions are then equal for every weight exactly if their normal forms are the same object:
no `simplify`, no numbers, no tolerance. ReLU, clocks and masks branch on numbers; there the entries
are exact rationals (`numbers`), and the normal form is a rational number.

Nothing here calls gradflow but `expand`, which multiplies out gradflow's own terms at this width. A
cell that is not written here is read by Python itself from its declared text.
"""

import textwrap
from fractions import Fraction
from itertools import product

import sympy as sp

import gradflow as gf


class sigma(sp.Function):
    def fdiff(self, argindex=1):
        return self * (1 - self)


class hyp(sp.Function):
    def fdiff(self, argindex=1):
        return 1 - self**2


class ramp(sp.Function):
    """max(a, 0), derivative 1 for a > 0 and 0 otherwise."""

    @classmethod
    def eval(cls, a):
        return sp.Max(a, 0) if a.is_Rational else None

    def fdiff(self, argindex=1):
        return positive(self.args[0])


class positive(sp.Function):
    @classmethod
    def eval(cls, a):
        return sp.Integer(bool(a > 0)) if a.is_Rational else None


def matrix(name, rows, columns):
    return sp.Matrix(rows, columns, lambda i, j: sp.Symbol(f"{name}[{i},{j}]"))


def vector(name, size):
    return sp.Matrix([sp.Symbol(f"{name}[{i}]") for i in range(size)])


def times(a, b):
    return a.multiply_elementwise(b)


def scalar(v):
    return [v["w"][0] * v["y"]]


def rnn(v):
    return [(v["U"] * v["h"] + v["W"] * v["x"] + v["b"]).applyfunc(hyp)]


def irnn(v):
    return [(v["U"] * v["h"] + v["W"] * v["x"] + v["b"]).applyfunc(ramp)]


def lstm(v):
    gates = {}
    for k, function in (("i", sigma), ("f", sigma), ("o", sigma), ("g", hyp)):
        a = v[f"W_{k}"] * v["x"] + v[f"U_{k}"] * v["h"] + v[f"b_{k}"]
        gates[k] = a.applyfunc(function)
    c = times(gates["f"], v["c"]) + times(gates["i"], gates["g"])
    return [times(gates["o"], c.applyfunc(hyp)), c]


def gru(v):
    r = (v["W_r"] * v["x"] + v["U_r"] * v["h"] + v["b_r"]).applyfunc(sigma)
    z = (v["W_z"] * v["x"] + v["U_z"] * v["h"] + v["b_z"]).applyfunc(sigma)
    g = (v["W_g"] * v["x"] + v["U_g"] * times(r, v["h"]) + v["b_g"]).applyfunc(hyp)
    return [times(z, v["h"]) + g - times(z, g)]


def gru_reset_after(v):
    r = (v["W_r"] * v["x"] + v["U_r"] * v["h"] + v["b_r"]).applyfunc(sigma)
    z = (v["W_z"] * v["x"] + v["U_z"] * v["h"] + v["b_z"]).applyfunc(sigma)
    g = (v["W_g"] * v["x"] + v["b_g"] + times(r, v["U_g"] * v["h"] + v["d_g"])).applyfunc(hyp)
    return [times(z, v["h"]) + g - times(z, g)]


def clockwork(v):
    """The clocks are numbers here: `v["period"]` and `v["t"]`."""
    n = v["h"].rows
    period, t = v["period"], v["t"]
    allowed = v["W_H"].copy()
    for i, j in product(range(n), repeat=2):
        if period[i] > period[j]:
            allowed[i, j] = 0
    a = (allowed * v["h"] + v["W_I"] * v["x"] + v["b"]).applyfunc(hyp)
    return [sp.Matrix([a[i] if t % period[i] == 0 else v["h"][i] for i in range(n)])]


def scrn(v):
    alpha = v["alpha"][0]
    s = (1 - alpha) * v["B"] * v["x"] + alpha * v["s"]
    return [(v["P"] * s + v["A"] * v["x"] + v["R"] * v["h"]).applyfunc(sigma), s]


BY_HAND = {f.__name__: f for f in (scalar, rnn, irnn, lstm, gru, gru_reset_after, clockwork, scrn)}


class Units:
    """A vector of entries as the language means it: `*` is elementwise, one entry goes with all."""

    def __init__(self, entries):
        self.entries = list(entries)

    def _with(self, other, binary):
        others = other.entries if isinstance(other, Units) else [sp.sympify(other)]
        size = max(len(self.entries), len(others))
        mine, theirs = (e * size if len(e) == 1 else e for e in (self.entries, others))
        return Units(binary(a, b) for a, b in zip(mine, theirs, strict=True))

    def __add__(self, other):
        return self._with(other, lambda a, b: a + b)

    def __mul__(self, other):
        return self._with(other, lambda a, b: a * b)

    def __sub__(self, other):
        return self + -1 * other

    def __rsub__(self, other):
        return -1 * self + other

    __radd__, __rmul__ = __add__, __mul__


class Weights:
    """A matrix of entries, which applies to a vector alone."""

    def __init__(self, values):
        self.values = values

    def __matmul__(self, units):
        return Units(self.values * sp.Matrix(units.entries))


def read_by_python(cell):
    """The new state of a cell: Python executes its equations on entries."""
    kinds = {"sigmoid": sigma, "tanh": hyp, "relu": ramp}

    def each(kind):
        return lambda units: Units(map(kind, units.entries))

    def new(v):
        names = {name: each(kind) for name, kind in kinds.items()}
        for name, m in v.items():
            if isinstance(m, sp.Matrix):
                names[name] = Weights(m) if len(cell.shape_of(name)) == 2 else Units(m)
        exec(textwrap.dedent(cell.equations), names)
        return [sp.Matrix(names[f"{part}_next"].entries) for part in cell.states]

    return new


def new_state(name):
    """The new state of a library cell as a function of entries, by hand if there is one."""
    return BY_HAND.get(name) or read_by_python(gf.cells.get(name))


def variables(cell, sizes):
    """Entries of every state part, input, parameter and constant as symbols."""
    sizes = {**sizes, "one": 1}
    names = (*cell.states, *cell.input_names, *cell.parameters, *cell.constant_names)
    shapes = {n: [sizes[s] for s in cell.shape_of(n)] for n in names}
    return {n: matrix(n, *s) if s[1:] else vector(n, *s) for n, s in shapes.items()}


def numbers(values, rng):
    """An exact rational for every symbol of `values`; about one in five is 0."""
    entries = sorted({e for m in values.values() for e in m}, key=str)
    drawn = (Fraction(int(rng.integers(-4, 5)), int(rng.integers(1, 4))) for _ in entries)
    return {e: sp.Rational(f.numerator, f.denominator) for e, f in zip(entries, drawn, strict=True)}


def normal(expression, fresh):
    """Expanded polynomial with a fresh symbol for each function value; `fresh` remembers them."""
    if isinstance(expression, (sigma, hyp)):
        key = (type(expression), normal(expression.args[0], fresh))
        return fresh.setdefault(key, sp.Symbol(f"value{len(fresh)}"))
    if expression.is_Atom:
        return expression
    return sp.expand(expression.func(*(normal(a, fresh) for a in expression.args)))


def same(a, b, fresh):
    """Whether two matrices agree exactly, entry by entry."""
    return a.shape == b.shape and all(
        normal(x, fresh) == normal(y, fresh) for x, y in zip(a, b, strict=True)
    )


def _translate(expression, names):
    """A scalar expression of gradflow with this module's functions and the entries in `names`."""
    if expression.is_Symbol:
        return names[expression.name]
    if expression.is_Atom:
        return expression
    args = [_translate(a, names) for a in expression.args]
    own = {"sigmoid": sigma, "tanh": hyp, "relu": ramp, "step": positive}
    kind = type(expression).__name__
    if kind == "modulo":
        return args[0] % args[1]
    return own[kind](*args) if kind in own else expression.func(*args)


def _entries(linear_map, values, sizes):
    rows, columns = sizes[linear_map.out], sizes[linear_map.into]
    if linear_map.kind in ("spread", "sum"):
        return sp.ones(rows, columns)
    if linear_map.kind == "mean":
        return sp.ones(rows, columns) / columns
    dense = values[linear_map.name].copy()
    if linear_map.mask is not None:
        for i, j in product(range(rows), range(columns)):
            if not _at(linear_map.mask, {"row": i, "column": j}, values):
                dense[i, j] = 0
    return dense


def _at(rule, place, values):
    return rule.replace(
        lambda node: type(node).__name__ in place,
        lambda node: values[node.args[0].name][place[type(node).__name__]],
    )


def run(cell, values, sizes, t):
    """Entries of every name of gradflow's program, in terms of the entries of its inputs."""
    known = {n: m for n, m in values.items() if m.cols == 1}
    for statement in cell.program:
        name = statement.target.name
        if hasattr(statement, "linear_map"):
            dense = _entries(statement.linear_map, values, sizes)
            known[name] = dense * known[statement.operand.name]
        else:
            known[name] = _each(statement.expression, known, sizes[cell.spaces[name]], t)
    return known


def _each(expression, known, size, t):
    rows = []
    for i in range(size):
        names = {n: m[i if m.rows > 1 else 0] for n, m in known.items() if m.rows in (1, size)}
        rows.append(_translate(expression, {**names, "t": sp.Integer(t)}))
    return sp.Matrix(rows)


def expand(cell, terms, known, values, sizes, t, space):
    """Sum of gradflow's terms `diag(d0) W1 diag(d1) ...` as one matrix of entries."""
    total = 0
    for term in terms:
        spaces = [m.out for m in term.maps] + [term.maps[-1].into if term.maps else space]
        result = sp.diag(*_each(term.diagonals[0], known, sizes[spaces[0]], t))
        pairs = zip(term.maps, term.diagonals[1:], spaces[1:], strict=True)
        for linear_map, diagonal, inner in pairs:
            result *= _entries(linear_map, values, sizes)
            result *= sp.diag(*_each(diagonal, known, sizes[inner], t))
        total = total + result if total else result
    return total
