"""Generated modules as files, where numba keeps what it has compiled of them."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import sys
import tempfile
from contextlib import suppress
from functools import cache, lru_cache
from pathlib import Path
from types import ModuleType

from gradflow.cells.cell import Cell

RUNTIME = "gradflow.codegen.targets.numba.runtime"

_loaded: dict[str, ModuleType] = {}


def cache_folder() -> Path:
    """Return the folder for generated modules: ``GRADFLOW_CACHE``, or the user's cache."""
    return Path(_chosen_folder())


def _chosen_folder() -> str:
    names = ("GRADFLOW_CACHE", "XDG_CACHE_HOME", "HOME")
    return _folder(*map(os.environ.get, names))


@lru_cache(maxsize=4)
def _folder(chosen: str | None, base: str | None, home: str | None) -> str:
    return chosen or str(Path(base or Path.home() / ".cache") / "gradflow")


@cache
def _temporary_folder() -> Path:
    return Path(tempfile.mkdtemp(prefix="gradflow-"))


def module_name(cell: Cell, source: str) -> str:
    """Return the name of the module of a source, which changes with it and with the runtime."""
    runtime = importlib.util.find_spec(RUNTIME)
    assert runtime is not None
    assert runtime.origin is not None
    whole = source + Path(runtime.origin).read_text("utf-8")
    return f"gradflow_{cell.name}_{hashlib.sha256(whole.encode()).hexdigest()[:16]}"


def load(cell: Cell, source: str) -> ModuleType:
    """Return the module of a generated source, kept on disk so that its compiled form persists."""
    name = module_name(cell, source)
    if name in _loaded:
        return _loaded[name]
    try:
        path = _written(cache_folder(), name, source)
    except OSError:  # a read-only home: compile afresh in every process
        path = _written(_temporary_folder(), name, source)
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    sys.modules[name] = module  # numba finds cached code by the module's name
    _loaded[name] = module
    return module


def _written(folder: Path, name: str, source: str) -> Path:
    """Write the module unless it is there: aside, then renamed, since others may write it too."""
    path = folder / f"{name}.py"
    if path.exists() and path.read_text("utf-8") == source:
        return path
    folder.mkdir(parents=True, exist_ok=True)
    handle, aside = tempfile.mkstemp(suffix=".py", dir=folder)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(source)
        os.replace(aside, path)
    except OSError:
        with suppress(OSError):
            os.remove(aside)
        raise
    return path


def is_known(cell: Cell) -> bool:
    """Whether anything compiled is named after the cell, in this process or in the folder."""
    return any(name.startswith(f"gradflow_{cell.name}_") for name in (*_kept(), *_loaded))


def is_compiled(module: str, kernel: str) -> bool:
    """Whether a function of a module is compiled, in this process or in the folder."""
    here = getattr(_loaded.get(module), kernel, None)
    return bool(here is not None and here.signatures) or f"{module}.{kernel}" in _kept()


def _kept() -> frozenset[str]:
    """Return what the folder of compiled code holds, as module.function."""
    folder = f"{_chosen_folder()}/__pycache__"
    try:
        return _listed(folder, os.stat(folder).st_mtime_ns)
    except OSError:
        return frozenset()


@lru_cache(maxsize=4)
def _listed(folder: str, changed: int) -> frozenset[str]:
    end = f".py{sys.version_info.major}{sys.version_info.minor}.nbi"
    names = (name for name in os.listdir(folder) if name.endswith(end))
    # numba names them module.function-line.version.nbi
    return frozenset(name.rpartition("-")[0] for name in names)
