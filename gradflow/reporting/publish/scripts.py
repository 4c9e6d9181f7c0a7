"""The figure scripts of `analyses/`, and those of a reader: found, read and run.

A script opens with the question it answers, on one line, and the figure of the literature it
corresponds to; it has a function ``main(out, quick=False, **look) -> dict[str, float]`` that writes
into the folder ``out`` and returns the numbers it claims. ``look`` is the venue and the formats,
handed on to :func:`gradflow.reporting.publish.page`.
"""

from __future__ import annotations

import ast
import importlib.util
import inspect
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gradflow.errors import InputError, UsageError
from gradflow.figures.look.venues import find_venue
from gradflow.files import require_folder
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
    ) -> dict[str, float]:
        """Run ``main`` of the script; return the numbers it claims.

        Raises
        ------
        UsageError
            An unknown venue or format, or a folder that cannot be written to: before anything is
            computed.
        InputError
            A script that has no ``main(out, quick, **look)``.
        """
        find_venue(venue)
        kinds = check_formats(formats)
        folder = require_folder(out)
        main = self._main()
        found: Mapping[str, float] = main(folder, quick=quick, venue=venue, formats=kinds)
        return dict(found)

    def __repr__(self) -> str:
        """Return one line with the name and the question."""
        return f"Script({self.name!r}: {plain_text(self.question)})"

    def _main(self) -> Callable[..., Any]:
        spec = importlib.util.spec_from_file_location(f"gradflow_figure_{self.name}", self.path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        # A dataclass of the script looks its module up here.
        sys.modules[spec.name] = module
        spec.loader.exec_module(module)
        main: Any = getattr(module, "main", None)
        try:
            inspect.signature(main).bind("out", quick=True, venue="", formats=())
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
            f"figure {name!r} is not known; choose one of {', '.join(known)}, or name a "
            "script FILE.py."
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
