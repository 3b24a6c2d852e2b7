"""Where everything stands inside a cell, as in textbooks: a row of gates, above them level lines that carry states on.

A state that goes to its next value through circles alone, as c does in an LSTM and h in a GRU, has a level line; what
multiplies it or is added to it comes from below. What is given to the gates runs below them, and up to each.
"""

from __future__ import annotations

from collections import defaultdict

from ...engine.components import reached
from .geometry import Box, Layout, Line, Point
from .inside import Inside
from .line_labels import place_labels

COLUMN, LEVEL, LANE = 52.0, 76.0, 17.0  # points between gates, between rows, between the lines below the gates
FOOT = 70.0  # points up to the lowest of these lines
STEP = 70.0  # from one circle to the next


def arrange_inside(found: Inside, boxes: list[Box], lines: list[Line]) -> Layout:
    """Place the boxes, draw the lines, put the labels where nothing else is."""
    return _Places(found, {box.key: box for box in boxes}, lines).layout()


class _Places:
    def __init__(self, found: Inside, boxes: dict[str, Box], lines: list[Line]) -> None:
        self.found, self.boxes, self.lines = found, boxes, lines
        self.into: dict[str, list[str]] = defaultdict(list)
        for line in lines:
            self.into[line.target].append(line.source)
        self.plain = {(flow.source, flow.target) for flow in found.flows if not flow.through}
        self.carried = self._carried()
        self.on_line = {key for path in self.carried.values() for key in path[1:-1]}
        self.prepared = self._prepared()
        self.low = self._feeding_gates()

    def _kind(self, key: str) -> str:
        return self.found.kinds[key]

    def _is_given(self, key: str) -> bool:
        return self._kind(key) in ("before", "input") or key in self.prepared

    def _carried(self) -> dict[str, list[str]]:
        """The longest way of each state to its next value through circles alone, each circle on one such way."""
        found: dict[str, list[str]] = {}
        for before, after in self.found.states.items():
            paths: dict[str, list[str]] = {before: [before]}
            for key in self.found.quantities:  # in order of computation
                if self._kind(key) not in ("circle", "after") or any(key in path for path in found.values()):
                    continue
                ways = [paths[s] for s in self.into[key] if s in paths and (s, key) in self.plain]
                if ways:
                    paths[key] = [*max(ways, key=len), key]
            if after in paths:
                found[before] = paths[after]
        return found

    def _prepared(self) -> set[str]:
        """The circles that are made of what is given alone, such as masked inputs: they stand at the foot."""
        found: set[str] = set()
        for key, kind in self.found.kinds.items():
            sources = self.into[key]
            if kind == "circle" and sources and all(self._kind(s) == "input" or s in found for s in sources):
                found.add(key)
        return found

    def _feeding_gates(self) -> set[str]:
        """The circles on the way to a gate: they stand in the row of gates."""

        def feeding(key: str) -> list[str]:
            return [s for s in self.into[key] if self._kind(s) == "circle" and s not in self.prepared]

        gates = [key for key, kind in self.found.kinds.items() if kind == "gate"]
        return {*reached(gates, feeding)}.difference(gates)

    def _columns(self) -> list[str]:
        """What stands in the row of gates, in the order in which it is needed along the lines, from left to right."""
        order: dict[str, None] = {}

        def need(key: str) -> None:
            for source in self.into[key]:
                if source not in order and source not in self.on_line and not self._is_given(source):
                    need(source)
            if self._kind(key) == "gate" or key in self.low:
                order.setdefault(key)

        for path in sorted(self.carried.values(), key=len, reverse=True):
            for key in path[1:]:
                need(key)
        for key in self.found.quantities:
            need(key)
        return list(order)

    # ------------------------------------------------------------------------------------------------------- places

    def layout(self) -> Layout:
        """All in place."""
        self.columns = self._columns()
        foot = FOOT + LEVEL * 0.6 * bool(self.prepared)
        self.lanes = [key for key in self.found.kinds if self._is_given(key) and self._needs_lane(key)]
        self.lane = {key: foot + LANE * i for i, key in enumerate(self.lanes)}
        tall = max([self.boxes[key].h for key in self.columns], default=40.0)
        circles = [box.h for key, box in self.boxes.items() if self._kind(key) == "circle"]
        self.level = max(LEVEL, (tall + max(circles, default=0.0)) / 2 + 34)
        self.gates = foot + LANE * len(self.lanes) + 40.0 + tall / 2
        x = 0.0
        for key in self.columns:
            box = self.boxes[key]
            x += COLUMN + max(box.w, 46.0) / 2
            box.x, box.y = x, self.gates
            x += max(box.w, 46.0) / 2
        self._circles(x)
        self._rails()
        for i, line in enumerate(self.lines):
            line.points = self._route(i, line)
        layout = Layout(self.boxes, self.lines)
        place_labels(layout)
        for line in self.lines:
            if line.label and line.source in self.lane:
                self._beside(line)
        return layout

    def _beside(self, line: Line) -> None:
        """A label at the side of the last part of its line, away from the other line to the same box."""
        x, low = line.points[-2]
        if abs(line.points[-1][0] - x) > 1:
            return
        way = 1 if x >= self.boxes[line.target].x else -1
        line.at = (x + way * (line.label[0] / 2 + line.half), max(low, self.lane[self.lanes[-1]]) + 14)  # type: ignore[index]

    def _needs_lane(self, key: str) -> bool:
        """Whether something in the row of gates, or nothing that a level line carries, is made of it."""
        path = self.carried.get(key, ["", ""])
        targets = {line.target for line in self.lines if line.source == key}
        return any(target != path[1] and target not in self.prepared for target in targets)

    def _circles(self, x: float) -> None:
        """Circles above the gates, as high as they are steps away; after them the level lines; what follows from these."""
        above: dict[str, int] = {}
        after: dict[str, int] = {}
        beside = self.low | self.prepared
        upper = [k for k, kind in self.found.kinds.items() if kind == "circle" and k not in beside | self.on_line]
        for key in upper:
            if any(s in self.on_line or s in after for s in self.into[key]):
                after[key] = 1 + max([after[s] for s in self.into[key] if s in after], default=0)
            else:
                above[key] = 1 + max([above[s] for s in self.into[key] if s in above], default=0)
        self.line_of: dict[str, float] = {}
        top = self.gates + self.level * (max(above.values(), default=0) + 1)
        for i, path in enumerate(sorted(self.carried.values(), key=len)):
            self.line_of |= dict.fromkeys(path, top + self.level * i)
        placed = [self.boxes[key] for key in self.columns]
        least: dict[float, float] = defaultdict(float)  # how far to the right each level line has come
        for key in [k for k, kind in self.found.kinds.items() if kind == "circle" and k not in beside]:
            box = self.boxes[key]
            sources = [self.boxes[s] for s in self.into[key] if not self._is_given(s)]
            box.x = max([s.x for s in sources], default=COLUMN)
            rises = False  # whether a line comes all the way up
            if key in self.on_line:
                box.y = self.line_of[key]
                box.x = max(box.x, least[box.y] + 26 + box.w / 2)
                rises = any(s in self.lane and s not in self.line_of for s in self.into[key])
            elif key in above:
                box.y = self.gates + self.level * above[key]
                aside = len(sources) == 1 and any(sources[0].key in self.into[t] for t in self.on_line)
                box.x += 0.65 * STEP * aside  # the way up is for what goes to the line
            else:
                box.y = self._below(after[key], max(after.values()), top)
                box.x = max([s.x + s.w / 2 for s in sources]) + 26 + box.w / 2
                box.x = max(box.x, x + STEP) if box.y == self.gates else box.x
            while any(self._meets(box, other, rises) for other in placed):
                box.x += 12.0
            least[box.y] = max(least[box.y], box.x + box.w / 2)
            placed.append(box)

    @staticmethod
    def _meets(box: Box, other: Box, rises: bool) -> bool:
        """Whether two boxes are too near; or a line up to one of them too near to the other."""
        near = abs(box.x - other.x) < (box.w + other.w) / 2 + 12 and abs(box.y - other.y) < (box.h + other.h) / 2 + 8
        return near or (rises and other.y < box.y - 1 and abs(box.x - other.x) < other.w / 2 + 20)

    def _below(self, depth: int, most: int, top: float) -> float:
        """From the level line down to the row of gates."""
        return top - (top - self.gates) * depth / most

    def _rails(self) -> None:
        """States before the step on the left, after it on the right; what is given besides at the foot."""
        inner = [box for key, box in self.boxes.items() if self._kind(key) in ("gate", "circle")]
        feet = self.boxes[self.columns[0]].x + 34 if self.columns else 0.0
        given = [box for key, box in self.boxes.items() if self._kind(key) == "input"]
        for box in given:
            box.x, box.y = feet + box.w / 2, 20.0 - box.h / 2
            feet += box.w + 26
        right = max([*[box.x + box.w / 2 for box in inner], *[box.x for box in given]], default=COLUMN) + COLUMN
        sides: dict[str, list[Box]] = defaultdict(list)
        for key, box in self.boxes.items():
            kind = self._kind(key)
            if key in self.prepared:
                box.x, box.y = min(self.boxes[s].x for s in self.into[key]), FOOT
            elif kind in ("before", "after"):
                source = next(iter(self.into[key]), None)
                level = self.boxes[source].y if kind == "after" and source in self.boxes else self.lane.get(key, self.gates)
                box.y = self.line_of.get(key, level)
                while any(abs(box.y - other.y) < (box.h + other.h) / 2 + 8 for other in sides[kind]):
                    box.y += 6.0
                sides[kind].append(box)
                box.x = right + box.w / 2 if kind == "after" else -1.6 * COLUMN - box.w / 2

    # ------------------------------------------------------------------------------------------------------- lines

    def _route(self, i: int, line: Line) -> list[Point]:
        a, b = self.boxes[line.source], self.boxes[line.target]
        if self._level(a, b):
            way = 1 if a.x < b.x else -1
            return [(a.x + way * a.w / 2, a.y), (b.x - way * b.w / 2, b.y)]
        if a.key in self.lane and b.key not in self.prepared:
            return self._from_below(i, a, b)
        if abs(a.x - b.x) < 1:
            way = 1 if a.y < b.y else -1
            return [(a.x, a.y + way * a.h / 2), (b.x, b.y - way * b.h / 2)]
        way = 1 if a.x < b.x else -1
        if self._kind(b.key) == "after":
            mid = b.x - b.w / 2 - COLUMN / 2
            return [(a.x + a.w / 2, a.y), (mid, a.y), (mid, b.y), (b.x - b.w / 2, b.y)]
        if b.y > a.y + 1:  # up, then along
            aside = way * 10.0 * any(self._above(s, a) for s in self.into[a.key])  # something comes in from above
            return [(a.x + aside, a.y + a.h / 2), (a.x + aside, b.y), (b.x - way * b.w / 2, b.y)]
        if b.y < a.y - 1:  # along, then down
            return [(a.x + way * a.w / 2, a.y), (b.x, a.y), (b.x, b.y + b.h / 2)]
        over = a.y + max(a.h, b.h) / 2 + 12  # in one row, over what is between
        return [(a.x + 6, a.y + a.h / 2), (a.x + 6, over), (b.x - 6, over), (b.x - 6, b.y + b.h / 2)]

    def _above(self, key: str, box: Box) -> bool:
        return not self._is_given(key) and self.boxes[key].y > box.y + 1

    def _level(self, a: Box, b: Box) -> bool:
        """Whether the two are in one row with nothing between them."""
        low, high = sorted((a.x, b.x))
        between = (box for box in self.boxes.values() if low < box.x < high)
        return abs(a.y - b.y) < 1 and not any(abs(box.y - a.y) < (box.h + a.h) / 2 for box in between)

    def _from_below(self, i: int, a: Box, b: Box) -> list[Point]:
        """From what is given along its lane, and up."""
        lane = self.lane[a.key]
        comers = [n for n, line in enumerate(self.lines) if line.target == b.key and line.source in self.lane]
        order = sorted(comers, key=lambda n: -self.lane[self.lines[n].source])  # the upper lane comes in on the left
        x = b.x + (order.index(i) - (len(order) - 1) / 2) * min(16.0 + 2 * self.lines[i].half, b.w / len(order))
        if a.y < lane and self._kind(a.key) != "before":
            start = [(a.x, a.y + a.h / 2), (a.x, lane)]
        elif abs(a.y - lane) < 1:
            start = [(a.x + a.w / 2, lane)]
        else:
            out = a.x + a.w / 2 + 10 + 7 * self.lanes.index(a.key)
            start = [(a.x + a.w / 2, a.y), (out, a.y), (out, lane)]
        way = 1 if b.y > lane else -1
        return [*start, (x, lane), (x, b.y - way * b.h / 2)]
