"""A network: layers put together, with names for all that they compute; running one gives the graph of its forward pass."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from ..engine.graph import Node, next_serial
from ..engine.names import Name, parse
from ..layers.arguments import listed
from ..layers.calls import Call, Conditions, Masks, Scope
from ..layers.embedding import Embedding, numbers_node
from ..layers.input import InputLayer
from ..layers.layer import Layer
from ..layers.nodes import common_dtype, input_node, mask_node, mask_steps, state_node, steps
from ..layers.symbolic import Symbolic, in_order, recalled
from ..system import plain
from .forward_pass import ForwardPass
from .given import arrays_for, demand_fit
from .layered import Layered
from .listing import listed_layers, name_layers
from .naming import distinct
from .scopes import scopes

MODELS: dict[str, Any] = {}  # the classes of this package by name: what reads a model makes one of these


class Network(Layered):
    """Everything between the placeholders `inputs` and the placeholders `outputs`; see `minirnn.models.Model`."""

    is_row = False  # whether it is put together as a Sequential

    @property
    def is_described_as_row(self) -> bool:
        """Whether Keras can describe it as a Sequential: not where a layer of the user's own has called operations."""
        return self.is_row and all(layer.operation is None for layer in self.flat_layers)

    def __init_subclass__(cls) -> None:
        if cls.__module__.startswith("minirnn."):
            MODELS[cls.__name__] = cls

    def __init__(
        self, inputs: Symbolic | Sequence[Symbolic], outputs: Symbolic | Sequence[Symbolic], name: str = "functional"
    ) -> None:
        self.name = name
        self.inputs, self.outputs = listed(inputs), listed(outputs)
        if not self.outputs:
            raise ValueError("a model needs an output")
        for given in (*self.inputs, *self.outputs):
            if not isinstance(given, Symbolic):
                raise TypeError(
                    f"a model is put together of placeholders, as Input gives them, not of {type(given).__name__}"
                )
        inner = {s: InputLayer(batch_shape=s.shape).placeholder() for s in self.inputs if s.inputs}
        if inner:  # from the middle of another model
            self.outputs = recalled(self.outputs, inner)
            self.inputs = [inner.get(s, s) for s in self.inputs]
        self.order = in_order(self.outputs)
        for source in self.order:
            if not source.inputs and source not in self.inputs:
                raise ValueError(f"{source.layer.label} feeds the output but is not among the inputs of the model")
        if len(set(self.inputs)) != len(self.inputs):
            raise ValueError("an input is listed twice among the inputs of the model")
        for given in self.inputs:
            if given not in self.order:
                raise ValueError(f"the input {given.layer.label} is not connected to the output of the model")
        self._listed = listed_layers(self.outputs, self.order)
        name_layers(self._listed)

    @property
    def output(self) -> Symbolic:
        """The only output, or the first of several."""
        return self.outputs[0]

    @property
    def input(self) -> Symbolic | list[Symbolic]:
        """The only input, or the list of all."""
        return self.inputs if len(self.inputs) > 1 else self.inputs[0]

    @property
    def output_names(self) -> list[str]:
        """What the outputs are called: each after its layer, numbered where a layer has several."""
        labels = [output.layer.label for output in self.outputs]
        return [f"{s}_{labels[:i].count(s)}" if s in labels[:i] else s for i, s in enumerate(labels)]

    @property
    def _states(self) -> dict[Symbolic, Symbolic]:
        """The initial states, each with the call that it feeds."""
        return {state: s for s in self.order for state in s.states}

    def role(self, given: Symbolic) -> str:
        """What an input is: "state", "mask", "numbers" (for an Embedding) or "data"."""
        if given in self._states:
            return "state"
        if any(s.mask is given for s in self.order):
            return "mask"
        fed = [s.layer for s in self.order if given in s.inputs]
        return "numbers" if fed and all(isinstance(layer, Embedding) for layer in fed) else "data"

    @property
    def input_shape(self) -> tuple[int | None, ...]:
        return self.inputs[0].shape

    @property
    def output_shape(self) -> tuple[int | None, ...]:
        return self.output.shape

    # ----------------------------------------------------------------------------------------------------- running

    def arrays(self, X: Any, batches: bool = False) -> list[np.ndarray]:
        """`X`, or all inputs in a list or by name, as arrays that fit; ValueError says what does not.

        `batches`: for several runs. A last axis of one may be missing, or one too many, as in Keras.
        """
        arrays = arrays_for(X, self.inputs if getattr(self, "_built", True) else [])
        self._check(arrays)
        for array, symbolic in zip(arrays, self.inputs if self.is_stateful and not batches else []):
            if symbolic.shape[0] not in (None, len(array)):
                raise ValueError(
                    f"X holds {len(array)} samples; the batch size of {symbolic.layer.label!r} is {symbolic.shape[0]}"
                )
        return arrays

    @property
    def any_length(self) -> bool:
        """Whether the weights fit sequences of any length: they do unless time is flattened."""
        return all(inner.keeps_length for layer in self.flat_layers for inner in layer.inside())

    @property
    def of_one_length(self) -> bool:
        """Whether what is traced of it holds for the number of steps at hand only."""
        return any(inner.of_one_length for layer in self.flat_layers for inner in layer.inside())

    def shortened(self, arrays: list[np.ndarray], T: int) -> list[np.ndarray]:
        """The first T steps of the inputs that have steps."""
        timed = [self.role(s) in ("mask", "numbers") or array.ndim == 3 for s, array in zip(self.inputs, arrays)]
        return [array[:, :T] if has_steps else array for array, has_steps in zip(arrays, timed)]

    def steps_of(self, arrays: list[np.ndarray]) -> int:
        """T, the number of time steps of these inputs; 0 if they have none."""
        timed = [a.shape[1] for s, a in zip(self.inputs, arrays) if a.ndim == 3 or self.role(s) == "numbers"]
        return max(timed, default=0)

    def run(
        self,
        arrays: list[np.ndarray],
        dtype: Any = None,
        weights: Mapping[Layer, list[np.ndarray]] | None = None,
        conditions: Conditions | None = None,
    ) -> ForwardPass:
        """The forward pass on `arrays`, one per input, as a graph.

        With `weights` in place of the present ones, if given. Computes in `dtype`; if that is not given, in float64 if the
        weights or the inputs are float64, else in float32.
        """
        dtype = np.dtype(dtype or common_dtype(*arrays, *self.weight_arrays))
        conditions = conditions or Conditions()
        nodes: dict[Symbolic, list[Node]] = {}
        masks: dict[Symbolic, list[Masks | None]] = {}
        parameters: dict[Layer, dict[str, Node]] = {}
        given_masks: dict[Any, Masks] = {}
        calls: list[tuple[Symbolic, Call]] = []
        starts: list[tuple[int, str]] = []
        names = self.parameter_names()
        for symbolic, scope in self.scopes():
            layer = symbolic.layer
            if not symbolic.inputs:
                value = arrays[self.inputs.index(symbolic)]
                nodes[symbolic], masks[symbolic] = [self._given(symbolic, value, dtype, scope)], [None]
                continue
            given, initial = ([nodes[s.first][s.index] for s in those] for those in (symbolic.inputs, symbolic.states))
            for node in given:
                layer.check(node.value)
            if layer not in parameters:
                parameters[layer] = layer.leaves(scope, dtype, None if weights is None else weights[layer])
                for weight, leaf in parameters[layer].items():
                    leaf.name = names[layer, weight]
            coming = [masks[s.first][s.index] for s in symbolic.inputs]
            mask = coming[0]
            if symbolic.mask is not None:
                each = steps(given[0])
                key = symbolic.mask, tuple(node.step for node in each)
                if key not in given_masks:
                    given_masks[key] = mask_steps(nodes[symbolic.mask][0], each, scope.mask)
                mask = given_masks[key]
            starts.append((next_serial(), layer.label))
            used = None if initial and symbolic.mask is None else mask  # Keras gives it where x is the only tensor
            call = Call(scope, parameters[layer], conditions, initial or None, used, symbolic.training, coming)
            x: Any = given if layer.takes_many else given[0]
            nodes[symbolic] = layer.outputs(x, call)
            masks[symbolic] = layer.masks(x, call.with_mask(mask))
            calls.append((symbolic, call))
        made = dict(calls)
        losses = [loss for _, call in calls for loss in call.losses]
        losses += [loss for layer, leaves in parameters.items() for loss in layer.penalties(leaves)]
        return ForwardPass(
            [nodes[s.first][s.index] for s in self.outputs],
            {str(p.name): p for leaves in parameters.values() for p in leaves.values()},
            [nodes[s][0] for s in self.inputs],
            [masks[s.first][s.index] for s in self.outputs],
            losses,
            calls,
            [s.layer.letters(made[s.first].scope)[s.index] if s.first in made else "K" for s in self.outputs],
            [node for _, call in calls for node in call.own],
            starts,
            [state for _, call in calls for state in call.final],
        )

    def _given(self, symbolic: Symbolic, value: np.ndarray, dtype: Any, scope: Scope) -> Node:
        match self.role(symbolic):
            case "state":
                return state_node(value, dtype, scope.features)
            case "numbers":
                return numbers_node(value, dtype, scope.tag, scope.steps)
            case "mask":  # each call that it is given to makes its steps
                return mask_node(value, dtype, scope.mask, scope.steps)
        return input_node(value, dtype, scope.tag, scope.features, scope.steps)

    @property
    def takes_mask(self) -> bool:
        """Whether a mask is among the inputs."""
        return any(self.role(given) == "mask" for given in self.inputs)

    @property
    def makes_masks(self) -> bool:
        """Whether a layer makes a mask or is given one."""
        makers = (inner.makes_mask for layer in self.flat_layers for inner in layer.inside())
        return any(makers) or any(s.mask is not None for s in self.order)

    @property
    def draws(self) -> bool:
        """Whether training draws numbers, such as a mask of dropout, anew in every step."""
        return any(inner.draws for layer in self.flat_layers for inner in layer.inside())

    @property
    def is_stateful(self) -> bool:
        """Whether a layer, or one inside another, keeps its state for the next call."""
        return any(getattr(inner, "stateful", False) for layer in self.flat_layers for inner in layer.inside())

    def _check(self, arrays: list[np.ndarray]) -> None:
        """Raise ValueError, in one sentence, where the inputs do not fit."""
        demand_fit(arrays, self.inputs, self.label)
        for array, symbolic in zip(arrays, self.inputs):
            if self.role(symbolic) == "numbers":  # the source of a network would not notice
                for call in self.order:
                    if call.inputs and call.inputs[0] is symbolic:
                        call.layer.check(array)

    def scopes(self) -> Iterator[tuple[Symbolic, Scope]]:
        """Every placeholder, each after those it needs, with the names of its layer's quantities."""
        return scopes(self.order, self.inputs, self.outputs, self.role)

    def parameter_names(self) -> dict[tuple[Layer, str], Name]:
        """The name of every weight, by its layer and Keras' name; no two are alike."""
        told = [(layer, layer.label, layer.weight_names) for layer in self._listed]
        order, before, names = self._known_names
        if order is not self.order or before != told:
            names = self._parameter_names()
            self._known_names = self.order, told, names
        return names

    _known_names: tuple[Any, Any, dict[tuple[Layer, str], Name]] = (None, None, {})

    def _parameter_names(self) -> dict[tuple[Layer, str], Name]:
        first: dict[Layer, Scope] = {}
        for symbolic, scope in self.scopes():
            first.setdefault(symbolic.layer, scope)
        weights = {
            (layer, key): parse(layer.symbols(scope)[key][0]) for layer, scope in first.items() for key in layer.weight_names
        }
        own = [any(inner.users_name_weights for inner in layer.inside()) for layer, _ in weights]
        return dict(zip(weights, distinct([*weights.values()], [layer.label for layer, _ in weights], own)))

    def parameter_places(self) -> dict[str, tuple[Layer, int]]:
        """The key of every parameter -> the layer and the place among its weights."""
        return {str(name): (layer, layer.weight_names.index(key)) for (layer, key), name in self.parameter_names().items()}

    @property
    def label(self) -> str:
        """The name as it is shown: on one line, cut if it is long."""
        return plain(self.name)
