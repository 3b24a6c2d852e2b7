"""Models whose layers stand in a row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..layers.embedding import Embedding
from ..layers.input import InputLayer
from ..layers.layer import Layer
from ..layers.symbolic import Symbolic
from ..network import Network
from ..system import plain
from .model import Model


class Sequential(Model):
    """A row of layers. Without an Input in front, it is put together on the first data or by `build`."""

    is_row = True

    def __init__(self, layers: Sequence[Any] | None = None, trainable: bool = True, name: str = "sequential") -> None:
        self.name = name
        self._row: list[Layer] = []
        self._built = False
        for layer in layers or ():
            self.add(layer)

    def add(self, layer: Layer | Symbolic) -> None:
        """Append a layer; an `Input` may stand in front."""
        self._row.append(layer.layer if isinstance(layer, Symbolic) else layer)
        self._built = False
        first = self._row[0]
        if isinstance(first, InputLayer) and len(self._row) > 1:
            self.build((first.batch_size, *first.shape))
        elif isinstance(first, Layer) and first.batch_input_shape is not None:  # input_shape=, as Keras 2 has it
            self.build(first.batch_input_shape)
        elif isinstance(first, Model) and first.built:
            self.build(first.input_shape)

    def pop(self) -> None:
        """Take the last layer off."""
        self._row.pop()
        self._built = False
        if isinstance(self._row[0], InputLayer) and len(self._row) > 1:
            self.build((self._row[0].batch_size, *self._row[0].shape))

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Put the row together for inputs of `input_shape`, the batch axis included."""
        first = self._row[0]
        start = first if isinstance(first, InputLayer) else InputLayer(batch_shape=tuple(input_shape))
        for call in vars(self).get("order", ()):  # of the row before a layer was added
            call.layer.placed = [s for s in call.layer.placed if s is not call]
        x: Any = start.placeholder()
        source = x
        for layer in self._row[isinstance(first, InputLayer) :]:
            if isinstance(x, list):
                raise ValueError(
                    f"{layer.label} comes after a layer with several outputs: put the model together with Model"
                )
            x = layer(x)
        Network.__init__(self, source, x, self.name)
        self._built = True

    def _check(self, arrays: list[np.ndarray]) -> None:
        if not self._row:
            raise ValueError("the model has no layers: add some first")
        if not self._built:
            N, *shape = arrays[0].shape
            if all(_keeps_length(layer) for layer in self._row):
                shape = [None, shape[-1]] if len(shape) == 2 else [None] if isinstance(self._row[0], Embedding) else shape
            self.build((N if any(getattr(layer, "stateful", False) for layer in self._row) else None, *shape))
        Network._check(self, arrays)

    @property
    def layers(self) -> list[Layer | Model]:
        return [layer for layer in self._row if not isinstance(layer, InputLayer)]

    @property
    def flat_layers(self) -> list[Layer]:
        own = self._built and any(isinstance(layer, Layer) and layer.is_users for layer in self._row)
        row = super().flat_layers if own else [
            inner for layer in self._row for inner in (layer.flat_layers if isinstance(layer, Model) else [layer])
        ]  # fmt: skip
        return [layer for layer in row if not isinstance(layer, InputLayer)]

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            if name in ("order", "inputs", "outputs"):  # there are none before the row is put together
                raise ValueError(
                    f"the model {plain(self.name)!r} is not put together yet: call it on data, or build(input_shape)"
                )
            return super().__getattr__(name)


def _keeps_length(layer: Any) -> bool:
    """Whether it fits sequences of any length, a layer or a model in a row."""
    if isinstance(layer, Sequential) and not layer.built:
        return all(map(_keeps_length, layer._row))
    return layer.any_length if isinstance(layer, Model) else layer.keeps_length
