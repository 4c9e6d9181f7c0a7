"""Formulas of the site, set as the reports set theirs: MathML, without a script."""

from html import escape

from docutils import nodes

from gradflow.errors import UsageError
from gradflow.reporting.render.mathml import latex_to_mathml


def _formula(self, node, display):
    """Set a formula; what cannot be set stands as it was written."""
    latex = node.astext()
    try:
        set_in = latex_to_mathml(latex, display=display)
    except UsageError:
        set_in = f"<code>{escape(latex)}</code>"
    self.body.append(f'<div class="formula">{set_in}</div>' if display else set_in)
    raise nodes.SkipNode


def setup(app):
    """Make ``mathml`` a renderer of mathematics."""
    inline, display = (lambda s, n: _formula(s, n, False)), (lambda s, n: _formula(s, n, True))
    app.add_html_math_renderer("mathml", (inline, None), (display, None))
