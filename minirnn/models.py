"""Models: layers put together, functionally or in a row; running one gives the graph of its forward pass."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .checks import all_unraised
from .layers.embedding import Embedding
from .layers.input import InputLayer
from .layers.layer import Layer
from .layers.symbolic import Symbolic
from .system import choices, plain
from .training.trainable import Trainable


@all_unraised
class Model(Trainable):
    """``Model(i, x)``: everything between the placeholders `i` and the placeholders `x`.

    `i` may be a list: sequences, initial states and masks. `x` may be a list: the model then has several outputs.

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

    def __call__(self, X: Any, training: bool = False) -> Any:
        return self.predict(X, training=training)

    def reset_states(self) -> None:
        """Let every stateful layer start from zeros again."""
        for layer in self.layers:
            if getattr(layer, "stateful", False):
                layer.reset_state()

    reset_state = reset_states

    def __repr__(self) -> str:
        row = " -> ".join(map(repr, self.layers))
        return f"<{type(self).__name__} {self.label!r}: {row}>"

    def get_layer(self, name: str | None = None, index: int | None = None) -> Layer:
        """The layer of that name, or at that place. ValueError if there is none."""
        if (name is None) == (index is None):
            raise ValueError("say which layer: by name or by index")
        found = self.layers[index : index + 1] if index is not None else [a for a in self.layers if a.name == name]
        if not found:
            asked = name if index is None else index
            raise ValueError(f"no layer {plain(repr(asked))}{choices(asked, [layer.label for layer in self.layers])}")
        return found[0]

    def count_params(self) -> int:
        """How many numbers the weights hold."""
        return sum(w.size for w in self.weight_arrays)

    def save(self, path: Any) -> Any:
        """Write the model as Keras does; see `minirnn.save`."""
        from .keras_io.file import save

        return save(self, path)

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
            self.build((self._row[0].batch_size, *self._row[0].shape))

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Put the row together for inputs of `input_shape`, the batch axis included."""
        first = self._row[0]
        start = first if isinstance(first, InputLayer) else InputLayer(batch_shape=tuple(input_shape))
        x: Any = start.placeholder()
        source = x
        for layer in self._row[isinstance(first, InputLayer) :]:
            if isinstance(x, list):
                raise ValueError(
                    f"{layer.label} comes after a layer with several outputs: put the model together with Model"
                )
            x = layer(x)
        super().__init__(source, x, self.name)
        self._built = True

    def _check(self, arrays: list[np.ndarray]) -> None:
        if not self._row:
            raise ValueError("the model has no layers: add some first")
        if not self._built:
            N, *shape = arrays[0].shape
            if all(layer.keeps_length for layer in self._row):
                shape = [None, shape[-1]] if len(shape) == 2 else [None] if isinstance(self._row[0], Embedding) else shape
            self.build((N if any(getattr(layer, "stateful", False) for layer in self._row) else None, *shape))
        super()._check(arrays)

    @property
    def layers(self) -> list[Layer]:
        return [layer for layer in self._row if not isinstance(layer, InputLayer)]

    def __getattr__(self, name: str) -> Any:
        if name in ("order", "inputs", "outputs"):  # there are none before the row is put together
            raise ValueError(
                f"the model {plain(self.name)!r} is not put together yet: call it on data, or build(input_shape)"
            )
        raise AttributeError(name)


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
            sum(w.nbytes for layer in model.layers if layer.trainable in flag for w in layer.weight_arrays),
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
