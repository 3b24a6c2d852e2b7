"""What the quantities of a loop are for, read from the graph alone: states, what they begin with, pre-activations."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from ..engine import ops
from ..engine.components import components
from ..engine.graph import Node, same
from ..engine.names import Name, Role
from ..network.naming import infer_pre_activations
from ..runs.run import ACTIVATIONS
from .steps.infer import SERIAL

SUMS = {ops.add, ops.subtract, ops.total, ops.shift, ops.complement, ops.same}


def infer_roles(nodes: list[Node]) -> None:
    """Give the named nodes among `nodes`, in order of creation, the roles that the graph says.

    A state is what is needed at another step to compute itself again, there being no other way around than through steps;
    a number that is only added up, such as a running loss, is none. What a state holds before the first step is an
    initial state.
    """
    infer_pre_activations(nodes, ACTIVATIONS)
    families: dict[Name, list[Node]] = defaultdict(list)
    for node in nodes:
        if node.name is not None and node.step is not None:
            families[node.name].append(node)
    family = {node: k for k, members in enumerate(families.values()) for node in members}
    needs: list[set[int]] = [set() for _ in families]
    handed: set[int] = set()  # what is used at another step than its own
    for own, members in enumerate(families.values()):
        for node in members:
            step, waiting, nameless = node.step, [*node.args], set()
            while waiting:
                arg = waiting.pop()
                if (k := family.get(arg)) is not None:
                    needs[own].add(k)
                    if arg.step != step:
                        handed.add(k)
                elif arg.args and arg.name is None and arg not in nameless:
                    nameless.add(arg)
                    waiting.extend(arg.args)
    order = list(families.values())
    for group in components([sorted(found) for found in needs]):
        if len(group) == 1 and (group[0] not in needs[group[0]] or _only_added(order[group[0]])):
            continue
        for k in group:
            if k in handed:
                _stamp(order[k], families)


def _only_added(members: list[Node]) -> bool:
    """Whether it is a number to which something is added in each step."""
    return all(node.value.size == 1 and (node.op in SUMS or not node.args) for node in members)


def _stamp(members: list[Node], families: dict[Name, list[Node]]) -> None:
    """STATE, and INITIAL_STATE of what stands before the steps or, of a loop that runs backwards, behind them.

    Of a state that is kept under a second name, h_last = h, until the next step, the first is the state.
    """
    moving = {node for node in members if node.op is same and node.args[0].name in families}
    names = {name for node in moving if (name := node.args[0].name) is not None}
    start = [node for node in members if node not in moving]
    reach = _reach(moving or start)
    if len(names) == 1 and not any(_within(reach, node) for node in start):
        first = families[names.pop()]
        if first[-1].step != max(moving, key=SERIAL).step:
            members, moving = [*start, *first], set(first)
    else:
        moving = {node for node in members if node.args}
    reach = _reach(moving)
    for node in members:
        if node.role is not Role.PARAMETER:
            node.role = Role.STATE if node.args and _within(reach, node) else Role.INITIAL_STATE


def _reach(nodes: Iterable[Node]) -> tuple[int, int]:
    """The first and the last step of nodes."""
    steps = [node.step or 0 for node in nodes]
    return min(steps), max(steps)


def _within(reach: tuple[int, int], node: Node) -> bool:
    return reach[0] <= (node.step or 0) <= reach[1]
