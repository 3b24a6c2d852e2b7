"""From a minirnn layer or model to Keras' description of it (its config), which is saved and makes live models."""

from __future__ import annotations

from typing import Any

from .. import activations, constraints, initializers, regularizers
from ..layers import (  # fmt: skip
    RNN,
    Activation,
    Bidirectional,
    Dense,
    Dropout,
    Embedding,
    Flatten,
    InputLayer,
    Layer,
    Masking,
    StackedRNNCells,
    Symbolic,
    TimeDistributed,
)
from ..layers.cell import Cell
from ..layers.cells import OwnCell
from ..layers.rnn import OF_THE_RNN, CellLayer
from ..models import Model, Sequential


def described(layer: Layer, dtype: str | None = None) -> dict[str, Any]:
    """The layer as Keras 3 serializes it. NotImplementedError names what Keras has no description for."""
    kind = type(layer).__name__
    config = _common(layer, dtype) | _config(layer, dtype)
    return {"module": "keras.layers", "class_name": kind, "config": config, "registered_name": None}


def keras_name(name: str | None) -> str | None:
    """Keras 2 allowed a slash in names, Keras 3 does not."""
    return name and name.replace("/", "_")


def _common(layer: Layer, dtype: str | None) -> dict[str, Any]:
    name = keras_name(layer.name)
    if isinstance(layer, InputLayer):
        holds = layer.holds if dtype is None or not layer.holds.startswith("float") else dtype
        return {"batch_shape": [layer.batch_size, *layer.shape], "dtype": holds, "sparse": False, "name": name}
    common: dict[str, Any] = {"trainable": layer.trainable, "dtype": dtype or layer.dtype.name}
    if layer.activity_regularizer is not None:
        common["activity_regularizer"] = _object(layer.activity_regularizer, "regularizers", regularizers.CLASSES, layer)
    return common | ({"name": name} if name else {})


def _config(layer: Layer, dtype: str | None) -> dict[str, Any]:
    match layer:
        case CellLayer():
            return _rnn(layer) | _cell(layer.cell) | ({} if layer.cell.seed is None else {"seed": layer.cell.seed})
        case Cell():
            return _cell(layer) | {"seed": layer.seed}
        case StackedRNNCells():
            return {"cells": [described(cell, dtype) for cell in layer.cells]}
        case RNN():
            return _rnn(layer) | {"cell": described(layer.cell, dtype)}
        case Bidirectional():
            forward, backward = (described(child, dtype) for child in layer.children.values())
            return {"merge_mode": layer.merge_mode, "layer": forward, "backward_layer": backward}
        case TimeDistributed():
            return {"layer": described(layer.layer, dtype)}
        case Dense():
            own = {"units": layer.units, "activation": _activation(layer), "use_bias": layer.use_bias}
            return own | _weights(layer, ("kernel", "bias"))
        case Embedding():
            own = {"input_dim": layer.input_dim, "output_dim": layer.output_dim, "mask_zero": layer.mask_zero}
            return own | _weights(layer, ("embeddings",))
        case Masking():
            return {"mask_value": layer.mask_value}
        case Dropout():
            return {"rate": layer.rate, "seed": layer.seed, "noise_shape": layer.noise_shape and list(layer.noise_shape)}
        case Activation():
            return {"activation": _activation(layer)}
        case Flatten() | InputLayer():
            return {}
    if isinstance(layer, OwnCell):
        raise NotImplementedError(f"{layer.cell.label}: a cell of your own, which Keras cannot be told of")
    raise NotImplementedError(f"{layer.label}: Keras' description of a {type(layer).__name__} is not known")


def _rnn(layer: RNN) -> dict[str, Any]:
    return {name: getattr(layer, name) for name in OF_THE_RNN}


def _cell(cell: Cell) -> dict[str, Any]:
    """A cell's arguments; functions by their names. `implementation` Keras writes down for neither LSTM nor GRU."""
    own = {"units": cell.units, "activation": _activation(cell)} | _weights(cell, ("kernel", "recurrent", "bias"))
    if any(gate.activation != "activation" for gate in cell.gates):
        own["recurrent_activation"] = _activation(cell, "recurrent_activation")
    flags = ("use_bias", "dropout", "recurrent_dropout", "unit_forget_bias", "reset_after")
    return own | {name: getattr(cell, name) for name in flags if hasattr(cell, name)}


def _activation(layer: Any, which: str = "activation") -> str:
    name = activations.name_of(getattr(layer, which))
    if name is None:
        raise NotImplementedError(f"{layer.label}: its {which} is a function of your own, which Keras cannot be told of")
    return name


def _weights(layer: Layer, names: tuple[str, ...]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name in names:
        key = "recurrent_kernel" if name == "recurrent" else name
        found[f"{name}_initializer"] = _initializer(layer.initializers[key])
        found[f"{name}_regularizer"] = _object(layer.own_regularizers.get(key), "regularizers", regularizers.CLASSES, layer)
        found[f"{name}_constraint"] = _object(layer.own_constraints.get(key), "constraints", constraints.CLASSES, layer)
    return found


def _initializer(given: Any) -> dict[str, Any]:
    """One of Keras' by its description; a function of the user's own has drawn already, and is left to Keras' zeros."""
    if type(given).__name__ not in initializers.CLASSES or not hasattr(given, "get_config"):
        given = initializers.Zeros()
    found = _as_keras("initializers", given)
    if found["class_name"] == "Orthogonal":
        found["class_name"] = "OrthogonalInitializer"  # the name that all versions know
    return found


def _object(given: Any, module: str, classes: dict[str, Any], layer: Layer) -> dict[str, Any] | None:
    if given is None:
        return None
    if type(given) not in classes.values():
        raise NotImplementedError(
            f"{layer.label}: one of its {module} is a function of your own, which Keras cannot be told of"
        )
    return _as_keras(module, given)


def _as_keras(module: str, given: Any) -> dict[str, Any]:
    name = type(given).__name__
    return {"module": f"keras.{module}", "class_name": name, "config": given.get_config(), "registered_name": None}


# --------------------------------------------------------------------------------------------------------------- models


def described_model(model: Model) -> dict[str, Any]:
    """The model as Keras 3 serializes it."""
    if isinstance(model, Sequential):
        start = model.inputs[0].layer
        layers = [described(layer) for layer in ([] if start in model.layers else [start]) + model.layers]
        shape = [*model.inputs[0].shape]
        row: dict[str, Any] = {
            "name": keras_name(model.name),
            "trainable": True,
            "layers": layers,
            "build_input_shape": shape,
        }
        return {"module": "keras", "class_name": "Sequential", "config": row, "registered_name": None}
    names = {layer: keras_name(layer.name) for layer in model.layers}
    if len(set(names.values())) != len(names):
        raise ValueError("two layers of the model have one name; Keras wants them to differ")
    calls: dict[Layer, list[Symbolic]] = {layer: [] for layer in names}
    for symbolic in model.order:
        calls[symbolic.layer].append(symbolic)

    def history(s: Symbolic) -> list[Any]:
        return [names[s.layer], calls[s.layer].index(s.first), s.index]

    def tensor(s: Symbolic) -> dict[str, Any]:
        kind = s.layer.holds if isinstance(s.layer, InputLayer) else s.layer.dtype.name
        return {
            "class_name": "__keras_tensor__",
            "config": {"shape": list(s.shape), "dtype": kind, "keras_history": history(s)},
        }

    def alone(found: list[Any]) -> Any:
        return found if len(found) > 1 else found[0]

    def node(call: Symbolic) -> dict[str, Any]:
        x, *states = call.inputs
        keywords: dict[str, Any] = {"initial_state": [tensor(s) for s in states]} if states else {}
        keywords |= {"mask": tensor(call.mask)} if call.mask is not None else {}
        keywords |= {"training": call.training} if call.training is not None else {}
        return {"args": [tensor(x)], "kwargs": keywords}

    listed = [
        described(layer) | {"name": name, "inbound_nodes": [node(call) for call in calls[layer] if call.inputs]}
        for layer, name in names.items()
    ]
    config: dict[str, Any] = {
        "name": keras_name(model.name),
        "trainable": True,
        "layers": listed,
        "input_layers": alone([history(s) for s in model.inputs]),
        "output_layers": alone([history(s) for s in model.outputs]),
    }
    module = "keras.src.models.functional"
    return {"module": module, "class_name": "Functional", "config": config, "registered_name": "Functional"}
