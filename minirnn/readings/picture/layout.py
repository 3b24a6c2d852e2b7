"""Where everything stands: boxes in columns (time) and rows (depth), lines that meet no box, labels beside them.

A layered drawing (Sugiyama, Tagawa and Toda 1981) of one step, repeated at every step: boxes of one *slot*, the same
quantity at other steps, stand in one row and at one place of their column. A line that passes a row gets a place of its
own there; lines to other columns run level where the way is free, and otherwise in the lanes between columns and rows.
`u` is along time, `v` along depth; `turned` makes x and y of them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

from ...engine.components import components
from .elements import Flow, Quantity
from .geometry import DIRECTIONS, Box, Layout, Line, turned
from .line_labels import place_labels
from .routes import Router

WIDER = (1.0, 1.3, 1.7, 2.3, 3.0, 4.0)  # the distances are made so many times as large, until every label has a place


def arrange(boxes: Iterable[Box], lines: Iterable[Line], rankdir: str = "BT") -> Layout:
    """Place the boxes, draw the lines, put the labels where nothing else is."""
    if rankdir not in DIRECTIONS:
        raise ValueError(f"rankdir is {rankdir!r}; it must be one of {', '.join(DIRECTIONS)}")
    by_key = {b.key: b for b in boxes}
    lines = [line for line in lines if line.source in by_key and line.target in by_key]
    across = rankdir in ("LR", "RL")
    rows = rows_of(by_key, lines)
    layout = Layout(by_key, lines)
    for wider in WIDER:
        if across:
            _swap(by_key.values(), lines)
        Router(by_key, lines, rows, wider).route()
        for box in by_key.values():
            box.x, box.y = turned((box.x, box.y), rankdir)
        for line in lines:
            line.points = [turned(p, rankdir) for p in line.points]
        if across:
            _swap(by_key.values(), lines)
        if place_labels(layout):
            break
    return layout


def _swap(boxes: Iterable[Box], lines: Iterable[Line]) -> None:
    for box in boxes:
        box.w, box.h = box.h, box.w
    for line in lines:
        line.label = line.label and (line.label[1], line.label[0])


def rows_of(boxes: Mapping[str, Box | Quantity], lines: Iterable[Line | Flow]) -> dict[str, int]:
    """The row of every slot: above what feeds it, as high as what it feeds allows; a slot that feeds itself is alone."""
    slots = list(dict.fromkeys(b.slot for b in boxes.values()))
    given = {b.slot: b.row for b in boxes.values() if b.row is not None}
    if len(given) == len(slots):
        return given
    above: dict[str, dict[str, None]] = defaultdict(dict)
    alone: dict[str, None] = {}
    for line in lines:
        a, b = boxes[line.source], boxes[line.target]
        if a.key == b.key:
            continue
        if a.slot == b.slot:
            alone[a.slot] = None
        elif not line.loop:
            above[a.slot][b.slot] = None
    after = {b.slot for b in boxes.values() if b.after}
    for slot in [s for s in slots if s not in after] if after else ():
        above[slot] |= dict.fromkeys(after)
    rows = dict.fromkeys(slots, 0)
    number = {slot: i for i, slot in enumerate(slots)}
    groups = components([[number[upper] for upper in above[slot]] for slot in slots])
    order = [slots[i] for group in reversed(groups) for i in group]  # from below to above
    for slot in order:
        for upper in above[slot]:
            rows[upper] = max(rows[upper], rows[slot] + 1)
    for slot in reversed(order):
        if above[slot]:
            rows[slot] = max(rows[slot], min(rows[upper] for upper in above[slot]) - 1)
    for slot in alone:
        here = rows[slot]
        if sum(row == here for row in rows.values()) > 1:
            below = {s for s in slots if rows[s] == here and slot in above[s]} | {slot}
            for other in slots:
                rows[other] += rows[other] > here or (rows[other] == here and other not in below)
    return rows | given
