"""The unrolled network as a grid: what is shown at each step, what feeds it, and in which column and row it stands.

Time runs to the right, the forward pass upwards. Only named quantities are boxes; the parameters on a path between two
of them label the edge, biases and functions go into the box.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ..graph import Node
from ..ops import activations, log_softmax, matmul, same, spread

if TYPE_CHECKING:
    from ..trace import Trace

LOSS_WORDS = {"categorical_crossentropy": "cross-entropy"}
RAIL = 0.48  # a rail runs so many rows below what it feeds
BESIDE = 0.5  # a target stands so many columns to the right of what it is compared with
FUNCTIONS = {op for op in activations.values() if op is not same}


@dataclass
class Box:
    """One quantity at one step (None: it has no step), at column x and row y of the grid; the gap of long sequences too."""

    name: str
    step: int | None
    role: str  # input, state, output, loss, target; gap (dots for steps left out), rail (a bend of a line)
    does: list[str] = field(default_factory=list)
    holds: list[str] = field(default_factory=list)  # quantities on the way into it that have no box of their own
    shape: tuple[int, ...] = ()
    x: float = 0.0
    y: float = 0.0

    @property
    def key(self) -> str:
        return self.name if self.step is None else f"{self.name}_{self.step}"


@dataclass(frozen=True)
class Edge:
    source: str
    target: str
    labels: tuple[str, ...] = ()


@dataclass
class Grid:
    boxes: dict[str, Box]
    edges: list[Edge]
    T: int
    elided: bool


def grid(trace: Trace, max_steps: int | None) -> Grid:
    """The boxes and edges of the forward pass; of more than `max_steps` steps only the first and last two are shown."""
    T = trace.steps
    elided = max_steps is not None and max(max_steps, 4) < T
    steps = [0, 1, 2, T - 1, T] if elided else list(range(T + 1))
    columns: dict[int, float] = {t: float(t if t <= 2 or not elided else t - T + 5) for t in steps}
    shown = {n: n for n in trace.forward if _is_shown(n) and (n.step is None or n.step in columns)}
    recurrent: set[str] = set()
    boxes: dict[str, Box] = {}
    edges: list[Edge] = []
    for node in shown:
        box = Box(str(node.name), node.step, _role(trace, node), shape=node.shape)
        boxes[box.key] = box
        for source, labels in _sources(node, box):
            if source.name == node.name:
                recurrent.add(box.name)
            if source in shown:
                edges.append(Edge(_key(source), box.key, labels))
            elif source.name == node.name:  # the neighbour is in the gap
                edges.append(Edge(f"{box.name}_gap", box.key, labels))
        if trace.loss_name is not None and box.name in ("L", "l"):
            per_step = any(e.target == box.key and boxes[e.source].name == "l" for e in edges)
            box.does = ["mean over t" if per_step else LOSS_WORDS.get(trace.loss_name, trace.loss_name)[:16]]
    _place(boxes, edges, columns)
    if elided:
        _add_gap(boxes, edges, recurrent)
    return Grid(boxes, _with_rails(boxes, [e for e in edges if e.source in boxes]), T, elided)


def _is_shown(node: Node) -> bool:
    """Named, but not a pre-activation, a parameter or a whole sequence: those are on the edges or taken apart."""
    if node.name is None or node.attrs.get("role") == "parameter" or node.ndim > 2:
        return False
    return node.name.split("^")[0].split("_")[0] != "z" and node.name != "p"


def _role(trace: Trace, node: Node) -> str:
    base = str(node.name).split("^")[0]
    known = {"x": "input", "target": "target", "L": "loss", "l": "loss", "y": "output"}
    return known.get(base, "state")


def _key(node: Node) -> str:
    return str(node.name) if node.step is None else f"{node.name}_{node.step}"


def _sources(node: Node, box: Box) -> list[tuple[Node, tuple[str, ...]]]:
    """The named quantities that `node` is computed from, each with the parameters on the way; fills in what `box` does."""
    found: list[tuple[Node, tuple[str, ...]]] = []
    waiting: list[tuple[Node, tuple[str, ...]]] = [(node, ())]
    while waiting:
        here, labels = waiting.pop(0)
        if here is not node and (_is_shown(here) or (not here.args and here.attrs.get("role") != "parameter")):
            if _is_shown(here):
                found.append((here, labels))
            continue
        if here is not node and here.name is not None:
            box.holds.append(here.name)
        if here.op in FUNCTIONS:
            box.does.append(here.op.label)
        for position, arg in enumerate(here.args):
            if position in here.op.shapes or (here.op is log_softmax and position == 0):  # it is the log of operand 1
                continue
            if arg.attrs.get("role") == "parameter":
                if here.op is spread:
                    box.does.insert(0, f"+ {arg.name}")
                    box.holds.append(str(arg.name))
                continue
            product = here.op is matmul and position == 0 and here.args[1].attrs.get("role") == "parameter"
            waiting.append((arg, (*labels, str(here.args[1].name)) if product else labels))
    return found


def _place(boxes: dict[str, Box], edges: list[Edge], columns: dict[int, float]) -> None:
    rows: dict[str, int] = {}
    into: dict[str, list[Box]] = {}
    for edge in edges:
        if edge.source in boxes:
            into.setdefault(edge.target, []).append(boxes[edge.source])
    for box in boxes.values():
        below = [rows[b.name] for b in into.get(box.key, []) if b.name != box.name and b.role != "target"]
        rows[box.name] = max(rows.get(box.name, 0), 1 + max(below, default=-1))
    for edge in edges:  # a first state has nothing below it, and a target stands beside what it is compared with
        if edge.source in boxes and boxes[edge.source].role == "target":
            rows[boxes[edge.source].name] = rows[boxes[edge.target].name]
    for box in sorted(boxes.values(), key=lambda box: (rows[box.name], box.role == "target")):
        box.y = float(rows[box.name])
        if box.step is not None:
            box.x = columns[box.step] + BESIDE * (box.role == "target")
        elif box.role == "target":
            box.x = BESIDE + next(boxes[e.target].x for e in edges if e.source == box.key)
        else:  # above what feeds it, the last of several
            box.x = max([b.x for b in into.get(box.key, []) if b.role != "target"], default=max(columns.values()))


def _with_rails(boxes: dict[str, Box], edges: list[Edge]) -> list[Edge]:
    """What many steps feed is fed by a rail that runs below it, for slanted lines would cross other boxes."""
    found: list[Edge] = []
    into: dict[str, list[Edge]] = {}
    for edge in edges:
        many = boxes[edge.target].step is None and boxes[edge.target].role != "gap" and boxes[edge.source].step is not None
        (into.setdefault(edge.target, []) if many else found).append(edge)
    for target, feeding in into.items():
        if len(feeding) == 1:
            found += feeding
            continue
        before = None
        for edge in sorted(feeding, key=lambda e: boxes[e.source].x):
            rail = Box(target, None, "rail", x=boxes[edge.source].x, y=boxes[target].y - RAIL)
            key = f"{target}_from_{edge.source}"
            boxes[key] = rail
            found.append(Edge(edge.source, key, ()))
            if before:
                found.append(Edge(before, key, ()))
            before = key
        found.append(Edge(str(before), target, feeding[0].labels))
    return found


def _add_gap(boxes: dict[str, Box], edges: list[Edge], recurrent: set[str]) -> None:
    """Dots in the column of the steps left out, in every row that goes on there."""
    for name in dict.fromkeys(box.name for box in boxes.values() if box.step is not None):
        row = next(box.y for box in boxes.values() if box.name == name)
        shift = BESIDE if name == "target" else 0.0
        boxes[f"{name}_gap"] = Box(name, None, "gap", x=3.0 + shift, y=row)
        if name in recurrent:
            labels = next((e.labels for e in edges if e.target == f"{name}_2"), ())
            edges.append(Edge(f"{name}_2", f"{name}_gap", labels))
