"""How a model is trained, as Keras describes it: the arguments of `compile`, and what the optimizer remembers.

Keras lists the variables of an optimizer: the number of steps, the learning rate if it is a number, and then what is
remembered of every weight, in the order of the layers. Here each kind of that is one vector of all trained weights.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from .. import losses, metrics, optimizers
from ..network import Network
from ..optimizers import Optimizer
from ..optimizers.optimizer import State
from ..optimizers.schedules import Schedule
from ..registry import Registry, own_object

ARGUMENTS: dict[str, tuple[str, Registry | None, Callable[[Any], Any]]] = {
    "optimizer": ("keras.optimizers", optimizers.KNOWN, optimizers.get),
    "loss": ("keras.losses", losses.KNOWN, losses.as_loss),
    "loss_weights": ("", None, lambda given: given),
    "metrics": ("keras.metrics", metrics.KNOWN, metrics.get),
    "weighted_metrics": ("keras.metrics", metrics.KNOWN, metrics.get),
}  # of compile: where Keras has their objects, and how they are read
HOW_IT_RUNS = {"run_eagerly": False, "steps_per_execution": 1, "jit_compile": False}

Read = Callable[[int, tuple[int, ...]], np.ndarray]  # the k-th variable of an optimizer, which has that shape


def described_plan(model: Any) -> dict[str, Any] | None:
    """The arguments of `compile`; None if it was not called, or with a function of the user's own, which no file holds."""
    plan = vars(model).get("_plan")
    if plan is None:
        return None
    given = {"optimizer": plan.optimizer, "loss": plan.given or "mse", "loss_weights": plan.loss_weights}
    given["metrics"], given["weighted_metrics"] = plan.given_metrics
    try:
        return {name: _described(given[name], *ARGUMENTS[name]) for name in ARGUMENTS} | HOW_IT_RUNS
    except NotImplementedError:
        return None


def _described(value: Any, module: str, known: Registry | None, get: Callable[[Any], Any]) -> Any:
    if known is None or value is None or isinstance(value, str):
        return value
    if isinstance(value, (list, tuple)):
        return [_described(each, module, known, get) for each in value]
    if isinstance(value, dict):
        return {key: _described(each, module, known, get) for key, each in value.items()}
    found = get(value)
    if type(found).__name__ not in known.classes:
        raise NotImplementedError(f"{type(found).__name__} has no description")
    config = {key: _number(each) for key, each in found.get_config().items()}
    rate = config.get("learning_rate")
    if isinstance(rate, dict):
        config["learning_rate"] = rate | {"module": "keras.optimizers.schedules", "registered_name": None}
    return {"module": module, "class_name": type(found).__name__, "config": config, "registered_name": None}


def _number(value: Any) -> Any:
    return value.tolist() if isinstance(value, (np.generic, np.ndarray)) else value


def carry(told: dict[str, Any], made: Any) -> str | None:
    """Compile a model with these arguments, objects or descriptions; gives what minirnn cannot take of them, None if all."""
    try:
        given = {name: _object(told.get(name), known) for name, (_, known, _) in ARGUMENTS.items()}
        if given["optimizer"] is None:
            return "there is no optimizer"
        made.compile(**{name: value for name, value in given.items() if value is not None})
    except (TypeError, ValueError, LookupError, NotImplementedError) as error:
        return str(error)
    return None


def _object(value: Any, known: Registry | None) -> Any:
    """What a description stands for: a name, an object, or lists and dictionaries of them."""
    if isinstance(value, str):
        return own_object(value) or value
    if known is None or not isinstance(value, (dict, list, tuple)):
        return value
    if isinstance(value, dict):
        if "class_name" not in value:
            return {key: _object(each, known) for key, each in value.items()}
        if value["class_name"] == "function":
            return own_object(str(value["config"])) or str(value["config"])
        name = str(value["class_name"]).removeprefix("Custom>")  # as tf-keras registers some
        own = own_object(value.get("registered_name"), name)
        if own is not None:
            return own(**(value.get("config") or {}))
        return known.made(name, value.get("config") or {})
    return [_object(each, known) for each in value]


def variables_of(model: Any) -> list[np.ndarray]:
    """The variables of the optimizer of a compiled model, as Keras lists them."""
    optimizer, places = model.optimizer, _places(model)
    end = max((part.stop for part, _ in places), default=0)
    state = optimizer.state
    zeros = np.zeros(end, np.float32)
    slots = dict(zip(optimizer.slots, state.slots or [optimizer.first(name, zeros) for name in optimizer.slots]))
    found = [np.asarray(state.iterations, np.int64)]
    if not isinstance(optimizer.learning_rate, Schedule):
        found.append(np.asarray(optimizer.learning_rate, np.float32))
    for name, place in _order(optimizer, places):
        found.append(np.asarray(slots[name]) if place is None else slots[name][place[0]].reshape(place[1]))
    return found


def remember(model: Any, read: Read) -> None:
    """Let the optimizer of a compiled model go on from the variables that Keras has kept, if it has taken steps."""
    steps = int(read(0, ()))
    if not steps:
        return
    optimizer, places = model.optimizer, _places(model)
    first = 1 if isinstance(optimizer.learning_rate, Schedule) else 2
    end = max((part.stop for part, _ in places), default=0)
    dtype = model.weight_arrays[0].dtype if model.weight_arrays else np.float32
    slots = {name: optimizer.first(name, np.zeros(end, dtype)) for name in optimizer.slots}
    for k, (name, place) in enumerate(_order(optimizer, places), first):
        if place is None:
            slots[name] = float(read(k, ()))
        else:
            slots[name][place[0]] = read(k, place[1]).ravel()
    optimizer.state = State(steps, tuple(slots.values()))


def _order(optimizer: Optimizer, places: list[Any]) -> Iterator[tuple[str, Any]]:
    """What is remembered, as Keras lists it: the name, and the place of the weight; None of a number for all weights."""
    for together in optimizer.kept_together():
        for place in places:
            for name in together:
                yield name, place
    for name in optimizer.slots:
        if name in optimizer.of_all:
            yield name, None


def _places(model: Network) -> list[tuple[slice, tuple[int, ...]]]:
    """Where each trained weight lies in the vector of them, and its shape, in the order of Keras' layers."""
    trained = set(model._plan.trained(model))  # type: ignore[attr-defined]
    names, start = {}, 0
    for name, (layer, i) in model.parameter_places().items():
        if name in trained:
            shape = layer.weight_arrays[i].shape
            size = int(np.prod(shape, dtype=int))
            names[layer, i] = slice(start, start + size), shape
            start += size
    keys = [(layer, i) for layer in model.flat_layers for i, _ in enumerate(layer.weight_arrays)]
    return [names[key] for key in keys if key in names]
