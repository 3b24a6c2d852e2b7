"""The operators and methods of a recording array, each given by the function of NumPy that does the same."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from ...backend import of_arrays
from ...engine import ops
from ...engine.graph import Primitive
from ..errors import is_label, refuse
from . import products, reductions, shapes, writing
from .array import Array, node_of, plain, traced
from .dispatch import constant, records, unrecorded_function, untracked
from .elementwise import OPERATIONS
from .places import assign_at, entry_at, take
from .table import FUNCTIONS, SEQUENCES, UNRECORDED

OPERATORS: dict[str, Callable[..., Any]] = {
    **OPERATIONS, "matmul": FUNCTIONS[np.matmul], "pow": FUNCTIONS[operator.pow], "mod": np.remainder,
    "floordiv": np.floor_divide, "and": FUNCTIONS[np.bitwise_and], "or": FUNCTIONS[np.bitwise_or],
    "ne": FUNCTIONS[np.not_equal],
}  # fmt: skip
METHODS: dict[str, Any] = {
    "sum": np.sum, "mean": np.mean, "max": np.max, "min": np.min, "prod": np.prod, "var": np.var, "std": np.std,
    "clip": np.clip,
    "cumsum": np.cumsum, "cumprod": np.cumprod, "argmax": np.argmax, "argmin": np.argmin, "round": np.round, "ptp": np.ptp,
    "ravel": np.ravel, "squeeze": np.squeeze, "swapaxes": np.swapaxes, "repeat": np.repeat, "take": np.take, "dot": np.dot,
    "diagonal": np.diagonal, "trace": np.trace,
}  # fmt: skip


def function(original: Any, name: str = "") -> Callable[..., Any]:
    """What stands for a function of NumPy."""
    found = FUNCTIONS.get(original) or UNRECORDED.get(original)
    if found is None:
        found = UNRECORDED[original] = unrecorded_function(original, name or f"np.{getattr(original, '__name__', original)}")
    return found


def _operator(name: str, operation: Callable[..., Any]) -> None:
    def forward(self: Array, other: Any) -> Any:
        return NotImplemented if isinstance(other, str) else operation(self, other)

    def backward(self: Array, other: Any) -> Any:
        return NotImplemented if isinstance(other, str) else operation(other, self)

    def in_place(self: Array, other: Any) -> Any:
        if not isinstance(self.data, np.ndarray):  # a number is another number then
            return operation(self, other)
        if not traced(other) and self._untouched:
            self.data = _IN_PLACE[name](self.data, plain(other))
            return self
        found = operation(self, other)
        shape = np.shape(plain(found))
        if shape != self.data.shape:
            raise ValueError(
                f"non-broadcastable output operand with shape {self.data.shape} doesn't match the shape {shape}"
            )
        if not np.can_cast(np.asarray(plain(found)).dtype, self.data.dtype, "same_kind"):
            raise TypeError(f"Cannot cast from {np.asarray(plain(found)).dtype} to {self.data.dtype} in place")
        return self.assign(found)

    setattr(Array, f"__{name}__", operation if name in OPERATIONS else forward)
    if name not in ("gt", "lt", "ge", "le", "eq", "ne"):
        setattr(Array, f"__r{name}__", backward)
        setattr(Array, f"__i{name}__", in_place)


_IN_PLACE = {
    name: getattr(operator, f"i{name}")
    for name in ("add", "sub", "mul", "truediv", "matmul", "pow", "mod", "floordiv", "and", "or")
}


# ------------------------------------------------------------------------------------------- methods with forms of their own


def _reshape(self: Array, *shape: Any, **options: Any) -> Any:
    return FUNCTIONS[np.reshape](self, shape[0] if len(shape) == 1 else shape, **options)


def _transposed(self: Array, *axes: Any) -> Any:
    given = axes[0] if len(axes) == 1 and not isinstance(axes[0], (int, np.integer)) else axes
    return FUNCTIONS[np.transpose](self, given or None)


def _copy(self: Array, order: str = "C") -> Any:
    if not isinstance(self.data, np.ndarray):
        return self  # a number
    return FUNCTIONS[np.copy](self, order=order)


def _flatten(self: Array, order: str = "C") -> Any:
    return FUNCTIONS[np.copy](FUNCTIONS[np.ravel](self, order=order))


def _fill(self: Array, value: Any) -> None:
    self[...] = value


def _item(self: Array, *place: Any) -> Any:
    """One entry, as a number of Python's."""
    if not self.traced or self.dtype.kind != "f":
        return self.data.item(*place) if not self.traced else as_number(self, int)
    return as_number(
        self[np.unravel_index(place[0], self.shape)] if place and self.ndim else self.reshape(()) if self.ndim else self
    )


def as_number(x: Array, kind: Callable[[Any], Any] = float) -> Any:
    """float(x), x.item(): the same number, of Python's own kind."""
    if not x.traced:
        return kind(x.data)
    if np.size(x.data) != 1:
        raise TypeError("only length-1 arrays can be converted to Python scalars")
    if kind is not float and is_label(x.node):
        return Array(kind(x.data), x.node)
    node, number = x.node, kind(x.data.item() if isinstance(x.data, (np.ndarray, np.generic)) else x.data)
    if kind is not float:
        return Array(number, untracked([node], np.asarray(number), f"{kind.__name__}() of a traced value", "leave it out"))
    if node.ndim:
        node = ops.reshape(node, dims=())
        node.value = node.value.copy()
    return Array(number, ops.cast(node, dtype="float64") if node.dtype != np.float64 else node)


def _tolist(self: Array) -> Any:
    if not self.traced:
        return self.data.tolist()
    return [row.tolist() for row in self] if self.ndim else as_number(self)


def _view(self: Array, *args: Any, **options: Any) -> Any:
    if args or options:
        refuse("ndarray.view with another type", "use x.astype")
    return FUNCTIONS[np.asarray](self[...])


def _sort(self: Array, *args: Any, **options: Any) -> Any:
    return refuse("ndarray.sort of a traced array", "use np.take_along_axis with numbers of the data")


def _round_number(self: Array, digits: Any = None) -> Any:
    return FUNCTIONS[np.round](self, digits or 0)


def _ufunc(self: Array, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
    """NumPy's own functions, where the user's code has them from elsewhere, find the way here."""
    call = function(ufunc)
    if method != "__call__":
        call = getattr(call, method, None) or unrecorded_function(getattr(ufunc, method), f"np.{ufunc.__name__}.{method}")
    if type(options.get("out")) is tuple and len(options["out"]) == 1:
        options["out"] = options["out"][0]
    return call(*inputs, **options)


def _function(self: Array, called: Any, types: Any, args: Any, options: Any) -> Any:
    return function(called)(*args, **options)


def _of_primitive(self: Array, op: Any, args: Any, attrs: dict[str, Any]) -> Array:
    """What an operation of minirnn.ops, or a loss, makes of arrays."""

    def as_it_is(*args: Any) -> Array:
        node = op(*map(node_of, args), **attrs)
        return Array(node.value, node)

    return of_arrays(op, args, attrs, as_it_is) if isinstance(op, Primitive) else as_it_is(*args)


FORMS: dict[str, Callable[..., Any]] = {
    "reshape": _reshape, "transpose": _transposed, "copy": _copy, "flatten": _flatten, "fill": _fill, "item": _item,
    "tolist": _tolist, "view": _view, "sort": _sort, "astype": shapes.astype,
    "conj": lambda self: self, "conjugate": lambda self: self,
    "of_primitive": _of_primitive, "__round__": _round_number, "__array_ufunc__": _ufunc, "__array_function__": _function,
}  # fmt: skip


def _created(original: Any) -> Callable[..., Any]:
    """A new array of plain numbers, whatever its sizes were computed from."""
    return lambda *args, **options: constant(original(*map(_fixed, args), **{k: _fixed(v) for k, v in options.items()}))


def _fixed(x: Any) -> Any:
    """Sizes as plain numbers."""
    if type(x) is Array:
        return x.__index__() if np.ndim(x.data) == 0 and np.asarray(x.data).dtype.kind in "iu" else np.asarray(x)
    return type(x)(map(_fixed, x)) if type(x) in SEQUENCES else x


def _install() -> None:
    for name, operation in OPERATORS.items():
        _operator(name, operation if operation not in (np.remainder, np.floor_divide) else function(operation))
    for name, original in METHODS.items():
        setattr(Array, name, FUNCTIONS[original])
    for name, form in FORMS.items():
        setattr(Array, name, form)
    for name, original in {"neg": np.negative, "pos": np.positive, "abs": np.abs, "invert": np.invert}.items():
        setattr(Array, f"__{name}__", FUNCTIONS[original])
    Array.T = property(_transposed)  # type: ignore[attr-defined]
    Array.real = property(lambda self: self)  # type: ignore[attr-defined]
    FUNCTIONS.update(writing.FUNCTIONS_THAT_WRITE)
    METHODS_OF_NEW: list[Any] = [np.zeros, np.ones, np.empty, np.eye, np.identity, np.arange, np.linspace]
    FUNCTIONS.update({original: _created(original) for original in METHODS_OF_NEW})
    FUNCTIONS[np.take] = take
    FUNCTIONS.update({"entry at": entry_at, "assign at": assign_at})
    reductions.accumulating()
    for original, ours in list(FUNCTIONS.items()):
        if isinstance(original, np.ufunc):
            for name in ("reduce", "accumulate", "outer", "at", "reduceat"):
                if not hasattr(ours, name):
                    setattr(ours, name, unrecorded_function(getattr(original, name), f"np.{original.__name__}.{name}"))
    FUNCTIONS[np.add].at, FUNCTIONS[np.subtract].at = writing.add_at(1), writing.add_at(-1)  # type: ignore[attr-defined]
    FUNCTIONS[np.multiply].outer = FUNCTIONS[np.outer]  # type: ignore[attr-defined]


_install()
__all__ = ["function", "math", "products", "records"]
