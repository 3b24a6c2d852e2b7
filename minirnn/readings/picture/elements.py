"""The boxes and lines of a picture before it is laid out, and what a node of the trace is drawn as."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from ...engine.graph import Node, Primitive
from ...engine.ops.arrays import CUTS, MULTIPLY, STEPS, entry
from ...engine.ops.basic import activations, leaf_op, log_softmax, same, spread, stack, total, transpose

FUNCTIONS = {op for op in activations.values() if op is not same}
A_STEP = {entry, *STEPS.values()}
SILENT = {*MULTIPLY, transpose, spread, stack, same, total, leaf_op, *A_STEP}  # what they do is seen, or of no interest
LOSS_WORDS = {"categorical_crossentropy": "cross-entropy"}
ADDS = {"add", "total", "subtract"}


@dataclass
class Quantity:
    """One box: a quantity, an operation without a name, a ghost of what is the same at all steps, or the dots of a gap."""

    key: str
    slot: str
    column: int
    role: str  # input, state, output, loss, target, parameter, plain (an operation), gap
    node: Node | None = None
    name: str | None = None
    step: int | None = None
    does: list[str] = field(default_factory=list)  # "+b_h" adds that parameter, "=W" names one
    holds: list[str] = field(default_factory=list)  # quantities on the way into it that have no box of their own
    row: int | None = None  # given where the layout is not to find it


@dataclass
class Flow:
    """From one quantity to another, through parameters. `back`: a derivative flows the other way."""

    source: str
    target: str
    through: tuple[str, ...] = ()
    back: bool = False
    of: Node | None = None  # the value that flows
    loop: bool = False
    note: str = ""


def is_quantity(node: Node, users: Collection[Primitive], inner: bool = False) -> bool:
    """Whether a node has a box at cell level: named, no parameter, constant or sequence that is taken step by step.

    Nor, unless `inner` is asked for, on its way through a function to a name of its own, as z_t is. `users` are the
    operations of the forward pass that need it.
    """
    if node.name is None or node.ndim > 2 or node.attrs.get("role") == "parameter":
        return False
    if node.step is None and not node.args and node.attrs.get("role") == "constant":
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
    role = origin.attrs.get("role")
    if role in ("input", "target", "parameter") and not origin.args:
        return role
    return "output" if is_output else "state"
