"""What a graph is made of, asked by role: states, what carries them from step to step, products by weights, activations,
biases, and where the losses of the steps are collected. A model and a loop of one's own are asked alike.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from typing import NamedTuple

import numpy as np

from ...engine.backprop import depending_on
from ...engine.graph import Node, ancestors
from ...engine.ops import MULTIPLY, activations, join, maximum, same, stack, update
from ...engine.precision import moves, widened
from ...runs.run import Run
from ..report import states

BENDS = {name: op for name, op in activations.items() if op is not same}
JOINED = {join, stack, update}  # what puts arrays together

Weights = tuple[str, dict[str, np.ndarray]]  # arrays in place of parameters, and what they are in words
Edge = tuple[Node, int]  # a node and one of its operands, by its place


class Product(NamedTuple):
    """A product of a weight and an array: which weight, the place of the array, and what it was before it was moved."""

    node: Node
    place: int
    weight: Node
    array: Node

    @property
    def edge(self) -> Edge:
        return self.node, self.place

    @property
    def data(self) -> Node:
        return self.node.args[self.place]

    @property
    def to_weight(self) -> Edge:
        return self.node, 1 - self.place


class Structure:
    """The graph of a trace, in float64 throughout, and the roles of its nodes."""

    def __init__(self, trace: Run, other_weights: Iterable[Weights] = ()) -> None:
        self.trace, self.other_weights = trace, [*other_weights]
        self.wide = widened(trace.forward)
        self.forward = list(dict.fromkeys(self.wide.values()))
        forward = {key: self.wide[node] for key, node in trace.variables.items() if node in self.wide}
        self.variables = forward
        self.parameters = {name: self.wide[node] for name, node in trace.parameters.items()}
        self.loss = None if trace.loss_node is None else self.wide[trace.loss_node]
        self.outputs = [self.wide[node] for node in trace.outputs]
        self.states = states(trace)
        self.state_of = {node: name for (name, _), node in forward.items() if name in self.states}
        self.name_of = {node: name for (name, _), node in forward.items()}
        self.T: int = trace.steps

    # ------------------------------------------------------------------------------------------------------ single nodes

    def origin(self, node: Node) -> Node:
        """What a node is before it was transposed, cast, repeated or cut out."""
        while node not in self.state_of and moves(node) and len(inside := node.args) == 1:
            node = inside[0]
        return node

    def sources(self, node: Node) -> Iterator[Node]:
        """The same of every part of an array that was put together."""
        node = self.origin(node)
        if node not in self.state_of and node.op in JOINED:
            for part in node.args:
                yield from self.sources(part)
        else:
            yield node

    def steps(self, name: str) -> list[Node]:
        """The nodes of a quantity, in the order of computation."""
        return sorted((n for (known, _), n in self.variables.items() if known == name), key=lambda n: n.serial)

    def ends(self, name: str) -> tuple[Node, Node]:
        """The initial and the last state, in the order of computation."""
        nodes = self.steps(name)
        return nodes[0], nodes[-1]

    def at_step(self, node: Node, shift: int) -> Node | None:
        """What a node is so many steps later: the same quantity, or what stands at the same place among its step's."""
        if (state := self.origin(node)) in self.state_of:
            node = state
        if node.step is None:
            return None
        name = self.name_of.get(node)
        if name is not None:
            return self.variables.get((name, node.step + shift))
        key, there = self._places
        return there.get((*key[node], node.step + shift))

    @cached_property
    def _places(self) -> tuple[dict[Node, tuple[str, int]], dict[tuple[str, int, int], Node]]:
        count: Counter[tuple[str, int]] = Counter()
        key, there = {}, {}
        for node in self.forward:
            if node.step is not None:
                op = node.op.name
                key[node] = place = (op, count[op, node.step])
                there[*place, node.step] = node
                count[op, node.step] += 1
        return key, there

    def named_after(self, node: Node) -> Node | None:
        """The first quantity with a name that is computed from a node, or the node itself."""
        reached = depending_on([node], self.forward)
        return next((n for n in self.forward if n in reached and n in self.name_of and n.args), None)

    # ------------------------------------------------------------------------------------------------------ by role

    @cached_property
    def N(self) -> int:
        """The number of samples: what is left of the size of a state without its units."""
        for product in self.carrying:
            if (state := next((s for s in self.sources(product.data) if s in self.state_of), None)) is not None:
                return max(1, state.value.size // max(1, min(product.weight.shape, default=1)))
        inputs = self.trace.inputs
        return inputs[0].shape[0] if inputs and inputs[0].ndim == 3 else 1

    @cached_property
    def products(self) -> list[Product]:
        """Every product of an array and a weight, in order."""
        weights, found = set(self.parameters.values()), []
        for node in self.forward:
            scalar = node.op.name == "multiply"
            if (node.op in MULTIPLY or scalar) and len(node.args) == 2:
                origins = [self.origin(x) for x in node.args]
                of_weight = [i for i, x in enumerate(origins) if x in weights and (not scalar or x.value.size == 1)]
                if len(of_weight) == 1:
                    place = 1 - of_weight[0]
                    found.append(Product(node, place, origins[of_weight[0]], origins[place]))
        return found

    @cached_property
    def carrying(self) -> list[Product]:
        """The products of a state of another step and a weight."""
        return [p for p in self.products if any(self._of_another_step(p.node, s) for s in self.sources(p.data))]

    @cached_property
    def crossing(self) -> dict[Edge, Node]:
        """Every operand that is a state of another step, and that state."""
        found = {}
        for y in self.forward:
            for i, x in enumerate(y.args) if y.step is not None else ():
                state = self.origin(x)
                if self._of_another_step(y, state) and x.step != y.step and y.op.vjp:
                    found[y, i] = state
        return found

    def _of_another_step(self, y: Node, state: Node) -> bool:
        return state in self.state_of and y.step is not None and state.step != y.step

    @cached_property
    def recurrent(self) -> set[Node]:
        """What some state is computed from, but for what was before the first step."""
        return {n for n in ancestors(self.state_of) if n.step is not None}

    @cached_property
    def bent(self) -> list[Node]:
        """The activations on the way to a state: what they are applied to is a pre-activation."""
        return [n for n in self.activated if n in self.recurrent and n.step]

    @cached_property
    def activated(self) -> list[Node]:
        """Every node that is an activation of something."""
        ops = set(BENDS.values())
        return [n for n in self.forward if n.op in ops or (n.op is maximum and not np.any(n.args[1].value))]

    @cached_property
    def heads(self) -> list[Product]:
        """The products of a state that lead to no state."""
        return [
            p
            for p in self.products
            if p.node not in self.recurrent and any(s in self.state_of for s in self.sources(p.data))
        ]

    @cached_property
    def matrices(self) -> dict[Node, list[Product]]:
        """The products of each weight."""
        found: dict[Node, list[Product]] = {}
        for product in self.products:
            found.setdefault(product.weight, []).append(product)
        return found

    @cached_property
    def biases(self) -> dict[Node, list[Edge]]:
        """Of each parameter that is only added, where it is."""
        found: dict[Node, list[Edge]] = {}
        for y in self.forward:
            for i, x in enumerate(y.args) if y.op.name == "add" else ():
                if (b := self.origin(x)) in self.parameters.values() and b not in self.matrices:
                    found.setdefault(b, []).append((y, i))
        return found

    @cached_property
    def losses(self) -> dict[Edge, int]:
        """Where the loss of a step, or the output of one, enters what collects them all; and of which step it is."""
        if self.loss is None:
            return {}
        order = ancestors([self.loss])
        reached = depending_on(self.state_of, order)
        summed = {self.name_of[n] for n in order if n is self.loss or (n in self.name_of and self._adds_itself(n))}
        collecting = {n for n in reached if n.step is None or self.name_of.get(n) in summed or n is self.loss}
        found = {(y, i): x.step for y in collecting for i, x in enumerate(y.args) if x in reached and x not in collecting}
        return {edge: step for edge, step in found.items() if step is not None}

    def _adds_itself(self, node: Node) -> bool:
        """Whether it is a number that grows from step to step, as a loss does that is summed in the loop."""
        name = self.name_of[node]
        return name not in self.states and any(self.name_of.get(x) == name and x.step != node.step for x in node.args)

    def by_layer(self, nodes: Iterable[Node], of: Callable[[Node], str | None]) -> Iterator[tuple[str, list[Node]]]:
        """All of the nodes, and then those of each of several states, with a few words on where."""
        layers: dict[str | None, list[Node]] = {}
        for node in nodes:
            layers.setdefault(of(node), []).append(node)
        if layers:
            yield "", [node for each in layers.values() for node in each]
        if len(layers) > 1:
            yield from ((f"in the layer of {name}", each) for name, each in layers.items())

    def layer_of(self, node: Node) -> str | None:
        """The state that a node of the recurrence leads to, of its own step."""
        return self._layers.get(node)

    @cached_property
    def _layers(self) -> dict[Node, str]:
        found: dict[Node, str] = {}
        for state, name in sorted(self.state_of.items(), key=lambda pair: pair[0].serial):
            waiting = [state]
            while waiting:
                node = waiting.pop()
                if node not in found and (node is state or node not in self.state_of) and node.step == state.step:
                    found[node] = name
                    waiting.extend(node.args)
        return found


def summands(z: Node) -> list[Node]:
    """The terms of a sum, in order."""
    found, waiting = [], [z]
    while waiting:
        node = waiting.pop()
        if node.op.name == "add":
            waiting += reversed(node.args)
        elif node.op is same:
            waiting.append(node.args[0])
        else:
            found.append(node)
    return found
