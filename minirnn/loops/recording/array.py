"""The array that the user's function is given in place of its own: NumPy computes with it, and the graph remembers.

How its memory, its views and its node hang together is written down in `minirnn.loops.recording.memory`.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ...engine import ops
from ...engine.graph import Node, next_serial, now
from ...engine.sizes import Size
from ..errors import reach, refuse
from ..present import present
from .constants import constant_node
from .indexing import basic, full, places_of, plain_key, spelled_out
from .memory import SAME, Memory, Part, Positions, View, background_at, gathered, key_at, place_in, put_together
from .table import FUNCTIONS, call

NUMBER = (int, float)
_WHOLE = (slice(None),) * 32
_ROWS: dict[tuple[int, int], Part] = {}  # by place and the number of further axes


class Array:
    """A recording array, or number: `data` is what NumPy has computed."""

    __slots__ = ("_called", "_leaf", "_made", "_memory", "_node", "_parent", "_seen", "_view", "data")

    _leaf: Node | None
    _node: Node | None
    _parent: Array | None  # what this is a view of, and how; there is one where there is a memory
    _view: View

    def __init__(self, data: Any, node: Node | None = None) -> None:
        self.data = data
        self._node = node  # None: constant, or not put together yet
        self._memory: Memory | None = None  # None: nothing shares this memory

    # --------------------------------------------------------------------------------------------------- node and value

    @property
    def node(self) -> Node:
        """The node of the present value."""
        memory = self._memory
        if memory is not None and self._seen != memory.version:
            self._refresh(memory)
        node = self._node
        if node is None:
            if memory is None or memory.parts is None or memory.root is not self:
                return self._constant()
            self._node = node = put_together(memory)
            memory.shared.append(node)
        return node

    @property
    def traced(self) -> bool:
        """Whether it depends on what the function was given."""
        memory = self._memory
        if memory is not None:
            if self._seen != memory.version:
                self._refresh(memory)
            if memory.parts is not None and memory.root is self:
                return True
        return self._node is not None

    def _refresh(self, memory: Memory) -> None:
        self._seen = memory.version
        parent, view = self._parent, self._view
        if parent is None:
            return
        place = place_in(memory, view) if parent is memory.root else None
        if place is not None:
            assert memory.parts is not None
            part = memory.parts.get(place)
            constant = part is None and not isinstance(memory.background, Node)
            self._node = None if constant else memory.shaped(part or background_at(memory, place), self.data.shape)
        elif parent.traced:
            whole, since = parent.node, next_serial()
            self._node = view.read(whole, self.data.shape)
            memory.share(self._node, since)
        else:
            self._node = None

    def constant(self, called: Any = None) -> Array:
        """This array, made in the present turn of the present loop and depending on nothing."""
        self._called, self._made, self._leaf = called, now.step, None
        return self

    def _constant(self) -> Node:
        """A node for a constant, made anew if it has been written into since."""
        leaf: Node | None = getattr(self, "_leaf", None)
        if leaf is None or leaf.value.dtype != self.data.dtype or not np.array_equal(leaf.value, self.data):
            leaf = self._leaf = self.leaf_of(self.data)
        return leaf

    def leaf_of(self, value: Any) -> Node:
        """A node for a constant, named as this array is."""
        called = getattr(self, "_called", None)
        node = constant_node(np.array(value), called is not None)
        node.step = getattr(self, "_made", node.step)
        if called is not None:
            name, number, node.step = called
            present().names[node] = (name, number)
        return node

    # ------------------------------------------------------------------------------------------------- views and writing

    def memory(self) -> Memory:
        """What this array shares with its views, made when the first of them is."""
        if self._memory is None:
            self._memory, self._parent, self._view, self._seen = Memory(self), None, SAME, 0
            if self._node is not None:
                self._memory.shared.append(self._node)
        return self._memory

    def sharing(self, data: Any, view: View) -> Array:
        """The array with this `data`, which lies in the memory of this one."""
        memory = self._memory or self.memory()
        found = Array(data)
        found._memory, found._parent, found._view, found._seen = memory, self, view, -1
        return found.constant(self._called_in(data)) if not self.traced else found

    def _called_in(self, data: np.ndarray) -> Any:
        """What a part of a constant is called: zeros are what a variable begins with, all else is data of this turn."""
        called = getattr(self, "_called", None)
        return called and (*called[:2], now.step if data.any() else called[2])

    def written(self, view: View, assign: Callable[[], Node | None]) -> None:
        """Write through a view of this array: ``assign()`` writes into the data and gives the node of the view's content."""
        memory = self.memory()
        if memory.refusal is not None:
            refuse(f"this writes into an array, and {memory.refusal}", "copy it first")
        levels: list[tuple[Array, View]] = [(self, view)]
        while (array := levels[-1][0])._parent is not None:
            levels.append((array._parent, array._view))
        constant = memory.root._node is None and memory.parts is None
        place = self._place(memory, levels[-1][1])
        past = [array.node for array, _ in (levels if place is None else levels[:-1])]
        memory.detach()
        node = assign()
        assert node is not None
        for (array, through), whole in zip(levels, past):
            if isinstance(node.value, np.ndarray) and np.may_share_memory(node.value, memory.root.data):
                memory.shared.append(node)
            array._node = node = through.write(whole, node, array.data)
        root, memory.version = memory.root, memory.version + 1
        if place is None:
            if constant and (called := getattr(root, "_called", None)) is not None:
                FUNCTIONS["renamed"](past[-1], node, called)
            memory.parts = None
            memory.shared.append(node)
        else:
            assert memory.parts is not None
            memory.parts[place] = memory.shaped(node, root.data[key_at(memory.axes, place)].shape)
            root._node = None
        for array, _ in levels:
            array._seen = memory.version

    def _place(self, memory: Memory, view: View) -> tuple[int, ...] | None:
        """The place that is written, where the array that owns the memory is, or can be, filled place by place."""
        places = places_of(view.key, memory.root.data.shape) if type(view) is Part else None
        if places is None or (memory.parts is not None and memory.axes != places[0]):
            return None
        if memory.parts is None:
            root = memory.root
            memory.background = root._node if root._node is not None else root.data.copy()
            memory.parts, memory.axes = {}, places[0]
        return places[1]

    @property
    def _untouched(self) -> bool:
        """Whether nothing traced has gone into the memory."""
        memory = self._memory
        return self._node is None if memory is None else memory.root._node is None and memory.parts is None

    def __setitem__(self, key: Any, value: Any) -> None:
        if (index := traced_in(key)) is not None:
            FUNCTIONS["assign at"](self, key, value, index)
            return
        key = plain_key(key)
        if not traced(value) and self._untouched:
            self.data[key] = plain(value)
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
        return self._part(key, self.data[key])

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
    return type(x) in (list, tuple) and any(map(traced, x))


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
    if type(x) in (list, tuple):
        return type(x)(map(plain, x))
    if type(x) is slice:
        return slice(plain(x.start), plain(x.stop), plain(x.step))
    return {k: plain(v) for k, v in x.items()} if type(x) is dict else x


def node_of(x: Any) -> Node:
    """The node of an operand; a list is an array, a plain array or number is a constant."""
    if type(x) is Array:
        return x.node
    if type(x) in (list, tuple) and traced(x):
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
