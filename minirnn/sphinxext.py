"""A directive for Sphinx: pictures, equations and walks on a page, drawn and derived when the page is built.

    .. minirnn:: equations

       trace = mr.trace(demo.model(), demo.X, np.zeros((1, 2)))

The body is Python that leaves a ``trace``; `np`, `mr`, `demo`, `layers` and `models` are there. The argument is picture,
equations or walk; ``:options:`` are keyword arguments of the reading, such as ``hide=["z"]``; ``:stop:`` picks one stop
of a walk. Add ``minirnn.sphinxext`` to ``extensions`` in conf.py.
"""

from __future__ import annotations

from typing import Any

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.util.docutils import SphinxDirective


class MinirnnDirective(SphinxDirective):
    """``.. minirnn:: picture|equations|walk``."""

    required_arguments = 1
    has_content = True
    option_spec = {"options": directives.unchanged, "stop": int}

    def run(self) -> list[nodes.Node]:
        reading = self.arguments[0]
        if reading not in ("picture", "equations", "walk"):
            raise self.error(f"minirnn has no reading {reading!r}: picture, equations, walk")
        space = _namespace()
        try:
            exec("\n".join(self.content), space)  # the author's own page
            options = eval(f"dict({self.options.get('options', '')})", space)
            return getattr(self, reading)(space["trace"], options)
        except Exception as error:
            raise self.error(f"{type(error).__name__}: {error}") from error

    def picture(self, trace: Any, options: dict[str, Any]) -> list[nodes.Node]:
        picture = trace.picture(**options)
        return [nodes.raw("", f'<figure class="minirnn">{picture.svg}</figure>', format="html")]

    def equations(self, trace: Any, options: dict[str, Any]) -> list[nodes.Node]:
        from .readings.page import mathml
        from .readings.spelling import latex

        rows = "".join(
            f"<tr><td>{mathml(f'{latex(e.lhs)} = {latex(e.rhs)}', display=True)}</td><td>{mathml(e.where_latex)}</td></tr>"
            for e in trace.equations(**options)
        )
        return [nodes.raw("", f'<table class="minirnn-equations">{rows}</table>', format="html")]

    def walk(self, trace: Any, options: dict[str, Any]) -> list[nodes.Node]:
        walk = trace.walk(**options)
        text = str(walk[self.options["stop"]] if "stop" in self.options else walk)
        return [nodes.literal_block(text, text, language="none")]


def _namespace() -> dict[str, Any]:
    import numpy as np

    import minirnn as mr
    from minirnn import demo, layers, models

    return {"np": np, "mr": mr, "demo": demo, "layers": layers, "models": models}


def setup(app: Any) -> dict[str, Any]:
    """Register the directive."""
    app.add_directive("minirnn", MinirnnDirective)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
