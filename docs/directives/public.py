"""``{public} spectra``: every public name of a floor, with signature, shapes and example.

A name that ``import gradflow`` has stands under it, ``gradflow.run``, the others under their floor.
"""

import importlib
import inspect
import re

from sphinx.util.docutils import SphinxDirective

import gradflow

# what Sphinx writes of NDArray[np.float64] and its like
_ARRAY = re.compile(
    r"(?:numpy\.)?ndarray\[tuple\[(?:typing\.)?Any, \.\.\.\], (?:numpy\.)?dtype\[[\w.]+\]\]"
)


def entries(floor):
    """Return of a floor's public names those that the face of gradflow has, and the others.

    Each is the kind of its entry and where it stands.
    """
    module = importlib.import_module(f"gradflow.{floor}")
    face, rest = [], []
    for name in gradflow.__all__:
        value = getattr(gradflow, name)
        if not inspect.ismodule(value) and getattr(value, "__module__", "").startswith(
            module.__name__
        ):
            face.append((_kind(value), f"gradflow.{name}"))
    for name in module.__all__:
        value = getattr(module, name)
        if getattr(gradflow, name, None) is not value:
            rest.append((_kind(value), f"gradflow.{floor}.{name}"))
    return face, rest


def _kind(value):
    """Return the directive of autodoc for a value."""
    if inspect.isclass(value):
        return "autoclass"
    if inspect.ismodule(value):
        return "automodule"
    return "autofunction" if callable(value) else "autodata"


class Public(SphinxDirective):
    """A list of the names, then an entry each."""

    required_arguments = 1

    def run(self):
        """Return the entries."""
        floor = self.arguments[0]
        titles = (f"{floor} in gradflow", f"More in gradflow.{floor}")
        lines = []
        for title, found in zip(titles, entries(floor), strict=True):
            if not found:
                continue
            lines += [title, "-" * len(title), "", ".. autosummary::", "   :nosignatures:", ""]
            lines += [f"   {path}" for _, path in found] + [""]
            for kind, path in found:
                lines += [f".. {kind}:: {path}"]
                lines += ["   :members:", ""] if kind in ("autoclass", "automodule") else [""]
        return self.parse_text_to_nodes("\n".join(lines), allow_section_headings=True)


def short(app, what, name, obj, options, signature, returns):
    """Say ``ndarray`` of an array in a signature; its shape is in the text below."""
    return tuple(part and _ARRAY.sub("ndarray", part) for part in (signature, returns))


def setup(app):
    """Add the directive, and shorten signatures."""
    app.add_directive("public", Public)
    app.connect("autodoc-process-signature", short)
