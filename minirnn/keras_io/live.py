"""To and from live Keras models. Keras is imported here, on use, and nowhere else but in `minirnn.verify.keras`."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..layers import Dense, Flatten, InputLayer, Layer, SimpleRNN, Symbolic
from ..models import Model
from ..system import quiet_stderr
from .config import model_from_config


def from_keras(model: Any) -> Model:
    """A minirnn model with the layers and weights of a Keras (or tf-keras) Functional or Sequential model, or layer."""
    if not hasattr(model, "get_config") or not hasattr(model, "get_weights"):
        raise TypeError(f"from_keras takes a Keras model, not {type(model).__name__}")
    if not getattr(model, "built", True):
        raise ValueError("the Keras model is not built yet: call it on data once, so that it has weights")
    if not hasattr(model, "layers"):
        raise TypeError(
            f"from_keras takes a model; put the layer in one: keras.Sequential([keras.Input(...), {model.name}])"
        )
    by_name = {layer.name: layer for layer in model.layers}

    def weights(layer: Layer, name: str, shapes: list[tuple[int, ...]]) -> list[np.ndarray]:
        arrays = [np.asarray(w) for w in by_name[name].get_weights()]
        if [w.shape for w in arrays] != shapes:
            raise ValueError(f"layer {name!r} has weights of shapes {[w.shape for w in arrays]}, not {shapes}")
        return arrays

    config = _plain(model.get_config())
    if type(model).__name__ == "Sequential" and config.get("build_input_shape") is None:
        config["build_input_shape"] = list(model.input_shape)
    return model_from_config({"class_name": type(model).__name__, "config": config}, weights)


def _plain(value: Any) -> Any:
    """A live config as the JSON it would be saved as: tensors, policies and objects as their descriptions."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    return getattr(value, "name", str(value))


def to_keras(model: Model, dtype: str = "float32") -> Any:
    """A Keras model with the same layers, names and weights, computing in `dtype`."""
    return twin_of(model, dtype)[0]


def twin_of(
    model: Model, dtype: str, weights: Mapping[Layer, list[np.ndarray]] | None = None
) -> tuple[Any, dict[Layer, Any], dict[Symbolic, Any]]:
    """The Keras model, its layer for each of ours that has a counterpart to call, its tensor for each placeholder."""
    keras = import_keras()
    made: dict[Symbolic, Any] = {}
    layers: dict[Layer, Any] = {}
    for symbolic in model.order:
        layer = symbolic.layer
        if isinstance(layer, InputLayer):
            made[symbolic] = keras.Input(layer.shape, name=_keras_name(layer.name), dtype=dtype)
            continue
        if layer not in layers:
            layers[layer] = getattr(keras.layers, type(layer).__name__)(**_keras_arguments(layer), dtype=dtype)
        x, *states = [made[source] for source in symbolic.inputs]
        made[symbolic] = layers[layer](x, **({"initial_state": states[0]} if states else {}))
    for layer, twin in layers.items():
        twin.set_weights([w.astype(dtype) for w in (layer.weights if weights is None else weights[layer])])
    inputs = [made[s] for s in model.inputs]
    ends = inputs if len(inputs) > 1 else inputs[0]
    return keras.Model(ends, made[model.output], name=_keras_name(model.name)), layers, made


def _keras_name(name: str | None) -> str | None:
    """Keras 2 allowed a slash in names, Keras 3 does not."""
    return name and name.replace("/", "_")


def _keras_arguments(layer: Layer) -> dict[str, Any]:
    arguments: dict[str, Any] = {"name": _keras_name(layer.name)}
    if isinstance(layer, (SimpleRNN, Dense)):
        arguments |= {"units": layer.units, "activation": layer.activation, "use_bias": layer.use_bias}
    if isinstance(layer, SimpleRNN):
        arguments["return_sequences"] = layer.return_sequences
    if not isinstance(layer, (SimpleRNN, Dense, Flatten)):
        raise NotImplementedError(f"to_keras does not know {type(layer).__name__}")
    return arguments


def import_keras() -> Any:
    """The module keras. TensorFlow's notices about the machine are kept off standard error while it is loaded."""
    if "keras" in sys.modules and sys.modules["keras"] is not None:
        return sys.modules["keras"]
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        with quiet_stderr():
            import keras

            keras.ops.zeros(1)  # the backend speaks when it is first used
    except ImportError as error:
        raise ImportError("this needs Keras: pip install 'minirnn[keras]'") from error
    return keras
