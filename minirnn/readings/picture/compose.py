"""One picture put together: what is written in each box, the layout, the lines of both passes, parameters and legend."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ...engine import names
from ...engine.names import Name
from . import labels as contents
from .dot import Canvas, Stroke, beside
from .elements import Boxes, Quantity, openness
from .geometry import Box, Layout, Line, Rect, around, on_ellipse
from .inside_layout import arrange_inside
from .layout import arrange
from .svg import DARK, LIGHT
from .wording import Wording, factor_said, way

if TYPE_CHECKING:
    from ...engine.graph import Node
    from ...runs.run import Run
    from .elements import Flow
    from .inside import Inside
    from .views import Rolled, Unrolled

STRIP = 6.0  # points for a strip of colours in a box
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
    strips: bool = False  # room in every box for a strip of colours above and below the text


class Sheet(Wording):
    """A canvas, its layout, what ids stand for, and the picture in words."""

    def __init__(self, trace: Run, look: Look, place: Callable[[list[Box], list[Line]], Layout] | None = None) -> None:
        """`place` says where everything stands, if that is not time beside time."""
        self.colours = DARK if look.theme == "dark" else LIGHT
        super().__init__(trace, Canvas(self.colours))
        self.look, self.place = look, place or functools.partial(arrange, rankdir=look.rankdir)
        self.words = ""
        self.layout, self.found = Layout({}, []), Boxes({}, [])
        self.largest = 0.0

    @classmethod
    def of_unrolled(cls, trace: Run, found: Unrolled, look: Look) -> Sheet:
        """Time to the right, every step in a column of its own."""
        sheet = cls(trace, look)
        sheet.lay(found)
        if look.level == "op":
            sheet.frames(found)
        return sheet.drawn(found, f"The network unrolled over {found.T} time steps, {way(look.rankdir)}. ", parameters=True)

    @classmethod
    def of_rolled(cls, trace: Run, found: Rolled, look: Look) -> Sheet:
        """One step, which stands for all."""
        sheet = cls(trace, look._replace(backward=False))
        feeding = set(found.stepped)
        for flow in reversed(found.flows * 2):
            feeding |= {flow.source} if flow.target in feeding else set()
        for key, q in found.quantities.items():
            q.after = key not in feeding and q.row is None
        sheet.lay(found, found.notes)
        stepped = [sheet.layout.boxes[key].rect for key in found.stepped]
        for line, flow in zip(sheet.layout.lines, found.flows):
            if flow.loop:
                stepped += [(x, y, x, y) for x, y in line.points] + ([line.label_rect] if line.label else [])
        if stepped:
            sheet.frame("every step", around(stepped), f"t = 1, … , {trace.steps}")
        return sheet.drawn(found, f"One of {trace.steps} time steps; lines marked t-1 come from the step before. ")

    @classmethod
    def of_inside(cls, trace: Run, cell: Inside, look: Look) -> Sheet:
        """One cell as in textbooks, a frame round what belongs to the step."""
        sheet = cls(trace, look, functools.partial(arrange_inside, cell))
        sheet.lay(cell)
        inner = [b.rect for k, b in sheet.layout.boxes.items() if cell.kinds[k] in ("gate", "circle")]
        inner += [(x, y, x, y) for line in sheet.layout.lines for x, y in line.points[1:-1]]
        inner += [line.label_rect for line in sheet.layout.lines if line.label]
        if inner:
            sheet.frame("the step", around(inner), f"t = {cell.step}" if not cell.general else f"t = 1, … , {trace.steps}")
        words = f"The inside of one cell {cell.layer}".rstrip() + ", states from left to right, inputs below. "
        return sheet.drawn(cell, words)

    def drawn(self, found: Boxes, words: str, parameters: bool = False) -> Sheet:
        """What is laid out with its lines, parameters and legend, and in words."""
        self.found = found
        self.strokes(found.flows)
        if parameters and (self.look.values or self.look.backward or self.look.shapes or self.look.dtype):
            self.parameters()
        self.legend()
        self.words = words + self.sentences(found.quantities, found.flows)
        self.tell(found.quantities.values())
        return self

    # ---------------------------------------------------------------------------------------------------- what is written

    def rows(self, q: Quantity) -> list[contents.Row]:
        """The lines of text of one box."""
        if q.role == "gap":
            return []
        c, look, node = self.colours, self.look, q.node
        rows = [contents.head(q.name, q.step if q.role != "parameter" else None)] if q.name is not None else []
        if any(q.does):
            rows.append(contents.words(q.does, c["quiet" if rows else "ink"], contents.SMALL if rows else 13))
        if node is None:
            return rows
        shape = f"({', '.join(map(str, node.shape))})" if node.shape else "( )"
        if facts := [shape] * look.shapes + [str(node.dtype)] * look.dtype:
            rows.append(contents.note(" ".join(facts), c["quiet"], 9))
        if (look.values or look.flow) and (share := openness(q)) is not None:
            rows.append(contents.note(f"open {share:.2f}", c["quiet"], 9))
        if look.values and (q.name is not None or look.level == "op") and (q.role != "parameter"):
            rows += contents.numbers(node.value, c["ink"])
        if q.role != "parameter" and q.name is not None:
            rows += self.adjoint(node, q.name, q.step)
        return rows

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

    def lay(self, found: Boxes, notes: Mapping[str, list[str]] = MappingProxyType({})) -> None:
        """Boxes as large as what is in them, the `notes` last, placed."""
        quantities = found.quantities.values()
        if self.look.flow:
            self.largest = max((n for q in quantities if (n := self.norm(q.node)) is not None), default=0.0)
        rows = {
            key: [*self.rows(q), *[contents.note(text, self.colours["quiet"]) for text in notes.get(key, [])]]
            for key, q in found.quantities.items()
        }
        boxes, numbers = [], self.look.values or self.look.flow
        for q in quantities:
            least = LEAST.get(q.role, (54.0, 40.0))
            if q.role == "plain" and q.name is None and q.does == ["const"]:
                least = (34.0, 24.0)
            w, h = contents.size_of(rows[q.key], least) if q.role != "gap" else least
            h += STRIP * 2 * (self.look.strips and q.role != "gap")
            if q.role in ("loss", "plain"):  # an ellipse holds less
                w, h = max(w * 1.15, least[0]), max(h * 1.12, least[1])
            boxes.append(Box(q.key, q.slot, q.column, w, h, q.role, q.row, q.after, openness(q) if numbers else None))
        lines = []
        for flow in found.flows:
            width = self.beside_line(flow)[1]
            half = APART + (THICK if self.look.flow else 1.0) if flow.back and self.look.backward else 0.6
            lines.append(Line(flow.source, flow.target, (width + 4, 17.0) if width else None, flow.loop, half))
        self.layout = self.place(boxes, lines)
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
            tip = ", ".join(map(factor_said, flow.through))
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
                points[i] = on_ellipse(points[i], points[1 if i == 0 else -2], box)
        stroke.points = points
        self.canvas.strokes.append(stroke)

    def weight(self, node: Node | None) -> tuple[float, int]:
        """Width and opacity of a backward line, by the logarithm of the norm of what it brings."""
        if not self.look.flow:
            return 1.2, 255
        g = None if node is None else self.trace.cotangents.get(node)
        norm = 0.0 if g is None else float(np.linalg.norm(g.value))
        share = 0.0 if not norm or not self.largest else max(0.0, 1 + math.log10(norm / self.largest) / DECADES)
        return THIN + (THICK - THIN) * min(share, 1.0), round(90 + 165 * min(share, 1.0))

    def frames(self, found: Unrolled) -> None:
        """A frame round the operations of each step."""
        for column, step in found.columns.items():
            rects = [
                self.layout.boxes[k].rect
                for k, q in found.quantities.items()
                if q.column == column and (q.step == step or found.is_ghost(q, step))
            ]
            if step is not None and rects:
                self.frame(f"step {step}", around(rects), f"t = {step}")

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
            rows = self.rows(Quantity(name, name, 0, "parameter", node, called))
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
            called = self.trace.names[name]
            tip = f"{names.text(called)}, the same at every step"
            self.shown[self.canvas.name(key)] = " ".join(self.keys([called], None)), tip
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
