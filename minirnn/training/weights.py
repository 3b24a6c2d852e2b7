"""All weights of a model as one vector, for the optimizer; and back."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np

from ..layers.layer import Layer
from ..network import Network


class Weights:
    """All weights of a model as one flat vector; those that are trained come first, each a part of it.

    `arrays` are its parts by name, `parts` says where in the vector each lies, and its shape. A step of training puts
    another vector in its place and leaves it whole until the next.
    `trained` are the names of those that are trained; without it all are whose layers say so.
    """

    def __init__(self, model: Network, dtype: np.dtype, trained: Collection[str] | None = None) -> None:
        self.places = model.parameter_places()
        trained = trainable(self.places) if trained is None else trained
        free = {name: name in trained for name in self.places}
        self.names = sorted(self.places, key=lambda name: not free[name])
        arrays = self._arrays()
        ends = np.cumsum([0, *(w.size for w in arrays)]).tolist()
        self.parts = {n: (slice(a, b), w.shape) for n, a, b, w in zip(self.names, ends, ends[1:], arrays)}
        self.trained = [self.parts[name][0] for name in self.names if free[name]]
        self.constraints = {
            name: layer.constraints[layer.weight_names[i]]
            for name, (layer, i) in self.places.items()
            if free[name] and layer.weight_names[i] in layer.constraints
        }
        self._other: tuple[np.ndarray, dict[str, np.ndarray]] | None = None
        self.take(np.concatenate([w.ravel() for w in arrays] or [np.zeros(0)]).astype(dtype))
        self.free = self.trained[-1].stop if self.trained else 0  # where the weights that stay begin

    def views(self, vector: np.ndarray) -> dict[str, np.ndarray]:
        """The weights by name, as parts of a vector."""
        return {name: vector[part].reshape(shape) for name, (part, shape) in self.parts.items()}

    def take(self, vector: np.ndarray) -> None:
        """Let these be the weights."""
        self.vector, self.arrays = vector, self.views(vector)

    def gathered(self, gradients: Mapping[str, np.ndarray], leave_out: Mapping[str, object]) -> np.ndarray:
        """The gradient of the trained weights as a vector; 0 for those to be left out."""
        names = self.names[: len(self.trained)]
        if leave_out:
            gradients = {n: np.zeros_like(self.arrays[n]) if n in leave_out else gradients[n] for n in names}
        return np.concatenate([gradients[n] for n in names], axis=None) if names else np.zeros(0, self.vector.dtype)

    def step_to(self, new: np.ndarray) -> None:
        """Let the trained weights be `new`, made to obey their constraints; the others are as the layers have them."""
        vector, arrays = self._other or (made := np.empty_like(self.vector), self.views(made))
        self._other = self.vector, self.arrays
        vector[: self.free] = new
        if self.free < len(vector):
            vector[self.free :] = np.concatenate([array.ravel() for array in self._arrays(len(self.trained))])
        for name, constraint in self.constraints.items():
            arrays[name][...] = constraint(arrays[name])
        self.vector, self.arrays = vector, arrays

    def put_back(self) -> None:
        """Give the layers these weights."""
        for layer, arrays in by_layer(self.places, self.arrays).items():
            layer.load([array.copy() for array in arrays])

    def taken_anew(self) -> np.ndarray:
        """The vector of what the layers hold now: something else may have set them."""
        return np.concatenate([w.ravel() for w in self._arrays()] or [np.zeros(0)]).astype(self.vector.dtype)

    def _arrays(self, first: int = 0) -> list[np.ndarray]:
        """The weights that the layers have, from the one that is the `first` in order."""
        return [self.places[name][0].weight_arrays[self.places[name][1]] for name in self.names[first:]]


def trainable(places: Mapping[str, tuple[Layer, int]]) -> list[str]:
    """The names of the weights at these places that are trained, as their layers say it now."""
    layers = {layer for layer, _ in places.values()}
    free = {layer: [layer.trainable and weight.trainable for weight in layer.weights] for layer in layers}
    return [name for name, (layer, i) in places.items() if free[layer][i]]


def by_layer(places: Mapping[str, tuple[Layer, int]], arrays: Mapping[str, np.ndarray]) -> dict[Layer, list[np.ndarray]]:
    """The weights of each layer, with `arrays` in their places."""
    found: dict[Layer, list[np.ndarray]] = {}
    for name, (layer, i) in places.items():
        found.setdefault(layer, list(layer.weight_arrays))[i] = arrays[name]
    return found
