"""Where the labels of lines stand: beside their own line, away from everything else."""

from __future__ import annotations

import itertools
import math
from collections import defaultdict
from collections.abc import Callable, Iterable

from .geometry import Layout, Line, Point, Rect, grown, overlap, segment_meets

CELL = 160.0  # points: what is near is looked up in squares of this size
FINER = (0.45, 0.55, 0.35, 0.65, 0.25, 0.75, 0.2, 0.8, 0.1, 0.9, 0.05, 0.95)  # how far along a line, where it is crowded
ROUNDS = 4  # labels that find no place have the first choice in the next round
Taken = dict[tuple[int, int], list[tuple[Rect | None, Point, Point, float]]]


def place_labels(layout: Layout) -> bool:
    """Each label beside its own line, at the first place where it meets no box, no line and no other label.

    False if some label found none: then it is where it meets least.
    """
    taken: Taken = defaultdict(list)

    def put(rect: Rect | None, a: Point, b: Point, half: float = 0.0) -> None:
        for cell in _cells((min(a[0], b[0]), min(a[1], b[1]), max(a[0], b[0]), max(a[1], b[1]))):
            taken[cell].append((rect, a, b, half))

    for box in layout.boxes.values():
        put(box.rect, box.rect[:2], box.rect[2:])
    for line in layout.lines:
        for a, b in zip(line.points, line.points[1:]):
            put(None, a, b, line.half)
    bare = {cell: list(found) for cell, found in taken.items()}
    order = [line for line in layout.lines if line.label is not None]
    for _ in range(ROUNDS):
        taken.clear()
        taken.update({cell: list(found) for cell, found in bare.items()})
        if not (crowded := _placed(order, taken, put)):
            return True
        order = crowded + [line for line in order if line not in crowded]
    return False


def _placed(order: list[Line], taken: Taken, put: Callable[..., None]) -> list[Line]:
    """Give each line's label the place where it meets least; the lines of which it meets anything."""
    crowded = []
    for line in order:
        least, best = 10**9, line.at
        for place in _candidates(line):
            line.at = place
            r = line.label_rect
            stranded = not any(segment_meets(a, b, grown(r, 12)) for a, b in zip(line.points, line.points[1:]))
            hits = stranded + sum(_meets(r, *found) for cell in _cells(grown(r, 9)) for found in taken.get(cell, ()))
            if hits < least:
                least, best = hits, line.at
            if not hits:
                break
        line.at = best
        if least:
            crowded.append(line)
        put(line.label_rect, line.label_rect[:2], line.label_rect[2:])
    return crowded


def _cells(rect: Rect) -> Iterable[tuple[int, int]]:
    """The squares that a rectangle touches."""
    (left, low), (right, high) = ([int(end // CELL) for end in ends] for ends in (rect[:2], rect[2:]))
    return itertools.product(range(left, right + 1), range(low, high + 1))


def _meets(label: Rect, rect: Rect | None, a: Point, b: Point, half: float) -> bool:
    return overlap(label, rect) if rect else segment_meets(a, b, grown(label, half))


def _candidates(line: Line) -> Iterable[Point]:
    """Beside the longest straight part first, at its middle first; on either side."""
    w, h = line.label or (0.0, 0.0)
    parts = sorted(zip(line.points, line.points[1:]), key=lambda p: -abs(p[0][0] - p[1][0]) - abs(p[0][1] - p[1][1]))
    for (ax, ay), (bx, by) in parts:
        length = max(abs(ax - bx) + abs(ay - by), 1e-9)
        flat = abs(ax - bx) >= abs(ay - by)
        slope = min(abs(ax - bx), abs(ay - by)) / length
        for k in (0.5, 0.35, 0.65, 0.2, 0.8, 0.1, 0.9):
            x, y = ax + (bx - ax) * k, ay + (by - ay) * k
            off = (h if flat else w) / 2 + (w if flat else h) / 2 * slope * 1.5 + line.half + 2.5
            for side in (1, -1):
                yield (x, y + side * off) if flat else (x + side * off, y)
    for more, ((ax, ay), (bx, by)) in itertools.product((2.5, 6.0, 10.0), parts):  # off a slanted line, and further away
        length = math.hypot(bx - ax, by - ay) or 1.0
        nx, ny = (ay - by) / length, (bx - ax) / length
        off = abs(nx) * w / 2 + abs(ny) * h / 2 + min(line.half + more, 11.9)
        for k, side in itertools.product((0.5, 0.4, 0.6, 0.3, 0.7, 0.15, 0.85, 0.0, 1.0, *FINER), (1, -1)):
            yield ax + (bx - ax) * k + side * off * nx, ay + (by - ay) * k + side * off * ny
