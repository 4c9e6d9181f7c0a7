"""A wrong declaration is refused when it is made: one sentence with place, finding and way out."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import gradflow as gf
from gradflow.cells.language.functions import FUNCTIONS
from gradflow.errors import UsageError

GOOD = {
    "name": "mine",
    "state": "h",
    "inputs": "x",
    "maps": "W U",
    "vectors": "b",
    "equations": "h_next = tanh(W @ x + U @ h + b)",
}
SUM = "W @ x + U @ h + b"


def refusal(**changes):
    with pytest.raises(UsageError) as caught:
        gf.Cell(**{**GOOD, **changes})
    message = str(caught.value)
    assert message.startswith("cell '")
    assert message.endswith(".")
    assert "\n" not in message
    assert len(message) < 400
    return message


def test_the_good_one_is_accepted():
    assert gf.Cell(**GOOD).parameters == ("W", "U", "b")


# what is changed -> what the message must say, in this order
DECLARATIONS = {
    "undeclared": (
        {"equations": "h_next = tanh(W @ x + U @ h + b) * gain"},
        ["equation 'h_next'", "'gain' is not declared", "declare it as"],
    ),
    "misspelt": (
        {"vectors": "bias", "equations": "h_next = tanh(W @ x + U @ h + bais)"},
        ["'bais' is not declared", "did you mean 'bias'?"],
    ),
    "size mismatch": (
        {"equations": "h_next = tanh(U @ h + b) + W @ x", "vectors": "b[context]"},
        ["equation 'h_next'", "right-hand side", "'context'", "declared as 'hidden'", "a map"],
    ),
    "state and input": (
        {"equations": "h_next = h * x + W @ x + U @ h + b"},
        ["equation 'h_next'", "sizes differ in 'h * x'", "'hidden'", "'input'", "a map"],
    ),
    "map of another size": (
        {"maps": "W[hidden,context] U"},
        ["sizes differ in 'W @ x'", "W acts on 'context'", "'input'", "right size"],
    ),
    "part of another size": (
        {"state": "h s[context]", "equations": f"h_next = tanh({SUM})\ns_next = h + s"},
        ["equation 's_next'", "sizes differ"],
    ),
    "right-hand side of another size": (
        {"state": "h s[context]", "equations": f"h_next = {SUM}\ns_next = h"},
        ["equation 's_next'", "right-hand side", "'hidden'", "'context'", "use a map"],
    ),
    "size unknown": (
        {"vectors": "b v", "equations": f"h_next = {SUM} + mean(v)"},
        ["size of vector 'v' does not follow", "declare it, for instance"],
    ),
    "map size unknown": (
        {"maps": "W U V P", "equations": f"h_next = {SUM} + V @ (P @ h)"},
        ["size of map 'V' does not follow"],
    ),
    "size nobody has": (
        {"equations": f"h_next = {SUM} + mean(Z @ h)", "fixed": {"Z[nowhere,hidden]": "1"}},
        ["no state part, input or parameter has size 'nowhere'"],
    ),
    "no equation": ({"state": "h c"}, ["state part 'c' has no equation", "defines c_next"]),
    "no output equation": ({"outputs": "y"}, ["output 'y' has no equation", "define h_next"]),
    "empty equations": ({"equations": ""}, ["state part 'h' has no equation"]),
    "only a comment": ({"equations": "# to do"}, ["state part 'h' has no equation"]),
    "no state": ({"state": ""}, ["no state part", "state='h'"]),
    "cycle": (
        {"equations": f"p = q + h\nq = p\nh_next = {SUM} + q"},
        ["equation 'p'", "p, q form a cycle", "previous value"],
    ),
    "needs itself": (
        {"equations": f"p = p + h\nh_next = {SUM} + p"},
        ["equation 'p'", "needs itself", "previous value"],
    ),
    "wrong order": (
        {"equations": f"h_next = {SUM} + q\nq = h"},
        ["equation 'h_next'", "uses 'q' before", "move the equation of 'q' above"],
    ),
    "defined twice": (
        {"equations": f"h_next = {SUM}\nh_next = h"},
        ["equation 'h_next'", "2 times", "keep one"],
    ),
    "state defined": (
        {"equations": f"h = {SUM}\nh_next = h"},
        ["equation 'h'", "state part", "new value h_next"],
    ),
    "input defined": (
        {"equations": f"x = h\nh_next = {SUM}"},
        ["equation 'x'", "declared as input", "new name"],
    ),
    "next of nothing": (
        {"equations": f"q_next = {SUM}\nh_next = q_next"},
        ["'q' is not a state part", "state parts are h"],
    ),
    "unused vector": ({"vectors": "b c"}, ["vector 'c' is declared but no equation", "remove"]),
    "unused input": ({"inputs": "x z"}, ["input 'z' is declared but no equation"]),
    "unused equation": (
        {"equations": f"q = h\nh_next = {SUM}"},
        ["equation 'q'", "no equation uses it", "outputs"],
    ),
    "map alone": (
        {"equations": "h_next = W @ x + U + b"},
        ["map 'U' stands alone", "`U @ v`"],
    ),
    "map times vector": (
        {"equations": "h_next = W @ x + U * h + b"},
        ["map 'U' stands alone"],
    ),
    "vector as map": (
        {"equations": "h_next = W @ x + U @ h + b @ h"},
        ["'b' is a vector, not a map", "'b @ h'", "use *"],
    ),
    "declared twice": ({"vectors": "b b"}, ["vectors: 'b' is declared twice"]),
    "two kinds": ({"vectors": "b W"}, ["'W' is declared as map too", "keep one"]),
    "reserved": ({"vectors": "b tanh"}, ["'tanh' has a meaning", "another name"]),
    "reserved index": ({"vectors": "b index"}, ["'index' has a meaning"]),
    "reserved time": ({"inputs": "x t"}, ["'t' has a meaning"]),
    "reserved equation": (
        {"equations": f"mean = h\nh_next = {SUM}"},
        ["equation 'mean'", "has a meaning"],
    ),
    "keyword": ({"vectors": "b lambda"}, ["'lambda' cannot be a name"]),
    "bad name": ({"vectors": "b 2c"}, ["'2c' cannot be a name", "letters"]),
    "greek name": ({"vectors": "b β"}, ["'β' cannot be a name"]),
    "greek equation": ({"equations": f"σ = h\nh_next = {SUM} + σ"}, ["equation 'σ'", "a-z"]),
    "underscore": ({"equations": f"_q = h\nh_next = {SUM} + _q"}, ["equation '_q'", "letter"]),
    "bad list": ({"state": "h [hidden"}, ["cannot read 'h [hidden'"]),
    "list with semicolon": ({"state": "h;c"}, ["'h;c' cannot be a name"]),
    "two sizes of a part": ({"state": "h[a,b]"}, ["h[a,b] cannot be", "one size"]),
    "one size of a map": ({"maps": "W[hidden] U"}, ["W[hidden] cannot be", "two sizes"]),
    "sized scalar": (
        {"scalars": "a[hidden]", "equations": f"h_next = a * ({SUM})"},
        ["a[hidden] cannot be", "takes no size"],
    ),
    "init's own word": (
        {"vectors": "b rng", "equations": f"h_next = {SUM} + rng"},
        ["'rng' names both", "rename"],
    ),
    "size and parameter": (
        {"vectors": "b hidden", "equations": f"h_next = {SUM} + hidden"},
        ["'hidden' names both"],
    ),
    "size with a word of init": (
        {"state": "h s[rng]", "maps": "W U V", "equations": f"h_next = {SUM}\ns_next = V @ h + s"},
        ["'rng' names both"],
    ),
    "mask of no map": ({"masks": {"b": "True"}}, ["mask of 'b'", "no trained map", "W, U"]),
    "mask of nothing": ({"masks": {"Q": "True"}}, ["mask of 'Q'", "no trained map"]),
    "mask is a number": ({"masks": {"U": "row(index) - 1"}}, ["mask of 'U'", "no condition"]),
    "mask with a bare name": (
        {"constants": "p", "masks": {"U": "p > 2"}},
        ["mask of 'U'", "'p' stands alone", "row(p) or column(p)"],
    ),
    "mask by the state": ({"masks": {"U": "row(h) > 0"}}, ["uses 'h', a state part", "constant"]),
    "mask by a parameter": ({"masks": {"U": "row(b) > 0"}}, ["uses 'b', a vector"]),
    "mask by time": ({"masks": {"U": "row(t) > 0"}}, ["uses 't'"]),
    "mask by nothing": ({"masks": {"U": "row(q) > 0"}}, ["uses 'q', a name not declared"]),
    "mask with a product": (
        {"masks": {"U": "U @ row(index) > 0"}},
        ["mask of 'U'", "is a product, which a rule"],
    ),
    "mask with a mean": (
        {"constants": "p", "masks": {"U": "mean(p) > 0"}},
        ["mean is for equations"],
    ),
    "mask of another size": (
        {"constants": "p[input]", "masks": {"U": "row(p) > 0"}},
        ["map 'U'", "row(p) has size 'input'", "'hidden' is needed"],
    ),
    "mask of an expression": ({"masks": {"U": "row(1 + 2) > 0"}}, ["name of a vector"]),
    "mask syntax": ({"masks": {"U": "row(index) >"}}, ["mask of 'U'", "cannot read"]),
    "mask not text": ({"masks": {"U": 3}}, ["'U': 3 is no rule"]),
    "masks not a mapping": ({"masks": ["U"]}, ["masks: ['U'] is no mapping"]),
    "fixed map of a condition": (
        {"fixed": {"S": "row(index) == 0"}, "equations": f"h_next = {SUM} + S @ h"},
        ["fixed map 'S'", "is a condition", "1 if"],
    ),
    "fixed map not a rule": ({"fixed": {"S T": "1"}}, ["'S T': '1' is no rule"]),
    "fixed map unused": ({"fixed": {"S": "1"}}, ["fixed map 'S' is declared but no equation"]),
    "default for nothing": ({"defaults": {"q": 1.0}}, ["defaults: 'q'", "there are W, U, b"]),
    "defaults not a mapping": ({"defaults": [1]}, ["defaults: [1] is no mapping"]),
    "forget bias of nothing": ({"forget_bias": "b_f"}, ["forget_bias: 'b_f'", "there are"]),
    "equations not text": ({"equations": None}, ["equations: None is no text"]),
    "state not text": ({"state": ["h", "c"]}, ["state: ['h', 'c'] is no text"]),
    "name not a word": ({"name": 'my """ cell'}, ["a word of letters"]),
    "no name": ({"name": ""}, ["a word of letters"]),
}


@pytest.mark.parametrize("case", DECLARATIONS)
def test_declaration(case):
    changes, fragments = DECLARATIONS[case]
    message, position = refusal(**changes), 0
    for fragment in fragments:
        assert fragment in message[position:], message
        position = message.index(fragment, position)


# right-hand side that is added to a good one -> what the message must say
# from 3.13 on Python itself reads what is nested so deep, and the count of operations refuses it
DEEP = ("cannot read", "nests more than 100")
EXPRESSIONS = {
    "nan": "'nan' is not declared",
    "1e999": "no finite value",
    "1 / 0": "divides by zero",
    "h / (b - b)": "divides by zero",
    "h % 0": "divides by zero",
    "0**-1": "no finite value",
    "log(0)": "no finite value",
    "log(-1)": "not a real number",
    "sqrt(-2)": "not a real number",
    "(-8)**(1/3)": "not a real number",
    "sqrt(-1 - h**2)": "not a real number",
    "(-2)**h": "not positive to a varying power",
    "0**h": "not positive to a varying power",
    "9**9**9**9": "beyond a float64",
    "10**400": "beyond a float64",
    "1e-200 * 1e-200": "beyond a float64",
    "(2 * h)**(10**9)": "beyond a float64",
    "exp(1000000000)": "beyond a float64",
    "exp(exp(exp(1000000000)))": "beyond a float64",
    "9" * 400: "beyond a float64",
    "9" * 5000: "cannot read",
    "2j": "outside the language",
    "'text'": "outside the language",
    "f'{h}'": "outside the language",
    "None": "outside the language",
    "...": "outside the language",
    "(lambda h: h)(h)": "outside the language",
    "h.T": "the inner product is `dot(a, b)`",
    "W.T": "a map acts on a vector: `W.T @ v`",
    "W.T @ U": "the map 'U' stands alone",
    "W.F @ x": "is no map",
    "np.tanh(h)": "outside the language",
    "h[0]": "outside the language",
    "(h, b)": "outside the language",
    "[v for v in h]": "outside the language",
    "(q := h)": "outside the language",
    "h // 2": "outside the language",
    "h^2": "is no power here; write `**`",
    "max(h)": "over the units of a vector there are mean, sum, norm and softmax",
    "min()": "gives min 0 arguments; it takes two or more",
    "elu(h, 1, 2)": "gives elu 3 arguments; it takes 1 or 2",
    "softmax(h, b)": "gives softmax 2 arguments; it takes 1",
    "norm()": "gives norm 0 arguments; it takes 1",
    "dot(h, x)": "sizes differ in 'h * x'",
    "norm": "'norm' is not declared",
    "sofmax(h)": "did you mean 'softmax'",
    "_largest(h)": "calls an unknown function '_largest'",
    "~h": "outside the language",
    "h << 2": "outside the language",
    "await_ if False else (yield h)": "outside the language",
    "Max(*h, b)": "outside the language",
    "tanh(a=h)": "outside the language",
    "tanh(h)(h)": "outside the language",
    "__import__('os').getcwd()": "outside the language",
    "sigmod(h)": "unknown function 'sigmod'",
    "tanh(h, b)": "gives tanh 2 arguments; it takes 1",
    "tanh()": "gives tanh 0 arguments",
    "Max(h)": "it takes two or more",
    "mean(h, b)": "gives mean 2 arguments",
    "tanh": "a word of the language",
    "mean": "a word of the language",
    "identity": "a word of the language",
    "Piecewise": "a word of the language",
    "index": "a word of the language",
    "row(b)": "row is for masks and fixed maps",
    "W @ x @ h": "let one act after the other: `A @ (B @ v)`",
    "(W + U) @ h": "maps that are added have the same sizes",
    "W.T @ x": "one entry a unit of 'input' but h_next is declared as 'hidden'",
    "(W - W.T) @ h": "W - W.T acts on 'input' and 'h' has one entry a unit of 'hidden'",
    "(W @ U) @ h": "let one act after the other: `A @ (B @ v)`",
    "(U * U) @ h": "multiplies two maps; one acts after the other",
    "(U**2) @ h": "is no map, and the left of `@` needs one: sums and multiples",
    "(U / U) @ h": "is no map",
    "(b * U) @ h": "write `b * (W @ v)` to scale the rows",
    "(b * U.T) @ h": "or `W @ (b * v)` its columns",
    "(U + b) @ h": "'b' is no map, and the left of `@` needs one; declare it",
    "(U + 1) @ h": "'1' is no map",
    "(U - U) @ h": "multiplies by maps that cancel",
    "(q * U) @ h": "'q' is not declared",
    "tanh(U) @ h": "is no map",
    "2 @ h": "is no map, and the left of `@` needs one",
    "h @ h": "'h' is a state part, not a map",
    "q @ h": "'q' is not declared",
    "mean @ h": "a word of the language",
    "identity @ W": "stands alone",
    "W @ U @ h": "let one act after the other: `A @ (B @ v)`",
    "(0 < h < 1)": "is a condition, not a number",
    "True": "is a condition, not a number",
    "(h > 0) * b": "is a condition, not a number",
    "(h and b)": "is a condition, not a number",
    "(not h)": "is a condition, not a number",
    "tanh(h > 0)": "is a condition, not a number",
    "(b if h else 0)": "is no condition",
    "(b if not h else 0)": "is no condition",
    "(b if h > 0 and b else 0)": "is no condition",
    "(b if (h > 0) == (b > 0) else 0)": "is a condition, not a number",
    "(b if h in b else 0)": "compares in a way the language lacks",
    "(b if h is b else 0)": "compares in a way the language lacks",
    "Piecewise()": "no last branch",
    "Piecewise((b, h > 0))": "no last branch",
    "Piecewise((b, h > 0, 1), (0, True))": "needs pairs",
    "Piecewise(b, True)": "needs pairs",
    "Piecewise((b, h), (0, True))": "is no condition",
    "tanh(" * 150 + "h" + ")" * 150: "nests more than 100",
    "-" * 5000 + "h": DEEP,
    "(" * 300 + "h" + ")" * 300: "cannot read",
    "+".join(["h"] * 3000): DEEP,
    "h\0": "cannot read",
    "(h": "cannot read",
    "h +": "cannot read",
    "h b": "cannot read",
}


@pytest.mark.parametrize("text", EXPRESSIONS, ids=lambda text: text[:30].replace("\0", "NUL"))
def test_expression(text):
    message = refusal(equations=f"h_next = {SUM} + {text}")
    wanted = EXPRESSIONS[text]
    assert any(w in message for w in ([wanted] if isinstance(wanted, str) else wanted)), message
    assert (
        "equation 'h_next'" in message
        or "cell 'mine', line 1" in message
        or "cell 'mine':" in (message)
    )


@pytest.mark.parametrize(
    "line",
    [
        "h_next: int = h",
        "h_next += h",
        "h_next = q = h",
        "h_next, q = h, b",
        "*h_next, q = h",
        "h.next = h",
        "h[0] = h",
        "import os",
        "def f(): pass",
        "h",
        "'''doc'''",
        "h == h_next",
        "del h",
        "pass",
        "if True:\n    h_next = h",
    ],
)
def test_what_is_no_equation(line):
    message = refusal(equations=f"q = h\n{line}")
    assert "line 2 of the equations" in message
    assert "write one `name = expression` a line" in message


def test_a_line_that_cannot_be_read_is_named():
    assert "line 2" in refusal(equations=f"q = h\nh_next = {SUM} +")


LEAVES = ["h", "x", "b", "t", "0", "1", "2.5", "-1", "1e300", "1e-300", "10**20", "W", "True"]
LEAVES += ["W @ x", "U @ h", "mean(h)", "sum(0*h + 1)", "index", "0.0", "q"]
CALLS = [*FUNCTIONS.names(), "mean", "sum", "row", "nothing"]


def _larger(inner):
    comparison = st.tuples(inner, st.sampled_from(["<", "<=", "==", "in", "and"]), inner).map(
        lambda p: f"({p[0]}) {p[1]} ({p[2]})"
    )
    binary = st.tuples(inner, st.sampled_from(["+", "-", "*", "/", "**", "%", "@"]), inner)
    return st.one_of(
        binary.map(lambda p: f"({p[0]}) {p[1]} ({p[2]})"),
        st.tuples(st.sampled_from(CALLS), inner).map(lambda p: f"{p[0]}({p[1]})"),
        st.tuples(st.sampled_from(["Max", "Min"]), inner, inner).map(
            lambda p: f"{p[0]}({p[1]}, {p[2]})"
        ),
        st.tuples(inner, comparison, inner).map(lambda p: f"({p[0]} if {p[1]} else {p[2]})"),
        inner.map(lambda e: f"U @ ({e})"),
        inner.map(lambda e: f"-({e})"),
    )


@given(st.recursive(st.sampled_from(LEAVES), _larger, max_leaves=8))
@settings(max_examples=150, suppress_health_check=list(HealthCheck))
def test_whatever_is_written_is_refused_in_words_or_works_to_the_end(text):
    try:
        cell = gf.Cell(**{**GOOD, "equations": f"h_next = {SUM} + ({text})"})
    except UsageError:
        return
    jacobian, code = gf.jacobian(cell), gf.compile(cell)
    assert jacobian.latex()
    assert jacobian.text()
    params = cell.init(hidden=2, inputs=3, rng=1)
    state, x = np.array([0.3, 0.7]), np.ones(3)
    with np.errstate(all="ignore"):
        J = code.jacobian(params, state, x, 2)
        back = code.vjp(params, state, np.ones(2), x, 2)
        gradient = code.parameter_vjp(params, state, np.ones(2), x, 2)
        if np.isfinite(J).all() and np.abs(J).max() < 1e100:
            # only finite numbers can agree; factors of up to 1e20 times eps
            np.testing.assert_allclose(back, np.ones(2) @ J, rtol=1e-6, atol=1e-6 * np.abs(J).max())
    assert gradient["U"].shape == (2, 2)
