"""Whose numbers are right: the user's own beside those of the trace, the first that differ, and the slip behind them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ...displays import Code, Shown, Table, Text
from ...displays.parts import Part
from ..report import TOLERANCE
from .user_numbers import Precision

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Compared(NamedTuple):
    """One quantity: how far the user's numbers are off, in eps, and the first step at which they differ."""

    quantity: str
    precision: Precision
    error: float
    off: float  # the largest difference
    first: int | None  # None too where there are no steps
    ok: bool
    layout: str
    allowed: float = TOLERANCE
    held: bool = False  # float32 numbers in a float64 array
    errors: tuple[tuple[int | None, float], ...] = ()  # by step


class Found(NamedTuple):
    """A slip that gives the user's numbers: where it was made, how many eps are left, and the lines of code."""

    name: str
    says: str
    detail: str
    error: float
    wrong: str
    right: str
    line: str = ""  # of the user's own code, where that is known

    @property
    def sentence(self) -> str:
        return self.says + (f" ({self.detail})" if self.detail else "")

    @property
    def code(self) -> list[tuple[str, str]]:
        """Lines of code, each with a word on what it is."""
        own = [("your line", self.line)] if self.line else []
        return [*own, ("probably wrong", self.wrong), ("right", self.right)]


@dataclass(frozen=True, repr=False)
class Mismatch(Shown):
    """The comparison. `ok` is True if all numbers agree; `slips` are those that explain the numbers that do not."""

    rows: list[Compared]
    slips: list[Found]
    tried: int
    warnings: list[str] = field(default_factory=list)  # where states are saturated

    @property
    def ok(self) -> bool:
        return all(row.ok for row in self.rows)

    @property
    def first(self) -> Compared | None:
        """The first quantity that differs, in the order of computation."""
        return next((row for row in self.rows if not row.ok), None)

    @property
    def sentence(self) -> str:
        """The verdict in plain words."""
        said = "; or when ".join(found.sentence for found in self.slips)
        first = self.first
        if first is None:
            worst = max(self.rows, key=lambda row: row.error)
            if worst.precision.floor:
                return f"They agree as far as the numbers were given: {worst.precision.says}."
            more = " as far as rounding allows" if worst.error > TOLERANCE else ""
            within = f"within {worst.error:.2g} eps of {worst.precision.says} ({worst.allowed:.0f} are allowed)"
            held = any(row.held for row in self.rows)
            if said:
                return f"They agree{more}: {within}. Only so far, for {said}."
            return f"They agree{more}: {within}." + held * " They are computed in float32, and held in float64."
        where = f" first at step {first.first}" if first.first is not None else ""
        head = (
            f"{first.quantity} differs{where}, by up to {first.off:.2g} ({first.error:.2g} eps of {first.precision.says})."
        )
        if not said and not self.tried:
            return head
        if not said:
            return f"{head} None of the {self.tried} known slips gives these numbers."
        return f"{head} These numbers come out when {said}."

    def plot(self, *, ax: Any = None) -> Figure:
        """How far each quantity is off at each step, in eps, beside what is allowed: a figure of matplotlib."""
        from ...readings.analysis.figures import INKS, canvas, label

        room, figure = canvas(ax)
        (axes,) = room(1)
        shown = [row for row in self.rows if len(row.errors) > 1]
        if not shown:
            raise ValueError("nothing was compared at several steps: give all steps of a quantity, such as h=")
        for ink, row in zip(INKS * len(shown), shown):
            steps, errors = zip(*row.errors)
            eps = row.precision.says
            axes.plot(steps, np.maximum(errors, 0.01), "o-", color=ink, markersize=4, label=f"{row.quantity}, eps of {eps}")
        axes.axhline(TOLERANCE, color="#8a8f98", linestyle="--", linewidth=1, label=f"{TOLERANCE:.0f} eps are allowed")
        axes.set_yscale("log")
        axes.legend(frameon=False)
        label(axes, "time step $t$", "eps", "How far your numbers are off")
        return figure

    @property
    def table(self) -> Table:
        """A row for each quantity."""
        wrong = frozenset(place for place, row in enumerate(self.rows) if not row.ok)
        return Table(("quantity", "first step off", "error in eps", "of", "verdict"), [*map(_cells, self.rows)], wrong)

    def _display(self) -> Iterator[Part]:
        """The sentence, the lines of code of each slip, and a row for each quantity."""
        yield Text(self.sentence, strong=True)
        yield from (Code(line, word) for found in self.slips for word, line in found.code)
        yield self.table
        yield from (Text(f"Note: {said}.") for said in self.warnings)

    def __str__(self) -> str:
        code = [str(Code(line, word)) for found in self.slips for word, line in found.code]
        return "\n".join([str(self.table), "", self.sentence, *code, *(f"Note: {said}." for said in self.warnings)])

    __repr__ = __str__


def _cells(row: Compared) -> tuple[str, ...]:
    verdict = "agrees" if row.ok else "DIFFERS"
    step = "–" if row.first is None else str(row.first)
    return row.quantity, step, f"{row.error:.2g}", row.precision.says, verdict + (f" ({row.layout})" if row.layout else "")
