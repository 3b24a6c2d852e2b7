"""Slips of the forward pass: other operations, inputs, initial states or steps than the right ones."""

from __future__ import annotations

import functools
import itertools
import operator
from collections.abc import Callable, Iterator

import numpy as np

from ....engine.graph import Node, Primitive, letters_of, replay
from ....engine.names import Role
from ....engine.ops import leaf, same, scale, transpose, where
from ..numbers import Case, Change, Numbers, Piece, Slip, Variant
from ..structure import BENDS, Structure, summands

MOST_SAMPLES = 64  # of a batch that is run once for each of them
LATE = 4  # steps left out at the end, one after the other

# ------------------------------------------------------------------------------------------------------ the recurrence


def _no_recurrent_product(case: Case) -> Iterator[Variant]:
    for where_, nodes in _carrying(case):
        yield case.at(where_, nodes, lambda node, args: scale(node.op(*args, **node.attrs), p=0.0))


def _carrying(case: Case) -> Iterator[tuple[str, list[Node]]]:
    return case.net.by_layer([p.node for p in case.net.carrying], case.net.layer_of)


def _never_carried(case: Case) -> Iterator[Variant]:
    edges = {p.node: p.place for p in case.net.carrying}
    for where_, nodes in _carrying(case):
        starts: dict[str | None, Node] = {}

        def from_the_start(node: Node, args: tuple[Node, ...], starts: dict[str | None, Node] = starts) -> Node:
            place = edges[node]
            data = starts.setdefault(case.net.layer_of(node), args[place])  # the first that is met
            return node.op(*[data if i == place else x for i, x in enumerate(args)], **node.attrs)

        yield case.at(where_, nodes, from_the_start)


def _transposed(case: Case) -> Iterator[Variant]:
    for W, products in case.net.matrices.items():
        if W.ndim == 2 and W.shape[0] == W.shape[1] and W.value.size > 1:
            places = {p.node: 1 - p.place for p in products}

            def turned(node: Node, args: tuple[Node, ...], places: dict[Node, int] = places) -> Node:
                return node.op(*[transpose(x) if i == places[node] else x for i, x in enumerate(args)], **node.attrs)

            yield case.at(f"{W.name} is transposed", places, turned)


def _exchanged(case: Case) -> Iterator[Variant]:
    """Two weights of one layer, of one shape, each in the other's place."""
    weights = case.net.matrices
    for A, B in itertools.combinations(weights, 2):
        layers = [{case.net.layer_of(p.node) for p in weights[W]} for W in (A, B)]
        if A.shape == B.shape and layers[0] & layers[1]:
            other = {A: leaf(B.value), B: leaf(A.value)}
            yield case.changed(f"{A.name} and {B.name}", lambda node, _, other=other: other.get(node))  # type: ignore[misc]


def _multiplied(case: Case) -> Iterator[Variant]:
    """The recurrent product is multiplied by what comes in, where it is to be added."""
    carried = {p.node for p in case.net.carrying}
    sums = [n for n in case.net.forward if n.op.name == "add" and n in case.net.recurrent
            and any(x in carried for x in n.args) and n.args[0].shape == n.args[1].shape]  # fmt: skip
    yield case.at("", sums, lambda node, args: args[0] * args[1])


# ---------------------------------------------------------------------------------------------------------- the biases


def _biases(factor: float, says: str) -> Callable[[Case], Iterator[Variant]]:
    def variants(case: Case) -> Iterator[Variant]:
        biases = case.net.biases
        for chosen in [[b] for b in biases] + [[*biases]] * (len(biases) > 1):
            places = {y: i for b in chosen for y, i in biases[b]}

            def scaled(node: Node, args: tuple[Node, ...], places: dict[Node, int] = places) -> Node:
                return node.op(*[scale(x, p=factor) if i == places[node] else x for i, x in enumerate(args)])

            yield case.at(f"{' and '.join(str(b.name) for b in chosen)} {says}", places, scaled)

    return variants


# ------------------------------------------------------------------------------------------------------ the activations


def _activated(net: Structure) -> dict[str, list[Node]]:
    """The nodes to which an activation is applied, by the name of what they are or lead to."""
    found: dict[str, list[Node]] = {}
    for node in net.activated:
        name = net.name_of.get(node) or net.layer_of(node)
        if name is not None and (node.name is not None or node in net.recurrent):
            found.setdefault(name, []).append(node)
    return found


def _applying(op: Primitive) -> Change:
    return lambda node, args: op(args[0])


def _no_activation(case: Case) -> Iterator[Variant]:
    for name, nodes in _activated(case.net).items():
        yield case.at(f"of {name}", nodes, _applying(same))


def _another_activation(case: Case) -> Iterator[Variant]:
    for name, nodes in _activated(case.net).items():
        for other, op in BENDS.items():
            if op is not nodes[0].op:
                yield case.at(f"{other} in place of {nodes[0].op.name} for {name}", nodes, _applying(op))


def _activation_too_many(case: Case) -> Iterator[Variant]:
    net = case.net
    ends = {n for out in net.outputs for n in (out.args if out.op.name.startswith("stack") else [out])}
    ends -= {*net.activated, *net.state_of}
    for other, op in BENDS.items() if ends else ():
        yield case.at(f"{other} of y", ends, lambda n, args, op=op: op(n.op(*args, **n.attrs)))  # type: ignore[misc]


def _of_one_summand(case: Case) -> Iterator[Variant]:
    for nodes in _activated(case.net).values():
        count = len(summands(nodes[0].args[0]))
        for size in range(1, count) if nodes[0] in case.net.recurrent and count < 5 else ():
            for inside in itertools.combinations(range(count), size):
                yield case.at(f"to {size} of {count} summands", nodes, _applied_to(set(inside)))


def _applied_to(inside: set[int]) -> Change:
    """The activation of some summands, and the others added to it."""

    def make(node: Node, args: tuple[Node, ...]) -> Node:
        terms = summands(args[0])
        outside = [term for i, term in enumerate(terms) if i not in inside]
        return _sum([node.op(_sum([terms[i] for i in sorted(inside)])), *outside])

    return make


def _sum(terms: list[Node]) -> Node:
    return functools.reduce(operator.add, terms)


# ----------------------------------------------------------------------------------------------------------- the inputs

Order = tuple[str, Callable[[np.ndarray], np.ndarray], str]  # what it is, the sequences in that order, and the line of code


def _inputs(*orders: Order) -> Callable[[Case], Iterator[Variant]]:
    """The sequences (N, T, D) in another order, where that makes a difference; those of a loop have their steps first."""

    def variants(case: Case) -> Iterator[Variant]:
        wide = case.net.wide
        for X in [wide[n] for n in case.net.trace.data if n in wide and n.role is Role.INPUT and n.dtype.kind == "f"]:
            for detail, order, wrong in orders:
                value = X.value if X.ndim == 3 else X.value[None]
                moved = order(value).reshape(X.shape)
                if X.ndim in (2, 3) and not np.array_equal(moved, X.value):
                    other = leaf(np.ascontiguousarray(moved), **X.attrs)
                    yield case.at(detail, [X], lambda node, args, other=other: other, wrong=wrong)  # type: ignore[misc]

    return variants


def _shifted(X: np.ndarray, by: int) -> np.ndarray:
    """The sequence moved by one step, 0 where nothing comes in."""
    moved = np.roll(X, by, axis=1)
    moved[:, 0 if by > 0 else -1] = 0
    return moved


def _repeated(X: np.ndarray, step: int) -> np.ndarray:
    return np.repeat(X[:, [step]], X.shape[1], axis=1)


_reversed = _inputs(("", lambda X: X[:, ::-1], ""))
_one_input = _inputs(
    ("the last, x[-1]", lambda X: _repeated(X, -1), "{h} = {f}({x}[-1] @ {Wx}{plus_b} + {carried})"),
    ("the first, x[0]", lambda X: _repeated(X, 0), "{h} = {f}({x}[0] @ {Wx}{plus_b} + {carried})"),
)
_reshaped = _inputs(("", lambda X: X.reshape(X.shape[1], X.shape[0], -1).swapaxes(0, 1), ""))
_first_sample = _inputs(("", lambda X: np.repeat(X[:1], len(X), axis=0), ""))
_inputs_moved = _inputs(
    (
        "x[t-1] is used at step t, and x[-1], the last, at the first",
        lambda X: np.roll(X, 1, axis=1),
        "{x}[t - 1]  # in the loop",
    ),
    ("x[t-1] is used at step t, and 0 at the first", lambda X: _shifted(X, 1), "{x}[t - 1]  # in the loop"),
    (
        "x[t+1] is used at step t, and the first at the last",
        lambda X: np.roll(X, -1, axis=1),
        "{x}[(t + 1) % T]  # in the loop",
    ),
    ("x[t+1] is used at step t, and 0 at the last", lambda X: _shifted(X, -1), "{x}[t + 1]  # in the loop"),
)


def _off_by_one(case: Case) -> Iterator[Variant]:
    yield from _inputs_moved(case)
    T = case.net.T
    if T > 1:
        yield _skipping(case, "the loop leaves out the first step", {1}, "for t in range(1, T):")
    for k in range(1, min(LATE, T // 2) + 1):
        last = "the last step" if k == 1 else f"the last {k} steps"
        yield _skipping(case, f"the loop leaves out {last}", {*range(T - k + 1, T + 1)}, f"for t in range(T - {k}):")


def _skipping(case: Case, detail: str, steps: set[int], line: str) -> Variant:
    """The states of these steps are still those of the step before."""
    made: dict[tuple[str, int], Node] = {}
    net = case.net

    def change(node: Node, args: tuple[Node, ...]) -> Node | None:
        name = net.state_of.get(node)
        if name is None or node.step is None:
            return None
        before = made.get((name, node.step - 1)) if node.step in steps else None
        made[name, node.step] = new = before or (node.op(*args, **node.attrs) if args else node)
        return new

    return case.changed(detail, change, wrong=line)


def _masked(case: Case) -> Iterator[Variant]:
    """Where a mask carries the state, what was computed is taken at every step."""
    net = case.net
    carried = [y for (y, i), s in net.crossing.items() if y.op is where and i == 2]
    outputs = [n for n in net.forward if n.op is where and n.step and n not in carried]
    yield case.at("", carried, lambda node, args: args[1])
    yield case.at("for the states and the outputs", [*carried, *outputs], lambda node, args: args[1])


# ------------------------------------------------------------------------------------------------------- the initial state


def _starting(case: Case, detail: str, start: Callable[[Node], np.ndarray]) -> Variant:
    return case.at(detail, _starts(case), lambda node, args: leaf(start(node)))


def _starts(case: Case) -> dict[Node, Node]:
    """The initial states, and the last one of each."""
    pairs = map(case.net.ends, case.net.states)
    return {start: end for start, end in pairs if start.step in (0, case.net.T + 1)}


def _ones(case: Case) -> Iterator[Variant]:
    yield _starting(case, "", lambda node: np.ones(node.shape))


def _left_over(case: Case) -> Iterator[Variant]:
    net = case.net
    pairs = _starts(case)
    if not pairs:
        return
    batch = {start: end.value for start, end in pairs.items()}
    yield _starting(case, "from the batch before, here the same one", lambda node: batch[node])
    if 1 < net.N <= MOST_SAMPLES and all(start.shape[:1] == (net.N,) for start in pairs) and not net.trace.is_loop:
        yield Variant("from the sample before", functools.cache(lambda: _in_a_row(case, pairs)))


def _in_a_row(case: Case, pairs: dict[Node, Node]) -> Numbers:
    """Sample n starts with the last state of sample n - 1: each is run alone."""
    net = case.net
    data = [net.wide[node] for node in net.trace.data]
    of_samples = [node for node in data if node.shape[:1] == (net.N,)]
    starts = {start: [start.value[:1]] for start in pairs}
    sizes = letters_of(net.forward) | {"N": 1}
    order = [n for n in net.forward if n.serial <= max(end.serial for end in pairs.values())]
    for n in range(net.N - 1):
        alone = {node: node.value[n : n + 1] for node in of_samples}
        found = replay(order, alone | {start: rows[-1] for start, rows in starts.items()}, sizes=sizes)
        for start, end in pairs.items():
            starts[start].append(found[end])
    return _starting(case, "", lambda node: np.concatenate(starts[node])).numbers()


# -------------------------------------------------------------------------------------------------------------- the head


def _head_of_first_step(case: Case) -> Iterator[Variant]:
    """What comes after the recurrence reads h_1 in place of h_T."""
    net = case.net
    first: dict[str, Node] = {}

    def change(node: Node, args: tuple[Node, ...]) -> Node | None:
        if node in net.state_of and node.step == 1:
            first[net.state_of[node]] = made = node.op(*args, **node.attrs)
            return made
        last = [net.state_of[x] for x in node.args if x in net.state_of and x.step == net.T]
        if node.step is None and last and all(name in first for name in last):
            new = [first[net.state_of[x]] if x in net.state_of else new for x, new in zip(node.args, args)]
            return node.op(*new, **node.attrs)
        return None

    if net.T > 1 and not any(out.op.name.startswith("stack") for out in net.outputs):
        yield case.changed("", change)


def _not_flipped(case: Case) -> Iterator[Variant]:
    """The outputs of a layer that runs backwards are read in the order in which it computes them."""
    net, T = case.net, case.net.T
    steps = {name: net.steps(name) for name in set(net.name_of.values())}
    runs = {name for name, nodes in steps.items() if len(nodes) > 1 and (nodes[0].step or 0) > (nodes[-1].step or 0)}
    made: dict[Node, Node] = {}

    def other(x: Node) -> Node | None:
        name = net.name_of.get(x)
        return net.variables.get((name, T + 1 - (x.step or 0))) if name in runs else None

    def change(node: Node, args: tuple[Node, ...]) -> Node | None:
        if node.step is not None and net.name_of.get(node) not in runs and node not in net.recurrent:
            args = tuple(new if (turned := other(x)) is None else made[turned] for x, new in zip(node.args, args))
        made[node] = new = node.op(*args, **node.attrs) if args else node
        return new

    if runs and T > 1:
        yield case.changed("", change)


def _outputs_reversed(case: Case) -> Iterator[Variant]:
    """The outputs of the steps in reversed order."""
    net, T = case.net, case.net.T
    outputs = {one.quantity.pieces[0].node: one.quantity.pieces for one in case.given
               if len(one.quantity.pieces) == T > 1 and one.quantity.pieces[0].node in net.outputs}  # fmt: skip

    def finish(piece: Piece, found: np.ndarray) -> np.ndarray:
        pieces = outputs.get(piece.node, [])
        return case.right.of(pieces[-1 - pieces.index(piece)]) if piece in pieces else found

    if outputs:
        yield case.finished("", finish)


SLIPS = [
    Slip("no recurrent product", "the recurrent product {carried} is left out",
         "{h} = {f}({inner}{plus_b})", "{loop}", _no_recurrent_product),
    Slip("state not carried on", "every step starts from the initial state: {h} is never carried on to the next step",
         "{h} = {f}({inner}{plus_b} + ...)  # with {h}_last, and {h}_last stays as it was",
         "{h}_last = {h}  # at the end of every step", _never_carried),
    Slip("matrix transposed", "a weight matrix is transposed",
         "{h} = {f}({inner}{plus_b} + {turned})", "{loop}", _transposed),
    Slip("matrices exchanged", "two weight matrices are exchanged, each stands where the other belongs",
         "{h} = {f}({x}[t] @ {Wh}{plus_b} + {h} @ {Wx})", "{loop}", _exchanged),
    Slip("product for sum", "what comes in and what is carried on are multiplied in place of added",
         "{h} = {f}(({inner}{plus_b}) * ({carried}))", "{loop}", _multiplied),
    Slip("no bias", "the bias is left out", "{h} = {f}({inner} + {carried})", "{loop}", _biases(0.0, "left out")),
    Slip("bias twice", "the bias is added twice", "{h} = {f}(({inner} + {b}) + ({carried} + {b}))", "{loop}",
         _biases(2.0, "added twice")),
    Slip("no activation", "the activation is left out", "{h} = {inner}{plus_b} + {carried}", "{loop}", _no_activation),
    Slip("another activation", "another activation is taken", "{h} = sigmoid({inner}{plus_b} + {carried})",
         "{loop}  # tanh is the default of SimpleRNN", _another_activation),
    Slip("an activation too many", "the output has no activation, and one is applied", "{y} = np.tanh({output} + {c})",
         "{y} = {output} + {c}  # a Dense layer has no activation unless one is given", _activation_too_many),
    Slip("activation of one summand", "the activation is applied to a part of the sum only",
         "{h} = {f}({inner}{plus_b}) + {carried}", "{loop}", _of_one_summand),
    Slip("time reversed", "the steps are taken in reversed order",
         "for t in reversed(range(T)):", "for t in range(T):", _reversed),
    Slip("off by one step", "the steps are off by one",
         "for t in range(1, T):", "for t in range(T):  # and {x}[t]", _off_by_one),
    Slip("mask ignored", "the mask is ignored: the state goes on through the steps that it leaves out", "{loop}",
         "{h} = np.where(mask[:, t, None], new, {h})", _masked),
    Slip("one input at every step", "the same input is used at every step", "", "{loop}", _one_input),
    Slip("one sample for all", "the first sample is used for all of them", "x = X[0]  # outside of the loop over samples",
         "x = X[i]  # inside it", _first_sample),
    Slip("samples for steps", "reshape is taken for an exchange of samples and steps", "x = X.reshape(T, N, D)[t]",
         "x = X[:, t]  # or X.transpose(1, 0, 2)[t]", _reshaped),
    Slip("initial state of ones", "the initial state is 1 in place of 0", "{h} = np.ones(M)", "{h} = np.zeros(M)", _ones),
    Slip("initial state left over", "the initial state is the last one of what was computed before",
         "{h} = np.zeros(M)  # once, before the loop over samples", "{h} = np.zeros(M)  # just before the loop over t",
         _left_over),
    Slip("output of the first step", "the output is computed from the first state in place of the last",
         "{y} = {h}s[0] @ {V} + {c}", "{y} = {h}s[-1] @ {V} + {c}", _head_of_first_step),
    Slip("backward half not turned back", "the half that runs backwards is not flipped back into the order of time",
         "np.concatenate([forward, backward], axis=-1)", "np.concatenate([forward, backward[:, ::-1]], axis=-1)",
         _not_flipped),
    Slip("outputs reversed", "the outputs of the steps stand in reversed order", "np.stack({h}s[::-1], axis=1)",
         "np.stack({h}s, axis=1)", _outputs_reversed),
]  # fmt: skip
