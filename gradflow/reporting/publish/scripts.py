"""The figure scripts of `analyses/`, and those of a reader: found, read and run.

A script opens with the question it answers, on one line, and the figure of the literature it
corresponds to; it has a function ``main(out, quick=False, **look) -> dict[str, float]`` that writes
into the folder ``out`` and returns the numbers it claims. ``look`` is the venue, the formats and
what slides need, handed on to :func:`gradflow.reporting.publish.page`.
"""

from __future__ import annotations

import ast
import importlib.util
import inspect
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from traceback import extract_tb
from typing import Any

from gradflow.errors import GradflowError, InputError, UsageError, close_to, shown
from gradflow.figures.look.venues import find_venue
from gradflow.files import require_folder
from gradflow.given import flag, mapping, real_number
from gradflow.prose import plain_text
from gradflow.reporting.publish.formats import FORMATS, check_formats

__all__ = ["Script", "find_script", "scripts"]


@dataclass(frozen=True, kw_only=True, repr=False)
class Script:
    """A figure script: its ``question``, what it corresponds to, and its text."""

    name: str
    path: Path
    question: str
    source: str
    about: str

    def run(
        self,
        out: str | Path,
        *,
        quick: bool = False,
        venue: str = "neurips",
        formats: Sequence[str] = FORMATS,
        steps: bool = False,
    ) -> dict[str, float]:
        """Run ``main`` of the script; return the numbers it claims.

        On slides the script's question is their title; ``steps`` are the pictures of a talk, see
        :func:`gradflow.reporting.publish.page`.

        Raises
        ------
        UsageError
            An unknown venue or format, or a folder that cannot be written to: before anything is
            computed.
        InputError
            A script that has no ``main(out, quick, **look)``.
        """
        look: dict[str, Any] = {"venue": venue, "formats": check_formats(formats)}
        if find_venue(venue).height is not None:
            look["question"] = self.question
        if flag(steps, "run: steps"):
            look["steps"] = True
        folder = require_folder(out)
        main = self._main(look)
        with self._speaking():
            found: Mapping[str, float] = main(folder, quick=quick, **look)
        for name, value in mapping(found, f"{self.path}: what main returns", "numbers").items():
            real_number(value, f"{self.path}: the number {name!r}", infinite=True)
        return dict(found)

    def __repr__(self) -> str:
        """Return one line with the name and the question."""
        return f"Script({self.name!r}: {plain_text(self.question)})"

    @contextmanager
    def _speaking(self) -> Iterator[None]:
        """Say of what the script itself raises where it was raised; gradflow's errors pass."""
        try:
            yield
        except GradflowError:
            raise
        except Exception as error:
            frames = extract_tb(error.__traceback__)
            lines = [f.lineno for f in frames if Path(f.filename).name == self.path.name]
            where = f", line {lines[-1]}" if lines else ""
            raise InputError(
                f"{self.path}{where}: the script raises {shown(error)}; mend it there."
            ) from error

    def _main(self, look: Mapping[str, Any]) -> Callable[..., Any]:
        spec = importlib.util.spec_from_file_location(f"gradflow_figure_{self.name}", self.path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        # A dataclass of the script looks its module up here.
        sys.modules[spec.name] = module
        with self._speaking():
            spec.loader.exec_module(module)
        main: Any = getattr(module, "main", None)
        try:
            inspect.signature(main).bind("out", quick=True, **look)
        except TypeError:
            raise InputError(
                f"{self.path}: it has no main(out, quick=False, **look); a figure script needs "
                "one, see docs/figures.md."
            ) from None
        return main  # type: ignore[no-any-return]


def scripts() -> tuple[Script, ...]:
    """Return the scripts that come with gradflow, by name.

    Raises ``InputError`` where this installation lacks them.
    """
    package = Path(__file__).parents[2]
    # A checkout keeps them beside the package, an installation inside it.
    for folder in (package.parent / "analyses", package / "analyses"):
        paths = sorted(folder.glob("[!_]*.py"))
        if paths:
            return tuple(_read(path) for path in paths)
    raise InputError("the folder analyses/ is missing from this installation; install it again.")


def find_script(name: str) -> Script:
    """Return the script ``name``, or the one in the file ``name`` if it ends in ``.py``.

    Raises ``UsageError`` for an unknown name and ``InputError`` for a file that cannot be read.
    """
    if name.endswith(".py"):
        return _read(Path(name))
    known = {script.name: script for script in scripts()}
    if name not in known:
        raise UsageError(
            f"figure {name!r} is not known; {close_to(name, known)}choose one of "
            f"{', '.join(known)}, or name a script FILE.py."
        )
    return known[name]


def _read(path: Path) -> Script:
    try:
        source = path.read_text("utf-8")
        text = ast.get_docstring(ast.parse(source))
    except (OSError, UnicodeDecodeError, SyntaxError, ValueError) as error:
        reason = getattr(error, "strerror", None) or getattr(error, "msg", None) or error
        raise InputError(
            f"{path}: not a Python script that can be read ({reason}); check the path and the file."
        ) from None
    if not text:
        raise InputError(
            f"{path}: it has no docstring; a figure script opens with the question it answers."
        )
    question, _, about = text.partition("\n")
    return Script(
        name=path.stem, path=path, question=question.strip(), source=source, about=about.strip()
    )
