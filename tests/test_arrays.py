"""What is an array of real numbers, and in which words everything else is refused."""

from fractions import Fraction

import numpy as np
import pytest

import gradflow as gf
from gradflow.arrays import real_array, real_numbers, writable
from gradflow.errors import UsageError


@pytest.mark.parametrize(
    "value",
    [
        3,
        0.5,
        True,
        [1, 2.5],
        np.float32([0.1, 0.2]),
        np.array([True, False]),
        np.arange(3, dtype=np.uint8),
        np.array(2.0),
        np.ones((2, 2), order="F"),
        np.zeros((0, 3)),
    ],
    ids=str,
)
def test_real_numbers_become_float64(value):
    found = real_array(value, "here", "a")
    assert found.dtype == np.float64
    np.testing.assert_array_equal(found, np.asarray(value))


def test_float64_is_not_copied():
    given = np.ones(3)
    assert real_array(given, "here", "a") is given
    assert real_numbers(np.ones(3, dtype=np.float32), "here", "a").dtype == np.float32


class Tensor:
    """Like a tensor of torch that requires grad: it refuses to become an array."""

    requires_grad = True

    def __array__(self, *given, **more):
        raise RuntimeError


class Traced:
    """Like an array that is being traced."""

    def __array__(self, *given, **more):
        raise TypeError


BAD = {
    "complex": (np.array([1 + 0j]), "real numbers but complex128; pass the real part"),
    "complex list": ([1, 2j], "real numbers but list of complex128"),
    "complex number": (1j, "real numbers but complex of complex128"),
    "masked": (np.ma.masked_array([1.0], [True]), r"a masked array; fill it first, by .filled"),
    "unmasked": (np.ma.masked_array([1.0], [False]), "a masked array"),
    "objects": (np.array([1.0, None]), "object; pass numbers of one type"),
    "fractions": ([Fraction(1, 2)], "list of object"),
    "strings": (np.array(["1"]), "<U1; pass floats"),
    "string": ("1", "real numbers but str"),
    "nothing": (None, "NoneType of object"),
    "dates": (np.array(["2020-01-01"], "M8[D]"), r"datetime64\[D\]; pass numbers, such as days"),
    "spans": (np.array([1], "m8[s]"), r"timedelta64\[s\]; divide by a unit"),
    "records": (np.zeros(2, "f8,i4"), "no array of real numbers"),
    "ragged": ([[1.0], [1.0, 2.0]], "a has rows of unequal length; pass an array"),
    "tensor": (Tensor(), r"a tensor that requires grad; pass its .detach\(\)"),
    "traced": (Traced(), "Traced; pass a NumPy array, on the host"),
    "nan": ([0.0, np.nan], r"a holds nan at index \(1,\); every entry must be finite"),
    "inf": ([[-np.inf]], r"a holds -inf at index \(0, 0\)"),
    "too large": ([10**400], "list of object"),
}


@pytest.mark.parametrize("name", BAD)
def test_everything_else_is_refused_in_one_sentence(name):
    value, says = BAD[name]
    with pytest.raises(UsageError, match=says) as caught:
        real_array(value, "here", "a")
    assert str(caught.value).startswith("here: a ")
    if name not in ("nan", "inf"):
        with pytest.raises(UsageError):
            real_array(value, "here", "entries", finite=False, many=True)


def test_a_tensor_of_torch():
    torch = pytest.importorskip("torch")
    np.testing.assert_array_equal(real_array(torch.ones(2), "here", "a"), [1, 1])
    with pytest.raises(UsageError, match="requires grad; pass its"):
        real_array(torch.ones(2, requires_grad=True), "here", "a")


def frozen(shape):
    array = np.ones(shape)
    array.flags.writeable = False
    return array


@pytest.mark.parametrize(
    ("out", "says"),
    [
        (np.ones((2, 2)), r"out has shape \(2, 2\); it needs \(2, 3\)"),
        (np.ones((2, 3), dtype=int), "out is an array of int64; it needs .* float64"),
        (np.ones((2, 3), dtype=np.float32), "out is an array of float32"),
        (np.ones((2, 3), dtype=">f8"), "out is an array of >f8"),
        (np.ma.ones((2, 3)), "out is MaskedArray"),
        ([[0.0] * 3] * 2, "out is list"),
        (frozen((2, 3)), "out is read-only"),
        (np.broadcast_to(1.0, (2, 3)), "out is read-only"),
    ],
)
def test_where_results_cannot_be_written(out, says):
    with pytest.raises(UsageError, match=f"here: {says}"):
        writable(out, (2, 3), "here")
    assert writable(np.ones((3, 2)).T, (2, 3), "here").shape == (2, 3)


COMPLEX = np.array([0.5 + 1j])
RNN = gf.cells.rnn.init(hidden=2, inputs=1, rng=0)
# every call that takes numbers, one wrong argument each
CALLS = {
    "run": lambda bad: gf.run(gf.cells.scalar, {"w": bad}, state=[1.0], steps=3),
    "run, state": lambda bad: gf.run(gf.cells.scalar, {"w": 0.5}, state=bad, steps=3),
    "run, x": lambda bad: gf.run(gf.cells.rnn, RNN, bad.reshape(1, 1)),
    "bind": lambda bad: gf.compile(gf.cells.scalar).bind({"w": bad}),
    "step": lambda bad: gf.compile(gf.cells.scalar).step({"w": 0.5}, bad),
    "direction": lambda bad: gf.compile(gf.cells.scalar).jvp({"w": 0.5}, [1.0], bad),
    "exact": lambda bad: gf.compile(gf.cells.scalar, "mpmath").step({"w": bad}, [1.0]),
    "any library": lambda bad: gf.compile(gf.cells.scalar, "array-api").step({"w": bad}, [1.0]),
    "init": lambda bad: gf.cells.rnn.init(hidden=1, inputs=1, rng=0, b=bad),
    "exponents": lambda bad: gf.leading_exponents(gf.cells.scalar, {"w": bad}, steps=30),
    "fixed points": lambda bad: gf.fixed_points(gf.cells.scalar, {"w": bad}),
    "starts": lambda bad: gf.fixed_points(gf.cells.scalar, {"w": 0.5}, starts=[bad]),
    "stream": lambda bad: gf.stream_gradient_decay(gf.cells.rnn, RNN, np.ones((3, 1)), bad),
    "decay": lambda bad: gf.run(gf.cells.rnn, RNN, np.ones((3, 1))).gradient_decay(bad),
    "part": lambda bad: gf.run(gf.cells.rnn, RNN, np.ones((3, 1))).gradient_decay({"h": bad}),
    "by lag": lambda bad: gf.run(gf.cells.rnn, RNN, np.ones((3, 1))).parameter_gradient(bad),
    "products": lambda bad: gf.spectra.product_decay(bad.reshape(1, 1, 1)),
    "clip": lambda bad: gf.spectra.log_clip_factor(bad, 1.0),
}


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.filterwarnings("error")
def test_no_call_drops_an_imaginary_part(call):
    with pytest.raises(UsageError, match="complex128"):
        CALLS[call](COMPLEX)


@pytest.mark.parametrize("backend", ["numpy", "mpmath", "array-api"])
def test_a_number_will_do_for_a_scalar(backend):
    cell = gf.Cell(
        name="plane", state="s", scalars="a", vectors="b", equations="s_next = a * s + b"
    )
    bound = gf.compile(cell, backend).bind({"a": 1.5, "b": np.array([1.0, 2.0])})
    state = np.array([1.0, -1.0])
    assert np.asarray(bound.step(state), dtype=float).tolist() == [2.5, 0.5]
    found = bound.parameter_vjp(state, state)
    assert {n: np.shape(g) for n, g in found.items()} == {"a": (1,), "b": (2,)}
    with pytest.raises(UsageError, match=r"b has shape \(\); it needs \(hidden\)"):
        gf.compile(cell, backend).bind({"a": 1.5, "b": 2.0})
