"""Layers that put several inputs together: Add, Subtract, Multiply, Average, Maximum, Minimum, Concatenate."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from ..engine import ops
from ..engine.graph import Node, at
from .arguments import listed
from .calls import Call, Masks, Scope
from .layer import Layer
from .nodes import steps
from .symbolic import Shape


class Merge(Layer, listed=False):
    """A function of several inputs of one shape, at every step of sequences: ``Add()([a, b])``."""

    family = "outputs"
    takes_many = True
    least = 2

    def build(self, input_shape: Any) -> None:
        self.demand(input_shape)
        super().build(input_shape[0])

    def demand(self, shapes: list[Shape]) -> None:
        """Raise ValueError unless inputs of these shapes can be put together."""
        if not isinstance(shapes, list) or len(shapes) < self.least:
            raise ValueError(f"{self.label} takes a list of inputs: {self.kind}()([a, b])")
        for other in shapes[1:]:
            same = len(other) == len(shapes[0]) and all(None in (a, b) or a == b for a, b in zip(shapes[0], other))
            if not same:
                raise ValueError(f"{self.label} puts inputs of one shape together, not {shapes[0]} and {other}")

    def output_shape(self, input_shape: Any) -> Shape:
        whole: list[int | None] = list(input_shape[0])
        for shape in input_shape[1:]:
            whole = [b if a is None else a for a, b in zip(whole, shape)]
        return tuple(whole)

    def function(self, *xs: Node) -> Node:
        """The function of tables (N, D)."""
        raise NotImplementedError

    def call(self, x: Any, call: Call) -> Node:
        if x[0].ndim == 2:
            return call.output(self.function(*x))
        sequences = [steps(each) for each in x]
        if any([a.step for a in sequences[0]] != [b.step for b in other] for other in sequences[1:]):
            raise NotImplementedError(
                f"{self.label}: its inputs differ in direction or in length; x[:, ::-1] turns one round"
            )
        found = []
        for each in zip(*sequences):
            with at(each[0].step):
                found.append(call.output(self.function(*each)))
        return ops.stack(*found, size=x[0].dims[1])

    def masks(self, x: Any, call: Call) -> list[Masks | None]:
        """A step counts if it counts in one of the inputs; without a mask in one, all do."""
        known = [mask for mask in call.coming if mask is not None and self.supports_masking]
        if len(known) < len(call.coming):
            return [None]
        return [functools.reduce(_either, known)]


def _either(one: Masks, other: Masks) -> Masks:
    found = []
    for a, b in zip(one, other):
        with at(a.step):
            found.append(a if a is b else ops.maximum(a, b))
    return found


def _folded(operation: Callable[[Node, Node], Node]) -> Any:
    return lambda self, *xs: functools.reduce(operation, xs)


class Add(Merge):
    """a + b + ..."""

    function = _folded(lambda a, b: a + b)


class Subtract(Merge):
    """a - b."""

    function = _folded(lambda a, b: a - b)

    def demand(self, shapes: list[Shape]) -> None:
        super().demand(shapes)
        if len(shapes) != 2:
            raise ValueError(f"{self.label} takes two inputs, not {len(shapes)}")


class Multiply(Merge):
    """a ⊙ b ⊙ ..."""

    function = _folded(lambda a, b: a * b)


class Divide(Merge, listed=False):
    """a / b, entry by entry."""

    function = _folded(lambda a, b: a / b)


class Average(Merge):
    """(a + b + ...) / how many there are."""

    def function(self, *xs: Node) -> Node:
        return functools.reduce(lambda a, b: a + b, xs) / len(xs)


class Maximum(Merge):
    """The larger of each pair of entries."""

    function = _folded(ops.maximum)


class Minimum(Merge):
    """The smaller of each pair of entries."""

    function = _folded(ops.minimum)


class Concatenate(Merge):
    """The features side by side."""

    least = 1

    def __init__(self, axis: int = -1, **others: Any) -> None:
        super().__init__(**others)
        self.axis = axis

    def demand(self, shapes: list[Shape]) -> None:
        super().demand([shape[:-1] for shape in listed(shapes)])
        if self.axis not in (-1, len(shapes[0]) - 1):
            raise NotImplementedError(f"{self.label}(axis={self.axis}): minirnn puts features side by side, axis=-1")

    def output_shape(self, input_shape: Any) -> Shape:
        return (*super().output_shape(input_shape)[:-1], sum(shape[-1] for shape in input_shape))

    def features(self, scope: Scope) -> str:
        letters = (scope.features, *scope.others)
        alike = len(set(letters)) == 1 and "+" not in letters[0]
        return f"{len(letters)}*{letters[0]}" if alike and len(letters) > 1 else "+".join(letters)

    def function(self, *xs: Node) -> Node:
        if len(xs) == 1:
            return xs[0]
        return ops.join(*xs)


def _of_inputs(kind: Callable[..., Merge]) -> Callable[..., Any]:
    """A layer that is made and called at once, as Keras has it: ``concatenate([a, b])`` is ``Concatenate()([a, b])``."""
    return lambda inputs, *settings, **named: kind(*settings, **named)(inputs)


add, subtract, multiply, average, maximum, minimum, concatenate = map(
    _of_inputs, (Add, Subtract, Multiply, Average, Maximum, Minimum, Concatenate)
)
