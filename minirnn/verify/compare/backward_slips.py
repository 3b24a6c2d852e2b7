"""Slips of backpropagation through time. The forward pass is right; one of its rules for going back is wrong.

A slip is made by giving some operations another rule and going back through the same graph, or by changing the
derivatives when they are ready.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ...engine.graph import Node, Primitive
from ...engine.ops.basic import average, leaf, matmul, portion, scale, sigmoid, spread, square, tanh, transpose
from .variants import Make, Network, Slip, Variant

# ------------------------------------------------------------------------------------------------------ the activation

SLOPES: dict[str, dict[Primitive, tuple[str, Callable[[Node, Node, Node], Node]]]] = {
    "of z": {
        tanh: ("1 - z² for 1 - h²", lambda g, y, z: g * (1 - square(z))),
        sigmoid: ("z (1 - z) for h (1 - h)", lambda g, y, z: g * z * (1 - z)),
    },
    "of another": {
        tanh: ("h (1 - h) for 1 - h²", lambda g, y, z: g * y * (1 - y)),
        sigmoid: ("1 - h² for h (1 - h)", lambda g, y, z: g * (1 - square(y))),
    },
}


def _slope(which: str) -> Callable[[Network], Iterator[Variant]]:
    def variants(net: Network) -> Iterator[Variant]:
        for op, (detail, rule) in SLOPES[which].items():
            bent = [n for n in _bent(net) if n.op is op]
            if bent:
                yield net.at(detail, bent, _going(op, {0: rule}))

    return variants


def _bent(net: Network) -> list[Node]:
    """The states that are an activation of something."""
    return [n for n in net.trace.forward if net.is_state(n) and n.step and len(n.args) == 1]


def _no_slope(net: Network) -> Iterator[Variant]:
    bent = _bent(net)
    for where, nodes in net.by_layer(bent):
        yield net.at(where or "everywhere", nodes, _going(nodes[0].op, {0: lambda g, y, x: g}))
    if bent:
        yield _before_the_slope(net, "for what goes back to h_{t-1}", bent, {0: lambda n: n in net.carrying})
        yield _before_the_slope(net, "for the weights", bent, {0: lambda n: n.op is spread, 1: lambda n: n.op is matmul})


def _going(op: Primitive, rules: dict[int, Any]) -> Make:
    """The same operation, that goes back by other rules."""
    wrong = _with_rules(op, rules)
    return lambda node, args: wrong(*args, **node.attrs)


def _before_the_slope(net: Network, detail: str, bent: list[Node], where: dict[int, Callable[[Node], bool]]) -> Variant:
    """dL/dh_t in place of dL/dz_t at these operands of the operations that it goes back through."""
    arrived: dict[tuple[int | None, str | None], Node] = {}
    layers = {node: bend.name for bend in bent for node in _within(bend, net)}

    def change(node: Node, args: tuple[Node, ...]) -> Node | None:
        if node in bent:

            def noting(g: Node, y: Node, x: Node, **attrs: Any) -> Node:
                arrived[node.step, node.name] = g
                return node.op.vjp[0](g, y, x, **attrs)  # type: ignore[index,misc,return-value]

            return _with_rules(node.op, {0: noting})(*args, **node.attrs)
        rules = {}
        for position, applies in where.items():
            if node in layers and applies(node):
                key, right = (node.step, layers[node]), node.op.vjp[position]  # type: ignore[index]
                rules[position] = lambda g, y, *xs, key=key, right=right: right(arrived[key], y, *xs)
        return _with_rules(node.op, rules)(*args, **node.attrs) if rules else None

    return net.changed(detail, change)


def _within(bend: Node, net: Network) -> Iterator[Node]:
    """The sums, products and biases inside the activation of a state."""
    waiting = list(bend.args)
    while waiting:
        node = waiting.pop()
        yield node
        if node.op not in (matmul, spread) and not net.is_state(node):
            waiting.extend(node.args)


# ---------------------------------------------------------------------------------------------------- what is carried back


def _not_transposed(net: Network) -> Iterator[Variant]:
    for W in net.parameters(ndim=2):
        if W.shape[0] == W.shape[1]:
            yield net.at(str(W.name), net.products(W), _going(matmul, {0: lambda g, y, x, W: g @ W}))


def _dropped(net: Network) -> Iterator[Variant]:
    for where, nodes in net.by_layer(net.carrying):
        yield net.at(where, nodes, _going(matmul, {0: _nothing}))


def _without_the_kernel(net: Network) -> Iterator[Variant]:
    for where, nodes in net.by_layer(net.carrying):
        yield net.at(where, nodes, _going(matmul, {0: lambda g, y, h, W: g}))


def _of_the_wrong_step(net: Network) -> Iterator[Variant]:
    yield _remembering(
        net, "that of the step after the next", lambda sent: sent[-2] if len(sent) > 1 else scale(sent[0], p=0.0)
    )
    yield _remembering(net, "those of all later steps, summed", lambda sent: functools.reduce(operator.add, sent))


def _remembering(net: Network, detail: str, which: Callable[[list[Node]], Node]) -> Variant:
    """What goes back to h_t is chosen among all that the later steps have sent, the last one last."""
    sent: dict[str | None, list[Node]] = {}

    def make(node: Node, args: tuple[Node, ...]) -> Node:
        def rule(g: Node, y: Node, h: Node, W: Node) -> Node:
            sent.setdefault(node.args[0].name, []).append(g @ transpose(W))
            return which(sent[node.args[0].name])

        return _with_rules(matmul, {0: rule})(*args)

    return net.at(detail, net.carrying, make)


# ------------------------------------------------------------------------------------------------------------- the loss


def _last_loss_only(net: Network) -> Iterator[Variant]:
    averages = [n for n in net.trace.forward if n.op is average]
    if averages:
        yield net.at("", averages, _of_the_last(lambda g, T: portion(g, T=T)))
        yield net.at("and it is not divided by T", averages, _of_the_last(lambda g, T: g))


def _of_the_last(share: Callable[[Node, int], Node]) -> Make:
    def rule(g: Node, y: Node, position: int) -> Node | None:
        return share(g, len(y.args)) if position + 1 == len(y.args) else None

    wrong = Primitive(average.name, average.numpy, rule, average.sympy, average.label)
    return lambda node, args: wrong(*args)


def _loss_at_every_step(net: Network) -> Iterator[Variant]:
    """The head is at the last step only, and what it sends back is added to every dL/dh_t."""
    if net.trace.output.ndim == 2 and net.states:
        name = net.states[-1]
        start, end = net.ends(name)
        sent = leaf(net.trace.adjoint(name, end.step))
        later = [n for n in net.carrying if n.args[0].name == name and n.args[0] is not start]
        yield net.at("", later, _going(matmul, {0: lambda g, y, h, W: g @ transpose(W) + sent}))


# ------------------------------------------------------------------------------------------------------- the parameters


def _overwritten(net: Network) -> Iterator[Variant]:
    uses = {W: [n for n in net.trace.forward if W in n.args and n.step] for W in net.trace.parameters.values()}
    several = [W for W, nodes in uses.items() if len(nodes) > 1]
    for chosen in [several] * (len(several) > 1) + [[W] for W in several]:
        names = " and ".join(str(W.name) for W in chosen)
        for detail, kept in [("the first step's is left", 1), ("the last step's is left", net.T)]:
            lost = [n for W in chosen for n in uses[W] if n.step != kept]
            yield net.at(f"for {names}, {detail}", lost, _sending_nothing_to(set(chosen)))


def _sending_nothing_to(lost: set[Node]) -> Make:
    def make(node: Node, args: tuple[Node, ...]) -> Node:
        return _with_rules(node.op, {i: _nothing for i, x in enumerate(node.args) if x in lost})(*args, **node.attrs)

    return make


def _nothing(*_: Any, **__: Any) -> None:
    return None


def _state_of_the_same_step(net: Network) -> Iterator[Variant]:
    made: dict[tuple[str | None, int | None], Node] = {}

    def change(node: Node, args: tuple[Node, ...]) -> Node | None:
        if net.is_state(node):
            made[node.name, node.step] = new = node.op(*args, **node.attrs) if args else node
            return new
        if node not in net.carrying:
            return None
        own = node.args[0].name, node.step

        def rule(g: Node, y: Node, h: Node, W: Node) -> Node:
            return transpose(made.get(own, h)) @ g  # made after its product, and asked for on the way back

        return _with_rules(matmul, {1: rule})(*args)

    yield net.changed("", change)


def _wrong_axis(net: Network) -> Iterator[Variant]:
    across = Primitive("sum over units", "{0}.sum(1)", (None,), lambda S, x: x, "")
    for b in net.parameters(ndim=1):
        yield net.at(f"for {b.name}", net.spreads(b), _going(spread, {0: lambda g, y, b, like: across(g)}))


def _factors(*factors: Callable[[Network], float]) -> Callable[[Network], Iterator[Variant]]:
    """Every derivative, or that of one parameter, times a number."""

    def variants(net: Network) -> Iterator[Variant]:
        for factor in dict.fromkeys(factor(net) for factor in factors):
            for only in [None, *net.trace.parameters] if factor != 1 else []:
                detail = f"{'every derivative' if only is None else f'dL/d{only}'} is {_times(factor)}"
                yield net.afterwards(detail, functools.partial(np.multiply, factor), only)

    return variants


def _times(factor: float) -> str:
    return f"{factor:g} times too large" if factor >= 1 else f"{1 / factor:g} times too small"


def _sign(net: Network) -> Iterator[Variant]:
    for only in [None, *net.trace.parameters]:
        yield net.afterwards("of every derivative" if only is None else f"of dL/d{only}", np.negative, only)


def _gradient_transposed(net: Network) -> Iterator[Variant]:
    for only in [None, *(W.name for W in net.parameters(ndim=2))]:
        detail = "that of every matrix" if only is None else f"dL/d{only}"
        yield net.afterwards(detail, lambda found: found.T if found.ndim == 2 else found, only)


def _with_rules(op: Primitive, rules: dict[int, Any]) -> Primitive:
    """The operation with other rules for some of its operands."""
    assert isinstance(op.vjp, tuple)
    return Primitive(
        op.name,
        op.numpy,
        tuple(rules.get(position, rule) for position, rule in enumerate(op.vjp)),
        op.sympy,
        op.label,
        op.shapes,
    )


CARRY = "dh_next = dz @ W_h.T"
SLIPS = [
    Slip(
        "slope left out",
        "the slope of the activation is left out: dL/dh_t stands where dL/dz_t should",
        "dz = dh",
        "dz = dh * (1 - h[t]**2)",
        _no_slope,
    ),
    Slip(
        "slope of z",
        "the slope of the activation is computed from z in place of h",
        "dz = dh * (1 - z[t]**2)",
        "dz = dh * (1 - h[t]**2)  # or 1 - np.tanh(z[t])**2",
        _slope("of z"),
    ),
    Slip(
        "slope of another activation",
        "the slope is that of another activation",
        "dz = dh * h[t] * (1 - h[t])",
        "dz = dh * (1 - h[t]**2)  # of tanh; h (1 - h) is that of the sigmoid",
        _slope("of another"),
    ),
    Slip(
        "matrix not transposed",
        "the matrix is not transposed on the way back",
        "dh_next = dz @ W_h",
        CARRY,
        _not_transposed,
    ),
    Slip(
        "dh_next dropped",
        "what later steps send back is dropped: no gradient goes from one step to the one before",
        "dh = dy[t] @ W_o.T",
        "dh = dy[t] @ W_o.T + dh_next",
        _dropped,
    ),
    Slip(
        "dh_next without W_h",
        "what is sent back to the step before is not multiplied by W_h",
        "dh_next = dz",
        CARRY,
        _without_the_kernel,
    ),
    Slip(
        "dh_next of the wrong step",
        "what later steps send back comes from the wrong step",
        "dh = dy[t] @ W_o.T + dh_next  # before dh_next is renewed, or with +=",
        CARRY + "  # once at the end of every step",
        _of_the_wrong_step,
    ),
    Slip(
        "loss of the last step only",
        "the loss's gradient is added at the last step only, and there is a loss at every step",
        "dh = dh_next  # and dy[T-1] @ W_o.T before the loop",
        "dh = dy[t] @ W_o.T + dh_next",
        _last_loss_only,
    ),
    Slip(
        "loss at every step",
        "the loss's gradient is added at every step, and there is a loss at the last only",
        "dh = dy @ W_o.T + dh_next  # in the loop",
        "dh_next = dy @ W_o.T  # before the loop, and dh = dh_next in it",
        _loss_at_every_step,
    ),
    Slip(
        "gradient overwritten",
        "the gradient is overwritten at every step in place of summed",
        "dW_h = h[t-1].T @ dz",
        "dW_h += h[t-1].T @ dz",
        _overwritten,
    ),
    Slip(
        "h_t for h_{t-1}",
        "the gradient of W_h is made with h_t in place of h_{t-1}",
        "dW_h += h[t].T @ dz",
        "dW_h += h[t-1].T @ dz",
        _state_of_the_same_step,
    ),
    Slip(
        "mean or sum over the batch",
        "the mean over the batch is taken for the sum, or the sum for the mean",
        "dW_h += h[t-1].T @ dz / N  # or no division by N where the loss is a mean",
        "dW_h += h[t-1].T @ dz  # and dy = 2 * (y - Y) / y.size for the mean square error",
        _factors(lambda net: net.N, lambda net: 1 / net.N),
    ),
    Slip(
        "factor 2",
        "a factor 2 is missing, or one too many",
        "dy = (y - Y) / y.size",
        "dy = 2 * (y - Y) / y.size",
        _factors(lambda net: 2, lambda net: 0.5),
    ),
    Slip(
        "factor K",
        "the number of outputs K is missing in the mean, or taken twice",
        "dy = 2 * (y - Y) / N",
        "dy = 2 * (y - Y) / (N * K)",
        _factors(lambda net: net.trace.output.shape[-1], lambda net: 1 / net.trace.output.shape[-1]),
    ),
    Slip(
        "factor T",
        "the number of steps T is missing in the mean over the steps, or there is a division too many",
        "dW_h /= T",
        "dW_h  # the sum over the steps",
        _factors(lambda net: net.T, lambda net: 1 / net.T),
    ),
    Slip(
        "factor N K",
        "the sum over all outputs is taken for their mean",
        "dy = 2 * (y - Y)",
        "dy = 2 * (y - Y) / y.size",
        _factors(lambda net: net.N * net.trace.output.shape[-1], lambda net: net.trace.output.size),
    ),
    Slip(
        "sign",
        "the sign is wrong",
        "dy = 2 * (Y - y) / y.size",
        "dy = 2 * (y - Y) / y.size",
        _sign,
    ),
    Slip(
        "bias over the wrong axis",
        "the gradient of the bias is summed over the units in place of the samples",
        "db_h += dz.sum(axis=1)",
        "db_h += dz.sum(axis=0)",
        _wrong_axis,
    ),
    Slip(
        "gradient transposed",
        "the gradient is transposed",
        "dW_h += dz.T @ h[t-1]",
        "dW_h += h[t-1].T @ dz",
        _gradient_transposed,
    ),
]
