"""What rounding alone costs: the same graph, forward and backward, run again in a wider precision.

Where h is near ±1, 1 - h² loses digits, and two correct programs may differ by more than a few eps. A wrong rule is not
hidden by this: in the wider precision it is as wrong as before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..engine.graph import Node, ancestors, leaf_op
from ..engine.ops import complement, shift, sigmoid, softmax, subtract, tanh
from ..engine.precision import least, moves, precisions, widened
from ..engine.replay import replay
from ..runs.run import Run
from .report import TOLERANCE, Row, error_in_eps, largest_of

WIDER = {"float32": np.float64, "float64": np.longdouble}
DIFFERENCES = {subtract, complement, shift}
FEW = 0.25  # of all entries; past that the derivatives that are left say little of the true ones
MOVED = 3  # runs with moved results
FAR = 100  # times what moved results explain, an error is not one of rounding
MARGIN = 8  # two programs round differently: so many times the cost to one of them is taken for rounding


def _flat(trace: Run) -> int:
    """How many entries of states and outputs have reached ±1, where the derivative is 0 in floating point; 0 if few."""
    bends = [n for n in trace.forward if n.op in (tanh, sigmoid, softmax)]
    flat = sum(int(np.sum((np.abs(n.value) == 1) | ((n.op is not tanh) & (n.value == 0)))) for n in bends)
    return flat if flat > FEW * sum(n.value.size for n in bends) else 0


def allowed(rows: list[Row], trace: Run) -> list[Row]:
    """The rows, where one is off by more than the tolerance with what rounding explains allowed for."""
    known = _shares({i: row.nodes for i, row in enumerate(rows) if not row.ok and row.nodes})
    forward = set(trace.forward)
    found = []
    for i, row in enumerate(rows):
        cost, largest = known.get(i, (0.0, 1.0))
        judged = row if row.ok else _allowing(row, cost * largest / (row.largest or largest))
        derivative = any(node not in forward for node in row.nodes)
        if not judged.ok and derivative and (flat := _flat(trace)):
            said = f"cannot be judged: {flat} entries have reached ±1, where the derivative is 0 in floating point"
            judged = row._replace(error=None, note=said)
        found.append(judged)
    return found


def _allowing(row: Row, cost: float) -> Row:
    limit = MARGIN * cost
    if limit <= TOLERANCE:
        return row
    said = f"rounding alone costs {cost:.0f} eps here, for some 1 - h² are almost 0"
    return row._replace(allowed=limit, note="; ".join(filter(None, [row.note, said])))


def costs(asked: Mapping[Any, Sequence[Node]], dtype: str | None = None) -> dict[Any, float]:
    """What rounding costs each of the quantities, given by the nodes of all their steps, in eps of their precision.

    It is what a run in a wider precision changes when every result in it is moved by up to one eps of the precision in
    which it was made, at random; or the error of the nodes against that run, where it is not far beyond, for then no
    rounding explains it. With `dtype` all results are moved as if they were made in that precision.
    """
    return {key: cost for key, (cost, _) in _shares(asked, dtype).items()}


def _shares(asked: Mapping[Any, Sequence[Node]], dtype: str | None = None) -> dict[Any, tuple[float, float]]:
    """The same, and the largest entry that each is a share of: where all that is left of terms is their rounding, another
    program may be left with other numbers, which are no larger."""
    if not asked:
        return {}
    order = ancestors(node for nodes in asked.values() for node in nodes)
    known = precisions(order)
    dtypes = {key: dtype or least(known[node] for node in nodes) for key, nodes in asked.items()}
    wide = widened(order)
    wider = WIDER["float64" if "float64" in dtypes.values() else "float32"]
    leaves = {wide[n]: np.asarray(n.value).astype(wider) for n in order if n.op is leaf_op and n.dtype.kind == "f"}

    def errors(run: Mapping[Node, Any], truth: Mapping[Node, Any]) -> dict[Any, float]:
        def values(of: Mapping[Node, Any], nodes: Sequence[Node]) -> np.ndarray:
            return np.stack([np.asarray(of[node]) for node in nodes])

        return {key: error_in_eps(values(run, nodes), values(truth, nodes), dtypes[key]) for key, nodes in asked.items()}

    with np.errstate(all="ignore"):
        right = replay(dict.fromkeys(wide.values()), leaves)
        truth = {node: right[wide[node]] for node in order}
        own = errors({node: node.value for node in order}, truth) if dtype is None else {}
        runs = [errors(_moved(order, wide, leaves, seed, dtype), truth) for seed in range(MOVED)]
    found = {key: max(run[key] for run in runs) for key in asked}
    found |= {key: max(cost, own[key]) for key, cost in found.items() if own.get(key, np.inf) <= FAR * cost}
    return {key: (found[key], largest_of([truth[node] for node in nodes])) for key, nodes in asked.items()}


def _moved(
    order: list[Node], wide: dict[Node, Node], leaves: dict[Node, Any], seed: int, dtype: str | None
) -> dict[Node, Any]:
    """The wider run with every result moved by up to one eps of the precision in which it was made.

    What a difference is taken of is moved once more: in 1 - p another program has not the p of this one's slope p (1 - p).
    """
    rng = np.random.default_rng(seed)
    found: dict[Node, Any] = dict(leaves)

    def moved(value: Any, node: Node) -> Any:
        if not node.args or node.dtype.kind != "f" or moves(node) or np.array_equal(np.round(node.value), node.value):
            return value
        return value * (1 + float(np.finfo(dtype or node.dtype).eps) * rng.uniform(-1, 1, node.shape))

    for node in order:
        new = wide[node]
        if new not in found:
            operands = [found[a] for a in new.args]
            if node.op in DIFFERENCES:
                operands = [moved(value, arg) for value, arg in zip(operands, node.args)]
            found[new] = new.value if new.op is leaf_op else new.op.compute(*operands, **new.attrs)
        found[new] = moved(found[new], node)
    return {node: found[wide[node]] for node in order}
