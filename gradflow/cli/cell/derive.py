"""``gradflow derive``: the step Jacobian and backpropagation through time of a cell."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Literal

from cyclopts import Parameter

from gradflow.cli.console import print_json
from gradflow.errors import UsageError

__all__ = ["derive"]

Part = Literal["cell", "jacobian", "bptt"]


def derive(
    cell: str,
    /,
    *,
    format: Literal["text", "latex", "json"] = "text",
    only: Part | None = None,
    standalone: Annotated[bool, Parameter(negative="")] = False,
    json_: Annotated[bool, Parameter(name="--json", negative="")] = False,
) -> None:
    """Derive the step Jacobian and the BPTT gradient of a cell.

    gradflow derive lstm --format latex --only jacobian

    Parameters
    ----------
    cell
        A cell's name, or FILE.py:NAME for one of your own.
    format
        text: a line a block; latex: displays to paste into a paper that loads amsmath; json:
        equations, terms, paths.
    only
        One part alone: the cell's equations, its step Jacobian, or the product and gradients of
        backpropagation through time.
    standalone
        A whole LaTeX document, which compiles by itself.
    json_
        The same as --format json.
    """
    from gradflow.cells import get
    from gradflow.jacobians import bptt, jacobian

    format = "json" if json_ else format
    if standalone and format != "latex":
        raise UsageError(f"derive: --standalone is for --format latex, and this is {format}.")
    found = get(cell)
    step = jacobian(found)
    if format == "json":
        if only is not None:
            raise UsageError("derive: --only is for text and latex; json has all parts by name.")
        print_json(step.to_json())
    elif format == "latex":
        from gradflow.reporting.render.latex import display, document, unicode_latex

        parts: dict[str, Callable[[], list[str]]] = {
            "cell": lambda: [found.latex()],
            "jacobian": step.equations,
            "bptt": bptt(found).equations,
        }
        chosen = [only] if only is not None else list(parts)
        shown = [display(equation) for part in chosen for equation in parts[part]()]
        body = "\n\n".join(shown)
        title = unicode_latex(found.title or found.name)
        print(document(body, title) if standalone else body)
    else:
        if only in (None, "cell"):
            print(f"{found.title or found.name}\n")
            print("\n".join(f"  {line.strip()}" for line in found.equations.strip().splitlines()))
        if only is None:
            print()
        if only in (None, "jacobian"):
            print(step.text())
        if only == "bptt":
            from gradflow.prose import plain_text

            print("\n".join(plain_text(f"${e}$") for e in bptt(found).equations()))
