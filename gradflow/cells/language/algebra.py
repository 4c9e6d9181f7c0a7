"""From syntax trees to SymPy, every kind and every number checked on the way.

An expression is a number (one a unit) or a condition; Python and SymPy would both let one stand
for the other. Numbers written out must be real and fit a float64.
"""

from __future__ import annotations

import ast
import difflib
import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

import sympy as sp
from sympy.core.symbol import Str

from gradflow.cells.language.defined import ALIASES, Definitions
from gradflow.cells.language.elementwise import ElementwiseFunction
from gradflow.cells.language.functions import FUNCTIONS, modulo
from gradflow.cells.language.maps import (
    IDENTITY,
    NotAMapError,
    Parts,
    grouped,
    has_map,
    shares,
    spelled,
)
from gradflow.cells.language.nodes import Apply, choose
from gradflow.cells.language.syntax import (
    LARGEST,
    PI,
    REDUCTIONS,
    column,
    is_reserved,
    row,
    shorten,
    symbol,
)
from gradflow.errors import UsageError

_BINARY: dict[type[ast.operator], Callable[[sp.Expr, sp.Expr], sp.Expr]] = {
    ast.Add: lambda a, b: a + b,
    ast.Sub: lambda a, b: a - b,
    ast.Mult: lambda a, b: a * b,
    ast.Div: lambda a, b: a / b,
    ast.Pow: lambda a, b: a**b,
    ast.Mod: modulo,
}
_COMPARE: dict[type[ast.cmpop], Callable[[sp.Expr, sp.Expr], sp.Basic]] = {
    ast.Lt: sp.Lt,
    ast.LtE: sp.Le,
    ast.Gt: sp.Gt,
    ast.GtE: sp.Ge,
    ast.Eq: sp.Eq,
    ast.NotEq: sp.Ne,
}
_ENTRIES = {"row": row, "column": column}
_LARGEST = 10**308  # a float64 ends a little above
_LONGEST = 10_000  # bits of an exact power that SymPy may be left to work out


def check_expression(
    tree: ast.expr, place: str, maps: Collection[str], functions: Definitions
) -> None:
    """Raise ``UsageError`` if an equation's right-hand side is outside the language.

    ``maps`` are the names of the linear maps, ``functions`` what is defined in the language.
    """
    _Reader(place=place, maps=maps, functions=functions, written=True).number(tree)


def to_sympy(
    tree: ast.expr,
    place: str,
    sizes: Mapping[int, str],
    maps: Collection[str],
    sums: dict[str, Parts],
    has_pi: bool,
) -> sp.Expr:
    """Return the SymPy form of an equation's right-hand side; ``W @ v`` becomes ``Apply``.

    Decimal numbers become exact fractions. ``sizes`` holds the space of each syntax node; ``sums``
    is given the sums of maps met, each by how it is spelled; ``has_pi`` says that pi is the number.
    """
    return _Reader(place=place, sizes=sizes, maps=maps, sums=sums, has_pi=has_pi).number(tree)


def rule_to_sympy(tree: ast.expr, place: str, mask: bool) -> sp.Basic:
    """Return the SymPy form of a mask (a condition) or of a fixed map's entries (a number).

    Vectors stand inside ``row`` and ``column``. Raises ``UsageError``.
    """
    reader = _Reader(place=place, of_entries=True)
    return reader.condition(tree) if mask else reader.number(tree)


@dataclass(frozen=True, kw_only=True)
class _Reader:
    """Reads one expression of the equation ``place``, or the rule for the entries of a map."""

    place: str
    of_entries: bool = False
    sizes: Mapping[int, str] = field(default_factory=dict)
    maps: Collection[str] = ()
    sums: dict[str, Parts] = field(default_factory=dict)
    functions: Definitions = field(default_factory=dict)
    written: bool = False
    has_pi: bool = False

    def refuse(self, node: ast.AST, why: str) -> UsageError:
        return UsageError(f"{self.place}: {shorten(ast.unparse(node))!r} {why}.")

    def condition(self, node: ast.expr) -> sp.Basic:
        match node:
            case ast.Constant(value=bool(flag)):
                return sp.true if flag else sp.false
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                return sp.Not(self.condition(operand))
            case ast.BoolOp(op=op, values=values):
                both = sp.And if isinstance(op, ast.And) else sp.Or
                return both(*(self.condition(v) for v in values))
            case ast.Compare(left=left, ops=ops, comparators=right):
                sides = [self.number(left), *(self.number(r) for r in right)]
                if not all(type(op) in _COMPARE for op in ops):
                    raise self.refuse(
                        node, "compares in a way the language lacks; use < <= > >= == !="
                    )
                pairs = zip(ops, sides[:-1], sides[1:], strict=True)
                return sp.And(*(_COMPARE[type(op)](a, b) for op, a, b in pairs))
        raise self.refuse(node, "is no condition where one is needed; compare it, as in `v > 0`")

    def number(self, node: ast.expr) -> sp.Expr:
        value = self._number(node)
        if value.has(sp.nan, sp.zoo, sp.oo, -sp.oo):
            raise self.refuse(node, "has no finite value")
        if value.has(sp.I) or value.is_extended_real is False:
            raise self.refuse(node, "is not a real number")
        if _too_large(value):
            raise self.refuse(node, "has a number beyond a float64 (1e-308 to 1e308)")
        return value

    def _number(self, node: ast.expr) -> sp.Expr:
        match node:
            case ast.Constant(value=bool()) | ast.Compare() | ast.BoolOp():
                raise self.refuse(node, "is a condition, not a number; write `1 if ... else 0`")
            case ast.UnaryOp(op=ast.Not()):
                raise self.refuse(node, "is a condition, not a number; write `1 if ... else 0`")
            case ast.Constant(value=int() | float() as number):
                return sp.oo if number == math.inf else sp.Rational(repr(number))
            case ast.Name(id=name):
                return self._name(node, name)
            case ast.BinOp(left=left, op=ast.MatMult(), right=right):
                return self._product(node, left, right)
            case ast.BinOp(op=ast.BitXor()):
                raise self.refuse(node, "has a `^`, which is no power here; write `**`")
            case ast.Attribute(value=value, attr="T"):
                if has_map(value, self.maps):
                    raise self.refuse(node, "stands alone; a map acts on a vector: `W.T @ v`")
                raise self.refuse(
                    node, "transposes what is no map; the inner product is `dot(a, b)`"
                )
            case ast.BinOp(left=left, op=operator, right=right) if type(operator) in _BINARY:
                return self._binary(node, type(operator), self.number(left), self.number(right))
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return -self.number(operand)
            case ast.UnaryOp(op=ast.UAdd(), operand=operand):
                return self.number(operand)
            case ast.IfExp(test=test, body=body, orelse=orelse):
                return choose(self.condition(test), self.number(body), self.number(orelse))
            case ast.Call(func=ast.Name(id="Piecewise"), args=args, keywords=[]):
                return self._piecewise(node, args)
            case ast.Call(func=ast.Name(id=name), args=args, keywords=[]):
                return self._call(node, name, args)
        raise self.refuse(
            node,
            "is outside the language; allowed are names, numbers, + - * / % ** @, comparisons, "
            "`a if c else b` and calls of the functions in docs/declare.md",
        )

    def _name(self, node: ast.expr, name: str) -> sp.Expr:
        if name != "t" and is_reserved(name):
            raise self.refuse(node, "is a word of the language, not a vector (see docs/declare.md)")
        if self.of_entries:
            raise self.refuse(node, f"stands alone; write row({name}) or column({name})")
        return sp.pi if name == PI and self.has_pi else symbol(name)

    def _product(self, node: ast.expr, left: ast.expr, right: ast.expr) -> sp.Expr:
        if self.of_entries:
            raise self.refuse(node, "is a product, which a rule for single entries cannot have")
        if isinstance(left, ast.Name):
            if left.id == IDENTITY:
                return self.number(right)
            return self._apply(self.number(left).name, right)
        try:
            groups = grouped(shares(left, self.maps), self.number)
        except NotAMapError as error:
            raise self.refuse(error.node, error.why) from None
        if not groups:
            raise self.refuse(node, "multiplies by maps that cancel; leave it out")
        return sp.Add(*(scalar * self._sum(own, right) for scalar, own in groups.items()))

    def _sum(self, factors: dict[tuple[str, bool], sp.Rational], right: ast.expr) -> sp.Expr:
        """Return a sum of maps, by name and whether transposed, on ``right``.

        The identity and a single map need no map of their own.
        """
        own = factors.get((IDENTITY, False), sp.S.Zero) * self.number(right)
        parts = tuple((*key, c) for key, c in factors.items() if key[0] != IDENTITY)
        if not parts:
            return own
        whole = parts[0][2] if len(parts) == 1 else sp.S.One
        parts = tuple((name, turned, c / whole) for name, turned, c in parts)
        if len(parts) == 1 and not parts[0][1]:
            return own + whole * self._apply(parts[0][0], right)
        self.sums[spelled(parts)] = parts
        return own + whole * self._apply(spelled(parts), right)

    def _apply(self, name: str, operand: ast.expr) -> sp.Expr:
        return Apply(symbol(name), self.number(operand), Str(self.sizes.get(id(operand), "")))

    def _binary(
        self, node: ast.expr, operator: type[ast.operator], left: sp.Expr, right: sp.Expr
    ) -> sp.Expr:
        if operator in (ast.Div, ast.Mod) and right == 0:
            raise self.refuse(node, "divides by zero")
        if operator is ast.Pow:
            if left.is_number and left.is_nonpositive and not right.is_number:
                raise self.refuse(node, "raises a number that is not positive to a varying power")
            factor = left.as_coeff_Mul()[0]
            bits = max(abs(factor.p), factor.q).bit_length() - 1 if factor.is_Rational else 0
            if right.is_Rational and bits * abs(right) > _LONGEST:
                raise self.refuse(node, "has a number beyond a float64 (1e-308 to 1e308)")
        return _BINARY[operator](left, right)

    def _piecewise(self, node: ast.expr, args: list[ast.expr]) -> sp.Expr:
        branches = []
        for arg in args:
            if not (isinstance(arg, ast.Tuple) and len(arg.elts) == 2):
                raise self.refuse(node, "needs pairs: Piecewise((value, condition), ...)")
            branches.append((self.number(arg.elts[0]), self.condition(arg.elts[1])))
        if not branches or branches[-1][1] != sp.true:
            raise self.refuse(node, "has no last branch; end it with (value, True)")
        result = branches[-1][0]
        for value, condition in reversed(branches[:-1]):
            result = choose(condition, value, result)
        return result

    def _call(self, node: ast.expr, name: str, args: list[ast.expr]) -> sp.Expr:
        if name in (*REDUCTIONS, *_ENTRIES) and not (self.written and name == LARGEST):
            if (name in _ENTRIES) != self.of_entries:
                where = "masks and fixed maps" if name in _ENTRIES else "equations"
                raise self.refuse(node, f"cannot stand here; {name} is for {where}")
            if len(args) != 1:
                raise self.refuse(node, f"gives {name} {len(args)} arguments; it takes one")
            if name in REDUCTIONS:
                return self._apply(name, args[0])
            if not isinstance(args[0], ast.Name):
                raise self.refuse(
                    node, f"gives {name} an expression; it takes the name of a vector"
                )
            return _ENTRIES[name](symbol(args[0].id))
        counts = {count for word, count in self.functions if word == name}
        if name not in FUNCTIONS and len(args) in counts:
            for argument in args:
                self.number(argument)
            return symbol(f"{name}_")  # what is checked here has its calls written out later
        word = name if name in FUNCTIONS else ALIASES.get(name, name)
        if word not in FUNCTIONS and not counts:
            defined = dict.fromkeys(known for known, _ in self.functions)
            words = [*FUNCTIONS.names(), *ALIASES, *defined, "mean", "sum", "Piecewise"]
            near = difflib.get_close_matches(name, words, 1)
            hint = f"did you mean {near[0]!r}; " if near else ""
            raise self.refuse(
                node,
                f"calls an unknown function {name!r}; {hint}known are those in docs/declare.md, "
                f'and new ones are defined as in define="{name}(a) = ..."',
            )
        function = FUNCTIONS.get(word) if word in FUNCTIONS else None
        if function is None or not function.least <= len(args) <= function.most:
            takes = _takes(function, counts)
            if word in ("Max", "Min") and len(args) == 1:
                takes += "; over the units of a vector there are mean, sum, norm and softmax"
            raise self.refuse(node, f"gives {name} {len(args)} arguments; it takes {takes}")
        return function.sympy(*(self.number(a) for a in args))


def _takes(function: ElementwiseFunction | None, counts: Collection[int]) -> str:
    """Return in words how many arguments a function takes."""
    if function is None:
        return " or ".join(map(str, sorted(counts)))
    return f"{function.least}" if function.most == function.least else "two or more"


def _too_large(value: sp.Expr) -> bool:
    if any(max(abs(f.p), f.q) > _LARGEST for f in value.atoms(sp.Rational)):
        return True
    near = sp.N(value, 5) if value.is_number else value
    return bool(near.is_Float and abs(near) > _LARGEST)
