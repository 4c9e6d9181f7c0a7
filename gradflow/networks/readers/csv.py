"""The .csv file: numbers separated by commas, a row a step."""

from __future__ import annotations

import csv
import io

import numpy as np
from numpy.typing import NDArray

from gradflow.errors import InputError
from gradflow.networks.readers.reader import Reader

__all__ = ["READER"]


def read_csv(content: bytes, where: str) -> NDArray[np.float64]:
    """Read numbers separated by commas, a row a step; the first row may name the columns.

    Raises
    ------
    InputError
        Bytes that are not UTF-8, a cell that is no number (with its line and column), rows of
        different lengths, or no row of numbers at all.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(
            f"{where} is not UTF-8 text (byte {content[error.start]:#04x} at position "
            f"{error.start}); a .csv file holds numbers separated by commas, so export it again."
        ) from error
    rows: list[list[float]] = []
    reader = csv.reader(io.StringIO(text, newline=""))
    width: int | None = None
    try:
        for cells in filter(None, reader):
            if width is None:
                width = len(cells)
                if not any(_is_number(cell) for cell in cells):
                    continue
            if len(cells) != width:
                raise InputError(
                    f"{where}, line {reader.line_num} has {len(cells)} cells and the first row "
                    f"{width}; every row must have the same number, so correct that line."
                )
            rows.append([_number(cell, i, reader.line_num, where) for i, cell in enumerate(cells)])
    except csv.Error as error:
        raise InputError(
            f"{where}, line {reader.line_num} is no line of a .csv file ({error}); it must hold "
            "numbers separated by commas, so correct that line."
        ) from error
    if not rows:
        raise InputError(
            f"{where} holds no row of numbers; a .csv file has a row of numbers for each step, so "
            "add them below the header."
        )
    return np.array(rows, dtype=np.float64)


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _number(cell: str, column: int, line: int, where: str) -> float:
    try:
        return float(cell)
    except ValueError as error:
        found = f"holds {cell[:40]!r}" if cell.strip() else "is empty"
        raise InputError(
            f"{where}, line {line}, column {column + 1} {found}; every cell must be a number, "
            "separated from the next by a comma, so correct or drop that line."
        ) from error


READER = Reader(
    suffixes=(".csv",), reads="rows of numbers, with or without a header", read=read_csv
)
