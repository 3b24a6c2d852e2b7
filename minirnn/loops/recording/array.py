"""The array that the user's function is given in place of its own: NumPy computes with it, and the graph remembers.

How its memory, its views and its node hang together is written down in `minirnn.loops.recording.memory`.
"""

from __future__ import annotations

import itertools
import operator
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ...engine import ops
from ...engine.graph import Node, next_serial
from ...engine.sizes import Size
from ..errors import reach, refuse
from .held import Held
from .indexing import basic, full, plain_key, spelled_out
from .memory import SAME, Part, Positions, background_at, gathered, place_in
from .table import FUNCTIONS, SEQUENCES, call

NUMBER = (int, float)
_WHOLE = (slice(None),) * 32
_ROWS: dict[tuple[int, int], Part] = {}  # by place and the number of further axes


class Array(Held):
    """A recording array, or number: `data` is what NumPy has computed."""

    __slots__ = ()

    def __setitem__(self, key: Any, value: Any) -> None:
        if (index := traced_in(key)) is not None:
            FUNCTIONS["assign at"](self, key, value, index)
            return
        key = plain_key(key)
        if not traced(value) and self._untouched:
            self.data[key] = plain(value)
            return
        if (two := self._in_two(key)) is not None:
            self[two[0]][two[1]] = value
            return
        if self.data.dtype.kind != "f" and traced(value):
            refuse(f"a traced value is put into an array of {self.data.dtype}", "make the array with dtype=float")
        target = self.data[key]
        node = taken(value, target.shape, self.data.dtype)

        def assign() -> Node:
            self.data[key] = plain(value)
            return node

        if basic(key) and None not in key:
            self.written(Part(spelled_out(key, self.data.ndim)), assign)
        else:
            self.written(Positions(np.arange(self.data.size).reshape(self.data.shape)[key]), assign)

    def assign(self, value: Any, where: Any = True) -> Array:
        """Take `value` in place, where `where` holds: what shares the memory sees it too."""
        if not traced(value) and not traced(where) and self._untouched:
            np.copyto(self.data, plain(value), where=plain(where))
            return self
        node = taken(value, self.data.shape, self.data.dtype)
        if where is not True:
            node = ops.where(taken(where, self.data.shape, np.dtype(bool)), node, self.node)

        def write() -> Node:
            np.copyto(self.data, plain(value), where=plain(where))
            return node

        self.written(SAME, write)
        return self

    def __getitem__(self, key: Any) -> Any:
        if type(key) is int:
            value = self.data[key]
            node, memory, ndim = self._node, self._memory, value.ndim
            if node and (memory is None or (self._seen == memory.version and memory.parts is None)):
                view = _ROWS.get((key, ndim)) or _ROWS.setdefault((key, ndim), Part(ops.Key((key, *_WHOLE[:ndim]))))
                part = Node(ops.part, (node,), {"key": view.key}, value)
                found = Array(value, part)
                if ndim:
                    found._memory = memory = memory or self.memory()
                    found._parent, found._view, found._seen = self, view, memory.version
                    memory.shared.append(part)
                return found
            return self._part((key,), value)
        if (chosen := traced_in(key)) is not None:
            return FUNCTIONS["entry at"](self, key, chosen)
        key = plain_key(key)
        if self._memory is not None and self._memory.parts is not None and (two := self._in_two(key)) is not None:
            return self[two[0]][two[1]]
        return self._part(key, self.data[key])

    def _in_two(self, key: tuple[Any, ...]) -> tuple[Any, Any] | None:
        """``H[t, :D]`` as ``H[t][:D]``, where H is filled row by row: each row is a part that is put together by itself."""
        if type(key[0]) is not int or len(key) == 1 or not basic(key) or None in key:
            return None
        spelled, memory = spelled_out(key, self.data.ndim), self._memory
        filled = memory is not None and memory.parts is not None and memory.root is self
        axes = memory.axes if filled else range(sum(1 for _ in itertools.takewhile(lambda k: type(k) is int, spelled)))  # type: ignore[union-attr]
        n = len(axes)
        outer, rest, sizes = spelled[:n], spelled[n:], self.data.shape[n:]
        if [*axes] != [*range(n)] or not all(type(k) is int for k in outer):
            return None
        if not filled and not all(type(k) is slice for k in rest):
            return None
        whole = all(type(k) is slice and range(size)[k] == range(size) for k, size in zip(rest, sizes))
        return None if whole else (outer, rest)

    def _part(self, key: tuple[Any, ...], value: Any) -> Any:
        if not basic(key):
            if not self.traced:
                return FUNCTIONS["constant"](value)
            if None in [k for k in key if not isinstance(k, np.ndarray)]:
                return Array(value, gathered(self.node, np.arange(self.data.size).reshape(self.data.shape)[key]))
            return Array(value, ops.part(self.node, key=full(key, self.data.ndim)))
        if None in key:
            inner = tuple(k for k in spelled_out(key, self.data.ndim) if k is not None)
            found = self._part(inner, self.data[(*inner, ...)])
            return found.sharing(value, SAME)
        if isinstance(value, np.ndarray):
            return self.sharing(value, Part(spelled_out(key, self.data.ndim)))
        if not self.traced:
            return value
        memory = self._memory
        place = memory and self is memory.root and place_in(memory, Part(spelled_out(key, self.data.ndim)))
        if not place:
            return Array(value, ops.part(self.node, key=full(key, self.data.ndim)))
        part = memory.parts.get(place)  # type: ignore[union-attr]
        constant = part is None and not isinstance(memory.background, Node)  # type: ignore[union-attr]
        return value if constant else Array(value, part or background_at(memory, place))  # type: ignore[arg-type]

    # ------------------------------------------------------------------------------------- as the program sees an array

    shape = property(lambda self: np.shape(self.data))
    ndim = property(lambda self: np.ndim(self.data))
    dtype = property(lambda self: np.asarray(self.data).dtype)
    size = property(lambda self: np.size(self.data))
    nbytes = property(lambda self: self.data.nbytes)
    itemsize = property(lambda self: self.data.itemsize)
    strides = property(lambda self: self.data.strides)
    flags = property(lambda self: self.data.flags)
    base = property(lambda self: None if self.data.base is None else self._parent)
    __class__ = property(lambda self: type(self.data))  # many a loop asks isinstance(x, np.ndarray)

    def __len__(self) -> int:
        return len(self.data)

    def __iter__(self) -> Iterator[Any]:
        iter(self.data)  # NumPy's own error for a number
        for i in range(len(self.data)):
            yield self[i]

    def __hash__(self) -> int:
        return self._plain(hash, "a hash of", "choose with numbers of the data")

    def __repr__(self) -> str:
        return reach("text", repr(self.data), self)

    def __str__(self) -> str:
        return reach("text", str(self.data), self)

    def __format__(self, spec: str) -> str:
        return reach("text", format(self.data, spec), self)

    def __copy__(self) -> Array:
        return call(np.copy, self)

    def __deepcopy__(self, memo: Any) -> Array:
        return call(np.copy, self)

    def __reduce_ex__(self, protocol: Any) -> Any:
        return refuse("this saves a traced value", "save it after the trace")

    def numpy(self) -> Array:
        """TensorFlow's way to print an array."""
        return self

    def _plain(self, kind: Callable[[Any], Any], what: str, cure: str) -> Any:
        if self.traced:
            return reach(what, kind(self.data), self, cure)
        return kind(self.data)

    def __bool__(self) -> bool:
        return self._plain(bool, "a branch on", "choose with np.where(condition, a, b)")

    def __int__(self) -> int:
        return self._plain(int, "int() of", "round or choose after the trace, not in it")

    def __float__(self) -> float:
        return self._plain(float, "float() of", "leave float() out: a number of NumPy is one already")

    def __complex__(self) -> complex:
        return self._plain(complex, "complex() of", "compute with real numbers")

    def __index__(self) -> int:
        return self._plain(operator.index, "an index made of", "index and count with numbers of the data")

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        cure = "make the array that takes it in the function, with np.zeros, and write a @ b rather than a.dot(b)"
        return self._plain(lambda data: np.array(data, dtype=dtype), "a plain array made of", cure)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or not hasattr(self.data, name):
            raise AttributeError(f"'{type(self.data).__name__}' object has no attribute {name!r}")
        found = getattr(self.data, name)
        if not self.traced:
            return found
        if not callable(found):
            return refuse(f"ndarray.{name} of a traced value", "leave it out")
        method = FUNCTIONS["unrecorded"](getattr(type(self.data), name), f"ndarray.{name}")
        return lambda *args, **options: method(self, *args, **options)


def traced(x: Any) -> bool:
    """Whether something traced is in `x`, an array or a list of them."""
    if type(x) is Array:
        return x.traced
    return type(x) in SEQUENCES and any(map(traced, x))


def traced_in(key: Any) -> Array | None:
    """The first traced value in an index."""
    if type(key) is Array:
        return key if key.traced else None
    if type(key) in (tuple, list):
        return next((found for k in key if (found := traced_in(k)) is not None), None)
    if type(key) is slice:
        return traced_in((key.start, key.stop, key.step))
    return None


def plain(x: Any) -> Any:
    """`x` with what NumPy computes with in place of recording arrays."""
    if type(x) is Array:
        return x.data
    if type(x) in SEQUENCES:
        return type(x)(map(plain, x))
    if type(x) is slice:
        return slice(plain(x.start), plain(x.stop), plain(x.step))
    return {k: plain(v) for k, v in x.items()} if type(x) is dict else x


def node_of(x: Any) -> Node:
    """The node of an operand; a list is an array, a plain array or number is a constant."""
    if type(x) is Array:
        return x.node
    if type(x) in SEQUENCES and traced(x):
        return call(np.array, x).node
    return Array(np.asarray(x)).constant().node


def fitted(x: Any, shape: tuple[int, ...], dtype: Any) -> Node:
    """The operand broadcast to `shape`, in `dtype`."""
    if type(x) in NUMBER:
        return ops.full(dims=tuple(map(Size.of, shape)), value=float(x), dtype=np.dtype(dtype).name)
    node = node_of(x)
    if node.dtype != dtype:
        node = ops.cast(node, dtype=np.dtype(dtype).name)
    return broadcast(node, shape)


def taken(x: Any, shape: tuple[int, ...], dtype: Any) -> Node:
    """The same, for what is kept: it stays as it is when `x` is written into."""
    since = next_serial()
    node = fitted(x, shape, dtype)
    if type(x) is Array and isinstance(x.data, np.ndarray):
        x.memory().share(node, since)
    return node


def broadcast(node: Node, shape: tuple[int, ...]) -> Node:
    """`node` repeated to `shape`."""
    if node.shape == shape:
        return node
    if node.ndim > len(shape):  # NumPy drops leading axes of length 1 on assignment
        return broadcast(ops.reshape(node, dims=node.shape[node.ndim - len(shape) :]), shape)
    return ops.expand(node, dims=shape)
