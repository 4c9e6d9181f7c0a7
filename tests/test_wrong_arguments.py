"""Nothing raw at any public call: wrong values of every kind, at every parameter of every call."""

import contextlib
import dataclasses
import inspect
import re
import signal
import warnings
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import sympy as sp

import gradflow as gf
from gradflow.cells.language.functions import FUNCTIONS
from gradflow.cells.registry import CELLS
from gradflow.errors import GradflowError
from gradflow.proofs.theorems import SETS
from oracles import calls

SECONDS = 20
RAISED = "what the caller's own function raises passes."

# each is made anew, since a generator is used up
WRONG = {
    "None": lambda: None,
    "word": lambda: "x",
    "nothing": lambda: "",
    "digits": lambda: "1.5",
    "surrogate": lambda: "\ud800",
    "three": lambda: 3,
    "zero": lambda: 0,
    "minus one": lambda: -1,
    "minus zero": lambda: -0.0,
    "half": lambda: 1.5,
    "nan": lambda: float("nan"),
    "inf": lambda: float("inf"),
    "huge": lambda: 10**400,
    "longer than Python prints": lambda: 10**5000,
    "complex": lambda: 1 + 2j,
    "truth": lambda: True,
    "fraction": lambda: Fraction(1, 3),
    "empty list": lambda: [],
    "list": lambda: [1.0, 2.0],
    "ragged": lambda: [[1.0], [1.0, 2.0]],
    "words": lambda: ["x", "y"],
    "empty dict": lambda: {},
    "dict": lambda: {"x": 1},
    "numbered dict": lambda: {1: 2},
    "set": lambda: {1, 2},
    "tuple": lambda: (1, 2, 3),
    "pair": lambda: ("x", 1),
    "object": object,
    "class": lambda: int,
    "function": lambda: lambda *given: given,
    "raiser": lambda: raiser,
    "bytes": lambda: b"x",
    "generator": lambda: (x for x in [1.0, object()]),
    "slice": lambda: slice(None, 2),
    "empty array": lambda: np.empty((0,)),
    "array": lambda: np.ones((2, 2, 2, 2)),
    "nan array": lambda: np.full((3,), np.nan),
    "masked": lambda: np.ma.masked_array([1.0, 2.0, 3.0], [True, False, False]),
    "date": lambda: np.datetime64("2020-01-01"),
    "objects": lambda: np.array([object()] * 3),
    "symbol": lambda: sp.Symbol("z"),
    "path": lambda: Path("/dev/null/at/all"),
    "cell": lambda: gf.cells.gru,
}


def raiser(*given, **more):
    """Raise what no caller expects: what a user's function may do."""
    raise GradflowError(RAISED)


class TooLongError(Exception):
    """A call did not end."""


@contextlib.contextmanager
def within(seconds):
    """Raise `TooLongError` in what takes longer."""

    def ring(*given):
        raise TooLongError

    before = signal.signal(signal.SIGALRM, ring)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def not_numbers(value, depth=0):
    """Whether a result holds NaN that it does not speak of."""
    if isinstance(value, (float, complex, np.ndarray, np.generic)):
        array = np.asarray(value)
        return array.dtype.kind in "fc" and bool(np.isnan(array).any())
    if depth > 3:
        return False
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        value = [getattr(value, f.name, None) for f in dataclasses.fields(value)]
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, (list, tuple)):
        return any(not_numbers(v, depth + 1) for v in value)
    return False


def finished(result):
    """Return what a lazy result gives: iterators to their end, contexts entered and left."""
    if inspect.isgenerator(result):
        return list(result)
    if isinstance(result, contextlib.AbstractContextManager) and not isinstance(result, Path):
        with result as inside:
            return inside
    return result


# what compiled code computes with, as float64 does: NaN in these gives NaN
PASSED_ON = {"state", "v", "u", "x", "gradient", "params", "U", "recurrent"}

# words by which a message may speak of an argument
ALSO = {
    "x": "input|steps",
    "_": "title",
    "u": "direction|state|covector",
    "v": "direction|state",
    "t": "step|time",
    "ax": "axes",
    "n": "units|size",
    "gradient": "covector|part",
    "params": "parameter|[WUbAw]",
    "seed": "rng",
    "input": "path|file|--input",
    "root": "folder|bundle",
    "path": "file|folder",
    "out": "file|folder|path",
    "state": "part",
    "parts": "part",
    "states": "state",
    "backend": "backend",
    "covector": "covector",
    "jacobians": "Jacobian|frame",
    "init": "init|parameter|size",
    "across": "direction|coordinates",
    "up": "direction|coordinates",
    "hidden": "units",
    "inputs": "input",
    "index": "indices",
    "initial": "frame|columns",
    "choices": "init",
    "recurrent": "U|A",
    "vector": "readout|target",
    "name": "parameter",
    "lags": "lag",
    "names": "item of names",
    "claims": "theorem",
    "target": "shape",
    "cell": "part|gate|theorem",
    "network": "path|file|weights",
    "networks": "path|file|weights",
}


def outcome(call, given, name):
    """Return what is wrong with the outcome of a call, or nothing."""
    try:
        with within(SECONDS), warnings.catch_warnings():
            warnings.simplefilter("error")
            result = finished(call(given))
    except GradflowError as error:
        message = str(error)
        if "\n" in message.strip() or not message.strip():
            return f"is refused in no single sentence: {message[:200]!r}"
        if len(message) > 600:
            return f"is refused in {len(message)} letters: {message[:100]!r}"
        try:
            message.encode()
        except UnicodeEncodeError:
            return f"is refused by what cannot be printed: {message[:200]!a}"
        words = rf"{re.escape(name)}|{ALSO.get(name, name)}|^{RAISED}$"
        if not re.search(words, message, re.IGNORECASE):
            return f"is refused without its name: {message[:200]!r}"
        return ""
    except TooLongError:
        return f"does not end within {SECONDS} s"
    except Exception as error:
        frames = inspect.getinnerframes(error.__traceback__)
        where = next((f for f in frames[::-1] if "/gradflow/" in f.filename), frames[-1])
        place = f"{Path(where.filename).name}:{where.lineno}"
        return f"raises {type(error).__name__} at {place}: {str(error)[:120]!r}"
    if name not in PASSED_ON and not_numbers(result):
        return f"gives NaN: {str(result)[:100]!r}"
    return ""


def spread_out(name, function, valid):
    """Return the names of a call's arguments to try, and a function that calls it."""
    taken = inspect.signature(function).parameters
    several = [n for n, p in taken.items() if p.kind is p.VAR_POSITIONAL]

    def call(given):
        given = dict(given)
        owner = given.pop("self", None)
        bound = [] if owner is None else [owner]
        if several:
            positional = [n for n, p in taken.items() if p.kind is p.POSITIONAL_OR_KEYWORD]
            bound += [given.pop(n) for n in positional if n in given and n != "self"]
            rest = given.pop(several[0], ())
            bound += rest if isinstance(rest, tuple) else [rest]
        return function(*bound, **given)

    return list(valid), call


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("calls")


@pytest.fixture(autouse=True)
def elsewhere(folder, monkeypatch):
    """A word may be the right name of a file, which is then written here."""
    monkeypatch.chdir(folder)


@pytest.fixture(autouse=True)
def registries():
    """What a call registers is gone again after it."""
    kept = [(registry, dict(registry._added)) for registry in (CELLS, FUNCTIONS, SETS)]
    yield
    for registry, added in kept:
        registry._added.clear()
        registry._added.update(added)


@pytest.fixture(scope="module")
def valid(folder):
    rnn = gf.cells.rnn.init(hidden=2, inputs=1, rng=0)
    # a claim about given weights has no Coq file to run
    gf.proofs.write(gf.prove("rnn", rnn)["rnn.weights"], folder / "bundles")
    found = calls.valid(folder)
    owners = calls.objects(folder)
    for name, function in calls.PUBLIC.items():
        if "self" in inspect.signature(function).parameters:
            found.setdefault(name, {})
            found[name] = {"self": owners[name.partition(".")[0]], **found[name]}
    return found


def bare():
    return [n for n, f in calls.PUBLIC.items() if set(inspect.signature(f).parameters) - {"self"}]


# a right call takes half a second or more, and many wrong values are right for some argument
LONG = {"gf.report", "studies.study", "gf.prove", "gf.fixed_points", "gf.continue_fixed_points"}
LONG |= {"proofs.attack", "proofs.carousel_invariant", "proofs.after_upper", "reporting.draw_svg"}
NEEDS = {"gf.to_jax": "jax", "gf.to_torch": "torch", "networks.to_torch": "torch"}
NEEDS |= {"training.train": "torch"}
LONG |= {"gf.diagnose", "gf.to_torch", "reporting.page", "proofs.verify", "training.train"}


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=[pytest.mark.slow] if n in LONG else []) for n in bare()]
)
def test_wrong_arguments_are_refused_in_a_sentence_that_names_them(name, valid):
    function = calls.PUBLIC[name]
    assert name in valid, f"{name} is new: say in tests/oracles/calls.py how it is called"
    given = valid[name]
    missing = {
        n
        for n, p in inspect.signature(function).parameters.items()
        if p.kind is not p.VAR_KEYWORD and n not in given
    }
    assert not missing, f"{name} takes {missing} too: give them in tests/oracles/calls.py"
    names, call = spread_out(name, function, given)
    if library := NEEDS.get(name):
        pytest.importorskip(library)
    finished(call(given))
    bad = []
    for argument in names:
        if argument == "self":
            continue
        for kind, value in WRONG.items():
            wrong = outcome(call, {**given, argument: value()}, argument)
            if wrong:
                bad.append(f"{name}({argument}={kind}) {wrong}")
    assert not bad, "\n" + "\n".join(bad)


def refuses(asked):
    """Refuse in a sentence."""
    raise GradflowError(f"refuses: asked is {asked}; give another.")


def forgets_its_name(asked):
    """Refuse without a word of the argument."""
    raise GradflowError("something is wrong; give another.")


def says_nothing(asked):
    """Refuse without words."""
    raise GradflowError("asked\nagain")


def raises(asked):
    """Raise what nobody said it would."""
    return {}[asked]


def hangs(asked):
    """Never end."""
    while True:
        pass


def yields_and_raises(asked):
    """Raise only when it is read."""
    yield 1
    raise TypeError("asked")


def warns(asked):
    """Warn and go on."""
    np.log(np.zeros(1))
    return 1.0


@dataclasses.dataclass
class Holder:
    """A result that holds an array."""

    values: np.ndarray


@pytest.mark.parametrize(
    ("function", "says"),
    [
        (refuses, ""),
        (forgets_its_name, "is refused without its name"),
        (says_nothing, "is refused in no single sentence"),
        (raises, "raises KeyError"),
        (yields_and_raises, "raises TypeError"),
        (warns, "raises RuntimeWarning"),
        (hangs, "does not end within 1 s"),
        (lambda asked: float("nan"), "gives NaN"),
        (lambda asked: {"a": [Holder(np.array([1.0, np.nan]))]}, "gives NaN"),
        (lambda asked: Holder(np.ones(2)), ""),
    ],
)
def test_the_check_sees_a_call_that_is_raw_hangs_or_gives_no_number(function, says, monkeypatch):
    monkeypatch.setitem(globals(), "SECONDS", 1)
    found = outcome(lambda given: function(**given), {"asked": 3}, "asked")
    assert found.startswith(says) if says else not found
