"""A model: layers put together of placeholders, or by the `call` of a class of the user's own."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..checks import all_unraised
from ..displays import Shown, Table, Text
from ..files import StrPath
from ..layers.arguments import Place, listed, put_in, taken_out
from ..layers.configs import is_own
from ..layers.input import InputLayer
from ..layers.layer import Layer
from ..layers.symbolic import Symbolic, UnsaidTraining, recalled
from ..layers.written import layers_within
from ..network.forms import Form, form_of, put_together
from ..network.listing import owner_of
from ..network.summary import summary_parts, summary_text
from ..registry import own_objects, snake
from ..system import choices, plain
from ..tensorlike import Array
from ..training.trainable import Trainable


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
        if outputs is None and not self._is_written:
            raise TypeError("a model is put together of its inputs and its outputs: Model(inputs, outputs)")
        if outputs is None:  # it is put together on the first data
            self.name, self._built = name or snake(type(self).__name__), False
        else:
            if isinstance(inputs, Mapping):
                inputs = [inputs[key] for key in sorted(inputs)]
            self._put_together(inputs, outputs, name or "functional")

    _built = True

    def _put_together(self, inputs: Any, outputs: Any, name: str) -> Model:
        """Be the network between these placeholders; `outputs` may be lists and dictionaries, which `predict` gives too."""
        if isinstance(outputs, Mapping):  # as Keras takes them: by the alphabet
            outputs = {key: outputs[key] for key in sorted(outputs)}
            self.output_keys = [*outputs]
        found: list[Symbolic] = []
        form = taken_out(outputs, lambda each: isinstance(each, Symbolic), found)
        nested = isinstance(form, dict) or (
            isinstance(form, (list, tuple)) and any(type(part) is not Place for part in form)
        )
        self.output_form = form if nested and found else None
        super().__init__(inputs, found if self.output_form is not None else outputs, name)
        self._built = True
        return self

    # ------------------------------------------------------------------------------------------- a class of one's own

    @property
    def _is_written(self) -> bool:
        """Whether it is of a subclass with a `call`."""
        return type(self).call is not Model.call

    def call(self, inputs: Any) -> Any:
        """In a subclass: what is computed from placeholders, by calling layers. Its layers are attributes."""
        raise NotImplementedError(
            f"{type(self).__name__} has no call(self, inputs) that says what it computes: write one, or give Model its "
            "inputs and outputs"
        )

    def _form(self, form: Form, shapes: list[Any]) -> Model:
        """The model for this form of a call of a subclass; the first is the model itself, others are of the same layers."""
        known = self.__dict__.setdefault("_forms", {})
        key = repr(form), *(shape[-1] if len(shape) == 3 else len(shape) for shape in shapes)
        needed = [p for p in inspect.signature(self.call).parameters.values() if p.default is p.empty]
        its_own = not self._built and ((len(form.args) == 1 and not form.named) or len(needed) > 1)
        if its_own or key not in known:
            put = self._put_together if its_own else lambda given, found, name: Model(given, found, name)
            make = lambda given, found: put(given, found, self.name)
            known[key] = put_together(self.call, type(self).__name__, form, shapes, make)
        found: Model = known[key]
        return found

    def build(self, input_shape: Any) -> None:
        """Put a subclass together for inputs of `input_shape`, the axis of the samples included, or of a list of them."""
        shapes = input_shape if isinstance(input_shape[0], (list, tuple)) else [input_shape]
        places = [Place(i) for i in range(len(shapes))]
        self._form(Form((places if len(places) > 1 else places[0],), {}), shapes)

    def arrays(self, X: Any, batches: bool = False) -> list[np.ndarray]:
        if not self._built and self._is_written and isinstance(X, Mapping):
            form, given = form_of((dict(X),), {})
            self._form(form, [each.shape for each in given])
        return super().arrays(X, batches)

    def _check(self, arrays: list[np.ndarray]) -> None:
        if not self._built:
            self.build([a.shape for a in arrays])
        super()._check(arrays)

    @property
    def built(self) -> bool:
        """Whether its layers are put together and have their weights."""
        return self._built

    @built.setter
    def built(self, value: bool) -> None:
        """Taken from a subclass that says so; it is seen anyway."""

    @property
    def layers(self) -> list[Layer | Model]:
        """Each layer once: in Keras' order, or in that of the attributes of a subclass. A model within is one of them."""
        owners = {call.layer: owner_of(call) for call in vars(self).get("order", ())}
        return list(dict.fromkeys(owners.get(layer, layer) for layer in self.flat_layers))

    @property
    def flat_layers(self) -> list[Layer]:
        """The same, with the layers of models within in their places."""
        if not self._is_written:
            return super().flat_layers
        held = {name: value for name, value in vars(self).items() if not name.startswith("_")}
        own = list(layers_within(held))
        if not self._built:
            return own
        found = [layer for layer in super().flat_layers if not isinstance(layer, InputLayer)]
        return sorted(found, key=lambda layer: own.index(layer) if layer in own else len(own))

    def __call__(self, X: Any, *further: Any, training: Any = None, **named: Any) -> Any:
        """On placeholders: its layers, called on them. On data: the output as an array with ``numpy()``.

        What is given further goes to the `call` of a subclass.
        """
        if self._is_written:
            if training is not None and "training" in inspect.signature(self.call).parameters:
                named["training"] = None if isinstance(training, UnsaidTraining) else training
            form, given = form_of((X, *further), named)
            model = self._form(form, [each.shape for each in given])
        else:
            if further:
                training, *more = further
                named |= dict(zip(("mask",), more))
            if any(value is not None for value in named.values()):
                raise TypeError(f"{self.label} is called with {', '.join(named)}: give masks as inputs of the model")
            model, given = self, listed(X)
            if not self._built and any(isinstance(each, Symbolic) for each in given):
                self.build(given[0].shape if self.is_row else [each.shape for each in given])
        training = None if isinstance(training, UnsaidTraining) else training
        if any(isinstance(each, Symbolic) for each in given):
            found = recalled(model.outputs, dict(zip(model.inputs, given, strict=True)), training, self)
            return put_in(model.output_form, found) if model.output_form else found if len(found) > 1 else found[0]
        out = model.predict((given if len(given) > 1 else given[0]) if self._is_written else X, training=bool(training))
        return _each_as_tensor(out)

    def reset_states(self) -> None:
        """Let every stateful layer start from zeros again."""
        for layer in self.flat_layers:
            if getattr(layer, "stateful", False):
                layer.reset_state()

    reset_state = reset_states

    def __repr__(self) -> str:
        row = " -> ".join(map(repr, self.flat_layers))
        return f"<{type(self).__name__} {self.label!r}: {row}>"

    def _display(self) -> Iterator[Text | Table]:
        """What a notebook shows: the layers, their output shapes and parameters."""
        yield from summary_parts(self) if self.built else [Text(repr(self))]

    def get_layer(self, name: str | None = None, index: int | None = None) -> Layer | Model:
        """The layer of that name, or at that place. ValueError if there is none."""
        if (name is None) == (index is None):
            raise ValueError("say which layer: by name or by index")
        found = (
            self.layers[index : index + 1]
            if index is not None
            else [a for a in (*self.layers, *self.flat_layers) if a.name == name]
        )
        if not found:
            asked = name if index is None else index
            raise ValueError(f"no layer {plain(repr(asked))}{choices(asked, [layer.label for layer in self.layers])}")
        return found[0]

    def count_params(self) -> int:
        """How many numbers the weights hold."""
        return sum(w.size for w in self.weight_arrays)

    def save(self, path: StrPath, overwrite: bool = True) -> Path:
        """Write the model as Keras does; see `minirnn.save`."""
        from ..keras_io.write import save

        return save(self, path, overwrite)

    def save_weights(self, path: StrPath, overwrite: bool = True) -> Path:
        """Write the weights to a ``.weights.h5`` file that `load_weights` of Keras reads too."""
        from ..keras_io.write import save_weights

        return save_weights(self, path, overwrite)

    def load_weights(self, path: StrPath) -> None:
        """Take the weights of a ``.weights.h5`` file of Keras or of minirnn, or of a file of a whole model."""
        from ..keras_io.file import load_weights

        load_weights(self, path)

    def get_config(self) -> dict[str, Any]:
        """Keras' description of the model; `from_config` makes it anew, here and in Keras."""
        from ..keras_io.describe import described_model

        return described_model(self)["config"]

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Mapping[str, Any] | None = None) -> Model:
        """The model of that description, with weights drawn anew; `custom_objects` are classes of the user's own by name."""
        from ..keras_io.config import model_from_description

        kind = "Functional" if "input_layers" in config else cls.__name__
        with own_objects(custom_objects):
            return model_from_description({"class_name": kind, "config": config})

    def to_json(self, **options: Any) -> str:
        """That description as JSON, for `model_from_json` here and in Keras; `options` are those of `json.dumps`."""
        import json

        from ..keras_io.describe import described_model

        return json.dumps(described_model(self), **options)

    def summary(self, line_length: int | None = None, print_fn: Callable[[str], object] | None = None) -> None:
        """Print the layers, their output shapes and numbers of parameters, as Keras does; by `print_fn`, if given."""
        (print_fn or print)(summary_text(self, line_length))


def own_code(model: Model) -> dict[str, Any]:
    """The classes and functions of the user's own that the layers of a model are made of, by name."""
    found: dict[str, Any] = {}
    for made in (inner.as_made for layer in model.every_layer for inner in layer.inside()):
        found |= {type(made).__name__: type(made)} if is_own(made) else {}
        found |= {value.__name__: value for value in vars(made).values() if inspect.isfunction(value)}
    return found


def _each_as_tensor(out: Any) -> Any:
    """The arrays in it as arrays with ``numpy()``."""
    if isinstance(out, dict):
        return {key: _each_as_tensor(each) for key, each in out.items()}
    return type(out)(map(_each_as_tensor, out)) if isinstance(out, (list, tuple)) else Array.of(out)
