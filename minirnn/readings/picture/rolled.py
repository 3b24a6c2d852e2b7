"""What a rolled picture shows: the families of the fold, each once, with lines to the steps before and after.

With the backward pass, derivatives stand beside what they are derivatives by, and the flow runs down again.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from ...engine.fold import Definition, Family, Fixed, Folded, Ref, Span, fold
from ...engine.graph import Node
from ...engine.names import Name, Role
from ...engine.ops import MULTIPLY, average, expand, log_softmax, stack, sums, transpose
from .elements import (
    A_STEP,
    ADDS,
    FUNCTIONS,
    LOSS_WORDS,
    SILENT,
    WEIGHTS,
    Factor,
    Flow,
    Operand,
    Quantity,
    is_quantity,
    role_of,
)

if TYPE_CHECKING:
    from ...run import Run


@dataclass
class Rolled:
    """Boxes and lines, in order; `stepped` are those that every step has, `notes` what else is said in a box."""

    quantities: dict[str, Quantity]
    flows: list[Flow]
    stepped: list[str] = field(default_factory=list)
    notes: dict[str, list[str]] = field(default_factory=dict)


def rolled(trace: Run, level: str, backward: bool) -> Rolled:
    """One step of the network; `backward`: and of the backward pass."""
    return _Reader(trace, level, backward).read()


class _Reader:
    def __init__(self, trace: Run, level: str, backward: bool) -> None:
        self.trace, self.level, self.backward = trace, level, backward
        short = trace.folded_trace
        self.folded: Folded = fold(short.nodes if backward else short.forward)
        if short is not trace:
            self.folded = self.folded.retarget(trace.steps)
        self.short = short
        self.families = self.folded.families
        self.forward = set(short.forward)
        self.users: dict[int, list[Any]] = defaultdict(list)  # the operations of the forward pass that need a family
        for family in self.families:
            for definition in family.definitions:
                if family.first in self.forward:
                    for ref in definition.refs:
                        self.users[ref.family].append(definition.op)
        self.loss = "" if trace.loss_node is None else str(trace.loss_node.name)
        out = self.short.output_node
        self.outputs = {n.name for n in (out, *(out.args if out.op is stack else ()))} - {None}
        self.found = Rolled({}, [])

    def read(self) -> Rolled:
        shown = [f for f in self.families if self.is_shown(f)]
        for family in shown:
            self.box(family)
        for family in shown:
            self.lines(family)
        fed = {f.source for f in self.found.flows} | {f.target for f in self.found.flows}
        for key in [k for k, q in self.found.quantities.items() if k not in fed and q.role in ("plain", "parameter")]:
            del self.found.quantities[key]
        if self.backward and self.level == "cell":
            self.mirror()
        return self.found

    # -------------------------------------------------------------------------------------------------------- what is shown

    def is_shown(self, family: Family) -> bool:
        node = family.first
        if self.level == "cell":
            of_a_block = node.name is not None and node.name.of is not None and node.name.quantity in self.blocks
            return not of_a_block and is_quantity(node, self.users[family.index], inner=self.backward)
        if node.role is Role.PARAMETER or node.ndim > 2:
            return False
        return (
            bool(node.args) or node.step is not None or (node.name is not None and node.role not in (Role.INPUT, Role.INDEX))
        )

    def key(self, family: Family) -> str:
        return f"{family.first.op.name}.{family.index}" if family.name is None else str(family.name)

    def box(self, family: Family) -> None:
        node, key = family.first, self.key(family)
        domains = [d.domain for d in family.definitions if d.domain is not None]
        role = self.role(node) if family.name is not None else "plain"
        main = self.main(family)
        op = main.op
        does = [op.said(main.attrs) or op.name] if self.level == "op" and node.args and op not in A_STEP else []
        column = 0 if node in self.forward or self.level == "op" else 1
        if column == 1:
            of = None if family.name is None else family.name.quantity
            users = self.users[next((f.index for f in self.families if f.name is not None and f.name == of), -1)]
            does = [f"⊙ {op.label}′" for op in dict.fromkeys(users) if op in FUNCTIONS][: len(set(users)) == 1]
        quantity = Quantity(key, key, column, role, self.node(family), family.name, None, does)
        stepped = (bool(domains) and any(d.lo != d.hi for d in domains)) or (len(domains) > 1)
        if domains:
            quantity.step = "t" if stepped else str(domains[0].lo)  # type: ignore[assignment]
        self.found.quantities[key] = quantity
        if stepped:
            self.found.stepped.append(key)

    @staticmethod
    def main(family: Family) -> Definition:
        """The definition that holds for the most steps."""
        T = 1000
        return max(family.definitions, key=lambda d: len(d.domain.steps(T)) if d.domain else 0)

    def node(self, family: Family) -> Node:
        """The node of an inner step, for its shape."""
        return self.short.variables.get((str(family.name), max(1, self.short.steps // 2)), family.first)

    def role(self, node: Node) -> str:
        return role_of(node, node.name in self.outputs) if node in self.forward else "gradient"

    # ------------------------------------------------------------------------------------------------------------- the lines

    def lines(self, family: Family) -> None:
        quantity = self.found.quantities[self.key(family)]
        many = len({(d.signature.op, d.signature.refs) for d in family.definitions}) > 1
        for definition in family.definitions:
            domain = definition.domain
            only = f"t = {domain.lo}" if many and domain and domain.lo == domain.hi else ""
            if only == "t = 0":
                said = "" if definition.refs else definition.op.said(definition.attrs)
                start = f"at {said}" if said else "as given"
                self.found.notes.setdefault(quantity.key, []).append(f"starts {start}")
                continue
            self.walk(family, definition, quantity, only)
        words: dict[str | Operand, None] = dict.fromkeys(quantity.does)
        if quantity.role == "loss" and self.level == "cell" and self.trace.loss_name:
            means = any(d.op is average for d in family.definitions)
            words = dict.fromkeys(
                ["mean over t" if means else LOSS_WORDS.get(self.trace.loss_name, self.trace.loss_name)[:24]]
            )
        quantity.does = list(words)[:5]

    def walk(self, family: Family, definition: Definition, quantity: Quantity, only: str) -> None:
        """From a box down to the boxes it is computed from, through what has none."""
        waiting: list[tuple[Family, Definition, str, tuple[Factor, ...], int, str]] = [(family, definition, "", (), 0, only)]
        seen = set()
        while waiting:
            here, rule, where, through, delay, note = waiting.pop(0)
            mark = (here.index, id(rule), where, through, delay)
            if mark in seen:
                continue
            seen.add(mark)
            plumbing = rule.op in SILENT or rule.op.name in ADDS or rule.op is sums
            if self.level == "cell" and quantity.role != "gradient" and not plumbing:
                quantity.does.append(rule.op.said(rule.attrs))
            for position, ref in enumerate(rule.refs):
                if rule.op is log_softmax and position == 0:
                    continue
                other = self.families[ref.family]
                if name := self.parameter(other):
                    self.use(other, name, rule, quantity)
                    continue
                said, shift = self.where(ref)
                there, lag = said or where, delay + shift
                partner = next((r for p, r in enumerate(rule.refs) if p != position), None) if rule.op in MULTIPLY else None
                factor = self.factor(partner, lag) if partner is not None else ()
                if self.is_shown(other):
                    backward_box = family.first not in self.forward
                    if backward_box and other.first in self.forward and self.level == "cell":
                        continue  # named on the line of the derivative
                    self.flow(other, quantity, (*through, *factor), there, lag, note)
                elif other.first.args:
                    for inner in other.definitions:
                        waiting.append((other, inner, there, (*through, *factor), lag, note))

    def use(self, parameter: Family, name: Name, rule: Definition, quantity: Quantity) -> None:
        if self.level == "op":
            key = f"{name} of {quantity.key}"
            if key not in self.found.quantities:
                self.found.quantities[key] = Quantity(key, key, quantity.column, "parameter", parameter.first, name)
            self.found.flows.append(Flow(key, quantity.key))
        elif rule.op not in MULTIPLY and quantity.node is not None and quantity.node in self.forward:
            added = rule.op is expand or rule.op.name in ADDS
            quantity.does.insert(0, Operand(name, added))
            quantity.holds.append(name)

    def flow(self, source: Family, target: Quantity, through: tuple[Factor, ...], where: str, delay: int, note: str) -> None:
        if self.level == "op":
            through = ()
        late = f"t{delay:+d}".replace("-", "−") if delay else ""
        said = ", ".join(filter(None, [f"[{late}]" if late else "", where, note]))
        made = Flow(self.key(source), target.key, through, False, None, bool(delay), said)
        for flow in self.found.flows:
            if (flow.source, flow.target, flow.through, flow.loop) == (made.source, made.target, through, made.loop):
                flow.note = min(flow.note, said, key=len)  # what holds at every step holds at the ends
                return
        self.found.flows.append(made)

    def parameter(self, family: Family) -> Name | None:
        node = family.first
        while node.op is transpose:
            node = node.args[0]
        known = WEIGHTS if self.level == "cell" else {Role.PARAMETER}
        return node.name if node.role in known and (self.level == "cell" or family.first is node) else None

    @cached_property
    def blocks(self) -> set[Name | None]:
        """The blocks of weights; the gradient of the whole weight stands for theirs."""
        return {family.name for family in self.families if family.role is Role.BLOCK}

    def factor(self, ref: Ref, delay: int) -> tuple[Factor, ...]:
        """The other factor of a product: a parameter, or what the forward pass lends to the backward pass."""
        family = self.families[ref.family]
        turned = False
        while family.name is None and family.first.op is transpose:
            turned = True
            ref = family.definitions[0].refs[0]
            family = self.families[ref.family]
        if family.name is None or (family.role not in WEIGHTS and not self.backward):
            return ()
        step = ""
        if isinstance(ref.where, Fixed):
            step = str(ref.where)
        elif family.role not in WEIGHTS and isinstance(ref.where, int):
            step = f"t{ref.where + delay:+d}".replace("+0", "")
        return (Factor(family.name, step, turned),)

    @staticmethod
    def where(ref: Ref) -> tuple[str, int]:
        """What is said of the step of an operand, and by how many steps it is away."""
        if isinstance(ref.where, Fixed):
            return f"t = {ref.where}", 0
        if isinstance(ref.where, Span):
            return "sum over t", 0
        return "", ref.where or 0

    def mirror(self) -> None:
        """Derivatives in the rows of what they are derivatives by, the gradients of parameters below."""
        rows: dict[str, int] = {}
        order = [q for q in self.found.quantities.values() if q.column == 0]
        above: dict[str, list[str]] = defaultdict(list)
        for flow in self.found.flows:
            if not flow.loop and self.found.quantities[flow.source].column == self.found.quantities[flow.target].column == 0:
                above[flow.source].append(flow.target)
        for _ in order:
            for q in order:
                for upper in above[q.key]:
                    rows[upper] = max(rows.get(upper, 0), rows.get(q.key, 0) + 1)
        for q in reversed(order):
            if above[q.key]:
                rows[q.key] = min(rows.get(u, 0) for u in above[q.key]) - 1
        for q in self.found.quantities.values():
            of = str(q.name.quantity) if q.column == 1 and q.name is not None else ""
            if q.column == 1 and of in rows:
                rows[q.key] = rows[of]
        bottom = min(rows.get(q.key, 0) for q in order) - 1
        for q in self.found.quantities.values():
            feeding = [self.found.quantities[f.source] for f in self.found.flows if f.target == q.key]
            if q.column == 1 and q.key not in rows:
                rows[q.key] = (
                    bottom
                    if any(f.key in self.found.stepped for f in feeding)
                    else rows[feeding[0].key] + 1
                    if feeding
                    else 0
                )
            if q.column == 1 and not feeding and self.loss in self.found.quantities:
                self.found.flows.append(Flow(self.loss, q.key))
        for q in self.found.quantities.values():
            q.row = rows.get(q.key, 0)
