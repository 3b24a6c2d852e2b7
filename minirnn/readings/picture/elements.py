"""The boxes and lines of a picture before it is laid out, and what a node of the trace is drawn as."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from ...engine import names
from ...engine.graph import Node, Primitive
from ...engine.names import Name, Role
from ...engine.ops import (
    CUTS,
    MULTIPLY,
    activations,
    expand,
    join,
    leaf_op,
    log_softmax,
    same,
    stack,
    taken,
    total,
    transpose,
    where,
)  # fmt: skip

FUNCTIONS = {op for op in activations.values() if op is not same}
A_STEP = {taken}
SILENT = {*MULTIPLY, transpose, expand, stack, same, total, leaf_op, *A_STEP}  # what they do is seen, or of no interest
DRAWN_AS = {
    Role.INPUT: "input",
    Role.INDEX: "input",
    Role.MASK: "state",
    Role.TARGET: "target",
    Role.PARAMETER: "parameter",
    Role.GATE: "gate",
}
LOSS_WORDS = {"categorical_crossentropy": "cross-entropy"}
ADDS = {"add", "total", "subtract"}


class Operand(NamedTuple):
    """A parameter that a box names: one that is `added`, or that enters in another way."""

    name: Name
    added: bool


class Factor(NamedTuple):
    """A factor beside a line: its name, its step or what is said of it, and whether it is transposed."""

    name: Name
    step: str | int = ""
    turned: bool = False


@dataclass
class Quantity:
    """One box: a quantity, an operation without a name, a ghost of what is the same at all steps, or the dots of a gap."""

    key: str
    slot: str
    column: int
    role: str  # input, state, output, loss, target, parameter, plain (an operation), gap
    node: Node | None = None
    name: Name | None = None
    step: int | None = None
    does: list[str | Operand] = field(default_factory=list)
    holds: list[Name] = field(default_factory=list)  # quantities on the way into it that have no box of their own
    row: int | None = None  # given where the layout is not to find it
    after: bool = False  # of no step, and nothing of a step needs it: above the frame of the steps


@dataclass
class Flow:
    """From one quantity to another, through parameters. `back`: a derivative flows the other way."""

    source: str
    target: str
    through: tuple[Factor, ...] = ()
    back: bool = False
    of: Node | None = None  # the value that flows
    loop: bool = False
    note: str = ""


@dataclass
class Boxes:
    """The boxes and lines of a picture, in order."""

    quantities: dict[str, Quantity]
    flows: list[Flow]


WEIGHTS = frozenset({Role.PARAMETER, Role.BLOCK})  # what stands on the lines of products at cell level


def is_quantity(node: Node, users: Collection[Primitive], inner: bool = False) -> bool:
    """Whether a node has a box at cell level: named, no parameter, constant or sequence that is taken step by step.

    Nor, unless `inner` is asked for, on its way through a function to a name of its own, as z_t is. `users` are the
    operations of the forward pass that need it.
    """
    if node.name is None or node.ndim > 2 or node.role in WEIGHTS:
        return False
    if node.step is None and not node.args and node.role is Role.CONSTANT:
        return False
    if users and node.step is None and all(op in A_STEP for op in users):
        return False
    on_its_way = users and all(op in FUNCTIONS or op is log_softmax for op in users)
    return inner or not (on_its_way and node.args and node.op not in FUNCTIONS)


def doing(op: Primitive, attrs: dict[str, Any], first: Name | None) -> str:
    """What a box at cell level does in words; `first` is the name of the operation's first operand."""
    if op is where:
        return "one or the other" if first is None else f"new or kept, by {names.text(first)}"
    return "side by side" if op is join else op.said(attrs)


def role_of(node: Node, is_output: bool) -> str:
    """What a named node of the forward pass is drawn as."""
    if node.shape == () and node.name is not None:
        return "loss"
    origin = node
    while origin.op in CUTS and node.step is not None:
        origin = origin.args[0]
    if origin.role in DRAWN_AS and (not origin.args or origin.role is Role.GATE):
        return DRAWN_AS[origin.role]
    return "output" if is_output else "state"


def openness(q: Quantity) -> float | None:
    """How far open a gate is in the mean, from 0 to 1; None of what is no gate."""
    return float(np.clip(np.mean(q.node.value), 0.0, 1.0)) if q.role == "gate" and q.node is not None else None
