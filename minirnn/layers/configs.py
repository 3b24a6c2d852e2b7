"""Keras' description of a layer (its config), both ways. A description is data: nothing in it is executed.

What a layer is made with is described by the arguments of its constructor, so that a new layer needs nothing here: class
names are looked up among the layers of this package, all else by the short lists of names that minirnn knows.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from .. import activations, constraints, initializers, regularizers
from ..registry import own_object, registered_name
from ..system import nearest, plain

KINDS: dict[str, Any] = {}  # the layers of this package by the names of their classes: each puts itself here
ZOO = {"initializer": initializers, "regularizer": regularizers, "constraint": constraints}
OTHER_NAMES = {"OrthogonalInitializer": "Orthogonal", "IdentityInitializer": "Identity"}
DTYPES = ("float32", "float64", "bool", "int32", "int64", "uint8")  # the integers for inputs alone
PACKAGE = __package__.partition(".")[0] + "."
MAX_LAYERS = 200
MAX_NESTED = 4  # Bidirectional(RNN(StackedRNNCells([cell])))


def described(layer: Any, dtype: str | None = None) -> dict[str, Any]:
    """The layer as Keras 3 serializes it. NotImplementedError names what Keras has no description for."""
    made = layer.as_made
    if not is_own(made):
        if made.keras_kind not in KINDS:
            raise NotImplementedError(f"{made.label}: Keras has no description of what it does")
        config = made.config(dtype)
        return {"module": "keras.layers", "class_name": made.keras_kind, "config": config, "registered_name": None}
    config, kind = made.get_config(), type(made)
    base: Any = next(each for each in kind.__mro__ if each.__module__.startswith(PACKAGE))
    if unsaid := [name for name in made.asked if name not in config and name not in base.asked]:
        raise NotImplementedError(
            f"{made.label}: the get_config of {kind.__name__} must say {', '.join(unsaid)}, which it is made with"
        )
    config = {name: _data(value, made.label, name) for name, value in config.items()}
    name = registered_name(kind)
    return {"module": kind.__module__, "class_name": kind.__name__, "config": config, "registered_name": name}


def is_own(layer: Any) -> bool:
    """Whether its class is of the user's own."""
    known = KINDS.get(layer.keras_kind)
    return not type(layer).__module__.startswith(PACKAGE) and (known is None or not isinstance(layer, known))


def _data(value: Any, whose: str, argument: str) -> Any:
    """What a `get_config` of the user's own says, as data."""
    try:
        json.dumps(value)
        return value
    except (TypeError, ValueError):
        return describe(value, whose, argument)


def describe(value: Any, whose: str, argument: str, dtype: str | None = None) -> Any:
    """An argument of a layer as data."""
    kind = argument.rpartition("_")[2]
    if kind in ZOO:
        return _object(value, whose, kind)
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, (list, tuple)):
        return [describe(item, whose, argument, dtype) for item in value]
    if type(value) in KINDS.values() or hasattr(value, "keras_kind"):
        return described(value, dtype)
    name = activations.name_of(value)
    if name is None and getattr(value, "__name__", "<lambda>") != "<lambda>":
        named = {"class_name": "function", "config": value.__name__, "registered_name": registered_name(value)}
        return {"module": value.__module__, **named}
    if name is None:
        raise NotImplementedError(f"{whose}: its {argument} is a function of your own, which Keras has no description of")
    return name


def _object(given: Any, whose: str, kind: str) -> dict[str, Any] | None:
    """An initializer, a regularizer or a constraint; an initializer of one's own has drawn already and is left to zeros."""
    known = ZOO[kind]
    if given is None:
        return None
    of_keras = type(given).__module__.startswith("keras.") and type(given).__name__ in known.KNOWN.classes
    if type(given) not in known.KNOWN.classes.values() and not of_keras:
        if kind != "initializer":
            raise NotImplementedError(
                f"{whose}: its {kind} is a function of your own, which Keras has no description of: take one of minirnn's"
            )
        given = initializers.Zeros()
    name = type(given).__name__
    name = "OrthogonalInitializer" if name == "Orthogonal" else name  # the name that all versions know
    return {"module": f"keras.{kind}s", "class_name": name, "config": given.get_config(), "registered_name": None}


# -------------------------------------------------------------------------------------------------------------- reading


def from_keras(entry: dict[str, Any]) -> bool:
    """Whether a class is Keras' own, by the module and the registered name that are given for it (Keras 2 gives none)."""
    module, registered = entry.get("module"), entry.get("registered_name")
    own = module is None or str(module).partition(".")[0] in ("keras", "tf_keras", "tensorflow")
    return own and registered in (None, entry["class_name"])


def layer_from(entry: dict[str, Any], depth: int = 0) -> Any:
    """The layer that an entry of a description stands for, layers inside it too."""
    kind, config = entry["class_name"], dict(entry["config"])
    name = plain(config.get("name") or entry.get("name") or kind)
    own = None if kind in KINDS and from_keras(entry) else own_object(entry.get("registered_name"), kind)
    if isinstance(own, type) and hasattr(own, "get_config"):
        return own.from_config(config | {"dtype": policy(config.get("dtype"))})  # type: ignore[attr-defined]
    if not from_keras(entry):
        raise NotImplementedError(
            f"layer {name!r} is a {plain(kind)} that is not of Keras, which minirnn does not support: "
            "if the class is yours, give it by custom_objects, a dictionary of classes by name"
        )
    if kind not in KINDS:
        raise NotImplementedError(refusal(name, kind))
    if depth > MAX_NESTED:
        raise ValueError(f"layer {name!r}: layers within layers, deeper than Keras' own go")
    try:
        return KINDS[kind](**arguments(config, depth))
    except NotImplementedError as error:
        said = str(error)
        raise NotImplementedError(said if said.startswith("layer ") else f"layer {name!r}: {said}") from error
    except (ValueError, TypeError) as error:
        raise ValueError(f"layer {name!r}: {error}") from error


def refusal(name: str, kind: Any) -> str:
    """What is said of a layer that minirnn does not have, with the way out."""
    kind = plain(kind)
    if kind == "Lambda":
        return (
            f"layer {name!r} is a Lambda, whose function is code, and no code of a file is run: build the model in Python "
            "and give it the weights of the file with load_weights"
        )
    near = nearest(kind, KINDS)
    like = f" (it has {near})" if near and near != kind else ""
    article = "an" if kind.startswith(("A", "E", "I", "O", "Up")) else "a"
    return (
        f"layer {name!r} is {article} {kind}, which minirnn does not support{like}: write the forward pass as a loop in "
        "NumPy, mr.trace(loop, ...) follows it"
    )


def arguments(config: dict[str, Any], depth: int = 0) -> dict[str, Any]:
    """The entries of a config as constructor arguments."""
    return {argument: argument_from(argument, value, depth) for argument, value in config.items()}


def argument_from(argument: str, value: Any, depth: int = 0) -> Any:
    """One of them."""
    what = argument.rpartition("_")[2]
    if what in ZOO:  # of an initializer nothing is demanded: the weights are given
        return _known(value, ZOO[what], initializers.Zeros() if what == "initializer" else None)
    if argument == "dtype":
        return _dtype(policy(value))
    if argument == "activation" or what == "activation":
        return _activation(value)
    if isinstance(value, dict) and "class_name" in value and "config" in value:
        return layer_from(value, depth + 1)
    if argument == "cells":
        return [layer_from(cell, depth + 1) for cell in few(value)]
    return value


def few(entries: list[Any], what: str = "layers") -> list[Any]:
    """`entries`, if there are not too many of them."""
    if len(entries) > MAX_LAYERS:
        raise ValueError(f"the model has {len(entries)} {what}; at most {MAX_LAYERS} are read")
    return entries


def _known(value: Any, zoo: Any, otherwise: Any = None) -> Any:
    """An initializer, a regularizer or a constraint by its name or description; never anything but those that are known."""
    if value is None:
        return None
    kind = value.get("class_name") if isinstance(value, dict) else value
    if isinstance(kind, str):
        kind = OTHER_NAMES.get(kind, kind)
    try:
        if isinstance(value, dict) and kind in zoo.KNOWN.classes and from_keras(value | {"registered_name": None}):
            config = {k: v for k, v in value["config"].items() if k not in ("input_axes", "output_axes")}
            if any(isinstance(v, (dict, str)) and k not in ("mode", "distribution") for k, v in config.items()):
                raise ValueError(f"{kind} is given {plain(config)}")
            return zoo.get({"class_name": kind, "config": config})
        if isinstance(value, str):
            return zoo.get(value)
    except (TypeError, ValueError):
        if otherwise is None:
            raise
    if otherwise is None:
        raise NotImplementedError(f"{plain(repr(kind))} is not one that minirnn knows")
    return otherwise


def policy(value: Any) -> Any:
    """The name of a dtype, or of what Keras describes as its policy."""
    return value["config"]["name"] if isinstance(value, dict) else value


def _dtype(value: Any) -> Any:
    if value is not None and (not isinstance(value, str) or value not in DTYPES):
        raise ValueError(f"dtype policy {plain(repr(value))}: minirnn computes in float32 or float64")
    return value


def _activation(value: Any) -> Any:
    if isinstance(value, dict) and str(value.get("module", "")).split(".")[0] in ("keras", "builtins"):
        value = value.get("config") if isinstance(value.get("config"), str) else value
    own = own_object(value.get("registered_name"), value.get("config")) if isinstance(value, dict) else own_object(value)
    if own is not None:
        return own
    if value is not None and not isinstance(value, str):
        raise NotImplementedError("its activation is not one of Keras' by name: write the forward pass as a loop in NumPy")
    if value is not None and value not in activations.KNOWN.names and value not in activations.NO_ACTIVATION:
        raise NotImplementedError(f"its activation {plain(repr(value))} is not one of Keras'")
    return value
