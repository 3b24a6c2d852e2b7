"""What the picture of the inside of one cell shows: its states before and after a step, its gates, what is done with them.

Read off the operations of one step, so that a cell of one's own or a loop is drawn as an LSTM is. An activation of a
pre-activation is a box, with the functions and biases on the way; weights stand on the lines, as at cell level; every other
operation is a circle.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from ... import activations
from ...engine import names
from ...engine.backprop import depending_on
from ...engine.components import reached
from ...engine.graph import Node, ancestors, at, leaf_op
from ...engine.names import Name, Role
from ...engine.ops import CUTS, MULTIPLY, block, expand, same, sigmoid, spreadcols, transpose
from ...system import choices
from .elements import ADDS, FUNCTIONS, WEIGHTS, Boxes, Factor, Flow, Operand, Quantity

if TYPE_CHECKING:
    from ...runs.run import Run

GIVEN = frozenset({Role.INPUT, Role.STATE, Role.INITIAL_STATE, Role.OUTPUT, Role.MASK, Role.TARGET})
ACTIVATED = frozenset({Role.GATE, Role.CANDIDATE, Role.STATE})
THROUGH = {same, expand, transpose, spreadcols, block, *CUTS}  # what they do is seen, or of no interest


class Term(NamedTuple):
    """One summand of an affine sum: the key of a box and the weights on the way, or a bias."""

    key: str | None
    factors: tuple[Factor, ...] = ()
    bias: Name | None = None


@dataclass
class Inside(Boxes):
    """Boxes and lines in order of computation; `kinds` says what each box is for the layout."""

    layer: str  # that of the names
    step: int
    general: bool  # of any step t
    kinds: dict[str, str] = field(default_factory=dict)  # before, input, gate, circle, after
    states: dict[str, str] = field(default_factory=dict)  # the box of a state before the step, and the one after it

    def time(self, node: Node) -> int | str | None:
        """What is written as the step of a node."""
        if node.step is None or not self.general:
            return node.step
        return f"t{node.step - self.step:+d}".replace("+0", "").replace("-", "−")


def inside(trace: Run, step: int | None, layer: str | None, numbers: bool) -> Inside:
    """The cell of that layer, as its names have it (None: the first with gates); in numbers at that step, or the last.

    Raises ValueError if there is no such layer or step.
    """
    cells: dict[str, list[Node]] = {}
    states = set(trace.state_names)
    for node in trace.forward:
        if str(node.name) in states and node.name is not None and node.ndim and node is not trace.loss_node:
            cells.setdefault(node.name.layer, []).append(node)
    if not cells:
        raise ValueError("level='inside' shows a recurrent cell, and there is none")
    if layer is not None and layer not in cells:
        raise ValueError(f"layer: no cell {layer!r}{choices(layer, [name for name in cells if name])}")
    gated = {node.name.layer for node in trace.forward if node.role is Role.GATE and node.name is not None}
    layer = layer if layer is not None else next((name for name in cells if name in gated), next(iter(cells)))
    steps = sorted({node.step for node in cells[layer] if node.step is not None and 1 <= node.step <= trace.steps})
    if step is not None and step not in steps:
        raise ValueError(f"step is {step!r}; the cell has steps {steps[0]} to {steps[-1]}")
    at = step if step is not None else steps[-1]
    after = [node for node in cells[layer] if node.step == at]
    return _Reader(trace, after, step is None and not numbers).read()


class _Reader:
    """The nodes of one step in order of creation; what each comes to, as a sum of boxes."""

    def __init__(self, trace: Run, after: list[Node], general: bool) -> None:
        self.trace, self.after = trace, after
        first, step = after[0], after[0].step or 0
        assert first.name is not None
        self.keys = {str(node.name): node for node in after}
        self.before = {name: self._before(node) for name, node in self.keys.items()}
        self.found = Inside({}, [], first.name.layer, step, general)
        self.terms: dict[Node, list[Term]] = {}
        self.moved = depending_on([node for node in self.before.values() if node is not None], trace.forward)
        self.weighted = depending_on([node for node in trace.forward if node.role in WEIGHTS], trace.forward)
        self.fed = depending_on(trace.data, trace.forward)
        self.nodes = self._nodes()
        self.boxes = {node: inner for node in self.nodes if (inner := self._activation(node)) is not None}
        self.hidden = {node for inner in self.boxes.values() for node in inner}
        self.composed: dict[Node, tuple[Node, str]] = {}  # an activation of a state: of what, and its name
        for node in reversed(self.nodes):
            if node.name is None and node not in self.hidden and not self._is_given(node):
                self._compose(node)

    def _before(self, node: Node) -> Node | None:
        """The same state at the step that was computed before."""
        near = (self.trace.variables.get((str(node.name), (node.step or 0) + k)) for k in (-1, 1))
        return next((n for n in near if n is not None and n.serial < node.serial), None)

    def _is_given(self, node: Node) -> bool:
        """Whether it comes into the step from elsewhere."""
        if self._is_reshaped(node):
            return True
        if node in self.after or node.name is None:
            return not node.args and node not in self.after
        if node.op in CUTS and not node.args[0].args:  # a step of what is given
            return True
        return (
            not node.args
            or node.step != self.found.step
            or node.name.layer != self.found.layer
            or (node.role in GIVEN and node.step == self.found.step)
            or (node.role is None and node not in self.moved)  # of a layer before: no state goes into it
        )

    def _is_reshaped(self, node: Node) -> bool:
        """Whether it is made of the data alone and has no name, as what Permute and Reshape give is."""
        return (
            node.name is None and bool(node.args) and node in self.fed and not (node in self.weighted or node in self.moved)
        )

    def _nodes(self) -> list[Node]:
        """The operations of the step, and what comes into it."""
        found = reached(self.after, lambda node: () if self._is_given(node) else node.args)
        return sorted(found, key=lambda n: n.serial)

    def _activation(self, node: Node) -> list[Node] | None:
        """The unnamed operations between an activation and its one pre-activation; None of what is no activation."""
        if node.role not in ACTIVATED or self._is_given(node):
            return None
        (_, *between), ends = _between(node)
        return between if [(a.role, a.step) for a in ends] == [(Role.PRE_ACTIVATION, node.step)] else None

    def _compose(self, node: Node) -> None:
        """Take an unnamed node for an activation of several operations, if these are those of one, on one quantity."""
        between, ends = _between(node)
        parts = sorted({n for n in between if n.op not in THROUGH}, key=lambda n: n.serial)
        if len(ends) == 1 < len(parts) and (called := _known_as(parts, end := ends.pop())) is not None:
            self.composed[node] = end, called
            self.hidden |= {*between} - {node}

    # ---------------------------------------------------------------------------------------------------- the boxes

    def read(self) -> Inside:
        for node in self.nodes:
            if node not in self.hidden:
                self.terms[node] = self._come_to(node)
        for name, node in self.keys.items():
            self._box(key := f"{name}_{'t' if self.found.general else node.step}", "after", node, node.name)
            self._lines(self.terms[node], key)
            before = self.before[name]
            if before is not None and before in self.terms:
                self.found.states[str(self.terms[before][0].key)] = key
        joined = {key for flow in self.found.flows for key in (flow.source, flow.target)}
        for key in [key for key in self.found.quantities if key not in joined]:  # such as masks of dropout, beside lines
            del self.found.quantities[key], self.found.kinds[key]
            self.found.states.pop(key, None)
        return self.found

    def _come_to(self, node: Node) -> list[Term]:
        if (inner := self.boxes.get(node)) is not None:
            pre = next(a for n in (node, *inner) for a in n.args if a.role is Role.PRE_ACTIVATION)
            return [self._activated(node, pre, inner)]
        if node.role in WEIGHTS or (node.op is transpose and node.args[0].role in WEIGHTS):
            return []
        if self._is_given(node):
            return [self._given(node)] if node.name is not None or self._is_reshaped(node) else []
        if node.op in MULTIPLY:
            a, b = node.args
            weight, x = (a, b) if a.role in WEIGHTS else (b, a)
            if (name := _name(weight)) is not None:
                return [t._replace(factors=(*t.factors, Factor(name))) for t in self.terms[x] if t.key is not None]
        if node.op.name == "multiply" and any(a.role is Role.DROPOUT_MASK for a in node.args):
            mask, x = sorted(node.args, key=lambda a: a.role is not Role.DROPOUT_MASK)
            return [t._replace(factors=(*t.factors, Factor(mask.name))) for t in self.terms[x]]  # type: ignore[arg-type]
        if node.op is expand and (bias := _name(node.args[0])) is not None:
            return [Term(None, (), bias)]
        if node in self.composed:
            end, called = self.composed[node]
            return [self._circle(node, self.terms[end], called)]
        if node.op in THROUGH:
            return self.terms[node.args[0]]
        parts = [term for arg in node.args for term in self._terms_of(arg)]
        if node.op in FUNCTIONS and any(t.factors for t in parts):
            return [self._activated(node, node.args[0], [])]
        if node.op.name in ADDS and any(t.factors or t.key is None for t in parts):
            return parts
        if node.role is Role.PRE_ACTIVATION and node.op.name in ADDS:
            return parts
        return [self._circle(node, parts)]

    def _terms_of(self, node: Node) -> list[Term]:
        """What a node comes to; of a row of weights that is added without being repeated, a bias."""
        name = _name(node)
        return [Term(None, (), name)] if name is not None else self.terms.get(node, [])

    def _given(self, node: Node) -> Term:
        is_before = node in self.before.values()
        time = self.found.time(node)
        called = node.op.name if node.name is None else str(node.name)
        key = called if time is None else f"{called}_{time}".replace("−", "-")
        quantity = self._box(key, "before" if is_before else "input", node, node.name)
        quantity.does = [node.op.said(node.attrs)] if node.name is None else quantity.does
        return Term(key)

    def _activated(self, node: Node, pre: Node, inner: list[Node]) -> Term:
        quantity = self._numbered("gate", node, "activation")
        parts = sorted({n for n in (node, *inner) if n.op not in THROUGH}, key=lambda n: n.serial)
        called = _known_as(parts, pre) if len(parts) > 1 else None
        said: list[str | Operand] = [called] if called else [n.op.said(n.attrs) for n in parts]
        if quantity.name is None and pre.name is not None and node not in self.after:
            said[-1] = f"{said[-1]}({names.text(pre.name)})"
        quantity.does = [*self._biases(self.terms[pre]), *dict.fromkeys(said)][:6]
        quantity.holds += [name for n in (pre, *inner) if (name := n.name) is not None]
        self._lines(self.terms[pre], quantity.key)
        return Term(quantity.key)

    def _circle(self, node: Node, parts: list[Term], called: str = "") -> Term:
        quantity = self._numbered("circle", node, node.op.name)
        quantity.does = [called or node.op.said(node.attrs) or node.op.name]
        self._lines(parts, quantity.key)
        return Term(quantity.key)

    def _numbered(self, kind: str, node: Node, otherwise: str) -> Quantity:
        """The box of a node; without a name of its own it is called otherwise, with the number of its kind."""
        named = node.name if node not in self.after else None
        count = sum(other == kind for other in self.found.kinds.values())
        key = f"{named}_{self.found.time(node)}" if named is not None else f"{otherwise}.{count}"
        return self._box(key, kind, node, named)

    def _box(self, key: str, kind: str, node: Node, name: Name | None) -> Quantity:
        role = {"before": "state", "after": "state", "input": "input"}.get(kind, "plain" if name is None else "state")
        if node.role is Role.MASK:
            role = "target"
        if kind == "gate":
            is_gate = node.role is Role.GATE or (node.role is None and node.op is sigmoid)
            role = "gate" if is_gate else "state" if name is not None else "plain"
        made = Quantity(key, key, 0, role, node, name, self.found.time(node) if name is not None else None)  # type: ignore[arg-type]
        self.found.quantities[key], self.found.kinds[key] = made, kind
        return made

    @staticmethod
    def _biases(terms: list[Term]) -> list[Operand]:
        return [Operand(t.bias, True) for t in dict.fromkeys(terms) if t.bias is not None]

    def _lines(self, terms: list[Term], target: str) -> None:
        """A line from each box; biases stand in the box of an activation, and beside what they are added to elsewhere."""
        cotangents, to = self.trace.cotangents, self.found.quantities[target].node
        made: list[Flow] = []
        for term in dict.fromkeys(terms):
            if term.key is not None:
                source = self.found.quantities[term.key].node
                back = source in cotangents and to in cotangents
                made.append(Flow(term.key, target, term.factors, back, source))
            elif made and term.bias is not None and self.found.kinds[target] != "gate":
                made[-1].note += f"+ {names.text(term.bias)}"
        self.found.flows += made


def _between(node: Node) -> tuple[list[Node], set[Node]]:
    """A node with the unnamed operations that it is made of, and the quantities these begin with."""
    found, ends = [node], set()
    for n in found:  # which grows
        found += [a for a in n.args if a.name is None and a.args]
        ends |= {a for a in n.args if a.name is not None or (a.op is leaf_op and a.shape)}
    return found, {a for a in ends if a.role is not Role.CONSTANT}


def _known_as(parts: list[Node], pre: Node) -> str | None:
    """The activation that is made of these operations on its pre-activation, if it is one of Keras'."""
    own = [(n.op, n.attrs) for n in parts]
    for called, function in activations.KNOWN.names.items():
        if called != "glu":  # which gives half as many
            with at(pre.step):
                made = ancestors([function(pre)], ancestors([pre]))
            known = [n for n in made if n.serial > parts[-1].serial and n.args and n.op not in THROUGH]
            if [(n.op, n.attrs) for n in known] == own:
                return called
    return None


def _name(node: Node) -> Name | None:
    """The name of a weight, of one turned too."""
    node = node.args[0] if node.op is transpose else node
    return node.name if node.role in WEIGHTS else None
