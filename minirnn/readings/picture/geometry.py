"""Boxes and lines of a picture with their places, and what of them meets what."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

Point = tuple[float, float]
Rect = tuple[float, float, float, float]  # left, bottom, right, top
DIRECTIONS = ("BT", "TB", "LR", "RL")


@dataclass
class Box:
    """A rectangle of w × h, its middle at x, y. `slot` is the same at all steps; `column` is a place in time."""

    key: str
    slot: str
    column: int
    w: float
    h: float
    role: str = "plain"
    row: int | None = None  # given, or found
    after: bool = False  # above all boxes that are not
    shade: float | None = None  # how dark it is filled, from 0 to 1
    x: float = 0.0
    y: float = 0.0

    @property
    def rect(self) -> Rect:
        return self.x - self.w / 2, self.y - self.h / 2, self.x + self.w / 2, self.y + self.h / 2


@dataclass
class Line:
    """From box to box; `label` is the size of the text beside it (None: there is none). `loop`: to another time step."""

    source: str
    target: str
    label: Point | None = None
    loop: bool = False
    half: float = 0.6  # of its width, with the line of the other pass beside it
    points: list[Point] = field(default_factory=list)
    at: Point = (0.0, 0.0)  # the middle of the label

    @property
    def label_rect(self) -> Rect:
        w, h = self.label or (0.0, 0.0)
        return self.at[0] - w / 2, self.at[1] - h / 2, self.at[0] + w / 2, self.at[1] + h / 2


@dataclass
class Layout:
    boxes: dict[str, Box]
    lines: list[Line]

    @property
    def rect(self) -> Rect:
        rects = [b.rect for b in self.boxes.values()] + [line.label_rect for line in self.lines if line.label]
        rects += [(x, y, x, y) for line in self.lines for x, y in line.points]
        return around(rects) if rects else (0.0, 0.0, 0.0, 0.0)


def turned(point: Point, rankdir: str) -> Point:
    """Time and depth as x and y: depth runs up (BT), down (TB), right (LR) or left (RL)."""
    u, v = point
    return {"BT": (u, v), "TB": (u, -v), "LR": (v, -u), "RL": (-v, -u)}[rankdir]


def grown(rect: Rect, by: float) -> Rect:
    """`rect`, larger by so much on every side."""
    return rect[0] - by, rect[1] - by, rect[2] + by, rect[3] + by


def overlap(a: Rect, b: Rect) -> bool:
    """Whether two rectangles have more than an edge in common."""
    return a[0] < b[2] - 1e-6 and b[0] < a[2] - 1e-6 and a[1] < b[3] - 1e-6 and b[1] < a[3] - 1e-6


def segment_meets(a: Point, b: Point, rect: Rect) -> bool:
    """Whether the straight line from a to b passes the inside of `rect` (Liang and Barsky 1984)."""
    low, high = 0.0, 1.0
    for start, way, least, most in ((a[0], b[0] - a[0], rect[0], rect[2]), (a[1], b[1] - a[1], rect[1], rect[3])):
        least, most = least + 1e-6, most - 1e-6
        if abs(way) < 1e-12:
            if not least < start < most:
                return False
            continue
        one, two = sorted(((least - start) / way, (most - start) / way))
        low, high = max(low, one), min(high, two)
    return low < high


def around(rects: list[Rect]) -> Rect:
    """The smallest rectangle that holds them all."""
    return min(r[0] for r in rects), min(r[1] for r in rects), max(r[2] for r in rects), max(r[3] for r in rects)


def on_ellipse(end: Point, before: Point, box: Box) -> Point:
    """Where the last part of a line, drawn on, meets the ellipse in the box."""
    a, b = box.w / 2, box.h / 2
    dx, dy = before[0] - end[0], before[1] - end[1]
    x, y = end[0] - box.x, end[1] - box.y
    A, B, C = (dx / a) ** 2 + (dy / b) ** 2, 2 * (x * dx / a**2 + y * dy / b**2), (x / a) ** 2 + (y / b) ** 2 - 1
    root = B * B - 4 * A * C
    if A == 0 or root < 0:
        return end
    k = (-B + math.sqrt(root)) / (2 * A)
    return end[0] + dx * k, end[1] + dy * k
