"""Operations that Keras writes out in a functional model, ``x[:, -1]`` or ``keras.ops.relu(x)``, as layers, and back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .. import activations
from ..layers import (  # fmt: skip
    Activation,
    Add,
    Concatenate,
    GetItem,
    GlobalAveragePooling1D,
    GlobalMaxPooling1D,
    Layer,
    Multiply,
    Permute,
    Rescaling,
    Reshape,
    Subtract,
)
from ..registry import snake
from ..system import plain

MAX_AXES = 4


def is_operation(entry: dict[str, Any]) -> bool:
    """Whether Keras has written out an operation; an HDF5 file does not say its module, but a layer would have a dtype."""
    known = entry["class_name"] in (*OPERATIONS, "NotEqual", "Any")
    if "module" in entry:
        return known and str(entry["module"]).startswith("keras.src.ops")
    return known and "dtype" not in entry["config"]


def layer_of(entry: dict[str, Any], call: Any) -> Layer:
    """The layer that computes an operation of that call. NotImplementedError names one that there is none for."""
    kind, name = entry["class_name"], plain(entry["name"])
    make = OPERATIONS.get(kind)
    made = make(entry["config"] | call.get("kwargs", {}), list(call["args"])) if make and isinstance(call, dict) else None
    if made is None:
        raise NotImplementedError(
            f"the operation {name!r} is not supported by minirnn: write the forward pass as a loop in NumPy, "
            "mr.trace(loop, ...) follows it"
        )
    made.name = name
    return made


def _number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _of_two(together: type[Layer], with_number: Callable[[float, bool], Layer]) -> Any:
    def make(config: dict[str, Any], args: list[Any]) -> Layer | None:
        a, b = [*args, config.get("x2")][:2]
        return with_number(b, False) if _number(b) else with_number(a, True) if _number(a) else together()

    return make


def _expanded(config: dict[str, Any], args: list[Any]) -> Layer | None:
    axis = config.get("axis")
    return GetItem((Ellipsis, None)) if axis == -1 else GetItem((slice(None), None)) if axis == 1 else None


def _reduced(pooling: type[Layer]) -> Any:
    def make(config: dict[str, Any], args: list[Any]) -> Layer | None:
        return pooling(keepdims=bool(config.get("keepdims"))) if config.get("axis") in (1, -2, [1]) else None

    return make


def _reshaped(config: dict[str, Any], args: list[Any]) -> Layer | None:
    shape = config.get("newshape") or (args[1] if len(args) > 1 else None)
    return Reshape(shape[1:]) if isinstance(shape, (list, tuple)) and shape[0] in (-1, None) else None


def _item(config: dict[str, Any], args: list[Any]) -> Layer | None:
    return GetItem(key_from(args[1]))


OPERATIONS: dict[str, Any] = {
    "GetItem": _item,
    "ExpandDims": _expanded,
    "Reshape": _reshaped,
    "Transpose": lambda config, args: Permute((2, 1)) if config.get("axes") in ([0, 2, 1], (0, 2, 1)) else None,
    "Flip": lambda config, args: GetItem((slice(None), slice(None, None, -1))) if config.get("axis") == 1 else None,
    "Add": _of_two(Add, lambda n, _: Rescaling(1.0, n)),
    "Subtract": _of_two(Subtract, lambda n, first: Rescaling(-1.0, n) if first else Rescaling(1.0, -n)),
    "Multiply": _of_two(Multiply, lambda n, _: Rescaling(n)),
    "Concatenate": lambda config, args: Concatenate(config.get("axis", -1)),
    "Mean": _reduced(GlobalAveragePooling1D),
    "Max": _reduced(GlobalMaxPooling1D),
}
OPERATIONS |= {  # Relu, Tanh, HardSigmoid, ...
    "".join(part.capitalize() for part in name.split("_")): lambda config, args, name=name: Activation(name)
    for name in activations.KNOWN.names
    if snake("".join(part.capitalize() for part in name.split("_"))) == name
}


def key_from(described: Any) -> tuple[Any, ...]:
    """What stands between the brackets of ``x[...]``, from Keras' description of it."""
    parts = described if isinstance(described, (list, tuple)) else [described]
    if len(parts) > MAX_AXES:
        raise ValueError(f"x[...] has {len(parts)} places")
    found: list[Any] = []
    for part in parts:
        kind = part.get("class_name") if isinstance(part, dict) else None
        if kind == "__slice__":
            ends = [part["config"][end] for end in ("start", "stop", "step")]
            if any(end is not None and type(end) is not int for end in ends):
                raise ValueError(f"x[...] is given {plain(ends)}")
            found.append(slice(*ends))
        elif kind == "__ellipsis__":
            found.append(Ellipsis)
        elif part is None or type(part) is int:
            found.append(part)
        else:
            raise NotImplementedError(f"x[...] is given {plain(part)}; minirnn takes numbers, slices and None")
    return tuple(found)


def described_key(key: tuple[Any, ...]) -> list[Any]:
    """The same as Keras describes it."""

    def one(part: Any) -> Any:
        if isinstance(part, slice):
            ends = {"start": part.start, "stop": part.stop, "step": part.step}
            return {"class_name": "__slice__", "config": ends}
        return {"class_name": "__ellipsis__", "config": {}} if part is Ellipsis else part

    return [one(part) for part in key]
