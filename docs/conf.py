"""Sphinx configuration: `sphinx-build -W docs docs/_build`."""

import minirnn

project = "minirnn"
copyright = "2026, the minirnn authors"
release = minirnn.__version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "minirnn.sphinxext"]
exclude_patterns = ["_build", "images"]
html_theme = "furo"
html_title = "minirnn"
html_static_path = ["_static"]
html_css_files = ["minirnn.css"]
autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_preserve_defaults = True
myst_heading_anchors = 2
