"""The package as a house: its rooms on their floors, and the imports between files, read from the source."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import minirnn

ROOT = Path(minirnn.__file__).parent

# A room may import from the floors below it, and from nothing else outside of itself.
FLOORS = [
    {"engine"},
    {"system", "_version", "tensorlike"},
    {"files", "checks", "displays"},
    {"registry"},
    {"activations", "initializers", "regularizers", "constraints", "losses", "optimizers", "callbacks"},
    {"metrics", "utils", "backend"},
    {"layers", "preprocessing", "ops"},
    {"network"},
    {"runs"},
    {"keras_io", "exchange"},
    {"readings"},
    {"loops"},
    {"verify"},
    {"training"},
    {"models"},
    {"traces"},
    {"loop_traces"},
    {"api"},
    {"demo", "__init__"},
    {"sphinxext"},
    {"cli"},
    {"__main__"},
]
FLOOR = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}


def files() -> list[Path]:
    """All files of the package, in order."""
    return sorted(ROOT.rglob("*.py"))


def room_of(path: Path) -> str:
    """The folder, or the file at the top, that a file belongs to."""
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def imports(path: Path) -> Iterator[Path]:
    """The files of the package that a file imports from: at its top, inside functions and for types."""
    folder = path.parent
    for node in ast.walk(ast.parse(path.read_text())):
        if not isinstance(node, ast.ImportFrom):
            continue
        if node.level:
            base = folder
            for _ in range(node.level - 1):
                base = base.parent
        elif (node.module or "").split(".")[0] == "minirnn":
            base = ROOT.parent
        else:
            continue
        base = base.joinpath(*(node.module or "").split(".")) if node.module else base
        for name in node.names:
            inner = base / name.name
            yield next(
                p
                for p in (inner.with_suffix(".py"), inner / "__init__.py", base.with_suffix(".py"), base / "__init__.py")
                if p.exists()
            )


def arrows() -> dict[tuple[str, str], int]:
    """How many imports lead from one room to another."""
    found: dict[tuple[str, str], int] = {}
    for path in files():
        for other in imports(path):
            pair = room_of(path), room_of(other)
            if pair[0] != pair[1]:
                found[pair] = found.get(pair, 0) + 1
    return found


def circles() -> list[list[str]]:
    """The groups of files that import each other, directly or through others."""
    graph = {path: set(imports(path)) - {path} for path in files()}
    reach: dict[Path, set[Path]] = {}
    for start in graph:
        seen, waiting = set(), [start]
        while waiting:
            for other in graph[waiting.pop()] - seen:
                seen.add(other)
                waiting.append(other)
        reach[start] = seen
    groups = {frozenset(b for b in graph if b in reach[a] and a in reach[b]) for a in graph}
    return sorted(sorted(str(p.relative_to(ROOT)) for p in group) for group in groups if len(group) > 1)


def floor_plan() -> str:
    """The rooms as SVG, the ground floor below; a line leads from a room to those that import from it directly."""
    size = {room: sum(len(p.read_text().splitlines()) for p in files() if room_of(p) == room) for room in FLOOR}
    rows = [sorted(room for room in rooms if size[room]) for rooms in FLOORS]
    width, high, apart = 132, 34, 62
    whole = max(map(len, rows)) * (width + 14)
    place = {}
    for floor, row in enumerate(rows):
        for k, room in enumerate(row):
            x = (whole - len(row) * (width + 14)) / 2 + k * (width + 14) + 7
            place[room] = x, (len(rows) - 1 - floor) * apart + 8
    pairs = {(of, to) for of, to in arrows() if of in place and to in place}
    direct = {(a, c) for a, c in pairs if not any((a, b) in pairs and (b, c) in pairs for b in place)}
    box = f'viewBox="0 0 {whole} {len(rows) * apart}" font-family="sans-serif" font-size="12"'
    lines = [f'<svg xmlns="http://www.w3.org/2000/svg" {box}>']
    for of, to in sorted(direct):
        (x1, y1), (x2, y2) = place[to], place[of]
        ends = f'x1="{x1 + width / 2}" y1="{y1}" x2="{x2 + width / 2}" y2="{y2 + high}"'
        lines.append(f'<line {ends} stroke="#9aa3ad" stroke-width="1"/>')
    for room, (x, y) in place.items():
        lines.append(f'<rect x="{x}" y="{y}" width="{width}" height="{high}" rx="5" fill="#eef2f6" stroke="#4a6078"/>')
        label = f'<tspan font-weight="bold">{room}</tspan> {size[room]}'
        lines.append(f'<text x="{x + width / 2}" y="{y + 21}" text-anchor="middle" fill="#1d2a36">{label}</text>')
    return "\n".join([*lines, "</svg>"])
