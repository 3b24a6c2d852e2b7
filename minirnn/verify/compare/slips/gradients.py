"""Slips of the gradients of weights: how they are summed over steps and samples, scaled, laid out and clipped."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ....engine.backprop import contribution
from ....engine.graph import Node
from ....engine.ops import leaf
from ..numbers import Case, Numbers, Piece, Rule, Slip, Variant, nothing
from ..structure import Edge, Product


def _uses(case: Case) -> dict[Node, list[Edge]]:
    """Of each parameter, where it is used at the steps."""
    net = case.net
    found = {W: [p.to_weight for p in products] for W, products in net.matrices.items()} | net.biases
    return {W: edges for W, edges in found.items() if len({y.step for y, _ in edges} - {None}) > 1}


def _overwritten(case: Case) -> Iterator[Variant]:
    uses = _uses(case)
    inside = [W for W in uses if any(y in case.net.recurrent for y, _ in uses[W])]
    for chosen in [each for each in (list(uses), inside) if len(each) > 1] + [[W] for W in uses]:
        names = " and ".join(str(W.name) for W in chosen)
        for detail, kept in [("the first step's is left", min), ("the last step's is left", max)]:
            lost = []
            for W in chosen:
                step = kept(y.step for y, _ in uses[W] if y.step)
                lost += [edge for edge in uses[W] if edge[0].step != step]
            yield case.along(f"for {names}, {detail}", lost, nothing)


def _state_of_the_same_step(case: Case) -> Iterator[Variant]:
    net = case.net
    rules: dict[Edge, Rule] = {}
    for product in net.carrying:
        now = net.variables.get((net.state_of.get(product.array, ""), product.node.step))
        if now is not None:
            rules[product.to_weight] = functools.partial(_with_other_data, product, now)
    if rules:
        yield case.by_rules("", rules, at=net.carrying[-1].node)


def _with_other_data(product: Product, other: Node, g: Node, y: Node, place: int) -> Node | None:
    """What goes to the weight if the product had been that of another array."""
    like = product.data
    data = leaf(other.value.reshape(like.shape)) if other.shape != like.shape else other
    args = tuple(data if i == product.place else x for i, x in enumerate(y.args))
    return contribution(g, y.op(*args, **y.attrs), place)


def _wrong_axis(case: Case) -> Iterator[Variant]:
    for b, edges in case.net.biases.items():
        if any(y.ndim == 2 for y, _ in edges):
            yield _biased(case, b, edges, 1 if b.ndim == 1 or b.shape[0] == 1 else 0)


def _biased(case: Case, b: Node, edges: list[Edge], axis: int) -> Variant:
    """The gradient of a bias as the sums over the units of what arrives at the sums it is added in."""

    def numbers() -> Numbers:
        places = [Piece(y.step, y, derivative=True) for y, _ in edges]

        def finish(piece: Piece, found: np.ndarray) -> np.ndarray:
            if piece.node is not b:
                return found
            total = np.sum([case.right.of(each).sum(axis) for each in places], axis=0)
            return total.reshape(b.shape) if total.size == b.value.size else total

        return case.finished("", finish).numbers()

    return Variant(f"for {b.name}", numbers, at=edges[-1][0])


def _factors(*factors: Callable[[Case], float]) -> Callable[[Case], Iterator[Variant]]:
    """Every derivative, or that of one parameter, times a number."""

    def variants(case: Case) -> Iterator[Variant]:
        for factor in dict.fromkeys(factor(case) for factor in factors):
            if factor != 1:
                yield from _each(case, f"is {_times(factor)}", functools.partial(np.multiply, factor))

    return variants


def _each(case: Case, what: str, change: Callable[[np.ndarray], np.ndarray]) -> Iterator[Variant]:
    """The change made to every derivative, and to that by one parameter."""
    loss = case.net.loss
    for only in [None, *case.net.parameters.values()]:
        detail = f"{'every derivative' if only is None else f'd{loss and loss.name}/d{only.name}'} {what}"

        def finish(piece: Piece, found: np.ndarray, only: Node | None = only) -> np.ndarray:
            return change(found) if piece.derivative and only in (None, piece.node) else found

        yield case.finished(detail, finish)


def _times(factor: float) -> str:
    return f"{factor:g} times too large" if factor >= 1 else f"{1 / factor:g} times too small"


def _sign(case: Case) -> Iterator[Variant]:
    yield from _each(case, "has the other sign", np.negative)


def _gradient_transposed(case: Case) -> Iterator[Variant]:
    yield from _each(case, "is transposed", lambda found: found.T if found.ndim == 2 else found)


# ------------------------------------------------------------------------------------------------------------- clipping


def _clipped(case: Case) -> Iterator[Variant]:
    """By value, at the largest number there is; by norm, all together or each, at a round number."""
    given = [(one, one.layouts[0].array) for one in case.given if one.quantity.derivative]
    if not given:
        return
    limit = max(float(np.abs(array).max(initial=0)) for _, array in given)
    if limit:
        yield case.finished(f"each entry at {limit:g}", _of_derivatives(lambda found: np.clip(found, -limit, limit)),
                            wrong=f"np.clip(d{{Wh}}, -{limit:g}, {limit:g}, out=d{{Wh}})")  # fmt: skip
    rights = {node: case.right.of(Piece(None, node, derivative=True)) for node in case.net.parameters.values()}
    compared = {one.quantity.pieces[0].node for one, _ in given}
    every, these = (
        float(np.sqrt(sum(np.sum(rights[n] ** 2) for n in nodes if n in rights))) for nodes in (rights, compared)
    )
    first, array = max(given, key=lambda pair: float(np.abs(pair[1]).max(initial=0)))
    right = case.right.of(first.quantity.pieces[0]) if first.quantity.parameter else None
    if right is None or not np.any(right):
        return
    ratio = float(np.linalg.norm(array) / np.linalg.norm(right))
    for length, detail in ((these, "of these gradients"), (every, "of all gradients"), (None, "of each gradient")):
        at = ratio * (float(np.linalg.norm(right)) if length is None else length)
        if not ratio < 1 or abs(float(f"{at:.2g}") - at) > 1e-5 * at:
            continue

        def finish(found: np.ndarray, at: float = float(f"{at:.2g}"), length: float | None = length) -> np.ndarray:
            size = length or float(np.linalg.norm(found))
            return found * min(1.0, at / size) if size else found

        yield case.finished(f"by the norm {detail}, at {at:.2g}", _of_derivatives(finish),
                            wrong=f"d{{Wh}} *= min(1, {at:.2g} / norm)")  # fmt: skip


def _of_derivatives(change: Callable[[np.ndarray], np.ndarray]) -> Callable[[Piece, np.ndarray], np.ndarray]:
    return lambda piece, found: change(found) if piece.derivative else found


def _outputs(case: Case) -> tuple[int, int]:
    """The number of outputs of a sample, and the size of the whole output."""
    value: Any = case.net.outputs[0].value
    return (value.shape[-1] if value.ndim else 1), max(value.size, 1)


MEAN = "dy = 2 * ({y} - Y) / {y}.size"
SUM = "d{Wh} += {grown}"
SLIPS = [
    Slip("gradient overwritten", "the gradient is overwritten at every step in place of summed",
         "d{Wh} = {grown}", SUM, _overwritten),
    Slip("h_t for h_{t-1}", "the gradient of {Wh} is made with {h}_t in place of {h}_{{t-1}}, of the step before",
         "d{Wh} += {grown_now}", SUM, _state_of_the_same_step),
    Slip("mean or sum over the batch", "the mean over the batch is taken for the sum, or the sum for the mean",
         SUM + " / N  # or no division by N where the loss is a mean", SUM + "  # and " + MEAN,
         _factors(lambda case: case.net.N, lambda case: 1 / case.net.N)),
    Slip("factor 2", "a factor 2 is missing, or one too many", "dy = ({y} - Y) / {y}.size", MEAN,
         _factors(lambda case: 2, lambda case: 0.5)),
    Slip("factor K", "the number of outputs K is missing in the mean, or taken twice", "dy = 2 * ({y} - Y) / N",
         "dy = 2 * ({y} - Y) / (N * K)", _factors(lambda case: _outputs(case)[0], lambda case: 1 / _outputs(case)[0])),
    Slip("factor T", "the sum over the steps is taken for their mean, or there is a division by T too many", "d{Wh} /= T",
         "d{Wh}  # the sum over the steps; divided by T where the loss is the mean over the steps",
         _factors(lambda case: case.net.T, lambda case: 1 / case.net.T)),
    Slip("factor N K", "the sum over all outputs is taken for their mean", "dy = 2 * ({y} - Y)", MEAN,
         _factors(lambda case: case.net.N * _outputs(case)[0], lambda case: _outputs(case)[1])),
    Slip("sign", "the sign is wrong", "dy = 2 * (Y - {y}) / {y}.size", MEAN, _sign),
    Slip("bias over the wrong axis", "the gradient of the bias is summed over the units in place of the samples",
         "d{b} += dz.sum(axis={units})", "d{b} += dz.sum(axis={samples})", _wrong_axis),
    Slip("gradient transposed", "the gradient is transposed", "d{Wh} += {grown_turned}", SUM, _gradient_transposed),
    Slip("gradient clipped", "the gradients are clipped", "d{Wh} = np.clip(d{Wh}, -5, 5)",
         "d{Wh}  # as it is; clip it when it is used, after it is compared", _clipped),
]  # fmt: skip
