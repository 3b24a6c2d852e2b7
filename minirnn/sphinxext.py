"""A directive for Sphinx: pictures, equations, walks, source and whole pages, made when the documentation is built.

    .. minirnn:: equations

       trace = mr.trace(demo.model(), demo.X, np.zeros((1, 2)))

The body is Python that leaves a ``trace``; `np`, `mr`, `demo`, `layers` and `models` are there, and ``run(path)``, the names
that a file beside the documentation leaves. The argument is picture, equations, walk, source, page (in a frame), or figure,
for which the body leaves a ``figure`` of matplotlib. ``:options:`` are keyword arguments of the reading, such as
``hide=["z"]``; ``:stop:`` picks one stop of a walk, ``:last:`` the last so many equations. Add ``minirnn.sphinxext`` to
``extensions`` in conf.py.
"""

from __future__ import annotations

import contextlib
import io
import runpy
from pathlib import Path
from typing import Any

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.util.docutils import SphinxDirective


class MinirnnDirective(SphinxDirective):
    """``.. minirnn:: picture|equations|walk|source|page|figure``."""

    required_arguments = 1
    has_content = True
    option_spec = {"options": directives.unchanged, "stop": int, "last": int}

    def run(self) -> list[nodes.Node]:
        reading = self.arguments[0]
        if reading not in ("picture", "equations", "walk", "source", "page", "figure"):
            raise self.error(f"minirnn has no reading {reading!r}: picture, equations, walk, source, page, figure")
        space = _namespace() | {"run": lambda path: _names_of(Path(self.env.srcdir) / path)}
        try:
            exec("\n".join(self.content), space)  # the author's own page
            options = eval(f"dict({self.options.get('options', '')})", space)
            return getattr(self, reading)(space["figure" if reading == "figure" else "trace"], options)
        except Exception as error:
            raise self.error(f"{type(error).__name__}: {error}") from error

    def picture(self, trace: Any, options: dict[str, Any]) -> list[nodes.Node]:
        picture = trace.picture(**options)
        return [nodes.raw("", f'<figure class="minirnn">{picture.svg}</figure>', format="html")]

    def equations(self, trace: Any, options: dict[str, Any]) -> list[nodes.Node]:
        from .readings.page.page import mathml

        rows = "".join(
            f"<tr><td>{mathml(e.body, display=True)}</td><td>{mathml(e.where_latex)}</td></tr>"
            for e in list(trace.equations(**options))[-self.options.get("last", 0) :]
        )
        return [nodes.raw("", f'<table class="minirnn-equations">{rows}</table>', format="html")]

    def walk(self, trace: Any, options: dict[str, Any]) -> list[nodes.Node]:
        walk = trace.walk(**options)
        text = str(walk[self.options["stop"]] if "stop" in self.options else walk)
        return [nodes.literal_block(text, text, language="none")]

    def page(self, trace: Any, options: dict[str, Any]) -> list[nodes.Node]:
        return [nodes.raw("", trace.page(**({"with_keras": False} | options)).frame, format="html")]

    def source(self, trace: Any, options: dict[str, Any]) -> list[nodes.Node]:
        text = trace.source(**options)
        return [nodes.literal_block(text, text, language="python")]

    def figure(self, figure: Any, options: dict[str, Any]) -> list[nodes.Node]:
        import matplotlib

        text = io.StringIO()
        with matplotlib.rc_context({"svg.hashsalt": "minirnn"}):  # the same text on every run
            figure.savefig(text, format="svg", metadata={"Date": None}, **options)
        svg = text.getvalue()
        return [nodes.raw("", f'<figure class="minirnn">{svg[svg.index("<svg") :]}</figure>', format="html")]


def _names_of(path: Path) -> dict[str, Any]:
    """Run a file, without what it prints."""
    with contextlib.redirect_stdout(io.StringIO()):
        return runpy.run_path(str(path))


def _namespace() -> dict[str, Any]:
    import numpy as np

    import minirnn as mr
    from minirnn import demo, layers, models

    return {"np": np, "mr": mr, "demo": demo, "layers": layers, "models": models}


FONT_CSS = """\
@font-face { font-family: "minirnn math"; src: url(stix-two-math-subset.woff2) format("woff2"); }
.minirnn-equations math { font-family: "minirnn math", math; font-size: 1.1em; }
.minirnn-equations td { padding: .3rem 1.2rem .3rem 0; vertical-align: middle; }
.minirnn svg { max-width: 100%; height: auto; }
"""


def _write_font(app: Any) -> None:
    """The mathematical font and its style, beside the other static files of the pages."""
    from .readings.page.page import resource

    static = Path(app.outdir) / "_static"
    static.mkdir(parents=True, exist_ok=True)
    (static / "minirnn-math.css").write_text(FONT_CSS)
    (static / "stix-two-math-subset.woff2").write_bytes(resource("fonts/stix-two-math-subset.woff2"))


def setup(app: Any) -> dict[str, Any]:
    """Register the directive."""
    app.add_directive("minirnn", MinirnnDirective)
    app.connect("builder-inited", _write_font)
    app.add_css_file("minirnn-math.css")
    return {"parallel_read_safe": True, "parallel_write_safe": True}
