"""Names that are loaded when they are first used, so that an import costs milliseconds.

The face of a floor names where each of its public names lives; listing (``dir``) shows them all and
loads none.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Mapping
from typing import Any

__all__ = ["lazily"]


def lazily(
    package: str, homes: Mapping[str, str]
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Return ``__getattr__`` and ``__dir__`` of a package, from public name to the module it is in.

    A home is the module's name after the package's, ``"products.eigenvalues"``. With a colon behind
    it the module itself is meant, ``"language.functions:"``, and an empty one stands for the
    submodule of the public name.

    >>> find, listed = lazily("gradflow", {"lazily": "lazy", "errors": ""})
    >>> find("lazily") is lazily, find("errors").__name__, "lazily" in listed()
    (True, 'gradflow.errors', True)
    """

    def find(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        module, itself, _ = (homes[name] or f"{name}:").partition(":")
        home = importlib.import_module(f"{package}.{module}")
        value = home if itself else getattr(home, name)
        setattr(sys.modules[package], name, value)
        return value

    def listed() -> list[str]:
        return sorted({*homes, *vars(sys.modules[package]).get("__all__", ())})

    return find, listed
