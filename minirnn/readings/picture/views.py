"""Unrolled, every step in a column of its own; and rolled, the same boxes, those of one quantity at all steps as one.

A line of a rolled picture says from how many steps before or after it comes, or from which step, and, where it is not there
at every step, at which. With the backward pass, derivatives stand beside what they are derivatives by, and the flow runs
down again.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from ...engine.fold import fold
from .elements import FUNCTIONS, Boxes, Factor, Flow, Operand, Quantity
from .layout import rows_of
from .readers import READERS, Cells, Operations, Reader
from .wording import gather

if TYPE_CHECKING:
    from ...runs.run import Run

Pair = tuple[int | None, int | None]  # the steps of the two ends of a line


@dataclass
class Unrolled(Boxes):
    """`columns` says which time step each column shows (None: those left out)."""

    columns: dict[int, int | None]
    T: int

    @property
    def elided(self) -> bool:
        return None in self.columns.values()

    def is_ghost(self, q: Quantity, step: int | None) -> bool:
        """Whether a box without a step belongs to what is done in a step."""
        if q.step is not None or q.node is None or q.node.args:
            return False
        user = next((f.target for f in self.flows if f.source == q.key), None)
        return user is not None and self.quantities[user].step == step


def unrolled(trace: Run, level: str, max_steps: int | None) -> Unrolled:
    """Of more than `max_steps` steps (None: no limit) the first and the last two are shown, and dots between them."""
    T = trace.steps
    known = {n.step for n in trace.forward if n.step is not None}
    steps = list(range(min(known, default=0), max(known, default=T) + 1))  # with what is before the first or after the last
    gap = None
    if max_steps is not None and max(max_steps, 4) < T:
        steps = [t for t in steps if t <= 2 or t >= T - 1]
        gap = steps.index(2) + 1
    column = {t: i + (gap is not None and i >= gap) for i, t in enumerate(steps)}
    reader = READERS[level](trace, trace.forward, column, gap)
    reader.read()
    columns: dict[int, int | None] = {c: t for t, c in column.items()} | ({} if gap is None else {gap: None})
    return Unrolled(reader.quantities, reader.flows, dict(sorted(columns.items())), T)


@dataclass
class Rolled(Boxes):
    """`stepped` are the boxes that every step has, `notes` what else is said in a box."""

    stepped: list[str] = field(default_factory=list)
    notes: dict[str, list[str]] = field(default_factory=dict)


def rolled(trace: Run, level: str, backward: bool) -> Rolled:
    """One step of the network; `backward`: and of the backward pass."""
    short = trace.folded_trace
    nodes = short.nodes if backward else short.forward
    reader = READERS[level](short, nodes, dict.fromkeys({node.step for node in nodes if node.step is not None}, 0))
    if isinstance(reader, Operations):  # what is alike at all steps is found by the fold, with or without a name
        reader.places = fold(nodes).places
    reader.read()
    found = _Merge(short, reader).rolled
    if backward and isinstance(reader, Cells):
        _mirror(found, "" if trace.loss_node is None else str(trace.loss_node.name))
        gather(found.quantities, found.flows, found.notes)
    return found


class _Merge:
    """The boxes and lines of all steps as those of one."""

    def __init__(self, short: Run, reader: Reader) -> None:
        self.reader = reader
        self.letters = {n: letter for letter, n in short.fold().T.others.items()} | {short.steps: "T"}
        self.middle = max(1, short.steps // 2)
        self.far = short.steps - 1 if short.steps > 2 else short.steps + 1  # from one end to the other is no delay
        self.rolled = Rolled({}, [])
        self.members: dict[str, list[Quantity]] = defaultdict(list)
        for quantity in reader.quantities.values():
            self.members[quantity.slot].append(quantity)
        lines: dict[tuple[object, ...], list[Flow]] = defaultdict(list)
        for flow in reader.flows:
            ends = [reader.quantities[key].slot for key in (flow.source, flow.target)]
            lines[(*ends, *[(f.name, f.turned) for f in flow.through])].append(flow)
        self.computed = {flow.target for flow in reader.flows}
        for slot, several in self.members.items():
            self.box(slot, several)
        for flows in lines.values():
            self.line(flows)
        fed = {key for flow in self.rolled.flows for key in (flow.source, flow.target)}
        for key in [k for k, q in self.rolled.quantities.items() if k not in fed and q.role in ("plain", "parameter")]:
            del self.rolled.quantities[key]

    def box(self, slot: str, several: list[Quantity]) -> None:
        """One of them, that of an inner step, stands for all."""
        inner = next((q for q in several if q.step == self.middle), several[0])
        stepped = len({q.step for q in several}) > 1
        step = "t" if stepped else None if inner.step is None else self.text(inner.step)
        backward = isinstance(self.reader, Cells) and inner.node not in self.reader.forward
        does = self.slope(inner) if backward else inner.does
        self.rolled.quantities[slot] = replace(inner, key=slot, column=int(backward), step=step, does=does)  # type: ignore[arg-type]
        if stepped:
            self.rolled.stepped.append(slot)
        for q in several:
            if q.role == "state" and q.key not in self.computed and inner.key in self.computed and q.node is not None:
                said = "" if any(arg.args for arg in q.node.args) else q.node.op.said(q.node.attrs)
                self.rolled.notes.setdefault(slot, []).append(f"starts at {said}" if said else "starts as given")

    def slope(self, quantity: Quantity) -> list[str | Operand]:
        """What a derivative is multiplied by: the slope of the one function that is applied to its quantity."""
        users = [*self.reader.used_by[None if quantity.name is None else quantity.name.quantity]]
        return [f"⊙ {users[0].label}′"] if len(users) == 1 and users[0] in FUNCTIONS else []

    def line(self, flows: list[Flow]) -> None:
        """Lines between the same two boxes, through the same: one for each way in which their steps are apart."""
        ends = [[self.reader.quantities[key] for key in (flow.source, flow.target)] for flow in flows]
        source, target = ends[0]
        pairs: dict[Pair, Flow] = {(a.step, b.step): flow for (a, b), flow in zip(ends, flows)}
        alone = sum(q.key in self.computed for q in self.members[target.slot]) > 1
        for note, late, those in self.ways(list(pairs), alone):
            through = tuple(self.factors([(pair, pairs[pair]) for pair in those]))
            self.rolled.flows.append(Flow(source.slot, target.slot, through, loop=late, note=note))

    def ways(self, pairs: list[Pair], alone: bool) -> Iterable[tuple[str, bool, list[Pair]]]:
        """What is said of the steps of lines, whether they run to another step, and which they are."""
        left = list(pairs)
        while left:
            delays = Counter(a - b for a, b in left if a is not None and b is not None and abs(a - b) < self.far)
            fixed = Counter(a for a, _ in left if a is not None)
            late, most = max(delays.items(), key=lambda item: item[1], default=(None, 0))
            if late is None or (fixed and max(fixed.values()) > most):
                if not fixed or any(b is None for _, b in left):
                    here, where = left, "" if not fixed else self.at(fixed) if len(fixed) == 1 else "sum over t"
                else:
                    step = max(fixed, key=fixed.__getitem__)
                    here, where = [pair for pair in left if pair[0] == step], self.at([step])
                late = 0
            else:
                here, where = [(a, b) for a, b in left if a is not None and b is not None and a - b == late], ""
            steps = {b for _, b in here if b is not None}
            only = self.at(steps) if alone and len(steps) == 1 else ""
            said = [f"[{_relative(late)}]".replace("-", "−") if late else "", where, only]
            yield ", ".join(filter(None, said)), bool(late), here
            left = [pair for pair in left if pair not in here]

    def factors(self, several: list[tuple[Pair, Flow]]) -> Iterable[Factor]:
        """What is beside the lines, their steps as they are seen from that of the line."""
        for k, factor in enumerate(several[0][1].through):
            steps = [(a if b is None else b, flow.through[k].step) for (a, b), flow in several]
            away = {step - here for here, step in steps if isinstance(step, int) and here is not None}
            at = {step for _, step in steps if isinstance(step, int)}
            text = _relative(away.pop()) if len(away) == 1 else self.text(at.pop()) if len(at) == 1 else ""
            yield factor._replace(step=text)

    def at(self, steps: Iterable[int]) -> str:
        return f"t = {self.text(next(iter(steps)))}"

    def text(self, step: int) -> str:
        """A step, counted from the end where it is near it."""
        after = self.letters.get(step + 1) if step > 2 else None
        return self.letters.get(step) or (f"{after}-1" if after else str(step))


def _relative(delay: int) -> str:
    return f"t{delay:+d}" if delay else "t"


def _mirror(found: Rolled, loss: str) -> None:
    """Derivatives in the rows of what they are derivatives by, the gradients of parameters below."""
    order = [q for q in found.quantities.values() if q.column == 0]
    inner = {q.key for q in order}
    forward = [f for f in found.flows if not f.loop and f.source in inner and f.target in inner]
    rows = rows_of({key: found.quantities[key] for f in forward for key in (f.source, f.target)}, forward)
    for q in found.quantities.values():
        of = str(q.name.quantity) if q.column == 1 and q.name is not None else ""
        if q.column == 1 and of in rows:
            rows[q.key] = rows[of]
    bottom = min(rows.get(q.key, 0) for q in order) - 1
    for q in found.quantities.values():
        feeding = [found.quantities[f.source] for f in found.flows if f.target == q.key]
        if q.column == 1 and q.key not in rows:
            rows[q.key] = (
                bottom if any(f.key in found.stepped for f in feeding) else rows[feeding[0].key] + 1 if feeding else 0
            )
        if q.column == 1 and not feeding and loss in found.quantities:
            found.flows.append(Flow(loss, q.key))
    for q in found.quantities.values():
        q.row = rows.get(q.key, 0)
