"""Where a function has a kink, such as a maximum of equal numbers, any slope between those of its two sides is right."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..engine import ops
from ..engine.backprop import contribution, depending_on, pull_back
from ..engine.graph import Node, Primitive
from ..runs.run import Run
from .report import Judge, Row

ROUNDING = 32  # eps that the two sides may differ by without a kink
NOTE = "there is a kink here: any slope between those of its two sides is right"


def _larger(y: Node, side: int) -> np.ndarray:
    a, b = (x.value for x in y.args)
    return np.where(a == b, side, a > b)


# The slope in the first operand, at a kink that of the lower or the upper side (0 or 1); a second operand has the rest.
SLOPES: dict[Primitive, Callable[[Node, int], np.ndarray]] = {
    ops.relu: lambda y, side: np.where(y.args[0].value == 0, side, y.args[0].value > 0),
    ops.absolute: lambda y, side: np.where(y.args[0].value == 0, 2 * side - 1, np.sign(y.args[0].value)),
    ops.clip: lambda y, side: np.where(_at_a_bound(y), side, (y.value == y.args[0].value)),
    ops.maximum: _larger,
    ops.minimum: lambda y, side: 1 - _larger(y, 1 - side),
}


def _at_a_bound(y: Node) -> np.ndarray:
    x = y.args[0].value
    return (x == y.attrs["low"]) | (x == y.attrs["high"])


def _has_kink(y: Node) -> bool:
    slope = SLOPES.get(y.op)
    return slope is not None and bool(np.any(slope(y, 0) != slope(y, 1)))


def sides(trace: Run, node: Node) -> tuple[np.ndarray, ...]:
    """The gradient by `node` with the slopes of the lower and of the upper sides of all kinks; none where there is none."""
    loss = trace.loss_node
    kinks = {y for y in trace.forward if _has_kink(y)}
    if loss is None or not kinks:
        return ()

    def on(side: int) -> Callable[[Node, Node, int], Node | None]:
        def rule(g: Node, y: Node, position: int) -> Node | None:
            if y not in kinks:
                return contribution(g, y, position)
            slope = SLOPES[y.op](y, side)
            return g * ops.leaf((slope if position == 0 else 1 - slope).astype(g.dtype))

        return rule

    paths = depending_on([node], trace.forward)
    found = [pull_back({loss: [ops.ones(loss)]}, trace.forward, paths, rule=on(side)).get(node) for side in (0, 1)]
    return tuple(g.value for g in found if g is not None)


def nearest(truth: np.ndarray, ours: np.ndarray, others: tuple[np.ndarray, ...], eps: float) -> np.ndarray:
    """`ours`; where it lies between two `others` that differ, what lies between them nearest to `truth`."""
    if len(others) < 2:
        return ours
    low, high = np.minimum(*others), np.maximum(*others)
    room = ROUNDING * eps * float(np.abs(others).max(initial=0))
    return np.where((high - low > room) & (low - room <= ours) & (ours <= high + room), np.clip(truth, low, high), ours)


def judged(
    judge: Judge,
    trace: Run,
    node: Node,
    quantity: str,
    witness: str,
    truth: np.ndarray,
    along: Callable[[np.ndarray], np.ndarray],
    note: str = "",
) -> Row:
    """The row of the gradient by `node`, as `along` makes it comparable; where it is off, kinks are looked for."""
    gradient = trace.cotangents[node]
    ours = along(gradient.value)
    row = judge.row(quantity, witness, [gradient], truth, ours, note)
    if row.ok or not (others := tuple(map(along, sides(trace, node)))):
        return row
    ours = nearest(truth, ours, others, float(np.finfo(row.dtype).eps))
    return judge.row(quantity, witness, [gradient], truth, ours, "; ".join(filter(None, [note, NOTE])))
