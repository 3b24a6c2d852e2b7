"""What a network has of all its layers: their weights, in order."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..layers.layer import Layer
from ..layers.weights import Variable


class Layered:
    """Layers, each once, and the weights of all."""

    _listed: list[Layer]
    _trainable = True

    @property
    def flat_layers(self) -> list[Layer]:
        """Each layer once, in the order in which Keras lists them: the farthest from the outputs first. Of a model within it
        is its layers that are listed."""
        return list(self._listed)

    @property
    def every_layer(self) -> list[Layer]:
        """The same, with the layers of the inputs, whatever the model lists."""
        return list(self._listed)

    @property
    def weight_arrays(self) -> list[np.ndarray]:
        """The weights themselves; `get_weights` gives copies."""
        return [w for layer in self.flat_layers for w in layer.weight_arrays]

    @property
    def weights(self) -> list[Variable]:
        """The weights as Keras shows them, each with its name."""
        return [v for layer in self.flat_layers for v in layer.weights]

    variables = weights

    @property
    def trainable_weights(self) -> list[Variable]:
        """Those that an optimizer changes: none of a model that is frozen, whatever its layers say since."""
        return [v for layer in self.flat_layers for v in layer.trainable_weights] if self._trainable else []

    @property
    def non_trainable_weights(self) -> list[Variable]:
        """Those that stay as they are."""
        return [v for layer in self.flat_layers for v in layer.non_trainable_weights] if self._trainable else self.weights

    trainable_variables, non_trainable_variables = trainable_weights, non_trainable_weights

    @property
    def trainable(self) -> bool:
        """Whether it is trained; set, it is set of all its layers too."""
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        self._trainable = bool(value)
        for layer in self.flat_layers:
            layer.trainable = value

    def get_weights(self) -> list[np.ndarray]:
        """Copies of all weights, in Keras' order."""
        return [w for layer in self.flat_layers for w in layer.get_weights()]

    def set_weights(self, weights: list[Any]) -> None:
        """Replace all weights, given in the order of `get_weights`."""
        if len(weights) != len(self.weight_arrays):
            raise ValueError(f"the model takes {len(self.weight_arrays)} weight arrays, not {len(weights)}")
        rest = list(weights)
        new = {layer: layer.fitting([rest.pop(0) for _ in layer.weights]) for layer in self.flat_layers if layer.weights}
        for layer, arrays in new.items():  # all or none
            layer.load(arrays)
