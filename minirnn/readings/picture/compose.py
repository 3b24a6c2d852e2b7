"""One picture put together: what is written in each box, the layout, the lines of both passes, parameters and legend."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ...engine import names
from ...engine.names import Name
from . import labels as contents
from .dot import Canvas, Stroke, beside
from .elements import Factor, Operand
from .layout import Box, Layout, Line, Point, Rect, arrange
from .svg import DARK, LIGHT

if TYPE_CHECKING:
    from ...engine.graph import Node
    from ...run import Run
    from .elements import Flow, Quantity
    from .rolled import Rolled
    from .unrolled import Unrolled

APART = 3.2  # points that the lines of the two passes stand from the middle
LEAST = {"plain": (34.0, 30.0), "gap": (44.0, 24.0), "target": (40.0, 40.0), "parameter": (40.0, 30.0)}
DECADES = 4.0  # of the norms of derivatives, from the widest line to the thinnest
THIN, THICK = 0.7, 6.0


class Look(NamedTuple):
    """What was asked for."""

    level: str
    backward: bool
    values: bool
    flow: bool
    shapes: bool
    dtype: bool
    rankdir: str
    theme: str


class Sheet:
    """A canvas, its layout, what ids stand for, and the picture in words."""

    def __init__(self, trace: Run, look: Look) -> None:
        self.trace, self.look = trace, look
        self.colours = DARK if look.theme == "dark" else LIGHT
        self.canvas = Canvas(self.colours)
        self.shown: dict[str, tuple[str, str]] = {}
        self.words = ""
        self.layout = Layout({}, [])
        self.largest = 0.0

    @classmethod
    def of_unrolled(cls, trace: Run, found: Unrolled, look: Look) -> Sheet:
        """Time to the right, every step in a column of its own."""
        sheet = cls(trace, look)
        if look.flow:
            norms = [sheet.norm(q.node) for q in found.quantities.values()]
            sheet.largest = max((n for n in norms if n is not None), default=0.0)
        rows = {key: sheet.rows(q) for key, q in found.quantities.items()}
        sheet.lay(found.quantities.values(), found.flows, rows)
        if look.level == "op":
            sheet.frames(found)
        sheet.strokes(found.flows)
        if look.values or look.backward or look.shapes or look.dtype:
            sheet.parameters()
        sheet.legend()
        sheet.words = f"The network unrolled over {found.T} time steps, {_way(look.rankdir)}. "
        sheet.words += sheet.sentences(found.quantities, found.flows)
        sheet.tell(found.quantities.values())
        return sheet

    @classmethod
    def of_rolled(cls, trace: Run, found: Rolled, look: Look) -> Sheet:
        """One step, which stands for all."""
        sheet = cls(trace, look._replace(backward=False))
        rows = {
            key: [*sheet.rows(q), *[contents.note(text, sheet.colours["quiet"]) for text in found.notes.get(key, [])]]
            for key, q in found.quantities.items()
        }
        sheet.lay(found.quantities.values(), found.flows, rows)
        stepped = [sheet.layout.boxes[key].rect for key in found.stepped]
        for line, flow in zip(sheet.layout.lines, found.flows):
            if flow.loop:
                stepped += [(x, y, x, y) for x, y in line.points] + ([line.label_rect] if line.label else [])
        if stepped:
            sheet.frame("every step", _around(stepped), f"t = 1, … , {trace.steps}")
        sheet.strokes(found.flows)
        sheet.words = f"One of {trace.steps} time steps; lines marked t-1 come from the step before. "
        sheet.words += sheet.sentences(found.quantities, found.flows)
        sheet.tell(found.quantities.values())
        return sheet

    # ---------------------------------------------------------------------------------------------------- what is written

    def rows(self, q: Quantity) -> list[contents.Row]:
        """The lines of text of one box."""
        if q.role == "gap":
            return []
        c, look, node = self.colours, self.look, q.node
        rows = [contents.head(q.name, q.step if q.role != "parameter" else None)] if q.name is not None else []
        if q.does:
            rows.append(contents.words(q.does, c["quiet" if rows else "ink"], contents.SMALL if rows else 13))
        if node is None:
            return rows
        facts = []
        if look.shapes:
            facts.append(f"({', '.join(map(str, node.shape))})" if node.shape else "( )")
        if look.dtype:
            facts.append(str(node.dtype))
        if facts:
            rows.append(contents.note(" ".join(facts), c["quiet"], 9))
        if look.values and (q.name is not None or look.level == "op") and (q.role != "parameter"):
            rows += contents.numbers(node.value, c["ink"])
        if q.role != "parameter" and q.name is not None:
            rows += self.adjoint(node, q.name, q.step)
        return rows

    def said(self, q: Quantity) -> str:
        """A box in words."""
        if q.role == "gap":
            return "the steps between"
        if q.name is None:
            return f"({spoken(q.does)})"
        return names.text(q.name, "" if q.step is None else str(q.step))

    def derivative(self, name: Name) -> Name:
        """What the derivative of the loss by that quantity is called."""
        loss = self.trace.loss_node
        assert loss is not None and loss.name is not None
        new = name.derivative(loss.name)
        return self.trace.names.get(str(new), new)

    def adjoint(self, node: Node, name: Name, step: int | None) -> list[contents.Row]:
        """The derivative of the loss by what a box shows, as its symbol, norm or numbers."""
        if not self.look.backward or node not in self.trace.cotangents or node is self.trace.loss_node:
            return []
        g, colour = self.trace.cotangents[node].value, self.colours["backward"]
        symbol, width = contents.math(self.derivative(name), step, 11)
        if self.look.flow:
            text = f"‖{symbol}‖ {np.linalg.norm(g):.3g}"
            return [(f'<FONT POINT-SIZE="11" COLOR="{colour}">{text}</FONT>', width + 60, 11)]
        rows = [(f'<FONT POINT-SIZE="11" COLOR="{colour}">{symbol}</FONT>', width, 11)]
        return rows + (contents.numbers(g, colour) if self.look.values else [])

    def norm(self, node: Node | None) -> float | None:
        """‖dL/d(node)‖; None where no derivative flows."""
        if node is None or node not in self.trace.cotangents or node is self.trace.loss_node or node.name is None:
            return None
        return float(np.linalg.norm(self.trace.cotangents[node].value))

    # ------------------------------------------------------------------------------------------------------- what is drawn

    def lay(self, quantities: Iterable[Quantity], flows: list[Flow], rows: dict[str, list[contents.Row]]) -> None:
        """Boxes as large as what is in them, placed."""
        boxes = []
        for q in quantities:
            least = LEAST.get(q.role, (54.0, 40.0))
            if q.role == "plain" and q.name is None and q.does == ["const"]:
                least = (34.0, 24.0)
            w, h = contents.size_of(rows[q.key], least) if q.role != "gap" else least
            if q.role in ("loss", "plain"):  # an ellipse holds less
                w, h = max(w * 1.15, least[0]), max(h * 1.12, least[1])
            boxes.append(Box(q.key, q.slot, q.column, w, h, q.role, q.row))
        lines = []
        for flow in flows:
            width = self.beside_line(flow)[1]
            half = APART + (THICK if self.look.flow else 1.0) if flow.back and self.look.backward else 0.6
            lines.append(Line(flow.source, flow.target, (width + 4, 17.0) if width else None, flow.loop, half))
        self.layout = arrange(boxes, lines, self.look.rankdir)
        self.canvas.boxes = [(self.layout.boxes[b.key], rows[b.key]) for b in boxes]

    def beside_line(self, flow: Flow) -> tuple[str, float]:
        text, width = contents.on_line(flow.through, self.colours) if flow.through else ("", 0.0)
        if flow.note:
            note, w, _ = contents.note(flow.note, self.colours["quiet"], 11)
            return (f"{text}&#160;{note}" if text else note), width + w + 4
        return text, width

    def strokes(self, flows: list[Flow]) -> None:
        """The lines of the forward pass, and of the backward pass beside them."""
        used: dict[str, int] = {}
        for line, flow in zip(self.layout.lines, flows):
            both = flow.back and self.look.backward
            name = f"{self.canvas.name(flow.source)}--{self.canvas.name(flow.target)}"
            used[name] = used.get(name, 0) + 1
            if used[name] > 1:
                name += f"--{used[name]}"
            keys = " ".join([*self.keys([factor.name for factor in flow.through], None)])
            tip = ", ".join(map(_factor_said, flow.through))
            points = beside(line.points, APART) if both else line.points
            text = self.beside_line(flow)[0] if line.label else ""
            self.stroke(Stroke(flow.source, flow.target, points, name, label=text, at=line.at))
            self.shown[name] = keys, tip
            if both:
                width, alpha = self.weight(flow.of)
                points = beside(line.points[::-1], APART + max(0.0, width - 1.2) / 2)
                back = Stroke(flow.target, flow.source, points, f"{name}--back", "backward", width, "backward", alpha)
                back.dashed = not self.look.flow
                self.stroke(back)
                self.shown[f"{name}--back"] = "", "the derivative flows back"

    def stroke(self, stroke: Stroke) -> None:
        """A line, its ends on the border of an ellipse if there is one."""
        points = list(stroke.points)
        for i, key in ((0, stroke.source), (-1, stroke.target)):
            box = self.layout.boxes[key]
            if box.role in ("loss", "plain"):
                points[i] = _on_ellipse(points[i], points[1 if i == 0 else -2], box)
        stroke.points = points
        self.canvas.strokes.append(stroke)

    def weight(self, node: Node | None) -> tuple[float, int]:
        """Width and opacity of a backward line, by the logarithm of the norm of what it brings."""
        if not self.look.flow:
            return 1.2, 255
        norm = (
            None
            if node is None or node not in self.trace.cotangents
            else float(np.linalg.norm(self.trace.cotangents[node].value))
        )
        share = 0.0 if not norm or not self.largest else max(0.0, 1 + math.log10(norm / self.largest) / DECADES)
        return THIN + (THICK - THIN) * min(share, 1.0), round(90 + 165 * min(share, 1.0))

    def frames(self, found: Unrolled) -> None:
        """A frame round the operations of each step."""
        for column, step in found.columns.items():
            rects = [
                self.layout.boxes[k].rect
                for k, q in found.quantities.items()
                if q.column == column and (q.step == step or _ghost(q, found, step))
            ]
            if step is not None and rects:
                self.frame(f"step {step}", _around(rects), f"t = {step}")

    def frame(self, key: str, rect: Rect, title: str) -> None:
        left, low, right, high = rect
        self.canvas.frames.append((key, (left - 10, low - 30, right + 10, high + 10), title))

    def parameters(self) -> None:
        """The parameters, which are the same at every step, below the network."""
        left, low, right, _ = self.canvas.rect(self.layout)
        x, y, tallest = left, low - 34, 0.0
        made = []
        for name, node in self.trace.parameters.items():
            called = self.trace.names[name]
            rows = [contents.head(called)]
            if self.look.shapes or self.look.dtype:
                facts = [f"({', '.join(map(str, node.shape))})"] * self.look.shapes + [str(node.dtype)] * self.look.dtype
                rows.append(contents.note(" ".join(facts), self.colours["quiet"], 9))
            if self.look.values:
                rows += contents.numbers(node.value, self.colours["ink"])
            rows += self.adjoint(node, called, None)
            w, h = contents.size_of(rows, LEAST["parameter"])
            made.append((name, rows, w, h))
            tallest = max(tallest, h)
        for name, rows, w, h in made:
            if x + w > max(right, left + 500):
                x, y = left, y - tallest - 16
            key = name if name not in self.layout.boxes else f"{name} of all steps"
            box = Box(key, key, 0, w, h, "parameter", x=x + w / 2, y=y - tallest / 2)
            self.canvas.boxes.append((box, rows))
            self.shown[self.canvas.name(key)] = (
                " ".join(self.keys([self.trace.names[name]], None)),
                f"{names.text(self.trace.names[name])}, the same at every step",
            )
            x += w + 14

    def legend(self) -> None:
        """What the lines mean, below."""
        if not self.look.backward:
            return
        left, low, *_ = self.canvas.rect(self.layout)
        y = low - 26
        samples: list[tuple[str, str, float, int]] = [("forward", "forward", 1.1, 255)]
        if self.look.flow and self.largest:
            for share in (1.0, 1e-2, 1e-4):
                k = 1 + math.log10(share) / DECADES
                text = f"‖∂L/∂·‖ {'=' if share > 1e-4 else '≤'} {self.largest * share:.2g}"
                samples.append((text, "backward", THIN + (THICK - THIN) * k, round(90 + 165 * k)))
        else:
            samples.append(("backward, the derivative of L", "backward", 1.2, 255))
        x = left
        for i, (text, kind, width, alpha) in enumerate(samples):
            ends = [(x, y), (x + 40, y)] if kind == "forward" else [(x + 40, y), (x, y)]
            start, end = f"legend {i} start", f"legend {i} end"
            for key, at in zip((start, end), ends):
                self.canvas.texts.append((key, at, (1.0, 1.0), " ", "legend"))
            colour = "line" if kind == "forward" else "backward"
            self.canvas.strokes.append(
                Stroke(start, end, ends, f"legend{i}", kind, width, colour, alpha, dashed=not self.look.flow)
            )
            words, w, _ = contents.note(text, self.colours["quiet"], 11)
            self.canvas.texts.append((f"legend {i}", (x + 48 + w / 2, y), (w, 16.0), words, "legend"))
            x += 48 + w + 26

    # ------------------------------------------------------------------------------------------------------------ in words

    def keys(self, quantities: Iterable[Name], step: int | None) -> list[str]:
        """Their keys, and those of their derivatives, that the trace knows; they hold no blanks."""
        backward = self.trace.loss_node is not None
        all_names = [n for q in quantities for n in ([q, self.derivative(q)] if backward else [q])]
        known = [
            (name, s)
            for name in map(str, all_names)
            for s in dict.fromkeys((step, None))
            if (name, s) in self.trace.variables
        ]
        return ["_".join((name if s is None else f"{name}_{s}").split()) for name, s in known]

    def tell(self, quantities: Iterable[Quantity]) -> None:
        """What the id of each box stands for."""
        for q in quantities:
            if q.role == "gap":
                continue
            keys = self.keys(([] if q.name is None else [q.name]) + q.holds, q.step)
            what = self.said(q) if q.name is not None else spoken(q.does)
            shape = f", shape {q.node.shape}" if q.node is not None else ""
            self.shown[self.canvas.name(q.key)] = " ".join(dict.fromkeys(keys)), f"{what}{shape}"

    def sentences(self, quantities: dict[str, Quantity], flows: list[Flow]) -> str:
        """What is computed from what."""
        into: dict[str, list[str]] = {}
        for flow in flows:
            source, target = quantities[flow.source], quantities[flow.target]
            if target.role == "gap":
                continue
            through = f" through {', '.join(map(_factor_said, flow.through))}" if flow.through else ""
            into.setdefault(flow.target, []).append(f"{self.said(source)}{f' ({flow.note})' if flow.note else ''}{through}")
        told = " ".join(f"{self.said(quantities[key])} is computed from {', '.join(of)}." for key, of in into.items())
        return told if len(told) < 6000 else told[:6000].rsplit(". ", 1)[0] + ". And so on."


def _factor_said(factor: Factor) -> str:
    return names.text(factor.name, factor.step) + "ᵀ" * factor.turned


def spoken(does: Iterable[str | Operand]) -> str:
    """What a box does, in words."""
    return " ".join(f"+{part.name}" if isinstance(part, Operand) else part for part in does)


def _way(rankdir: str) -> str:
    return {
        "BT": "from left to right, inputs below", "TB": "from left to right, inputs above",
        "LR": "from top to bottom, inputs on the left", "RL": "from top to bottom, inputs on the right",
    }[rankdir]  # fmt: skip


def _ghost(q: Quantity, found: Unrolled, step: int | None) -> bool:
    """Whether a box without a step belongs to what is done in a step."""
    if q.step is not None or q.node is None or q.node.args:
        return False
    user = next((f.target for f in found.flows if f.source == q.key), None)
    return user is not None and found.quantities[user].step == step


def _around(rects: list[Rect]) -> Rect:
    return min(r[0] for r in rects), min(r[1] for r in rects), max(r[2] for r in rects), max(r[3] for r in rects)


def _on_ellipse(end: Point, before: Point, box: Box) -> Point:
    """Where the last part of a line, drawn on, meets the ellipse."""
    a, b = box.w / 2, box.h / 2
    dx, dy = before[0] - end[0], before[1] - end[1]
    x, y = end[0] - box.x, end[1] - box.y
    A, B, C = (dx / a) ** 2 + (dy / b) ** 2, 2 * (x * dx / a**2 + y * dy / b**2), (x / a) ** 2 + (y / b) ** 2 - 1
    root = B * B - 4 * A * C
    if A == 0 or root < 0:
        return end
    k = (-B + math.sqrt(root)) / (2 * A)
    return end[0] + dx * k, end[1] + dy * k
