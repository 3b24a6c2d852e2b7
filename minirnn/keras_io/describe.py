"""From a minirnn model to Keras' description of it (its config), which is saved and makes live models."""

from __future__ import annotations

from typing import Any

from ..layers import GetItem, InputLayer, Layer, Symbolic
from ..layers.configs import described
from ..models import Model, Sequential
from ..network import Network
from .operations import described_key


def keras_name(name: str | None) -> str | None:
    """Keras 2 allowed a slash in names, Keras 3 does not."""
    return name and name.replace("/", "_")


def distinct_names(model: Network) -> dict[Layer, str | None]:
    """The name of every layer in Keras: those of a model within carry its name where two would be the same."""
    names: dict[Layer, str | None] = {}
    within = {call.layer: call.within for call in model.order}
    for layer in model.layers:
        name = keras_name(layer.name)
        if name in names.values():
            if within.get(layer) is None:
                raise ValueError("two layers of the model have one name; Keras wants them to differ")
            name = f"{keras_name(within[layer].name)}_{name}"
        names[layer] = name
    return names


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
    names = distinct_names(model)
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
        states = call.states
        keywords: dict[str, Any] = {"initial_state": [tensor(s) for s in states]} if states else {}
        keywords |= {"mask": tensor(call.mask)} if call.mask is not None else {}
        keywords |= {"training": call.training} if call.training is not None else {}
        given: list[Any] = [tensor(x) for x in call.inputs]
        if isinstance(call.layer, GetItem):
            return {"args": [*given, described_key(call.layer.key)], "kwargs": {}}
        return {"args": [given] if call.layer.takes_many else given, "kwargs": keywords}

    def entry(layer: Layer, name: str | None) -> dict[str, Any]:
        if isinstance(layer, GetItem):
            operation = {"module": "keras.src.ops.numpy", "class_name": "GetItem", "registered_name": "GetItem"}
            return operation | {"config": {"name": name}}
        found = described(layer)
        return found | {"config": found["config"] | {"name": name}}

    listed = [
        entry(layer, name) | {"name": name, "inbound_nodes": [node(call) for call in calls[layer] if call.inputs]}
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
