"""The lower bounds of pyproject.toml as constraints for pip, one a line: each exactly its bound.

``make test-minimum`` installs with them, so that what pyproject.toml says is what has been tried.
"""

import re
import tomllib
from pathlib import Path

# the extras whose packages gradflow's own code calls with more than one version in use
EXTRAS = ("fast", "pdf", "arrays")
_BOUND = re.compile(r"([A-Za-z0-9][\w.-]*)\s*>=\s*([\w.]+)(?:,\s*<[\w.]+)?")


def requirements(project):
    """The requirements whose bounds are tried: the core's, and those of some extras."""
    extras = project["optional-dependencies"]
    return [*project["dependencies"], *(r for extra in EXTRAS for r in extras[extra])]


def constraints(project):
    """``name==bound`` for each. Raises ``ValueError`` for a requirement without a lower bound."""
    found = []
    for requirement in requirements(project):
        bound = _BOUND.fullmatch(requirement)
        if bound is None:
            raise ValueError(f"{requirement!r} has no lower bound; write name>=version.")
        found.append(f"{bound[1]}=={bound[2]}")
    return list(dict.fromkeys(found))


def project(root):
    """The table [project] of a checkout."""
    return tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]


if __name__ == "__main__":
    print("\n".join(constraints(project(Path(__file__).parents[1]))))
