"""Models: layers put together, functionally or in a row; running one gives the graph of its forward pass."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .checks import all_unraised
from .displays import Shown, Table, Text
from .files import StrPath
from .layers.arguments import listed
from .layers.embedding import Embedding
from .layers.input import InputLayer
from .layers.layer import Layer
from .layers.nodes import Array
from .layers.symbolic import Symbolic, recalled
from .network import Network
from .network.summary import summary_parts, summary_text
from .registry import snake
from .system import choices, plain, suggest_names
from .training.trainable import Trainable


@all_unraised
class Model(Trainable, Shown):
    """``Model(i, x)``: everything between the placeholders `i` and the placeholders `x`.

    `i` may be a list: sequences, initial states and masks. `x` may be a list: the model then has several outputs; of a
    dictionary `predict` gives a dictionary.

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

    def __init__(self, inputs: Any = None, outputs: Any = None, name: str | None = None) -> None:
        if outputs is None and type(self).call is Model.call:
            raise TypeError("a model is put together of its inputs and its outputs: Model(inputs, outputs)")
        if outputs is None:  # a subclass with a `call`: it is put together on the first data
            self.name, self._built = name or snake(type(self).__name__), False
        else:
            if isinstance(outputs, Mapping):  # as Keras takes them: by the alphabet
                self.output_keys, outputs = sorted(outputs), [outputs[key] for key in sorted(outputs)]
            if isinstance(inputs, Mapping):
                inputs = [inputs[key] for key in sorted(inputs)]
            super().__init__(inputs, outputs, name or "functional")

    _built = True

    def call(self, inputs: Any) -> Any:
        """In a subclass: what is computed from placeholders, by calling layers. Its layers are attributes."""
        raise NotImplementedError(
            f"{type(self).__name__} has no call(self, inputs) that says what it computes: write one, or give Model its "
            "inputs and outputs"
        )

    def build(self, input_shape: Any) -> None:
        """Put a subclass together for inputs of `input_shape`, the axis of the samples included, or of a list of them."""
        shapes = input_shape if isinstance(input_shape[0], (list, tuple)) else [input_shape]
        given = [InputLayer(batch_shape=tuple(shape)).placeholder() for shape in shapes]
        try:
            found = self.call(given if len(given) > 1 else given[0])
        except (TypeError, AttributeError, NotImplementedError) as error:
            raise NotImplementedError(
                f"{type(self).__name__}.call does more with a placeholder than to call layers, add, multiply or index it "
                f"({plain(error)}): write it as a loop in NumPy, mr.trace(loop, ...) follows it"
            ) from error
        super().__init__(given, found, self.name)
        self._built = True

    def _check(self, arrays: list[np.ndarray]) -> None:
        if not self._built:
            shapes = [(None, *a.shape[1:]) if a.ndim < 3 else (None, None, a.shape[-1]) for a in arrays]
            self.build(shapes)
        super()._check(arrays)

    @property
    def built(self) -> bool:
        """Whether its layers are put together and have their weights."""
        return self._built

    @built.setter
    def built(self, value: bool) -> None:
        """Taken from a subclass that says so; it is seen anyway."""

    @property
    def layers(self) -> list[Layer]:
        """Each layer once: in Keras' order, or in that of the attributes of a subclass."""
        found = super().layers
        own = [layer for value in vars(self).values() for layer in listed(value) if isinstance(layer, Layer)]
        if type(self).call is Model.call:
            return found
        return sorted(found, key=lambda layer: own.index(layer) if layer in own else -1)

    def __call__(self, X: Any, training: bool | None = None) -> Any:
        """On placeholders: its layers, called on them. On data: the output as an array with ``numpy()``."""
        given = listed(X)
        if any(isinstance(each, Symbolic) for each in given):
            if not self._built:
                self.build([each.shape for each in given])
            found = recalled(self.outputs, dict(zip(self.inputs, given, strict=True)), training, self)
            return found if len(found) > 1 else found[0]
        out = self.predict(X, training=bool(training))
        if isinstance(out, dict):
            return {key: Array.of(each) for key, each in out.items()}
        return [Array.of(each) for each in out] if isinstance(out, list) else Array.of(out)

    def reset_states(self) -> None:
        """Let every stateful layer start from zeros again."""
        for layer in self.layers:
            if getattr(layer, "stateful", False):
                layer.reset_state()

    reset_state = reset_states

    def __repr__(self) -> str:
        row = " -> ".join(map(repr, self.layers))
        return f"<{type(self).__name__} {self.label!r}: {row}>"

    def _display(self) -> Iterator[Text | Table]:
        """What a notebook shows: the layers, their output shapes and parameters."""
        yield from summary_parts(self) if self.built else [Text(repr(self))]

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

    def save(self, path: StrPath, overwrite: bool = True) -> Path:
        """Write the model as Keras does; see `minirnn.save`."""
        from .keras_io.write import save

        return save(self, path, overwrite)

    def save_weights(self, path: StrPath, overwrite: bool = True) -> Path:
        """Write the weights to a ``.weights.h5`` file that `load_weights` of Keras reads too."""
        from .keras_io.write import save_weights

        return save_weights(self, path, overwrite)

    def load_weights(self, path: StrPath) -> None:
        """Take the weights of a ``.weights.h5`` file of Keras or of minirnn, or of a file of a whole model."""
        from .keras_io.file import load_weights

        load_weights(self, path)

    def get_config(self) -> dict[str, Any]:
        """Keras' description of the model; `from_config` makes it anew, here and in Keras."""
        from .keras_io.describe import described_model

        return described_model(self)["config"]

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Model:
        """The model of that description, with weights drawn anew."""
        from .keras_io.config import model_from_description

        return model_from_description({"class_name": cls.__name__, "config": config})

    def to_json(self) -> str:
        """That description as JSON, for `model_from_json` here and in Keras."""
        import json

        from .keras_io.describe import described_model

        return json.dumps(described_model(self))

    def summary(self, line_length: int | None = None, print_fn: Callable[[str], object] | None = None) -> None:
        """Print the layers, their output shapes and numbers of parameters, as Keras does; by `print_fn`, if given."""
        (print_fn or print)(summary_text(self, line_length))


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
            if all(layer.keeps_length for layer in self._row):
                shape = [None, shape[-1]] if len(shape) == 2 else [None] if isinstance(self._row[0], Embedding) else shape
            self.build((N if any(getattr(layer, "stateful", False) for layer in self._row) else None, *shape))
        Network._check(self, arrays)

    @property
    def layers(self) -> list[Layer]:
        own = self._built and any(isinstance(layer, Layer) and layer.is_users for layer in self._row)
        row = super().layers if own else [
            inner for layer in self._row for inner in (layer.layers if isinstance(layer, Model) else [layer])
        ]  # fmt: skip
        return [layer for layer in row if not isinstance(layer, InputLayer)]

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            if name in ("order", "inputs", "outputs"):  # there are none before the row is put together
                raise ValueError(
                    f"the model {plain(self.name)!r} is not put together yet: call it on data, or build(input_shape)"
                )
            return super().__getattr__(name)


def clone_model(model: Model) -> Model:
    """A model of the same layers with weights of its own, drawn anew."""
    return type(model).from_config(model.get_config())


def model_from_json(text: str) -> Model:
    """The model that `to_json` described, of minirnn or of Keras, with weights drawn anew."""
    import json

    from .keras_io.config import model_from_description

    return model_from_description(json.loads(text))


def save_model(model: Model, filepath: StrPath, overwrite: bool = True) -> Path:
    """Write the model as Keras does; see `minirnn.save`."""
    return model.save(filepath, overwrite)


def load_model(filepath: StrPath, custom_objects: Any = None, compile: bool = True, safe_mode: bool = True) -> Model:
    """The model in a file, as it was compiled unless `compile` is False; see `minirnn.load`.

    `custom_objects` are losses and metrics of the user's own, by the names that the file has for them; other code of one's
    own in a file, which `safe_mode` is about, is never run.
    """
    from .keras_io.file import load

    return load(filepath, compile, custom_objects)


suggest_names(globals())
