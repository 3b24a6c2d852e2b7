"""From Keras' description of a model (its config, as JSON) to a minirnn model.

The description is data: class names are looked up in a short list, activations by name, everything else is a number or a
flag. What minirnn cannot reproduce is refused by name.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ..layers import Dense, Flatten, InputLayer, Layer, SimpleRNN, Symbolic
from ..models import Model, Sequential
from ..system import plain

WeightsOf = Callable[[Layer, str, list[tuple[int, ...]]], list[np.ndarray]]

CLASSES: dict[str, type[Layer]] = {"InputLayer": InputLayer, "SimpleRNN": SimpleRNN, "Dense": Dense, "Flatten": Flatten}
MAX_PARAMETERS = 10_000_000  # 40 MB of float32; thrice that with the state of an optimizer
MAX_LAYERS = 200
MAX_LENGTH = 1_000_000  # of a sequence, or of an axis of a weight


def model_from_config(described: dict[str, Any], weights: WeightsOf) -> Model:
    """The model that `described` gives the class and config of, with the arrays of `weights(layer, name, shapes)`."""
    builders = {"Functional": _functional, "Model": _functional, "Sequential": _sequential}
    try:
        kind, config = described["class_name"], described["config"]
        if kind not in builders or not _from_keras(described):
            raise NotImplementedError(f"a model of class {plain(kind)} is not supported by minirnn")
        return builders[kind](config, _Loader(weights))
    except (KeyError, TypeError, IndexError, AttributeError) as error:
        said = f"{type(error).__name__}: {plain(error, 200)}"
        raise ValueError(f"the description of the model is not as Keras writes it ({said})") from error


def _from_keras(described: dict[str, Any]) -> bool:
    """Whether a class is Keras' own, by the module and the registered name that are given for it (Keras 2 gives none)."""
    module, registered = described.get("module"), described.get("registered_name")
    from_keras = module is None or str(module).partition(".")[0] in ("keras", "tf_keras", "tensorflow")
    return from_keras and registered in (None, described["class_name"])


class _Loader:
    """Makes layers one by one, gives them their weights, and counts the parameters."""

    def __init__(self, weights: WeightsOf) -> None:
        self.weights, self.parameters = weights, 0

    def layer(self, entry: dict[str, Any]) -> Layer:
        kind, config = entry["class_name"], dict(entry["config"])
        name = plain(config.get("name") or entry.get("name") or kind)
        if kind not in CLASSES or not _from_keras(entry):
            raise NotImplementedError(f"layer {name!r} is a {plain(kind)}, which minirnn does not support yet")
        try:
            return CLASSES[kind](**_arguments(kind, config))
        except NotImplementedError as error:
            raise NotImplementedError(f"layer {name!r}: {error}") from error
        except (ValueError, TypeError) as error:
            raise ValueError(f"layer {name!r}: {error}") from error

    def call(self, layer: Layer, x: Symbolic, *states: Symbolic) -> Symbolic:
        shapes = layer.weight_shapes(x.shape)
        self.parameters += sum(map(math.prod, shapes))
        if self.parameters > MAX_PARAMETERS or any(n > MAX_LENGTH for shape in shapes for n in shape):
            raise ValueError(f"layer {layer.label!r} has weights of shapes {plain(shapes, 100)}: too large to read")
        if len(states) > (layer.takes_state is not None):
            raise NotImplementedError(
                f"layer {layer.label!r} takes {1 + len(states)} inputs, which minirnn does not support yet"
            )
        layer.load(self.weights(layer, str(layer.name), shapes))
        return layer(x, **({"initial_state": states[0]} if states else {}))


def _arguments(kind: str, config: dict[str, Any]) -> dict[str, Any]:
    """Keras' config entries as constructor arguments."""
    for drawn in ("kernel_initializer", "recurrent_initializer", "bias_initializer"):
        config.pop(drawn, None)  # the weights are given
    batch_shape = config.pop("batch_shape", None) or config.pop("batch_input_shape", None)
    if kind == "InputLayer":
        if not isinstance(batch_shape, (list, tuple)):
            raise ValueError(f"its shape is {plain(repr(batch_shape))}, not a list of sizes")
        _, *config["shape"] = batch_shape
        for n in batch_shape:
            if n is not None and (not isinstance(n, int) or not 0 < n <= MAX_LENGTH):
                raise ValueError(f"input shape {plain(batch_shape)} is not one that can be read")
    config["dtype"] = _dtype(config.get("dtype"))
    if "activation" in config:
        config["activation"] = _activation(config["activation"])
    for flag in ("quantization_config", "lora_rank", "lora_alpha"):
        if config.get(flag, 0) is None:
            config.pop(flag)
    return config


def _dtype(dtype: Any) -> Any:
    if isinstance(dtype, dict):
        dtype = dtype["config"]["name"]
    if dtype not in (None, "float32", "float64"):
        raise ValueError(f"dtype policy {plain(repr(dtype))}: minirnn computes in float32 or float64")
    return dtype


def _activation(value: Any) -> Any:
    if isinstance(value, dict) and str(value.get("module", "")).split(".")[0] in ("keras", "builtins"):
        value = value.get("config") if isinstance(value.get("config"), str) else value
    if value is not None and not isinstance(value, str):
        raise NotImplementedError("its activation is not one of Keras' by name")
    return value


def _few(entries: list[Any]) -> list[Any]:
    if len(entries) > MAX_LAYERS:
        raise ValueError(f"the model has {len(entries)} layers; at most {MAX_LAYERS} are read")
    return entries


def _functional(config: dict[str, Any], loader: _Loader) -> Model:
    made: dict[str, Symbolic] = {}
    _few(config["layers"])
    for entry in config["layers"]:
        layer = loader.layer(entry)
        if entry["name"] in made or layer.name != entry["name"]:
            raise ValueError(f"the name {plain(entry['name'])!r} stands for two things")
        if isinstance(layer, InputLayer):
            if entry["inbound_nodes"]:
                raise ValueError(f"the input {layer.label!r} is fed by another layer")
            made[entry["name"]] = Symbolic((None, *layer.shape), layer)
            continue
        calls = entry["inbound_nodes"]
        if len(calls) != 1:
            raise NotImplementedError(
                f"layer {layer.label!r} is called {len(calls)} times, which minirnn does not support yet"
            )
        made[entry["name"]] = loader.call(layer, *[made[source] for source in _sources(calls[0])])
    return Model(
        [made[name] for name in _names(config["input_layers"])],
        [made[name] for name in _names(config["output_layers"])],
        name=str(config["name"]),
    )


def _sources(call: Any) -> Iterator[str]:
    """The names of the layers whose outputs a call takes: the input first, then the initial state."""
    if isinstance(call, dict):  # Keras 3
        yield from _tensors(call["args"])
        for key, value in call.get("kwargs", {}).items():
            found = list(_tensors(value))
            if found and key != "initial_state":
                raise NotImplementedError(f"a layer is called with {key[:60]}=, which minirnn does not support yet")
            yield from found
    else:  # Keras 2: [[name, node, tensor, arguments], ...]
        for name, _, _, arguments in call:
            yield name
            for key, value in arguments.items():
                if key == "initial_state" and value is not None:
                    yield value[0] if isinstance(value[0], str) else value[0][0]


def _tensors(value: Any) -> Iterator[str]:
    if isinstance(value, dict) and value.get("class_name") == "__keras_tensor__":
        yield value["config"]["keras_history"][0]
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _tensors(item)


def _names(layers: Any) -> list[str]:
    """["dense", 0, 0] or [["dense", 0, 0], ...] as names."""
    return [layers[0]] if isinstance(layers[0], str) else [layer[0] for layer in layers]


def _sequential(config: dict[str, Any], loader: _Loader) -> Model:
    entries = _few(list(config["layers"]))
    given = entries[0]["config"].get("batch_input_shape") or config.get("build_input_shape")
    if entries[0]["class_name"] != "InputLayer":
        if given is None:
            raise ValueError("the model was saved before it was built: it has no input shape and no weights")
        entries.insert(0, {"class_name": "InputLayer", "config": {"batch_shape": given, "name": "input_layer"}})
    layers = [loader.layer(entry) for entry in entries]
    start = layers[0]
    if len(layers) < 2 or any(isinstance(layer, InputLayer) for layer in layers[1:]):
        raise ValueError("the row of layers is empty, or has an input in the middle")
    assert isinstance(start, InputLayer)
    x = Symbolic((None, *start.shape), start)
    for layer in layers[1:]:
        x = loader.call(layer, x)
    return Sequential(layers, name=str(config["name"]))
