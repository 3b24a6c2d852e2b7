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

WeightsOf = Callable[[Layer, str, list[tuple[int, ...]]], list[np.ndarray]]

CLASSES: dict[str, type[Layer]] = {"InputLayer": InputLayer, "SimpleRNN": SimpleRNN, "Dense": Dense, "Flatten": Flatten}
MAX_PARAMETERS = 25_000_000  # 100 MB of float32
MAX_LENGTH = 1_000_000  # of a sequence, or of an axis of a weight


def model_from_config(kind: str, config: dict[str, Any], weights: WeightsOf) -> Model:
    """The model that `config` describes, with the arrays that `weights(layer, name, shapes)` gives for each layer."""
    builders = {"Functional": _functional, "Model": _functional, "Sequential": _sequential}
    if kind not in builders:
        raise NotImplementedError(
            f"a model of class {str(kind)[:60]!r} is not supported by minirnn; Functional and Sequential are"
        )
    try:
        return builders[kind](config, _Loader(weights))
    except (KeyError, TypeError, IndexError, AttributeError) as error:
        raise ValueError(
            f"the description of the model is not as Keras writes it ({type(error).__name__}: {error})"
        ) from error


class _Loader:
    """Makes layers one by one, gives them their weights, and counts the parameters."""

    def __init__(self, weights: WeightsOf) -> None:
        self.weights, self.parameters = weights, 0

    def layer(self, entry: dict[str, Any]) -> Layer:
        kind, config = entry["class_name"], dict(entry["config"])
        name = str(config.get("name") or entry.get("name") or kind)
        if kind not in CLASSES or entry.get("registered_name") not in (None, kind):
            raise NotImplementedError(f"layer {name[:60]!r} is a {str(kind)[:60]}, which minirnn does not support yet")
        try:
            return CLASSES[kind](**_arguments(kind, config))
        except (NotImplementedError, ValueError, TypeError) as error:
            raise type(error)(f"layer {name[:60]!r}: {error}") from error

    def call(self, layer: Layer, x: Symbolic, *states: Symbolic) -> Symbolic:
        shapes = layer.weight_shapes(x.shape)
        self.parameters += sum(map(math.prod, shapes))
        if self.parameters > MAX_PARAMETERS or any(n > MAX_LENGTH for shape in shapes for n in shape):
            raise ValueError(f"layer {layer.label[:60]!r} has weights of shapes {shapes}: too large to read")
        layer.load(self.weights(layer, layer.label, shapes))
        return layer(x, **({"initial_state": states[0]} if states else {}))


def _arguments(kind: str, config: dict[str, Any]) -> dict[str, Any]:
    """Keras' config entries as constructor arguments."""
    for drawn in ("kernel_initializer", "recurrent_initializer", "bias_initializer"):
        config.pop(drawn, None)  # the weights are given
    batch_shape = config.pop("batch_shape", None) or config.pop("batch_input_shape", None)
    if kind == "InputLayer":
        _, *config["shape"] = batch_shape
        for n in batch_shape:
            if n is not None and (not isinstance(n, int) or not 0 < n <= MAX_LENGTH):
                raise ValueError(f"input shape {batch_shape} is not one that can be read")
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
        raise ValueError(f"dtype policy {str(dtype)[:40]!r}: minirnn computes in float32 or float64")
    return dtype


def _activation(value: Any) -> Any:
    if isinstance(value, dict) and str(value.get("module", "")).split(".")[0] in ("keras", "builtins"):
        value = value.get("config") if isinstance(value.get("config"), str) else value
    if value is not None and not isinstance(value, str):
        raise NotImplementedError("its activation is not one of Keras' by name")
    return value


def _functional(config: dict[str, Any], loader: _Loader) -> Model:
    made: dict[str, Symbolic] = {}
    for entry in config["layers"]:
        layer = loader.layer(entry)
        if isinstance(layer, InputLayer):
            made[entry["name"]] = Symbolic((None, *layer.shape), layer)
            continue
        calls = entry["inbound_nodes"]
        if len(calls) != 1:
            raise NotImplementedError(
                f"layer {layer.label[:60]!r} is called {len(calls)} times, which minirnn does not support yet"
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
    entries = list(config["layers"])
    given = entries[0]["config"].get("batch_input_shape") or config.get("build_input_shape")
    if entries[0]["class_name"] != "InputLayer":
        if given is None:
            raise ValueError("the model was saved before it was built: it has no input shape and no weights")
        entries.insert(0, {"class_name": "InputLayer", "config": {"batch_shape": given, "name": "input_layer"}})
    layers = [loader.layer(entry) for entry in entries]
    start = layers[0]
    assert isinstance(start, InputLayer)
    x = Symbolic((None, *start.shape), start)
    for layer in layers[1:]:
        x = loader.call(layer, x)
    return Sequential(layers, name=str(config["name"]))
