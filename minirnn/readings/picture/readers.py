"""What a picture shows of the nodes of a trace: quantities, what they are computed from, and through which parameters.

Taken from names, steps and operations alone, so that a network nobody has thought of is drawn too. At cell level only
named quantities are boxes: parameters stand on the lines, biases and functions in the boxes. At op level every operation
is one, and parameters are ghosts beside what uses them.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from functools import cached_property
from typing import TYPE_CHECKING

from ...engine.graph import Node, Primitive
from ...engine.names import Name, Role
from ...engine.ops import CUTS, MULTIPLY, average, expand, leaf_op, log_softmax, same, stack, transpose
from .elements import A_STEP, ADDS, LOSS_WORDS, SILENT, WEIGHTS, Factor, Flow, Operand, Quantity, doing, is_quantity, role_of

if TYPE_CHECKING:
    from ...runs.run import Run


class Reader:
    """What both levels have in common: which of the nodes are shown, in which column, and the dots where steps are left out.

    The nodes are those of the forward pass, or of both passes.
    """

    def __init__(self, trace: Run, nodes: list[Node], column: dict[int, int], gap: int | None = None) -> None:
        self.trace, self.column, self.gap = trace, column, gap
        self.forward = set(trace.forward)
        self.both = len(nodes) > len(trace.forward)
        self.quantities: dict[str, Quantity] = {}
        self.flows: list[Flow] = []
        self.box: dict[Node, str] = {}
        self.users: dict[Node, list[Node]] = defaultdict(list)
        near = {t + k for t in column for k in (-1, 0, 1)}
        self.nodes = [n for n in nodes if n.step is None or n.step in near]
        for node in self.nodes:
            for arg in node.args if node in self.forward else ():
                self.users[arg].append(node)
        self.used_by: dict[Name | None, set[Primitive]] = defaultdict(set)  # at any step: a box is there at all, or at none
        for node in self.nodes:
            self.used_by[node.name] |= {user.op for user in self.users[node]}
        self.outputs = {trace.output_node, *(trace.output_node.args if trace.output_node.op is stack else ())}

    def role(self, node: Node) -> str:
        if node not in self.forward:
            return "gradient" if node.name is not None else "plain"
        return "loss" if node is self.trace.loss_node else role_of(node, node in self.outputs)

    def in_sight(self, node: Node) -> bool:
        return node.step is None or node.step in self.column

    def place(self, node: Node, among: Iterable[Node]) -> int:
        """The column of a node: of its step, or of the last it is made of."""
        if node.step is not None:
            return self.column[node.step]
        known = [self.quantities[self.box[n]].column for n in among if n in self.box]
        return max(known, default=max(self.column.values(), default=0))

    def key(self, name: str, step: int | None) -> str:
        wish = name if step is None else f"{name}_{step}"
        key, k = wish, 1
        while key in self.quantities:
            k += 1
            key = f"{wish}~{k}"
        return key

    def join(self, source: Node, target: Node, through: tuple[Factor, ...] = ()) -> None:
        """A line, or as far as the dots if one end is left out."""
        cotangents = self.trace.cotangents
        back = source in cotangents and target in cotangents
        a = self.box.get(source) or (None if self.in_sight(source) else self.dots(source))
        b = self.box.get(target) or (None if self.in_sight(target) else self.dots(source))
        if a and b and a != b:
            other_time = source.step is not None and target.step is not None and source.step != target.step
            flow = Flow(a, b, through, back, source, other_time)
            if not any(f.source == a and f.target == b and f.through == through for f in self.flows[-8:]):
                self.flows.append(flow)

    def dots(self, node: Node) -> str:
        key = f"{self.slot(node)}_gap"
        if key not in self.quantities:
            self.quantities[key] = Quantity(key, self.slot(node), self.gap or 0, "gap", name=node.name)
        return key

    def slot(self, node: Node) -> str:
        return str(node.name)

    def read(self) -> None:
        raise NotImplementedError


class Cells(Reader):
    """Cell level."""

    def read(self) -> None:
        shown = [n for n in self.nodes if self.is_shown(n)]
        loops: set[Name | None] = set()
        late: list[tuple[Node, Node, tuple[Factor, ...]]] = []
        for node in shown:
            near = self.in_sight(node)
            quantity = Quantity("", str(node.name), 0, self.role(node), node, node.name, node.step)
            found = self.sources(node, quantity)
            for source, _ in found:
                loops |= {node.name} if source.name == node.name else set()
            if near:
                quantity.column = self.place(node, [s for s, _ in found])
                quantity.key = self.key(str(node.name), node.step)
                self.quantities[quantity.key] = quantity
                self.box[node] = quantity.key
                self.describe(quantity, found)
            late += [(source, node, through) for source, through in found]
        for quantity in list(self.quantities.values()):  # what nothing is before, beside what it is for
            if quantity.step is None and quantity.node is not None and not any(t is quantity.node for _, t, _ in late):
                quantity.column = next(
                    (self.quantities[self.box[t]].column for s, t, _ in late if s is quantity.node and t in self.box),
                    quantity.column,
                )
        for source, target, through in late:
            if (self.in_sight(source) and self.in_sight(target)) or (
                source.name in loops and source.name == target.name and (self.in_sight(source) or self.in_sight(target))
            ):
                self.join(source, target, through)
        if self.gap is not None:
            for quantity in list(self.quantities.values()):
                if quantity.step is not None and quantity.node is not None:
                    self.dots(quantity.node)

    def is_shown(self, node: Node) -> bool:
        users = self.used_by[node.name] if node.step is not None else {u.op for u in self.users[node]}
        of_a_block = node.name is not None and node.name.of is not None and node.name.quantity in self.blocks
        return not of_a_block and is_quantity(node, users, inner=self.both)

    @cached_property
    def blocks(self) -> set[Name | None]:
        """The blocks of weights; the gradient of the whole weight stands for theirs."""
        return {node.name for node in self.nodes if node.role is Role.BLOCK}

    def sources(self, node: Node, quantity: Quantity) -> list[tuple[Node, tuple[Factor, ...]]]:
        """The quantities that `node` is computed from, each with the parameters on the way; fills in what the box does."""
        found: list[tuple[Node, tuple[Factor, ...]]] = []
        waiting: list[tuple[Node, tuple[Factor, ...]]] = [(node, ())]
        seen = set()
        while waiting:
            here, through = waiting.pop(0)
            if here is not node:
                if self.is_shown(here):
                    if node in self.forward or here not in self.forward:  # else it is named on the line of the derivative
                        found.append((here, through))
                    continue
                if not here.args:
                    continue
                if here.name is not None and here not in seen:
                    quantity.holds.append(here.name)
            if (here, through) in seen:
                continue
            seen.update([(here, through), here])
            if (
                node in self.forward
                and here.op not in SILENT
                and here.op.name not in ADDS
                and not (here.op in CUTS and quantity.role in ("input", "target"))
            ):
                quantity.does.append(doing(here.op, here.attrs, _called(here.args[0]) if here.args else None))
            for position, arg in enumerate(here.args):
                if here.op is log_softmax and position == 0:  # it is the log of operand 1
                    continue
                if name := _parameter(arg):
                    if node in self.forward:
                        self.parameter(here, name, quantity)
                    continue
                waiting.append((arg, (*through, *self.factor(here, 1 - position))))
        return found

    def factor(self, product: Node, position: int) -> tuple[Factor, ...]:
        """The other factor of a product: a parameter, or what the forward pass lends to the backward pass."""
        other = product.args[position] if product.op in MULTIPLY else product
        if name := _parameter(other):
            return (Factor(name, "", self.both and other.op is transpose),)
        turned = other.op is transpose and other.name is None
        other = other.args[0] if turned else other
        if product.op not in MULTIPLY or not self.both or other.name is None or other not in self.forward:
            return ()
        return (Factor(other.name, "" if other.step is None else other.step, turned),)

    def parameter(self, here: Node, name: Name, quantity: Quantity) -> None:
        """A factor of a product stands on the line; what is added or anything else, in the box."""
        if here.op in MULTIPLY:
            return
        users = self.users[here] if here.op is expand else [here]
        added = any(u.op.name in ADDS for u in users)
        quantity.does.insert(0, Operand(name, added))
        quantity.holds.append(name)

    def describe(self, quantity: Quantity, found: list[tuple[Node, tuple[Factor, ...]]]) -> None:
        if quantity.role == "loss" and self.trace.loss_name is not None and quantity.name:
            per_step = quantity.node is not None and any(a.op is average for a in _same(quantity.node))
            quantity.does = (
                ["mean over t"] if per_step else [LOSS_WORDS.get(self.trace.loss_name, self.trace.loss_name)[:24]]
            )
        counts = Counter(quantity.does)
        quantity.does = [d if counts[d] == 1 or isinstance(d, Operand) else f"{counts[d]}×{d}" for d in counts][:5]


def _same(node: Node) -> list[Node]:
    """The node, and what it is another name of."""
    found = [node]
    while found[-1].op is same:
        found.append(found[-1].args[0])
    return found


def _called(node: Node) -> Name | None:
    """The name of a node, or of what it is made of alone."""
    while node.name is None and len(node.args) == 1:
        node = node.args[0]
    return node.name


def _parameter(node: Node) -> Name | None:
    if node.op is transpose and (inner := _parameter(node.args[0])):
        return inner
    return node.name if node.role in WEIGHTS else None


class Operations(Reader):
    """Op level."""

    places: dict[Node, tuple[int, int | None]] | None = None  # the families of a fold: what is alike at other steps

    def read(self) -> None:
        self.slots: dict[Node, str] = {}
        count: Counter[tuple[int | None, str]] = Counter()
        count_of: dict[Node, int] = {}
        nodes = [n for n in self.nodes if n.args or (n.name is not None and n.step is not None)]
        for node in nodes:
            name = str(node.name) if node.name is not None else node.op.name
            count[node.step, name] += 1
            k = count_of[node] = count[node.step, name]
            once = "" if node.step is not None else " at the end"
            self.slots[node] = (name if node.name is not None and k == 1 else f"{name} {k}") + once
            if self.places is not None:
                self.slots[node] = name if node.name is not None else f"{name}.{self.places[node][0]}"
        # a stack of steps that only its steps are taken of, or nothing, is not shown
        nodes = [n for n in nodes if n.op is not stack or n.name is not None or self.users[n]]
        for node in filter(self.in_sight, nodes):
            sources = list(node.args)
            key = self.key(str(node.name) if node.name is not None else f"{node.op.name}.{count_of[node]}", node.step)
            role = self.role(node) if node.name is not None else "plain"
            does: list[str | Operand] = [said] if (said := node.op.said(node.attrs)) and node.op not in A_STEP else []
            step = node.step if self.places is None or node.name is not None else self.places[node][1]
            self.quantities[key] = Quantity(
                key, self.slots[node], self.place(node, sources), role, node, node.name, step, does
            )
            self.box[node] = key
        for node in nodes:
            for arg in node.args:
                if self.in_sight(node) or self.in_sight(arg):
                    self.operand(arg, node)

    def operand(self, arg: Node, node: Node) -> None:
        if not arg.args and arg not in self.slots:
            if self.in_sight(node) and node.op not in A_STEP:
                self.ghost(arg, node)
        elif (self.in_sight(node) and self.in_sight(arg)) or (
            arg.step is not None and node.step is not None and arg.step != node.step
        ):
            self.join(arg, node)

    def ghost(self, leaf: Node, node: Node) -> None:
        """What is the same at every step, beside each of its uses."""
        user = self.quantities[self.box[node]]
        name = "constant" if leaf.name is None else str(leaf.name)
        key = f"{name} of {user.key}"
        if key not in self.quantities:
            self.quantities[key] = Quantity(
                key, f"{name} of {user.slot}", user.column, "plain" if leaf.name is None else self.role(leaf),
                leaf, leaf.name, leaf.step,
                [] if leaf.name is not None else ["const" if leaf.op is leaf_op else leaf.op.said(leaf.attrs)],
            )  # fmt: skip
        back = leaf in self.trace.cotangents and node in self.trace.cotangents
        self.flows.append(Flow(key, user.key, (), back, leaf))

    def slot(self, node: Node) -> str:
        return self.slots.get(node, str(node.name))


READERS: dict[str, type[Reader]] = {"cell": Cells, "op": Operations}
