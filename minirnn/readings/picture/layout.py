"""Where everything stands: boxes in columns (time) and rows (depth), lines that meet no box, labels beside them.

A layered drawing (Sugiyama, Tagawa and Toda 1981) of one step, repeated at every step: boxes of one *slot*, the same
quantity at other steps, stand in one row and at one place of their column. A line that passes a row gets a place of its
own there; lines to other columns run level where the way is free, and otherwise in the lanes between columns and rows.
`u` is along time, `v` along depth; `turned` makes x and y of them.
"""

from __future__ import annotations

import itertools
import math
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

Point = tuple[float, float]
Rect = tuple[float, float, float, float]  # left, bottom, right, top

BESIDE, ROW_GAP, LANE = 22.0, 34.0, 9.0  # points between boxes beside each other, between rows, between parallel lines
STRAIGHT = 6.0  # points that two boxes may be out of line, and still be joined by a straight line
WIDER = (1.0, 1.3, 1.7, 2.3, 3.0)  # the distances are made so many times as large, until every label has a place
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
        if not rects:
            return 0.0, 0.0, 0.0, 0.0
        return min(r[0] for r in rects), min(r[1] for r in rects), max(r[2] for r in rects), max(r[3] for r in rects)


def arrange(boxes: Iterable[Box], lines: Iterable[Line], rankdir: str = "BT") -> Layout:
    """Place the boxes, draw the lines, put the labels where nothing else is."""
    if rankdir not in DIRECTIONS:
        raise ValueError(f"rankdir is {rankdir!r}; it must be one of {', '.join(DIRECTIONS)}")
    by_key = {b.key: b for b in boxes}
    lines = [line for line in lines if line.source in by_key and line.target in by_key]
    across = rankdir in ("LR", "RL")
    if across:
        _swap(by_key.values(), lines)
    rows = _rows(by_key, lines)
    for wider in WIDER:
        _Router(by_key, lines, rows, wider).route()
        for box in by_key.values():
            box.x, box.y = turned((box.x, box.y), rankdir)
        for line in lines:
            line.points = [turned(p, rankdir) for p in line.points]
        if across:
            _swap(by_key.values(), lines)
        layout = Layout(by_key, lines)
        if place_labels(layout):
            break
        if across:
            _swap(by_key.values(), lines)
    else:
        _swap(by_key.values(), lines) if across else None
    return layout


def turned(point: Point, rankdir: str) -> Point:
    """Time and depth as x and y: depth runs up (BT), down (TB), right (LR) or left (RL)."""
    u, v = point
    return {"BT": (u, v), "TB": (u, -v), "LR": (v, -u), "RL": (-v, -u)}[rankdir]


def _swap(boxes: Iterable[Box], lines: Iterable[Line]) -> None:
    for box in boxes:
        box.w, box.h = box.h, box.w
    for line in lines:
        line.label = line.label and (line.label[1], line.label[0])


# ----------------------------------------------------------------------------------------------------------------- rows


def _rows(boxes: dict[str, Box], lines: list[Line]) -> dict[str, int]:
    """The row of every slot: above what feeds it, as high as what it feeds allows; a slot that feeds itself is alone."""
    slots = list(dict.fromkeys(b.slot for b in boxes.values()))
    given = {b.slot: b.row for b in boxes.values() if b.row is not None}
    if len(given) == len(slots):
        return given
    above: dict[str, dict[str, None]] = defaultdict(dict)
    alone: dict[str, None] = {}
    for line in lines:
        a, b = boxes[line.source], boxes[line.target]
        if a.slot == b.slot:
            alone[a.slot] = None
        elif not line.loop:
            above[a.slot][b.slot] = None
    rows = dict.fromkeys(slots, 0)
    order = _sorted(slots, above)
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


def _sorted(slots: list[str], above: dict[str, dict[str, None]]) -> list[str]:
    """From below to above; slots that feed each other (which no sound trace has) in the order given."""
    waits = dict.fromkeys(slots, 0)
    for uppers in above.values():
        for upper in uppers:
            waits[upper] += 1
    left = dict.fromkeys(slots)
    order: list[str] = []
    while left:
        slot = next((s for s in left if not waits[s]), None) if len(left) < 400 else None
        ready = [s for s in left if not waits[s]] if slot is None else [slot]
        if not ready:
            stuck = next(iter(left))
            for other in slots:
                if above[other].pop(stuck, 0) is None:
                    waits[stuck] -= 1
            ready = [stuck]
        for s in ready:
            del left[s]
            order.append(s)
            for upper in above[s]:
                waits[upper] -= 1
    return order


# ---------------------------------------------------------------------------------------------------- places and routes


class _Router:
    """Places in rows and columns, then lines through places, gaps between rows and lanes between columns."""

    def __init__(self, boxes: dict[str, Box], lines: list[Line], rows: dict[str, int], wider: float) -> None:
        self.boxes, self.lines, self.wider = boxes, lines, wider
        self.row = {key: rows[b.slot] for key, b in boxes.items()}
        self.slot_row = dict(rows)
        self.width: dict[str, float] = defaultdict(float)
        self.in_column: dict[int, dict[str, None]] = defaultdict(dict)
        for b in boxes.values():
            self.width[b.slot] = max(self.width[b.slot], b.w)
            self.in_column[b.column][b.slot] = None
        self.sorted = sorted(self.in_column)
        self.order = {c: i for i, c in enumerate(self.sorted)}
        self.links: dict[tuple[str, str], None] = {}  # between slots of neighbouring rows of one column
        self.pulled: dict[str, list[int]] = defaultdict(list)  # slots with lines to the column before (-1) or after (1)

    def route(self) -> None:
        """Give every box its place and every line its points."""
        kinds = [self._kind(line) for line in self.lines]
        chains = [self._chain(line) if kind in ("up", "rail") else [] for line, kind in zip(self.lines, kinds)]
        for line, kind in zip(self.lines, kinds):
            a, b = self.boxes[line.source], self.boxes[line.target]
            if kind in ("level", "round") and a.column != b.column:
                self.pulled[a.slot].append(1 if b.column > a.column else -1)
                self.pulled[b.slot].append(-1 if b.column > a.column else 1)
            if line.label and kind == "up":
                self.width[b.slot] = max(self.width[b.slot], line.label[0] + 12)
        self._places()
        self._columns(kinds)
        self._depths(kinds)
        for box in self.boxes.values():
            box.x = self.start[box.column] + self.place[box.slot]
            box.y = self.depth[self.row[box.key]]
        ports = self._ports(kinds)
        for i, (line, kind, chain) in enumerate(zip(self.lines, kinds, chains)):
            line.points = getattr(self, f"_{kind}")(i, line, chain, ports)

    def _kind(self, line: Line) -> str:
        a, b = self.boxes[line.source], self.boxes[line.target]
        low, high = self.row[a.key], self.row[b.key]
        if a.column == b.column and low != high and not line.loop:
            return "up"
        if a.column != b.column and low == high and self._free(a, b):
            return "level"
        if a.column != b.column and high > low and not line.loop:
            return "rail"
        return "round"

    def _free(self, a: Box, b: Box) -> bool:
        """Whether no other column is between, and each of the two is alone in its row and column."""
        i, j = sorted((self.order[a.column], self.order[b.column]))
        between, row = self.sorted[i + 1 : j], self.row[a.key]
        taken = any(self.slot_row[s] == row for c in between for s in self.in_column[c])
        for box in (a, b):
            taken |= any(self.slot_row[s] == row and s != box.slot for s in self.in_column[box.column])
        return not taken

    def _chain(self, line: Line) -> list[str]:
        """The slots that a line passes: its own places in the rows between."""
        a, b = self.boxes[line.source], self.boxes[line.target]
        low, high = self.row[a.key], self.row[b.key]
        way = 1 if high > low else -1
        chain = [a.slot]
        for row in range(low + way, high, way):
            slot = f"{a.slot} to {b.slot}, row {row}"
            self.slot_row[slot] = row
            self.width[slot] = 6.0
            self.in_column[a.column][slot] = None
            chain.append(slot)
        if a.column == b.column:
            chain.append(b.slot)
        self.links |= dict.fromkeys(itertools.pairwise(chain))
        return chain

    def _places(self) -> None:
        """Where each slot stands in its column: in an order that follows its neighbours, then as near to them as can be."""
        layers: dict[tuple[int, int], list[str]] = defaultdict(list)
        group = self._groups()
        for slot in dict.fromkeys(s for slots in self.in_column.values() for s in slots):
            layers[self.slot_row[slot], group[slot]].append(slot)
        near: dict[str, list[str]] = defaultdict(list)
        fed = {b for _, b in self.links}
        self.leaves = {s for s in self.slot_row if s not in fed and not self.pulled[s]}
        for a, b in self.links:
            near[a].append(b)
            near[b].append(a)
        firm = {s: [n for n in others if n not in self.leaves] or others for s, others in near.items()}
        place = {s: float(i) - (len(layer) - 1) / 2 for layer in layers.values() for i, s in enumerate(layer)}
        for _ in range(4):
            for row in [*sorted(layers), *sorted(layers, reverse=True)]:
                wish = {
                    s: _mean([place[n] for n in near[s]] + [9.0 * p for p in self.pulled[s]], place[s]) for s in layers[row]
                }
                layers[row].sort(key=lambda s: wish[s])
                place |= {s: float(i) - (len(layers[row]) - 1) / 2 for i, s in enumerate(layers[row])}
        for layer in layers.values():
            place |= self._spaced(layer, [place[s] * 60 for s in layer])
        for _ in range(6):
            for row in [*sorted(layers), *sorted(layers, reverse=True)]:
                layer = layers[row]
                place |= self._spaced(layer, [_mean([place[n] for n in firm.get(s, ())], place[s]) for s in layer])
        self.place, self.layers = place, layers

    def _groups(self) -> dict[str, int]:
        """Slots that stand in a column together, or with a common third, must know of each other."""
        group = {s: i for i, s in enumerate(dict.fromkeys(s for slots in self.in_column.values() for s in slots))}
        for _ in self.in_column:
            for slots in [*self.in_column.values(), *reversed(self.in_column.values())]:
                least = min(group[s] for s in slots)
                if all(group[s] == least for s in slots):
                    continue
                group |= dict.fromkeys(slots, least)
            if all(len({group[s] for s in slots}) == 1 for slots in self.in_column.values()):
                break
        return group

    def _spaced(self, layer: list[str], wish: list[float]) -> dict[str, float]:
        """As near to the wishes as the widths allow, in this order (least squares, by pooling adjacent violators)."""
        starts, u = [], 0.0
        for before, slot in zip([None, *layer], layer):
            u += 0.0 if before is None else (self.width[before] + self.width[slot]) / 2 + BESIDE * self.wider
            starts.append(u)
        pools: list[list[float]] = []  # weight, sum, how many
        for slot, want, start in zip(layer, wish, starts):
            weight = 0.02 if slot in self.leaves else 1.0
            pools.append([weight, weight * (want - start), 1])
            while len(pools) > 1 and pools[-2][1] / pools[-2][0] > pools[-1][1] / pools[-1][0]:
                last = pools.pop()
                pools[-1] = [x + y for x, y in zip(pools[-1], last)]
        shifts = [total / weight for weight, total, count in pools for _ in range(int(count))]
        return {slot: start + shift for slot, start, shift in zip(layer, starts, shifts)}

    def _columns(self, kinds: list[str]) -> None:
        """The columns beside each other, with room between them for labels and lanes."""
        room: dict[int, float] = defaultdict(lambda: BESIDE * 1.6)
        self.lane: dict[int, float] = {}
        used: dict[int, list[tuple[int, int]]] = defaultdict(list)
        order = sorted(self.in_column)
        for i, (line, kind) in enumerate(zip(self.lines, kinds)):
            a, b = self.boxes[line.source], self.boxes[line.target]
            length = line.label[0] if line.label else 0.0
            if kind == "level":
                room[min(a.column, b.column)] = max(room[min(a.column, b.column)], length + 22)
            if kind == "round":
                after = self._lane_after(a, b)
                span = sorted((self.row[a.key], self.row[b.key]))
                lanes = used[after]
                lane = sum(1 for lo, hi in lanes if lo <= span[1] and span[0] <= hi)
                lanes.append((span[0], span[1]))
                self.lane[i] = BESIDE * 0.8 + lane * (LANE + length)
                room[after] = max(room[after], self.lane[i] + length + BESIDE)
        found: dict[int, tuple[float, float]] = {}
        self.start: dict[int, float] = {}
        u = 0.0
        for column in order:
            slots = self.in_column[column]
            left = min(self.place[s] - self.width[s] / 2 for s in slots)
            right = max(self.place[s] + self.width[s] / 2 for s in slots)
            self.start[column] = u - left
            found[column] = (u, u + right - left)
            u += right - left + room[column]
        self.ends = found

    @staticmethod
    def _lane_after(a: Box, b: Box) -> int:
        """The lane of a line runs beside its source; of a line back in time, beside the column it comes to."""
        return min(a.column, b.column) if a.column != b.column else a.column

    def _depths(self, kinds: list[str]) -> None:
        """The rows above each other, with room between them for labels and for what runs level there."""
        count: dict[int, int] = defaultdict(int)  # lines that run level below a row
        self.level: dict[object, int] = {}
        tall = dict.fromkeys((row for row, _ in self.layers), 0.0)
        labels: dict[int, float] = defaultdict(float)
        for key, box in self.boxes.items():
            tall[self.row[key]] = max(tall[self.row[key]], box.h)
        for i, (line, kind) in enumerate(zip(self.lines, kinds)):
            low, high = self.row[line.source], self.row[line.target]
            if line.label and kind == "up":  # in the gap below the upper of the two; slanted lines need more of it
                slanted = abs(self.place[self.boxes[line.source].slot] - self.place[self.boxes[line.target].slot]) > 1
                gap = high if high > low else high + 1
                labels[gap] = max(labels[gap], line.label[1] * (2.6 if slanted else 1))
            group: list[object] = []
            if kind == "rail":
                group = [("rail", line.target)]
            if kind == "round":
                group = [("in", i)]
            for name in group:
                if name not in self.level:
                    self.level[name] = count[high]
                    count[high] += 1
        self.depth: dict[int, float] = {}
        v = 0.0
        for row in sorted(tall):
            lanes = max(0, count[row] - 1) * LANE
            v += (ROW_GAP * self.wider + lanes + (max(0.0, labels[row] - 14))) * bool(self.depth) + tall[row] / 2
            self.depth[row] = v
            v += tall[row] / 2
        self.tall = tall

    def _side_free(self, key: str, line: Line) -> bool:
        """Whether a line can come to the box from the side: nothing is between it and the lane."""
        box, other = self.boxes[key], self.boxes[line.source if key == line.target else line.target]
        after = self._lane_after(box, other)
        if self.order[box.column] - self.order[after] not in (0, 1):  # columns are between
            return False
        right = after == box.column
        row = sorted(
            (s for s in self.in_column[box.column] if self.slot_row[s] == self.row[key]), key=self.place.__getitem__
        )
        return bool(row) and row[-1 if right else 0] == box.slot

    def _ports(self, kinds: list[str]) -> dict[tuple[int, bool], float]:
        """Where lines leave and reach the lower and upper sides of boxes: beside each other, in the order they come from."""
        wants: dict[tuple[str, bool], list[tuple[float, int, bool]]] = defaultdict(list)
        for i, (line, kind) in enumerate(zip(self.lines, kinds)):
            a, b = self.boxes[line.source], self.boxes[line.target]
            down = self.row[line.source] > self.row[line.target]
            if kind == "up":
                wants[line.source, not down].append((b.x, i, True))
                wants[line.target, down].append((a.x, i, False))
            elif kind == "rail":
                wants[line.source, True].append((a.x, i, True))
        ports: dict[tuple[int, bool], float] = {}
        for (key, upper), comers in wants.items():
            comers.sort()
            box = self.boxes[key]
            if upper:  # all lines start in the middle: they are the same value
                ports |= {(i, out): box.x for _, i, out in comers}
                continue
            step = min(14.0, box.w / (2 * len(comers)))
            shifts = [(k - (len(comers) - 1) / 2) * step for k in range(len(comers))]
            straight = next((k for k, (x, _, _) in enumerate(comers) if abs(x - box.x) < STRAIGHT), None)
            if straight is not None:  # a line straight from below stays straight
                shifts = [s - shifts[straight] + comers[straight][0] - box.x for s in shifts]
            ports |= {(i, out): box.x + s for s, (_, i, out) in zip(shifts, comers)}
        return ports

    # each kind of line, as the points it runs through

    def _up(self, i: int, line: Line, chain: list[str], ports: dict[tuple[int, bool], float]) -> list[Point]:
        a, b = self.boxes[line.source], self.boxes[line.target]
        way = 1 if a.y < b.y else -1
        points = [(ports[i, True], a.y + way * a.h / 2)]
        for slot in chain[1:-1]:
            u, v, half = (
                self.start[a.column] + self.place[slot],
                self.depth[self.slot_row[slot]],
                self.tall[self.slot_row[slot]] / 2,
            )
            points += [(u, v - way * half), (u, v + way * half)]
        last = (ports[i, False], b.y - way * b.h / 2)
        outer = self.depth[self.row[a.key]] + way * self.tall[self.row[a.key]] / 2
        if len(points) > 1 or abs(last[0] - points[0][0]) > 0.5:  # straight out of a box lower than its row
            points.insert(1, (points[0][0], outer))
            inner = self.depth[self.row[b.key]] - way * self.tall[self.row[b.key]] / 2
            points.append((last[0], inner))
        return _clean([*points, last])

    def _level(self, i: int, line: Line, chain: list[str], ports: dict[tuple[int, bool], float]) -> list[Point]:
        a, b = self.boxes[line.source], self.boxes[line.target]
        way = 1 if a.x < b.x else -1
        return [(a.x + way * a.w / 2, a.y), (b.x - way * b.w / 2, b.y)]

    def _gap(self, i: int, line: Line, name: object) -> float:
        """The height of a level run below the target's row."""
        row = self.row[line.target]
        return self.depth[row] - self.tall[row] / 2 - ROW_GAP * self.wider * 0.42 - self.level[name] * LANE

    def _rail(self, i: int, line: Line, chain: list[str], ports: dict[tuple[int, bool], float]) -> list[Point]:
        a, b = self.boxes[line.source], self.boxes[line.target]
        points = [(ports[i, True], a.y + a.h / 2)]
        if len(chain) > 1:
            points.append((points[0][0], a.y + self.tall[self.row[a.key]] / 2))
        for slot in chain[1:]:
            u, v, half = (
                self.start[a.column] + self.place[slot],
                self.depth[self.slot_row[slot]],
                self.tall[self.slot_row[slot]] / 2,
            )
            points += [(u, v - half), (u, v + half)]
        v = self._gap(i, line, ("rail", line.target))
        return _clean([*points, (points[-1][0], v), (b.x, v), (b.x, b.y - b.h / 2)])

    def _round(self, i: int, line: Line, chain: list[str], ports: dict[tuple[int, bool], float]) -> list[Point]:
        a, b = self.boxes[line.source], self.boxes[line.target]
        after = self._lane_after(a, b)
        lane = self.ends[after][1] + self.lane[i]
        shift = 6.0 if a.key == b.key else 0.0
        if self._side_free(a.key, line):
            side = 1 if after == a.column else -1
            points = [(a.x + side * a.w / 2, a.y + shift), (lane, a.y + shift)]
        else:
            v = self.depth[self.row[a.key]] + self.tall[self.row[a.key]] / 2 + ROW_GAP * self.wider * 0.3
            points = [(a.x, a.y + a.h / 2), (a.x, v), (lane, v)]
        if self._side_free(b.key, line) and a.key != b.key:
            side = 1 if after == b.column else -1
            v = b.y - (8.0 if a.column == b.column else 0.0)
            points += [(lane, v), (b.x + side * b.w / 2, v)]
        else:
            v = self._gap(i, line, ("in", i))
            u = b.x + b.w * (0.28 if lane > b.x else -0.28)  # beside what comes from below
            points += [(lane, v), (u, v), (u, b.y - b.h / 2)]
        return _clean(points)


def _mean(values: list[float], otherwise: float) -> float:
    return sum(values) / len(values) if values else otherwise


def _clean(points: list[Point]) -> list[Point]:
    """Without points that repeat or lie within a straight line."""
    found: list[Point] = []
    for p in points:
        if found and abs(found[-1][0] - p[0]) + abs(found[-1][1] - p[1]) < 1e-6:
            continue
        if len(found) > 1:
            (ax, ay), (bx, by) = found[-2:]
            if abs((bx - ax) * (p[1] - by) - (by - ay) * (p[0] - bx)) < 1e-6:
                found.pop()
        found.append(p)
    return found


# --------------------------------------------------------------------------------------------------------------- labels

CELL = 160.0  # points: what is near is looked up in squares of this size
ROUNDS = 4  # labels that find no place have the first choice in the next round
Taken = dict[tuple[int, int], list[tuple[Rect | None, Point, Point, float]]]


def place_labels(layout: Layout) -> bool:
    """Each label beside its own line, at the first place where it meets no box, no line and no other label.

    False if some label found none: then it is where it meets least.
    """
    taken: Taken = defaultdict(list)

    def put(rect: Rect | None, a: Point, b: Point, half: float = 0.0) -> None:
        for i in range(int(min(a[0], b[0]) // CELL), int(max(a[0], b[0]) // CELL) + 1):
            for j in range(int(min(a[1], b[1]) // CELL), int(max(a[1], b[1]) // CELL) + 1):
                taken[i, j].append((rect, a, b, half))

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
            cells = [
                (i, j)
                for i in range(int((r[0] - 9) // CELL), int((r[2] + 9) // CELL) + 1)
                for j in range(int((r[1] - 9) // CELL), int((r[3] + 9) // CELL) + 1)
            ]
            stranded = not any(segment_meets(a, b, grown(r, 12)) for a, b in zip(line.points, line.points[1:]))
            hits = stranded + sum(_meets(r, *found) for cell in cells for found in taken.get(cell, ()))
            if hits < least:
                least, best = hits, line.at
            if not hits:
                break
        line.at = best
        if least:
            crowded.append(line)
        put(line.label_rect, line.label_rect[:2], line.label_rect[2:])
    return crowded


def _meets(label: Rect, rect: Rect | None, a: Point, b: Point, half: float) -> bool:
    return overlap(label, rect) if rect else segment_meets(a, b, grown(label, half))


def grown(rect: Rect, by: float) -> Rect:
    """`rect`, larger by so much on every side."""
    return rect[0] - by, rect[1] - by, rect[2] + by, rect[3] + by


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
        for k, side in itertools.product((0.5, 0.4, 0.6, 0.3, 0.7, 0.15, 0.85, 0.0, 1.0), (1, -1)):
            yield ax + (bx - ax) * k + side * off * nx, ay + (by - ay) * k + side * off * ny


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
