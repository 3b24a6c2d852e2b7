"""What all layers share: weights, building on first use, and calling with a placeholder, an array or a node."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import numpy as np

from ..graph import Node, at, named
from ..ops import activations, leaf, stack, take
from ..system import plain

Shape = tuple[int | None, ...]

# Arguments that every layer of Keras takes, at the value for which they do nothing
COMMON: dict[str, Any] = {"autocast": True, "input_shape": None, "input_dim": None, "batch_input_shape": None}


class Symbolic:
    """A placeholder that flows while a functional model is put together: its shape and where it comes from."""

    def __init__(self, shape: Shape, layer: Layer, inputs: tuple[Symbolic, ...] = ()) -> None:
        self.shape, self.layer, self.inputs = shape, layer, inputs

    def __repr__(self) -> str:
        return f"<{self.layer.label}: {self.shape}>"


class Scope(NamedTuple):
    """How the quantities of one layer are called in one trace."""

    tag: str = ""  # "^2" for the second of several layers of a kind
    head: bool = True  # the layer whose output is the model's
    features: str = "D"  # the letter for the number of its input features

    def letter(self, letter: str) -> str:
        """The letter for a size of this layer: M, or M_2 in the second of several."""
        return letter + self.tag.replace("^", "_")


class Layer:
    """A layer: ``build(input_shape)`` makes its weights, ``call`` builds the graph from nodes.

    Keras arguments that are not supported yet are accepted at Keras' default value only; `refused` lists them.
    """

    weight_names: tuple[str, ...] = ()  # Keras' names, in Keras' order
    refused: dict[str, Any] = {}
    takes_state: str | None = None  # the call argument for an initial state

    def __init__(self, name: str | None = None, dtype: Any = None, trainable: bool = True, **others: Any) -> None:
        kind = type(self).__name__
        refused = COMMON | self.refused
        for argument, value in others.items():
            if argument not in refused:
                raise TypeError(f"{kind} has no argument {plain(repr(argument))}")
            if value != refused[argument]:
                raise NotImplementedError(f"{kind}({argument}={plain(repr(value))}) is not supported by minirnn yet")
        if name is not None and not isinstance(name, str):
            raise TypeError(f"{kind}(name={plain(repr(name))}): a name is text")
        self.name, self.trainable = name, boolean(kind, "trainable", trainable)
        self.dtype = np.dtype(dtype or "float32")
        if self.dtype not in (np.float32, np.float64):
            raise ValueError(f"{kind}(dtype={self.dtype.name!r}): minirnn computes in float32 or float64")
        self._weights: list[np.ndarray] | None = None

    # ------------------------------------------------------------------------------------------------------- shapes

    def build(self, input_shape: Shape) -> None:
        """Draw the weights for inputs of `input_shape` (the first axis is the batch), unless they are there."""
        if self._weights is None:
            self._weights = [np.asarray(w) for w in self.draw_weights(tuple(input_shape))]

    def draw_weights(self, input_shape: Shape) -> list[np.ndarray]:
        return []

    def weight_shapes(self, input_shape: Shape) -> list[tuple[int, ...]]:
        """The shape of each weight, in Keras' order, for inputs of `input_shape`."""
        return []

    def output_shape(self, input_shape: Shape) -> Shape:
        return input_shape

    # ------------------------------------------------------------------------------------------------------ weights

    @property
    def built(self) -> bool:
        return self._weights is not None

    @property
    def weights(self) -> list[np.ndarray]:
        """The weights themselves; `get_weights` gives copies."""
        if self._weights is None:
            raise ValueError(f"{type(self).__name__} has no weights yet: call it on data, or build(input_shape)")
        return self._weights

    def get_weights(self) -> list[np.ndarray]:
        return [w.copy() for w in self.weights] if self.built else []

    def set_weights(self, weights: list[Any]) -> None:
        """Replace all weights; their dtype becomes the layer's. Raises ValueError if number or a shape differs."""
        new = [np.asarray(w) for w in weights]
        if [w.shape for w in new] != [w.shape for w in self.weights]:
            wants = [w.shape for w in self.weights]
            raise ValueError(f"{self.label} takes weights of shapes {wants}, not {[w.shape for w in new]}")
        self._weights = [w if w.dtype in (np.float32, np.float64) else w.astype(self.dtype) for w in map(np.copy, new)]

    def load(self, arrays: list[np.ndarray]) -> None:
        """Take these arrays for weights, so that none are drawn."""
        self._weights = arrays

    def count_params(self) -> int:
        return sum(w.size for w in self._weights or [])

    def __repr__(self) -> str:
        return f"{type(self).__name__}({getattr(self, 'units', '')})"

    @property
    def label(self) -> str:
        """The name as it is shown: on one line, cut if it is long."""
        return plain(self.name or _snake(type(self).__name__))

    # ------------------------------------------------------------------------------------------------------ calling

    def features(self, scope: Scope) -> str:
        """The letter for the number of output features."""
        return scope.features

    def symbols(self, scope: Scope) -> dict[str, tuple[str, tuple[str, ...]]]:
        """Keras' weight name -> (name in code and equations, names of the axes)."""
        return {}

    def leaves(self, scope: Scope, dtype: Any, weights: list[np.ndarray] | None = None) -> dict[str, Node]:
        """Copies of the weights as nodes: of `weights`, or of those the layer has now."""
        symbols = self.symbols(scope)
        return {
            key: leaf(np.array(w, dtype), symbols[key][0], "parameter", symbols[key][1])
            for key, w in zip(self.weight_names, self.weights if weights is None else weights)
        }

    def call(self, x: Node, parameters: dict[str, Node], scope: Scope, **states: Node) -> Node:
        raise NotImplementedError

    def __call__(self, x: Any, **states: Any) -> Any:
        """On a placeholder: the next placeholder. On an array or node: the output as a node (np.asarray gives it).

        ``training`` changes nothing, for no layer here behaves differently in training.
        """
        states = {key: value for key, value in states.items() if value is not None and key != "training"}
        if "mask" in states:
            raise NotImplementedError(f"{self.label}(mask=...) is not supported by minirnn yet")
        if states and set(states) != {self.takes_state}:
            raise TypeError(f"{self.label} takes no {', '.join(states)}")
        if isinstance(x, Symbolic):
            self.build(x.shape)
            for state in states.values():
                if state.shape[1:] != self.output_shape(x.shape)[-1:]:
                    raise ValueError(f"{self.label}: its initial state must have shape (units,), not {state.shape[1:]}")
            return Symbolic(self.output_shape(x.shape), self, (x, *states.values()))
        values = {key: np.asarray(value) for key, value in {"x": x, **states}.items()}
        self.build(values["x"].shape)
        dtype = common_dtype(*values.values(), *self.weights)
        scope = Scope()
        node = x if isinstance(x, Node) else input_node(values["x"], dtype)
        nodes = {key: state_node(value, dtype, self.features(scope)) for key, value in states.items()}
        return self.call(node, self.leaves(scope, dtype), scope, **nodes)


def common_dtype(*arrays: np.ndarray) -> np.dtype:
    """What the arrays compute in together: float64 if any is, else float32; integers follow."""
    floats = [a.dtype for a in arrays if a.dtype.kind in "fc"]
    return np.result_type(np.float32, *floats)


def input_node(value: np.ndarray, dtype: Any, tag: str = "") -> Node:
    """An input as a node: a sequence (N, T, D) as the stack of its steps x_t, a table (N, D) as x."""
    value = np.array(value, dtype)  # a copy: what was traced stays as it was
    if value.ndim < 3:
        return leaf(value, f"x{tag}", "input", ("N", "D"))
    whole = leaf(value, f"X{tag}", "input", ("N", "T", "D"))
    each = []
    for t in range(1, value.shape[1] + 1):
        with at(t):
            each.append(named(f"x{tag}", take(whole, t)))
    return Node(stack, tuple(each), {}, value)  # the stack of all steps is the input itself: no copy


def state_node(value: Any, dtype: Any, features: str) -> Node:
    """An initial state as a node; its layer names it."""
    if isinstance(value, Node):
        return value
    return leaf(np.array(value, dtype), None, "state", ("N", features))


def steps(x: Node) -> list[Node]:
    """The steps of a sequence (N, T, features), one node each."""
    return [take(x, t) for t in range(1, x.shape[1] + 1)]


def boolean(kind: str, argument: str, value: Any) -> bool:
    """`value` if it is True or False; text and numbers that Python would take for one are refused."""
    if not isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{kind}({argument}={plain(repr(value))}): it must be True or False")
    return bool(value)


def activation_named(name: Any) -> Any:
    """The activation of that name; None is linear."""
    if name is None:
        return activations["linear"]
    if isinstance(name, str) and name in activations:
        return activations[name]
    known = ", ".join(activations)
    raise NotImplementedError(f"activation {plain(repr(name))} is not supported by minirnn yet; it has {known}")


def _snake(name: str) -> str:
    """Keras' own way from a class name to a layer name: SimpleRNN -> simple_rnn."""
    name = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower()
