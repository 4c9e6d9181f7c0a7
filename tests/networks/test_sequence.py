"""Input sequences: what is read, and one clear sentence for everything that cannot be."""

import hashlib
import io
import os
import pickle
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradflow.errors import InputError, UsageError
from gradflow.networks import InputSequence, read_sequence

TABLE = np.arange(12.0).reshape(6, 2) - 3.5


def npy(array):
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def npz(**arrays):
    stream = io.BytesIO()
    np.savez(stream, **arrays)
    return stream.getvalue()


@pytest.fixture
def put(tmp_path):
    def write(name, content):
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return str(path)

    return write


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.npy", npy(TABLE)),
        ("a.NPY", npy(TABLE)),
        ("fortran.npy", npy(np.asfortranarray(TABLE))),
        ("python-2.npy", npy(TABLE).replace(b"(6, 2), }  ", b"(6L, 2L), }")),
        ("big-endian.npy", npy(TABLE.astype(">f4"))),
        ("one.npz", npz(anything=TABLE)),
        ("named.npz", npz(y=TABLE * 2, x=TABLE, z=np.ones(3))),
        ("a.csv", "\n".join(f"{a},{b}" for a, b in TABLE)),
        ("header.csv", "a,b\r\n" + "\r\n".join(f"{a}, {b}" for a, b in TABLE) + "\r\n\r\n"),
        ("bom.csv", "\ufeff" + "\n".join(f"{a},{b}" for a, b in TABLE)),
    ],
)
def test_the_same_table_from_every_kind_of_file(put, name, content):
    got = read_sequence(put(name, content), 3, offset=2, inputs=2)
    assert isinstance(got, InputSequence)
    np.testing.assert_array_equal(got.values, TABLE[2:5])
    assert got.values.dtype == np.float64
    assert got.symbols is None
    assert got.targets is None
    assert got.source.startswith(f"{name} (6 x 2 numbers, sha256 ")
    assert got.source.endswith("rows 2 to 4")


@pytest.mark.parametrize("dtype", [np.bool_, np.uint8, np.int64, np.float16, np.longdouble])
def test_one_dimension_is_one_column_whatever_the_real_type(put, dtype):
    values = read_sequence(put("a.npy", npy(np.array([0, 1, 1], dtype))), 3).values
    np.testing.assert_array_equal(values, [[0.0], [1.0], [1.0]])
    assert values.dtype == np.float64


def test_text_is_one_hot_over_its_sorted_characters(put):
    got = read_sequence(put("a.txt", "abcab\u03b1"), 3, offset=1)
    assert got.symbols == ("a", "b", "c", "\u03b1")
    np.testing.assert_array_equal(got.values, np.eye(4)[[1, 2, 0]])
    np.testing.assert_array_equal(got.targets, [2, 0, 1])
    digest = hashlib.sha256("abcab\u03b1".encode()).hexdigest()[:12]
    assert got.source == (
        f"text a.txt (6 characters, 4 different, sha256 {digest}), one-hot, characters 1 to 3"
    )


def test_the_last_step_of_a_text_has_a_target(put):
    path = put("README", "xyz")
    np.testing.assert_array_equal(read_sequence(path, 2).targets, [1, 2])
    with pytest.raises(InputError, match="holds 3 characters, that is 2 steps"):
        read_sequence(path, 3)


def test_line_ends_and_byte_order_mark_do_not_matter(put):
    unix = read_sequence(put("unix", "a\nb\nc"), 4)
    windows = read_sequence(put("windows", "\ufeffa\r\nb\r\nc"), 4)
    np.testing.assert_array_equal(unix.values, windows.values)
    assert unix.symbols == windows.symbols == ("\n", "a", "b", "c")


def test_the_default_is_english_and_repeats():
    one, two = read_sequence(None, 200), read_sequence(None, 200)
    np.testing.assert_array_equal(one.values, two.values)
    assert one.source == two.source
    assert "English text" in one.source
    assert "pydoc_data.topics" in one.source
    assert "\n" not in one.source
    text = "".join(one.symbols[i] for i in one.values.argmax(axis=1))
    assert "statement" in text
    np.testing.assert_array_equal(one.targets[:-1], one.values.argmax(axis=1)[1:])
    assert (one.values.sum(axis=1) == 1).all()


def test_the_default_reads_on_from_an_offset():
    whole, part = read_sequence(None, 50), read_sequence(None, 20, offset=30)
    np.testing.assert_array_equal(whole.values[30:], part.values)
    np.testing.assert_array_equal(whole.targets[30:], part.targets)


def test_a_python_without_the_default_text_says_so(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pydoc_data.topics", None)
    with pytest.raises(InputError, match=r"pydoc_data\.topics, is missing"):
        read_sequence(None, 5)


class Bomb:
    def __reduce__(self):
        return os.mkdir, ("exploded",)


def damaged_npz():
    content = bytearray(npz(x=TABLE))
    content[80] ^= 0xFF
    return bytes(content)


def archive(**members):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as file:
        for name, content in members.items():
            file.writestr(name, content)
    return stream.getvalue()


BAD = {
    "empty": ("a.csv", b"", ["is empty", ".npy, .npz, .csv or UTF-8 text"]),
    "text as npy": ("a.npy", "to be or not", ["does not begin as a .npy", "to be", "numpy.save"]),
    "text as npz": ("a.npz", "to be or not", ["does not begin as a .npz", "numpy.savez"]),
    "npz as npy": ("a.npy", npz(x=TABLE), ["does not begin as a .npy"]),
    "pickle as npy": ("a.npy", pickle.dumps(Bomb()), ["does not begin as a .npy"]),
    "objects": ("a.npy", npy(np.array([Bomb(), None])), ["Python objects", "astype(float)"]),
    "objects in npz": ("a.npz", npz(x=np.array([Bomb()])), ["array x", "Python objects"]),
    "cut npy": ("a.npy", npy(TABLE)[:-5], ["damaged .npy", "numpy.save"]),
    "magic alone": ("a.npy", b"\x93NUMPY", ["damaged .npy"]),
    "bad header": (
        "a.npy",
        npy(TABLE).replace(b"'descr'", b"'scred'"),
        ["damaged .npy", "again with numpy.save"],
    ),
    "flipped npz": ("a.npz", damaged_npz(), ["damaged"]),
    "cut npz": ("a.npz", npz(x=TABLE)[:90], ["damaged .npz"]),
    "scalar": ("a.npy", npy(np.float64(3)), ["shape ()", "(steps, columns)"]),
    "three dimensions": ("a.npy", npy(np.ones((2, 3, 4))), ["shape (2, 3, 4)", "reshape"]),
    "no rows": ("a.npy", npy(np.ones((0, 3))), ["shape (0, 3)"]),
    "no columns": ("a.npy", npy(np.ones((3, 0))), ["shape (3, 0)"]),
    "complex": ("a.npy", npy(np.ones(5, complex)), ["complex128", "real numbers"]),
    "strings": ("a.npy", npy(np.array(["a", "b"])), ["<U1", "real numbers"]),
    "dates": ("a.npy", npy(np.array(["2020-01-01"], "M8[D]")), ["datetime64", "real numbers"]),
    "records": ("a.npy", npy(np.zeros(3, "f8,i4")), ["real numbers"]),
    "no arrays": ("a.npz", npz(), ["holds 0 arrays;", "one named x"]),
    "several arrays": ("a.npz", npz(a=TABLE, b=TABLE), ["holds 2 arrays (a, b)", "one named x"]),
    "no arrays but files": ("a.npz", archive(note="hello"), ["holds 0 arrays"]),
    "text in npz": ("a.npz", archive(**{"x.npy": "hello"}), ["array x", "damaged .npy"]),
    "word in csv": ("a.csv", "a,b\n1,2\n3,n/a\n", ["line 3, column 2", "'n/a'", "a number"]),
    "hole in csv": ("a.csv", "1,2\n,4\n", ["line 2, column 1 is empty", "a number"]),
    "complex in csv": ("a.csv", "1\n2+1j\n", ["line 2, column 1", "'2+1j'"]),
    "semicolons": ("a.csv", "1;2\n3;4\n", ["line 2, column 1", "'3;4'", "comma"]),
    "half a header": ("a.csv", "a,1\n2,3\n", ["line 1, column 1", "'a'"]),
    "ragged csv": ("a.csv", "1,2\n3,4\n5\n", ["line 3 has 1 cells", "first row 2"]),
    "ragged header": ("a.csv", "a,b,c\n1,2\n", ["line 2 has 2 cells", "first row 3"]),
    "header alone": ("a.csv", "a,b\n", ["no row of numbers"]),
    "blank csv": ("a.csv", "\n\n", ["no row of numbers"]),
    "latin-1 csv": ("a.csv", b"gr\xf6\xdfe\n1\n", ["0xf6 at position 2", "UTF-8"]),
    "long csv cell": ("a.csv", "x" * 200_000, ["line", "field"]),
    "nan": ("a.npy", npy(np.array([[1, 2], [3, np.nan], [5, 6.0]])), ["nan at [1, 1]", "finite"]),
    "inf in csv": ("a.csv", "1\n-inf\n3\n", ["-inf at [1, 0]", "finite"]),
    "overflow": ("a.csv", "1\n1e999\n3\n", ["inf at [1, 0]"]),
    "too short": ("a.npy", npy(TABLE[:1]), ["holds 1 steps, and 2 were asked for", "at most 1"]),
    "binary": ("a.bin", b"\xff\xd8\xff\xe0", ["0xff at position 0", "not UTF-8"]),
    "latin-1": ("a.txt", "na\u00efve".encode("latin-1"), ["0xef at position 2", "not UTF-8"]),
    "zeros": ("a.dat", bytes(100), ["0x00 at position 0"]),
    "one character": ("a.txt", "a", ["1 characters, that is 0 steps"]),
}


def sentence(error, path):
    """The message, once it is seen to be one line that names the file and says what to do."""
    message = str(error)
    assert "\n" not in message
    assert path in message
    assert message.endswith(".")
    assert "; " in message
    return message


@pytest.mark.parametrize("case", BAD)
def test_bad_files_get_one_clear_sentence(put, tmp_path, monkeypatch, case):
    monkeypatch.chdir(tmp_path)
    name, content, words = BAD[case]
    path = put(name, content)
    with pytest.raises(InputError) as caught:
        read_sequence(path, 2)
    message = sentence(caught.value, path)
    for word in words:
        assert word in message
    assert not (tmp_path / "exploded").exists(), "a pickle was run"


def test_no_file_a_folder_and_an_impossible_name(tmp_path):
    missing = str(tmp_path / "missing.npy")
    with pytest.raises(InputError, match="no such file") as caught:
        read_sequence(missing, 2)
    sentence(caught.value, missing)
    with pytest.raises(InputError, match="is a folder") as caught:
        read_sequence(tmp_path, 2)
    sentence(caught.value, str(tmp_path))
    with pytest.raises(UsageError, match="a path holds no zero byte"):
        read_sequence("a\0b", 2)


def claiming(*shape):
    """A .npy file whose header claims so many float64, with a few behind it."""
    file = io.BytesIO()
    np.lib.format.write_array_header_2_0(
        file, {"descr": "<f8", "fortran_order": False, "shape": shape}
    )
    return file.getvalue() + bytes(80)


def packed(content):
    """A .npz file with one member x of that content, which packs well."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x.npy", content)
    return file.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.npy", claiming(10**12, 3), "of shape (1000000000000, 3), which would take 51 TB"),
        ("a.npz", packed(claiming(10**12)), "of shape (1000000000000,), which would take 17 TB"),
        ("a.npz", packed(npy(np.zeros(600_000))), "of shape (600000,), which would take 10.2 MB"),
        ("a.npy", npy(np.zeros(600_000)), "holds 4800128 bytes"),
        ("a.csv", "1,2\n" * 100_000, "holds 400000 bytes"),
        ("a.txt", "text" * 250_000, "holds 1000000 bytes"),
    ],
    ids=["npy claims", "npz claims", "npz packed", "npy", "csv", "text"],
)
def test_a_file_too_large_to_read_is_refused_at_once(put, monkeypatch, name, content, words):
    monkeypatch.setenv("GRADFLOW_MEMORY", "9e6")
    path = put(name, content)
    tracemalloc.start()
    try:
        with pytest.raises(InputError) as caught:
            read_sequence(path, 2)
        # no more than the file itself and what of it is read at first
        assert tracemalloc.get_traced_memory()[1] < 2e6
    finally:
        tracemalloc.stop()
    assert words in sentence(caught.value, path)


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="there is no /dev/zero")
@pytest.mark.parametrize("suffix", ["", ".npy", ".npz", ".csv"])
def test_a_device_without_end_is_refused(tmp_path, monkeypatch, suffix):
    monkeypatch.setenv("GRADFLOW_MEMORY", "9e6")
    path = tmp_path / f"zero{suffix}"
    path.symlink_to("/dev/zero")
    with pytest.raises(InputError, match="goes on after") as caught:
        read_sequence(path, 2)
    sentence(caught.value, str(path))


def test_one_hot_of_too_many_letters_is_refused(put, monkeypatch):
    monkeypatch.setenv("GRADFLOW_MEMORY", "7e7")
    path = put("a.txt", "".join(map(chr, range(0x4E00, 0x4E00 + 3000))) * 2)
    with pytest.raises(UsageError, match=r"5000 steps of 3000 different characters.* 120 MB"):
        read_sequence(path, 5000)


def test_numbers_outside_the_steps_asked_for_may_be_anything(put):
    path = put("a.npy", npy(np.array([np.nan, 1, 2, np.inf])))
    np.testing.assert_array_equal(read_sequence(path, 2, offset=1).values, [[1.0], [2.0]])
    with pytest.raises(InputError, match=r"inf at \[3, 0\]"):
        read_sequence(path, 2, offset=2)


def test_too_few_steps_after_the_offset(put):
    path = put("a.npy", npy(TABLE))
    with pytest.raises(
        InputError, match=r"6 steps, and 4 were asked for from step 3 on; .* most 3"
    ):
        read_sequence(path, 4, offset=3)
    with pytest.raises(InputError, match="from step 9 on; give a longer file"):
        read_sequence(path, 1, offset=9)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"steps": 0}, "steps is 0; it must be a whole number of at least 1"),
        ({"steps": -3}, "steps is -3"),
        ({"steps": 2.0}, r"steps is 2\.0"),
        ({"steps": "2"}, "steps is '2'"),
        ({"steps": 2, "offset": -1}, "offset is -1; .* at least 0"),
        ({"steps": 2, "inputs": 0}, "inputs is 0; .* at least 1"),
    ],
)
def test_bad_arguments(arguments, words):
    with pytest.raises(UsageError, match=words):
        read_sequence(None, **arguments)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.npy", npy(TABLE), "has 2 columns, and the cell takes 3"),
        ("a.txt", "abcabc", "has 3 different characters, one input each, and the cell takes 4"),
    ],
)
def test_as_many_columns_as_the_cell_takes(put, name, content, words):
    inputs = 3 if name == "a.npy" else 4
    with pytest.raises(UsageError, match=words) as caught:
        read_sequence(put(name, content), 2, inputs=inputs)
    assert f"asking for {inputs - 1} inputs" in str(caught.value)


@given(
    kind=st.sampled_from([".npy", ".npz", ".csv", ".txt"]),
    start=st.sampled_from([npy(TABLE), npz(x=TABLE), b"a,b\n1,2\n3,4\n", b""]),
    changes=st.lists(st.tuples(st.integers(0, 400), st.binary(max_size=6)), max_size=4),
)
def test_whatever_the_bytes_it_is_a_sequence_or_an_input_error(
    tmp_path_factory, kind, start, changes
):
    content = bytearray(start)
    for place, piece in changes:
        content[place : place + len(piece)] = piece
    path = tmp_path_factory.getbasetemp() / f"fuzz{kind}"
    path.write_bytes(content)
    try:
        got = read_sequence(path, 2)
    except InputError:
        return
    assert got.values.shape[0] == 2
    assert np.isfinite(got.values).all()
