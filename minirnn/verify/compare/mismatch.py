"""Whose numbers are right: the user's own beside those of the trace, the first that differ, and the slip behind them.

A slip is claimed only if the network computed with it gives the user's numbers, all of them, to 32 eps.
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ...traces import Trace
from ..report import TOLERANCE
from ..rounding import MARGIN, costs
from ..saturation import saturated
from . import backward_slips, forward_slips, other_weights
from .user_numbers import Given, Layout, Precision, given
from .variants import Network, Numbers, Slip, Variant

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CLEARLY = 4  # times closer than the right numbers the slip must be
LITTLE = 0.02  # eps of float32: what is closer was not rounded to float32


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
    """A slip that gives the user's numbers, where it was made, and how many eps are left."""

    slip: Slip
    detail: str
    error: float

    @property
    def name(self) -> str:
        return self.slip.name

    @property
    def sentence(self) -> str:
        return self.slip.says + (f" ({self.detail})" if self.detail else "")


@dataclass(frozen=True, repr=False)
class Mismatch:
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
            return f"They agree{more}: {within}." + (f" Only so far, for {said}." if said else "")
        where = f" first at step {first.first}" if first.first is not None else ""
        head = (
            f"{first.quantity} differs{where}, by up to {first.off:.2g} ({first.error:.2g} eps of {first.precision.says})."
        )
        if not said and not self.tried:
            return head
        if not said:
            return f"{head} None of the {self.tried} known slips gives these numbers to {TOLERANCE:.0f} eps."
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

    def __str__(self) -> str:
        head = ("quantity", "first step off", "error in eps", "of", "verdict")
        lines = [head, *(_cells(row) for row in self.rows)]
        widths = [max(len(line[i]) for line in lines) for i in range(4)]
        table = ["  ".join([*(f"{cell:<{w}}" for cell, w in zip(line, widths)), line[4]]) for line in lines]
        code = [f"    probably wrong  {slip.wrong}\n    right           {slip.right}" for slip, *_ in self.slips]
        return "\n".join([*table, "", self.sentence, *code, *(f"Note: {said}." for said in self.warnings)])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        def row(cells: Iterable[str], tag: str) -> str:
            return "<tr>" + "".join(f"<{tag}>{html.escape(cell)}</{tag}>" for cell in cells) + "</tr>"

        head = row(("quantity", "first step off", "error in eps", "of", "verdict"), "th")
        table = head + "".join(row(_cells(each), "td") for each in self.rows)
        code = "".join(
            f"<p>probably wrong</p><pre>{html.escape(slip.wrong)}</pre><p>right</p><pre>{html.escape(slip.right)}</pre>"
            for slip, *_ in self.slips
        )
        notes = "".join(f"<p>Note: {html.escape(said)}.</p>" for said in self.warnings)
        return f"<p>{html.escape(self.sentence)}</p><table>{table}</table>{code}{notes}"


def _cells(row: Compared) -> tuple[str, ...]:
    verdict = "agrees" if row.ok else "DIFFERS"
    step = "–" if row.first is None else str(row.first)
    return row.quantity, step, f"{row.error:.2g}", row.precision.says, verdict + (f" ({row.layout})" if row.layout else "")


def compare(
    trace: Trace, numbers: Mapping[str, Any] | None = None, *, weights: Iterable[list[Any]] = (), **more: Any
) -> Mismatch:
    """Compare the user's own numbers with those of the trace, and name the slip that explains a difference.

    - ``h=``, ``z=``, ``y=``, ``L=`` …: values, of all steps or the last one, with or without the axis of the samples, time
      first or samples first, as anything array-like; names that are no Python names in a mapping, ``{"h^2": mine}``
    - ``W_h=``, ``b_o=`` …: the gradients of the loss by the parameters; ``dh=``, ``dz=``: dL/dh_t, dL/dz_t
    - `weights`: lists of arrays, as from ``get_weights()``, that may have been used in place of the given ones

    Raises ValueError if a quantity is unknown or its shape fits nothing.
    """
    asked = {**(numbers or {}), **more}
    if not asked:
        raise ValueError("there is nothing to compare: give numbers of your own, such as trace.compare(h=my_h)")
    double = trace.astype(np.float64)
    order = {name: place for place, (name, _) in enumerate(double.variables)}
    mine = [given(double, key, numbers) for key, numbers in asked.items()]
    mine.sort(key=lambda one: (one.quantity.derivative, order[one.quantity.name]))
    net = Network(double, [_checked(double, each) for each in weights])
    rows = [_compared(net.right, one) for one in mine]
    notes: list[str] = []
    if not all(row.ok for row in rows):
        rows = _allowing(trace, rows)
        single = any(row.precision.says == "float32" for row in rows)
        notes = saturated(trace.astype(np.float32 if single else np.float64))
    if all(row.ok for row in rows):
        return Mismatch(rows, _held_in_double(rows), 0, notes)
    if trace.literal:  # the slips are those of layers
        return Mismatch(rows, _mixed_with_single(rows), 0, notes)
    slips = forward_slips.SLIPS + other_weights.SLIPS
    if all(one.quantity.derivative for one, row in zip(mine, rows) if not row.ok):
        slips = backward_slips.SLIPS + slips
    found = list(_explaining(net, slips, mine, rows))
    found = found or list(_explaining(net, [other_weights.from_numbers(mine)], mine, rows)) or _mixed_with_single(rows)
    return Mismatch(rows, found, len(slips) + 2, notes)


def _checked(trace: Trace, weights: Iterable[Any]) -> list[np.ndarray]:
    """A set of weights as `get_weights` gives it. ValueError if it is not one of this model."""
    arrays = [np.asarray(w) for w in weights]
    wanted = [w.shape for layer in trace.model.layers for w in layer.weight_arrays]
    if [w.shape for w in arrays] != wanted:
        raise ValueError(f"weights= takes sets of arrays of shapes {wanted}, not {[w.shape for w in arrays]}")
    return arrays


def _compared(numbers: Numbers, one: Given) -> Compared:
    """The user's numbers in the layout in which they come closest."""
    found: list[Compared] = []
    for precision in one.precisions:
        found.append(min((_in_layout(numbers, one, precision, each) for each in one.layouts), key=lambda row: row.error))
        if found[-1].ok:
            return found[-1]._replace(held=precision.says == "float32" and len(one.precisions) > 1)
    return found[0]


def _in_layout(numbers: Numbers, one: Given, precision: Precision, layout: Layout) -> Compared:
    truth = [numbers.of(one.quantity, t)[layout.rows] for t in layout.steps]
    if truth[0].shape != layout.array.shape[1:] or not all(np.isfinite(each).all() for each in truth):
        return Compared(one.quantity.label, precision, np.inf, np.inf, layout.steps[0], False, layout.says)
    off = np.array([np.abs(mine - right).max(initial=0) for mine, right in zip(layout.array.astype(float), truth)])
    errors = off / precision.unit(max(np.abs(each).max(initial=0) for each in truth))
    beyond = errors > TOLERANCE
    first = layout.steps[int(np.argmax(beyond))] if beyond.any() else None
    return Compared(
        one.quantity.label,
        precision,
        float(errors.max()),
        float(off.max()),
        first,
        not beyond.any(),
        layout.says,
        errors=tuple(zip(layout.steps, errors.tolist())),
    )


def _allowing(trace: Trace, rows: list[Compared]) -> list[Compared]:
    """Where 32 eps are passed by no more than rounding explains, the numbers agree."""
    known: dict[str, dict[str, float]] = {}
    found = []
    for row in rows:
        dtype = row.precision.says
        if not row.ok and np.isfinite(row.error) and dtype in ("float32", "float64"):
            if dtype not in known:
                off = {name: each.error for each in rows if not each.ok for name in (each.quantity, f"{each.quantity}_t")}
                known[dtype] = costs(trace.astype(dtype), off)
            cost = known[dtype]
            limit = MARGIN * cost.get(f"{row.quantity}_t", cost.get(row.quantity, 0.0))
            if row.error <= limit:
                row = row._replace(ok=True, allowed=limit, first=None)
        found.append(row)
    return found


def _explaining(net: Network, slips: list[Slip], mine: list[Given], rows: list[Compared]) -> Iterator[Found]:
    """The slips with which all numbers are the user's, each in the first variant that does it."""
    order = sorted(range(len(rows)), key=lambda i: rows[i].ok)  # what differs first: most slips are dismissed at once
    for slip in slips:
        for variant in slip.variants(net):
            error = _left(variant, [(mine[i], rows[i]) for i in order])
            if error is not None:
                yield Found(slip, variant.detail, error)
                break


def _left(variant: Variant, pairs: list[tuple[Given, Compared]]) -> float | None:
    """How many eps are left if the numbers with the slip are taken for the right ones; None if they do not explain all."""
    worst = 0.0
    for one, row in pairs:
        try:
            if not row.ok and _dismissed(variant.numbers(), one):
                return None
            found = _compared(variant.numbers(), one)
        except ValueError:  # a slip that changes a shape may fit nothing else in the network
            return None
        if not found.ok or (not row.ok and found.off * CLEARLY > row.off):
            return None
        worst = max(worst, found.error)
    return worst


def _dismissed(numbers: Numbers, one: Given) -> bool:
    """Whether the first step that is computed already tells the user's numbers from these, in every layout."""
    if one.quantity.derivative:
        return False
    serials = numbers.trace.variables
    for layout in one.layouts:
        k = min(range(len(layout.steps)), key=lambda k: serials[one.quantity.name, layout.steps[k]].serial)
        mine, right = layout.array[k], numbers.of(one.quantity, layout.steps[k])[layout.rows]
        if mine.shape != right.shape:
            continue
        off, largest = np.abs(mine - right).max(initial=0), 1.1 * np.abs(layout.array).max(initial=0)
        if any(not off > TOLERANCE * precision.unit(largest) for precision in one.precisions):
            return False
    return True


SINGLE = Slip(
    "float32 against float64",
    "they are computed in float32, and held in float64",
    "h = np.zeros(M, np.float32)  # or float32 weights and inputs",
    "X = X.astype(np.float64)  # and the weights, if float64 is meant",
    lambda net: iter(()),
)


def _held_in_double(rows: list[Compared]) -> list[Found]:
    """Numbers in float64 arrays that agree as float32 numbers, and only so."""
    single = [row.error for row in rows if row.held]
    return [Found(SINGLE, "", max(single))] if single else []


def _mixed_with_single(rows: list[Compared]) -> list[Found]:
    """Numbers of 16 digits that are right to 7: on their way they were in float32."""
    wrong = [row for row in rows if not row.ok]
    ratio = float(np.finfo(np.float64).eps / np.finfo(np.float32).eps)
    errors = [row.error * ratio for row in wrong]
    double = all(row.precision.says == "float64" for row in wrong)
    return [Found(SINGLE, "", max(errors))] if double and LITTLE < max(errors) <= TOLERANCE else []
