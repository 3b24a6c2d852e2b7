"""How lines run: through their places in rows, the gaps between rows and the lanes between columns."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from .geometry import Line, Point
from .places import LANE, ROW_GAP, Places

AROUND = 26.0  # points that a line from a box to itself runs beside it
STRAIGHT = 6.0  # points that two boxes may be out of line, and still be joined by a straight line


class Router(Places):
    """Places, then lines through places, gaps between rows and lanes between columns."""

    def route(self) -> None:
        """Give every box its place and every line its points."""
        kinds = [self._kind(line) for line in self.lines]
        chains = [self._chain(line) if kind in ("up", "rail") else [] for line, kind in zip(self.lines, kinds)]
        for line, kind in zip(self.lines, kinds):
            a, b = self.boxes[line.source], self.boxes[line.target]
            if kind in ("level", "round") and a.column != b.column:
                self.pulled[a.slot].append(1 if b.column > a.column else -1)
                self.pulled[b.slot].append(-1 if b.column > a.column else 1)
            if kind == "own":
                self.width[a.slot] = max(self.width[a.slot], a.w + 2 * (AROUND + (line.label[0] if line.label else 0) + 6))
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

    def _through(self, chain: list[str], column: int, way: int = 1) -> Iterator[Point]:
        """Where a line enters and leaves its places in the rows that it passes."""
        for slot in chain:
            u, row = self.start[column] + self.place[slot], self.slot_row[slot]
            for side in (-way, way):
                yield u, self.depth[row] + side * self.tall[row] / 2

    # each kind of line, as the points it runs through

    def _up(self, i: int, line: Line, chain: list[str], ports: dict[tuple[int, bool], float]) -> list[Point]:
        a, b = self.boxes[line.source], self.boxes[line.target]
        way = 1 if a.y < b.y else -1
        points = [(ports[i, True], a.y + way * a.h / 2)]
        points += self._through(chain[1:-1], a.column, way)
        last = (ports[i, False], b.y - way * b.h / 2)
        outer = self.depth[self.row[a.key]] + way * self.tall[self.row[a.key]] / 2
        if len(points) > 1 or abs(last[0] - points[0][0]) > 0.5:  # straight out of a box lower than its row
            points.insert(1, (points[0][0], outer))
            inner = self.depth[self.row[b.key]] - way * self.tall[self.row[b.key]] / 2
            points.append((last[0], inner))
        return _clean([*points, last])

    def _own(self, i: int, line: Line, chain: list[str], ports: dict[tuple[int, bool], float]) -> list[Point]:
        """Round the side of the box; of two in one row, each on its outer side."""
        box = self.boxes[line.source]
        loops = [self.boxes[other.source] for other in self.lines if other.source == other.target]
        mates = [other.x for other in loops if self.row[other.key] == self.row[box.key]]
        side = -1 if any(x > box.x + 1 for x in mates) else 1
        edge, lane = box.x + side * box.w / 2, box.x + side * (box.w / 2 + AROUND)
        up, down = box.y + box.h * 0.22, box.y - box.h * 0.22
        return [(edge, up), (lane, up), (lane, down), (edge, down)]

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
        points += self._through(chain[1:], a.column)
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
