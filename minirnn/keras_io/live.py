"""To and from live Keras models. Keras is imported here, on use, and nowhere else but in the witness."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from ..layers import RNN, Bidirectional, Dropout, InputLayer, Layer, Symbolic
from ..layers.arguments import flattened
from ..layers.calls import Scope
from ..layers.configs import is_own
from ..layers.wrappers import at_each_step
from ..network import Network
from ..system import quiet_stderr
from .config import BUILDERS, as_data, model_from_config, says
from .describe import by_cell, described_entry, distinct_names, keras_name
from .operations import computed


def from_keras(model: Any) -> Any:
    """A minirnn model with the layers and weights of a Keras (or tf-keras) Functional or Sequential model."""
    if not hasattr(model, "get_config") or not hasattr(model, "get_weights"):
        raise TypeError(f"from_keras takes a Keras model, not {type(model).__name__}")
    if not getattr(model, "built", True):
        raise ValueError("the Keras model is not built yet: call it on data once, so that it has weights")
    if not hasattr(model, "layers"):
        raise TypeError(
            f"from_keras takes a model; put the layer in one: keras.Sequential([keras.Input(...), {model.name}])"
        )
    described = model if hasattr(model, "get_config") and _is_described(model) else _functional(model)
    config = as_data(described.get_config())
    _with_functions(config["layers"], described.layers)
    if type(described).__name__ == "Sequential" and config.get("build_input_shape") is None:
        config["build_input_shape"] = list(described.input_shape)
    version = getattr(sys.modules.get(type(model).__module__.partition(".")[0]), "__version__", "3")
    made = model_from_config({"class_name": type(described).__name__, "config": config}, _LiveWeights(described), version)
    if getattr(model, "compiled", False):
        _carry_compile(model, made)
    return made


def _with_functions(entries: list[Any], layers: list[Any]) -> None:
    """Put the functions of live Lambda layers, of models within too, into their descriptions."""
    by_name: dict[Any, Any] = {layer.name: layer for layer in layers}
    for entry in entries:
        live: Any = by_name.get(entry["config"].get("name"))
        if entry["class_name"] == "Lambda":
            entry["config"] |= {"function": live.function, "arguments": live.arguments}
        elif "layers" in entry["config"]:
            _with_functions(entry["config"]["layers"], live.layers)


def as_model(model: Any) -> Any:
    """A live Keras model as one of minirnn's; anything else as it is."""
    foreign = type(model).__module__.partition(".")[0] in ("keras", "tf_keras") or any(
        kind.__module__.partition(".")[0] in ("keras", "tf_keras") for kind in type(model).__mro__
    )
    return from_keras(model) if foreign and hasattr(model, "get_weights") else model


class _LiveWeights:
    """The weights of a live model, by the names of its layers."""

    def __init__(self, model: Any) -> None:
        self.by_name = {layer.name: layer for layer in model.layers}

    def within(self, name: str, kind: str) -> _LiveWeights:
        """Those of a model within."""
        return _LiveWeights(self.by_name[name])

    def __call__(self, layer: Layer, name: str, shapes: list[tuple[int, ...]]) -> list[np.ndarray]:
        own = self.by_name[name]
        states = {id(state) for state in getattr(own, "states", None) or []}  # tf-keras lists them as weights
        arrays = [np.asarray(w) for w in own.weights if id(w) not in states]
        if [w.shape for w in arrays] != shapes:
            raise ValueError(f"layer {name!r} has weights of shapes {[w.shape for w in arrays]}, not {shapes}")
        return arrays


def _is_described(model: Any) -> bool:
    return type(model).__name__ in BUILDERS


def _functional(model: Any) -> Any:
    """A model of a class of one's own as a functional one: what its `call` does with placeholders."""
    keras = sys.modules[type(model).__module__.partition(".")[0]] if type(model).__module__.startswith("keras") else None
    keras = keras or import_keras()
    shapes = getattr(model, "_build_shapes_dict", None) or {}
    if len(shapes) != 1:
        raise ValueError(f"{type(model).__name__} is a model of a class of its own: call it on data once, on one input")
    (shape,) = shapes.values()
    placeholder = keras.Input(shape[1:] if len(shape) < 3 else (None, *shape[2:]))
    try:
        return keras.Model(placeholder, model.call(placeholder), name=model.name)
    except Exception as error:  # whatever the code of its call may raise
        raise NotImplementedError(
            f"{type(model).__name__}.call does more than to call layers: write it as a loop in NumPy, mr.trace(loop, ...) "
            "follows it"
        ) from error


def _carry_compile(model: Any, made: Any) -> None:
    """Train as the Keras model is to be trained, and go on where its optimizer is; a warning says what cannot be taken."""
    told = getattr(getattr(model, "_compile_config", None), "config", None)
    if told is None:
        return
    from .plans import carry, remember  # on use: they need every optimizer and metric

    missing = carry(told | {"optimizer": model.optimizer}, made)  # which saving as .h5 takes out
    if missing is not None:
        warnings.warn(f"how the Keras model is trained is not carried over: {missing}", stacklevel=4)
        return
    variables = [np.asarray(v) for v in model.optimizer.variables] if getattr(model.optimizer, "built", False) else []
    if variables and variables[0]:
        remember(made, lambda k, shape: variables[k].reshape(shape))


def to_keras(model: Network, dtype: str = "float32") -> Any:
    """A Keras model with the same layers, names and weights, computing in `dtype`."""
    return twin_of(model, dtype)[0]


def twin_of(
    model: Network,
    dtype: str,
    weights: Mapping[Layer, list[np.ndarray]] | None = None,
    masks: Mapping[str, Any] | None = None,
) -> tuple[Any, dict[Layer, Any], dict[Symbolic, Any]]:
    """The Keras model, its layer for each of ours that has a counterpart to call, its tensor for each placeholder.

    With `masks`, those of dropout by their names in minirnn, a Dropout is a product with its mask (see `replay`).
    """
    keras = import_keras()
    made: dict[Symbolic, Any] = {}
    layers: dict[Layer, Any] = {}
    names = {s.layer: keras_name(s.layer.name) for s in model.inputs} | distinct_names(model)
    for symbolic, scope in model.scopes():
        layer = symbolic.layer
        if layer not in layers and layer.operation is None:
            _demand_known(layer)
            entry = described_entry(layer, names[layer], dtype)
            if says(entry, "class_name", "function"):
                raise NotImplementedError(f"{layer.label}: a function of your own, of which Keras has no other")
            layers[layer] = keras.saving.deserialize_keras_object(entry)
        if isinstance(layer, InputLayer):
            made[symbolic] = layers[layer].output
            continue
        if layer.operation is not None:
            made[symbolic] = computed(keras, layer, [tensor_of(made, s) for s in symbolic.inputs])
            continue
        given, states = ([tensor_of(made, s) for s in those] for those in (symbolic.inputs, symbolic.states))
        x: Any = given if layer.takes_many else given[0]
        fixed = [(masks or {}).get(f"{letter}{scope.tag}") for letter in "Dd"]
        if isinstance(at_each_step(layer), Dropout) and any(mask is not None for mask in fixed):
            mask = next(np.asarray(mask, dtype) for mask in fixed if mask is not None)
            made[symbolic] = keras.ops.multiply(x, mask if mask.ndim == len(x.shape) else mask[:, None])
            continue
        keywords: dict[str, Any] = {"initial_state": by_cell(layer, states)} if states else {}
        keywords |= {"mask": tensor_of(made, symbolic.mask)} if symbolic.mask is not None else {}
        keywords |= {"training": symbolic.training} if symbolic.training is not None else {}
        made[symbolic] = layers[layer](x, **keywords)
    for layer, twin in layers.items():
        if not isinstance(layer, InputLayer):
            arrays = layer.weight_arrays if weights is None else weights[layer]
            twin.set_weights([w.astype(dtype) for w in arrays])
    inputs = [made[s] for s in model.inputs]
    ends = [tensor_of(made, s) for s in model.outputs]
    whole = keras.Model(
        inputs if len(inputs) > 1 else inputs[0], ends if len(ends) > 1 else ends[0], name=keras_name(model.name)
    )
    return whole, layers, made


def _demand_known(layer: Layer) -> None:
    """NotImplementedError where the code of a layer is of the user's own, made of what Keras does not know."""
    for inner in layer.inside():
        if is_own(inner.as_made):
            what = "cell" if hasattr(inner.as_made, "state_size") else "layer"
            raise NotImplementedError(f"{inner.as_made.label}: a {what} of your own, of which Keras has no other")


def tensor_of(made: Mapping[Symbolic, Any], s: Symbolic) -> Any:
    """The tensor of a placeholder, of those of all calls."""
    found = made[s.first]
    return flattened(found)[s.index]  # the states of cells on top of each other are lists in a list


def as_array(tensor: Any) -> np.ndarray:
    """The numbers of a tensor, or of the first of several."""
    import keras

    return np.asarray(keras.ops.convert_to_numpy(tensor[0] if isinstance(tensor, (list, tuple)) else tensor))


def recurrences(layer: Layer, twin: Any, scope: Scope) -> Iterator[tuple[RNN, Any, Any, list[str]]]:
    """Every RNN in a layer, its twin, the cells of the twin, and the tag of each."""
    if isinstance(layer, Bidirectional):
        for (name, child), inner in zip(layer.children.items(), layer.scopes(scope)):
            yield from recurrences(child, getattr(twin, name), inner)
    elif isinstance(layer, RNN):
        yield layer, twin, getattr(twin.cell, "cells", [twin.cell]), [inner.tag for inner in layer.scopes(scope)]


def replay(model: Network, layers: dict[Layer, Any], masks: Mapping[str, Any], dtype: str) -> None:
    """Let the recurrent layers of a twin use these dropout masks in their next call, in place of some of their own."""
    keras = import_keras()
    for symbolic, scope in model.scopes():
        for rnn, _, cells, tags in recurrences(symbolic.layer, layers.get(symbolic.layer), scope):
            for ours, cell, tag in zip(rnn.cells, cells, tags):
                for names, place in zip(ours.dropout_names(tag), ("_dropout_mask", "_recurrent_dropout_mask")):
                    found = [masks[name] for name in names if masks.get(name) is not None]
                    fixed = [keras.ops.convert_to_tensor(np.asarray(mask, dtype)) for mask in found]
                    if fixed:
                        setattr(cell, place, fixed if hasattr(cell, "dropout_mask_count") else fixed[0])


def dropout_masks(model: Network, keras_model: Any, X: Any) -> dict[str, np.ndarray]:
    """The masks that the recurrent layers of `keras_model` would draw next in training, by minirnn's names.

    For ``mr.trace(model, X, Y, training=True, masks=...)``; `model` is ``mr.from_keras(keras_model)``, whose
    generators are left as they were. NotImplementedError if there is a Dropout, whose masks depend on how Keras runs it.
    """
    keras = import_keras()
    arrays = model.arrays(X)
    run = model.run(arrays)
    nodes = dict(run.calls)
    by_name = {layer.name: layer for layer in keras_model.layers}
    found: dict[str, np.ndarray] = {}
    for symbolic, scope in model.scopes():
        drops = at_each_step(symbolic.layer)
        if isinstance(drops, Dropout) and drops.rate:
            raise NotImplementedError(f"{symbolic.layer.label}: only the dropout masks of recurrent layers can be foretold")
        twin = by_name.get(symbolic.layer.name)
        for rnn, _, cells, tags in recurrences(symbolic.layer, twin, scope):
            sizes = [nodes[symbolic].features, *[cell.units for cell in rnn.cells]]
            for ours, cell, tag, features, units in zip(rnn.cells, cells, tags, sizes, sizes[1:]):
                state = np.array(keras.ops.convert_to_numpy(cell.seed_generator.state))
                kinds = (cell.dropout, features), (cell.recurrent_dropout, units)
                for names, (rate, size) in zip(ours.dropout_names(tag), kinds):
                    ones = keras.ops.ones((len(arrays[0]), size), cell.compute_dtype)
                    drawn = [keras.random.dropout(ones, rate, seed=cell.seed_generator) for _ in names if rate]
                    if rate and ours.drops(rate):
                        found |= {n: as_array(mask) for n, mask in zip(names, drawn)}
                cell.seed_generator.state.assign(state)
    return found


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
        raise ImportError("this needs Keras: pip install keras tensorflow") from error
    return keras
