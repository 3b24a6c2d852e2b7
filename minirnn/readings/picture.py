"""The picture: the unrolled network drawn by Graphviz at coordinates that are computed here."""

from __future__ import annotations

import contextlib
import html
import importlib.util
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..system import quiet_stderr, write_whole
from . import names
from . import svg as scalable
from .layout import Box, Edge, Grid, grid
from .svg import LIGHT

if TYPE_CHECKING:
    import graphviz

    from ..trace import Trace

ACROSS, UP = 136, 92  # points between columns and rows
WIDTH, HEIGHT = 54, 44
SHAPE = {"input": "box", "state": "box", "output": "box", "loss": "ellipse", "target": "box"}
STYLE = {"input": "filled", "state": "filled,rounded", "output": "filled", "loss": "filled", "target": "filled,dashed"}
FORMATS = ("svg", "png", "pdf", "dot")


class Picture:
    """A drawn network: ``save("x.svg")`` or png, pdf, dot; ``dot`` and ``svg`` are text, ``digraph`` is graphviz' own."""

    def __init__(self, digraph: graphviz.Digraph, summary: str, words: str, shown: dict[str, tuple[str, str]]) -> None:
        self.digraph, self.summary, self.words, self.shown = digraph, summary, words, shown

    @property
    def dot(self) -> str:
        """The picture in Graphviz' language, positions included: draw it with ``neato -n2``."""
        return self.digraph.source

    @property
    def svg(self) -> str:
        """The picture as SVG text: the group of each quantity has its key in ``data-k``, such as ``h_3`` (see `svg`)."""
        return self.to_svg(scalable.digest(self.dot))

    def to_svg(self, prefix: str, theme: str = "auto") -> str:
        """The same, all ids with this prefix; with theme "", without a style of its own, for a page that has one."""
        return scalable.finish(draw(self.dot, "svg").decode(), prefix, self.summary, self.words, self.shown, theme)

    def save(self, path: Any) -> Path:
        """Write the picture; the suffix says how: .svg, .png, .pdf or .dot."""
        path, kind = Path(path), check_suffix(path)
        write_whole(path, getattr(self, kind).encode() if kind in ("dot", "svg") else draw(self.dot, kind))
        return path

    def __str__(self) -> str:
        return self.summary

    def __repr__(self) -> str:
        return f"<{self.summary}>"

    def _repr_svg_(self) -> str | None:
        return self.svg

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        """SVG where something can draw, and always a line of text."""
        try:
            return {"image/svg+xml": self.svg, "text/plain": self.summary}
        except RuntimeError as error:
            return {"text/plain": f"{self.summary}\n{error}"}


def check_suffix(path: Any) -> str:
    """The format that the suffix of `path` names. Raises ValueError if it names none."""
    kind = Path(path).suffix.lower().lstrip(".")
    if kind not in FORMATS:
        raise ValueError(
            f"{path}: a picture is saved as {', '.join('.' + f for f in FORMATS)}; give the file one of these endings"
        )
    return kind


def picture(
    trace: Trace,
    *,
    level: str = "cell",
    backward: bool = False,
    values: bool = False,
    rolled: bool = False,
    max_steps: int | None = 8,
) -> Picture:
    """The unrolled network of `trace`: inputs below, the loss above, time to the right.

    Of more than `max_steps` steps (None: all are drawn) the first and the last two are drawn, and dots between them.
    """
    for option, value in {"level": level != "cell", "backward": backward, "values": values, "rolled": rolled}.items():
        if value:
            raise NotImplementedError(
                f"picture({option}=...) is not there yet: only the unrolled network at cell level is drawn"
            )
    if max_steps is not None and max_steps < 1:
        raise ValueError(f"max_steps is {max_steps}; it must be at least 1, or None for all steps")
    found = grid(trace, max_steps)
    shown = "steps 1, 2, … , T-1, T of" if found.elided else "all of"
    summary = f"Picture of {trace.model.label!r}: {shown} {found.T} steps, {len(found.boxes)} boxes"
    return Picture(_digraph(found), summary, _words(found), _shown(trace, found))


def _words(found: Grid) -> str:
    """The picture in words, for those who do not see it."""
    lines = []
    for key, box in found.boxes.items():
        sources = [
            (found.boxes[e.source], e.labels) for e in found.edges if e.target == key and box.role not in ("gap", "rail")
        ]
        if sources:
            of = [_said(b) + (f" through {', '.join(map(names.text, labels))}" if labels else "") for b, labels in sources]
            lines.append(f"{_said(box)} is computed from {', '.join(of)}.")
    return f"The network unrolled over {found.T} time steps, from left to right, inputs below. {' '.join(lines)}"


def _said(box: Box) -> str:
    return (
        "the steps before"
        if box.role in ("gap", "rail")
        else names.text(box.name, "" if box.step is None else str(box.step))
    )


def _shown(trace: Trace, found: Grid) -> dict[str, tuple[str, str]]:
    """By id: the keys of the quantities there, and the tooltip. What goes into a box has its keys there too."""
    keys = {}
    for key, box in found.boxes.items():
        if box.role not in ("gap", "rail"):
            keys[key] = " ".join(_keys(trace, [box.name, *box.holds], box.step)), f"{_said(box)}, shape {box.shape}"
    for edge in found.edges:
        if edge.labels:
            on = ", ".join(map(names.text, edge.labels))
            keys[_label_id(edge)] = " ".join(_keys(trace, edge.labels, None)), f"{on}, the same at every step"
    return keys


def _keys(trace: Trace, quantities: Iterable[str], step: int | None) -> list[str]:
    """Their keys, and those of their derivatives, that the trace knows."""
    all_names = [name for quantity in quantities for name in (quantity, f"dL/d{quantity}")]
    known = [(name, s) for name in all_names for s in dict.fromkeys((step, None)) if (name, s) in trace.variables]
    return [name if s is None else f"{name}_{s}" for name, s in known]


def _digraph(found: Grid) -> graphviz.Digraph:
    import graphviz

    graph = graphviz.Digraph("minirnn", engine="neato")
    graph.attr(splines="line", outputorder="edgesfirst", pad="0.15", bgcolor=LIGHT["paper"], fontname="Times")
    graph.attr(
        "node",
        fontname="Times",
        fontsize="15",
        fontcolor=LIGHT["ink"],
        penwidth="1.1",
        fixedsize="true",
        margin="0",
        label="",
    )
    graph.attr("edge", color=LIGHT["line"], arrowsize="0.65", penwidth="1.1")
    for key, box in found.boxes.items():
        if box.role == "gap":
            graph.node(
                key, "· · ·", id=key, shape="plaintext", fontsize="20", width="0.8", height="0.5", pos=_pos(box.x, box.y)
            )
            continue
        if box.role == "rail":
            graph.node(key, "", shape="point", width="0.01", height="0.01", color=LIGHT["line"], pos=_pos(box.x, box.y))
            continue
        graph.node(
            key,
            _label(box),
            id=key,
            **{"class": box.role},
            shape=SHAPE[box.role],
            style=STYLE[box.role],
            fillcolor=LIGHT[box.role],
            color=LIGHT[f"{box.role}-line"],
            width=f"{_width(box) / 72:.3f}",
            height=f"{HEIGHT / 72:.3f}",
            pos=_pos(box.x, box.y),
        )
    for edge in found.edges:
        bend = found.boxes[edge.target].role == "rail"
        edge_id = f"{edge.source}--{edge.target}"
        graph.edge(edge.source, edge.target, id=edge_id, **({"arrowhead": "none"} if bend else {}))
        if edge.labels:
            _edge_label(graph, _label_id(edge), edge, found)
    return graph


def _width(box: Box) -> float:
    if box.role == "target":
        return 40
    return max(WIDTH, 5.2 * len(", ".join(box.does)) + 12)


def _edge_label(graph: Any, name: str, edge: Edge, found: Grid) -> None:
    """The parameter on an edge, as a text of its own beside the middle of the line: it cannot stray."""
    a, b = found.boxes[edge.source], found.boxes[edge.target]
    x, y = (a.x + b.x) / 2 * ACROSS, (a.y + b.y) / 2 * UP
    level = a.y == b.y
    text = "<" + " ".join(_math(label, None, 13) for label in edge.labels) + ">"
    pos = f"{x:g},{y + 12:g}!" if level else f"{x + 15:g},{y:g}!"
    quiet = LIGHT["quiet"]
    graph.node(
        name, text, id=name, shape="plaintext", fontcolor=quiet, width="0.6", height="0.4", pos=pos, **{"class": "parameter"}
    )


def _label_id(edge: Edge) -> str:
    return f"label of {edge.source} to {edge.target}"


def _pos(x: float, y: float) -> str:
    return f"{x * ACROSS:g},{y * UP:g}!"


def _label(box: Box) -> str:
    head = _math(box.name, box.step, 15)
    if not box.does:
        return f"<{head}>"
    does = html.escape(", ".join(f"+ {names.text(d[2:])}" if d.startswith("+ ") else d for d in box.does))
    rows = f'<TR><TD>{head}</TD></TR><TR><TD><FONT POINT-SIZE="9" COLOR="{LIGHT["quiet"]}">{does}</FONT></TD></TR>'
    return f'<<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="2">{rows}</TABLE>>'


def _math(name: str, step: int | None, size: int) -> str:
    """A name as HTML for Graphviz: italic base, layer as superscript, small subscript."""
    _, sub, layer = names.parts(name)
    base = names.text(name.partition("^")[0].partition("_")[0])
    below = ",".join(filter(None, [sub, "" if step is None else str(step)]))
    small = f'POINT-SIZE="{max(7, round(size * 0.7))}"'
    above = f"<SUP><FONT {small}>({html.escape(layer)})</FONT></SUP>" if layer else ""
    return f"<I>{html.escape(base)}</I>{above}" + (f"<SUB><FONT {small}>{html.escape(below)}</FONT></SUB>" if below else "")


def draw(dot: str, kind: str) -> bytes:
    """Draw DOT text whose nodes have positions: by the program ``dot``, or by the libraries in pygraphviz.

    Raises RuntimeError that says what to install if neither is there.
    """
    program = shutil.which("dot")
    if program:
        command = [program, "-Kneato", "-n2", f"-T{kind}"]
        done = subprocess.run(command, input=dot.encode(), capture_output=True, check=False)
        if done.returncode == 0:
            return done.stdout
        raise RuntimeError(f"Graphviz could not draw: {done.stderr.decode(errors='replace').strip()[:200]}")
    try:
        with quiet_stderr(), _fonts():  # fontconfig speaks of its own configuration
            import pygraphviz

            return pygraphviz.AGraph(string=dot).draw(format=kind, prog="nop")
    except ImportError as error:
        raise RuntimeError(
            "nothing can draw here: install Graphviz (the program dot) or pip install pygraphviz; "
            "the DOT text can still be saved, picture.save('network.dot')"
        ) from error


FONT_FOLDERS = (
    "/usr/share/fonts", "/usr/local/share/fonts", "~/.fonts", "~/.local/share/fonts",
    "/System/Library/Fonts", "/Library/Fonts", "C:\\Windows\\Fonts",
)  # fmt: skip


@contextlib.contextmanager
def _fonts() -> Iterator[None]:
    """On a machine without any font, let fontconfig find those that matplotlib brings, if it is there."""
    matplotlib = importlib.util.find_spec("matplotlib")
    if "FONTCONFIG_FILE" in os.environ or matplotlib is None or matplotlib.origin is None or _has_fonts():
        yield
        return
    fonts = Path(matplotlib.origin).parent / "mpl-data" / "fonts" / "ttf"
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "fonts.conf"
        file.write_text(f"<fontconfig><dir>{html.escape(str(fonts))}</dir><cachedir>{folder}</cachedir></fontconfig>")
        os.environ["FONTCONFIG_FILE"] = str(file)
        try:
            yield
        finally:
            del os.environ["FONTCONFIG_FILE"]


def _has_fonts() -> bool:
    files = (name for folder in FONT_FOLDERS for _, _, names in os.walk(Path(folder).expanduser()) for name in names)
    return any(name.lower().endswith((".ttf", ".otf", ".ttc", ".pfb")) for name in files)
