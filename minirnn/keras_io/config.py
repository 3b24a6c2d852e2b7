"""From Keras' description of a model (its config, as JSON) to a minirnn model.

The description is data; that of a layer is read by `minirnn.layers.configs`. What minirnn cannot reproduce is refused by
name.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ..layers import InputLayer, Lambda, Layer, Symbolic
from ..layers.arguments import flattened
from ..layers.configs import few, from_keras, is_own, layer_from
from ..layers.written import layers_within
from ..network import MODELS
from ..system import plain
from .given import Computed, Given, all_histories, computed, demand_own_mask, histories
from .operations import argument, is_operation, operated

WeightsOf = Callable[[Layer, str, list[tuple[int, ...]]], list[np.ndarray]]

MAX_PARAMETERS = 10_000_000  # 40 MB of float32; thrice that with the state of an optimizer
MAX_DEPTH = 4  # of models within models
MAX_LENGTH = 1_000_000  # of a sequence, or of an axis of a weight
OTHER_IN_KERAS_2 = "hard_sigmoid"  # the one activation whose name stands for another function there


def model_from_config(described: dict[str, Any], weights: WeightsOf | None, version: str = "3") -> Any:
    """The model that `described` gives the class and config of, with the arrays of `weights(layer, name, shapes)`.

    `version` is that of the Keras whose description it is: names may have changed their meaning.
    """
    if version.split(".")[0] in ("1", "2") and says(described, "activation", OTHER_IN_KERAS_2):
        raise NotImplementedError(
            f"{OTHER_IN_KERAS_2} of Keras 2 is max(0, min(1, 0.2 z + 0.5)), which is not the {OTHER_IN_KERAS_2} of Keras 3"
        )
    try:
        kind, config = described["class_name"], described["config"]
        if kind not in BUILDERS or not from_keras(described):
            raise NotImplementedError(f"a model of class {plain(kind)} is not supported by minirnn")
        return BUILDERS[kind](config, _Loader(weights))
    except (KeyError, TypeError, IndexError, AttributeError) as error:
        said = f"{type(error).__name__}: {plain(error, 200)}"
        raise ValueError(f"the description of the model is not as Keras writes it ({said})") from error


def model_from_description(described: dict[str, Any]) -> Any:
    """The model of a description, as `get_config` of either side gives it, with weights drawn anew."""
    return model_from_config(as_data(described), None)


def as_data(value: Any) -> Any:
    """A live config as the JSON it would be saved as: tensors, policies and objects as their descriptions."""
    if isinstance(value, dict):
        return {key: as_data(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [as_data(item) for item in value]
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    return getattr(value, "name", str(value))


def says(value: Any, key: str, what: str) -> bool:
    """Whether `what` is the value of `key` anywhere in a description."""
    if isinstance(value, dict):
        return value.get(key) == what or any(says(item, key, what) for item in value.values())
    return isinstance(value, list) and any(says(item, key, what) for item in value)


class _Loader:
    """Makes layers one by one, gives them their weights, and counts the parameters."""

    def __init__(self, weights: WeightsOf | None, depth: int = 0) -> None:
        self.weights, self.parameters, self.depth = weights, 0, depth

    def inner(self, entry: dict[str, Any]) -> Any:
        """The model that an entry stands for, if it is one: a model within a model."""
        if entry["class_name"] not in BUILDERS or not from_keras(entry):
            return None
        if self.depth >= MAX_DEPTH:
            raise ValueError("models within models, deeper than is read")
        within = getattr(self.weights, "within", None)
        if self.weights is not None and within is None:
            raise NotImplementedError("a model within a model is read from .keras files only: save it with that ending")
        name = plain(entry["config"].get("name") or entry.get("name"))
        loader = _Loader(None if within is None else within(name, entry["class_name"]), self.depth + 1)
        model = BUILDERS[entry["class_name"]](entry["config"], loader)
        self.parameters += loader.parameters
        return model

    def listed(self, layers: list[Layer]) -> None:
        """All layers, in the order of the description: files number those of one class by it."""
        if self.weights is not None and hasattr(self.weights, "listed"):
            self.weights.listed(layers)

    def call(self, layer: Any, given: Given) -> Symbolic | list[Symbolic]:
        if not isinstance(layer, Layer):  # a model within
            return layer([*given.inputs], given.training)
        if not layer.built and not _makes_own_weights(layer):
            self._load(layer, layer.weight_shapes(given.x.shape))
        with self._own_weights(layer):
            if layer.takes_many or (isinstance(layer, Lambda) and given.states):
                return layer(given.inputs, training=given.training)
            if given.states and not layer.takes_state:
                raise NotImplementedError(
                    f"layer {layer.label!r} takes {1 + len(given.states)} inputs, which minirnn does not support yet"
                )
            return layer(given.x, initial_state=given.states or None, mask=given.mask, training=given.training)

    def call_own(self, layer: Layer, call: Any, find: Callable[[list[Any]], Any]) -> Any:
        """The same of a layer of the user's own, which may be called in any way."""
        if isinstance(call, dict):
            args = [argument(value, find) for value in call["args"]]
            named = {key: argument(value, find) for key, value in call.get("kwargs", {}).items()}
        else:  # of Keras 2
            inputs = [find(history) for history in all_histories(call)]
            args, named = [inputs if len(inputs) > 1 else inputs[0]], {}
        if not named.get("training"):  # which Keras writes, and lets fit override
            named.pop("training", None)
        with self._own_weights(layer):
            return layer(*args, **named)

    @contextlib.contextmanager
    def _own_weights(self, layer: Layer) -> Iterator[None]:
        """Give the layer its weights after the call in which its code makes them, or that of its cell."""
        new = not layer.built and _makes_own_weights(layer)
        yield
        held = {key: value for key, value in vars(layer).items() if key != "written"} if is_own(layer) else {}
        if self.weights is not None and any(inner.weight_names for inner in layers_within(held)):
            raise NotImplementedError(
                f"layer {layer.label!r} holds layers of its own, whose weights are not read from files: build the model in "
                "Python, and give it the weights by set_weights"
            )
        if new and layer.built:
            self._load(layer, [w.shape for w in layer.weight_arrays])

    def _load(self, layer: Layer, shapes: list[tuple[int, ...]]) -> None:
        self.parameters += sum(map(math.prod, shapes))
        if self.parameters > MAX_PARAMETERS or any(n > MAX_LENGTH for shape in shapes for n in shape):
            raise ValueError(f"layer {layer.label!r} has weights of shapes {plain(shapes, 100)}: too large to read")
        if self.weights is not None and shapes:
            layer.load(self.weights(layer, str(layer.name), shapes))


def _makes_own_weights(layer: Layer) -> bool:
    return any(is_own(inner.as_made) for inner in layer.inside())


# --------------------------------------------------------------------------------------------------- functional models


def _functional(config: dict[str, Any], loader: _Loader) -> Any:
    entries = few(config["layers"])
    made: dict[tuple[str, int], list[Any]] = {}
    layers: dict[str, Layer | None] = {}
    waiting: list[tuple[dict[str, Any], int, list[list[Any]]]] = []
    for entry in entries:
        name = entry["name"]
        layer = None if is_operation(entry) else loader.inner(entry) or _checked(entry)
        if name in layers or (layer is not None and layer.name != name):
            raise ValueError(f"the name {plain(name)!r} stands for two things")
        layers[name] = layer
        if isinstance(layer, InputLayer):
            if entry["inbound_nodes"]:
                raise ValueError(f"the input {layer.label!r} is fed by another layer")
            made[name, 0] = [layer.placeholder()]
            continue
        if not entry["inbound_nodes"]:
            raise ValueError(f"layer {plain(name)!r} is called 0 times")
        waiting += [(entry, i, few(all_histories(call), "inputs")) for i, call in enumerate(few(entry["inbound_nodes"]))]
    few(waiting)
    loader.listed([layer for layer in layers.values() if isinstance(layer, Layer)])

    def find(history: list[Any]) -> Any:
        name, call, output = history
        return made[name, call][output]

    while waiting:
        later = []
        for entry, i, needed in waiting:
            call, layer = entry["inbound_nodes"][i], layers[entry["name"]]
            if any((name, k) not in made for name, k, _ in needed):
                later.append((entry, i, needed))
                continue
            if layer is None:
                made[entry["name"], i] = [computed(entry, call, find) or operated(entry, call, find)]
                continue
            if isinstance(layer, Layer) and is_own(layer):
                made[entry["name"], i] = flattened(loader.call_own(layer, call, find))
                continue
            given = Given(call, find, f"layer {layer.label!r}")
            if isinstance(given.mask, Computed):
                demand_own_mask(given, layer)
            out = loader.call(layer, given)
            made[entry["name"], i] = flattened(out)
        if len(later) == len(waiting):
            entry, i, needed = later[0]
            missing = next(h for h in needed if (h[0], h[1]) not in made)
            raise ValueError(
                f"layer {plain(entry['name'])!r} is fed by {plain(missing[0])!r}, which does not come before it"
            )
        waiting = later
    ends = ("input_layers", "output_layers")
    inputs, outputs = ([find(h) for h in few(histories(config[key]), "inputs or outputs")] for key in ends)
    for given in inputs:
        if given.inputs:
            raise ValueError(f"{given.layer.label} is among the inputs of the model, but is no Input")
    return MODELS["Model"](inputs, outputs, name=str(config["name"]))


def _checked(entry: dict[str, Any]) -> Layer:
    """The layer of an entry; the shape of an input must be one that can be read."""
    config = dict(entry["config"])
    if entry["class_name"] == "Lambda" and callable(config.get("function")):  # of a live model, never of a file
        return Lambda(config["function"], name=config["name"], arguments=config.get("arguments"))
    if entry["class_name"] == "InputLayer":
        shape = config.pop("batch_shape", None) or config.pop("batch_input_shape", None)
        if not isinstance(shape, (list, tuple)):
            raise ValueError(f"the shape of an input is {plain(repr(shape))}, not a list of sizes")
        if any(n is not None and (not isinstance(n, int) or not 0 < n <= MAX_LENGTH) for n in shape):
            raise ValueError(f"input shape {plain(shape)} is not one that can be read")
        config["batch_shape"] = shape
    return layer_from(entry | {"config": config})


# --------------------------------------------------------------------------------------------------- sequential models


def _sequential(config: Any, loader: _Loader) -> Any:
    config = {"name": "sequential", "layers": config} if isinstance(config, list) else config  # early Keras 2
    entries = few(list(config["layers"]))
    given = entries[0]["config"].get("batch_input_shape") or config.get("build_input_shape")
    if entries[0]["class_name"] != "InputLayer":
        if given is None:
            raise ValueError("the model was saved before it was built: it has no input shape and no weights")
        entries.insert(0, {"class_name": "InputLayer", "config": {"batch_shape": given, "name": "input_layer"}})
    layers = [loader.inner(entry) or _checked(entry) for entry in entries]
    start = layers[0]
    if len(layers) < 2 or any(isinstance(layer, InputLayer) for layer in layers[1:]):
        raise ValueError("the row of layers is empty, or has an input in the middle")
    assert isinstance(start, InputLayer)
    loader.listed([layer for layer in layers if isinstance(layer, Layer)])
    x: Any = start.placeholder()
    for layer in layers[1:]:
        if isinstance(x, list):
            raise ValueError(f"layer {layer.label!r} comes after a layer with several outputs")
        call, find = [["x", 0, 0, {}]], lambda _, x=x: x
        own = isinstance(layer, Layer) and is_own(layer)
        x = loader.call_own(layer, call, find) if own else loader.call(layer, Given(call, find, f"layer {layer.label!r}"))
    return MODELS["Sequential"](layers, name=str(config.get("name", "sequential")))


BUILDERS: dict[str, Callable[[dict[str, Any], _Loader], Any]] = {
    "Functional": _functional,
    "Model": _functional,
    "Sequential": _sequential,
}
