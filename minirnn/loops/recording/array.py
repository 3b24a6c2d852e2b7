"""The array that the user's function is given in place of its own: it computes as NumPy does and remembers.

An `Array` is a constant, which nothing traced went into, or holds the node that computed it. Assignment replaces the node;
what was computed before keeps the old one, so history stays right. A view knows its base and looks again when that has
been written into. An array that is filled step by step, ``hs[t] = h``, keeps its parts until it is used as a whole.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ...engine.graph import Node, now
from ...engine.ops import arrays as A
from ...engine.ops import basic as ops
from ..errors import instead_of, refuse
from .indexing import full, key_at, places_of, plain_key, repeated, spelled_out

NUMBER = (int, float)
_WHOLE = (slice(None),) * 32


class More:
    """What an array is beside a node: a constant, filled part by part, or a view that has to look again."""

    __slots__ = ("axes", "background", "called", "constant", "made", "parts", "stale")

    axes: tuple[int, ...]  # along which the parts lie
    background: Array  # what the parts were written over

    def __init__(self) -> None:
        self.constant: Any = None  # the value, while nothing traced has gone into it
        self.made: int | None = None  # the turn in which a constant was made
        self.parts: dict[tuple[int, ...], Node] | None = None
        self.called: tuple[str, int, Any] | None = None
        self.stale = False  # what it is a view of has been written into


class Array:
    """A recording array: `value` is what NumPy has computed. Most are a node and nothing more."""

    __slots__ = ("_base", "_more", "_node", "_views")

    def __init__(self, node: Node | None) -> None:
        self._node: Any = node  # a Node, but for what is constant or not put together yet
        self._more: More | None = None
        self._base: tuple[Array, Any] | None = None  # of a view: what it is a view of, and the key or the function
        self._views: list[Array] | None = None

    # --------------------------------------------------------------------------------------------------- node and value

    @property
    def node(self) -> Node:
        """The node of the present value."""
        more = self._more
        if more is None:
            return self._node
        if more.stale:
            self._look_again(more)
        if more.constant is not None:
            return self._leaf(more)
        if self._node is None:
            self._node = self._put_together(more)
        return self._node

    @property
    def value(self) -> np.ndarray:
        """The present value; of a constant, the memory that it is kept in."""
        return self._more.constant if self._more is not None and self.is_constant else self.node.value

    @property
    def is_constant(self) -> bool:
        more = self._more
        if more is None:
            return False
        if more.stale:
            self._look_again(more)
        return more.constant is not None

    def _leaf(self, more: More) -> Node:
        """A node for a constant, made anew if it has been written into since."""
        value = more.constant
        if self._node is None or not np.array_equal(self._node.value, value):
            zero = value.ndim > 0 and value.dtype.kind == "f" and not value.any()
            self._node = A.nought(shape=value.shape, dtype=value.dtype.name) if zero else ops.leaf(np.array(value))
            self._node.step = more.made
            if more.called is not None:
                from ..instrument.recorder import present

                name, call, self._node.step = more.called
                present().names[self._node] = (name, call)
        return self._node

    # ------------------------------------------------------------------------------------------------- views and writing

    def view_of(self, base: Array, view: Any) -> Array:
        """This array, as what ``view(base)`` is, or ``base[view]``: what is written into one is in the other."""
        self._base = base, view
        if base._views is None:
            base._views = [self]
        else:
            base._views.append(self)
        return self

    def _changed(self, place: tuple[int, ...] = ()) -> None:
        """Let the views look again, where one number of the first axis is written the views of others need not."""
        for found in self._views or ():
            view = found._base[1]  # type: ignore[index]
            if len(place) == 1 and type(view) is int and view % self.shape[0] != place[0]:
                continue
            if found._more is None:
                found._more = More()
            if not found._more.stale:
                found._more.stale = True
                found._changed()

    def _look_again(self, more: More) -> None:
        assert self._base is not None
        base, view = self._base
        fresh = view(base) if callable(view) else base[view]
        if base._views and base._views[-1] is fresh:
            base._views.pop()
        more.stale, more.constant = False, fresh.value if fresh.is_constant else None
        self._node = None if fresh.is_constant else fresh.node

    def _put_together(self, more: More) -> Node:
        """The parts, and what they were written over, as one node."""
        background, axes, parts = more.background, more.axes, more.parts
        assert parts is not None
        rows = background.value.flags.c_contiguous  # the order in memory is that in which NumPy adds up
        if rows and len(axes) == 1 and (axis := axes[0]) in A.STACKS and 2 * len(parts) > background.shape[axis]:
            places = range(background.shape[axis])
            nodes = [parts[(k,)] if (k,) in parts else background[key_at(axes, (k,))].node for k in places]
            node = A.numbers(*nodes) if background.ndim == 1 else A.STACKS[axis](*nodes)
            node.value = np.ascontiguousarray(node.value)
            return node
        node = background.node
        for place, part in parts.items():
            node = A.update(node, part, key=full(key_at(axes, place), background.ndim))
        return node

    def _becomes(self, node: Node) -> None:
        """Take a new value in place: what shares the memory sees it too."""
        if self._base is not None:
            base, view = self._base
            if view is itself:
                base._becomes(node)
            elif callable(view):
                refuse("this writes into an array through another view of it", "write into the array itself, or .copy() it")
            else:
                base[view] = Array(node)
            return
        self._node = node
        if self._more is not None:
            self._more.constant = self._more.parts = None
        self._changed()

    def _memory_written(self) -> None:
        """Constants share NumPy's memory; what was put together of it before is not right any more."""
        array = self
        while array._base is not None:
            array = array._base[0]
            if array._more is not None and array._more.parts is not None:
                array._node = None
                array._changed()

    def __setitem__(self, key: Any, value: Any) -> None:
        if _holds_traced(key):
            refuse("an index that depends on a traced value", "pick with np.where, or index with numbers of the data")
        key = plain_key(key)
        if self.is_constant and not traced(value):
            assert self._more is not None
            self._more.constant[key] = value.value if type(value) is Array else value
            self._memory_written()
            return
        if traced(value) and self.dtype.kind != "f":
            refuse(f"a traced value is put into an array of {self.dtype}", "make the array with dtype=float")
        node = fitted(value, np.empty(self.shape, bool)[key].shape, self.dtype)
        places = places_of(key, self.shape)
        more = self._more = self._more or More()
        if self._base is None and places is not None and (more.parts is None or more.axes == places[0]):
            if more.parts is None:
                more.background = Array(self._node) if more.constant is None else memory(more.constant)
                more.parts, more.axes = {}, places[0]
                self._node = more.constant = None
                self._changed()
            more.parts[places[1]] = _laid_out_as(more.background.value[key], node)
            self._node = None
            self._changed(places[1] if places[0] == (0,) else ())
            return
        if repeated(key):
            refuse("an assignment to the same place twice", "assign to each place once")
        if any(k is None for k in key):
            refuse("an assignment through a new axis", "leave None out of the index")
        self._becomes(A.update(self.node, node, key=full(key, self.ndim)))

    def __getitem__(self, key: Any) -> Any:
        more = self._more
        if type(key) is int and (more is None or (more.constant is None and more.parts is None and not more.stale)):
            node = self._node
            value = node.value
            ndim = value.ndim
            found = Array(Node(A.part, (node,), {"key": _key_of_int(key, ndim)}, value[key]))
            if ndim > 1:
                found._base = self, key
                if self._views is None:
                    self._views = [found]
                else:
                    self._views.append(found)
            return found
        if _holds_traced(key):
            refuse("an index that depends on a traced value", "pick with np.where, or index with numbers of the data")
        key = plain_key(key)
        if more is not None and more.parts is not None:
            places = places_of(key, self.shape)
            if places is not None and places[0] == more.axes:
                part = more.parts.get(places[1])
                found = self._background_at(key) if part is None else Array(part)
                return found.view_of(self, _only(key)) if found.ndim else found
        if self.is_constant:
            found = self._of_constant(key, self.value)
            return found.view_of(self, _only(key)) if found.ndim and _basic(key) else found
        node = self.node
        if any(k is None for k in key):
            found = self[tuple(k for k in spelled_out(key, self.ndim) if k is not None)]
            return Array(A.reshape(found.node, shape=node.value[key].shape)).view_of(self, key)
        found = Array(A.part(node, key=full(key, self.ndim)))
        return found.view_of(self, key) if found.ndim and _basic(key) else found

    def _background_at(self, key: Any) -> Array:
        assert self._more is not None
        background: Array = self._more.background
        return self._of_constant(key, background.value) if background.is_constant else Array(background[key].node)

    def _of_constant(self, key: Any, value: np.ndarray) -> Array:
        """A part of a constant: NumPy's own view of the memory. Zeros are what a variable begins with, all else is data."""
        found = memory(value[key])
        more = self._more
        if found.ndim and more is not None and more.called is not None and found._more is not None:
            name, call, turn = more.called
            found._more.called = (name, call, now.step if found._more.constant.any() else turn)
        return found

    def _in_place(self, result: Array) -> Array:
        """``a += b``: a number is another number then, an array is written into."""
        if not self.shape and not isinstance(self.value, np.ndarray):
            return result
        if result.shape != self.shape:
            raise ValueError(f"an array of shape {self.shape} cannot take one of shape {result.shape} in place")
        if self.is_constant and result.is_constant:
            self[...] = result
            return self
        self._becomes(fitted(result, self.shape, self.dtype))
        return self

    # -------------------------------------------------------------------------------------------------- what NumPy has too

    @property
    def shape(self) -> tuple[int, ...]:
        more = self._more
        return more.background.shape if more is not None and more.parts is not None else self.value.shape

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def dtype(self) -> np.dtype:
        more = self._more
        return more.background.dtype if more is not None and more.parts is not None else self.value.dtype

    @property
    def size(self) -> int:
        return int(np.prod(self.shape, dtype=int))

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("len() of unsized object")
        return self.shape[0]

    def __iter__(self) -> Iterator[Any]:
        for i in range(len(self)):
            yield self[i]

    __hash__ = None  # type: ignore[assignment]
    __class__ = property(lambda self: np.ndarray)  # many a loop asks isinstance(x, np.ndarray)

    def __repr__(self) -> str:
        return repr(self.value)

    def __str__(self) -> str:
        return str(self.value)

    def __format__(self, spec: str) -> str:
        return format(self.value if self.shape else self.value[()], spec)

    def __copy__(self) -> Array:
        return Array(self.node)

    def __deepcopy__(self, memo: Any) -> Array:
        return Array(self.node)

    def __reduce_ex__(self, protocol: Any) -> Any:
        return refuse("this saves a traced value", "save it after the trace")

    def numpy(self) -> Array:
        """TensorFlow's way to print an array."""
        return self

    def __getattr__(self, name: str) -> Any:
        if not name.startswith("__") and hasattr(np.ndarray, name):
            refuse(f"minirnn does not record ndarray.{name}", instead_of(name))
        raise AttributeError(f"'numpy.ndarray' object has no attribute {name!r}")


def itself(x: Array) -> Array:
    """The view of the whole."""
    return x


def _a_number(kind: Callable[[Any], Any], said: str) -> Callable[[Array], Any]:
    def convert(self: Array) -> Any:
        if not self.is_constant:
            refuse(f"{said} a traced value", CURES.get(said, "keep it an array"))
        return kind(self.value)

    return convert


CURES = {
    "a branch on": "choose with np.where(condition, a, b)",
    "float() of": "leave float() out: a number of NumPy is one already",
    "int() of": "round or choose after the trace, not in it",
    "a plain array made of": "make what takes it with np.zeros in the function, and write a @ b rather than a.dot(b)",
    "an index made of": "index and count with numbers of the data",
    ".item() of": "leave .item() out",
    ".tolist() of": "keep it an array",
}
_CONVERSIONS: list[tuple[str, Callable[[Any], Any], str]] = [
    ("__bool__", bool, "a branch on"),
    ("__float__", float, "float() of"),
    ("__complex__", complex, "complex() of"),
    ("__int__", int, "int() of"),
    ("__index__", lambda v: v.__index__(), "an index made of"),
    ("item", lambda v: v.item(), ".item() of"),
    ("tolist", lambda v: v.tolist(), ".tolist() of"),
]
for _name, _kind, _said in _CONVERSIONS:
    setattr(Array, _name, _a_number(_kind, _said))


def _plain(self: Array, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
    if not self.is_constant:
        refuse("a plain array made of a traced value", CURES["a plain array made of"])
    return np.array(self.value, dtype=dtype)


Array.__array__ = _plain  # type: ignore[attr-defined]


@functools.lru_cache(maxsize=4096)
def _key_of_int(key: int, ndim: int) -> A.Key:
    return A.Key((key, *_WHOLE[: ndim - 1]))


def _only(key: tuple[Any, ...]) -> Any:
    return key[0] if len(key) == 1 and type(key[0]) is int else key


def _basic(key: tuple[Any, ...]) -> bool:
    """Whether NumPy gives a view: not of index arrays."""
    return not any(isinstance(k, np.ndarray) for k in key)


def traced(x: Any) -> bool:
    """Whether something traced is in `x`, an array or a list of them."""
    if type(x) is Array:
        return not x.is_constant
    return type(x) in (list, tuple) and any(map(traced, x))


def _holds_traced(key: Any) -> bool:
    if type(key) is tuple:
        return any(map(_holds_traced, key))
    if type(key) is slice:
        return any(map(_holds_traced, (key.start, key.stop, key.step)))
    return type(key) is not int and traced(key)


# ------------------------------------------------------------------------------------------------- operands of operations


def node_of(x: Any) -> Node:
    """The node of an operand; a plain array or number is a constant."""
    return x.node if type(x) is Array else constant(x).node


def constant(value: Any) -> Array:
    """An array that nothing traced went into."""
    return memory(np.asarray(value) if not isinstance(value, np.generic) else value)


def memory(value: Any) -> Array:
    """A constant that is kept in `value` itself: what is written into one is in the other."""
    found = Array(None)
    found._more = more = More()
    more.constant, more.made = value, now.step
    return found


def fitted(x: Any, shape: tuple[int, ...], dtype: Any) -> Node:
    """The operand broadcast to `shape`, in `dtype`."""
    if type(x) in NUMBER:
        node = ops.leaf(np.asarray(x, dtype))
    else:
        if type(x) in (list, tuple):
            from .functions import array

            x = array(x)
        node = node_of(x)
    if node.dtype != dtype:
        node = A.cast(node, dtype=np.dtype(dtype).name)
    return broadcast(node, shape)


def _laid_out_as(memory: np.ndarray, node: Node) -> Node:
    """`node` in the order that it has in `memory`: sums of many numbers depend on it in their last bits."""
    value = node.value
    if value.ndim and (0 in value.strides or _order(value) != _order(memory)):
        node = ops.same(node)
        node.value = np.empty_like(memory)
        node.value[...] = value
    return node


def _order(x: np.ndarray) -> list[int]:
    return sorted((i for i, n in enumerate(x.shape) if n > 1), key=lambda i: -x.strides[i])


def broadcast(node: Node, shape: tuple[int, ...]) -> Node:
    """`node` repeated to `shape`: a row over rows by `spread`, all else by `expand`."""
    if node.shape == shape:
        return node
    if node.ndim > len(shape):  # NumPy drops leading axes of length 1 on assignment
        node = A.reshape(node, shape=node.shape[node.ndim - len(shape) :])
        return broadcast(node, shape)
    return A.expand(node, shape=shape)
