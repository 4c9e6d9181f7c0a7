"""The errors carry the command line's exit codes and are caught as what they are."""

import ast
from pathlib import Path

import pytest

import gradflow
from gradflow.errors import GradflowError, InputError, UsageError

PACKAGE = Path(gradflow.__file__).parent
ERRORS = {"UsageError", "InputError", "PrecisionError"}
# where every sentence ends in a period
SENTENCES = (
    "cli/__init__.py",
    "cli/console.py",
    "cli/figure.py",
    "figures",
    "files.py",
    "networks",
    "prose.py",
    "reporting",
    "studies",
)


def ending(node):
    """The text that an expression ends with; nothing where that is not written in the source."""
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=[*_, last]):
            return ending(last)
        case ast.BinOp(op=ast.Add(), right=right):
            return ending(right)
        case ast.IfExp(body=body, orelse=other):
            return ending(body) if ending(body)[-1:] != "." else ending(other)
        case _:
            return ""


def unended(source):
    """The lines of the errors made in a source whose sentence does not end in a period."""
    return [
        node.lineno
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in ERRORS
        and node.args
        and not isinstance(node.args[0], ast.Name)
        and not ending(node.args[0]).endswith(".")
    ]


@pytest.mark.parametrize("where", SENTENCES)
def test_every_sentence_ends_in_a_period(where):
    place = PACKAGE / where
    files = [place] if place.is_file() else sorted(place.rglob("*.py"))
    assert files
    bad = [f"{f.relative_to(PACKAGE)}:{n}" for f in files for n in unended(f.read_text("utf-8"))]
    assert bad == []


@pytest.mark.parametrize(
    ("source", "lines"),
    [
        ("raise UsageError('one sentence.')", []),
        ("raise UsageError('one sentence')", [1]),
        ("x = 1\nreturn InputError(\n    f'{x} is wrong; '\n    'mend it'\n)", [2]),
        ("raise PrecisionError(f'{x} is wrong; choose of {y}')", [1]),
        ("raise PrecisionError(f'{x} is wrong; choose of {y}.') from None", []),
        ("raise UsageError('a.' + 'b')", [1]),
        ("raise UsageError('a.' if x else f'{b}')", [1]),
        ("raise error('no sentence of ours')", []),
        ("raise UsageError(message)", []),
    ],
)
def test_a_sentence_without_its_period_would_be_seen(source, lines):
    assert unended(source) == lines


@pytest.mark.parametrize(("error", "code"), [(GradflowError, 1), (UsageError, 2), (InputError, 3)])
def test_exit_codes(error, code):
    assert error.exit_code == code
    assert error("one sentence").exit_code == code


@pytest.mark.parametrize("error", [UsageError, InputError])
def test_closer_errors_are_value_errors_and_ours(error):
    with pytest.raises(GradflowError, match=r"^one sentence$"):
        raise error("one sentence")
    with pytest.raises(ValueError, match=r"^one sentence$"):
        raise error("one sentence")


def test_the_two_kinds_are_told_apart():
    assert not issubclass(UsageError, InputError)
    assert not issubclass(InputError, UsageError)
