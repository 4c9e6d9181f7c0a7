"""The site: `make docs` builds it from the pages beside this file, without a network."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from gradflow import __version__

project = "gradflow"
copyright = "the gradflow authors, Apache-2.0"
version = release = __version__
extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "numpydoc",
    "directives.formulas",
    "directives.public",
    "directives.theorems",
    "directives.gallery",
]
myst_enable_extensions = ["dollarmath", "colon_fence", "attrs_block"]
myst_heading_anchors = 3
html_theme = "furo"
html_title = "gradflow"
html_math_renderer = "mathml"
html_static_path = ["look"]
html_css_files = ["site.css"]
html_copy_source = False
master_doc = "index"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
python_maximum_signature_line_length = 88
autodoc_member_order = "bysource"
autosummary_generate = False
numpydoc_show_class_members = False
suppress_warnings = ["myst.xref_missing", "toc.not_included"]
