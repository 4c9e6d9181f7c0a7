"""The site: `make docs` builds it from the pages beside this file, without a network."""

from html import escape

from docutils import nodes

from gradflow import __version__
from gradflow.errors import UsageError
from gradflow.reporting.render.mathml import latex_to_mathml

project = "gradflow"
version = release = __version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
myst_enable_extensions = ["dollarmath", "colon_fence"]
myst_heading_anchors = 3
html_theme = "furo"
html_title = "gradflow"
html_math_renderer = "mathml"
exclude_patterns = ["gallery"]
master_doc = "index"
autodoc_typehints = "signature"
suppress_warnings = ["myst.xref_missing", "toc.not_included"]


def _formula(self, node, display):
    """Set a formula as the reports do; what cannot be set stands as it was written."""
    latex = node.astext()
    try:
        self.body.append(latex_to_mathml(latex, display=display))
    except UsageError:
        self.body.append(f"<code>{escape(latex)}</code>")
    raise nodes.SkipNode


def setup(app):
    """Set mathematics as MathML, which needs no script and no network."""
    inline, display = (lambda s, n: _formula(s, n, False)), (lambda s, n: _formula(s, n, True))
    app.add_html_math_renderer("mathml", (inline, None), (display, None))
