"""Sphinx configuration: `sphinx-build -W docs docs/_build`."""

import sys
from pathlib import Path

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


def setup(app):
    """Draw the floor plan of the package before pages are read."""
    sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
    import house

    Path(app.srcdir, "_static", "house.svg").write_text(house.floor_plan())
