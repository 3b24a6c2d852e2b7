"""The operators and methods of a recording array, each given by the function of NumPy that does the same."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from ...engine import ops
from ...engine.graph import Node
from ...engine.sizes import Size
from .. import primitives as P
from ..errors import is_label, refuse
from . import products, reductions, shapes
from .array import Array, fitted, plain, traced
from .dispatch import arrays_in, constant, records, unrecorded, unrecorded_function, untracked
from .elementwise import OPERATIONS
from .indexing import Indices
from .table import FUNCTIONS

OPERATORS: dict[str, Callable[..., Any]] = {
    **OPERATIONS, "matmul": FUNCTIONS[np.matmul], "pow": FUNCTIONS[np.power], "mod": np.remainder,
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
    found = FUNCTIONS.get(original)
    if found is None:
        found = FUNCTIONS[original] = unrecorded_function(original, name or f"np.{getattr(original, '__name__', original)}")
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

    setattr(Array, f"__{name}__", forward)
    if name not in ("gt", "lt", "ge", "le", "eq", "ne"):
        setattr(Array, f"__r{name}__", backward)
        setattr(Array, f"__i{name}__", in_place)


_IN_PLACE = {
    name: getattr(operator, f"i{name}")
    for name in ("add", "sub", "mul", "truediv", "matmul", "pow", "mod", "floordiv", "and", "or")
}


def _method(operation: Callable[..., Any]) -> Callable[..., Any]:
    return lambda self, *args, **options: operation(self, *args, **options)


# ------------------------------------------------------------------------------------------- methods with forms of their own


def _reshape(self: Array, *shape: Any, **options: Any) -> Any:
    return FUNCTIONS[np.reshape](self, shape[0] if len(shape) == 1 else shape, **options)


def _transposed(self: Array, *axes: Any) -> Any:
    given = axes[0] if len(axes) == 1 and not isinstance(axes[0], (int, np.integer)) else axes
    return FUNCTIONS[np.transpose](self, given or None)


def _copy(self: Array, order: str = "C") -> Any:
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


FORMS: dict[str, Callable[..., Any]] = {
    "reshape": _reshape, "transpose": _transposed, "copy": _copy, "flatten": _flatten, "fill": _fill, "item": _item,
    "tolist": _tolist, "view": _view, "sort": _sort, "astype": shapes.astype,
    "conj": lambda self: self, "conjugate": lambda self: self,
    "__round__": _round_number, "__array_ufunc__": _ufunc, "__array_function__": _function,
}  # fmt: skip


# ----------------------------------------------------------------------------------------------------- writing functions


def _copyto(dst: Any, src: Any, casting: Any = "same_kind", where: Any = True) -> None:
    if type(dst) is Array:
        dst.assign(src, where)
    else:
        np.copyto(dst, src, casting, where)


def _fill_diagonal(a: Any, val: Any, wrap: bool = False) -> None:
    if type(a) is not Array or (not traced(val) and a._untouched):
        return np.fill_diagonal(plain(a), plain(val), wrap)
    mask = np.zeros(a.shape, bool)
    np.fill_diagonal(mask, True, wrap)
    a[mask] = val
    return None


def _put(a: Any, ind: Any, v: Any, mode: Any = "raise") -> None:
    if type(a) is not Array or (not traced(v) and a._untouched):
        return np.put(plain(a), plain(ind), plain(v), mode)
    if mode != "raise":
        refuse(f"np.put with mode={mode!r}", "use x[...] = ...")
    a[np.unravel_index(np.asarray(plain(ind)), a.shape)] = v
    return None


def _putmask(a: Any, mask: Any, values: Any) -> None:
    if type(a) is not Array or (not traced([mask, values]) and a._untouched):
        return np.putmask(plain(a), plain(mask), plain(values))
    a.assign(values, mask)
    return None


def _add(a: Array, added: Node, sign: float) -> None:
    node = (ops.add if sign > 0 else ops.subtract)(a.node, added)
    a.assign(Array(node.value, node))


def _add_at(sign: float) -> Callable[..., None]:
    original = np.add.at if sign > 0 else np.subtract.at

    def at(a: Any, indices: Any, b: Any) -> None:
        if type(a) is not Array or (not traced([indices, b]) and a._untouched):
            if traced([indices, b]):
                refuse("a traced value is written into a plain array", "make the array in the function, with np.zeros")
            return original(plain(a), plain(indices), plain(b))
        if traced(indices):
            opened, places = _open_key(a, indices), np.arange(a.size).reshape(a.shape)[plain(indices)]
            if opened is None:
                refuse(*CHOSEN)
            added = P.put_at(fitted(b, places.shape, a.dtype), *opened[1], key=opened[0], dims=a.node.dims)
            _add(a, added, sign)
            return None
        places = np.arange(a.size).reshape(a.shape)[plain(indices)]
        part = fitted(b, places.shape, a.dtype)
        row = ops.reshape(part, dims=(part.value.size,)) if part.ndim != 1 else part
        whole = ops.scattered(row, key=ops.Key((Indices(places.ravel()),)), dims=(Size.of(a.size),))
        whole = ops.reshape(whole, dims=a.shape) if whole.shape != a.shape else whole
        _add(a, whole, sign)
        return None

    return at


# ------------------------------------------------------------------------------------------------- places that are computed


CHOSEN = "an index that depends on a traced value", "pick with np.where, or index with numbers of the data"


def _take(a: Any, indices: Any, axis: Any = None, **options: Any) -> Any:
    """np.take, which is x[indices] along an axis."""
    if options or not traced([a, indices]):
        return unrecorded_function(np.take, "np.take")(a, indices, axis, **options)
    if axis is None:
        return FUNCTIONS[np.ravel](a)[indices]
    return a[(slice(None),) * (axis % a.ndim) + (indices,)]


def _created(original: Any) -> Callable[..., Any]:
    """A new array of plain numbers, whatever its sizes were computed from."""
    return lambda *args, **options: constant(original(*map(_fixed, args), **{k: _fixed(v) for k, v in options.items()}))


def _fixed(x: Any) -> Any:
    """Sizes as plain numbers."""
    if type(x) is Array:
        return x.__index__() if np.ndim(x.data) == 0 and np.asarray(x.data).dtype.kind in "iu" else np.asarray(x)
    return type(x)(map(_fixed, x)) if type(x) in (list, tuple) else x


def _open_key(array: Array, key: Any) -> tuple[ops.Key, list[Node]] | None:
    """A key in which the places that are computed are left open, and their nodes; None if it has no such form."""
    key = key if type(key) is tuple else (key,)
    nodes: list[Node] = []
    places: list[Any] = []
    axes = 0
    for k in key:
        axes += k.ndim if isinstance(k, (Array, np.ndarray)) and k.dtype == bool else 1
        if type(k) is Array and k.traced:
            if k.node.dtype.kind not in "iub" or k.node.op is unrecorded:
                return None
            nodes.append(k.node)
            places.append(None)
        elif k is None or k is Ellipsis or traced(k) or (type(k) is slice and traced([k.start, k.stop, k.step])):
            return None
        else:
            places.append(k if type(k) in (int, slice) else Indices(plain(k)))
    return ops.Key([*places, *[slice(None)] * (array.ndim - axes)]), nodes


def _untracked_at(value: Any, *parts: Any) -> Array:
    live = [x.node for x in arrays_in(list(parts), []) if x.traced]
    return Array(value, untracked(live, value, *CHOSEN))


def entry_at(array: Array, key: Any, index: Array) -> Any:
    """x[i], where i is a place that is computed, such as that of the largest entry, or a condition."""
    value = array.data[plain(key)]
    found = _open_key(array, key)
    if found is None:
        return _untracked_at(value, array, key)
    return Array(value, P.entry_at(array.node, *found[1], key=found[0]))


def assign_at(array: Array, key: Any, value: Any, index: Array) -> None:
    """x[i] = v, where i is a place that is computed, or a condition."""
    if type(key) is Array and key.dtype == bool and key.shape == array.shape and np.ndim(plain(value)) == 0:
        array.assign(value, key)
        return
    whole = array.data.copy()
    whole[plain(key)] = plain(value)
    places = np.arange(array.size).reshape(array.shape)[plain(key)]
    found = _open_key(array, key)
    if found is None or np.unique(places).size < places.size:
        array.assign(_untracked_at(whole, array, key, value))
        return
    node = P.update_at(array.node, fitted(value, places.shape, array.dtype), *found[1], key=found[0])
    node.value = whole
    array.assign(Array(whole, node))


def _install() -> None:
    for name, operation in OPERATORS.items():
        _operator(name, operation if operation not in (np.remainder, np.floor_divide) else function(operation))
    for name, original in METHODS.items():
        setattr(Array, name, _method(FUNCTIONS[original]))
    for name, form in FORMS.items():
        setattr(Array, name, form)
    for name, original in {"neg": np.negative, "pos": np.positive, "abs": np.abs, "invert": np.invert}.items():
        setattr(Array, f"__{name}__", _method(FUNCTIONS[original]))
    Array.T = property(_transposed)  # type: ignore[attr-defined]
    Array.real = property(lambda self: self)  # type: ignore[attr-defined]
    FUNCTIONS.update({np.copyto: _copyto, np.fill_diagonal: _fill_diagonal, np.put: _put, np.putmask: _putmask})
    METHODS_OF_NEW: list[Any] = [np.zeros, np.ones, np.empty, np.eye, np.identity, np.arange, np.linspace]
    FUNCTIONS.update({original: _created(original) for original in METHODS_OF_NEW})
    FUNCTIONS[np.take] = _take
    FUNCTIONS.update({"entry at": entry_at, "assign at": assign_at})
    reductions.accumulating()
    for original, ours in list(FUNCTIONS.items()):
        if isinstance(original, np.ufunc):
            for name in ("reduce", "accumulate", "outer", "at", "reduceat"):
                if not hasattr(ours, name):
                    setattr(ours, name, unrecorded_function(getattr(original, name), f"np.{original.__name__}.{name}"))
    FUNCTIONS[np.add].at, FUNCTIONS[np.subtract].at = _add_at(1), _add_at(-1)  # type: ignore[attr-defined]
    FUNCTIONS[np.multiply].outer = FUNCTIONS[np.outer]  # type: ignore[attr-defined]


_install()
__all__ = ["function", "math", "products", "records"]
