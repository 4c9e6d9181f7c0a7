"""The house: a floor imports only floors above it, and only the packages that are its trade.

`violations` reads every file with `ast`, so that function-local imports count, and between floors
type-only ones too; it is itself tested on small trees with planted violations.
"""

import ast
import re
import sys
import tomllib
from fnmatch import fnmatch
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "gradflow"
LONGEST = 300

# floor -> package -> the files that may import it
TRADE = {
    "cells": {"sympy": "*", "numpy": "init*.py"},
    "jacobians": {"sympy": "*"},
    "codegen": {
        "sympy": "*",
        "numpy": "*",
        "mpmath": "*",
        "scipy": "*",
        "threadpoolctl": "over_time.py",
        "llvmlite": "numba_runtime.py",
    },
    "spectra": {"numpy": "*", "scipy": "*"},
    "proofs": {"sympy": "*", "numpy": "*", "scipy": "*"},
    "models": {"numpy": "*"},
    "figures": {"matplotlib": "*", "numpy": "*", "tueplots": "*"},
    "report": {
        "jinja2": "*",
        "math_core": "*",
        "matplotlib": "*",
        "numpy": "*",
    },
    "cli": {"cyclopts": "*", "rich": "*"},
}
# packages that an installation may lack: any floor, but one file each
OPTIONAL = {
    "array_api_compat",
    "cvc5",
    "dask",
    "distributed",
    "flint",
    "jax",
    "numba",
    "torch",
    "typst",
    "z3",
}
# calls that import the module their first argument names
DYNAMIC = {"import_module", "__import__"}
# where the import's name is not the distribution's
DISTRIBUTION = {
    "array_api_compat": "array-api-compat",
    "distributed": "dask",
    "llvmlite": "numba",
    "flint": "python-flint",
    "math_core": "math-core",
    "z3": "z3-solver",
}


def arrow_line(package):
    """The floors in order, from the line with the arrows in the package's docstring."""
    text = ast.get_docstring(ast.parse((package / "__init__.py").read_text("utf-8")))
    lines = [line.split(" -> ") for line in text.splitlines() if " -> " in line]
    assert len(lines) == 1, "the docstring of __init__.py needs exactly one line with arrows"
    return [floor.strip() for floor in lines[0]]


def present(package):
    """The floors there are: each folder that holds Python files."""
    return {path.parent.name for path in package.glob("*/*.py")}


def imports(tree, home):
    """(line, dotted name) of every import in a module of the package `home` (a list of names)."""
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                yield from ((node.lineno, alias.name) for alias in names)
            case ast.ImportFrom(module=module, names=names, level=level):
                base = absolute("." * level + (module or ""), home)
                if base == "gradflow":
                    yield from ((node.lineno, f"gradflow.{alias.name}") for alias in names)
                else:
                    yield node.lineno, base
            case ast.Call(func=func, args=[first, *_]) if called(func) in DYNAMIC:
                yield node.lineno, absolute(literal(first), home)


def for_types(tree):
    """The lines under `if TYPE_CHECKING:`, where an annotation's package is never loaded."""
    return {
        inner.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and called(node.test) == "TYPE_CHECKING"
        for statement in node.body
        for inner in ast.walk(statement)
        if isinstance(inner, ast.stmt)
    }


def absolute(name, home):
    """The dotted name without its leading dots, of which the first stands for `home` itself."""
    bare = name.lstrip(".")
    level = len(name) - len(bare)
    start = home[: len(home) - level + 1] if level else []
    return ".".join([*start, *bare.split(".")]).rstrip(".")


def called(func):
    """The last name of an expression such as `importlib.import_module`, or nothing."""
    return func.attr if isinstance(func, ast.Attribute) else getattr(func, "id", "")


def literal(node):
    """The text an expression begins with: all of a string, the fixed start of an f-string."""
    if isinstance(node, ast.JoinedStr) and node.values:
        node = node.values[0]
    text = node.value if isinstance(node, ast.Constant) else ""
    return text if isinstance(text, str) and text else "gradflow"


def home(path, package):
    """The package a file belongs to, as a list of names."""
    return ["gradflow", *path.relative_to(package).parts[:-1]]


def violations(package):
    """Every breach of the house's rules under a package folder, a line each."""
    floors = arrow_line(package)
    found = []
    if set(floors) != present(package):
        odd = sorted(set(floors) ^ present(package))
        found.append(f"arrow line and folders differ in: {', '.join(odd)}")
    optional = {}
    for path in sorted(package.rglob("*.py")):
        where = path.relative_to(package).as_posix()
        text = path.read_text("utf-8")
        length = len(text.splitlines())
        if length > LONGEST:
            found.append(f"{where}: {length} lines, and {LONGEST} are allowed")
        floor = where.split("/")[0].removesuffix(".py")
        if floor not in {*floors, "__init__", "__main__", "errors"}:
            found.append(f"{where}: not on any floor")
            continue
        tree = ast.parse(text)
        unloaded = for_types(tree)
        for line, name in imports(tree, home(path, package)):
            top = name.split(".")[0]
            if top == "gradflow":
                if complaint := upward(name, floor, floors):
                    found.append(f"{where}:{line}: {complaint}")
            elif top in OPTIONAL:
                optional.setdefault(top, set()).add(where)
            elif top not in sys.stdlib_module_names and line not in unloaded:
                pattern = TRADE.get(floor, {}).get(top)
                if pattern is None or not fnmatch(path.name, pattern):
                    found.append(f"{where}:{line}: {top} is not the trade of {floor}")
    for name, files in optional.items():
        if len(files) > 1:
            found.append(f"{name} is optional and imported in several files: {sorted(files)}")
    return found


def upward(name, floor, floors):
    """What is wrong with `floor` importing the dotted `name` of this package, if anything."""
    if floor in {"__init__", "__main__", "cli"} or name in {
        "gradflow.errors",
        "gradflow.__version__",
    }:
        return None
    target = name.removeprefix("gradflow").lstrip(".").split(".")[0]
    if floor == "errors":
        return f"errors stands outside the floors and imports {name}"
    if target not in floors:
        return f"{name} is on no floor; import from the floor it lives on"
    if floors.index(target) > floors.index(floor):
        return f"{floor} imports the lower floor {target}"
    return None


def third_party(package):
    """The packages imported anywhere that are neither ours nor Python's."""
    names = {
        name.split(".")[0]
        for path in package.rglob("*.py")
        for _, name in imports(ast.parse(path.read_text("utf-8")), home(path, package))
    }
    return names - set(sys.stdlib_module_names) - {"gradflow"}


def test_the_house_stands():
    assert violations(PACKAGE) == []


def test_what_is_imported_is_declared_and_what_is_declared_is_imported():
    def names(requirements):
        return {re.split(r"[\[<>=~ ]", line)[0] for line in requirements}

    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    core = names(project["dependencies"])
    extras = project["optional-dependencies"]
    extra = set().union(*(names(extras[key]) for key in extras if key != "dev"))
    used = {DISTRIBUTION.get(name, name) for name in third_party(PACKAGE)}
    assert used - extra == core


GOOD = {
    "__init__.py": '"""House.\n\n    cells -> jacobians -> spectra -> cli\n"""\nimport importlib\n'
    "def __getattr__(name): return importlib.import_module(f'gradflow.{name}')\n",
    "__main__.py": "from gradflow.cli import main\n",
    "errors.py": "from typing import ClassVar\n",
    "cli/__init__.py": "import cyclopts\nimport gradflow as gf\nfrom gradflow.spectra import run\n",
    "cells/__init__.py": "from . import lstm\nfrom gradflow.errors import UsageError\n",
    "cells/lstm.py": "import sympy\nfrom gradflow import __version__\n",
    "cells/initializers.py": "import numpy as np\n",
    "cells/cell.py": "if TYPE_CHECKING:\n    import numpy as np\n",
    "jacobians/__init__.py": "from ..cells import lstm\nfrom gradflow import cells\n"
    "importlib.import_module(f'.{name}', __package__)\n",
    "spectra/__init__.py": "import numpy.linalg\ndef f():\n    from gradflow.jacobians import g\n",
    "spectra/fast.py": "def f():\n    import numba\n    from numba import njit\n",
}


def build(root, files):
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return root


def test_a_sound_house_has_no_violations(tmp_path):
    assert violations(build(tmp_path, GOOD)) == []


@pytest.mark.parametrize(
    ("name", "text", "complaint"),
    [
        ("cells/a.py", "import gradflow.spectra", "cells/a.py:1: cells imports the lower floor"),
        ("cells/a.py", "from gradflow.cli import main", "cells imports the lower floor cli"),
        ("cells/a.py", "from ..spectra import run", "cells imports the lower floor spectra"),
        ("cells/a.py", "from .. import spectra", "cells imports the lower floor spectra"),
        ("jacobians/b/c.py", "from ...spectra import run", "imports the lower floor spectra"),
        ("cells/a.py", "from gradflow import spectra", "cells imports the lower floor spectra"),
        ("cells/a.py", "\ndef f():\n    from gradflow import jacobians", "cells/a.py:3: cells"),
        ("cells/a.py", "if TYPE_CHECKING:\n    from gradflow.spectra import run", "lower floor"),
        ("cells/a.py", "importlib.import_module('gradflow.spectra')", "lower floor spectra"),
        ("cells/a.py", "__import__('gradflow.spectra')", "lower floor spectra"),
        ("cells/a.py", "import_module(f'gradflow.spectra.{x}')", "lower floor spectra"),
        ("cells/a.py", "import_module('..spectra', __package__)", "lower floor spectra"),
        ("cells/a.py", "import_module(name)", "gradflow is on no floor"),
        ("cells/a.py", "import gradflow as gf", "gradflow is on no floor"),
        ("cells/a.py", "from gradflow import run", "gradflow.run is on no floor"),
        ("errors.py", "from gradflow.cells import lstm", "errors stands outside"),
        ("cells/a.py", "import numpy", "numpy is not the trade of cells"),
        ("cells/a.py", "if TYPE_CHECKING:\n    pass\nelse:\n    import numpy", "a.py:4: numpy"),
        ("spectra/a.py", "from sympy import tanh", "sympy is not the trade of spectra"),
        ("errors.py", "import numpy", "numpy is not the trade of errors"),
        ("cells/a.py", "import requests", "requests is not the trade of cells"),
        ("jacobians/a.py", "import numba", "numba is optional and imported in several files"),
        ("figures/a.py", "import numpy", "differ in: figures"),
        ("utils.py", "x = 1", "utils.py: not on any floor"),
        ("cells/a.py", "x = 1\n" * (LONGEST + 1), f"{LONGEST + 1} lines"),
    ],
)
def test_a_planted_violation_is_found(tmp_path, name, text, complaint):
    found = violations(build(tmp_path, GOOD | {name: text}))
    assert any(complaint in line for line in found), found


def test_a_floor_without_its_folder_is_found(tmp_path):
    house = {name: text for name, text in GOOD.items() if not name.startswith("jacobians")}
    assert any("differ in: jacobians" in line for line in violations(build(tmp_path, house)))
