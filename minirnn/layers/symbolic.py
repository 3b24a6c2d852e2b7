"""Placeholders: what flows while a functional model is put together."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any, NamedTuple

Shape = tuple[int | None, ...]


class Operand:
    """Stands where an operation has an operand."""


class Listening:
    """What lets libraries hand on placeholders, before code of the user's own is run: `operators` puts it here."""

    begin: Callable[[], None] = staticmethod(lambda: None)


class UnsaidTraining:
    """Stands for ``training=`` while what a user has written is put together, which is run in training and out of it."""

    def __init__(self, kind: str) -> None:
        self.kind = kind

    def __bool__(self) -> bool:
        raise NotImplementedError(
            f"{self.kind}.call branches on training: give it on to the layers, as in dropout(x, training=training), which "
            "do nothing when there is none"
        )


class Operation(NamedTuple):
    """What Keras writes in the place of a layer: the name of an operation, what it is called on, and its configuration."""

    name: str
    called: tuple[Any, ...]
    config: dict[str, Any]


class Symbolic:
    """A placeholder that flows while a functional model is put together: its shape, and the call of a layer it comes from.

    Of a call with several outputs each is a placeholder; `first` is the one with index 0, which stands for the call.
    """

    def __init__(
        self,
        shape: Shape,
        layer: Any,  # the layer that is called
        inputs: tuple[Symbolic, ...] = (),
        states: tuple[Symbolic, ...] = (),
        mask: Symbolic | None = None,
        training: bool | None = None,
        index: int = 0,
        first: Symbolic | None = None,
    ) -> None:
        self.shape, self.layer, self.index, self.training = shape, layer, index, training
        self.inputs, self.states, self.mask = inputs, states, mask  # what it is called on, initial states, mask
        self.first = first or self
        self.outputs = [self]  # of the first of a call, all that the call gives
        self.within: Any = None  # the model that was called, if the layer is one of its own

    @property
    def needs(self) -> tuple[Symbolic, ...]:
        """All that must be there before the call."""
        return (*self.inputs, *self.states, *(() if self.mask is None else (self.mask,)))

    @property
    def name(self) -> str:
        """That of the layer it comes from."""
        return self.layer.label

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def dtype(self) -> str:
        return getattr(self.layer, "holds", self.layer.dtype.name)

    def __call__(self, *_: Any, **__: Any) -> Any:
        raise TypeError(f"{self!r} is a placeholder, as Input(...) gives it, and is not called: call a layer on it")

    def __array__(self, *_: Any, **__: Any) -> Any:
        raise TypeError(f"{self!r} is a placeholder and has no numbers: put a Model together and call it on data")

    def __repr__(self) -> str:
        return f"<{self.layer.label}: {self.shape}>"


def in_order(outputs: list[Symbolic], known: Collection[Symbolic] = ()) -> list[Symbolic]:
    """The calls behind `outputs`, each after those it needs; what is `known` needs nothing."""
    order: dict[Symbolic, None] = {}
    waiting = [output.first for output in reversed(outputs) if output not in known]
    while waiting:
        call = waiting[-1]
        missing = [s.first for s in call.needs if s not in known and s.first not in order]
        if missing:
            waiting.extend(reversed(missing))
        else:
            order[waiting.pop()] = None
    return list(order)


def recalled(
    outputs: list[Symbolic], known: dict[Symbolic, Symbolic], training: bool | None = None, within: Any = None
) -> list[Symbolic]:
    """`outputs` again, with others in the place of the placeholders in `known`: the same layers are called on them.

    `within` is the model that is called so, if it is one.
    """
    made: dict[Symbolic, list[Symbolic]] = {}

    def new(s: Symbolic) -> Symbolic:
        return known[s] if s in known else made[s.first][s.index]

    for call in in_order(outputs, known):
        if not call.inputs:
            made[call] = [call]
            continue
        given = [new(s) for s in call.inputs]
        found = call.layer(
            given if call.layer.takes_many else given[0],
            initial_state=[new(s) for s in call.states] or None,
            mask=None if call.mask is None else new(call.mask),
            training=call.training if training is None else training,
        )
        made[call] = found if isinstance(found, list) else [found]
        for s in made[call]:
            s.within = within
    return [new(s) for s in outputs]
