"""The user's numbers beside those of the trace, and the search for the slip that explains a difference.

A slip is claimed only if the network computed with it gives the user's numbers, all of them, to 32 eps or to what rounding
costs it, and clearly better than the right numbers do.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from ...displays import watched
from ...engine.graph import Node
from ...runs.run import Run
from ..report import TOLERANCE
from ..rounding import MARGIN, costs
from ..saturation import saturated
from .mismatch import Compared, Found, Mismatch
from .numbers import UNFIT, Case, Finished, Numbers, Slip, Sum, Variant
from .phrases import phrases
from .slips import BACKWARD, FORWARD, weights
from .structure import Structure, Weights
from .user_numbers import Given, Layout, Precision, given
from .users_code import line_of, returning

CLEARLY = 4  # times closer than the right numbers the slip must be
LITTLE = 0.02  # eps of float32: what is closer was not rounded to float32
NEAR = 1e-3  # of the largest number: by no more do the first steps differ where only rounding does
GROSS = 0.5  # of the largest number: what is further off is not rounding, whatever it costs


def compare(
    trace: Run, numbers: Mapping[str, Any] | None = None, *, weights: Iterable[list[Any]] = (), **more: Any
) -> Mismatch:
    """Compare the user's own numbers with those of the trace, and name the slip that explains a difference.

    - ``h=``, ``z=``, ``y=``, ``L=`` …: values, of all steps or the last one, with or without the axis of the samples, their
      axes in any order, as anything array-like; names that are no Python names in a mapping, ``{"h^2": mine}``
    - ``W_h=``, ``b_o=`` …: the gradients of the loss by the parameters; ``dh=``, ``dz=``: dL/dh_t, dL/dz_t
    - `weights`: lists of arrays, as from ``get_weights()``, that may have been used in place of the given ones

    Raises ValueError if a quantity is unknown or its shape fits nothing.
    """
    if numbers is not None and not isinstance(numbers, Mapping):
        raise TypeError(
            f"compare takes a dictionary of your numbers by name, such as {{'h': my_h}}, not {type(numbers).__name__}"
        )
    asked = {**(numbers or {}), **more}
    if not asked:
        raise ValueError("there is nothing to compare: give numbers of your own, such as trace.compare(h=my_h)")
    net = Structure(trace, _checked(trace, weights))
    return judged(net, [given(net, key, numbers) for key, numbers in asked.items()])


def judged(net: Structure, mine: list[Given], users: Mapping[str, str] | None = None, code: Any = None) -> Mismatch:
    """The user's numbers beside the right ones; `users` are the user's names for weights and states, `code` the function."""
    mine = sorted(mine, key=lambda one: (one.quantity.derivative, max(p.node.serial for p in one.quantity.pieces)))
    right = Numbers(net)
    rows = [_allowing(right, one, _compared(right, one)) for one in mine]
    if all(row.ok for row in rows):
        single = [_single(row.error) for row, one in zip(rows, mine) if row.held and one.computed == "float64"]
        return Mismatch(rows, single[:1], 0, _notes(net.trace, rows) if any(row.error > TOLERANCE for row in rows) else [])
    case = Case(net, right, mine)
    slips = FORWARD
    if all(one.quantity.derivative or one.quantity.last.node is net.loss for one, row in zip(mine, rows) if not row.ok):
        slips = BACKWARD + slips
    found = list(_explaining(case, slips, rows, users, code))
    found = found or list(_explaining(case, [weights.FROM_NUMBERS], rows, users, code)) or _mixed_with_single(rows)
    rounding = any(row.allowed > TOLERANCE for row in rows)
    return Mismatch(rows, found, len(slips) + 2, _notes(net.trace, rows) if rounding or not found else [])


def _notes(trace: Run, rows: list[Compared]) -> list[str]:
    single = any(row.precision.says == "float32" for row in rows)
    return saturated(trace, "float32" if single else "float64")


def _checked(trace: Run, weights: Iterable[Iterable[Any]]) -> Iterator[Weights]:
    """Sets of weights as `get_weights` gives them. ValueError if one is not of this model."""
    names = {place: name for name, place in trace.model.parameter_places().items()}
    order = [(layer, i) for layer in trace.model.flat_layers for i in range(len(layer.weight_arrays))]
    wanted = [layer.weight_arrays[i].shape for layer, i in order]
    for count, each in enumerate(weights, start=1):
        arrays = [np.asarray(w) for w in each]
        if [w.shape for w in arrays] != wanted:
            raise ValueError(f"weights= takes sets of arrays of shapes {wanted}, not {[w.shape for w in arrays]}")
        yield f"set {count} of those given as weights=", {names[p]: w for p, w in zip(order, arrays)}


def _compared(numbers: Numbers, one: Given) -> Compared:
    """The user's numbers in the layout in which they come closest."""
    found: list[Compared] = []
    for precision in one.precisions:
        found.append(min((_in_layout(numbers, one, precision, each) for each in one.layouts), key=lambda row: row.error))
        if found[-1].ok:
            return found[-1]._replace(held=one.held and precision.says == "float32")
    return found[-1 if one.held else 0]


def _in_layout(numbers: Numbers, one: Given, precision: Precision, layout: Layout) -> Compared:
    truth = [numbers.of(piece)[layout.rows] for piece in layout.pieces]
    label = one.quantity.label
    if truth[0].shape != layout.array.shape[1:] or not all(np.isfinite(each).all() for each in truth):
        return Compared(label, precision, np.inf, np.inf, layout.steps[0], False, layout.says)
    off = np.array([np.abs(mine - right).max(initial=0) for mine, right in zip(layout.array.astype(float), truth)])
    errors = off / precision.unit(max(np.abs(each).max(initial=0) for each in truth))
    beyond = errors > TOLERANCE
    first = layout.steps[int(np.argmax(beyond))] if beyond.any() else None
    return Compared(label, precision, float(errors.max()), float(off.max()), first, not beyond.any(), layout.says,
                    errors=tuple(zip(layout.steps, errors.tolist())))  # fmt: skip


def _allowing(numbers: Numbers, one: Given, row: Compared) -> Compared:
    """Where 32 eps are passed by no more than rounding explains, the numbers agree."""
    dtype = row.precision.says
    if row.ok or dtype not in ("float32", "float64") or not row.error * row.precision.eps < GROSS:
        return row
    if isinstance(numbers, (Finished, Sum)):
        numbers = numbers.right if isinstance(numbers, Finished) else Numbers(numbers.net)
    limit = MARGIN * costs({0: numbers.nodes(one.quantity.pieces)}, dtype)[0]
    return row._replace(ok=True, allowed=limit, first=None) if row.error <= limit else row


def _explaining(
    case: Case, slips: list[Slip], rows: list[Compared], users: Mapping[str, str] | None, code: Any
) -> Iterator[Found]:
    """The slips with which all numbers are the user's, each in the first variant that does it."""
    order = sorted(range(len(rows)), key=lambda i: rows[i].ok)  # what differs first: most slips are dismissed at once
    pairs = [(case.given[i], rows[i]) for i in order]
    for slip in watched(slips, "slips", len(slips)):
        for variant in slip.variants(case):
            error = _left(variant, pairs)
            if error is not None:
                words = phrases(case.net, variant.at, users)
                wrong, right = (
                    line.format_map(words) for line in (variant.wrong or slip.wrong, variant.right or slip.right)
                )
                line = _users_line(case.net, variant.at, users or {}, code or case.net.trace)
                if not line and slip not in BACKWARD:
                    line = line_of(code or case.net.trace, words["h"])
                yield Found(slip.name, slip.says.format_map(words), variant.detail, error, wrong, right, line)
                break


def _users_line(net: Structure, at: Node | None, users: Mapping[str, str], code: Any) -> str:
    """The line of the user's code that gives a name to what was computed at a node, or that returns it."""
    if at is None:
        return ""
    if (first := net.named_after(at)) is None:
        return returning(code)
    name = net.name_of[first]
    line = line_of(code, users.get(name, name))
    return line or (returning(code) if first in net.outputs else "")


def _left(variant: Variant, pairs: list[tuple[Given, Compared]]) -> float | None:
    """How many eps are left if the numbers with the slip are taken for the right ones; None if they do not explain all."""
    worst = 0.0
    try:
        numbers = variant.numbers()
        for one, row in pairs:
            if not row.ok and _dismissed(numbers, one):
                return None
            found = _compared(numbers, one)
            if not found.ok and found.off * CLEARLY < row.off:
                found = _allowing(numbers, one, found)
            if not found.ok or (not row.ok and found.off * CLEARLY > row.off):
                return None
            worst = max(worst, found.error)
    except UNFIT:
        return None
    return worst


def _dismissed(numbers: Numbers, one: Given) -> bool:
    """Whether the first step that is computed already tells the user's numbers from these, in every layout."""
    if one.quantity.derivative:
        return False
    for layout in one.layouts:
        k = min(range(len(layout.pieces)), key=lambda k: layout.pieces[k].node.serial)
        mine, right = layout.array[k], numbers.of(layout.pieces[k])[layout.rows]
        if mine.shape != right.shape:
            continue
        off, largest = np.abs(mine - right).max(initial=0), 1.1 * np.abs(layout.array).max(initial=0)
        if off <= NEAR * largest or any(not off > TOLERANCE * p.unit(largest) for p in one.precisions):
            return False
    return True


def _mixed_with_single(rows: list[Compared]) -> list[Found]:
    """Numbers of 16 digits that are right to 7: on their way they were in float32."""
    wrong = [row for row in rows if not row.ok]
    ratio = float(np.finfo(np.float64).eps / np.finfo(np.float32).eps)
    errors = [row.error * ratio for row in wrong]
    double = all(row.precision.says == "float64" for row in wrong)
    return [_single(max(errors))] if double and LITTLE < max(errors) <= TOLERANCE else []


def _single(error: float) -> Found:
    return Found("float32 against float64", "they are computed in float32, and held in float64", "", error,
                 "h = np.zeros(M, np.float32)  # or float32 weights and inputs",
                 "X = X.astype(np.float64)  # and the weights, if float64 is meant")  # fmt: skip
