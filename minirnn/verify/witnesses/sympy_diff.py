"""SymPy as a witness: its own `diff` of the loss, one scalar expression in the entries of all weights.

No vjp and no matrix rule takes part; the expression grows with every step, so only small networks can be asked.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ...engine.graph import Node
from ...traces import Trace
from ..arithmetic import Arithmetic
from ..report import Row, error_in_eps

NAME = "SymPy diff"
DIGITS = 30
MOST = 40_000  # parts of the loss, written out


def rows(trace: Trace) -> Iterator[Row]:
    """One row per gradient of a trace in float64; rows that say why, where the network is too large or not smooth."""
    assert trace.loss_node is not None
    names = [f"dL/d{name}" for name in trace.parameters]
    order = [node for node in trace.forward if node.serial <= trace.loss_node.serial]
    if trace.truncate:
        yield from (Row(name, NAME, "float64", None, "the flow is cut, which SymPy does not do") for name in names)
        return
    if (parts := _parts(order)[trace.loss_node]) > MOST:
        reason = f"the loss, written out, has about {parts:.0e} parts: too many for SymPy"
        yield from (Row(name, NAME, "float64", None, reason) for name in names)
        return
    import sympy as sp

    entries = {p: _symbols(p, name) for name, p in trace.parameters.items()}
    arithmetic = Arithmetic(sp, lambda v: sp.Float(v, DIGITS), maximum=sp.Max, minimum=sp.Min)
    try:
        loss = arithmetic.run(order, dict(entries))[trace.loss_node]
    except (TypeError, AttributeError) as error:
        reason = f"SymPy cannot take this network: {type(error).__name__}"
        yield from (Row(name, NAME, "float64", None, reason) for name in names)
        return
    symbols = [s for array in entries.values() for s in array.ravel()]
    values = [float(v) for p in entries for v in p.value.ravel()]
    derivatives = sp.lambdify(symbols, [sp.diff(loss, s) for s in symbols], "numpy", cse=True)(*values)
    ends = np.cumsum([p.value.size for p in entries])[:-1]
    for name, found in zip(trace.parameters, np.split(np.array(derivatives, float), ends)):
        gradient = trace.gradients[name]
        yield Row(f"dL/d{name}", NAME, "float64", error_in_eps(gradient, found.reshape(gradient.shape), "float64"))


def _symbols(parameter: Node, name: str) -> np.ndarray:
    import sympy as sp

    array = np.empty(parameter.shape, object)
    for place in np.ndindex(*parameter.shape):
        array[place] = sp.Symbol(f"{name}_{'_'.join(map(str, place))}", real=True)
    return array


def _parts(order: list[Node]) -> dict[Node, float]:
    """How long each entry of a node is when it is written out."""
    found: dict[Node, float] = {}
    for node in order:
        shapes = node.op.shapes
        used = [found[a] for position, a in enumerate(node.args) if position not in shapes]
        size = max(node.value.size, 1)
        if node.op.name == "matmul":
            times = node.args[0].shape[-1]
        else:
            cuts = "t" in node.attrs or node.op.name == "stack"
            times = 1 if cuts else max([1, *(a.value.size // size for i, a in enumerate(node.args) if i not in shapes)])
        found[node] = max(used, default=1) if node.op.name in ("stack", "take") else 1 + times * sum(used)
    return found
