"""What rounding alone costs: the same graph, forward and backward, run again in a wider precision.

Where h is near ±1, 1 - h² loses digits, and two correct programs may differ by more than a few eps. A wrong rule is not
hidden by this: in the wider precision it is as wrong as before.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..engine.graph import Node, replay
from ..engine.ops.basic import (
    above,
    block,
    columns,
    concat,
    join,
    left,
    nth_row,
    piece,
    put,
    reverse,
    right,
    same,
    sigmoid,
    softmax,
    spread,
    stack,
    take_op,
    tanh,
    transpose,
)
from ..traces import Trace
from .report import TOLERANCE, Row, error_in_eps

WIDER = {"float32": np.float64, "float64": np.longdouble}
FEW = 0.25  # of all entries; past that the derivatives that are left say little of the true ones
LAID_OUT = {same, take_op, stack, reverse, concat, piece, columns, join, left, right, put, transpose, spread}
LAID_OUT |= {block, nth_row, above}
MOVED = 3  # runs with moved results
FAR = 1e6  # times what a single run says
MARGIN = 8  # two programs round differently: so many times the cost to one of them is taken for rounding


def _flat(trace: Trace) -> int:
    """How many entries of states and outputs have reached ±1, where the derivative is 0 in floating point; 0 if few."""
    bends = [n for n in trace.forward if n.op in (tanh, sigmoid, softmax)]
    flat = sum(int(np.sum((np.abs(n.value) == 1) | ((n.op is not tanh) & (n.value == 0)))) for n in bends)
    return flat if flat > FEW * sum(n.value.size for n in bends) else 0


def allowed(rows: list[Row], traces: dict[str, Trace]) -> list[Row]:
    """The rows, where one is off by more than the tolerance with what rounding explains allowed for."""
    known = {dtype: costs(traces[dtype]) for dtype in {row.dtype for row in rows if not row.ok}}
    found = []
    for row in rows:
        judged = row if row.ok else _allowing(row, known[row.dtype].get(row.quantity, 0.0))
        if not judged.ok and row.quantity.startswith("dL/") and (flat := _flat(traces[row.dtype])):
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


def costs(trace: Trace, errors: Mapping[str, float] | None = None) -> dict[str, float]:
    """What rounding costs every quantity of the trace, in eps; "h_t" stands for all steps of h.

    The larger of two: the error of the trace against the wider run, and what that run changes when every result in it is
    moved by up to one eps of the trace's precision, at random. A single run can be right by luck. Of `errors`, how far
    quantities are off, those that are far beyond what a single run says are not looked at again.
    """
    dtype = str(trace.dtype)
    leaves = {n: np.asarray(n.value).astype(WIDER[dtype]) for n in trace.nodes if not n.args and n.dtype.kind == "f"}
    asked = errors or {}
    forward = bool(asked) and not any("/d" in name for name in asked)
    nodes = trace.forward if forward else trace.nodes
    with np.errstate(all="ignore"):
        wide = replay(nodes, leaves)
        found = _errors(trace, wide, {node: node.value for node in nodes})
        if not asked or any(error <= FAR * max(found.get(name, 0.0), 1.0) for name, error in asked.items()):
            for seed in range(MOVED):
                moved = _errors(trace, wide, _moved(trace, nodes, leaves, seed))
                found = {name: max(error, moved[name]) for name, error in found.items()}
    return found


def _errors(trace: Trace, wide: dict[Node, np.ndarray], other: dict[Node, np.ndarray]) -> dict[str, float]:
    """How far the named quantities of one run are off those of the wider one."""
    found = {}
    for name, count in trace.counts.items():
        steps = [t for t in range(trace.steps + 1) if (name, t) in trace.variables] if count > 1 else []
        nodes = [trace.variables[name, t] for t in steps] or [
            n for (known, _), n in trace.variables.items() if known == name
        ]
        if all(n in wide for n in nodes):
            values, truth = (np.stack([run[n] for n in nodes]) for run in (other, wide))
            found[f"{name}_t" if steps else name] = error_in_eps(values, truth, str(trace.dtype))
    return found


def _moved(trace: Trace, nodes: list[Node], leaves: dict[Node, np.ndarray], seed: int) -> dict[Node, np.ndarray]:
    """The wider run with every result moved by up to one eps of the trace's precision."""
    rng, eps = np.random.default_rng(seed), float(np.finfo(trace.dtype).eps)
    found: dict[Node, Any] = dict(leaves)
    for node in nodes:
        if node not in found:
            value = node.op.compute(*[found[a] for a in node.args], **node.attrs) if node.args else node.value
            exact = not node.args or node.op in LAID_OUT or np.array_equal(np.round(value), value)  # indices, masks
            found[node] = value if exact else value * (1 + eps * rng.uniform(-1, 1, np.shape(value)))
    return found
