"""Operations on placeholders: ``2 * x``, ``x[:, -1]``, ``np.tanh(x)``, ``minirnn.ops.log(x)`` are calls of layers.

They have the names and the arguments of Keras' operations (``keras.ops``). NumPy's functions on a placeholder lead to them,
and TensorFlow's, if it is loaded.
"""

from __future__ import annotations

import functools
import inspect
import math
import sys
from collections.abc import Callable
from numbers import Real
from typing import Any, NoReturn

import numpy as np

from ... import activations, backend
from ...engine import ops
from ...system import nearest, plain
from ..arguments import taken_out
from ..layer import Layer
from ..merging import Add, Concatenate, Divide, Maximum, Minimum, Multiply, Subtract
from ..reshaping import Permute, Reshape
from ..symbolic import Listening, Operand, Operation, Symbolic
from ..windows.pooling import GlobalAveragePooling1D, GlobalMaxPooling1D, GlobalSum
from ..written import Operated
from .functions import Activation, Rescaling
from .indexing import GetItem

CALLED = ("x", "x1", "x2", "xs", "key")  # the arguments that Keras gives in the call
OTHER_NAMES = {
    "abs": "absolute", "amax": "max", "concat": "concatenate", "divide": "true_divide", "exponential": "exp",
    "mul": "multiply", "neg": "negative", "pow": "power", "sub": "subtract", "truediv": "true_divide",
    "permute_dimensions": "transpose", "reduce_max": "max", "reduce_mean": "mean", "reduce_sum": "sum", "reverse": "flip",
    "clip_by_value": "clip",
}  # fmt: skip
OTHER_ARGUMENTS = {"perm": "axes", "shape": "newshape", "clip_value_min": "x_min", "clip_value_max": "x_max"}
COMPARED_BY = {"lt": "less", "le": "less_equal", "gt": "greater", "ge": "greater_equal"}
COMPARED = (*COMPARED_BY.values(), "equal", "not_equal")
ALL = slice(None)


def _item(x: Any, key: Any) -> Layer:
    return GetItem(key)


def _expanded(x: Any, axis: int) -> Layer | None:
    last = axis in (-1, x.ndim)
    return GetItem((Ellipsis, None)) if last else GetItem((ALL, None)) if axis in (1, -x.ndim) else None


def _squeezed(x: Any, axis: Any = None) -> Layer | None:
    found = [k for k in range(1, x.ndim) if x.shape[k] == 1] if axis is None else [_only(axis) % x.ndim]
    return GetItem((*[ALL] * found[0], 0)) if len(found) == 1 and x.shape[found[0]] == 1 else None


def _reshaped(x: Any, newshape: Any) -> Layer | None:
    return Reshape(tuple(newshape[1:])) if newshape[0] in (-1, None) and 1 < len(newshape) < 4 else None


def _turned(x: Any, axes: Any = None) -> Layer | None:
    return Permute((2, 1)) if axes is not None and tuple(axes) == (0, 2, 1) else None


def _flipped(x: Any, axis: Any = None) -> Layer | None:
    return GetItem((ALL, slice(None, None, -1))) if x.ndim == 3 and _only(axis) in (1, -2) else None


def _over_steps(pooling: type[Layer]) -> Any:
    def make(x: Any, axis: Any = None, keepdims: bool = False) -> Layer | None:
        return pooling(keepdims=bool(keepdims)) if x.ndim == 3 and _only(axis) in (1, -2) else None

    return make


def _only(axis: Any) -> Any:
    """The axis, where it is given as the only one of a list."""
    return axis[0] if isinstance(axis, (list, tuple)) and len(axis) == 1 else axis


def _of_two(together: type[Layer], with_number: Callable[[float, bool], Layer]) -> Any:
    """Of two placeholders, or of one and a number, which may stand first."""

    def make(x1: Any, x2: Any) -> Layer | None:
        if isinstance(x1, Symbolic) and isinstance(x2, Symbolic):
            return together() if x1.ndim == x2.ndim and _alike(x1.shape, x2.shape) else None
        first = not isinstance(x1, Symbolic)
        n = x1 if first else x2
        return with_number(float(n), first) if isinstance(n, Real) and not isinstance(n, bool) else None

    return make


def _alike(a: Any, b: Any) -> bool:
    """Whether no axis of one has to be repeated for the other."""
    return all(None in (n, m) or n == m for n, m in zip(a, b))


def _power(x1: Any, x2: Any) -> Layer | None:
    if not isinstance(x2, Real):
        return None
    return Activation(ops.square if x2 == 2 else lambda z: ops.power(z, p=x2))


def _entrywise(function: Callable[..., Any]) -> Any:
    """A function of every entry or row, whose numbers may be given by Keras' names for them."""
    known = inspect.signature(function).parameters if inspect.isfunction(function) else {}
    rowwise = function in (ops.softmax, activations.log_softmax, activations.sparsemax, activations.glu)

    def make(x: Any, axis: int = -1, **numbers: Any) -> Layer | None:
        if "alpha" in numbers and "negative_slope" in known:  # as TensorFlow calls it
            numbers["negative_slope"] = numbers.pop("alpha")
        if (axis not in (-1, x.ndim - 1) and rowwise) or not set(numbers) <= set(known):
            return None
        numbers = {name: value for name, value in numbers.items() if value != known[name].default}
        return Activation(functools.partial(function, **numbers) if numbers else function)

    return make


def _inverse(n: float) -> Any:
    return lambda z: ops.inverse(z, q=n)


def _gelu(x: Any, approximate: bool = True) -> Layer | None:
    near = lambda z: z * (ops.tanh((z + ops.power(z, p=3) * 0.044715) * math.sqrt(2 / math.pi)) + 1) / 2
    return Activation(near if approximate else "gelu")


MAKERS: dict[str, Callable[..., Layer | None]] = {
    name: _entrywise(function) for name, function in activations.KNOWN.names.items()
} | {
    name: _entrywise(function)
    for name, function in {
        "exp": ops.exp, "log": ops.log, "sqrt": ops.sqrt, "sin": ops.sin, "cos": ops.cos, "absolute": ops.absolute,
        "square": ops.square, "negative": ops.negative,
    }.items()
} | {
    "gelu": _gelu,
    "get_item": _item, "expand_dims": _expanded, "squeeze": _squeezed, "reshape": _reshaped, "transpose": _turned,
    "flip": _flipped, "mean": _over_steps(GlobalAveragePooling1D), "max": _over_steps(GlobalMaxPooling1D),
    "sum": _over_steps(GlobalSum), "power": _power,
    "concatenate": lambda xs, axis=-1: Concatenate(axis),
    "clip": lambda x, x_min, x_max: Activation(lambda z: ops.clip(z, low=float(x_min), high=float(x_max))),
    "add": _of_two(Add, lambda n, _: Rescaling(1.0, n)),
    "subtract": _of_two(Subtract, lambda n, first: Rescaling(-1.0, n) if first else Rescaling(1.0, -n)),
    "multiply": _of_two(Multiply, lambda n, _: Rescaling(n)),
    "true_divide": _of_two(Divide, lambda n, first: Activation(_inverse(n)) if first else Rescaling(1 / n)),
    "maximum": _of_two(Maximum, lambda n, _: Activation(lambda z: ops.relu(z - n) + n if n else ops.relu(z))),
    "minimum": _of_two(Minimum, lambda n, _: Activation(lambda z: n - ops.relu(n - z))),
}  # fmt: skip


def operate(name: str, *args: Any, **options: Any) -> Symbolic:
    """The placeholder that an operation makes of others: by a layer that does the same, else as it is done with arrays.

    NotImplementedError names one that there is not.
    """
    return operation(name, args, options)


def operation(name: str, args: tuple[Any, ...], options: dict[str, Any], follow: bool = True) -> Symbolic:
    """The same; without `follow` by a layer alone."""
    name = OTHER_NAMES.get(name := name.removesuffix("_v2"), name)
    layer, stands = _by_layer(name, args, options) or (_followed(name, args, options) if follow else _refuse(name, options))
    called = tuple(value for key, value in stands.items() if key in CALLED)
    layer.operation = Operation(name, called, {key: value for key, value in stands.items() if key not in CALLED})
    layer.supports_masking = False  # as Keras' operations
    operands: list[Any] = []
    taken_out((args, options), lambda x: isinstance(x, Symbolic), operands)
    return layer(operands if layer.takes_many else operands[0])


Made = tuple[Layer, dict[str, Any]]  # a layer, and the arguments by name, with `Operand` in the place of placeholders


def _by_layer(name: str, args: tuple[Any, ...], given: dict[str, Any]) -> Made | None:
    make = MAKERS.get(name)
    options = {OTHER_ARGUMENTS.get(key, key): value for key, value in given.items() if value is not None}
    options.pop("initial", None)  # of a maximum, which Keras describes
    if make is None:
        return None
    named = dict(zip(inspect.signature(make).parameters, args)) | options
    try:
        layer = make(**named)
    except TypeError:  # it has other arguments
        return None
    return None if layer is None else (layer, {key: _without_operands(value) for key, value in named.items()})


def _followed(name: str, args: tuple[Any, ...], given: dict[str, Any]) -> Made:
    function = None if name.startswith("_") else backend.named(name)
    if function is None or name in COMPARED:
        _refuse(name, given)
    options = {key: value for key, value in given.items() if key != "name" and value is not None}
    arrays: list[Any] = []
    form = taken_out((args, options), lambda x: isinstance(x, Symbolic), arrays)
    known = [] if isinstance(function, np.ufunc) else [*inspect.signature(function).parameters]
    several = sum(isinstance(value, Symbolic) for value in args) > 1
    named: dict[str, Any] = {}
    for k, value in enumerate(args):
        if isinstance(value, (list, tuple)) and any(isinstance(x, Symbolic) for x in value):
            named["xs"] = value
        elif isinstance(value, Symbolic) or k >= len(known):
            named[f"x{len(named) + 1}" if several or k else "x"] = value
        else:
            named[known[k]] = value
    return Operated(function, form), {key: _without_operands(value) for key, value in (named | options).items()}


def _refuse(name: str, given: dict[str, Any]) -> NoReturn:
    if name in COMPARED:
        raise NotImplementedError(
            f"{name} of a placeholder is true or false, not a number that is differentiated: compare where you choose, "
            "Lambda(lambda x: ops.where(x > 0, x, 0.0))(x)"
        )
    if name in MAKERS:
        said = ", ".join(f"{key}={plain(value)}" for key, value in given.items())
        raise NotImplementedError(f"the operation {name}({said}) is not one that minirnn has on placeholders")
    like = (near := nearest(name, MAKERS)) and f"; did you mean {near}?"
    raise NotImplementedError(f"there is no {plain(name)} of placeholders{like or ''}")


def _without_operands(value: Any) -> Any:
    if isinstance(value, list):
        return [_without_operands(x) for x in value]
    return Operand if isinstance(value, Symbolic) else value


# ---------------------------------------------------------------- what leads here: Python, NumPy, minirnn, TensorFlow


def _of_primitive(self: Symbolic, op: Any, args: tuple[Any, ...], attrs: dict[str, Any]) -> Symbolic:
    """What an operation of minirnn makes of placeholders; of those that Keras has under another name, or not at all, too."""
    if op.name == "log_softmax":
        args = args[:1]
    if op.name == "clip":
        return operate("clip", *args, attrs["low"], attrs["high"])
    name = {"abs": "absolute", "divide": "true_divide"}.get(op.name, op.name)
    if ops.is_entrywise(op) and len(args) == 1 and (attrs or name not in MAKERS):
        made = Activation(functools.partial(op, **attrs) if attrs else op)
        made.supports_masking = False
        return made(args[0])
    return operate(name, *args, **attrs)


def _of_ufunc(self: Symbolic, ufunc: Any, method: str, *args: Any, **options: Any) -> Any:
    return NotImplemented if method != "__call__" else operate(ufunc.__name__, *args, **options)


def _of_numpy(self: Symbolic, function: Any, types: Any, args: tuple[Any, ...], options: dict[str, Any]) -> Symbolic:
    return operate(function.__name__, *args, **options)


def _operator(name: str, swapped: bool = False) -> Any:
    return lambda a, *b: operate(name, *b, a) if swapped else operate(name, a, *b)


_binary = {
    "add": "add", "sub": "subtract", "mul": "multiply", "truediv": "true_divide", "pow": "power", "matmul": "matmul",
}  # fmt: skip
for _name, _method in (
    {f"__{short}__": _operator(name) for short, name in (_binary | COMPARED_BY).items()}
    | {f"__r{short}__": _operator(name, True) for short, name in _binary.items() if short != "pow"}
    | {"__getitem__": _operator("get_item"), "__neg__": _operator("negative"), "__abs__": _operator("absolute")}
    | {"__array_ufunc__": _of_ufunc, "__array_function__": _of_numpy, "of_primitive": _of_primitive}
).items():
    setattr(Symbolic, _name, _method)


@functools.cache
def listen_to_tensorflow() -> None:
    """Let TensorFlow's functions, if it is loaded, hand placeholders of minirnn on to the operations here."""
    dispatch = sys.modules["tensorflow"].__internal__.dispatch

    class Dispatcher(dispatch.GlobalOpDispatcher):  # type: ignore[name-defined]
        def handle(self, op: Any, args: Any, kwargs: Any) -> Any:
            each = [x for value in (*args, *kwargs.values()) for x in (value if isinstance(value, list) else [value])]
            if not any(isinstance(x, Symbolic) for x in each):
                return self.NOT_SUPPORTED
            name = op.__name__
            floats = name == "cast" and "float" in str(kwargs.get("dtype", args[-1]))
            if name.startswith("convert_to_tensor") or floats:
                return each[0]
            options = {key: value for key, value in kwargs.items() if key not in ("name", "conjugate")}
            operands = [options.pop(key) for key in ("x", "tensor", "a", "features", "input", "values") if key in options]
            return operate(name, *operands, *args, **options)

    Dispatcher().register()


def _listen() -> None:
    if "tensorflow" in sys.modules:
        listen_to_tensorflow()


Listening.begin = staticmethod(_listen)
