"""Slips of one step: another product, bias or activation than the right one."""

from __future__ import annotations

import functools
import itertools
import operator
from collections.abc import Callable, Iterator

from ....engine.graph import Node, Primitive
from ....engine.ops import leaf, same, scale, transpose
from ..numbers import Case, Change, Slip, Variant, without
from ..structure import BENDS, Structure, summands


def _no_recurrent_product(case: Case) -> Iterator[Variant]:
    for where_, nodes in _carrying(case):
        yield case.at(where_, nodes, without)


def _carrying(case: Case) -> Iterator[tuple[str, list[Node]]]:
    return case.net.by_layer([p.node for p in case.net.carrying], case.net.layer_of)


def _never_carried(case: Case) -> Iterator[Variant]:
    edges = {p.node: p.place for p in case.net.carrying}
    for where_, nodes in _carrying(case):
        starts: dict[str | None, Node] = {}

        def the_first(node: Node, x: Node, starts: dict[str | None, Node] = starts) -> Node:
            return starts.setdefault(case.net.layer_of(node), x)

        yield case.operands(where_, {node: edges[node] for node in nodes}, the_first)


def _transposed(case: Case) -> Iterator[Variant]:
    for W, products in case.net.matrices.items():
        if W.ndim == 2 and W.shape[0] == W.shape[1] and W.value.size > 1:
            places = {p.node: 1 - p.place for p in products}
            lines = _lines(case.net, list(places), "{y} = {output_turned}{plus_c}")
            yield case.operands(f"{W.name} is transposed", places, lambda _, x: transpose(x), **lines)


def _lines(net: Structure, nodes: list[Node], wrong: str) -> dict[str, str]:
    """The lines of a slip of the output, where none of the nodes is part of a recurrence."""
    outside = nodes and not any(node in net.recurrent for node in nodes)
    return {"wrong": wrong, "right": "{y} = {output}{plus_c}"} if outside else {}


def _exchanged(case: Case) -> Iterator[Variant]:
    """Two weights of one layer, of one shape, each in the other's place."""
    weights = case.net.matrices
    for A, B in itertools.combinations(weights, 2):
        layers = [{case.net.layer_of(p.node) for p in weights[W]} for W in (A, B)]
        if A.shape == B.shape and layers[0] & layers[1]:
            other = {A: leaf(B.value), B: leaf(A.value)}
            yield case.changed(f"{A.name} and {B.name}", lambda node, _, other=other: other.get(node))  # type: ignore[misc]


def _multiplied(case: Case) -> Iterator[Variant]:
    """The recurrent product is multiplied by what comes in; a bias is in one of the factors, or outside."""
    net = case.net
    carried = {p.node for p in net.carrying}
    inner = {x for n in net.forward if n.op.name == "add" for x in n.args}
    sums = [n for n in net.recurrent if n.op.name == "add" and n not in inner and carried & {*summands(n)}]
    for where_, nodes in net.by_layer(sorted(sums, key=lambda n: n.serial), net.layer_of):
        places = {n: [net.origin(x) in net.biases for x in summands(n)] for n in nodes}
        for side in (1, 2, 0):
            yield case.at(where_, nodes, functools.partial(_product, carried, places, side))


def _product(carried: set[Node], biases: dict[Node, list[bool]], side: int, node: Node, args: tuple[Node, ...]) -> Node:
    """The terms of a sum as what is carried (0) times what comes in (1), plus (2) the rest; a bias is on `side`."""
    sides: list[list[Node]] = [[], [], []]
    for old, new, bias in zip(summands(node), summands(node.op(*args, **node.attrs)), biases[node]):
        sides[side if bias else int(old not in carried)].append(new)
    return _sum([_sum(sides[0]) * _sum(sides[1]), *sides[2]])


# ---------------------------------------------------------------------------------------------------------- the biases


def _biases(factor: float, says: str, wrong: str) -> Callable[[Case], Iterator[Variant]]:
    def variants(case: Case) -> Iterator[Variant]:
        biases = case.net.biases
        for chosen in [[b] for b in biases] + [[*biases]] * (len(biases) > 1):
            places = {y: i for b in chosen for y, i in biases[b]}
            names, lines = " and ".join(str(b.name) for b in chosen), _lines(case.net, list(places), wrong)
            yield case.operands(f"{names} {says}", places, lambda _, x: scale(x, p=factor), **lines)

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
    Slip("no bias", "the bias is left out", "{h} = {f}({inner} + {carried})", "{loop}",
         _biases(0.0, "left out", "{y} = {output}")),
    Slip("bias twice", "the bias is added twice", "{h} = {f}(({inner} + {b}) + ({carried} + {b}))", "{loop}",
         _biases(2.0, "added twice", "{y} = {output} + {c} + {c}")),
    Slip("no activation", "the activation is left out", "{h} = {inner}{plus_b} + {carried}", "{loop}", _no_activation),
    Slip("another activation", "another activation is taken", "{h} = sigmoid({inner}{plus_b} + {carried})",
         "{loop}  # tanh is the default of SimpleRNN", _another_activation),
    Slip("an activation too many", "the output has no activation, and one is applied", "{y} = np.tanh({output} + {c})",
         "{y} = {output} + {c}  # a Dense layer has no activation unless one is given", _activation_too_many),
    Slip("activation of one summand", "the activation is applied to a part of the sum only",
         "{h} = {f}({inner}{plus_b}) + {carried}", "{loop}", _of_one_summand),
]  # fmt: skip
