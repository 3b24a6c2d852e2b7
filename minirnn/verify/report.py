"""What the witnesses found: one row per quantity and witness."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from ..displays import Folded, Shown, Table, Text
from ..displays.parts import Part
from ..engine.graph import Node
from ..engine.precision import least, precisions
from ..runs.run import Run

HEAD = ("quantity", "witness", "dtype", "error in eps", "verdict")
TOLERANCE = 32.0  # eps of the dtype, relative to the largest entry


class Row(NamedTuple):
    """One quantity as one witness sees it: the error in eps of `dtype`, or the reason why it could not be had."""

    quantity: str
    witness: str
    dtype: str
    error: float | None
    note: str = ""
    allowed: float = TOLERANCE  # more where rounding alone explains more
    nodes: tuple[Node, ...] = ()  # whose values were judged
    largest: float | None = None  # entry of the truth, which the error is a share of, where it is that of the nodes

    @property
    def missing(self) -> bool:
        return self.error is None

    @property
    def ok(self) -> bool:
        return self.error is None or (math.isfinite(self.error) and self.error <= self.allowed)

    @property
    def said(self) -> str:
        """The error in two digits."""
        return "–" if self.error is None else f"{self.error:.2g}"

    @property
    def verdict(self) -> str:
        return "missing" if self.missing else "agrees" if self.ok else "DIFFERS"


def error_in_eps(found: np.ndarray, truth: np.ndarray, dtype: str) -> float:
    """max |found - truth| / max |truth| in eps of `dtype`; infinite where shapes differ or a value is not finite."""
    found, truth = (x.astype(np.int64) if x.dtype.kind == "b" else x for x in map(np.asarray, (found, truth)))
    if found.shape != truth.shape or not (np.isfinite(found).all() and np.isfinite(truth).all()):
        return math.inf
    return float(np.max(np.abs(found - truth), initial=0.0)) / largest_of(truth) / float(np.finfo(dtype).eps)


def largest_of(truth: Any) -> float:
    """What errors are a share of: the largest entry; 1 where all are 0."""
    return float(np.max(np.abs(truth), initial=0.0)) or 1.0


class Judge:
    """The rows of a trace: what a witness says of its nodes, each in the precision in which it was computed."""

    def __init__(self, trace: Run) -> None:
        self._known = precisions(trace.nodes)

    def precision(self, nodes: Iterable[Node]) -> str:
        """The least precise of them; of exact numbers float64."""
        return least(self._known.get(node, node.dtype) for node in nodes)  # a node of another run may be judged too

    def row(self, quantity: str, witness: str, nodes: Sequence[Node], truth: Any, ours: Any = None, note: str = "") -> Row:
        """How far `ours`, by default the values of the nodes, one below the other, are off the truth."""
        largest = largest_of(truth) if ours is None else None
        ours = np.stack([node.value for node in nodes]) if ours is None else ours
        dtype = self.precision(nodes)
        error = error_in_eps(ours, truth, dtype)
        return Row(quantity, witness, dtype, error, note, nodes=tuple(nodes), largest=largest)


class Unheard(Exception):
    """Why a witness cannot be heard, in one sentence."""


Expected = Callable[[Run], list[tuple[str, str]]]


def witness(expected: Expected) -> Callable[[Callable[[Run], Iterator[Row]]], Callable[[Run], list[Row]]]:
    """A function of the trace that gives rows; where it raises Unheard those `expected` (quantity, witness) are missing."""

    def decorated(rows: Callable[[Run], Iterator[Row]]) -> Callable[[Run], list[Row]]:
        @functools.wraps(rows)
        def heard(trace: Run) -> list[Row]:
            found: list[Row] = []
            try:
                found.extend(row for row in rows(trace))
            except Unheard as refusal:
                given = {(row.quantity, row.witness) for row in found}
                missing = [pair for pair in expected(trace) if pair not in given]
                found += [Row(*pair, str(trace.dtype), None, str(refusal)) for pair in missing]
            return found

        return heard

    return decorated


def derivative(trace: Run, name: str) -> str:
    """What the derivative of the loss by a quantity is called, "dL/dh"."""
    loss = trace.loss_node
    return f"d{'L' if loss is None else loss.name}/d{name}"


def gradients(trace: Run) -> list[str]:
    """The names of the derivatives by all parameters; none without a loss."""
    return [] if trace.loss_node is None else [derivative(trace, name) for name in trace.parameters]


def states(trace: Run) -> list[str]:
    """What one step hands to a later one, but for a loss that is summed on the way."""
    loss = trace.loss_node
    return [name for name in trace.state_names if loss is None or name != str(loss.name)]


def steps_of(trace: Run, name: str) -> list[int | None]:
    """The steps from 1 on at which a quantity is there; [None] of one that has none."""
    found = sorted(step for known, step in trace.variables if known == name and step)
    return [*found] or [None]


@dataclass(frozen=True, repr=False)
class Report(Shown):
    """The verdict. `ok` is True if at least one witness could be heard, which is `checked`, and none disagrees.

    `overflow` says what was not finite in the run itself: then it is not ok, whatever the same run gives in float64.
    """

    rows: list[Row]
    versions: dict[str, str] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)  # where states are saturated, and where Keras surprises
    overflow: str | None = None

    @property
    def ok(self) -> bool:
        return self.checked and self.overflow is None and all(row.ok for row in self.rows)

    @property
    def checked(self) -> bool:
        return any(not row.missing for row in self.rows)

    @property
    def worst(self) -> float:
        """The largest error, in eps."""
        return max((row.error for row in self.rows if row.error is not None), default=0.0)

    def __iter__(self) -> Iterator[Row]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def sentence(self) -> str:
        """The verdict in one sentence."""
        if self.overflow is not None:
            return f"The numbers overflow: {self.overflow} is not finite, so there is nothing to agree with."
        heard = [row for row in self.rows if not row.missing]
        missing = len(self.rows) - len(heard)
        tail = f"; {missing} could not be checked" if missing else ""
        if not heard:
            return "Nothing could be checked: no witness is available."
        wrong = [row for row in heard if not row.ok]
        if wrong:
            first = wrong[0]
            where = f"{first.quantity} against {first.witness} in {first.dtype}, {first.error:.3g} eps off"
            many = f"{len(wrong)} of {len(heard)} checks differ, the first" if len(heard) > 1 else "The one check differs:"
            return f"{many} {where} ({TOLERANCE:.0f} are allowed){tail}."
        agree = f"All {len(heard)} checks agree" if len(heard) != 1 else "1 check agrees"
        beyond = [row for row in heard if row.error is not None and row.error > TOLERANCE]
        if rounded := sum(bool(row.nodes) for row in beyond):
            return f"{agree}, {rounded} of them as far as rounding allows in a saturated network{tail}."
        worst = max((row.error for row in heard if row.error is not None and row not in beyond), default=0.0)
        tail = f"; {len(beyond)} as far as differences tell{tail}" if beyond else tail
        return f"{agree}, the worst within {worst:.2g} eps ({TOLERANCE:.0f} are allowed){tail}."

    def _table(self, rows: Iterable[Row]) -> Table:
        body = [(r.quantity, r.witness, r.dtype, r.said, r.verdict + f" ({r.note})" * bool(r.note)) for r in rows]
        return Table(HEAD, body, frozenset(i for i, cells in enumerate(body) if cells[4].startswith("DIFFERS")))

    def _display(self) -> Iterator[Part]:
        """The sentence; what differs; below titles to open what agrees and what could not be checked; the notes."""
        yield Text(self.sentence, strong=True)
        wrong, right, missing = (
            [row for row in self.rows if row.verdict == word] for word in ("DIFFERS", "agrees", "missing")
        )
        if wrong:
            yield self._table(wrong)
        if right:
            yield Folded(f"{len(right)} agree", [self._table(right)])
        if missing:
            yield Folded(f"{len(missing)} could not be checked: {missing[0].note}", [self._table(missing)])
        yield from (Text(f"Note: {said}.") for said in self.warnings)

    def __str__(self) -> str:
        versions = ", ".join(f"{name} {version}" for name, version in self.versions.items())
        notes = (f"Note: {said}." for said in self.warnings)
        return "\n".join([str(self._table(self.rows)), "", self.sentence, *notes, versions])

    __repr__ = __str__
