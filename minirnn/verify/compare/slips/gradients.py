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

ROUND = 1e-5  # so near to a number of three digits is a limit that was set by hand


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


def _of_another_step(case: Case, wanted: bool) -> Iterator[Variant]:
    """The gradient of a weight made with data of another step: with h_t for h_{t-1}, which is `wanted`, or with others."""
    net = case.net
    carrying = set(net.carrying)
    for shift in (1, -1):
        rules: dict[Product, Rule] = {}
        for product in net.products:
            data = net.at_step(product.data, shift)
            if data is None and shift < 0:  # x[-1], the last
                data = net.at_step(product.data, net.T - 1)
            if data is not None and (shift == 1 and product in carrying) is wanted:
                rules[product] = functools.partial(_with_other_data, product.place, data)
        for where, products in _grouped(case, list(rules)):
            which = "the step after" if shift == 1 else "the step before"
            detail = where if wanted else ", ".join(filter(None, [where, f"of {which}"]))
            yield case.by_rules(detail, {p.to_weight: rules[p] for p in products}, at=products[-1].node)
    if wanted:  # and the gradient of a gate that multiplies the state of the step before
        gated = {(y, i): now for (y, i) in net.crossing if y.op.name == "multiply" and len(y.args) == 2
                 and (now := net.at_step(y.args[i], 1)) is not None}  # fmt: skip
        for name in net.states:
            edges = {(y, i): now for (y, i), now in gated.items() if net.state_of[net.crossing[y, i]] == name}
            rules_ = {(y, 1 - i): functools.partial(_with_other_data, i, now) for (y, i), now in edges.items()}
            if edges:
                yield case.by_rules(f"of the gate of {name}", rules_, at=next(iter(edges))[0])


def _grouped(case: Case, products: list[Product]) -> Iterator[tuple[str, list[Product]]]:
    """All of the products, and those of each weight where there are several."""
    weights = dict.fromkeys(p.weight for p in products)
    if products:
        yield "", products
    if len(weights) > 1:
        yield from ((f"for {W.name}", [p for p in products if p.weight is W]) for W in weights)


def _with_other_data(place: int, other: Node, g: Node, y: Node, to: int) -> Node | None:
    """What goes to an operand if the other one, at `place`, had been another array."""
    like = y.args[place]
    if other.shape != like.shape:
        turned = other.shape == like.shape[::-1] and 1 not in other.shape
        other = leaf(other.value.T if turned else other.value.reshape(like.shape))
    args = tuple(other if i == place else x for i, x in enumerate(y.args))
    return contribution(g, y.op(*args, **y.attrs), to)


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


def _factor_2(case: Case) -> Iterator[Variant]:
    """Whether the right derivative has the 2 is known for a model; for a loss of one's own, that it is the other one."""
    lines = ["dy = ({y} - Y){over}", "dy = 2 * ({y} - Y){over}", "dy = 2 * 2 * ({y} - Y){over}"]
    for factor, wrong, right in ((2.0, 1, 0), (0.5, 0, 1)):
        more = factor > 1 and not case.net.trace.is_loop
        change = functools.partial(np.multiply, factor)
        yield from _each(case, f"is {_times(factor)}", change, wrong=lines[wrong + more], right=lines[right + more])


def _each(
    case: Case, what: str, change: Callable[[np.ndarray], np.ndarray], wrong: str = "", right: str = ""
) -> Iterator[Variant]:
    """The change made to the loss and every derivative, to every gradient of a parameter, and to that of one parameter."""
    loss, parameters = case.net.loss, list(case.net.parameters.values())
    every = [("every derivative", None), ("the gradient of every parameter", parameters)]
    for who, only in every + [(f"d{loss and loss.name}/d{W.name}", [W]) for W in parameters]:

        def finish(piece: Piece, found: np.ndarray, only: list[Node] | None = only) -> np.ndarray:
            changed = piece.node in only if only is not None else piece.derivative or piece.node is loss
            return change(found) if changed and (piece.derivative or only is None) else found

        at = loss if only is None or only is parameters else _where_used(case, only[0])
        yield case.finished(f"{who} {what}", finish, at=at, wrong=wrong, right=right)


def _where_used(case: Case, W: Node) -> Node | None:
    return next((y for y in case.net.forward if W in map(case.net.origin, y.args)), None)


def _never_filled(case: Case) -> Iterator[Variant]:
    """Of those parameters whose gradient is 0 as the user has it."""
    zero = [one.quantity.pieces[0].node for one in case.given if one.quantity.parameter and not one.layouts[0].array.any()]
    if zero:
        names = " and ".join(str(node.name) for node in zero)
        yield case.finished(f"of {names}", lambda piece, found: 0 * found if piece.node in zero else found)


def _times(factor: float) -> str:
    return f"{factor:g} times too large" if factor >= 1 else f"{1 / factor:g} times too small"


def _another_factor(case: Case) -> Iterator[Variant]:
    """A number of three digits, found from the largest of the user's arrays, such as a learning rate."""
    given = [one for one in case.given if one.quantity.derivative and one.quantity.parameter]
    if given:
        one = max(given, key=lambda one: float(np.abs(one.layouts[0].array).max(initial=0)))
        right, mine = case.right.of(one.quantity.pieces[0]), one.layouts[0].array[0]
        exact = (
            float(np.sum(mine * right) / np.sum(right**2)) if mine.shape == right.shape and np.sum(right != 0) > 1 else 0.0
        )
        factor = float(f"{exact:.3g}")
        if factor and abs(factor - exact) <= ROUND * abs(exact):
            yield from _each(case, f"is multiplied by {factor:g}", functools.partial(np.multiply, factor))


def _sign(case: Case) -> Iterator[Variant]:
    yield from _each(case, "has the other sign", np.negative)


def _gradient_transposed(case: Case) -> Iterator[Variant]:
    yield from _each(case, "is transposed", lambda found: found.T if found.ndim == 2 else found)


# ------------------------------------------------------------------------------------------------------------- clipping


def _clipped(case: Case) -> Iterator[Variant]:
    """By value, at the largest number there is; by norm, all together or each, at a round number."""
    derivatives = [one for one in case.given if one.quantity.derivative]
    given = [one for one in derivatives if one.quantity.parameter] or derivatives
    if not given:
        return
    nodes = {piece.node for one in given for piece in one.quantity.pieces}
    first = max(given, key=lambda one: float(np.abs(one.layouts[0].array).max(initial=0)))
    limit = float(np.abs(first.layouts[0].array).max(initial=0))

    def finished(detail: str, change: Callable[[np.ndarray], np.ndarray], wrong: str) -> Variant:
        return case.finished(
            detail,
            lambda piece, found: change(found) if piece.derivative and piece.node in nodes else found,
            wrong=wrong,
        )

    if limit:
        clip = functools.partial(np.clip, a_min=-limit, a_max=limit)
        yield finished(f"each entry at {limit:g}", clip, f"np.clip(d{{Wh}}, -{limit:g}, {limit:g}, out=d{{Wh}})")
    rights = {node: case.right.of(Piece(None, node, derivative=True)) for node in case.net.parameters.values()}
    right = rights.get(first.quantity.pieces[0].node)
    if right is None or not np.any(right):
        return
    every, these = (
        float(np.sqrt(sum(np.sum(rights[n] ** 2) for n in among if n in rights))) for among in (list(rights), nodes)
    )
    ratio = float(np.linalg.norm(first.layouts[0].array) / np.linalg.norm(right))
    for length, which in ((these, "of these gradients"), (every, "of all gradients"), (None, "of each gradient")):
        exact = ratio * (float(np.linalg.norm(right)) if length is None else length)
        at = float(f"{exact:.3g}")
        if 0 < ratio < 1 and abs(at - exact) <= ROUND * exact:
            shorter = functools.partial(_shortened, at=at, length=length)
            yield finished(f"by the norm {which}, at {at:g}", shorter, f"d{{Wh}} *= min(1, {at:g} / norm)")


def _shortened(found: np.ndarray, at: float, length: float | None) -> np.ndarray:
    """An array as long as `at`, if it is longer or if `length`, of all of them together, is."""
    size = length or float(np.linalg.norm(found))
    return found * min(1.0, at / size) if size else found


def _outputs(case: Case) -> tuple[int, int]:
    """The number of outputs of a sample, and the size of the whole output."""
    value: Any = case.net.outputs[0].value
    return (value.shape[-1] if value.ndim else 1), max(value.size, 1)


MEAN = "dy = 2 * ({y} - Y){over}"
SUM = "d{Wh} += {grown}"
SLIPS = [
    Slip("gradient overwritten", "the gradient is overwritten at every step in place of summed",
         "d{Wh} = {grown}", SUM, _overwritten),
    Slip("h_t for h_{t-1}", "the gradient of {Wh} is made with {h}_t in place of {h}_{{t-1}}, of the step before",
         "d{Wh} += {grown_now}", SUM, functools.partial(_of_another_step, wanted=True)),
    Slip("mean or sum over the batch", "the mean over the batch is taken for the sum, or the sum for the mean",
         SUM + " / N  # or no division by N where the loss is a mean", SUM + "  # and " + MEAN,
         _factors(lambda case: case.net.N, lambda case: 1 / case.net.N)),
    Slip("factor 2", "a factor 2 is missing, or one too many", "dy = ({y} - Y){over}", MEAN, _factor_2),
    Slip("factor K", "the number of outputs K is missing in the mean, or taken twice", "dy = 2 * ({y} - Y) / N",
         "dy = 2 * ({y} - Y) / (N * K)", _factors(lambda case: _outputs(case)[0], lambda case: 1 / _outputs(case)[0])),
    Slip("factor T", "the sum over the steps is taken for their mean, or there is a division by T too many", "d{Wh} /= T",
         "d{Wh}  # the sum over the steps; divided by T where the loss is the mean over the steps",
         _factors(lambda case: case.net.T, lambda case: 1 / case.net.T)),
    Slip("factor N K", "the sum over all outputs is taken for their mean", "dy = 2 * ({y} - Y)", MEAN,
         _factors(lambda case: case.net.N * _outputs(case)[0], lambda case: _outputs(case)[1])),
    Slip("sign", "the sign is wrong", "dy = 2 * (Y - {y}){over}", MEAN, _sign),
    Slip("bias over the wrong axis", "the gradient of the bias is summed over the units in place of the samples",
         "d{b} += dz.sum(axis={units})", "d{b} += dz.sum(axis={samples})", _wrong_axis),
    Slip("gradient transposed", "the gradient is transposed", "d{Wh} += {grown_turned}", SUM, _gradient_transposed),
    Slip("data of another step", "the gradient of a matrix is made with what it is multiplied by at another step",
         "d{Wx} += ...  # with {x}[t-1]", "d{Wx} += ...  # with {x}[t]", functools.partial(_of_another_step, wanted=False)),
    Slip("gradient of zeros", "the gradient is never summed: it is 0, as it was made",
         "d{Wh} = np.zeros_like({Wh})", SUM, _never_filled),
    Slip("gradient clipped", "the gradients are clipped", "d{Wh} = np.clip(d{Wh}, -5, 5)",
         "d{Wh}  # as it is; clip it when it is used, after it is compared", _clipped),
    Slip("another factor", "the gradients are multiplied by a number, such as a learning rate", "d{Wh} *= ...",
         "d{Wh}  # as it is; multiply it when it is used, after it is compared", _another_factor),
]  # fmt: skip
