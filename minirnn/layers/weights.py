"""The weights of a layer: drawn, given, read as Keras shows them, and what regularizers and constraints do to them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from .. import constraints, initializers, regularizers
from ..checks import array_of, converted, demand_finite
from ..system import NoAttribute, plain
from ..tensorlike import unseen
from .symbolic import Shape


class Variable(NDArrayOperatorsMixin):
    """A weight of a layer, as Keras shows it: its numbers, a name, and `assign`. It is an array wherever one is wanted.

    >>> from minirnn.layers import Dense
    >>> layer = Dense(2, kernel_initializer="ones", name="head")
    >>> layer.build((None, 1))
    >>> layer.kernel
    <Variable path=head/kernel, shape=(1, 2), dtype=float32, value=[[1. 1.]]>
    >>> layer.kernel.assign([[3, 4]])
    <Variable path=head/kernel, shape=(1, 2), dtype=float32, value=[[3. 4.]]>
    """

    def __init__(self, layer: Weighted, place: int, path: str) -> None:
        self.layer, self.place, self.path = layer, place, path

    _id = unseen

    @property
    def name(self) -> str:
        """kernel, recurrent_kernel, bias, ..."""
        return self.path.rpartition("/")[2]

    @property
    def trainable(self) -> bool:
        return self.layer.trainable and self.layer.own_weights[self.place] not in self.layer.fixed

    @property
    def value(self) -> np.ndarray:
        """The numbers themselves."""
        return (self.layer.own_arrays or [])[self.place]

    def numpy(self) -> np.ndarray:
        """A copy of the numbers."""
        return self.value.copy()

    def assign(self, value: Any) -> Variable:
        """Take these numbers; ValueError if their shape is another, or if one is not finite."""
        array = array_of(value, self.path)
        if array.shape != self.value.shape:
            raise ValueError(f"{self.path} has shape {self.value.shape}; it cannot be assigned shape {array.shape}")
        new = converted(demand_finite(array, self.path), self.value.dtype, self.path)
        (self.layer.own_arrays or [])[self.place] = new.copy()
        return self

    def assign_add(self, value: Any) -> Variable:
        """Add these numbers."""
        return self.assign(self.value + np.asarray(value))

    def assign_sub(self, value: Any) -> Variable:
        """Take these numbers off, as a step of gradient descent does."""
        return self.assign(self.value - np.asarray(value))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.array(self.value, dtype=dtype, copy=copy)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        return getattr(ufunc, method)(*[i.value if isinstance(i, Variable) else i for i in inputs], **options)

    def __getitem__(self, key: Any) -> Any:
        return self.value[key]

    def __len__(self) -> int:
        return len(self.value)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            return object.__getattribute__(self, name)  # which says what is wrong
        return getattr(self.value, name)  # shape, dtype, T, dot and all else that an array has

    def __repr__(self) -> str:
        return f"<Variable path={self.path}, shape={self.shape}, dtype={self.dtype}, value={self.value}>"


def _drawn(initializer: Any, shape: tuple[int, ...], dtype: np.dtype, what: str) -> np.ndarray:
    """The weights that an initializer gives, which may be a function of the user's own."""
    array = demand_finite(array_of(initializer(shape, dtype=dtype.name), what), what)
    return np.array(converted(array, dtype, what))  # one of its own, to be written into


class Weighted:
    """What has weights: its own, in Keras' order, then those of the layers that it is made of, named ``child/kernel``."""

    own_weights: tuple[str, ...] = ()  # Keras' names, in Keras' order
    fixed: tuple[str, ...] = ()  # those of them that no optimizer changes
    initializers: Mapping[str, initializers.Initializer] = {}
    own_regularizers: Mapping[str, regularizers.Regularizer] = {}
    own_constraints: Mapping[str, constraints.Constraint] = {}
    children: dict[str, Any]
    own_arrays: list[np.ndarray] | None = None
    trainable: bool
    dtype: np.dtype
    kind: str

    @property
    def label(self) -> str:
        """The name as it is shown."""
        raise NotImplementedError

    # ---------------------------------------------------------------------------------------------------- arguments

    def take_weights(self, given: dict[str, Any], defaults: dict[str, Any]) -> None:
        """Take ``kernel_initializer``, ``kernel_regularizer`` and ``kernel_constraint`` of every weight out of `given`."""

        def taken(what: str, get: Any, default: Any) -> dict[str, Any]:
            found = {key: get(given.pop(f"{stem(key)}_{what}", default.get(key))) for key in defaults}
            return {key: value for key, value in found.items() if value is not None}

        self.initializers = taken("initializer", initializers.get, defaults)
        self.own_regularizers = taken("regularizer", regularizers.get, {})
        self.own_constraints = taken("constraint", constraints.get, {})

    def weight_arguments(self) -> dict[str, Any]:
        """Those arguments again, by their names."""
        found: dict[str, Any] = {}
        for key, initializer in self.initializers.items():
            found[f"{stem(key)}_initializer"] = initializer
            if key not in self.fixed:
                found[f"{stem(key)}_regularizer"] = self.own_regularizers.get(key)
                found[f"{stem(key)}_constraint"] = self.own_constraints.get(key)
        return found

    def _collected(self, what: str) -> dict[str, Any]:
        own = dict(getattr(self, f"own_{what}"))
        for key, child in self.children.items():
            own |= {f"{key}/{inner}": value for inner, value in child._collected(what).items()}
        return own

    @property
    def regularizers(self) -> dict[str, regularizers.Regularizer]:
        """Weight name -> its penalty, a function of a node."""
        return self._collected("regularizers")

    @property
    def constraints(self) -> dict[str, constraints.Constraint]:
        """Weight name -> what it is made to obey after a step of an optimizer, a function of an array."""
        return self._collected("constraints")

    # ------------------------------------------------------------------------------------------------------- arrays

    @property
    def weight_names(self) -> tuple[str, ...]:
        return (*self.own_weights, *[f"{key}/{name}" for key, c in self.children.items() for name in c.weight_names])

    def own_shapes(self, input_shape: Shape) -> list[tuple[int, ...]]:
        """The shapes of its own weights for inputs of `input_shape`."""
        return []

    def draw_weights(self, input_shape: Shape) -> list[np.ndarray]:
        """The own weights, drawn by their initializers."""
        drawn = []
        for key, shape in zip(self.own_weights, self.own_shapes(input_shape)):
            array = _drawn(self.initializers[key], shape, self.dtype, f"{self.label}: what the initializer of {key} gives")
            if array.shape != shape:
                raise ValueError(f"{self.label}: the initializer of {key} gives shape {array.shape}, not {shape}")
            drawn.append(array)
        return drawn

    @property
    def built(self) -> bool:
        """Whether the weights are there."""
        return self.own_arrays is not None and all(child.built for child in self.children.values())

    @built.setter
    def built(self, value: bool) -> None:
        """Taken from a layer of one's own, which says so at the end of its build; whether there are weights is seen."""

    @property
    def weight_arrays(self) -> list[np.ndarray]:
        """The weights themselves; `get_weights` gives copies."""
        if self.own_arrays is None or not self.built:
            raise ValueError(f"{self.kind} has no weights yet: call it on data, or build(input_shape)")
        return self.own_arrays + [w for child in self.children.values() for w in child.weight_arrays]

    def get_weights(self) -> list[np.ndarray]:
        return [w.copy() for w in self.weight_arrays] if self.built else []

    def set_weights(self, weights: list[Any]) -> None:
        """Replace all weights; their dtype becomes the layer's. Raises ValueError if number or a shape differs, or if one
        is not finite."""
        self.load(self.fitting(weights))

    def fitting(self, weights: list[Any], finite: bool = True) -> list[np.ndarray]:
        """Copies of `weights` that the layer can take. Raises ValueError if number or a shape differs, and, unless told
        otherwise, if one is not finite."""
        what = f"a weight of {self.label}"
        new = [array_of(w, what) for w in weights]
        if [w.shape for w in new] != [w.shape for w in self.weight_arrays]:
            wants = [w.shape for w in self.weight_arrays]
            raise ValueError(f"{self.label} takes weights of shapes {wants}, not {[w.shape for w in new]}")
        for w in new if finite else ():
            demand_finite(w, what)
        return [w if w.dtype in (np.float32, np.float64) else w.astype(self.dtype) for w in map(np.copy, new)]

    def load(self, arrays: list[np.ndarray]) -> None:
        """Take these arrays for weights, so that none are drawn."""
        rest = list(arrays)
        self.own_arrays = [rest.pop(0) for _ in self.own_weights]
        for child in self.children.values():
            child.load([rest.pop(0) for _ in child.weight_names])

    def count_params(self) -> int:
        return sum(w.size for w in self.weight_arrays) if self.built else 0

    def add_weight(
        self,
        shape: tuple[int, ...] = (),
        initializer: Any = "glorot_uniform",
        name: str | None = None,
        regularizer: Any = None,
        constraint: Any = None,
        trainable: bool = True,
        dtype: Any = None,
    ) -> Variable:
        """A weight of a layer of the user's own, made in its ``build``; in its ``call`` it is a node."""
        name = name or f"weight_{len(self.own_weights)}"
        if name in self.own_weights:
            raise ValueError(f"{self.label} has two weights called {plain(name)!r}")
        given = initializers.get(initializer or "glorot_uniform")
        what = f"{self.label}: what the initializer of {plain(name)} gives"
        array = _drawn(given, tuple(shape), np.dtype(dtype or self.dtype), what)
        self.own_weights = (*self.own_weights, name)
        self.own_arrays = [*(self.own_arrays or []), array]
        self.fixed = self.fixed if trainable else (*self.fixed, name)
        for kind, of_it, get in (
            ("own_regularizers", regularizer, regularizers.get),
            ("own_constraints", constraint, constraints.get),
        ):
            if of_it is not None:
                setattr(self, kind, {**getattr(self, kind), name: get(of_it)})
        return Variable(self, len(self.own_weights) - 1, f"{self.label}/{name}")

    # --------------------------------------------------------------------------------------------------- as variables

    def variables_in(self, path: str) -> list[Variable]:
        """The weights as variables, whose paths begin with `path`."""
        own = [Variable(self, i, f"{path}/{key}") for i, key in enumerate(self.own_weights)]
        return own + [v for c in self.children.values() for v in c.variables_in(f"{path}/{c.label}")]

    @property
    def weights(self) -> list[Variable]:
        """The weights as Keras shows them, each with its name."""
        return self.variables_in(self.label) if self.built else []

    variables = weights

    @property
    def trainable_weights(self) -> list[Variable]:
        """Those that an optimizer changes."""
        return [v for v in self.weights if self.trainable and v.trainable]

    @property
    def non_trainable_weights(self) -> list[Variable]:
        """Those that stay as they are: of a frozen layer all."""
        return [v for v in self.weights if not (self.trainable and v.trainable)]

    trainable_variables, non_trainable_variables = trainable_weights, non_trainable_weights

    def __getattr__(self, name: str) -> Any:
        own = vars(self).get("own_weights", type(self).own_weights)  # layer.kernel, layer.bias
        if name not in own:
            raise NoAttribute(type(self).__name__, name, lambda: [*own, *dir(self)])
        if vars(self).get("own_arrays") is None:
            raise AttributeError(f"{self.kind} has no {name} yet: call it on data, or build(input_shape)")
        return self.weights[own.index(name)]


def stem(weight: str) -> str:
    """recurrent_kernel -> recurrent, as in recurrent_initializer."""
    return weight.removesuffix("_kernel")
