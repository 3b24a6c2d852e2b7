"""Where each slot stands in its column, how far columns and rows are apart, and what kind of line joins two boxes."""

from __future__ import annotations

import itertools
from collections import defaultdict

from ...engine.components import reached
from .geometry import Box, Line

BESIDE, ROW_GAP, LANE = 22.0, 34.0, 9.0  # points between boxes beside each other, between rows, between parallel lines


class Places:
    """Boxes in rows and columns, with a place in every row for the lines that pass it."""

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

    def _kind(self, line: Line) -> str:
        a, b = self.boxes[line.source], self.boxes[line.target]
        low, high = self.row[a.key], self.row[b.key]
        if a.key == b.key:
            return "own"
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
        columns: dict[str, list[dict[str, None]]] = defaultdict(list)
        for slots in self.in_column.values():
            for slot in slots:
                columns[slot].append(slots)
        group: dict[str, int] = {}
        for i, slot in enumerate(columns):
            if slot not in group:
                group |= dict.fromkeys(reached([slot], lambda s: itertools.chain(*columns[s])), i)
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
            name = {"rail": ("rail", line.target), "round": ("in", i)}.get(kind)
            if name is not None and name not in self.level:
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


def _mean(values: list[float], otherwise: float) -> float:
    return sum(values) / len(values) if values else otherwise
