"""Input sequences: what a cell is run on, from a file or from English text found on any Python.

Numbers come in files that `gradflow.networks.readers` knows, a row a step. Every other file is
read as UTF-8 text, a character a step, one-hot over the characters that occur in it, sorted by code
point; the target of a step is then the next character. Line ends are read as a newline each,
whatever the system.
"""

import hashlib
import io
import os
import platform
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gradflow.arrays import whole_number
from gradflow.errors import InputError, UsageError
from gradflow.given import path as file
from gradflow.memory import FLOAT, as_bytes, budget, require
from gradflow.networks.readers import kinds, reader_of
from gradflow.provenance import readable

__all__ = ["InputSequence", "read_sequence"]

# Bytes that text takes while it is read, for each byte of it: four for a letter, twice.
_TEXT_COPIES = 10
# So much at a time of what does not say its size.
_PIECE = 2**24


@dataclass(frozen=True, eq=False)
class InputSequence:
    """An input sequence of T steps and where it came from.

    Attributes
    ----------
    values : (T, input) float64
        One row a step.
    source : str
        One line for a report: what was read, its size and digest, which steps of it.
    symbols : tuple of str, or None
        For text, the character each column stands for.
    targets : (T,) int64, or None
        For text, the column of the next character at each step.
    """

    values: NDArray[np.float64]
    source: str
    symbols: tuple[str, ...] | None = None
    targets: NDArray[np.int64] | None = None


def read_sequence(
    path: str | os.PathLike[str] | None,
    steps: int,
    *,
    inputs: int | None = None,
    offset: int = 0,
) -> InputSequence:
    """Read `steps` steps of an input, from step `offset` on.

    Parameters
    ----------
    path : str, path or None
        A .npy or .npz file (its only array, or the one named x), a .csv file (numbers, with or
        without a header), or any other file as text. None stands for the English text of
        `pydoc_data.topics`, a part of every Python.
    steps : int
        T, at least 1. Text needs one character more, the last step's target.
    inputs : int, optional
        How many columns the cell takes; anything else in the file is an error.
    offset : int
        Steps to leave out at the start.

    Raises
    ------
    UsageError
        `steps`, `inputs` or `offset` out of range, or as many columns as `inputs` does not say.
    InputError
        A file that is missing, empty, damaged, too short, not what its name says, or that holds
        anything but finite real numbers in the steps asked for.
    """
    steps = whole_number(steps, "steps", 1)
    offset = whole_number(offset, "offset", 0)
    if inputs is not None:
        inputs = whole_number(inputs, "inputs", 1)
    if path is not None:
        file(path, "read_sequence: path")
    if path is None:
        return _characters(_english(), _english_name(), "the default text", steps, inputs, offset)
    where, name = os.fspath(path), readable(Path(path).name)
    reader = reader_of(Path(where).suffix)
    content = _content(where, _TEXT_COPIES if reader is None else reader.copies)
    if reader is None:
        return _characters(_text(content, where), f"text {name}", where, steps, inputs, offset)
    table = reader.read(content, where)
    rows, columns = table.shape
    _check_length(rows, steps, offset, where, f"{rows} steps")
    _check_inputs(columns, inputs, where, "columns")
    values = table[offset : offset + steps]
    bad = np.argwhere(~np.isfinite(values))
    if len(bad):
        row, column = (int(index) for index in bad[0])
        raise InputError(
            f"{where} holds {values[row, column]} at [{offset + row}, {column}] (row and column, "
            "counted from 0); an input holds finite numbers, so fill or drop that row."
        )
    size = f"{rows:,} x {columns} numbers, sha256 {_digest(content)}"
    return InputSequence(values, f"{name} ({size}), {_span('rows', steps, offset)}")


def _characters(
    text: str, name: str, where: str, steps: int, inputs: int | None, offset: int
) -> InputSequence:
    available = max(len(text) - 1, 0)
    _check_length(
        available,
        steps,
        offset,
        where,
        f"{len(text)} characters, that is {available} steps and the last one's target",
    )
    symbols = tuple(sorted(set(text)))
    _check_inputs(len(symbols), inputs, where, "different characters, one input each")
    column = {symbol: i for i, symbol in enumerate(symbols)}
    require(
        FLOAT * steps * len(symbols),
        where,
        f"{steps} steps of {len(symbols)} different characters, one input each,",
        "ask for fewer steps",
    )
    window = np.array([column[c] for c in text[offset : offset + steps + 1]], dtype=np.int64)
    values = np.zeros((steps, len(symbols)))
    values[np.arange(steps), window[:-1]] = 1.0
    size = f"{len(text):,} characters, {len(symbols)} different, sha256 {_digest(text.encode())}"
    source = f"{name} ({size}), one-hot, {_span('characters', steps, offset)}"
    return InputSequence(values, source, symbols, window[1:])


def _content(where: str, copies: int) -> bytes:
    """Return what a file holds, if there is memory to read it; a device may have no end."""
    most = budget() // copies
    try:
        with Path(where).open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            content = file.read() if 0 < size <= most else b""
            while size == 0 and len(content) <= most and (more := file.read(_PIECE)):
                content += more
    except FileNotFoundError as error:
        raise InputError(
            f"{where}: there is no such file; an input is {kinds()}, so check the path."
        ) from error
    except IsADirectoryError as error:
        raise InputError(
            f"{where} is a folder; an input is {kinds()}, so name a file in it."
        ) from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(
            f"{where!r} cannot be read ({reason}); an input is {kinds()} that you may read, so "
            "check the path and its permissions."
        ) from error
    if size > most or len(content) > most:
        holds = f"holds {size} bytes" if size > most else f"goes on after {most} bytes"
        raise InputError(
            f"{where} {holds}, and to read so much takes more than the {as_bytes(budget())} that "
            "may be taken; give a part of it, or set GRADFLOW_MEMORY to allow more."
        )
    if not content:
        raise InputError(f"{where} is empty; an input is {kinds()}, so fill it or name another.")
    return content


def _text(content: bytes, where: str) -> str:
    try:
        text = content.decode("utf-8-sig")
        position = text.find("\0")
    except UnicodeDecodeError as error:
        text, position = "", error.start
    if position >= 0:
        raise InputError(
            f"{where} is not UTF-8 text (byte {content[position]:#04x} at position {position}); "
            f"an input is {kinds()}, so convert it to one of these."
        )
    return io.StringIO(text, newline=None).read()


def _english() -> str:
    try:
        from pydoc_data.topics import topics
    except ImportError as error:
        raise InputError(
            "the default text, pydoc_data.topics, is missing from this Python; it is a part of "
            f"every full installation, so install that or name {kinds()}."
        ) from error
    return "\n".join(topics[name] for name in sorted(topics))


def _english_name() -> str:
    return f"English text: the help topics of Python {platform.python_version()}, pydoc_data.topics"


def _check_length(available: int, steps: int, offset: int, where: str, found: str) -> None:
    if offset + steps > available:
        after = f" from step {offset} on" if offset else ""
        fewer = f"ask for at most {available - offset} or " if available > offset else ""
        raise InputError(
            f"{where} holds {found}, and {steps} were asked for{after}; {fewer}give a longer file."
        )


def _check_inputs(found: int, inputs: int | None, where: str, what: str) -> None:
    if inputs is not None and inputs != found:
        raise UsageError(
            f"{where} has {found} {what}, and the cell takes {inputs}; make the two equal, for "
            f"instance by asking for {found} inputs."
        )


def _span(what: str, steps: int, offset: int) -> str:
    return f"{what} {offset:,} to {offset + steps - 1:,}"


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:12]
