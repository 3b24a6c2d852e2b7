"""SymPy as a witness: its own `diff` of the loss, one scalar expression in the entries of all weights.

No vjp and no matrix rule takes part; the expression grows with every step, so only small networks can be asked.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ...engine.graph import Node
from ...engine.ops import MULTIPLY
from ...engine.precision import widened
from ...runs.run import Run
from ..arithmetic import Arithmetic
from ..report import Judge, Row, Unheard, derivative, gradients, witness

NAME = "SymPy diff"
DIGITS = 30
NUMPY = [
    {"DiracDelta": np.zeros_like, "Heaviside": lambda x, at=0.5: np.heaviside(x, at)},
    "numpy",
]  # x sign(x) gives x δ(x), which is 0
MOST = 100_000  # parts of the loss, written out, times entries of the weights: some seconds


@witness(lambda trace: [(name, NAME) for name in gradients(trace)])
def rows(trace: Run) -> Iterator[Row]:
    """One row per gradient of a trace; rows that say why, where the network is too large or not smooth."""
    if (end := trace.loss_node) is None:
        return
    order = [node for node in trace.forward if node.serial <= end.serial]
    if trace.truncate:
        raise Unheard("the flow is cut, which SymPy does not do")
    parts = _parts(order)[end]
    if parts * sum(node.value.size for node in trace.parameters.values()) > MOST:
        raise Unheard(f"the loss, written out, has about {parts:.0e} parts: too many for SymPy")
    import sympy as sp

    wide, judge = widened(order), Judge(trace)
    entries = {p: _symbols(p, name) for name, p in trace.parameters.items()}
    arithmetic = Arithmetic(sp, lambda v: sp.Float(v, DIGITS), maximum=sp.Max, minimum=sp.Min)
    try:
        loss = arithmetic.run([*dict.fromkeys(wide.values())], {wide[p]: array for p, array in entries.items()})[wide[end]]
    except (TypeError, AttributeError) as error:
        raise Unheard(f"SymPy cannot take this network: {type(error).__name__}") from error
    symbols = [s for array in entries.values() for s in array.ravel()]
    values = [float(v) for p in entries for v in p.value.ravel()]
    derivatives = sp.lambdify(symbols, [sp.diff(loss, s) for s in symbols], NUMPY, cse=True)(*values)
    ends = np.cumsum([p.value.size for p in entries])[:-1]
    for (name, node), found in zip(trace.parameters.items(), np.split(np.array(derivatives, float), ends)):
        gradient = trace.cotangents[node]
        yield judge.row(derivative(trace, name), NAME, [gradient], found.reshape(1, *gradient.shape))


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
        used = [found[a] for a in node.args]
        size = max(node.value.size, 1)
        if node.op in MULTIPLY:
            times = node.args[0].shape[-1]
        else:
            cuts = "t" in node.attrs or node.op.name == "stack"
            times = 1 if cuts else max([1, *(a.value.size // size for a in node.args)])
        found[node] = max(used, default=1) if node.op.name in ("stack", "take") else 1 + times * sum(used)
    return found
