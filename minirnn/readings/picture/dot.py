"""A layout as Graphviz' own graph, every position given: boxes with HTML labels, lines as splines with rounded corners."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .geometry import Box, Layout, Point, Rect, around
from .labels import Row, label

if TYPE_CHECKING:
    import graphviz

SHAPE = {
    "input": ("box", "filled", "1.1"), "state": ("box", "filled,rounded", "1.1"), "output": ("box", "filled", "2.2"),
    "loss": ("ellipse", "filled", "1.1"), "target": ("box", "filled,dashed", "1.1"),
    "parameter": ("box", "filled,dotted", "1.3"), "plain": ("ellipse", "filled", "1.0"),
    "gradient": ("box", "filled,rounded,dashed", "1.1"), "gate": ("box", "filled,rounded", "1.1"),
}  # fmt: skip
MARKS = {  # of an animation: what is to come, what is computed now, where the gradient is, and where it has been
    "pale": {"fillcolor": "paper", "color": "frame", "fontcolor": "frame"},
    "now": {"color": "state-line", "penwidth": "3"},
    "back": {"color": "backward", "penwidth": "3"},
    "passed": {"color": "backward"},
}
CORNER, ARROW = 7.0, 6.5  # radius of a bend, length of an arrowhead


@dataclass
class Stroke:
    """One drawn line: where it runs, how, and the text beside it."""

    source: str
    target: str
    points: list[Point]
    id: str = ""
    kind: str = "forward"  # or backward
    width: float = 1.1
    colour: str = "line"
    alpha: int = 255
    arrow: bool = True
    dashed: bool = True
    label: str = ""
    at: Point = (0.0, 0.0)


@dataclass
class Canvas:
    """What is drawn, in order: frames, boxes, loose text, strokes; `names` are the ids of keys."""

    colours: Mapping[str, str]
    frames: list[tuple[str, Rect, str]] = field(default_factory=list)
    boxes: list[tuple[Box, list[Row]]] = field(default_factory=list)
    strokes: list[Stroke] = field(default_factory=list)
    texts: list[tuple[str, Point, Point, str, str]] = field(default_factory=list)  # key, middle, size, HTML, class
    names: dict[str, str] = field(default_factory=dict)
    marks: dict[str, str] = field(default_factory=dict)  # how a box is drawn: see MARKS
    strips: list[tuple[Rect, str]] = field(default_factory=list)  # cells of colour on the boxes

    def digraph(self, attributes: Mapping[str, Mapping[str, Any]]) -> graphviz.Digraph:
        """Graphviz' graph; `attributes` of "graph", "node" and "edge" go before our own."""
        import graphviz

        c = self.colours
        graph = graphviz.Digraph("minirnn", engine="neato", format="svg")
        given = {kind: {str(k): str(v) for k, v in attributes.get(kind, {}).items()} for kind in ("graph", "node", "edge")}
        graph.attr(
            **{"splines": "line", "outputorder": "nodesfirst", "pad": "0.15", "bgcolor": c["paper"], "fontname": "Times"}
            | given["graph"]
        )
        graph.attr(
            "node",
            **{"fontname": "Times", "fontsize": "15", "fontcolor": c["ink"], "fixedsize": "true", "margin": "0", "label": ""}
            | given["node"],
        )
        graph.attr(
            "edge", **{"color": c["line"], "fontname": "Times", "fontcolor": c["quiet"], "arrowsize": "0.65"} | given["edge"]
        )
        fixed = set(given["node"])
        for key, rect, title in self.frames:
            mine = {"shape": "box", "style": "rounded,filled", "color": c["frame"], "fillcolor": c["band"]}
            mine |= {"labelloc": "b", "margin": "0.14,0", "fontsize": "11", "id": self.name(key), "class": "frame"}
            # an empty line below keeps the title off the border
            graph.node(self.name(key), f" {title}\\l\\l", **self._place(rect), **mine)
        for box, rows in self.boxes:
            self._box(graph, box, rows, fixed)
        for i, (rect, colour) in enumerate(self.strips):
            look = {"shape": "box", "style": "filled", "fillcolor": colour, "color": c["quiet"], "penwidth": "0.2"}
            graph.node(f"strip {i}", "", **look, **self._place(rect))
        for key, (x, y), (w, h), text, kind in self.texts:
            rect = x - w / 2, y - h / 2, x + w / 2, y + h / 2
            graph.node(self.name(key), f"<{text}>", shape="none", id=self.name(key), **self._place(rect), **{"class": kind})
        for stroke in self.strokes:
            self._stroke(graph, stroke, set(given["edge"]))
        return graph

    def _box(self, graph: Any, box: Box, rows: list[Row], fixed: set[str]) -> None:
        if box.role == "gap":
            graph.node(
                self.name(box.key),
                "· · ·",
                id=self.name(box.key),
                shape="none",
                fontsize="20",
                **self._place(box.rect),
                **{"class": "gap"},
            )
            return
        shape, style, pen = SHAPE[box.role]
        mine = {
            "shape": shape, "style": style, "penwidth": pen,
            "fillcolor": self.colours[box.role], "color": self.colours[f"{box.role}-line"],
        }  # fmt: skip
        if box.shade is not None:
            mine["fillcolor"] = f"{self.colours[f'{box.role}-open']}{round(25 + 230 * box.shade):02x}"
        mark = MARKS.get(self.marks.get(box.key, ""), {})
        mine |= {what: value if what == "penwidth" else self.colours[value] for what, value in mark.items()}
        mine = {k: v for k, v in mine.items() if k not in fixed}
        text = label(rows) if rows else ""
        if "fontcolor" in mark:
            text = text.replace(f'COLOR="{self.colours["quiet"]}"', f'COLOR="{mine["fontcolor"]}"')
        graph.node(self.name(box.key), text, id=self.name(box.key), **mine, **self._place(box.rect), **{"class": box.role})

    def _stroke(self, graph: Any, stroke: Stroke, fixed: set[str]) -> None:
        alpha = "" if stroke.alpha == 255 else f"{stroke.alpha:02x}"
        mine = {
            "id": stroke.id, "class": stroke.kind, "pos": spline(stroke.points, stroke.arrow),
            "color": self.colours[stroke.colour] + alpha, "penwidth": f"{stroke.width:.3g}",
        }  # fmt: skip
        if stroke.kind == "backward" and stroke.dashed:
            mine["style"] = "dashed"
        if not stroke.arrow:
            mine["arrowhead"] = "none"
        if stroke.label:
            mine |= {"label": f"<{stroke.label}>", "lp": f"{stroke.at[0]:g},{stroke.at[1]:g}"}
        mine = {k: v for k, v in mine.items() if k not in fixed}
        graph.edge(self.name(stroke.source), self.name(stroke.target), **mine)

    def rect(self, layout: Layout) -> Rect:
        """What is taken up so far."""
        return around([layout.rect, *[rect for _, rect, _ in self.frames], *[box.rect for box, _ in self.boxes]])

    def name(self, key: str) -> str:
        """The key itself where it is fit for an id, else a number."""
        plain = re.fullmatch(r"\w[\w^.]{0,60}", key, re.ASCII)
        return self.names.setdefault(key, key if plain else f"n{len(self.names)}_")

    @staticmethod
    def _place(rect: Rect) -> dict[str, str]:
        left, low, right, high = rect
        return {
            "pos": f"{(left + right) / 2:.6g},{(low + high) / 2:.6g}!",
            "width": f"{(right - left) / 72:.4f}",
            "height": f"{(high - low) / 72:.4f}",
        }


def spline(points: list[Point], arrow: bool = True) -> str:
    """The points as Graphviz' B-spline, bends rounded, the arrowhead at the last one."""
    points = list(points)
    end = points[-1]
    if arrow:
        (ax, ay), (bx, by) = points[-2:]
        length = math.hypot(bx - ax, by - ay) or 1.0
        points[-1] = bx - (bx - ax) / length * min(ARROW, length / 2), by - (by - ay) / length * min(ARROW, length / 2)
    pieces: list[Point] = [points[0]]

    def straight(to: Point) -> None:
        (ax, ay), (bx, by) = pieces[-1], to
        pieces.extend([(ax + (bx - ax) / 3, ay + (by - ay) / 3), (ax + (bx - ax) * 2 / 3, ay + (by - ay) * 2 / 3), to])

    for before, here, after in zip(points, points[1:], points[2:]):
        start, stop = _towards(here, before), _towards(here, after)
        straight(start)
        pieces.extend([_between(start, here), _between(stop, here), stop])
    straight(points[-1])
    head = f"e,{end[0]:.6g},{end[1]:.6g} " if arrow else ""
    return head + " ".join(f"{x:.6g},{y:.6g}" for x, y in pieces)


def _towards(a: Point, b: Point) -> Point:
    length = math.hypot(b[0] - a[0], b[1] - a[1]) or 1.0
    k = min(CORNER, length / 2) / length
    return a[0] + (b[0] - a[0]) * k, a[1] + (b[1] - a[1]) * k


def _between(a: Point, b: Point) -> Point:
    return a[0] + (b[0] - a[0]) * 0.55, a[1] + (b[1] - a[1]) * 0.55


def beside(points: list[Point], by: float) -> list[Point]:
    """The line shifted to its left by `by` points: its parts stay parallel."""
    normals = []
    for (ax, ay), (bx, by_) in itertools.pairwise(points):
        length = math.hypot(bx - ax, by_ - ay) or 1.0
        normals.append((-(by_ - ay) / length, (bx - ax) / length))
    found = [(points[0][0] + normals[0][0] * by, points[0][1] + normals[0][1] * by)]
    for (x, y), m, n in zip(points[1:-1], normals, normals[1:]):
        k = by / max(0.3, 1 + m[0] * n[0] + m[1] * n[1])
        found.append((x + (m[0] + n[0]) * k, y + (m[1] + n[1]) * k))
    return [*found, (points[-1][0] + normals[-1][0] * by, points[-1][1] + normals[-1][1] * by)]
