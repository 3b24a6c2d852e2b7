"""Layers of the user's own classes: put together of the layers that they call, or followed if they have weights."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from .. import system
from ..engine.graph import Node, users_names
from ..system import Followed, plain
from .arguments import Place, listed, put_in, taken_out
from .calls import Call, Masks, Scope
from .layer import Layer
from .nodes import each_step
from .symbolic import Listening, Shape, Symbolic, UnsaidTraining, in_order
from .weights import Variable

OWN = "own/"  # of the weights of a layer of the user's own, in their names


def called(layer: Layer, *args: Any, **named: Any) -> Any:
    """What the `call` of a class of the user's own makes of these, in place of `Layer.__call__`."""
    if args and isinstance(args[0], list) and not any(map(is_tensor, args[0])):
        args = (np.asarray(args[0]), *args[1:])
    tensors: list[Any] = []
    form = taken_out((args, named), is_tensor, tensors)
    if not tensors:
        raise TypeError(f"{layer.label} is called on {plain(repr(args))}: give it arrays, or placeholders")
    _build(layer, args[0] if args else tensors[0])
    _demand_no_mask(layer, tensors)
    training = form[1].get("training")
    if "training" in inspect.signature(layer.call).parameters:
        form[1]["training"] = None if isinstance(training, UnsaidTraining) else training
    if not layer.own_weights:
        Listening.begin()
        args, named = put_in(form, tensors)
        if "training" in named and named["training"] is None:
            named["training"] = UnsaidTraining(type(layer).__name__)
        return _called_within(layer, layer.call(*args, **named), tensors)
    written, key = layer.__dict__.setdefault("written", {}), repr(form)
    if key not in written:
        written[key] = WrittenLayer(layer, form)
    return written[key](tensors)


def layers_within(held: Any) -> Iterator[Layer]:
    """The layers that a layer or a model of the user's own holds, in the order of its attributes; of those in it theirs."""
    for value in (
        held.values() if isinstance(held, dict) else held if isinstance(held, (list, tuple)) else vars(held).values()
    ):
        if isinstance(value, Layer) and not (value.is_users and not value.own_weights):
            yield value
        elif isinstance(value, Layer) or type(value) in (list, tuple, dict):
            yield from layers_within(value)
        elif hasattr(value, "parameter_places"):  # a model
            yield from value.flat_layers


def _called_within(layer: Layer, found: Any, given: list[Any]) -> Any:
    """Note of the calls between these placeholders that the layer has made them, as a model within is noted."""
    ends: list[Any] = []
    taken_out(found, lambda each: isinstance(each, Symbolic), ends)
    known = {s.first for s in given if isinstance(s, Symbolic)}
    for call in in_order([s for s in ends if s.first not in known], known):
        for s in call.outputs:
            s.within = layer
    return found


def _demand_no_mask(layer: Layer, given: list[Any]) -> None:
    """NotImplementedError where a mask comes to a layer that would look at it, or gives one on."""
    masked = any(call.layer.makes_mask for s in given if isinstance(s, Symbolic) for call in in_order([s]))
    looks = "mask" in inspect.signature(layer.call).parameters
    if (masked and looks) or any(_gives_mask(layer, given[0], mask) for mask in (None, True)[: 1 + masked]):
        raise NotImplementedError(
            f"{layer.label}: the mask of a layer of your own is not followed yet: give it as an input, or multiply by it"
        )


def _gives_mask(layer: Layer, x: Any, mask: Any) -> bool:
    """Whether its `compute_mask`, if it has one of its own, gives anything for this mask."""
    try:
        return type(layer).compute_mask is not Layer.compute_mask and layer.compute_mask(x, mask) is not None
    except Exception:  # it computes with it
        return True


def is_tensor(value: Any) -> bool:
    return isinstance(value, (Symbolic, Node, np.ndarray)) or (hasattr(value, "shape") and hasattr(value, "__array__"))


def _build(layer: Layer, given: Any) -> None:
    """Let the layer make its weights, once."""
    if not layer.was_built:
        shapes: Any = [each.shape for each in given] if isinstance(given, (list, tuple)) else given.shape
        layer.was_built = True
        layer.build(shapes)
        layer.own_arrays = layer.own_arrays or []


Layer._call_users = called


def followed(layer: Layer, function: Callable[..., Any], nodes: Sequence[Node], call: Call, form: Any = None) -> list[Node]:
    """What `function` makes of these nodes, which it is called on as arrays: the outputs of a layer.

    `form` tells functions of one layer apart.
    """
    known = layer.__dict__.setdefault("followed", {}).setdefault((call.training, form), Followed())
    with users_names() as own:
        made = system.follow(function, tuple(nodes), known, call.scope.tag)
    call.own += own
    return [each_step(node, call.output) for node in made]


def bare(layer: Layer) -> tuple[Any, Callable[[Any, Sequence[Any]], Any]]:
    """A layer of the user's own without weights, and what makes copies of it with arrays, or nodes, in place of these."""
    alone = copy.copy(layer)
    weights: list[Variable] = []
    held = {
        name: taken_out(value, lambda each: isinstance(each, Variable) and each.layer is layer, weights)
        for name, value in vars(alone).items()
        if name not in ("own_arrays", "written", "placed", "children")
    }
    vars(alone).update(own_arrays=None, written={}, placed=[], children={})

    def with_weights(alone: Layer, arrays: Sequence[Any]) -> Layer:
        found = copy.copy(alone)
        for name, value in held.items():
            setattr(found, name, put_in(value, [arrays[variable.place] for variable in weights]))
        return found

    return alone, with_weights


def _outputs(found: Any) -> Any:
    """Several outputs, not the steps of one, as a list from a loop is."""
    return tuple(found) if isinstance(found, list) else found


class OfArrays(Layer, listed=False):
    """A layer that is a function of arrays: what that does is followed."""

    family = "outputs"
    takes_many = True
    of_one_length = True
    keeps_length = False
    supports_masking = False

    def function(self, training: bool) -> Callable[..., Any]:
        """The function, of the arrays that the layer is called on and then its weights."""
        raise NotImplementedError

    def build(self, input_shape: Any) -> None:
        if self.own_arrays is None:
            self.own_arrays = self.draw_weights(input_shape)
        self._shapes = list(input_shape), self.output_shapes(input_shape)

    def output_shapes(self, input_shape: Any) -> list[Shape]:
        """Found out with zeros: an axis whose size changes with that of the inputs is free."""
        one, other = self._shapes_of_zeros(input_shape, 5, 11), self._shapes_of_zeros(input_shape, 7, 13)
        if any(a[:1] != (5,) or b[:1] != (7,) for a, b in zip(one, other)):
            raise NotImplementedError(
                f"{self.label}: what it gives must be an array for each sample, (samples, features) or (samples, steps, "
                f"features), not of shape {one[0]} for 5 samples"
            )
        return [tuple(n if n == m else None for n, m in zip(a, b)) for a, b in zip(one, other)]

    def output_shape(self, input_shape: Any) -> Shape:
        return self.output_shapes(input_shape)[0]

    def _shapes_of_zeros(self, shapes: list[Shape], samples: int, steps: int) -> list[tuple[int, ...]]:
        arrays = [np.zeros([samples, *(steps if n is None else n for n in shape[1:])]) for shape in shapes]
        try:
            with np.errstate(all="ignore"):
                found = self.function(False)(*arrays, *self.weight_arrays)
        except ValueError as error:
            raise ValueError(f"{self.label}: {error}") from error
        except Exception as error:  # whatever the code of the user may raise
            raise NotImplementedError(
                f"{self.label} does more than to compute with arrays ({plain(error, 200)}): a layer of your own must do no "
                "more, and set none of its weights"
            ) from error
        return [np.shape(each) for each in (found if isinstance(found, (list, tuple)) else [found])]

    def _sizes(self, scope: Scope) -> dict[Any, str]:
        """The letters of the sizes of its inputs and outputs."""
        given, made = self._shapes
        letter = scope.letter("K" if scope.head else "A")
        known = zip([shape[-1] for shape in given], (scope.features, *scope.others))
        return {shape[-1]: letter for shape in made} | dict(known)

    def letters(self, scope: Scope) -> list[str]:
        sizes = self._sizes(scope)
        return [sizes[shape[-1]] for shape in self._shapes[1]]

    def symbols(self, scope: Scope) -> dict[str, tuple[str, tuple[str, ...]]]:
        sizes = self._sizes(scope)
        return {
            key: (f"{key.removeprefix(OWN)}{scope.tag}", tuple(sizes.get(n, str(n)) for n in array.shape))
            for key, array in zip(self.weight_names, self.weight_arrays)
        }

    def masks(self, x: Node, call: Call) -> list[Masks | None]:
        return [call.mask if self.supports_masking else None for _ in self.letters(call.scope)]

    def call(self, x: Any, call: Call) -> list[Node]:
        weights = [call.parameters[key] for key in self.weight_names]
        return followed(self, self.function(call.training), [*listed(x), *weights], call)


class Operated(OfArrays, listed=False):
    """An operation of Keras on placeholders: a function of `minirnn.backend`, in the form in which it is called."""

    def __init__(self, operation: Callable[..., Any], form: Any) -> None:
        super().__init__()
        self.operate, self.form = operation, form

    def function(self, training: bool) -> Callable[..., Any]:
        def of(*arrays: Any) -> Any:
            args, named = put_in(self.form, arrays)
            return _outputs(self.operate(*args, **named))

        return of


class WrittenLayer(OfArrays, listed=False):
    """A layer of the user's own with weights: what its `call` does with arrays is followed.

    `form` is what it is called on, with places for the arrays: ``layer(query, [keys, values], training=True)``.
    """

    users_name_weights = True

    def __init__(self, layer: Layer, form: Any) -> None:
        super().__init__(name=layer.name)
        self.layer, self.form = layer, form
        self.kind, self.placed, self.activity_regularizer = type(layer).__name__, layer.placed, layer.activity_regularizer
        mine = [vars(kind) for kind in type(layer).__mro__[: type(layer).__mro__.index(Layer)]]
        self.supports_masking = next(
            (own["supports_masking"] for own in [vars(layer), *mine] if "supports_masking" in own), False
        )
        self.children, self.own_arrays = {OWN.rstrip("/"): layer}, []
        self.draws = "training" in inspect.signature(layer.call).parameters  # it may do something else in training

    @property
    def as_made(self) -> Layer:
        return self.layer

    @property
    def label(self) -> str:
        return self.layer.label

    def __getattr__(self, name: str) -> Any:
        return getattr(vars(self).get("layer"), name)

    def __repr__(self) -> str:
        return repr(self.layer)

    def get_config(self) -> dict[str, Any]:
        return self.layer.get_config()

    def build(self, input_shape: Any) -> None:
        super().build(input_shape)
        held: list[Layer] = []
        taken_out([v for k, v in vars(self.layer).items() if k != "written"], lambda each: isinstance(each, Layer), held)
        if any(inner.own_weights for layer in held for inner in layer.inside()):
            raise NotImplementedError(
                f"{self.label}: a layer of your own that has weights and holds layers with weights is not followed. Make "
                "the weights in its build, or let it hold layers alone, such as Dense, and call these"
            )

    def forget(self) -> None:
        super().forget()
        self.own_arrays = []
        self.layer.own_weights, self.layer.own_arrays = (), None

    def function(self, training: bool) -> Callable[..., Any]:
        given: list[Place] = []
        taken_out(self.form, lambda each: type(each) is Place, given)
        alone, with_weights = bare(self.layer)
        args, named = self.form
        named = named | ({"training": training} if "training" in named and named["training"] is None else {})

        def function(*arrays: Any) -> Any:
            layer = with_weights(alone, arrays[len(given) :])
            return _outputs(layer.call(*put_in(args, arrays), **put_in(named, arrays)))

        function.__name__ = self.kind
        function.__module__ = type(self.layer).__module__  # it is followed as code of the user's own
        return function

    def call(self, x: Any, call: Call) -> list[Node]:
        if call.mask is not None and "mask" in inspect.signature(self.layer.call).parameters:
            raise NotImplementedError(f"{self.label}: the mask= of a layer of your own is not followed yet")
        return super().call(x, call)
