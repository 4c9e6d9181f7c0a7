"""The house: a floor imports only floors above it, and only the packages that are its trade.

`violations` reads every file with `ast`, so that function-local imports count, and type-only ones
too; it is itself tested on small trees with planted violations. Inside a floor no files import each
other in a circle, no folder has more than a dozen modules, no public name hides a module, and a
record of more than four fields is made by keywords.
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
MOST = 12
FEW = 4
# stand outside the floors: may import one another and Python's own library, nothing of a floor
OUTSIDE = {"arrays", "errors", "files", "given", "prose", "lazy", "registry", "provenance"}
OUTSIDE |= {"drawable", "memory"}
# they exist to import late what others name: a public name, a record, the figure of a result
LATE = {"lazy", "registry", "drawable"}

# rooms of codegen in which code is generated, and who else may enter: its functions are called
GENERATING = ("lowering", "printing", "targets")
ENTER = ("gradflow.codegen", "gradflow.proofs.weights.values", "gradflow.ensembles.numeric")

# floor -> package -> the files that may import it, a pattern of their paths
TRADE = {
    "arrays": {"numpy": "*"},
    "given": {"numpy": "*"},
    "cells": {"sympy": "*", "numpy": "*/[ip]*.py"},
    "jacobians": {"sympy": "*"},
    "codegen": {
        "sympy": "*",
        "numpy": "*",
        "mpmath": "*",
        "scipy": "*",
        "threadpoolctl": "*/over_time.py",
        "llvmlite": "*/numba/runtime.py",
    },
    "spectra": {"numpy": "*", "scipy": "*", "flint": "*/exact.py"},
    "ensembles": {"sympy": "*", "numpy": "*", "scipy": "*"},
    "proofs": {"sympy": "*", "numpy": "*", "scipy": "*", "flint": "*/balls.py"},
    "networks": {
        "numpy": "*",
        "h5py": "*/encodings/hdf5_process.py",
        "tensorstore": "*/formats/orbax.py",
    },
    "training": {"numpy": "*", "scipy": "*/events.py"},
    "studies": {"numpy": "*"},
    "figures": {"matplotlib": "*", "numpy": "*", "tueplots": "*/venues.py"},
    "reporting": {
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
    drawn = [block for block in text.split("\n\n") if " -> " in block]
    assert len(drawn) == 1, "the docstring of __init__.py needs exactly one line with arrows"
    return [floor.strip() for floor in " ".join(drawn[0].split()).split(" -> ")]


def present(package):
    """The floors there are: each folder that holds Python files."""
    return {path.parent.name for path in package.glob("*/*.py")}


def module(path, package):
    """The dotted name of a file, the package's own for its ``__init__``."""
    parts = [*home(path, package), *([path.stem] if path.stem != "__init__" else [])]
    return ".".join(parts)


def edges(package):
    """Which files import which, by dotted names: wherever in the file, and for types too."""
    files = {module(path, package): path for path in package.rglob("*.py")}
    found = {}
    for name, path in files.items():
        at = home(path, package)
        found[name] = set()
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            match node:
                case ast.Import(names=names):
                    whole = [alias.name for alias in names]
                case ast.ImportFrom(module=base, names=names, level=level):
                    start = absolute("." * level + (base or ""), at)
                    whole = [f"{start}.{alias.name}" for alias in names]
                case ast.Call(func=func, args=[first, *_]) if called(func) in DYNAMIC:
                    whole = [absolute(literal(first), at)]
                case _:
                    continue
            for target in whole:
                target = target if target in files else target.rpartition(".")[0]
                found[name] |= {target} & files.keys() - {name}
    return found


def circles(package):
    """The circles inside floors, each as its sorted files on a line of complaint."""
    graph = edges(package)
    inside = {
        name: {t for t in targets if t.split(".")[1:2] == name.split(".")[1:2] != []}
        for name, targets in graph.items()
    }

    def reached(start):
        seen, waiting = set(), [*inside[start]]
        while waiting:
            name = waiting.pop()
            if name not in seen:
                seen.add(name)
                waiting += inside[name]
        return seen

    reach = {name: reached(name) for name in inside}
    tied = {
        frozenset({name} | {other for other in reach[name] if name in reach[other]})
        for name in reach
        if name in reach[name]
    }
    return [f"circle: {' <-> '.join(sorted(names))}" for names in sorted(tied, key=sorted)]


def generating(package):
    """Each file of another floor that enters a room in which code is generated."""
    rooms = tuple(f"gradflow.codegen.{room}" for room in GENERATING)
    return [
        f"{name} imports {target}, and only codegen generates code"
        for name, targets in sorted(edges(package).items())
        for target in sorted(targets)
        if target.startswith(rooms) and not name.startswith(ENTER)
    ]


def public_names(tree):
    """The names that a package's ``__init__`` offers, but for those that are its own modules."""
    offered, modules = set(), set()
    for node in tree.body:
        match node:
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                offered.add(name)
            case ast.ImportFrom(names=names):
                offered |= {alias.asname or alias.name for alias in names}
            case ast.Assign(targets=[ast.Name(id="_HOME")], value=value):
                homes = eval(compile(ast.Expression(value), "", "eval"), {"dict": dict})
                offered |= {name for name, where in homes.items() if where}
                modules |= {name for name, where in homes.items() if not where}
            case ast.Assign(targets=[ast.Name(id="__all__")], value=ast.List(elts=elements)):
                offered |= {e.value for e in elements if isinstance(e, ast.Constant)}
    return offered - modules


def hidden(package):
    """Each public name that hides a module or folder of the package that offers it."""
    found = []
    for path in sorted(package.rglob("__init__.py")):
        tree = ast.parse(path.read_text("utf-8"))
        beside = {p.stem for p in path.parent.glob("*.py")} - {"__init__"}
        beside |= {p.parent.name for p in path.parent.glob("*/__init__.py")}
        own = ".".join(home(path, package))
        itself = {
            alias.asname or alias.name
            for node in tree.body
            if isinstance(node, ast.ImportFrom) and node.module == own
            for alias in node.names
        }
        where = path.relative_to(package).as_posix()
        found += [
            f"{where}: the public name {name} hides the module {own}.{name}"
            for name in sorted(public_names(tree) & beside - itself)
        ]
    return found


def positional(package):
    """Each record of more than four fields whose fields may be given by position."""
    found = []
    for path in sorted(package.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(node, ast.ClassDef):
                continue
            made = [d for d in node.decorator_list if "dataclass" in ast.unparse(d)]
            fields = [s for s in node.body if isinstance(s, ast.AnnAssign)]
            given = [f for f in fields if not _never_given(f)]
            if made and len(given) > FEW and "kw_only=True" not in ast.unparse(made[0]):
                where = f"{path.relative_to(package).as_posix()}:{node.lineno}"
                found.append(f"{where}: {node.name} has {len(given)} fields and is not kw_only")
    return found


def _never_given(field):
    text = f"{ast.unparse(field.annotation)} {field.value and ast.unparse(field.value)}"
    return "ClassVar" in text or "init=False" in text


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
    for folder in sorted({path.parent for path in package.rglob("*.py")}):
        count = len([path for path in folder.glob("*.py") if path.name != "__init__.py"])
        if count > MOST:
            where = folder.relative_to(package).as_posix()
            found.append(f"{where}: {count} modules, and {MOST} are allowed; make rooms")
    found += circles(package) + generating(package) + hidden(package) + positional(package)
    optional = {}
    for path in sorted(package.rglob("*.py")):
        where = path.relative_to(package).as_posix()
        text = path.read_text("utf-8")
        length = len(text.splitlines())
        if length > LONGEST:
            found.append(f"{where}: {length} lines, and {LONGEST} are allowed")
        floor = where.split("/")[0].removesuffix(".py")
        if floor not in {*floors, "__init__", "__main__", *OUTSIDE}:
            found.append(f"{where}: not on any floor")
            continue
        tree = ast.parse(text)
        unloaded = for_types(tree)
        for line, name in imports(tree, home(path, package)):
            top = name.split(".")[0]
            if top == "gradflow":
                if where.removesuffix(".py") in LATE:
                    continue
                if complaint := upward(name, floor, floors):
                    found.append(f"{where}:{line}: {complaint}")
            elif top in OPTIONAL:
                optional.setdefault(top, set()).add(where)
            elif top not in sys.stdlib_module_names and line not in unloaded:
                pattern = TRADE.get(floor, {}).get(top)
                if pattern is None or not fnmatch(where, pattern):
                    found.append(f"{where}:{line}: {top} is not the trade of {floor}")
    for name, files in optional.items():
        if len(files) > 1:
            found.append(f"{name} is optional and imported in several files: {sorted(files)}")
    return found


def upward(name, floor, floors):
    """What is wrong with `floor` importing the dotted `name` of this package, if anything."""
    target = name.removeprefix("gradflow").lstrip(".").split(".")[0]
    if floor in {"__init__", "__main__", "cli"} or target in OUTSIDE | {"__version__"}:
        return None
    if floor in OUTSIDE:
        return f"{floor} stands outside the floors and imports {name}"
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


RECORD = "@dataclass({})\nclass R:\n    a: int\n    b: int\n    c: int\n    d: int\n    e: int\n"
GOOD = {
    "__init__.py": '"""House.\n\n    cells -> jacobians -> spectra -> cli\n"""\nimport importlib\n'
    "def __getattr__(name): return importlib.import_module(f'gradflow.{name}')\n",
    "__main__.py": "from gradflow.cli import main\n",
    "errors.py": "from typing import ClassVar\n",
    "cli/__init__.py": "import cyclopts\nimport gradflow as gf\nfrom gradflow.spectra import run\n",
    "cells/__init__.py": "from gradflow.cells import lstm\nfrom gradflow import errors\n",
    "cells/lstm.py": "import sympy\nfrom gradflow import __version__\n",
    "cells/initializers.py": "import numpy as np\n",
    "cells/cell.py": "if TYPE_CHECKING:\n    import numpy as np\nfrom .lstm import lstm\n",
    "lazy.py": "import importlib\nimportlib.import_module(f'{package}.x')\n",
    "jacobians/__init__.py": "_HOME = {'print': ''}\n"
    "from ..cells import lstm\nfrom gradflow import cells\n"
    "importlib.import_module(f'.{name}', __package__)\n",
    "spectra/__init__.py": "import numpy.linalg\ndef f():\n    from gradflow.jacobians import g\n",
    "jacobians/print/__init__.py": RECORD.format("frozen=True, kw_only=True")
    + RECORD.format("frozen=True").replace("e: int", "e: ClassVar[int]"),
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
        ("files.py", "import numpy", "numpy is not the trade of files"),
        ("files.py", "def f():\n    from gradflow import cells", "files stands outside"),
        ("cells/lstm.py", "from gradflow.cells.cell import x", "<-> gradflow.cells.lstm"),
        (
            "cells/lstm.py",
            "def f():\n    from gradflow.cells import cell",
            "<-> gradflow.cells.lstm",
        ),
        ("cells/lstm.py", "def f():\n    from . import cell", "<-> gradflow.cells.lstm"),
        ("cells/lstm.py", "if TYPE_CHECKING:\n    import gradflow.cells.cell", "circle: "),
        ("cells/lstm.py", "from gradflow.cells import anything", "circle: gradflow.cells <->"),
        (
            "cells/__init__.py",
            "from gradflow.cells.cell import lstm",
            "hides the module gradflow.cells.lstm",
        ),
        ("cells/__init__.py", "_HOME = {'lstm': 'cell'}", "the public name lstm hides"),
        ("cells/__init__.py", "_HOME = {**dict.fromkeys(('x', 'lstm'), 'cell')}", "lstm hides"),
        ("cells/__init__.py", "__all__ = ['lstm']", "the public name lstm hides"),
        ("cells/__init__.py", "def lstm(): ...", "the public name lstm hides"),
        (
            "__init__.py",
            '"""H.\n\n  cells -> jacobians -> spectra -> cli\n"""\ndef spectra(): ...',
            "hides",
        ),
        ("cells/a.py", RECORD.format("frozen=True"), "a.py:2: R has 5 fields and is not kw_only"),
        ("cells/a.py", "x = 1\n" * (LONGEST + 1), f"{LONGEST + 1} lines"),
    ],
)
def test_a_planted_violation_is_found(tmp_path, name, text, complaint):
    found = violations(build(tmp_path, GOOD | {name: text}))
    assert any(complaint in line for line in found), found


def test_a_floor_without_its_folder_is_found(tmp_path):
    house = {name: text for name, text in GOOD.items() if not name.startswith("jacobians")}
    assert any("differ in: jacobians" in line for line in violations(build(tmp_path, house)))


def test_a_circle_through_several_files_is_found_whole(tmp_path):
    ring = {f"spectra/r{i}.py": f"from gradflow.spectra import r{(i + 1) % 3}" for i in range(3)}
    (line,) = circles(build(tmp_path, GOOD | ring))
    assert line == "circle: gradflow.spectra.r0 <-> gradflow.spectra.r1 <-> gradflow.spectra.r2"


@pytest.mark.parametrize(
    "line",
    [
        "from gradflow.codegen.targets.numpy import NAMESPACE",
        "from gradflow.codegen import targets",
        "def f():\n    from ..codegen.targets import numpy",
        "importlib.import_module('gradflow.codegen.targets.numpy')",
    ],
)
def test_generating_code_on_another_floor_is_found(tmp_path, line):
    rooms = {"codegen/targets/__init__.py": "", "codegen/targets/numpy.py": "NAMESPACE = {}\n"}
    sound = {"codegen/code.py": "from gradflow.codegen.targets import numpy\n"}
    sound["spectra/run.py"] = "from gradflow.codegen.code import Code\n"
    assert generating(build(tmp_path / "sound", GOOD | rooms | sound)) == []
    planted = {"spectra/push.py": line}
    (complaint,) = generating(build(tmp_path / "planted", GOOD | rooms | sound | planted))
    assert complaint.startswith("gradflow.spectra.push imports gradflow.codegen.targets")


def test_a_full_folder_is_found(tmp_path):
    full = {f"cells/m{i}.py": "" for i in range(MOST - 2)}  # lstm, initializers, cell are there
    assert violations(build(tmp_path, GOOD | full)) == [
        "cells: 13 modules, and 12 are allowed; make rooms"
    ]
