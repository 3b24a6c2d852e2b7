"""The boxes and lines of a picture before it is laid out, and what a node of the trace is drawn as."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import NamedTuple

from ...engine.graph import Node, Primitive
from ...engine.names import Name, Role
from ...engine.ops import (
    CUTS,
    MULTIPLY,
    activations,
    expand,
    leaf_op,
    log_softmax,
    same,
    stack,
    taken,
    total,
    transpose,
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
}
LOSS_WORDS = {"categorical_crossentropy": "cross-entropy"}
ADDS = {"add", "total", "subtract"}


class Operand(NamedTuple):
    """A parameter that a box names: one that is `added`, or that enters in another way."""

    name: Name
    added: bool


class Factor(NamedTuple):
    """A factor beside a line: its name, its step if that is to be said, and whether it is transposed."""

    name: Name
    step: str = ""
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


def role_of(node: Node, is_output: bool) -> str:
    """What a named node of the forward pass is drawn as."""
    if node.shape == () and node.name is not None:
        return "loss"
    origin = node
    while origin.op in CUTS and node.step is not None:
        origin = origin.args[0]
    if origin.role in DRAWN_AS and not origin.args:
        return DRAWN_AS[origin.role]
    return "output" if is_output else "state"
