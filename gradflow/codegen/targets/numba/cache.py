"""Generated modules in this process, and which of their functions are compiled already."""

from __future__ import annotations

import hashlib
import importlib.util
import linecache
import sys
from functools import cache
from pathlib import Path
from threading import Lock
from types import ModuleType

from gradflow.cells.cell import Cell
from gradflow.codegen.targets.numba.folder import all_kept

RUNTIME = "gradflow.codegen.targets.numba.runtime"
ROWS = "gradflow.codegen.targets.numba.rows"

_loaded: dict[str, ModuleType] = {}
_loading = Lock()


def module_name(cell: Cell, source: str) -> str:
    """Return the name of the module of a source, which changes with it and with the runtime."""
    whole = source.encode() + called()
    return f"gradflow_{cell.name}_{hashlib.sha256(whole).hexdigest()[:16]}"


@cache
def called() -> bytes:
    """Return the source of all that generated source calls, which is not imported for it."""
    sources = []
    for module in (RUNTIME, ROWS):
        found = importlib.util.find_spec(module)
        assert found is not None
        assert found.origin is not None
        sources.append(Path(found.origin).read_bytes())
    return b"".join(sources)


def load(cell: Cell, source: str) -> ModuleType:
    """Return the module of a generated source; what is compiled of it is kept under its name."""
    name = module_name(cell, source)
    with _loading:
        if name not in _loaded:
            path = f"<{name}>"
            module = ModuleType(name)
            # for tracebacks, which show its lines
            linecache.cache[path] = (len(source), None, source.splitlines(keepends=True), path)
            sys.modules[name] = module  # numba finds what it has compiled by the module's name
            exec(compile(source, path, "exec"), module.__dict__)
            _loaded[name] = module
        return _loaded[name]


def is_known(cell: Cell) -> bool:
    """Whether anything compiled is named after the cell, in this process or in the folder."""
    return any(name.startswith(f"gradflow_{cell.name}_") for name in (*all_kept(), *_loaded))


def is_compiled(module: str, kernel: str) -> bool:
    """Whether a function of a module is compiled, in this process or in the folder."""
    here = getattr(_loaded.get(module), kernel, None)
    return bool(here is not None and here.signatures) or f"{module}.{kernel}" in all_kept()
