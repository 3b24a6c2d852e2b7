"""A directive for Sphinx: pictures, equations, walks, source and whole pages, made when the documentation is built.

    .. minirnn:: equations
       :label: rnn

       trace = mr.trace(demo.model(), demo.X, np.zeros((1, 2)))

The body is Python that leaves a ``trace``; `np`, `mr`, `demo`, `layers` and `models` are there, and ``run(path)``, the names
that a file beside the documentation leaves. The argument is picture, equations, walk, source, page (in a frame), or figure,
for which the body leaves a ``figure`` of matplotlib. It works for HTML and for LaTeX.

- ``:options:`` are keyword arguments of the reading, such as ``hide=["z"]``; ``:code:`` shows the body above its result
- ``:caption:``, ``:alt:`` and ``:name:`` of a picture, figure or page: ``:name:`` for ``:numref:`` and ``:ref:``
- ``:label:`` numbers the equations, each with a label for ``:eq:``, ``rnn-h``, ``rnn-dL-dh-T``
- ``:last:`` shows the last so many equations, ``:stop:`` one stop of a walk

Add ``minirnn.sphinxext`` to ``extensions`` in conf.py. All mathematics of the HTML is then MathML, in the font of minirnn's
pages, with no script; ``html_math_renderer = "mathjax"`` leaves it to MathJax.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import re
import runpy
from collections.abc import Callable, Iterable
from html import escape
from pathlib import Path
from typing import Any

from docutils import nodes
from docutils.parsers.rst import directives
from docutils.statemachine import StringList
from sphinx.directives.patches import MathDirective
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective
from sphinx.util.math import get_node_equation_number

READINGS = ("picture", "equations", "walk", "source", "page", "figure")
LOG = logging.getLogger(__name__)


class drawing(nodes.General, nodes.Inline, nodes.Element):
    """A picture: `html` for pages; for LaTeX, what gives its PDF: the text of Graphviz, or the bytes."""


class MinirnnDirective(SphinxDirective):
    """``.. minirnn:: picture|equations|walk|source|page|figure``."""

    required_arguments = 1
    has_content = True
    option_spec = {
        "options": directives.unchanged,
        "stop": int,
        "last": int,
        "code": directives.flag,
        "label": directives.unchanged_required,
        "caption": directives.unchanged,
        "alt": directives.unchanged,
        "name": directives.unchanged,
    }

    def run(self) -> list[nodes.Node]:
        from .system import choices

        reading, body = self.arguments[0], "\n".join(self.content)
        if reading not in READINGS:
            raise self.error(f"minirnn has no reading {reading!r}{choices(reading, READINGS)}")
        space = _namespace() | {"run": lambda path: _names_of(Path(self.env.srcdir) / path)}
        try:
            exec(body, space)  # the author's own page
            options = eval(f"dict({self.options.get('options', '')})", space)
            found = getattr(self, reading)(space["figure" if reading == "figure" else "trace"], options)
        except Exception as error:
            raise self.error(f"{type(error).__name__}: {error}") from error
        return [*([_code(self._shown(body, reading), "python")] if "code" in self.options else []), *found]

    def _shown(self, body: str, reading: str) -> str:
        """The body, and the line that makes what is shown."""
        if reading == "figure":
            return body
        stop = f"[{self.options['stop']}]" if "stop" in self.options else ""
        return f"{body}\ntrace.{reading}({self.options.get('options', '')}){stop}"

    # ------------------------------------------------------------------------------------------------------- pictures

    def picture(self, trace: Any, options: dict[str, Any]) -> list[nodes.Node]:
        picture = trace.picture(**options)
        return self._figure(picture.svg, picture.dot, picture.summary)

    def figure(self, figure: Any, options: dict[str, Any]) -> list[nodes.Node]:
        import matplotlib

        files = {kind: io.BytesIO() for kind in ("svg", "pdf")}
        with matplotlib.rc_context({"svg.hashsalt": "minirnn"}):  # the same text on every run
            for kind, file in files.items():
                figure.savefig(file, format=kind, metadata={"Date": None} if kind == "svg" else None, **options)
        svg = files["svg"].getvalue().decode()
        titles = [ax.get_title(loc) for ax in figure.axes for loc in ("left", "center") if ax.get_title(loc)]
        return self._figure(svg[svg.index("<svg") :], files["pdf"].getvalue(), ", ".join(titles) or "a figure")

    def page(self, trace: Any, options: dict[str, Any]) -> list[nodes.Node]:
        page = trace.page(**({"with_keras": False} | options))
        return self._figure(page.frame, trace.picture().dot, page.title)

    def _figure(self, html: str, pdf: str | bytes, summary: str) -> list[nodes.Node]:
        """A figure with a caption, if there is one, and a name to refer to it."""
        alt = self.options.get("alt", summary)
        figure = nodes.figure("", drawing("", html=_described(html, alt), pdf=pdf, alt=alt), classes=["minirnn"])
        if "caption" in self.options:
            inline, problems = self.parse_inline(self.options["caption"])
            figure += [nodes.caption(self.options["caption"], "", *inline), *problems]
        self.set_source_info(figure)
        self.add_name(figure)
        return [figure]

    # ------------------------------------------------------------------------------------------- mathematics and text

    def equations(self, trace: Any, options: dict[str, Any]) -> list[nodes.Node]:
        from .readings.equations.documents import environment, unique

        found = list(trace.equations(**options))[-self.options.get("last", 0) :]
        if "label" not in self.options:
            return self._math(environment("align*", (row for e in found for row in e.rows)), nowrap=True)
        labels = unique([e.label for e in found])
        each = [environment("aligned", e.rows) if len(e.rows) > 1 else e.latex for e in found]
        return [n for latex, label in zip(each, labels) for n in self._math(latex, f"{self.options['label']}-{label}")]

    def walk(self, trace: Any, options: dict[str, Any]) -> list[nodes.Node]:
        walk = trace.walk(**options)
        stops = [walk[self.options["stop"]]] if "stop" in self.options else walk
        return [n for s in stops for n in [nodes.rubric(s.title, s.title), *self._math(s.latex(), nowrap=True)]]

    def _math(self, latex: str, label: str = "", nowrap: bool = False) -> list[nodes.Node]:
        """Sphinx' own node for mathematics, with its number if it has a label."""
        options: dict[str, Any] = ({"label": label} if label else {}) | ({"nowrap": None} if nowrap else {})
        where = (self.lineno, self.content_offset, self.block_text, self.state, self.state_machine)
        content = StringList(latex.splitlines(), self.state.document.current_source or "")
        return MathDirective("math", [], options, content, *where).run()

    def source(self, trace: Any, options: dict[str, Any]) -> list[nodes.Node]:
        return [_code(trace.source(**options), "c" if options.get("form") == "c" else "python")]


def _code(text: str, language: str) -> nodes.Node:
    return nodes.literal_block(text, text, language=language)


def _described(html: str, alt: str) -> str:
    """A picture of matplotlib says nothing to who cannot see it: `alt` says it."""
    if not html.startswith("<svg") or "aria-labelledby" in html[:500]:
        return html
    return html.replace("<svg", f'<svg role="img" aria-label="{escape(alt)}"', 1)


def _names_of(path: Path) -> dict[str, Any]:
    """Run a file, without what it prints."""
    with contextlib.redirect_stdout(io.StringIO()):
        return runpy.run_path(str(path))


def _namespace() -> dict[str, Any]:
    import numpy as np

    import minirnn as mr
    from minirnn import demo, layers, models

    return {"np": np, "mr": mr, "demo": demo, "layers": layers, "models": models}


# ------------------------------------------------------------------------------------------------------------ for writers


def _html_drawing(writer: Any, node: drawing) -> None:
    writer.body.append(node["html"])
    raise nodes.SkipNode


def _latex_drawing(writer: Any, node: drawing) -> None:
    """The PDF beside the LaTeX, never wider than the text."""
    from .readings.picture.render import draw

    pdf = node["pdf"] if isinstance(node["pdf"], bytes) else draw(node["pdf"], "pdf")
    name = f"minirnn-{hashlib.sha256(pdf if isinstance(node['pdf'], bytes) else node['pdf'].encode()).hexdigest()[:16]}.pdf"
    Path(writer.builder.outdir, name).write_bytes(pdf)
    writer.body.append(rf"\noindent\sphinxincludegraphics{{{{{name.removesuffix('.pdf')}}}.pdf}}")
    raise nodes.SkipNode


def _text_drawing(writer: Any, node: drawing) -> None:
    """In plain text, manual pages and the like, the words that stand for it."""
    writer.add_text(node["alt"]) if hasattr(writer, "add_text") else writer.body.append(node["alt"])
    raise nodes.SkipNode


def _mathml(latex: str, display: bool) -> str:
    """LaTeX as MathML; where it cannot be set, as it is written, with a warning."""
    import math_core

    text = re.sub(r"\s*\\notag|\s*\\label\{.*?\}", "", latex).replace("align*", "aligned").replace("smallmatrix", "matrix")
    try:
        return math_core.LatexToMathML().convert_with_local_state(text, displaystyle=display)
    except math_core.LatexError:
        LOG.warning("minirnn cannot set this as MathML: %s", latex)
        return f"<code>{escape(latex)}</code>"


def _html_inline(writer: Any, node: nodes.math) -> None:
    writer.body.append(_mathml(node.astext(), False))
    raise nodes.SkipNode


def _html_block(writer: Any, node: nodes.math_block) -> None:
    writer.body.append(writer.starttag(node, "div", CLASS="math minirnn-equations"))
    if node["number"]:
        writer.body.append(f'<span class="eqno">({get_node_equation_number(writer, node)})')
        writer.add_permalink_ref(node, "Link to this equation")
        writer.body.append("</span>")
    writer.body.append(_mathml(node.astext(), True) + "</div>\n")
    raise nodes.SkipNode


FONT_CSS = """\
@font-face { font-family: "minirnn math"; src: url(stix-two-math-subset.woff2) format("woff2"); }
math { font-family: "minirnn math", math; font-size: 1.1em; }
.minirnn-equations { overflow-x: auto; overflow-y: hidden; margin: 1em 0; }
.minirnn-equations mtd { padding: .35em .25em; }
.minirnn-equations .eqno { float: right; }
.minirnn svg { max-width: 100%; height: auto; border-radius: .4rem; }
"""


SMALL = {
    "_": dict(zip("₀₁₂₃₄₅₆₇₈₉₊₋₍₎ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓ", "0123456789+-()aehijklmnoprstuvx")),
    "^": dict(zip("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁽⁾ᵀ", "0123456789+-()T")),
}
SYMBOLS = {
    "∂": r"\partial", "δ": r"\delta", "σ": r"\sigma", "γ": r"\gamma", "ε": r"\epsilon", "β": r"\beta", "α": r"\alpha",
    "⊙": r"\odot", "⊘": r"\oslash", "Σ": r"\Sigma", "Π": r"\Pi", "‖": r"\Vert", "√": r"\sqrt{}", "≤": r"\le", "≠": r"\neq",
    "∞": r"\infty", "→": r"\to", "←": r"\leftarrow", "\u0303": r"\tilde{}", "\u0302": r"\hat{}",
}  # fmt: skip


def _declare_letters(app: Any, config: Any) -> None:
    """What minirnn's source and texts are written with, for pdfLaTeX, which knows few letters."""
    letters = {one: f"{sign}{{{plain}}}" for sign, pairs in SMALL.items() for one, plain in pairs.items()} | SYMBOLS
    lines = [rf"\DeclareUnicodeCharacter{{{ord(one):04X}}}{{\ensuremath{{{said}}}}}" for one, said in letters.items()]
    preamble = "\n".join([r"\ifdefined\DeclareUnicodeCharacter", *lines, r"\fi"])
    config.latex_elements = config.latex_elements | {"preamble": preamble + config.latex_elements.get("preamble", "")}


def _write_font(app: Any) -> None:
    """The mathematical font and its style, beside the other static files of the pages."""
    from .readings.page.page import resource

    if app.builder.format == "html":
        static = Path(app.outdir) / "_static"
        static.mkdir(parents=True, exist_ok=True)
        (static / "minirnn-math.css").write_text(FONT_CSS)
        (static / "stix-two-math-subset.woff2").write_bytes(resource("fonts/stix-two-math-subset.woff2"))


def setup(app: Any) -> dict[str, Any]:
    """Register the directive, what draws its pictures, and the renderer of mathematics."""
    Visitors = tuple[Callable[..., None], None]
    others: Iterable[str] = ("text", "man", "texinfo")
    visitors: dict[str, Visitors] = dict.fromkeys(others, (_text_drawing, None))
    app.add_node(drawing, html=(_html_drawing, None), latex=(_latex_drawing, None), **visitors)
    app.add_directive("minirnn", MinirnnDirective)
    app.add_html_math_renderer("minirnn", (_html_inline, None), (_html_block, None))
    app.connect("builder-inited", _write_font)
    app.connect("config-inited", _declare_letters)
    app.add_css_file("minirnn-math.css")
    return {"parallel_read_safe": True, "parallel_write_safe": True}
