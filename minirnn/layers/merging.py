"""Layers that put several inputs together: Add, Subtract, Multiply, Average, Maximum, Minimum, Concatenate."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from ..engine import ops
from ..engine.graph import Node, at
from .arguments import listed
from .calls import Call, Masks, Scope
from .layer import Layer
from .nodes import steps
from .symbolic import Shape
from .written import followed


class Merge(Layer, listed=False):
    """A function of several inputs, at every step of sequences: ``Add()([a, b])``. Axes of length one are repeated."""

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
        wide = [_of_rank(shape, max(map(len, shapes))) for shape in shapes]
        for other in wide[1:]:
            if not all(None in (a, b) or a == b or 1 in (a, b) for a, b in zip(wide[0], other)):
                raise ValueError(f"{self.label} puts inputs of one shape together, not {shapes[0]} and {other}")
        repeats = any(a != b and None not in (a, b) for other in wide[1:] for a, b in zip(wide[0], other))
        self.of_one_length = repeats or len(set(map(len, shapes))) > 1

    def output_shape(self, input_shape: Any) -> Shape:
        wide = [_of_rank(shape, max(map(len, input_shape))) for shape in input_shape]
        return tuple(max((n for n in along if n not in (None, 1)), default=along[0]) for along in zip(*wide))

    def function(self, *xs: Node) -> Node:
        """The function of tables (N, D)."""
        raise NotImplementedError

    def call(self, x: Any, call: Call) -> Node:
        if self.of_one_length and len({each.shape for each in x}) > 1:
            rank = max(each.ndim for each in x)
            return followed(self, lambda *xs: self.function(*(_as_wide(each, rank) for each in xs)), x, call)[0]
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


def _of_rank(shape: Shape, rank: int) -> Shape:
    """The shape with steps of length one put in after the samples, as Keras does with an input of less axes."""
    return (*shape[:1], *[1] * (rank - len(shape)), *shape[1:])


def _as_wide(x: Any, rank: int) -> Any:
    return x if x.ndim == rank else np.expand_dims(x, 1)


def _either(one: Masks, other: Masks) -> Masks:
    found = []
    for a, b in zip(one, other):
        with at(a.step):
            found.append(a if a is b else ops.maximum(a, b))
    return found


def _ones_outside(x: Node, mask: Masks) -> Node:
    """The sequence, with ones in the steps that the mask leaves out."""
    found = []
    for each, column in zip(steps(x), mask):
        with at(each.step):
            wide = ops.expand(column, dims=each.dims)
            found.append(each * wide + (1 - wide))
    return ops.stack(*found, size=x.dims[1])


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
    """a ⊙ b ⊙ ...; where a mask leaves a step of one out, it counts as ones, as in Keras."""

    function = _folded(lambda a, b: a * b)

    def call(self, x: Any, call: Call) -> Node:
        if not any(call.coming):
            return super().call(x, call)
        return super().call(
            [each if mask is None else _ones_outside(each, mask) for each, mask in zip(x, call.coming)], call
        )


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
    """The features side by side; along another axis (axis=1 are the steps) one after the other."""

    least = 1

    def __init__(self, axis: int = -1, **others: Any) -> None:
        super().__init__(**others)
        self.axis = axis

    def _along(self, shapes: list[Shape]) -> int:
        return self.axis % len(shapes[0])

    def demand(self, shapes: list[Shape]) -> None:
        rest = [(*shape[: (k := self._along(shapes))], *shape[k + 1 :]) for shape in listed(shapes)]
        super().demand(rest)
        alike = len(set(map(len, shapes))) == 1 and not self.of_one_length
        if not alike or self._along(shapes) == 0:
            raise ValueError(f"{self.label}(axis={self.axis}) cannot put shapes {', '.join(map(str, shapes))} together")
        self.of_one_length = self._along(shapes) < len(shapes[0]) - 1
        self.keeps_steps = self.keeps_length = not self.of_one_length

    def output_shape(self, input_shape: Any) -> Shape:
        k = self._along(input_shape)
        whole = [next((n for n in along if n is not None), None) for along in zip(*input_shape)]
        lengths = [shape[k] for shape in input_shape]
        whole[k] = None if None in lengths else sum(lengths)
        return tuple(whole)

    def call(self, x: Any, call: Call) -> Node:
        if not self.of_one_length:
            return super().call(x, call)
        if any(call.coming):
            raise NotImplementedError(f"{self.label}: masks of sequences one after the other are not put together yet")
        return followed(self, lambda *xs: np.concatenate(xs, axis=self.axis), x, call)[0]

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
