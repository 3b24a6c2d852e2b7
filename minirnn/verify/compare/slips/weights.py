"""Slips of the weights: others than the ones given, or digits lost in a printout.

Where the numbers are enough, the weights that were used are found from them: the states are led back through the
activation, and what is left is a linear equation for each unit.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ....engine.graph import Node
from ....engine.ops import leaf, same, sigmoid, tanh
from ..numbers import Case, Slip, Variant
from ..structure import Structure, summands

BACK: dict[Any, Any] = {tanh: np.arctanh, sigmoid: lambda h: np.log(h / (1 - h)), same: lambda h: h}
SLOPE: dict[Any, Any] = {tanh: lambda h: 1 - h**2, sigmoid: lambda h: h * (1 - h), same: np.ones_like}


def replaced(case: Case, detail: str, others: dict[str, np.ndarray]) -> Variant:
    """The network with other arrays for some parameters."""
    leaves = {case.net.parameters[name]: leaf(np.asarray(value, np.float64)) for name, value in others.items()}
    return case.changed(detail, lambda node, args: leaves.get(node))


def _rounded(case: Case) -> Iterator[Variant]:
    parameters = {name: node.value for name, node in case.net.parameters.items()}
    for decimals in range(8, 1, -1):
        rounded = {name: np.round(value, decimals) for name, value in parameters.items()}
        if any(not np.array_equal(rounded[name], value) for name, value in parameters.items()):
            yield replaced(case, f"the weights have {decimals} decimals", rounded)


def _candidates(case: Case) -> Iterator[Variant]:
    """The weights the model has by now, and those the user thinks possible."""
    trace = case.net.trace
    places = trace.model.parameter_places()
    now = {name: layer.weight_arrays[i] for name, (layer, i) in places.items()}
    if any(not np.array_equal(w, trace.weights[places[name][0]][places[name][1]]) for name, w in now.items()):
        yield replaced(case, "those the model has by now, not those of the time of the trace", now)
    for detail, weights in case.net.other_weights:
        yield replaced(case, detail, weights)


def _found(case: Case) -> Iterator[Variant]:
    """Weights found from the user's states or outputs, where these are more numbers than unknowns."""
    for one in case.given:
        pieces = one.quantity.pieces
        if one.quantity.derivative or any(piece.index is not ... for piece in pieces):
            continue
        for layout in one.layouts:
            if layout.array[0].ndim in (1, 2):
                nodes = [piece.node for piece in layout.pieces]
                mine = {node: array.astype(float) for node, array in zip(nodes, layout.array)}
                yield from _solved(case, nodes, mine, layout.rows)


def _solved(case: Case, nodes: list[Node], mine: dict[Node, np.ndarray], rows: Any) -> Iterator[Variant]:
    """For each weight, and all of them together: those with which the operands, as the user has them, give `mine`."""
    net = case.net
    nodes = [n for n in nodes if n.step != 0]
    if len({(n.op, len(n.args)) for n in nodes}) != 1:
        return  # not every step is computed in the same way
    bent = nodes[0].op in BACK and len(nodes[0].args) == 1
    if not bent and nodes[0].op.name != "add":
        return
    op = nodes[0].op if bent else same
    with np.errstate(all="ignore"):
        aims = [np.atleast_2d(BACK[op](mine[n])) for n in nodes]
        weights = [np.atleast_2d(SLOPE[op](mine[n])) for n in nodes]
    if not all(np.isfinite(a).all() for a in aims):
        return
    terms = [_terms(net, n.args[0] if bent else n) for n in nodes]
    if any(not each or len(each) != len(terms[0]) for each in terms):
        return
    needed = {x for each in terms for _, x in each if x is not None and x in net.state_of and x.name == nodes[0].name}
    if not all(x in mine or x.step == 0 for x in needed):
        return  # the states of one step only: what they came from is not known

    def operand(x: Node | None, like: Node) -> np.ndarray:
        value = np.ones((len(np.atleast_2d(like.value)), 1))[rows] if x is None else mine.get(x)
        return np.atleast_2d(x.value[rows] if value is None and x is not None else value)  # type: ignore[arg-type]

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
        off = ", ".join(
            f"{name} by up to {np.abs(part - net.parameters[name].value).max():.2g}" for name, part in parts.items()
        )
        yield replaced(case, f"another {' and '.join(parts)}, found from your numbers: off {off}", parts)


def _terms(net: Structure, z: Node) -> list[tuple[Node, Node | None]]:
    """A sum of x W and biases, as pairs of parameter and x; the x of a bias is None. Nothing of any other sum."""
    products = {p.node: p for p in net.products}
    found: list[tuple[Node, Node | None]] = []
    for term in summands(z):
        product, bias = products.get(term), net.origin(term)
        if (
            product is not None
            and product.place == 0
            and product.node.args[1] is product.weight
            and product.weight.ndim == 2
        ):
            found.append((product.weight, product.data))
        elif bias in net.biases and bias.ndim == 1:
            found.append((bias, None))
        else:
            return []
    return found


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
    Slip("rounded weights", "the weights are copied from a printout, which shows some of their digits only",
         "{Wx} = np.array([[0.82798105, ...", "{Wx}, {Wh}, {b} = layer.get_weights()", _rounded),
    Slip("other weights", "other weights are used than the ones given, such as those of an earlier cell of a notebook",
         "{Wx}, {Wh}, {b} = layer.get_weights()  # in a cell that ran before the layer was made anew",
         "{Wx}, {Wh}, {b} = layer.get_weights()  # again, just before they are used", _candidates),
]  # fmt: skip

FROM_NUMBERS = SLIPS[-1]._replace(variants=_found)  # these can stand for many a slip, so they are the last to be asked
