"""The run as an animation: forward through time, the numbers filling the boxes, and back with the gradient.

Every frame is the same picture with other colours, so nothing moves but what changes: what has not been computed is pale,
what is computed now has a thick border, and a strip in each box shows its numbers, above it that of the gradient.
"""

from __future__ import annotations

import io
import itertools
import operator
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from ...displays import watched
from ...files import StrPath, demand_writable, shown, write_whole
from ...system import Suggests, whole_number
from .compose import STRIP, Look, Sheet
from .geometry import Box, Rect
from .picture import DPI, THEMES
from .render import draw
from .views import unrolled

if TYPE_CHECKING:
    from PIL.Image import Image

    from ...runs.run import Run

FORMATS = (".gif", ".webp", ".png")
CELLS = 12  # of a strip
WIDEST = 1600  # pixels, where no scale is asked for
PLUS, MINUS = (44, 96, 153), (179, 89, 13)


class Animation(Suggests):
    """Frames of the run; ``save(path)`` writes .gif, .webp, .png (animated), or a folder of frames."""

    def __init__(self, frames: list[Image], seconds: float) -> None:
        self.frames, self.seconds = frames, seconds

    def save(self, path: StrPath) -> Path:
        """Write it: the suffix says how; a path without one is a folder, with a PNG for each frame."""
        path = Path(path)
        if not path.suffix:
            path.mkdir(parents=True, exist_ok=True)
            for i, frame in enumerate(self.frames):
                held = io.BytesIO()
                frame.save(held, "png")
                write_whole(path / f"frame-{i:03d}.png", held.getvalue())
            return path
        demand_writable(path)
        write_whole(path, self._bytes(_format(path)))
        return path

    def _bytes(self, kind: str) -> bytes:
        from PIL import Image

        held = io.BytesIO()
        width, height = self.frames[0].size
        whole = Image.new("RGB", (width, 2 * height))
        for k, frame in enumerate((self.frames[len(self) // 2], self.frames[-1])):
            whole.paste(frame, (0, k * height))
        colours = whole.quantize(255)  # one palette for all: what does not change between frames is stored once
        first, *rest = (frame.quantize(palette=colours, dither=Image.Dither.NONE) for frame in self.frames)
        durations = [round(1000 * self.seconds)] * len(self.frames)
        durations[0] = durations[-1] = round(2500 * self.seconds)
        options: dict[str, Any] = {"lossless": True, "minimize_size": True} if kind == ".webp" else {}
        first.save(held, kind[1:], save_all=True, append_images=rest, duration=durations, loop=0, **options)
        return held.getvalue()

    def __len__(self) -> int:
        return len(self.frames)

    def __repr__(self) -> str:
        return f"<an animation of {len(self)} frames, {self.seconds * (len(self) + 3):.0f} s>"

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        return {"image/gif": self._bytes(".gif"), "text/plain": repr(self)}


def animate(
    trace: Run,
    to_file: StrPath | None = None,
    *,
    seconds: float = 0.8,
    max_steps: int | None = 8,
    theme: Literal["light", "dark"] = "light",
    scale: float | None = None,
    rankdir: Literal["BT", "TB", "LR", "RL"] = "BT",
) -> Animation:
    """The run of `trace` forward and, with a loss, backward through time, a frame for each step; needs Pillow.

    - `to_file`: also save it there (.gif, .webp, .png, or a folder)
    - `seconds`: how long each step is shown
    - `scale`: how many times as large; by default as a picture is, but no wider than 1600 pixels
    - `max_steps`, `theme`, `rankdir`: as of a picture; the theme is "light" or "dark"
    """
    if theme not in THEMES[1:]:
        raise ValueError(f"theme is {theme!r}; an animation is 'light' or 'dark'")
    for what, value in (("seconds", seconds), ("scale", scale)):
        if value is not None and not value > 0:
            raise ValueError(f"{what} is {value!r}; it must be a number above 0")
    if max_steps is not None:
        whole_number("max_steps", max_steps)
    if to_file is not None and Path(to_file).suffix:
        _format(Path(to_file))
    try:
        from PIL import Image
    except ImportError:
        raise RuntimeError("an animation needs Pillow: pip install pillow") from None
    look = Look("cell", False, False, False, False, False, rankdir, theme, strips=True)
    found = unrolled(trace, "cell", max_steps)
    film = _Film(trace, look, found)
    left, _, right, _ = film.sheet.canvas.rect(film.sheet.layout)
    dpi = round(DPI * (scale or min(1.0, WIDEST / (DPI / 72 * (right - left)))))
    places = list(film.places())
    drawn = [draw(film.frame(place, dpi), "png") for place in watched(places, "frames", len(places))]
    frames = [Image.open(io.BytesIO(png)).convert("RGB") for png in drawn]
    made = Animation(frames, seconds)
    if to_file is not None:
        made.save(to_file)
    return made


def _format(path: Path) -> str:
    if path.suffix.lower() not in FORMATS:
        raise ValueError(f"{shown(path)}: an animation is saved as {', '.join(FORMATS)}, or in a folder")
    return path.suffix.lower()


class _Film:
    """The picture at every place of the run: which boxes have been computed, and which the gradient has come to."""

    def __init__(self, trace: Run, look: Look, found: Any) -> None:
        self.trace, self.look, self.found = trace, look, found
        self.sheet = Sheet.of_unrolled(trace, found, look)
        forward = {node: i for i, node in enumerate(trace.forward)}
        self.order = sorted(
            (
                q
                for q in found.quantities.values()
                if q.node is not None and q.node.args and q.role not in ("input", "target")
            ),
            key=lambda q: forward[q.node],
        )
        stages = itertools.groupby(self.order, operator.attrgetter("step"))  # boxes of one step, one after the other
        self.stages = [list(stage) for _, stage in stages]
        self.top: dict[Any, float] = {}
        for node in trace.nodes:
            if node.name is not None:
                largest = float(np.abs(node.value).max(initial=0)) if node.value.dtype.kind in "fiub" else 0.0
                self.top[node.name] = max(self.top.get(node.name, 0.0), largest)

    def places(self) -> Iterator[int]:
        """0 before the run, then each stage forward and, with a loss, back."""
        n = len(self.stages)
        yield from range(2 * n + 1 if self.trace.loss_node is not None else n + 1)

    def frame(self, place: int, dpi: int = DPI) -> str:
        """The picture at that place, as DOT."""
        canvas = replace(self.sheet.canvas, strokes=[replace(s) for s in self.sheet.canvas.strokes], marks={}, strips=[])
        n = len(self.stages)
        done = {q.key for stage in self.stages[: min(place, n)] for q in stage}
        back = {q.key for stage in self.stages[2 * n - place :] for q in stage} if place > n else set()
        here = self.stages[place - 1 if place <= n else 2 * n - place] if place else []
        now = {q.key for q in here}
        used = {flow.source for flow in self.found.flows if flow.target in done}
        for q in self.found.quantities.values():
            given = q.node is not None and q not in self.order
            shown = q.key in done or (given and q.key in used)
            canvas.marks[q.key] = _mark(shown or q.role == "gap", q.key in now, q.key in back, place > n)
            box = self.sheet.layout.boxes[q.key]
            if q.node is None or not shown:
                continue
            canvas.strips += self._strip(box, q.node, box.y - box.h / 2 + 2.6, q.role)
            if q.key in back and q.node is not self.trace.loss_node and q.node in self.trace.cotangents:
                canvas.strips += self._strip(box, self.trace.cotangents[q.node], box.y + box.h / 2 - 6.8, q.role)
        for stroke in canvas.strokes:
            if stroke.source in back and stroke.target in back | now and place > n:
                stroke.colour, stroke.points = "backward", stroke.points[::-1]
                stroke.source, stroke.target = stroke.target, stroke.source
            elif stroke.target not in done:
                stroke.colour, c = "frame", self.sheet.colours
                stroke.label = stroke.label.replace(f'COLOR="{c["quiet"]}"', f'COLOR="{c["frame"]}"')
        return canvas.digraph({"graph": {"dpi": dpi}}).source

    def _strip(self, box: Box, node: Any, low: float, role: str) -> list[tuple[Rect, str]]:
        """The numbers of the first sample as cells of colour; the largest of that name is full."""
        row = np.ravel(np.atleast_2d(node.value)[0])[:CELLS] if node.value.size else np.zeros(0)
        inset = box.w * 0.24 if role in ("loss", "plain") else 5.0
        left, width = box.x - box.w / 2 + inset, (box.w - 2 * inset) / max(len(row), 1)
        top = self.top.get(node.name) or 1.0
        paper = (255, 255, 255) if self.look.theme == "light" else (34, 37, 44)
        cells = []
        for i, v in enumerate(row):
            share = min(1.0, abs(float(v)) / top) if np.isfinite(v) else 1.0
            colour = PLUS if v >= 0 else MINUS
            mixed = (round(p + (c - p) * share) for p, c in zip(paper, colour))
            rect = left + i * width, low, left + (i + 0.92) * width, low + STRIP - 1.8
            cells.append((rect, "#" + "".join(f"{part:02x}" for part in mixed)))
        return cells


def _mark(shown: bool, now: bool, passed: bool, back: bool) -> str:
    """How a box is drawn: "pale", "now", "back" (at the gradient's way), "passed" or as always ("")."""
    if not shown:
        return "pale"
    return ("back" if back else "now") if now else "passed" if passed else ""
