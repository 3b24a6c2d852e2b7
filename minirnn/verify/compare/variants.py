"""A network computed with a slip in it: the graph of the trace made anew with some operations changed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import cache, cached_property
from typing import NamedTuple

import numpy as np

from ...engine.backprop import backprop
from ...engine.graph import Node, ancestors, rebuild
from ...engine.ops.basic import matmul, spread
from ...traces import Trace
from .user_numbers import Quantity

Make = Callable[[Node, tuple[Node, ...]], Node]
Change = Callable[[Node, tuple[Node, ...]], Node | None]


class Numbers:
    """Every number of a trace, as they are when `change` takes the place of some of its operations."""

    def __init__(self, trace: Trace, change: Change = lambda node, args: None) -> None:
        self.trace, self._change, self._new = trace, change, dict[Node, Node]()
        self._places = {node: i for i, node in enumerate(trace.forward)}

    def node(self, node: Node) -> Node:
        """What takes the place of a node: made when it is asked for, after all before it."""
        if node not in self._new:
            waiting = self.trace.forward[len(self._new) : self._places[node] + 1]
            with np.errstate(all="ignore"):
                rebuild(waiting, self._change, self._new)
        return self._new[node]

    def of(self, quantity: Quantity, step: int | None) -> np.ndarray:
        """The value of a quantity, or the derivative of the loss by it."""
        node = self.node(self.trace.variables[quantity.name, step])
        if not quantity.derivative:
            return node.value
        if node not in self.cotangents:
            asked = [self.node(n) for (name, _), n in self.trace.variables.items() if name == quantity.name]
            self.cotangents |= self._pulled_back(asked)
        return self.cotangents[node].value

    @cached_property
    def cotangents(self) -> dict[Node, Node]:
        return self._pulled_back([self.node(n) for n in self.trace.parameters.values()])

    def _pulled_back(self, wrt: list[Node]) -> dict[Node, Node]:
        assert self.trace.loss_node is not None
        loss = self.node(self.trace.loss_node)
        with np.errstate(all="ignore"):
            return backprop(loss, wrt, ancestors([loss]))


class Afterwards(Numbers):
    """The numbers of a trace whose derivatives, all or `only` those by one quantity, were changed when they were ready."""

    def __init__(self, right: Numbers, change: Callable[[np.ndarray], np.ndarray], only: str | None = None) -> None:
        self.right, self.change, self.only = right, change, only

    def of(self, quantity: Quantity, step: int | None) -> np.ndarray:
        found = self.right.of(quantity, step)
        return self.change(found) if quantity.derivative and self.only in (None, quantity.name) else found


class Variant(NamedTuple):
    """One way to make a slip: a few words on where, and the numbers it leads to."""

    detail: str
    numbers: Callable[[], Numbers]


class Slip(NamedTuple):
    """A mistake people make: what it is called, what it is, the wrong line and the right one, and how to make it."""

    name: str
    says: str
    wrong: str
    right: str
    variants: Callable[[Network], Iterator[Variant]]


class Network:
    """A trace in float64 and what the slips need to know of it."""

    def __init__(self, trace: Trace, other_weights: list[list[np.ndarray]] | None = None) -> None:
        self.trace = trace
        self.right = Numbers(trace)
        self.states = trace.state_names
        self.N, self.T = trace.inputs[0].shape[0] if trace.inputs else 1, trace.steps
        self.other_weights = other_weights or []

    def changed(self, detail: str, change: Change) -> Variant:
        return Variant(detail, cache(lambda: Numbers(self.trace, change)))  # once: a change may remember nodes

    def at(self, detail: str, nodes: Iterable[Node], make: Make) -> Variant:
        """``make(node, operands)`` takes the place of these nodes."""
        chosen = set(nodes)
        return self.changed(detail, lambda node, args: make(node, args) if node in chosen else None)

    def afterwards(self, detail: str, change: Callable[[np.ndarray], np.ndarray], only: str | None) -> Variant:
        """The derivatives are changed when they are ready."""
        return Variant(detail, lambda: Afterwards(self.right, change, only))

    def is_state(self, node: Node) -> bool:
        return node.name in self.states

    def ends(self, name: str) -> tuple[Node, Node]:
        """The initial and the last state, in the order of computation."""
        nodes = [n for n in self.trace.forward if n.name == name]
        return nodes[0], nodes[-1]

    @cached_property
    def carrying(self) -> dict[Node, None]:
        """The products of a state of another step and a matrix, in order."""
        products = [n for n in self.trace.forward if n.op is matmul and n.step is not None]
        return dict.fromkeys(n for n in products if self.is_state(n.args[0]) and n.args[0].step != n.step)

    def by_layer(self, nodes: Iterable[Node]) -> Iterator[tuple[str, list[Node]]]:
        """All of these states, or products with a state, and then those of each of several layers."""
        layers: dict[str | None, list[Node]] = {}
        for node in nodes:
            layers.setdefault((node if self.is_state(node) else node.args[0]).name, []).append(node)
        if layers:
            yield "", [node for each in layers.values() for node in each]
        if len(layers) > 1:
            yield from ((f"in the layer of {name}", each) for name, each in layers.items())

    def products(self, W: Node) -> list[Node]:
        """The products x W."""
        return [n for n in self.trace.forward if n.op is matmul and n.args[1] is W]

    def spreads(self, *biases: Node) -> list[Node]:
        """The rows that are added to all samples."""
        return [n for n in self.trace.forward if n.op is spread and n.args[0] in biases]

    def parameters(self, ndim: int) -> list[Node]:
        return [node for node in self.trace.parameters.values() if node.ndim == ndim]
