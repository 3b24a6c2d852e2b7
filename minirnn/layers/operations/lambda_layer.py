"""Lambda: a function of placeholders as a layer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...engine.graph import Node
from ...system import plain
from ..arguments import listed, taken_out
from ..calls import Call, Scope
from ..input import InputLayer
from ..layer import Layer
from ..nodes import each_step
from ..symbolic import Listening, Shape, Symbolic, in_order
from ..written import Operated


class Lambda(Layer, listed=False):
    """``Lambda(lambda x: 2 * x[:, -1])``: made of operators, parts, functions of minirnn.ops or NumPy, and layers.

    The function is called once, on a placeholder; what it does with it is the layer. It may take a list of placeholders.
    Its output is called y, a hidden one a.
    """

    family = "outputs"
    supports_masking = False
    refused = {"mask": None}

    def __init__(
        self, function: Callable[..., Any], output_shape: Any = None, arguments: dict[str, Any] | None = None, **others: Any
    ) -> None:
        super().__init__(**others)
        if not callable(function):
            raise TypeError(f"Lambda({plain(repr(function))}): give a function")
        self.function, self.given = function, dict(arguments or {})
        self.recorded: dict[tuple[Shape, ...], tuple[list[Symbolic], Symbolic]] = {}

    def record(self, shapes: list[Shape]) -> tuple[list[Symbolic], Symbolic]:
        """The placeholders that the function is called on for inputs of these shapes, and the one that it gives."""
        key = tuple(map(tuple, shapes))
        if key not in self.recorded:
            Listening.begin()
            starts = [InputLayer(batch_shape=shape).placeholder() for shape in shapes]
            try:
                end = self.function(starts if self.takes_many else starts[0], **self.given)
            except Exception as error:  # whatever the code of the function may raise
                end = self._of_arrays(starts, error)
            if not isinstance(end, Symbolic):
                raise NotImplementedError(self.way_out(f"it gives {plain(type(end).__name__)}, not one placeholder"))
            inner = [call.layer for call in in_order([end]) if call.inputs]
            if any((layer.built and layer.weight_arrays) or layer.draws for layer in inner):
                raise NotImplementedError(
                    f"{self.label}: its function calls a layer that has weights or draws numbers: "
                    "make that a layer of the model"
                )
            self.recorded[key] = starts, end
            self.arranges = all(layer.arranges for layer in inner)
            self.keeps_length, self.keeps_steps = (
                all(getattr(layer, which) for layer in inner) for which in ("keeps_length", "keeps_steps")
            )
            self.of_one_length = any(layer.of_one_length for layer in inner)
        return self.recorded[key]

    def _of_arrays(self, starts: list[Symbolic], why: Exception) -> Symbolic:
        """The placeholder that the function gives where it takes none itself: it is followed on arrays."""
        form = taken_out(((starts if self.takes_many else starts[0],), self.given), lambda x: isinstance(x, Symbolic), [])
        try:
            return Operated(self.function, form)(starts)
        except Exception:  # what the function says of placeholders tells more
            raise NotImplementedError(self.way_out(plain(why, 300))) from why

    def way_out(self, why: str) -> str:
        """The sentence that refuses the function."""
        return (
            f"{self.label}: minirnn cannot follow its function ({why}): write it with operators, x[:, -1], and functions of "
            "NumPy or minirnn.ops, or write the forward pass as a loop in NumPy, mr.trace(loop, ...) follows it"
        )

    def __call__(self, x: Any, **others: Any) -> Any:  # type: ignore[override]
        self.takes_many = isinstance(x, (list, tuple)) and isinstance(x[0], (Symbolic, Node))
        return super().__call__(x, **others)

    def shapes(self, input_shape: Any) -> list[Shape]:
        """The shape of each input."""
        return list(input_shape) if self.takes_many else [tuple(input_shape)]

    def build(self, input_shape: Any) -> None:
        self.record(self.shapes(input_shape))
        super().build(self.shapes(input_shape)[0])

    def output_shape(self, input_shape: Any) -> Shape:
        return self.record(self.shapes(input_shape))[1].shape

    def features(self, scope: Scope) -> str:
        starts, end = next(iter(self.recorded.values()))
        letters = dict(zip(starts, (scope.features, *scope.others)))
        for call in in_order([end], starts):
            letters |= zip(call.outputs, call.layer.letters(_inside(scope, [letters[s] for s in call.inputs])))
        return letters[end]

    def call(self, x: Any, call: Call) -> Node:
        given = listed(x)
        starts, end = self.recording_of([node.shape for node in given])
        nodes = dict(zip(starts, given))
        letters = dict(zip(starts, (call.scope.features, *call.scope.others)))
        for each in in_order([end], starts):
            operands = [nodes[s] for s in each.inputs]
            scope = _inside(call.scope, [letters[s] for s in each.inputs])
            inner = Call(scope, {}, call.conditions)
            inner.nameless = True
            made = each.layer.call(operands if each.layer.takes_many else operands[0], inner)
            nodes |= zip(each.outputs, listed(made))
            letters |= zip(each.outputs, each.layer.letters(scope))
        return nodes[end] if self.arranges else each_step(nodes[end], call.output)

    def recording_of(self, shapes: list[Shape]) -> tuple[list[Symbolic], Symbolic]:
        """The recording for placeholders that arrays of these shapes may stand for."""
        for known, found in reversed(self.recorded.items()):
            if [len(shape) for shape in known] == [len(shape) for shape in shapes] and all(
                n in (None, size) for own, shape in zip(known, shapes) for n, size in zip(own, shape)
            ):
                return found
        return self.record(shapes)

    def __repr__(self) -> str:
        return f"Lambda({getattr(self.function, '__name__', 'function')})"


def _inside(scope: Scope, letters: list[str]) -> Scope:
    first, *others = letters
    return scope._replace(head=False, activated=False, features=first, others=tuple(others))
