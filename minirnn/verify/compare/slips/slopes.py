"""Slips of the way back through an activation: its slope is left out, or another."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import numpy as np

from ....engine.backprop import contribution
from ....engine.graph import Node, Primitive
from ....engine.ops import leaf, sigmoid, square, tanh
from ..numbers import Case, Rule, Slip, Variant, as_it_came
from ..structure import Edge

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

TRUE: dict[Primitive, Callable[[Node], Node]] = {tanh: lambda h: 1 - square(h), sigmoid: lambda h: h * (1 - h)}


def _slope(which: str) -> Callable[[Case], Iterator[Variant]]:
    def variants(case: Case) -> Iterator[Variant]:
        for op, (detail, slope) in SLOPES[which].items():

            def rule(g: Node, y: Node, place: int, slope: Callable[[Node, Node], Node] = slope) -> Node:
                return g * slope(y, y.args[0])

            for where, nodes in _bent(case):
                if chosen := [n for n in nodes if n.op is op]:
                    yield case.along(" ".join(filter(None, [detail, where])), _first(chosen), rule)

    return variants


def _bent(case: Case) -> Iterator[tuple[str, list[Node]]]:
    """The activations on the way to states, of all layers and of each; and those of what is read from them."""
    net = case.net
    yield from net.by_layer(net.bent, net.layer_of)
    if heads := [n for n in net.activated if n not in net.recurrent]:
        yield "of the output", heads


def _of_another_step(case: Case) -> Iterator[Variant]:
    """The slope of the step before or after."""
    net = case.net
    for shift, which in ((-1, "that of the step before"), (1, "that of the step after")):

        def rule(g: Node, y: Node, place: int, shift: int = shift) -> Node | None:
            other = net.at_step(y, shift)
            return contribution(g, y, place) if other is None else g * TRUE[y.op](other)

        for where, nodes in net.by_layer([n for n in net.bent if n.op in TRUE], net.layer_of):
            yield case.along(" ".join(filter(None, [which, where])), _first(nodes), rule)


def _first(nodes: Iterable[Node]) -> list[Edge]:
    return [(node, 0) for node in nodes]


def _no_slope(case: Case) -> Iterator[Variant]:
    net = case.net
    for where, nodes in _bent(case):
        yield case.along(where or "everywhere", _first(nodes), as_it_came)
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
    Slip("slope of another step", "the slope is taken at another step than what it is multiplied by",
         "dz = dh * ...  # with {h}[t-1]", DZ, _of_another_step),
    Slip("slope not squared", "the square in the slope is missing",
         "dz = dh * (1 - {h}[t])", DZ, _slope("not squared")),
]  # fmt: skip
