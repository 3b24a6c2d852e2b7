"""Slips of the forward pass: each a name, a sentence, the wrong line of code and the right one, and how to make it."""

from __future__ import annotations

import functools
import itertools
import operator
from collections.abc import Callable, Iterator

import numpy as np

from ...engine.graph import Node, Primitive, replay
from ...engine.ops.basic import activations, leaf, leaf_op, matmul, same, scale, spread, transpose
from .variants import Make, Network, Numbers, Slip, Variant

MOST_SAMPLES = 64  # of a batch that is run once for each of them
LOOP = "h = np.tanh(x[t] @ W_x + b_h + h @ W_h)"

# ------------------------------------------------------------------------------------------------------ the recurrence


def _no_recurrent_product(net: Network) -> Iterator[Variant]:
    for where, nodes in net.by_layer(net.carrying):
        yield net.at(where, nodes, lambda node, args: scale(node.op(*args), p=0.0))


def _never_carried(net: Network) -> Iterator[Variant]:
    for where, nodes in net.by_layer(net.carrying):
        starts: dict[str | None, Node] = {}

        def from_the_start(node: Node, args: tuple[Node, ...], starts: dict[str | None, Node] = starts) -> Node:
            return matmul(starts.setdefault(node.args[0].name, args[0]), args[1])  # the first that is met

        yield net.at(where, nodes, from_the_start)


def _transposed(net: Network) -> Iterator[Variant]:
    for W in net.parameters(ndim=2):
        if W.shape[0] == W.shape[1]:
            yield net.at(f"{W.name} is transposed", net.products(W), lambda node, args: args[0] @ transpose(args[1]))


# ---------------------------------------------------------------------------------------------------------- the biases


def _biases(factor: float, says: str) -> Callable[[Network], Iterator[Variant]]:
    def variants(net: Network) -> Iterator[Variant]:
        biases = net.parameters(ndim=1)
        for chosen in [[b] for b in biases] + [biases] * (len(biases) > 1):
            detail = f"{' and '.join(str(b.name) for b in chosen)} {says}"
            yield net.at(detail, net.spreads(*chosen), lambda node, args: spread(scale(args[0], p=factor), args[1]))

    return variants


# ------------------------------------------------------------------------------------------------------ the activations

BENDS = {name: op for name, op in activations.items() if op is not same}


def _activated(net: Network) -> dict[str, list[Node]]:
    """The nodes to which an activation is applied, by name."""
    found: dict[str, list[Node]] = {}
    for node in net.trace.forward:
        if node.name is not None and node.op in BENDS.values():
            found.setdefault(node.name, []).append(node)
    return found


def _applying(op: Primitive) -> Make:
    return lambda node, args: op(args[0])


def _no_activation(net: Network) -> Iterator[Variant]:
    for name, nodes in _activated(net).items():
        yield net.at(f"of {name}", nodes, _applying(same))


def _another_activation(net: Network) -> Iterator[Variant]:
    for name, nodes in _activated(net).items():
        for other, op in BENDS.items():
            if op is not nodes[0].op:
                yield net.at(f"{other} in place of {nodes[0].op.name} for {name}", nodes, _applying(op))


def _activation_too_many(net: Network) -> Iterator[Variant]:
    outputs = [n for n in net.trace.forward if n.name == "y" and n.op not in BENDS.values()]
    for other, op in BENDS.items() if outputs else ():
        yield net.at(f"{other} of y", outputs, lambda node, args, op=op: op(node.op(*args)))  # type: ignore[misc]


def _of_one_summand(net: Network) -> Iterator[Variant]:
    for name, nodes in _activated(net).items():
        count = len(_summands(nodes[0].args[0]))
        for size in range(1, count) if name in net.states else ():
            for inside in itertools.combinations(range(count), size):
                yield net.at(f"to {size} of {count} summands", nodes, _applied_to(set(inside)))


def _applied_to(inside: set[int]) -> Make:
    """The activation of some summands, and the others added to it."""

    def make(node: Node, args: tuple[Node, ...]) -> Node:
        terms = _summands(args[0])
        outside = [term for i, term in enumerate(terms) if i not in inside]
        return _sum([node.op(_sum([terms[i] for i in sorted(inside)])), *outside])

    return make


def _summands(z: Node) -> list[Node]:
    return [*_summands(z.args[0]), *_summands(z.args[1])] if z.op.name == "add" else [z]


def _sum(terms: list[Node]) -> Node:
    return functools.reduce(operator.add, terms)


# ----------------------------------------------------------------------------------------------------------- the inputs


def _inputs(*orders: tuple[str, Callable[[np.ndarray], np.ndarray]]) -> Callable[[Network], Iterator[Variant]]:
    """The sequences in another order, where that makes a difference."""

    def variants(net: Network) -> Iterator[Variant]:
        for X in [n for n in net.trace.forward if n.attrs.get("role") == "input" and n.ndim == 3]:
            for detail, order in orders:
                if not np.array_equal(order(X.value), X.value):
                    other = leaf(np.ascontiguousarray(order(X.value)), **X.attrs)
                    yield net.at(detail, [X], lambda node, args, other=other: other)  # type: ignore[misc]

    return variants


def _shifted(X: np.ndarray, by: int) -> np.ndarray:
    """The sequence moved by one step, 0 where nothing comes in."""
    moved = np.roll(X, by, axis=1)
    moved[:, 0 if by > 0 else -1] = 0
    return moved


def _repeated(X: np.ndarray, step: int) -> np.ndarray:
    return np.repeat(X[:, [step]], X.shape[1], axis=1)


_reversed = _inputs(("", lambda X: X[:, ::-1]))
_one_input = _inputs(
    ("the last, x[-1]", lambda X: _repeated(X, -1)),
    ("the first, x[0]", lambda X: _repeated(X, 0)),
)
_reshaped = _inputs(("", lambda X: X.reshape(X.shape[1], X.shape[0], -1).swapaxes(0, 1)))
_first_sample = _inputs(("", lambda X: np.repeat(X[:1], len(X), axis=0)))
_inputs_moved = _inputs(
    ("x[t-1] is used at step t, and x[-1], the last, at the first", lambda X: np.roll(X, 1, axis=1)),
    ("x[t-1] is used at step t, and 0 at the first", lambda X: _shifted(X, 1)),
    ("x[t+1] is used at step t, and the first at the last", lambda X: np.roll(X, -1, axis=1)),
    ("x[t+1] is used at step t, and 0 at the last", lambda X: _shifted(X, -1)),
)


def _off_by_one(net: Network) -> Iterator[Variant]:
    yield from _inputs_moved(net)
    if net.T > 1:
        yield _skipping(net, "the loop leaves out the first step", 1)
        yield _skipping(net, "the loop leaves out the last step", net.T)


def _skipping(net: Network, detail: str, step: int) -> Variant:
    """The states of `step` are still those of the step before."""
    made: dict[tuple[str | None, int | None], Node] = {}

    def change(node: Node, args: tuple[Node, ...]) -> Node | None:
        if not net.is_state(node) or node.step is None:
            return None
        before = made.get((node.name, step - 1)) if node.step == step else None
        made[node.name, node.step] = new = before or (node.op(*args, **node.attrs) if args else node)
        return new

    return net.changed(detail, change)


# ------------------------------------------------------------------------------------------------------- the initial state


def _starting(net: Network, detail: str, start: Callable[[Node], np.ndarray]) -> Variant:
    return net.at(detail, [net.ends(name)[0] for name in net.states], lambda node, args: leaf(start(node)))


def _ones(net: Network) -> Iterator[Variant]:
    yield _starting(net, "", lambda node: np.ones(node.shape))


def _left_over(net: Network) -> Iterator[Variant]:
    pairs = dict(net.ends(name) for name in net.states)
    if not pairs:
        return
    batch = {start: end.value for start, end in pairs.items()}
    yield _starting(net, "from the batch before, here the same one", lambda node: batch[node])
    if 1 < net.N <= MOST_SAMPLES and all(start.ndim == 2 for start in pairs):
        yield Variant("from the sample before", functools.cache(lambda: _in_a_row(net, pairs)))


def _in_a_row(net: Network, pairs: dict[Node, Node]) -> Numbers:
    """Sample n starts with the last state of sample n - 1: each is run alone."""
    of_samples = [node for node in net.trace.forward if node.op is leaf_op and node.attrs["dims"][:1] == ("N",)]
    starts = {start: [start.value[:1]] for start in pairs}
    for n in range(net.N - 1):
        alone = {node: node.value[n : n + 1] for node in of_samples}
        found = replay(net.trace.forward, alone | {start: rows[-1] for start, rows in starts.items()})
        for start, end in pairs.items():
            starts[start].append(found[end])
    return _starting(net, "", lambda node: np.concatenate(starts[node])).numbers()


# -------------------------------------------------------------------------------------------------------------- the head


def _head_of_first_step(net: Network) -> Iterator[Variant]:
    """What comes after the recurrence reads h_1 in place of h_T."""
    first: dict[str | None, Node] = {}

    def change(node: Node, args: tuple[Node, ...]) -> Node | None:
        if net.is_state(node) and node.step == 1:
            first[node.name] = made = node.op(*args, **node.attrs)
            return made
        last = [x for x in node.args if net.is_state(x) and x.step == net.T]
        if node.step is None and last and all(x.name in first for x in last):
            return node.op(*[first[x.name] if net.is_state(x) else new for x, new in zip(node.args, args)], **node.attrs)
        return None

    if net.T > 1 and net.trace.output.ndim == 2:
        yield net.changed("", change)


SLIPS = [
    Slip(
        "no recurrent product",
        "the recurrent product h W_h is left out",
        "h = np.tanh(x[t] @ W_x + b_h)",
        LOOP,
        _no_recurrent_product,
    ),
    Slip(
        "state not carried on",
        "every step starts from the initial state: h is never carried on to the next step",
        "h = np.tanh(x[t] @ W_x + b_h + h_last @ W_h)  # and h_last stays as it was",
        "h_last = h  # at the end of every step",
        _never_carried,
    ),
    Slip(
        "matrix transposed",
        "a weight matrix is transposed",
        "h = np.tanh(W_x.T @ x[t] + b_h + W_h @ h)  # W_h without .T",
        LOOP + "  # or, with columns, W_x.T @ x[t] + b_h + W_h.T @ h",
        _transposed,
    ),
    Slip(
        "no bias",
        "the bias is left out",
        "h = np.tanh(x[t] @ W_x + h @ W_h)",
        LOOP,
        _biases(0.0, "left out"),
    ),
    Slip(
        "bias twice",
        "the bias is added twice",
        "h = np.tanh((x[t] @ W_x + b_h) + (h @ W_h + b_h))",
        LOOP,
        _biases(2.0, "added twice"),
    ),
    Slip(
        "no activation",
        "the activation is left out",
        "h = x[t] @ W_x + b_h + h @ W_h",
        LOOP,
        _no_activation,
    ),
    Slip(
        "another activation",
        "another activation is taken",
        "h = sigmoid(x[t] @ W_x + b_h + h @ W_h)",
        LOOP + "  # tanh is the default of SimpleRNN",
        _another_activation,
    ),
    Slip(
        "an activation too many",
        "the output has no activation, and one is applied",
        "y = np.tanh(h @ W_o + b_o)",
        "y = h @ W_o + b_o  # a Dense layer has no activation unless one is given",
        _activation_too_many,
    ),
    Slip(
        "activation of one summand",
        "the activation is applied to a part of the sum only",
        "h = np.tanh(x[t] @ W_x + b_h) + h @ W_h",
        LOOP,
        _of_one_summand,
    ),
    Slip(
        "time reversed",
        "the steps are taken in reversed order",
        "for t in reversed(range(T)):",
        "for t in range(T):",
        _reversed,
    ),
    Slip(
        "off by one step",
        "the steps are off by one",
        "for t in range(1, T):  # or x[t - 1]",
        "for t in range(T):  # and x[t]",
        _off_by_one,
    ),
    Slip(
        "one input at every step",
        "the same input is used at every step",
        "h = np.tanh(x[-1] @ W_x + b_h + h @ W_h)",
        LOOP,
        _one_input,
    ),
    Slip(
        "one sample for all",
        "the first sample is used for all of them",
        "x = X[0]  # outside of the loop over samples",
        "x = X[i]  # inside it",
        _first_sample,
    ),
    Slip(
        "samples for steps",
        "reshape is taken for an exchange of samples and steps",
        "x = X.reshape(T, N, D)[t]",
        "x = X[:, t]  # or X.transpose(1, 0, 2)[t]",
        _reshaped,
    ),
    Slip(
        "initial state of ones",
        "the initial state is 1 in place of 0",
        "h = np.ones(M)",
        "h = np.zeros(M)",
        _ones,
    ),
    Slip(
        "initial state left over",
        "the initial state is the last one of what was computed before",
        "h = np.zeros(M)  # once, before the loop over samples",
        "h = np.zeros(M)  # for every sample, just before the loop over t",
        _left_over,
    ),
    Slip(
        "output of the first step",
        "the output is computed from the first state in place of the last",
        "y = hs[0] @ W_o + b_o",
        "y = hs[-1] @ W_o + b_o",
        _head_of_first_step,
    ),
]
