"""Random small cells over the whole language, as hypothesis or a random generator draws them.

Sizes are 3 (hidden), 2 (context), 4 (input) and 1. Every subexpression has a known size, so what
is drawn is a declaration that must be accepted. Functions with a bounded domain get arguments from
inside it; nothing grows faster than a cube.
"""

import re
from itertools import permutations

from hypothesis import strategies as st

from gradflow.cells import Cell

SIZES = {"hidden": 3, "context": 2, "input": 4, "one": 1}
NUMBERS = ["0.5", "2", "-1.5", "0.25", "3"]
SMOOTH = ["tanh", "sigmoid", "sin", "cos", "atan", "asinh", "erf", "softplus"]
KINKED = ["relu", "Abs", "sign", "step", "floor"]
GUARDED = [
    "exp(tanh({0}))",
    "log(1 + ({0})**2)",
    "sqrt(1 + ({0})**2)",
    "sinh(tanh({0}))",
    "cosh(sin({0}))",
    "tan(tanh({0}) / 2)",
    "(1 + ({0})**2)**tanh({1})",
    "({0}) / (1 + ({1})**2)",
    "({0}) % (1 + ({1})**2)",
    "Max({0}, {1})",
    "Min({0}, {1}, 0.5)",
    "({0} if {1} > {2} else {1})",
    "({0} if 0 < {1} < 1 or not {2} <= {0} else tanh({2}))",
    "Piecewise(({0}, {1} < 0), ({1} * 2, {2} >= 0.5 and t > 2), ({2}, True))",
    "tanh({0})**3",
    "tanh({0})**2",
    "-({0})",
]


class _Writer:
    """Writes one declaration; remembers which maps and names it has used.

    `pick` chooses one entry of a list.
    """

    def __init__(self, pick):
        self._pick = pick
        self.maps = {}
        self.equations = {}
        self.known = {
            "h": "hidden",
            "s": "context",
            "x": "input",
            "z": "context",
            "b": "hidden",
            "d": "context",
            "w": "one",
            "k": "hidden",
        }

    def pick(self, choices):
        return self._pick(list(choices))

    def leaf(self, space):
        names = [n for n, s in self.known.items() if s in (space, "one")]
        name = self.pick([*names, "t", *NUMBERS] if self.pick([False, True]) else names)
        return f"t / {self.pick(['2', '7'])}" if name == "t" else name

    def expression(self, space, depth):
        if depth == 0:
            return self.leaf(space)
        kind = self.pick(["leaf", "smooth", "kinked", "guarded", "sum", "product", "map", "mean"])
        if kind == "leaf":
            return self.leaf(space)
        if kind in ("smooth", "kinked"):
            name = self.pick(SMOOTH if kind == "smooth" else KINKED)
            return f"{name}({self.expression(space, depth - 1)})"
        if kind == "mean":
            inner = self.expression(self.pick(SIZES), depth - 1)
            return f"{self.pick(['mean', 'sum'])}({inner})"
        if kind == "map":
            return self.product(space, depth)
        parts = [f"({self.expression(space, depth - 1)})" for _ in range(3)]
        if kind == "guarded":
            return self.pick(GUARDED).format(*parts)
        return (" + ", " * ")[kind == "product"].join(parts[:2])

    def product(self, space, depth):
        """`W @ v` with a map of the right sizes, an old one or a new one."""
        into = self.pick(SIZES)
        fits = [n for n, sizes in self.maps.items() if sizes == (space, into)]
        name = self.pick([*fits, ""])
        if not name:
            # learned, constant, masked; fixed where an array surely has the size of its rows
            kinds = "MCKF" if space in ("hidden", "context", "one") else "MCK"
            name = f"{self.pick(kinds)}{len(self.maps)}"
            self.maps[name] = (space, into)
        # a size of its own cannot be read off an expression of scalars
        inner = self.expression(into, depth - 1)
        fixing = [n for n, s in self.known.items() if s == into]
        anchor = self.pick(fixing)
        return f"({name} @ (({inner}) + {anchor}))"


@st.composite
def cells(draw, depth=3):
    """A cell with two or three state parts of different sizes."""
    return _cell(lambda choices: draw(st.sampled_from(choices)), depth)


def rolled(rng, depth=3):
    """The same from a random generator of NumPy."""
    return _cell(lambda choices: choices[rng.integers(len(choices))], depth)


def _cell(pick, depth):
    writer = _Writer(pick)
    scalar_part = writer.pick([False, True])
    if scalar_part:
        writer.known["y"] = "one"
    else:
        writer.known["c"] = "one"
    for i in range(writer.pick([0, 1, 2])):
        space = writer.pick(SIZES)
        writer.equations[f"e{i}"] = writer.expression(space, depth)
        # the size of an equation of scalars alone is one
        anchor = writer.pick([n for n, s in writer.known.items() if s == space])
        writer.equations[f"e{i}"] += f" + {anchor}"
        writer.known[f"e{i}"] = space
    states = {"h": "hidden", "s": "context"} | ({"y": "one"} if scalar_part else {})
    for part in writer.pick(list(permutations(states))):
        writer.equations[f"{part}_next"] = writer.expression(states[part], depth)
        writer.known[f"{part}_next"] = states[part]
    used = set(re.findall(r"[a-zA-Z]\w*", " ".join(writer.equations.values())))

    def names(*candidates):
        return " ".join(n for n in candidates if n.split("[")[0] in used)

    def maps(letter):
        found = {n: s for n, s in writer.maps.items() if n.startswith(letter) and n in used}
        return [f"{n}[{out},{into}]" for n, (out, into) in found.items()]

    return Cell(
        name="random",
        state=" ".join(f"{n}[{s}]" for n, s in states.items()),
        inputs=names("x", "z[context]"),
        maps=" ".join([*maps("M"), *maps("K")]),
        vectors=names("b[hidden]", "d[context]"),
        scalars=names("w"),
        constants=" ".join([names("k[hidden]", "c[one]"), *maps("C")]),
        fixed=dict.fromkeys(maps("F"), "1/(2 + row(index) + 2*column(index))"),
        masks={n.split("[")[0]: "(row(index) + column(index)) % 2 == 0" for n in maps("K")},
        outputs=" ".join(e for e in writer.equations if e.startswith("e") and e not in used),
        equations="\n".join(f"{n} = {e}" for n, e in writer.equations.items()),
    )
