"""From a minirnn model to Keras' description of it (its config), which is saved and makes live models."""

from __future__ import annotations

from typing import Any

from ..layers import RNN, InputLayer, Lambda, Layer, Symbolic
from ..layers.arguments import put_in
from ..layers.written import WrittenLayer
from ..network import Network
from .operations import called_on, entry_of, written


def keras_name(name: str | None) -> str | None:
    """Keras 2 allowed a slash in names, Keras 3 does not."""
    return name and name.replace("/", "_")


def distinct_names(model: Network) -> dict[Layer, str | None]:
    """The name of every layer in Keras: those of a model within carry its name where two would be the same."""
    names: dict[Layer, str | None] = {}
    within: dict[Any, Any] = {c.layer: None if isinstance(c.within, Layer) else c.within for c in model.order}
    for layer in model.every_layer:
        name = keras_name(layer.name)
        if name in names.values():
            if within.get(layer) is None:
                raise ValueError("two layers of the model have one name; Keras wants them to differ")
            name = f"{keras_name(within[layer].name)}_{name}"
        names[layer] = name
    return names


def by_cell(layer: Layer, states: list[Any]) -> Any:
    """Initial states as Keras takes them: one alone, several in a list; of cells on top of each other a list for each."""
    cells = layer.cells if isinstance(layer, RNN) else []
    if len(cells) < 2 or all(len(cell.sizes) == 1 for cell in cells):
        return states if len(states) > 1 else states[0]
    rest = iter(states)
    return [[next(rest) for _ in cell.sizes] for cell in cells]


def described_entry(layer: Layer, name: str | None, dtype: str | None = None) -> dict[str, Any]:
    """A layer as Keras serializes it; a Lambda as a model within, of the operations that its function is made of."""
    if isinstance(layer, Lambda):
        starts, end = next(iter(layer.recorded.values()))
        return described_model(Network(starts, end, str(name)), dtype)
    return entry_of(layer, keras_name(name), dtype)


def described_model(model: Network, dtype: str | None = None) -> dict[str, Any]:
    """The model as Keras 3 serializes it, in the dtype of its layers or in that one."""
    if model.is_described_as_row:
        start = model.inputs[0].layer
        layers = [
            described_entry(layer, layer.name)
            for layer in ([] if start in model.flat_layers else [start]) + model.flat_layers
        ]
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
        kind = s.layer.holds if isinstance(s.layer, InputLayer) else dtype or s.layer.dtype.name
        return {
            "class_name": "__keras_tensor__",
            "config": {"shape": list(s.shape), "dtype": kind, "keras_history": history(s)},
        }

    def alone(found: list[Any]) -> Any:
        return found if len(found) > 1 else found[0]

    def node(call: Symbolic) -> dict[str, Any]:
        states = call.states
        keywords: dict[str, Any] = {"initial_state": by_cell(call.layer, [tensor(s) for s in states])} if states else {}
        keywords |= {"mask": tensor(call.mask)} if call.mask is not None else {}
        keywords |= {"training": call.training} if call.training is not None else {}
        given: list[Any] = [tensor(x) for x in call.inputs]
        if isinstance(call.layer, WrittenLayer):
            args, named = put_in(call.layer.form, given)
            return {"args": written(args), "kwargs": {key: written(each) for key, each in named.items()}}
        if call.layer.operation is not None:
            return {"args": [written(value) for value in called_on(call.layer, given)], "kwargs": {}}
        return {"args": [given] if call.layer.takes_many else given, "kwargs": keywords}

    listed = []
    for layer, name in names.items():
        nodes = [node(call) for call in calls[layer] if call.inputs]
        listed.append(described_entry(layer, name, dtype) | {"name": name, "inbound_nodes": nodes})
    config: dict[str, Any] = {
        "name": keras_name(model.name),
        "trainable": True,
        "layers": listed,
        "input_layers": alone([history(s) for s in model.inputs]),
        "output_layers": alone([history(s) for s in model.outputs]),
    }
    module = "keras.src.models.functional"
    return {"module": module, "class_name": "Functional", "config": config, "registered_name": "Functional"}
