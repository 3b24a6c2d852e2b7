"""Operations that Keras writes out in a functional model, ``x[:, -1]`` or ``keras.ops.relu(x)``, both ways."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .. import activations
from ..layers import Layer, Symbolic
from ..layers.arguments import taken_out
from ..layers.configs import described
from ..layers.operations.operators import MAKERS, Operand, operation
from ..registry import snake
from ..system import plain

DEPTH = 3  # of lists within the arguments of an operation
# operations that no layer does, harmless in a file
FOLLOWED = ("logsumexp", "matmul", "min", "prod", "stack", "std", "var")
LONGEST = 128  # an axis of several operands that are followed, for this is tried out when the file is loaded
UNSAID = {"name", "dtype", "trainable"}


def is_operation(entry: dict[str, Any]) -> bool:
    """Whether Keras has written out an operation; an HDF5 file does not say its module, but a layer would have a dtype."""
    known = snake(entry["class_name"]) in (*MAKERS, *FOLLOWED, "not_equal", "any", "divide")
    if "module" in entry:
        return known and str(entry["module"]).startswith("keras.src.ops")
    return known and "dtype" not in entry["config"]


def operated(entry: dict[str, Any], call: Any, find: Callable[[list[Any]], Any]) -> Symbolic:
    """What an operation gives in that call. NotImplementedError names one that there is no layer for."""
    name = plain(entry["name"])
    try:
        if not isinstance(call, dict):
            raise NotImplementedError("it is written as Keras 2 writes it")
        config = {key: value for key, value in entry["config"].items() if key not in UNSAID} | call.get("kwargs", {})
        args = [argument(value, find) for value in call["args"]]
        options = {key: argument(value, find) for key, value in config.items()}
        operands: list[Any] = []
        taken_out((args, options), lambda x: isinstance(x, Symbolic), operands)
        small = len(operands) == 1 or all(n is None or n <= LONGEST for x in operands for n in x.shape)
        made = operation(snake(entry["class_name"]), tuple(args), options, follow=small)
    except NotImplementedError as error:
        raise NotImplementedError(
            f"the operation {name!r} is not supported by minirnn ({error}): write the forward pass as a loop in NumPy, "
            "mr.trace(loop, ...) follows it"
        ) from error
    made.layer.name = name
    return made


def argument(value: Any, find: Callable[[list[Any]], Any], depth: int = 0) -> Any:
    """What an argument of a call stands for: a placeholder that `find` knows, a part of a key, or a plain value."""
    kind = value.get("class_name") if isinstance(value, dict) else None
    if kind == "__keras_tensor__":
        return find(value["config"]["keras_history"])
    if kind == "__slice__":
        ends = [value["config"][end] for end in ("start", "stop", "step")]
        if any(end is not None and type(end) is not int for end in ends):
            raise ValueError(f"x[...] is given {plain(ends)}")
        return slice(*ends)
    if kind == "__ellipsis__":
        return Ellipsis
    if isinstance(value, (list, tuple)) and depth < DEPTH:
        found = [argument(item, find, depth + 1) for item in value]
        keys = all(item is None or item is Ellipsis or isinstance(item, (int, slice)) for item in found)
        return tuple(found) if keys else found
    if value is None or isinstance(value, (bool, int, float)):
        return value
    raise NotImplementedError(f"it is given {plain(value)}")


def entry_of(layer: Layer, name: str | None, dtype: str | None = None) -> dict[str, Any]:
    """A layer, or the operation in its place, as Keras serializes it."""
    if layer.operation is None:
        found = described(layer, dtype)
        return found | {"config": found["config"] | {"name": name}}
    operation = layer.operation
    if operation.name not in (*MAKERS, *FOLLOWED):
        raise NotImplementedError(f"the operation {operation.name} is not written to files: save_weights keeps the weights")
    kind = "".join(part.capitalize() for part in operation.name.split("_"))
    module = "keras.src.ops.nn" if operation.name in OF_NN else "keras.src.ops.numpy"
    config = {"name": name} | {key: written(value) for key, value in operation.config.items()}
    return {"module": module, "class_name": kind, "registered_name": kind, "config": config}


OF_NN = set(activations.KNOWN.names) - {"tanh"}


def called_on(layer: Layer, operands: list[Any]) -> list[Any]:
    """The arguments of a call of the operation, with these in the places of its operands."""
    rest = iter(operands)

    def filled(value: Any) -> Any:
        if value is Operand:
            return next(rest)
        return [filled(item) for item in value] if isinstance(value, list) else value

    return [filled(value) for value in layer.operation.called]


def computed(keras: Any, layer: Layer, operands: list[Any]) -> Any:
    """What Keras computes for the operation."""
    x, *others = called_on(layer, operands)
    if layer.operation.name == "get_item":
        return x[others[0]]
    return getattr(keras.ops, layer.operation.name)(x, *others, **layer.operation.config)


def written(value: Any) -> Any:
    """A part of a key, or an argument, as Keras describes it."""
    if isinstance(value, slice):
        ends = {"start": value.start, "stop": value.stop, "step": value.step}
        return {"class_name": "__slice__", "config": ends}
    if isinstance(value, (list, tuple)):
        return [written(item) for item in value]
    return {"class_name": "__ellipsis__", "config": {}} if value is Ellipsis else value
