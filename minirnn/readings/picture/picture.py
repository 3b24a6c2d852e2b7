"""The picture: a network unrolled in time, or folded, drawn by Graphviz at coordinates that are computed here."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from ...checks import demand_flags
from ...displays import Picture as Image
from ...files import StrPath, demand_writable, shown, write_whole
from ...system import Suggests, plain, whole_number
from . import svg as scalable
from .compose import Look, Sheet
from .geometry import DIRECTIONS
from .inside import inside
from .render import draw
from .views import rolled as read_rolled
from .views import unrolled as read_unrolled

if TYPE_CHECKING:
    import graphviz

    from ...runs.run import Run

FORMATS = ("svg", "png", "pdf", "dot")
LEVELS = ("cell", "op", "inside")
THEMES = ("auto", "light", "dark")
DPI = 96  # of a PNG as Graphviz draws it


class Picture(Suggests):
    """A drawn network: ``save("x.svg")`` or png, pdf, dot; ``dot`` and ``svg`` are text, ``digraph`` is graphviz' own."""

    def __init__(
        self, sheet: Sheet, summary: str, theme: str, attributes: Mapping[str, Mapping[str, Any]], outline: bool = False
    ) -> None:
        self.sheet, self.summary, self.theme, self.outline = sheet, summary, theme, outline
        self.digraph: graphviz.Digraph = sheet.canvas.digraph(attributes)

    @property
    def dot(self) -> str:
        """The picture in Graphviz' language, positions included: draw it with ``neato -n2``."""
        return self.digraph.source

    @property
    def svg(self) -> str:
        """The picture as SVG text: the group of each quantity has its key in ``data-k``, such as ``h_3``."""
        if self.outline:
            return draw(self.dot, "svg:cairo").decode()
        return self.to_svg(scalable.digest(self.dot), self.theme)

    def to_svg(self, prefix: str, theme: str = "auto") -> str:
        """The same, all ids with this prefix; with theme "", without a style of its own, for a page that has one."""
        drawn = draw(self.dot, "svg").decode()
        return scalable.finish(drawn, prefix, self.summary, self.sheet.words, self.sheet.shown, theme)

    def save(self, path: StrPath) -> Path:
        """Write the picture; the suffix says how: .svg, .png, .pdf or .dot."""
        path, kind = Path(path), check_suffix(path)
        demand_writable(path)
        write_whole(path, getattr(self, kind).encode() if kind in ("dot", "svg") else draw(self.dot, kind))
        return path

    def __str__(self) -> str:
        return self.summary

    def __repr__(self) -> str:
        return f"<{self.summary}>"

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        """An image, which notebooks show also where they do not trust it, and its SVG for what exports it; always a text."""
        try:
            svg = self.svg
            return {"text/html": Image(svg, self.summary).html, "image/svg+xml": svg, "text/plain": self.summary}
        except RuntimeError as error:
            return {"text/plain": f"{self.summary}\n{error}"}


def check_suffix(path: StrPath) -> str:
    """The format that the suffix of `path` names. Raises ValueError if it names none."""
    kind = Path(path).suffix.lower().lstrip(".")
    if kind not in FORMATS:
        raise ValueError(
            f"{shown(path)}: a picture is saved as {', '.join('.' + f for f in FORMATS)}; give the file one of these endings"
        )
    return kind


def picture(
    trace: Run,
    to_file: StrPath | None = None,
    *,
    level: Literal["cell", "op", "inside"] = "cell",
    backward: bool = False,
    values: bool = False,
    rolled: bool = False,
    flow: bool = False,
    step: int | None = None,
    layer: str | None = None,
    max_steps: int | None = 8,
    show_shapes: bool = False,
    show_dtype: bool = False,
    rankdir: Literal["BT", "TB", "LR", "RL"] = "BT",
    dpi: int | None = None,
    scale: float | None = None,
    outline: bool = False,
    theme: Literal["auto", "light", "dark"] = "auto",
    graph_attr: Mapping[str, Any] | None = None,
    node_attr: Mapping[str, Any] | None = None,
    edge_attr: Mapping[str, Any] | None = None,
) -> Picture:
    """The network of `trace`, unrolled: inputs below, the loss above, time to the right.

    - `to_file`: also save it there (.svg, .png, .pdf, .dot)
    - `level`: "cell", one box for each quantity; "op", one for each operation; "inside", the inside of one recurrent cell as
      in textbooks, of any step t
    - `step`: of level "inside", the step whose cell it is, with its numbers
    - `layer`: of level "inside", the layer as names have it, "2" of h^2
    - `backward`: the derivatives too: a dashed line against each line along which one flows, ∂L/∂· in the boxes
    - `values`: the numbers in the boxes; of large arrays the shape, the ends and the norm
    - `rolled`: one step instead of all, with lines to the steps before and after; with `backward`, both passes
    - `flow`: width and shade of the backward lines by the norm of the derivative that arrives
    - `max_steps`: of more steps than these, and than three, only the first and the last two are drawn, and dots between
      them (None: all are drawn)
    - `show_shapes`, `show_dtype`, `rankdir`, `dpi`: as in Keras' ``plot_model``; "BT" has inputs below
    - `scale`: how many times as large a PNG is, in place of `dpi`
    - `theme`: "light", "dark", or "auto": SVG that follows its reader; one that is fixed is drawn alike by every program
    - `outline`: letters of SVG as shapes, for a reader who has not the fonts; its groups then say nothing of quantities
    - `graph_attr`, `node_attr`, `edge_attr`: Graphviz' attributes, in place of ours

    Raises ValueError for a value that none of these has, or derivatives without a loss.
    """
    demand_flags(
        outline=outline,
        backward=backward,
        values=values,
        rolled=rolled,
        flow=flow,
        show_shapes=show_shapes,
        show_dtype=show_dtype,
    )
    for what, value, known in (("level", level, LEVELS), ("theme", theme, THEMES), ("rankdir", rankdir, DIRECTIONS)):
        if value not in known:
            raise ValueError(f"{what} is {value!r}; it must be one of {', '.join(map(repr, known))}")
    for what, given in (("step", step), ("layer", layer)):
        if given is not None and level != "inside":
            raise ValueError(f"{what} is for level='inside', the inside of one cell; this is level={level!r}")
    if step is not None:
        whole_number("step", step)
    if level == "inside" and (rolled or rankdir != "BT"):
        raise ValueError("level='inside' shows one step, from left to right: leave rolled and rankdir out")
    if max_steps is not None:
        whole_number("max_steps", max_steps)
    for what, asked in (("backward", backward), ("flow", flow)):
        if asked and trace.loss_node is None:
            raise ValueError(f"{what}=True needs a loss: trace with a target, mr.trace(model, X, Y)")
    for what, asked in (("values", values), ("flow", flow)):
        if asked and rolled:
            raise ValueError(f"{what}=True shows numbers of each step, and rolled=True has no steps: leave one of them out")
    look = Look(level, backward or flow, values, flow, show_shapes, show_dtype, rankdir, theme)
    if to_file is not None:
        check_suffix(to_file)
    label = plain(trace.model.label)
    if level == "inside":
        cell = inside(trace, step, layer, backward or flow or values)
        sheet = Sheet.of_inside(trace, cell, look)
        summary = f"Picture of {label!r}: inside its cell {cell.layer}".rstrip() + f", {len(cell.quantities)} boxes"
    elif rolled:
        sheet = Sheet.of_rolled(trace, read_rolled(trace, level, backward), look)
        summary = f"Picture of {label!r}: one of {trace.steps} steps, {len(sheet.canvas.boxes)} boxes"
    else:
        found = read_unrolled(trace, level, max_steps)
        sheet = Sheet.of_unrolled(trace, found, look)
        shown = "steps 1, 2, … , T-1, T of" if found.elided else "all of"
        summary = f"Picture of {label!r}: {shown} {found.T} steps, {len(found.quantities)} boxes"
    if scale is not None:
        if dpi is not None or not scale > 0:
            raise ValueError(f"scale is {scale!r}; it must be a number above 0, and dpi is another way to say it: give one")
        dpi = round(DPI * scale)
    graph_attr = ({"dpi": dpi} if dpi else {}) | dict(graph_attr or {})
    made = Picture(sheet, summary, theme, {"graph": graph_attr, "node": node_attr or {}, "edge": edge_attr or {}}, outline)
    if to_file is not None:
        made.save(to_file)
    return made
