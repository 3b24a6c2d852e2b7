"""One call of a layer in one run: the names of its quantities, the conditions of the run, and what the call leaves."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from ..checks import array_of
from ..engine.graph import Node, named
from ..engine.names import Role
from ..engine.ops import leaf
from ..system import plain
from .arguments import boolean

# Where Keras differs from itself: by backend, and in the version after 3.15 (see `minirnn.verify.keras_differences`)
TENSORFLOW = "tensorflow"
SEMANTICS = (TENSORFLOW, "jax", "keras-3.16")

Masks = list[Node]  # of each step the column of 1 (use) and 0 (leave out), one entry for each sample


class Scope(NamedTuple):
    """How the quantities of one layer are called in one trace."""

    tag: str = ""  # "^2" for the second of several layers of a kind
    head: bool = True  # the layer whose output is the model's
    features: str = "D"  # the letter for the number of its input features
    others: tuple[str, ...] = ()  # those of its further inputs
    activated: bool = False  # an Activation follows the head
    tags: tuple[str, ...] = ("",)  # of the recurrences in it, one for each cell
    alike: bool = False  # the two directions of Bidirectional have the same sizes, and so the same letters for them
    steps: str = "T"  # the letter for the length of its sequence
    mask: str = ""  # the tag of the mask that it makes or is given

    def letter(self, letter: str) -> str:
        """The letter for a size of this layer: M, or M_2 in the second of several."""
        return letter + (self.tag.rstrip("fb") if self.alike else self.tag).replace("^", "_").rstrip("_")


class Conditions:
    """What one run is made under: in training or not, in whose semantics, with which dropout masks and stored states.

    `masks` are dropout masks by name ("d_x", "d_h^2"); those that are missing are drawn and put there.
    """

    def __init__(
        self,
        training: bool = False,
        semantics: str = TENSORFLOW,
        masks: Mapping[str, Any] | None = None,
        states: Mapping[Any, list[np.ndarray]] | None = None,
    ) -> None:
        if semantics not in SEMANTICS:
            raise ValueError(f"semantics={plain(repr(semantics))}: it must be one of {', '.join(SEMANTICS)}")
        self.training = boolean("run", "training", training)
        self.semantics = semantics
        self.masks = dict(masks or {})
        self.states = states

    def copy(self) -> Conditions:
        return Conditions(self.training, self.semantics, self.masks, self.states)


class Call:
    """One call of a layer in one run: what it is given besides x, and what it leaves behind."""

    def __init__(
        self,
        scope: Scope,
        parameters: dict[str, Node],
        conditions: Conditions,
        states: list[Node] | None = None,
        mask: Masks | None = None,
        training: bool | None = None,
        coming: list[Masks | None] | None = None,
    ) -> None:
        self.coming = [mask] if coming is None else coming  # the masks of all that it is called on
        self.scope, self.parameters, self.conditions, self.states, self.mask = scope, parameters, conditions, states, mask
        self.training = conditions.training if training is None else training
        self.history: list[list[Node]] = []  # of each cell its states after every step, in the order of processing
        self.features = 0  # of what it is given
        self.batch_statistics: list[Node] = []  # mean and variance, of a BatchNormalization in training
        self.made: Masks = []  # the mask that the layer makes
        self.final: list[Node] = []  # the states after the last step
        self.nameless = False  # whether what comes out is part of a longer expression
        self.losses: list[Node] = []  # penalties on what comes out
        self.own: list[Node] = []  # what code of the user's own has named

    def with_mask(self, mask: Masks | None) -> Call:
        """The same with another mask."""
        found = copy.copy(self)
        found.mask = mask
        return found

    def output(self, node: Node) -> Node:
        """What a layer gives, under its name: y where it is the model's output, else a."""
        if self.nameless:
            return node
        if self.scope.head:
            return named(f"y{self.scope.tag}", node, Role.OUTPUT)
        return named(f"a{self.scope.tag}", node)

    def inner(self, prefix: str, scope: Scope, states: list[Node] | None = None) -> Call:
        """The call of a layer inside this one, whose weights are named ``prefix/...``."""
        parameters = {k.removeprefix(f"{prefix}/"): p for k, p in self.parameters.items() if k.startswith(f"{prefix}/")}
        inner = Call(scope, parameters, self.conditions, states, self.mask, self.training)
        inner.own = self.own
        return inner

    def dropout(self, name: str, shape: tuple[int, ...], dims: tuple[str, ...], rate: float, rng: Any, dtype: Any) -> Node:
        """The dropout mask of that name: as given, or drawn now; 0 with probability `rate`, else 1 / (1 - rate)."""
        given = self.conditions.masks.get(name)
        if given is None:
            kept = rng().random(shape) >= rate
            given = self.conditions.masks[name] = kept / (1 - rate) if rate < 1 else np.zeros(shape)
        given = array_of(given, f"the dropout mask {name}")
        if given.shape != shape:
            raise ValueError(f"the dropout mask {name} has shape {given.shape}, not {shape}")
        return leaf(given.astype(dtype), name, Role.DROPOUT_MASK, dims)


def tags_of(count: int, first: int = 1, alone: bool = True) -> tuple[str, ...]:
    """The tags of so many recurrences: none for a single one, else ^1, ^2, ..."""
    return ("",) if alone and count <= 1 else tuple(f"^{i}" for i in range(first, first + count))
