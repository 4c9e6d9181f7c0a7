"""``{gallery}``: every figure with its question, its answer, its script and a notebook.

The pictures and what they claim lie beside the pages, `gallery/` and `lecture/`, as
``gradflow figure NAME --format svg`` left them; a build draws nothing.
"""

import json
from base64 import b64encode
from html import escape
from pathlib import Path

from docutils import nodes
from sphinx.util.docutils import SphinxDirective

from gradflow.reporting.publish.scripts import scripts

DOCS = Path(__file__).parent.parent
FOLDERS = ("lecture", "gallery")


def record(script):
    """Return the folder of a figure and what it claims."""
    for folder in FOLDERS:
        file = DOCS / folder / f"{script.name}.json"
        if file.exists():
            return folder, json.loads(file.read_text("utf-8"))
    raise FileNotFoundError(f"{script.name}: no record; run gradflow figure {script.name}.")


def notebook(script):
    """Return the notebook of a script: the question, the script, and the call that draws it."""
    folder, found = record(script)
    picture = (DOCS / folder / f"{script.name}.svg").read_bytes()
    code = script.source.split('"""', 2)[2].strip()
    draw = [
        "from IPython.display import SVG",
        "",
        'numbers = main("figures", quick=True, formats=["svg"])',
        f'SVG("figures/{script.name}.svg")',
    ]
    shown = f"![{script.name}](data:image/svg+xml;base64,{b64encode(picture).decode('ascii')})"
    cells = [
        {"cell_type": "markdown", "source": f"# {script.question}\n\n{found['answer']}\n\n{shown}"},
        {"cell_type": "markdown", "source": script.about},
        {"cell_type": "code", "source": code, "outputs": [], "execution_count": None},
        {
            "cell_type": "code",
            "source": "\n".join(draw),
            "outputs": [],
            "execution_count": None,
        },
    ]
    cells = [{"id": f"cell-{k}", "metadata": {}, **cell} for k, cell in enumerate(cells)]
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    book = {"nbformat": 4, "nbformat_minor": 5, "metadata": {"kernelspec": kernel}, "cells": cells}
    return json.dumps(book, indent=1, ensure_ascii=False) + "\n"


class Gallery(SphinxDirective):
    """A card a figure."""

    def run(self):
        """Return the cards, in the order of the scripts' names."""
        return [self._card(script) for script in scripts()]

    def _card(self, script):
        folder, found = record(script)
        picture = f"![{escape(script.name)}]({folder}/{script.name}.svg)"
        card = nodes.container(classes=["card", "figure-card"], ids=[script.name])
        card += self.parse_text_to_nodes(
            f"**{script.question}**\n\n{picture}\n\n{found['answer']}\n"
        )
        links = (
            f'<p class="links"><a download href="scripts/{script.name}.py">Script</a> '
            f'<a download href="notebooks/{script.name}.ipynb">Notebook</a> '
            f"<code>{escape(found['command'].split(' --venue')[0])}"
            f"{' --quick' * found['quick']}</code></p>"
            "<details><summary>Caption and script</summary>"
        )
        card += nodes.raw("", links, format="html")
        card += self.parse_text_to_nodes(found["caption"])
        card += nodes.literal_block(script.source, script.source, language="python")
        card += nodes.raw("", "</details>", format="html")
        return card


def write_files(app, error):
    """Write scripts and notebooks where the cards link to them."""
    if error or app.builder.format != "html":
        return
    for script in scripts():
        for folder, name, text in (
            ("scripts", f"{script.name}.py", script.source),
            ("notebooks", f"{script.name}.ipynb", notebook(script)),
        ):
            path = Path(app.outdir) / folder / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, "utf-8")


def setup(app):
    """Add the directive, and write the files at the end."""
    app.add_directive("gallery", Gallery)
    app.connect("build-finished", write_files)
