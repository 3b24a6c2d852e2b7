"""Sphinx configuration: `sphinx-build -W docs docs/_build`."""

import re
import shutil
import sys
from pathlib import Path

import minirnn

project = "minirnn"
copyright = "2026, the minirnn authors"
release = minirnn.__version__
extensions = ["myst_nb", "sphinx.ext.autodoc", "minirnn.sphinxext"]
exclude_patterns = ["_build", "images"]
myst_enable_extensions = ["dollarmath", "amsmath"]
myst_heading_anchors = 2
nb_execution_mode = "off"  # notebooks are stored with what they show, and run by the tests
html_theme = "furo"
html_title = "minirnn"
html_last_updated_fmt = None
autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_format = "short"
autodoc_typehints_description_target = "documented"
autodoc_preserve_defaults = True


OPTION = re.compile(r"^- (`\w+`(?:, `\w+`)*): (.*(?:\n  .*)*)", re.MULTILINE)


def explain_options(app, what, name, obj, options, lines):
    """What a docstring says of an option, "- `t`: the step", as Sphinx' field, beside which it puts the type."""

    def fields(option):
        return "".join(f"\n:param {each}: {' '.join(option[2].split())}" for each in re.findall(r"`(\w+)`", option[1]))

    lines[:] = OPTION.sub(fields, "\n".join(lines)).split("\n")


def setup(app):
    """Before pages are read: the floor plan of the package, and the notebooks where Sphinx looks for them."""
    app.connect("autodoc-process-docstring", explain_options)
    docs = Path(__file__).parent
    sys.path.insert(0, str(docs.parent / "tests"))
    import house

    Path(app.srcdir, "images", "house.svg").write_text(house.floor_plan())
    for path in docs.parent.glob("examples/*.ipynb"):
        shutil.copyfile(path, Path(app.srcdir, "examples", path.name))
