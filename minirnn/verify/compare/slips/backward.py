"""Slips of backpropagation through time. The forward pass is right; one of its rules for going back is wrong.

A slip is another rule for some edges of the graph, each from an operation to one of its operands; or the derivatives are
changed when they are ready.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from ....engine.backprop import contribution
from ....engine.graph import Node, Primitive
from ....engine.ops import leaf, scale, sigmoid, square, tanh
from ..numbers import Case, Numbers, Piece, Rule, Slip, Sum, Variant
from ..structure import Edge, Product

LONG = 30_000  # nodes times steps, past which the losses of single steps are not gone back from one by one
WINDOWS = (*range(1, 13), 15, 16, 20, 24, 25, 30, 32, 35, 40, 48, 50, 64, 75, 100, 128, 200, 256, 500)

# ------------------------------------------------------------------------------------------------------ the activation

Slopes = dict[Primitive, tuple[str, Callable[[Node, Node], Node]]]  # what is taken for the slope, from h and from z

SLOPES: dict[str, Slopes] = {
    "of z": {
        tanh: ("1 - z² for 1 - h²", lambda h, z: 1 - square(z)),
        sigmoid: ("z (1 - z) for h (1 - h)", lambda h, z: z * (1 - z)),
    },
    "of h again": {
        tanh: ("1 - tanh(h)² for 1 - h²", lambda h, z: 1 - square(tanh(h))),
        sigmoid: ("σ(h) (1 - σ(h)) for h (1 - h)", lambda h, z: sigmoid(h) * (1 - sigmoid(h))),
    },
    "of another": {
        tanh: ("h (1 - h) for 1 - h²", lambda h, z: h * (1 - h)),
        sigmoid: ("1 - h² for h (1 - h)", lambda h, z: 1 - square(h)),
    },
    "inverted": {
        tanh: ("1 / (1 - h²) for 1 - h²", lambda h, z: leaf(np.ones(h.shape)) / (1 - square(h))),
        sigmoid: ("1 / (h (1 - h)) for h (1 - h)", lambda h, z: leaf(np.ones(h.shape)) / (h * (1 - h))),
    },
    "not squared": {tanh: ("1 - h for 1 - h²", lambda h, z: 1 - h)},
}


def _slope(which: str) -> Callable[[Case], Iterator[Variant]]:
    def variants(case: Case) -> Iterator[Variant]:
        for op, (detail, slope) in SLOPES[which].items():

            def rule(g: Node, y: Node, place: int, slope: Callable[[Node, Node], Node] = slope) -> Node:
                return g * slope(y, y.args[0])

            bent = [n for n in case.net.bent if n.op is op]
            for where, nodes in case.net.by_layer(bent, case.net.layer_of):
                yield case.along(" ".join(filter(None, [detail, where])), _first(nodes), rule)

    return variants


def _first(nodes: Iterable[Node]) -> list[Edge]:
    return [(node, 0) for node in nodes]


def _as_it_came(g: Node, y: Node, place: int) -> Node:
    return g


def _nothing(g: Node, y: Node, place: int) -> None:
    return None


def _no_slope(case: Case) -> Iterator[Variant]:
    net = case.net
    for where, nodes in net.by_layer(net.bent, net.layer_of):
        yield case.along(where or "everywhere", _first(nodes), _as_it_came)
    if net.bent:
        inside = {p.node for p in net.products if p.node in net.recurrent}
        back = [p.edge for p in net.carrying]
        weights = [e for p in net.products if p.node in inside for e in [p.to_weight]]
        weights += [e for edges in net.biases.values() for e in edges if e[0] in net.recurrent]
        yield _before_the_slope(case, "for what goes back to the step before", back)
        yield _before_the_slope(case, "for the weights", weights)


def _before_the_slope(case: Case, detail: str, edges: list[Edge]) -> Variant:
    """dL/dh_t in place of dL/dz_t along these edges of the operations that it goes back through."""
    arrived: dict[tuple[int | None, str | None], Node] = {}
    layer_of = case.net.layer_of

    def noting(g: Node, y: Node, place: int) -> Node | None:
        arrived[y.step, layer_of(y)] = g
        return contribution(g, y, place)

    def early(g: Node, y: Node, place: int) -> Node | None:
        known = arrived.get((y.step, layer_of(y)), g)
        return contribution(known if known.shape == g.shape else g, y, place)

    rules: dict[Edge, Rule] = {**dict.fromkeys(_first(case.net.bent), noting), **dict.fromkeys(edges, early)}
    return case.by_rules(detail, rules, at=case.net.bent[-1])


# ---------------------------------------------------------------------------------------------------- what is carried back


def _not_transposed(case: Case) -> Iterator[Variant]:
    for W, products in case.net.matrices.items():
        if W.ndim == 2 and W.shape[0] == W.shape[1] and W.value.size > 1:
            yield case.along(str(W.name), [p.edge for p in products], _once_more)


def _once_more(g: Node, y: Node, place: int) -> Node:
    """The product itself, of what goes back: by W, where Wᵀ is right."""
    return y.op(*[g if i == place else x for i, x in enumerate(y.args)], **y.attrs)


def _crossing(case: Case) -> Iterator[tuple[str, list[Edge]]]:
    """What goes from one step to another: of all states, and of each."""
    edges = case.net.crossing
    yield "", list(edges)
    if len(case.net.states) > 1:
        yield from (
            (f"of {name}", [e for e, s in edges.items() if case.net.state_of[s] == name]) for name in case.net.states
        )


def _dropped(case: Case) -> Iterator[Variant]:
    for where, edges in _crossing(case):
        if edges:
            yield case.along(where, edges, _nothing)


def _without_the_kernel(case: Case) -> Iterator[Variant]:
    net = case.net
    for where, nodes in net.by_layer([p.node for p in net.carrying], net.layer_of):
        yield case.along(where, [p.edge for p in net.carrying if p.node in nodes], _as_it_came)


def _of_the_wrong_step(case: Case) -> Iterator[Variant]:
    def earlier(sent: list[Node]) -> Node:
        return sent[-2] if len(sent) > 1 else scale(sent[0], p=0.0)

    yield _remembering(case, "that of the step after the next", earlier)
    yield _remembering(case, "those of all later steps, summed", lambda sent: functools.reduce(operator.add, sent))


def _remembering(case: Case, detail: str, which: Callable[[list[Node]], Node]) -> Variant:
    """What goes back to h_t is chosen among all that the later steps have sent, the last one last."""
    sent: dict[str | None, list[Node]] = {}

    def rule(g: Node, y: Node, place: int) -> Node | None:
        right = contribution(g, y, place)
        if right is None:
            return None
        sent.setdefault(case.net.layer_of(y), []).append(right)
        return which(sent[case.net.layer_of(y)])

    return case.along(detail, [p.edge for p in case.net.carrying], rule)


def _truncated(case: Case) -> Iterator[Variant]:
    net, T = case.net, case.net.T
    windows = [w for w in WINDOWS if w < T]
    for w in windows:
        for start, where in ((0, ""), (T % w, ", counted from the last step")):
            cut = [(y, i) for (y, i), s in net.crossing.items() if _chunk(y, w, start) != _chunk(s, w, start)]
            if cut and (start or not where):
                yield case.along(f"after {_steps(w)}{where}", cut, _nothing, wrong=f"for t in reversed(range(T - {w}, T)):")
    if len(set(net.losses.values())) > 1 and len(net.forward) * T <= LONG:
        yield from (Variant(f"after {_steps(w)}, for the loss of each step", functools.partial(_windowed, case, w),
                            f"for k in range(t, max(-1, t - {w}), -1):", "for k in range(t, -1, -1):")
                    for w in windows)  # fmt: skip
    else:
        for w in windows:
            cut = [(y, i) for (y, i), s in net.crossing.items() if max(y.step or 0, s.step or 0) <= T - w + 1]
            yield case.along(f"after {_steps(w)}", cut, _nothing, wrong=f"for t in reversed(range(T - {w}, T)):")


def _steps(w: int) -> str:
    return f"{w} step{'s' * (w > 1)}"


def _chunk(node: Node, w: int, start: int) -> int:
    return ((node.step or 1) - 1 - start) // w if node.step else -start // w if start else 0


def _windowed(case: Case, w: int) -> Numbers:
    """The sum over the losses of the steps, each of which goes back through so many steps."""
    net, parts = case.net, []
    for t in sorted(set(net.losses.values())):
        others = {edge: _nothing for edge, step in net.losses.items() if step != t}
        far = {edge: _nothing for edge, s in net.crossing.items() if max(edge[0].step or 0, s.step or 0) <= t - w + 1}
        parts.append(Numbers(net, rules=others | far))
    return Sum(parts)


# ------------------------------------------------------------------------------------------------------------- the loss


def _last_loss_only(case: Case) -> Iterator[Variant]:
    net = case.net
    if len(steps := set(net.losses.values())) < 2:
        return
    last, T = max(steps), len(steps)
    earlier = [edge for edge, step in net.losses.items() if step != last]
    yield case.along("", earlier, _nothing)

    def undivided(g: Node, y: Node, place: int) -> Node | None:
        right = contribution(g, y, place)
        return right and scale(right, p=float(T))

    kept = {edge: undivided for edge, step in net.losses.items() if step == last}
    yield case.by_rules("and it is not divided by T", {**dict.fromkeys(earlier, _nothing), **kept})
    leading = net.recurrent
    heads = [
        (y, i) for y in net.forward for i, x in enumerate(y.args)
        if (s := net.origin(x)) in net.state_of and y not in leading and s.step not in (None, 0, last)
    ]  # fmt: skip
    if heads:
        yield case.along("though the head's own gradients have all of them", heads, _nothing)


def _loss_at_every_step(case: Case) -> Iterator[Variant]:
    """The loss is at the last step only, and what it sends back is added to every dL/dh_t."""
    net = case.net
    if len(set(net.losses.values())) > 1 or not net.states:
        return
    name = net.states[-1]
    start, end = net.ends(name)
    sent = leaf(case.right.of(Piece(end.step, end, derivative=True)))

    def more(g: Node, y: Node, place: int) -> Node | None:
        right = contribution(g, y, place)
        return right and right + sent if right is not None and right.shape == sent.shape else right

    later = [edge for edge, s in net.crossing.items() if net.state_of[s] == name and s is not start]
    if later:
        yield case.along("", later, more)


# ------------------------------------------------------------------------------------------------------- the parameters


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
            yield case.along(f"for {names}, {detail}", lost, _nothing)


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


CARRY = "dh_next = {back}"
MEAN = "dy = 2 * ({y} - Y) / {y}.size"
LOSS = "dh = {home} + dh_next"
SUM = "d{Wh} += {grown}"
DZ = "dz = dh * {slope}"
SLIPS = [
    Slip("slope left out", "the slope of the activation is left out: dL/dh_t stands where dL/dz_t should",
         "dz = dh", DZ, _no_slope),
    Slip("slope of z", "the slope of the activation is computed from z in place of h",
         "dz = dh * (1 - z[t]**2)", DZ + "  # or 1 - np.tanh(z[t])**2", _slope("of z")),
    Slip("slope of h again", "the slope is taken at {h}, which is the activation already: the activation is applied twice",
         "dz = dh * (1 - np.tanh({h}[t])**2)", DZ, _slope("of h again")),
    Slip("slope of another activation", "the slope is that of another activation",
         "dz = dh * {h}[t] * (1 - {h}[t])", DZ + "  # h (1 - h) is that of the sigmoid", _slope("of another")),
    Slip("slope inverted", "it is divided by the slope in place of multiplied by it",
         "dz = dh / {slope}", DZ, _slope("inverted")),
    Slip("slope not squared", "the square in the slope is missing",
         "dz = dh * (1 - {h}[t])", DZ, _slope("not squared")),
    Slip("matrix not transposed", "the matrix is not transposed on the way back",
         "dh_next = {unturned}", CARRY, _not_transposed),
    Slip("dh_next dropped", "what later steps send back is dropped: no gradient goes from one step to the one before",
         "dh = {home}", LOSS, _dropped),
    Slip("dh_next without W_h", "what is sent back to the step before is not multiplied by {Wh}",
         "dh_next = dz", CARRY, _without_the_kernel),
    Slip("dh_next of the wrong step", "what later steps send back comes from the wrong step",
         LOSS + "  # before dh_next is renewed", CARRY + "  # once at the end of every step", _of_the_wrong_step),
    Slip("loss of the last step only", "only the loss of the last step only is sent back, and there is one at every step",
         "dh = dh_next  # and dy[T-1] before the loop", LOSS, _last_loss_only),
    Slip("loss at every step", "the loss's gradient is added at every step, and there is a loss at the last only",
         LOSS + "  # in the loop", "dh_next = {home}  # before the loop, and dh = dh_next in it", _loss_at_every_step),
    Slip("gradient overwritten", "the gradient is overwritten at every step in place of summed",
         "d{Wh} = {grown}", SUM, _overwritten),
    Slip("h_t for h_{t-1}", "the gradient of {Wh} is made with {h}_t in place of {h}_{{t-1}}, of the step before",
         "d{Wh} += {grown_now}", SUM, _state_of_the_same_step),
    Slip("truncated", "the backward pass is truncated: it is cut off",
         "for t in reversed(range(T - k, T)):", "for t in reversed(range(T)):", _truncated),
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


def _outputs(case: Case) -> tuple[int, int]:
    """The number of outputs of a sample, and the size of the whole output."""
    value: Any = case.net.outputs[0].value
    return (value.shape[-1] if value.ndim else 1), max(value.size, 1)
