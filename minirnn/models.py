"""Models: layers put together, functionally or in a row; running one gives the graph of its forward pass."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from .graph import Node, at
from .layers.base import Layer, Scope, Symbolic, common_dtype, input_node, state_node
from .layers.dense import Dense
from .layers.flatten import Flatten
from .layers.input import InputLayer
from .layers.simple_rnn import SimpleRNN
from .system import plain


class Run(NamedTuple):
    """One forward pass: the output and the parameters by name, and where each stands in ``model.weights``."""

    output: Node
    parameters: dict[str, Node]
    inputs: list[Node]


class Model:
    """``Model(i, x)``: everything between the placeholders `i` and the placeholder `x`.

    `i` may be a list: the first is the input, the others are initial states.

    >>> from minirnn.layers import Dense, Input, SimpleRNN
    >>> i = Input(shape=(10, 3))
    >>> model = Model(i, Dense(2)(SimpleRNN(5)(i)))
    >>> model
    <Model 'functional': InputLayer() -> SimpleRNN(5) -> Dense(2)>
    >>> [w.shape for w in model.get_weights()]
    [(3, 5), (5, 5), (5,), (5, 2), (2,)]
    >>> model.predict(np.zeros((4, 10, 3))).shape
    (4, 2)
    """

    def __init__(
        self, inputs: Symbolic | Sequence[Symbolic], outputs: Symbolic | Sequence[Symbolic], name: str = "functional"
    ) -> None:
        self.name = name
        self.inputs = [inputs] if isinstance(inputs, Symbolic) else list(inputs)
        ends = [outputs] if isinstance(outputs, Symbolic) else list(outputs)
        if len(ends) != 1:
            raise NotImplementedError(f"a model with {len(ends)} outputs is not supported by minirnn yet")
        self.output = ends[0]
        self.order = _in_order(self.output)
        for source in self.order:
            if not source.inputs and source not in self.inputs:
                raise ValueError(f"{source.layer.label} feeds the output but is not among the inputs of the model")
        if len(set(self.inputs)) != len(self.inputs):
            raise ValueError("an input is listed twice among the inputs of the model")
        for given in self.inputs:
            if given.inputs:
                raise ValueError(f"{given.layer.label} is among the inputs of the model, but is no Input")
            if given not in self.order:
                raise ValueError(f"the input {given.layer.label} is not connected to the output of the model")
        _name(self._all_layers())

    @property
    def _states(self) -> dict[Symbolic, Symbolic]:
        """The initial states, each with the call that it feeds."""
        return {state: s for s in self.order for state in s.inputs[1:]}

    # ------------------------------------------------------------------------------------------------------ layers

    def _all_layers(self) -> list[Layer]:
        """Each layer once: the inputs first, as Keras lists them."""
        return list(dict.fromkeys([s.layer for s in self.inputs] + [s.layer for s in self.order]))

    @property
    def layers(self) -> list[Layer]:
        return self._all_layers()

    @property
    def weights(self) -> list[np.ndarray]:
        return [w for layer in self.layers for w in layer.weights]

    def get_weights(self) -> list[np.ndarray]:
        return [w.copy() for w in self.weights]

    def set_weights(self, weights: list[Any]) -> None:
        """Replace all weights, given in the order of `get_weights`."""
        if len(weights) != len(self.weights):
            raise ValueError(f"the model takes {len(self.weights)} weight arrays, not {len(weights)}")
        rest = list(weights)
        for layer in self.layers:
            if layer.weights:
                layer.set_weights([rest.pop(0) for _ in layer.weights])

    @property
    def input_shape(self) -> tuple[int | None, ...]:
        return self.inputs[0].shape

    @property
    def output_shape(self) -> tuple[int | None, ...]:
        return self.output.shape

    # ----------------------------------------------------------------------------------------------------- running

    def arrays(self, X: Any) -> list[np.ndarray]:
        """`X` (N, T, D), or the list of it and the initial states, as arrays that fit. ValueError says what does not."""
        several = isinstance(X, (list, tuple)) and any(np.ndim(x) == 3 for x in X if isinstance(x, np.ndarray))
        try:
            arrays = [np.asarray(x) for x in (X if several else [X])]
        except ValueError as error:
            raise ValueError("X is ragged: every sample needs the same number of steps and features") from error
        self._check(arrays)
        return arrays

    @property
    def any_length(self) -> bool:
        """Whether the weights fit sequences of any length: they do unless time is flattened."""
        return not any(isinstance(layer, Flatten) for layer in self.layers)

    def run(
        self, arrays: list[np.ndarray], dtype: Any = None, weights: Mapping[Layer, list[np.ndarray]] | None = None
    ) -> Run:
        """The forward pass on `arrays`, one per input, as a graph.

        With `weights` in place of the present ones, if given. Computes in `dtype`; if that is not given, in float64 if the
        weights or the inputs are float64, else in float32.
        """
        dtype = np.dtype(dtype or common_dtype(*arrays, *self.weights))
        states = self._states
        nodes: dict[Symbolic, Node] = {}
        parameters: dict[Layer, dict[str, Node]] = {}
        for symbolic, scope in self._scopes():
            layer = symbolic.layer
            if not symbolic.inputs:
                value = arrays[self.inputs.index(symbolic)]
                given = symbolic in states
                nodes[symbolic] = state_node(value, dtype, scope.features) if given else input_node(value, dtype)
                continue
            x, *initial = [nodes[s] for s in symbolic.inputs]
            if layer not in parameters:
                parameters[layer] = layer.leaves(scope, dtype, None if weights is None else weights[layer])
            nodes[symbolic] = layer.call(x, parameters[layer], scope, **dict(zip(["initial_state"], initial)))
        by_name = {str(p.name): p for leaves in parameters.values() for p in leaves.values()}
        return Run(nodes[self.output], by_name, [nodes[s] for s in self.inputs])

    def predict(self, X: Any, verbose: int = 0) -> np.ndarray:
        """The output for `X`: (N, K), or (N, T, K) from a model that returns sequences."""
        with at(None), np.errstate(over="ignore"):  # exp overflows in a saturated sigmoid, which then is rightly 0
            return np.array(self.run(self.arrays(X)).output.value)

    __call__ = predict

    def _check(self, arrays: list[np.ndarray]) -> None:
        """Raise ValueError, in one sentence, where the inputs do not fit."""
        if len(arrays) != len(self.inputs):
            raise ValueError(f"the model takes {len(self.inputs)} inputs, not {len(arrays)}")
        for array, symbolic in zip(arrays, self.inputs):
            if array.dtype.kind not in "fiubc":
                raise ValueError(f"X must hold numbers, not {array.dtype}")
            wants = symbolic.shape
            fits = array.ndim == len(wants) and all(w is None or w == n for w, n in zip(wants[1:], array.shape[1:]))
            if not fits:
                shape = ", ".join("any" if n is None else str(n) for n in wants[1:])
                raise ValueError(
                    f"X has shape {array.shape}; the model {self.label!r} takes (samples, {shape})"
                    + (": add the axis of the samples with X[None]" if array.ndim == len(wants) - 1 else "")
                )
            if 0 in array.shape:
                raise ValueError(f"X has shape {array.shape}: it holds no sample or no time step")

    def _scopes(self) -> Iterator[tuple[Symbolic, Scope]]:
        """Every placeholder, each after those it needs, with the names of its layer's quantities: W_x, or W_x^2 of several.

        Calls are counted, not layers: the states of a layer that is used twice are told apart, its weights are not.
        """
        head, states = _head(self.output), self._states
        recurrent = [s for s in self.order if isinstance(s.layer, SimpleRNN)]
        hidden = [s for s in self.order if isinstance(s.layer, Dense) and s.layer is not head]
        tags = {s: f"^{i}" for calls in (recurrent, hidden) if len(calls) > 1 for i, s in enumerate(calls, start=1)}
        letters: dict[Symbolic, str] = {}
        for symbolic in self.order:
            if symbolic.inputs:
                features = letters[symbolic.inputs[0]]
            else:
                fed = states.get(symbolic)
                features = "D" if fed is None else Scope(tags.get(fed, "")).letter("M")
            scope = Scope(tags.get(symbolic, ""), symbolic.layer is head, features)
            letters[symbolic] = symbolic.layer.features(scope)
            yield symbolic, scope

    def parameter_places(self) -> dict[str, tuple[Layer, int]]:
        """The name of every parameter -> the layer and the place among its weights."""
        first: dict[Layer, Scope] = {}
        for symbolic, scope in self._scopes():
            first.setdefault(symbolic.layer, scope)
        return {
            layer.symbols(scope)[key][0]: (layer, i)
            for layer, scope in first.items()
            for i, key in enumerate(layer.weight_names)
        }

    def __repr__(self) -> str:
        row = " -> ".join(map(repr, self.layers))
        return f"<{type(self).__name__} {self.label!r}: {row}>"

    @property
    def label(self) -> str:
        """The name as it is shown: on one line, cut if it is long."""
        return plain(self.name)

    def summary(self) -> None:
        """Print the layers, their output shapes and numbers of parameters, as Keras does."""
        print(summary_text(self))


class Sequential(Model):
    """A row of layers. Without an Input in front, it is put together on the first data or by `build`."""

    def __init__(self, layers: Sequence[Any] = (), name: str = "sequential") -> None:
        self.name = name
        self._row: list[Layer] = []
        self._built = False
        for layer in layers:
            self.add(layer)

    def add(self, layer: Layer | Symbolic) -> None:
        """Append a layer; an `Input` may stand in front."""
        self._row.append(layer.layer if isinstance(layer, Symbolic) else layer)
        self._built = False
        if isinstance(self._row[0], InputLayer) and len(self._row) > 1:
            self.build((None, *self._row[0].shape))

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Put the row together for inputs of `input_shape`, the batch axis included."""
        first = self._row[0]
        start = first if isinstance(first, InputLayer) else InputLayer(tuple(input_shape)[1:])
        x = source = Symbolic((None, *start.shape), start)
        for layer in self._row[isinstance(first, InputLayer) :]:
            x = layer(x)
        super().__init__(source, x, self.name)
        self._built = True

    def _check(self, arrays: list[np.ndarray]) -> None:
        if not self._row:
            raise ValueError("the model has no layers: add some first")
        if not self._built:
            shape = arrays[0].shape
            any_length = len(shape) == 3 and not any(isinstance(layer, Flatten) for layer in self._row)
            self.build((None, None, shape[-1]) if any_length else shape)
        super()._check(arrays)

    @property
    def layers(self) -> list[Layer]:
        return [layer for layer in self._row if not isinstance(layer, InputLayer)]

    def __getattr__(self, name: str) -> Any:
        if name in ("order", "inputs", "output"):  # there are none before the row is put together
            raise ValueError(
                f"the model {plain(self.name)!r} is not put together yet: call it on data, or build(input_shape)"
            )
        raise AttributeError(name)


def _in_order(output: Symbolic) -> list[Symbolic]:
    """The placeholders behind `output`, each after those it needs."""
    order: dict[Symbolic, None] = {}
    waiting = [output]
    while waiting:
        symbolic = waiting[-1]
        missing = [s for s in symbolic.inputs if s not in order]
        if missing:
            waiting.extend(reversed(missing))
        else:
            order[waiting.pop()] = None
    return list(order)


def _head(output: Symbolic) -> Layer:
    """The Dense whose output the model's is, if the model ends in one (a Flatten may follow)."""
    while output.inputs and not output.layer.weights:
        output = output.inputs[0]
    return output.layer


def _name(layers: list[Layer]) -> None:
    """Give nameless layers Keras' names: simple_rnn, simple_rnn_1, ..."""
    taken = {layer.name for layer in layers}
    for layer in layers:
        if layer.name is None:
            base, k = layer.label, 0
            while layer.name is None or layer.name in taken:
                layer.name, k = (base if k == 0 else f"{base}_{k}"), k + 1
            taken.add(layer.name)


def summary_text(model: Model) -> str:
    """The table that `Model.summary` prints."""
    shapes = {s.layer: s.shape for s in model.order}
    rows = []
    for layer in model.layers:
        shape: Any = shapes[layer]
        kind = type(layer).__name__
        rows.append((f"{layer.label} ({kind})", str([shape] if kind == "InputLayer" else shape), layer.count_params()))
    first = max(29, *(len(row[0]) + 2 for row in rows))
    second = max(26, *(len(row[1]) + 2 for row in rows))
    line = "_" * (first + second + 10)
    size = {
        flag: (
            sum(layer.count_params() for layer in model.layers if layer.trainable in flag),
            sum(w.nbytes for layer in model.layers if layer.trainable in flag for w in layer.weights),
        )
        for flag in ((True, False), (True,), (False,))
    }
    body = "\n\n".join(f" {name:<{first - 1}}{shape:<{second}}{count:<10}" for name, shape, count in rows)
    heading = f" {'Layer (type)':<{first - 1}}{'Output Shape':<{second}}{'Param #':<10}"
    words = zip(("Total", "Trainable", "Non-trainable"), size.values())
    totals = "\n".join(f"{word} params: {number} ({_bytes(n)})" for word, (number, n) in words)
    return "\n".join([f'Model: "{model.label}"', line, heading, "=" * len(line), body, "", "=" * len(line), totals, line])


def _bytes(size: float) -> str:
    for unit in ("Byte", "KB", "MB"):
        if size < 1024:
            return f"{size:.2f} {unit}"
        size /= 1024
    return f"{size:.2f} GB"
