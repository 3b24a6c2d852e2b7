"""Layers around layers: Bidirectional and TimeDistributed."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np

from ..engine.graph import Node, at, named
from ..engine.names import Role
from ..engine.ops import join, scale, stack
from ..initializers import Draws
from ..system import plain
from .calls import Call, Masks, Scope
from .configs import described
from .dense import Dense
from .dropout import Dropout
from .layer import Layer
from .masking import Masking
from .nodes import at_each, steps
from .normalization import LayerNormalization
from .operations.functions import Activation, RowWise
from .recurrent.rnn import RNN
from .reshaping import Flatten
from .symbolic import Shape, Symbolic

MERGE_MODES = ("concat", "sum", "mul", "ave", None)


class Bidirectional(Layer):
    """The same kind of layer run forward and backward through a sequence, the outputs put together step by step.

    `merge_mode` is "concat", "sum", "mul", "ave", or None for both outputs. As in Keras both layers are made anew from the
    one given, and with ``return_sequences`` the output at a step that the mask leaves out is 0. Quantities of the two
    directions are called h^f and h^b; each keeps the step it belongs to.
    """

    takes_state = True

    def __init__(
        self,
        layer: RNN,
        merge_mode: str | None = "concat",
        weights: list[Any] | None = None,
        backward_layer: RNN | None = None,
        **others: Any,
    ) -> None:
        super().__init__(**others)
        for given in (layer, backward_layer):
            if given is not None and not isinstance(given, RNN):
                raise ValueError(f"Bidirectional takes a SimpleRNN or RNN, not {plain(type(given).__name__)}")
        if merge_mode not in MERGE_MODES:
            raise ValueError(f"Bidirectional(merge_mode={plain(repr(merge_mode))}): it must be one of {MERGE_MODES}")
        self.forward_layer = _anew(layer, "forward")
        self.backward_layer = backward_layer or _anew(layer, "backward")
        self.backward_layer.go_backwards |= backward_layer is None
        one, other = self.forward_layer, self.backward_layer
        if one.go_backwards == other.go_backwards:
            raise ValueError("Bidirectional: one of its layers must go backwards and the other not")
        for what in ("stateful", "return_sequences", "return_state"):
            if getattr(one, what) != getattr(other, what):
                raise ValueError(f"Bidirectional: its layers differ in {what}")
        one.zero_output_for_mask = other.zero_output_for_mask = one.return_sequences
        self.merge_mode = merge_mode
        self.return_sequences, self.return_state, self.stateful = one.return_sequences, one.return_state, one.stateful
        self.children = {"forward_layer": one, "backward_layer": other}
        self._initial = weights

    def config(self, dtype: str | None = None) -> dict[str, Any]:
        layers = {"layer": self.forward_layer, "backward_layer": self.backward_layer}
        inner = {key: described(layer, dtype) for key, layer in layers.items()}
        return self.common_config(dtype) | {"merge_mode": self.merge_mode} | inner

    @property
    def recurrences(self) -> int:  # type: ignore[override]
        return max(self.forward_layer.recurrences, self.backward_layer.recurrences)

    def build(self, input_shape: Shape) -> None:
        fresh = not self.built
        super().build(input_shape)
        if fresh and self._initial is not None:
            self.set_weights(self._initial)

    def output_shapes(self, input_shape: Shape) -> list[Shape]:
        (one, *states), (other, *more) = (child.output_shapes(input_shape) for child in self.children.values())
        if self.merge_mode is not None:
            if self.merge_mode == "concat":
                one = (*one[:-1], self.forward_layer.cells[-1].output_size + self.backward_layer.cells[-1].output_size)
            elif one != other:
                raise ValueError(f"Bidirectional(merge_mode={self.merge_mode!r}): its layers have different units")
            return [one, *states, *more]
        return [one, other, *states, *more]

    def output_shape(self, input_shape: Shape) -> Shape:
        return self.output_shapes(input_shape)[0]

    def scopes(self, scope: Scope) -> tuple[Scope, Scope]:
        """h^f and h^b, or h^1f and h^1b; sizes that are equal have one letter."""
        alike = [c.units for c in self.forward_layer.cells] == [c.units for c in self.backward_layer.cells]
        tags = {side: tuple(f"{tag or '^'}{side}" for tag in scope.tags) for side in "fb"}
        return tuple(scope._replace(tags=tags[side], alike=alike) for side in "fb")  # type: ignore[return-value]

    def features(self, scope: Scope) -> str:
        one, other = (child.features(s) for child, s in zip(self.children.values(), self.scopes(scope)))
        if self.merge_mode != "concat":
            return one
        return f"2*{one}" if one == other else f"{one}+{other}"

    def letters(self, scope: Scope) -> list[str]:
        (one, *states), (other, *more) = (c.letters(s) for c, s in zip(self.children.values(), self.scopes(scope)))
        return [*([one, other] if self.merge_mode is None else [self.features(scope)]), *states, *more]

    def state_letters(self, scope: Scope) -> list[str]:
        return [letter for c, s in zip(self.children.values(), self.scopes(scope)) for letter in c.state_letters(s)]

    def symbols(self, scope: Scope) -> dict[str, tuple[str, tuple[str, ...]]]:
        each = zip(self.children.items(), self.scopes(scope))
        return {f"{name}/{key}": value for (name, child), s in each for key, value in child.symbols(s).items()}

    def call(self, x: Node, call: Call) -> Node | list[Node]:
        half = len(call.states or []) // 2
        given = (call.states[:half], call.states[half:]) if call.states else (None, None)
        found: list[list[Node]] = []
        for (name, child), scope, states in zip(self.children.items(), self.scopes(call.scope), given):
            inner = call.inner(name, scope, states)
            found.append(child.outputs(x, inner))
            call.final += inner.final
            call.history += inner.history
            call.losses += inner.losses
        (one, *states_f), (other, *states_b) = found
        other = stack(*other.args[::-1], size=x.dims[1]) if self.return_sequences else other
        merged = [one, other] if self.merge_mode is None else [self._merged(one, other, call)]
        return [*merged, *states_f, *states_b]

    def _merged(self, one: Node, other: Node, call: Call) -> Node:
        if not self.return_sequences:
            with at(None):
                return self._named(self._pair(one, other), call)
        pairs = at_each(lambda a, b: self._named(self._pair(a, b), call), one.args, other.args)
        return stack(*pairs, size=one.dims[1])

    def _pair(self, a: Node, b: Node) -> Node:
        match self.merge_mode:
            case "concat":
                return join(a, b)
            case "mul":
                return a * b
            case "ave":
                return scale(a + b, p=0.5)
        return a + b

    def _named(self, node: Node, call: Call) -> Node:
        """What comes out is called y if it is what the model gives."""
        return named(f"y{call.scope.tag}", node, Role.OUTPUT) if call.scope.head else node

    def masks(self, x: Node, call: Call) -> list[Masks | None]:
        first, *rest = self.forward_layer.masks(x, call)
        return [first] * (2 if self.merge_mode is None else 1) + rest * 2

    def check_states(self, shapes: list[Shape]) -> None:
        if len(shapes) % 2:
            raise ValueError(f"{self.label} takes an even number of initial states: those of the forward layer first")
        self.forward_layer.check_states(shapes[: len(shapes) // 2])
        self.backward_layer.check_states(shapes[len(shapes) // 2 :])

    def keep(self, call: Call) -> None:
        half = len(self.forward_layer.sizes)
        for layer, nodes in ((self.forward_layer, call.final[:half]), (self.backward_layer, call.final[half:])):
            part = copy.copy(call)
            part.final = nodes
            layer.keep(part)

    def reset_state(self) -> None:
        """Forget the states that stateful layers have kept."""
        if not self.stateful:
            raise AttributeError("Layer must be stateful.")
        self.forward_layer.reset_state()
        self.backward_layer.reset_state()

    reset_states = reset_state

    def __repr__(self) -> str:
        return f"Bidirectional({self.forward_layer!r})"


def _anew(layer: RNN, side: str) -> RNN:
    """The layer as it was before it had weights and states, with the name that Keras gives it."""
    made = copy.deepcopy(layer)
    made.name = f"{side}_{(layer.name or layer.label).removeprefix(f'{side}_')}"
    made.forget()
    for cell in made.cells:
        cell.seed, cell._rng = None, Draws(None)  # Keras loses the seed here
    return made


class TimeDistributed(Layer):
    """A layer of rows applied at every step of a sequence: Dense, Activation, ReLU, LayerNormalization and the like.

    A Masking makes 0 of the steps it leaves out, and no mask for the layers that follow, as in Keras.
    """

    def __init__(self, layer: Layer, **others: Any) -> None:
        super().__init__(**others)
        if not isinstance(layer, Layer):
            raise ValueError(f"TimeDistributed takes a layer, not {plain(type(layer).__name__)}")
        if not isinstance(layer, (Dense, Activation, Dropout, Flatten, Masking, RowWise, LayerNormalization)):
            raise NotImplementedError(
                f"TimeDistributed({layer.kind}) is given sequences of sequences, which minirnn does not have: "
                "give a layer of rows, such as Dense, Activation, Dropout, Flatten, Masking, ReLU or LayerNormalization"
            )
        self.layer = self.children["layer"] = layer

    def child_shape(self, key: str, input_shape: Shape) -> Shape:
        if len(input_shape) != 3:
            raise ValueError(f"{self.label} takes sequences (samples, timesteps, features), not shape {input_shape}")
        return (input_shape[0], input_shape[2])

    def output_shape(self, input_shape: Shape) -> Shape:
        inner = self.layer.output_shape(self.child_shape("layer", input_shape))
        return (input_shape[0], input_shape[1], *inner[1:])

    def features(self, scope: Scope) -> str:
        return scope.features if isinstance(self.layer, Flatten) else self.layer.features(scope)

    def symbols(self, scope: Scope) -> dict[str, tuple[str, tuple[str, ...]]]:
        return {f"layer/{key}": value for key, value in self.layer.symbols(scope).items()}

    def __call__(self, x: Any, *, mask: Any = None, **others: Any) -> Any:  # type: ignore[override]
        """As any layer. The mask of an array must fit it, and changes nothing."""
        if mask is None or isinstance(x, Symbolic):
            return super().__call__(x, mask=mask, **others)
        if np.ndim(mask) < 2 or np.shape(mask)[:2] != np.shape(x)[:2]:
            raise ValueError(
                f"The `mask` passed to the `TimeDistributed` layer has a shape {np.shape(mask)}; "
                f"its first axes must be (samples, timesteps) = {np.shape(x)[:2]}"
            )
        return super().__call__(x, **others)

    def call(self, x: Node, call: Call) -> Node:
        if isinstance(self.layer, Flatten):  # one step of a sequence is flat already
            return stack(*steps(x), size=x.dims[1])
        out = self.layer.call(x, call.inner("layer", call.scope))
        assert isinstance(out, Node)
        return out

    def __repr__(self) -> str:
        return f"TimeDistributed({self.layer!r})"


def at_each_step(layer: Layer) -> Layer:
    """What a TimeDistributed applies at each step; any other layer itself."""
    return layer.layer if isinstance(layer, TimeDistributed) else layer
