"""All weights of a model as one vector, for the optimizer; and back."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ..layers.layer import Layer
from ..network import Network


class Weights:
    """All weights of a model as one flat vector; those that are trained come first, each a part of it.

    `vector` is never changed: a step of training puts another in its place.
    """

    def __init__(self, model: Network, dtype: np.dtype) -> None:
        self.places = model.parameter_places()
        free = {name: layer.trainable and layer.weights[i].trainable for name, (layer, i) in self.places.items()}
        self.names = sorted(self.places, key=lambda name: not free[name])
        arrays = self._arrays()
        ends = np.cumsum([0, *(w.size for w in arrays)]).tolist()
        self._parts = {n: (slice(a, b), w.shape) for n, a, b, w in zip(self.names, ends, ends[1:], arrays)}
        self.trained = [self._parts[name][0] for name in self.names if free[name]]
        self._constraints = {
            name: layer.constraints[layer.weight_names[i]]
            for name, (layer, i) in self.places.items()
            if free[name] and layer.weight_names[i] in layer.constraints
        }
        self.vector = np.concatenate([w.ravel() for w in arrays] or [np.zeros(0)]).astype(dtype)
        self.free = self.trained[-1].stop if self.trained else 0  # where the weights that stay begin

    @property
    def constrained(self) -> bool:
        """Whether any weight has a constraint."""
        return bool(self._constraints)

    def part(self, name: str) -> tuple[slice, tuple[int, ...]]:
        """Where a weight lies in the vector, and its shape."""
        return self._parts[name]

    def views(self, vector: np.ndarray) -> dict[str, np.ndarray]:
        """The weights by name, as parts of a vector."""
        return {name: vector[part].reshape(shape) for name, (part, shape) in self._parts.items()}

    def gathered(self, gradients: Mapping[str, np.ndarray], leave_out: Mapping[str, object]) -> np.ndarray:
        """The gradient of the trained weights as a vector; 0 for those to be left out."""
        found = np.zeros(self.free, self.vector.dtype)
        for name in self.names[: len(self.trained)]:
            if name not in leave_out:
                found[self._parts[name][0]] = gradients[name].ravel()
        return found

    def with_trained(self, new: np.ndarray) -> np.ndarray:
        """A new vector with these trained weights, which obey their constraints; the others are as the layers have them."""
        rest = [array.ravel() for array in self._arrays(len(self.trained))]
        vector = np.concatenate([new, *rest]).astype(self.vector.dtype, copy=False)
        for name, constraint in self._constraints.items():
            part, shape = self._parts[name]
            vector[part] = np.asarray(constraint(vector[part].reshape(shape))).ravel()
        return vector

    def put_back(self) -> None:
        """Give the layers these weights."""
        views = self.views(self.vector)
        for layer, arrays in by_layer(self.places, views).items():
            layer.load([array.copy() for array in arrays])

    def taken_anew(self) -> np.ndarray:
        """The vector of what the layers hold now: something else may have set them."""
        return np.concatenate([w.ravel() for w in self._arrays()] or [np.zeros(0)]).astype(self.vector.dtype)

    def _arrays(self, first: int = 0) -> list[np.ndarray]:
        """The weights that the layers have, from the one that is the `first` in order."""
        return [self.places[name][0].weight_arrays[self.places[name][1]] for name in self.names[first:]]


def by_layer(places: Mapping[str, tuple[Layer, int]], arrays: Mapping[str, np.ndarray]) -> dict[Layer, list[np.ndarray]]:
    """The weights of each layer, with `arrays` in their places."""
    found: dict[Layer, list[np.ndarray]] = {}
    for name, (layer, i) in places.items():
        found.setdefault(layer, list(layer.weight_arrays))[i] = arrays[name]
    return found
