"""Slips of the weights: others than the ones given, or digits lost in a printout.

Where the numbers are enough, the weights that were used are found from them: the states are led back through the
activation, and what is left is a linear equation for each unit.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ...engine.graph import Node
from ...engine.ops.basic import leaf, matmul, same, sigmoid, spread, tanh
from .user_numbers import Given
from .variants import Network, Slip, Variant

BACK: dict[Any, Any] = {tanh: np.arctanh, sigmoid: lambda h: np.log(h / (1 - h)), same: lambda h: h}
SLOPE: dict[Any, Any] = {tanh: lambda h: 1 - h**2, sigmoid: lambda h: h * (1 - h), same: np.ones_like}


def replaced(net: Network, detail: str, others: dict[str, np.ndarray]) -> Variant:
    """The network with other arrays for some parameters."""
    leaves = {net.trace.parameters[name]: leaf(np.asarray(value, np.float64)) for name, value in others.items()}
    return net.changed(detail, lambda node, args: leaves.get(node))


def _rounded(net: Network) -> Iterator[Variant]:
    parameters = {name: node.value for name, node in net.trace.parameters.items()}
    for decimals in range(8, 1, -1):
        rounded = {name: np.round(value, decimals) for name, value in parameters.items()}
        if any(not np.array_equal(rounded[name], value) for name, value in parameters.items()):
            yield replaced(net, f"the weights have {decimals} decimals", rounded)


def _candidates(net: Network) -> Iterator[Variant]:
    """The weights the model has by now, and those the user thinks possible."""
    places = net.trace.model.parameter_places()
    now = {name: layer.weight_arrays[i] for name, (layer, i) in places.items()}
    if any(not np.array_equal(w, net.trace.weights[places[name][0]][places[name][1]]) for name, w in now.items()):
        yield replaced(net, "those the model has by now, not those of the time of the trace", now)
    order = [(layer, i) for layer in net.trace.model.layers for i in range(len(layer.weight_arrays))]
    names = {place: name for name, place in places.items()}
    for count, weights in enumerate(net.other_weights, start=1):
        yield replaced(net, f"set {count} of those given as weights=", {names[p]: w for p, w in zip(order, weights)})


def _found(net: Network, given: list[Given]) -> Iterator[Variant]:
    """Weights found from the user's states or outputs, where these are more numbers than unknowns."""
    for one in given:
        name = one.quantity.name
        if one.quantity.derivative or name not in [*net.states, "y"]:
            continue
        for layout in one.layouts:
            if len(layout.array[0].shape) != 2:
                continue
            nodes = [net.trace.variables[name, t] for t in layout.steps]
            mine = {node: array.astype(float) for node, array in zip(nodes, layout.array)}
            yield from _solved(net, nodes, mine, layout.rows)


def _solved(net: Network, nodes: list[Node], mine: dict[Node, np.ndarray], rows: Any) -> Iterator[Variant]:
    """For each weight, and all of them together: those with which the operands, as the user has them, give `mine`."""
    nodes = [n for n in nodes if n.step != 0]
    bent = nodes[0].op in BACK and len(nodes[0].args) == 1
    if not bent and nodes[0].op.name != "add":
        return
    op = nodes[0].op if bent else same
    with np.errstate(all="ignore"):
        aims = [BACK[op](mine[n]) for n in nodes]
        weights = [SLOPE[op](mine[n]) for n in nodes]
    if not all(np.isfinite(a).all() for a in aims):
        return
    terms = [_terms(n.args[0] if bent else n) for n in nodes]
    if any(term is None for each in terms for term in each) or any(len(each) != len(terms[0]) for each in terms):
        return
    needed = {x for each in terms for _, x in each if x is not None and net.is_state(x) and x.name == nodes[0].name}
    if not all(x in mine or x.step == 0 for x in needed):
        return  # the states of one step only: what they came from is not known

    def operand(x: Node | None, like: Node) -> np.ndarray:
        value = np.ones((like.shape[0], 1))[rows] if x is None else mine.get(x)
        return x.value[rows] if value is None and x is not None else value  # type: ignore[return-value]

    parameters = [W for W, _ in terms[0]]
    for chosen in [[W] for W in parameters] + [parameters] * (len(parameters) > 1):
        columns = np.concatenate([np.concatenate([operand(x, n) for W, x in each if W in chosen], axis=1)
                                  for each, n in zip(terms, nodes)])  # fmt: skip
        rest = [
            aim - sum((operand(x, n) @ np.atleast_2d(W.value) for W, x in each if W not in chosen), np.zeros(()))
            for aim, each, n in zip(aims, terms, nodes)
        ]
        solution = _fit(columns, np.concatenate(rest), np.concatenate(weights))
        if solution is None:
            continue
        ends = np.cumsum([np.atleast_2d(W.value).shape[0] for W in chosen])[:-1]
        parts = {str(W.name): part.reshape(W.shape) for W, part in zip(chosen, np.split(solution, ends))}
        off = ", ".join(f"{name} by up to {np.abs(part - net.trace.value(name)).max():.2g}" for name, part in parts.items())
        yield replaced(net, f"another {' and '.join(parts)}, found from your numbers: off {off}", parts)


def _terms(z: Node) -> list[tuple[Node, Node | None]]:
    """A sum of x W and biases, as pairs of parameter and x; the x of a bias is None."""
    if z.op.name == "add":
        return [*_terms(z.args[0]), *_terms(z.args[1])]
    if z.op is same:
        return _terms(z.args[0])
    if z.op is matmul and z.args[1].attrs.get("role") == "parameter":
        return [(z.args[1], z.args[0])]
    if z.op is spread and z.args[0].attrs.get("role") == "parameter":
        return [(z.args[0], None)]
    return [None]  # type: ignore[list-item]


def _fit(columns: np.ndarray, aims: np.ndarray, weights: np.ndarray) -> np.ndarray | None:
    """The matrix S with columns S = aims, each unit by least squares; None where any aims could be met."""
    solution = np.empty((columns.shape[1], aims.shape[1]))
    for unit in range(aims.shape[1]):
        w = weights[:, unit : unit + 1]
        S, _, rank, _ = np.linalg.lstsq(w * columns, (w[:, 0] * aims[:, unit]), rcond=None)
        if rank >= len(columns):
            return None
        solution[:, unit] = S
    return solution


SLIPS = [
    Slip(
        "rounded weights",
        "the weights are copied from a printout, which shows some of their digits only",
        "W_x = np.array([[0.82798105, ...",
        "W_x, W_h, b_h = layer.get_weights()",
        _rounded,
    ),
    Slip(
        "other weights",
        "other weights are used than the ones given, as happens in a notebook whose cells ran in another order",
        "W_x, W_h, b_h = layer.get_weights()  # in a cell that ran before the layer was made anew",
        "W_x, W_h, b_h = layer.get_weights()  # again, just before they are used",
        _candidates,
    ),
]


def from_numbers(given: list[Given]) -> Slip:
    """Other weights, found from the numbers themselves: they can stand for many a slip, so they are the last to be asked."""
    return SLIPS[-1]._replace(variants=lambda net: _found(net, given))
