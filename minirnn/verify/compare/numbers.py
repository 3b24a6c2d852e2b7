"""The numbers of a graph computed with a slip in it: with other operations, or with other rules for going back."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from ...engine.backprop import contribution, depending_on, pull_back
from ...engine.graph import Node, ancestors
from ...engine.ops import ones, scale, zeros
from ...engine.replay import rebuild
from .structure import Edge, Structure

Change = Callable[[Node, tuple[Node, ...]], Node | None]
Rule = Callable[[Node, Node, int], Node | None]  # the cotangent of a node, the node, the place of its operand
Finish = Callable[["Piece", np.ndarray], np.ndarray]
UNFIT = (ValueError, TypeError, LookupError, AttributeError, ArithmeticError)  # of a slip that fits nothing in the network


class Piece(NamedTuple):
    """The number of a quantity at one step: of which node or part of it, and whether the derivative by it is meant."""

    step: int | None
    node: Node
    index: Any = ...
    derivative: bool = False


class Numbers:
    """Every number of a graph: as they are, with `change` in place of operations, or other `rules` at edges."""

    def __init__(self, net: Structure, change: Change | None = None, rules: Mapping[Edge, Rule] | None = None) -> None:
        self.net, self._change, self._rules, self._new = net, change, rules or {}, dict[Node, Node]()
        self._places = {node: i for i, node in enumerate(net.forward)} if change else {}
        self._cotangents: dict[Node, Node] = {}
        self._order: list[Node] | None = None

    def node(self, node: Node) -> Node:
        """What takes the place of a node: made when it is asked for, after all before it."""
        if self._change is None:
            return node
        if node not in self._new:
            waiting = self.net.forward[len(self._new) : self._places[node] + 1]
            with np.errstate(all="ignore"):
                rebuild(waiting, self._change, self._new)
        return self._new[node]

    def right_before(self, step: int) -> None:
        """Let the slip begin at that step: what was computed before it is as it should be."""
        first = next((i for i, node in enumerate(self.net.forward) if node.step == step), 0)
        self._new |= {node: node for node in self.net.forward[:first]}

    def nodes(self, pieces: Iterable[Piece]) -> list[Node]:
        """The nodes whose numbers these are."""
        pieces = list(pieces)
        wanted = [self.node(piece.node) for piece in pieces]
        if any(piece.derivative for piece in pieces):
            self._demand(wanted)
            return [self._cotangents[node] for node in wanted]
        return wanted

    def of(self, piece: Piece) -> np.ndarray:
        """The number, or the derivative of the loss by it."""
        (node,) = self.nodes([piece])
        return np.asarray(node.value[piece.index])

    def _demand(self, wanted: list[Node]) -> None:
        loss = self.net.loss
        assert loss is not None
        end = self.node(loss)
        if not self._order:
            self._order = ancestors([end])
            wanted = [*wanted, *(self.node(w) for w in self.net.parameters.values())]
        if missing := [node for node in wanted if node not in self._cotangents]:
            with np.errstate(all="ignore"):
                paths = depending_on(missing, self._order)
                found = pull_back({end: [ones(end)]}, self._order, paths, rule=self._rule if self._rules else None)
                found |= {node: zeros(node) for node in missing if node not in found}
            self._cotangents = found | self._cotangents

    def _rule(self, g: Node, y: Node, place: int) -> Node | None:
        rule = self._rules.get((y, place))
        return contribution(g, y, place) if rule is None else rule(g, y, place)


class Sum(Numbers):
    """The sum of the derivatives of several: those of the losses of single steps, each gone back in its own way."""

    def __init__(self, parts: list[Numbers]) -> None:
        super().__init__(parts[0].net)
        self._parts = parts

    def of(self, piece: Piece) -> np.ndarray:
        if not piece.derivative:
            return super().of(piece)
        return np.sum([part.of(piece) for part in self._parts], axis=0)


class Finished(Numbers):
    """The numbers of a graph, changed when they were ready."""

    def __init__(self, right: Numbers, finish: Finish) -> None:
        super().__init__(right.net)
        self.right, self.finish = right, finish

    def nodes(self, pieces: Iterable[Piece]) -> list[Node]:
        return self.right.nodes(pieces)

    def of(self, piece: Piece) -> np.ndarray:
        return self.finish(piece, self.right.of(piece))


class Variant(NamedTuple):
    """One way to make a slip: a few words on where, the numbers it leads to, and the lines of code if they are its own."""

    detail: str
    numbers: Callable[[], Numbers]
    wrong: str = ""
    right: str = ""
    at: Node | None = None  # where it was made, for the user's own line


class Slip(NamedTuple):
    """A mistake people make: its name, what it is, the wrong line and the right one, and the ways to make it.

    In the lines and in the sentence the names of the network stand in braces: see `phrases`.
    """

    name: str
    says: str
    wrong: str
    right: str
    variants: Callable[[Case], Iterator[Variant]]


class Case(NamedTuple):
    """What is compared: the network, its right numbers, and the user's."""

    net: Structure
    right: Numbers
    given: list[Any]

    def at(self, detail: str, nodes: Iterable[Node], make: Change, **lines: Any) -> Variant:
        """``make(node, operands)`` takes the place of these nodes."""
        chosen = dict.fromkeys(nodes)

        def change(node: Node, args: tuple[Node, ...]) -> Node | None:
            return make(node, args) if node in chosen else None

        return self.changed(detail, change, at=next(iter(chosen), None), **lines)

    def operands(self, detail: str, places: Mapping[Node, int], make: Callable[[Node, Node], Node], **lines: Any) -> Variant:
        """``make(node, operand)`` takes the place of one operand of these nodes, of the one at that place."""
        return self.at(detail, places, lambda node, args: other(node, args, places[node], make), **lines)

    def changed(self, detail: str, change: Change, **lines: Any) -> Variant:
        return Variant(detail, cache(lambda: Numbers(self.net, change)), **lines)  # once: a change may remember nodes

    def along(self, detail: str, edges: Iterable[Edge], rule: Rule, **lines: Any) -> Variant:
        """``rule(g, y, place)`` goes back along these edges."""
        chosen = list(edges)
        lines = {"at": chosen[-1][0] if chosen else None} | lines
        return self.by_rules(detail, dict.fromkeys(chosen, rule), **lines)

    def by_rules(self, detail: str, rules: Mapping[Edge, Rule], **lines: Any) -> Variant:
        return Variant(detail, cache(lambda: Numbers(self.net, rules=rules)), **lines)

    def finished(self, detail: str, finish: Finish, of: Callable[[], Numbers] | None = None, **lines: Any) -> Variant:
        """The right numbers, or those `of` another variant, are changed when they are ready."""
        return Variant(detail, lambda: Finished(of() if of else self.right, finish), **lines)


def other(node: Node, args: Iterable[Node], place: int, make: Callable[[Node, Node], Node]) -> Node:
    """The operation of `node` on these operands, with ``make(node, operand)`` for the one at a place."""
    return node.op(*[make(node, x) if i == place else x for i, x in enumerate(args)], **node.attrs)


def without(node: Node, args: tuple[Node, ...]) -> Node:
    """0 in place of what the node computes."""
    return scale(node.op(*args, **node.attrs), p=0.0)


def as_it_came(g: Node, y: Node, place: int) -> Node:
    """The rule that hands the cotangent on as it is."""
    return g


def nothing(g: Node, y: Node, place: int) -> None:
    """The rule that hands nothing on."""
