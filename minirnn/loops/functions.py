"""NumPy's functions on recording arrays. Each is found by NumPy's own function; what is not here is refused by name.

Where nothing traced goes in, NumPy itself is asked and the result is a constant.
"""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .. import array_ops as A
from .. import ops
from ..graph import Node, Primitive
from .array import NUMBER, Array, broadcast, constant, itself, memory, node_of, traced
from .refusal import instead_of, refuse

DOUBLE, SINGLE = np.dtype("float64"), np.dtype("float32")
FUNCTIONS: dict[Any, Callable[..., Any]] = {}  # NumPy's function -> ours


def plain(x: Any) -> Any:
    """`x` with NumPy's arrays in place of recording ones; they hold constants."""
    if type(x) is Array:
        return x.value
    if type(x) in (list, tuple):
        return type(x)(map(plain, x))
    return {k: plain(v) for k, v in x.items()} if type(x) is dict else x


def recorded(x: Any) -> Any:
    """What NumPy has made, as a recording array if it is of floating point: it may be written into."""
    if isinstance(x, (np.ndarray, np.floating)) and type(x) is not Array and x.dtype.kind == "f":
        return memory(x)
    return tuple(map(recorded, x)) if type(x) is tuple else x


def stands_for(*originals: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Ours, in place of NumPy's functions `originals`: asked only where something traced goes in."""

    def take(function: Callable[..., Any]) -> Callable[..., Any]:
        FUNCTIONS.update({original: _where_traced(function, original) for original in originals})
        return FUNCTIONS[originals[0]]

    return take


def _where_traced(function: Callable[..., Any], original: Any) -> Callable[..., Any]:
    @functools.wraps(function)
    def call(*args: Any, **options: Any) -> Any:
        if any(map(traced, args)) or (options and any(map(traced, options.values()))):
            return function(*args, **options)
        return _sharing(recorded(original(*map(plain, args), **plain(options))), call, args, options)

    return call


def not_recorded(function: Any, name: str) -> Callable[..., Any]:
    """A function of NumPy that is not recorded: NumPy's own for constants, refused for what is traced."""

    def call(*args: Any, **options: Any) -> Any:
        if any(map(traced, args)) or any(map(traced, options.values())):
            refuse(f"minirnn does not record np.{name}", instead_of(name))
        return _sharing(recorded(function(*map(plain, args), **plain(options))), call, args, options)

    return call


def _sharing(found: Any, function: Callable[..., Any], args: Sequence[Any], options: dict[str, Any]) -> Any:
    """What NumPy has made of constants; a view of the first of them goes on being one when something traced is written."""
    if type(found) is Array and args and type(args[0]) is Array and np.may_share_memory(found.value, args[0].value):
        found.view_of(args[0], lambda base: function(base, *args[1:], **options))
    return found


# ----------------------------------------------------------------------------------------------------------- arithmetic


def pair(a: Any, b: Any) -> tuple[Node, Node]:
    """Two operands in one dtype and one shape, as NumPy brings them there, visibly."""
    numbers = type(a) in NUMBER or type(b) in NUMBER
    if type(a) in NUMBER:
        a = constant(np.asarray(a, node_of(b).dtype))
    elif type(b) in NUMBER:
        b = constant(np.asarray(b, node_of(a).dtype))
    x, y = node_of(a), node_of(b)
    if x.dtype != y.dtype and not numbers:
        dtype = np.result_type(x.dtype, y.dtype)
        x, y = (n if n.dtype == dtype else A.cast(n, dtype=dtype.name) for n in (x, y))
    if x.shape != y.shape:
        if x.ndim == 2 and y.shape == x.shape[1:] and x.value.flags.c_contiguous:  # the result has the order of x in memory
            return x, ops.spread(y, x)
        if y.ndim == 2 and x.shape == y.shape[1:] and y.value.flags.c_contiguous:
            return ops.spread(x, y), y
        shape = np.broadcast_shapes(x.shape, y.shape)
        x, y = broadcast(x, shape), broadcast(y, shape)
    return x, y


def _operation(
    original: Any,
    op: Primitive,
    left: Callable[[Node, Any], Node] | None,
    right: Callable[[Node, Any], Node] | None,
    compute: Callable[[Any, Any], Any],
) -> Callable[[Any, Any], Any]:
    """An operation of two operands; with a number on one side it is an operation of its own."""

    def call(a: Any, b: Any) -> Any:
        if type(b) is Array:
            if type(a) is Array:
                if a._more is None and b._more is None:  # so it is nearly always: this is where a trace spends its time
                    x, y = a._node, b._node
                    p, q = x.value, y.value
                    if (d := p.dtype) is q.dtype and (d is DOUBLE or d is SINGLE) and p.shape == q.shape:
                        return Array(Node(op, (x, y), {}, compute(p, q)))
                elif a.is_constant and b.is_constant:
                    return memory(original(a.value, b.value))
            elif b.is_constant:
                return memory(original(plain(a), b.value)) if not traced(a) else call(_arrayed(a), b)
            elif type(a) in NUMBER and left is not None and b.dtype.kind == "f":
                return Array(left(b.node, a))
        elif a.is_constant:
            return memory(original(a.value, plain(b))) if not traced(b) else call(a, _arrayed(b))
        elif type(b) in NUMBER and right is not None and a.dtype.kind == "f":
            return Array(right(a.node, b))
        x, y = pair(_arrayed(a), _arrayed(b))
        if x.dtype == bool:
            refuse(f"arithmetic with conditions: {op.name}", "use np.where(condition, 1.0, 0.0)")
        return Array(op(x, y))

    def function(a: Any, b: Any, **options: Any) -> Any:
        if options:
            refuse(f"{original.__name__}(..., {next(iter(options))}=...)", "leave this argument out")
        if type(a) is not Array and type(b) is not Array:
            if not traced(a) and not traced(b):
                return recorded(original(a, b))
            a = _arrayed(a)
        return call(a, b)

    FUNCTIONS[original] = function
    return call


def _arrayed(x: Any) -> Any:
    return array(x) if type(x) in (list, tuple) else x


def _comparison(original: Any, op: Primitive) -> Callable[[Any, Any], Any]:
    return _operation(original, op, None, None, original)


add = _operation(np.add, ops.add, lambda x, q: ops.shift(x, q=q), lambda x, q: ops.shift(x, q=q), operator.add)
subtract = _operation(
    np.subtract, ops.subtract, lambda x, q: ops.complement(x, q=q), lambda x, q: ops.shift(x, q=-q), operator.sub
)
multiply = _operation(
    np.multiply, ops.multiply, lambda x, p: ops.scale(x, p=p), lambda x, p: ops.scale(x, p=p), operator.mul
)
divide = _operation(np.divide, ops.divide, lambda x, q: A.inverse(x, q=q), lambda x, p: A.divided(x, p=p), operator.truediv)


def _bounded(op: Primitive) -> Callable[[Node, Any], Node]:
    return lambda x, q: ops.relu(x) if q == 0 and op is A.maximum else op(x, node_of(np.full_like(x.value, q)))


maximum = _operation(np.maximum, A.maximum, _bounded(A.maximum), _bounded(A.maximum), np.maximum)
minimum = _operation(np.minimum, A.minimum, _bounded(A.minimum), _bounded(A.minimum), np.minimum)
greater, less = _comparison(np.greater, A.greater), _comparison(np.less, A.less)
at_least, at_most = _comparison(np.greater_equal, A.at_least), _comparison(np.less_equal, A.at_most)
equal = _comparison(np.equal, A.equal)


@stands_for(np.power, np.float_power)
def power(x: Any, p: Any) -> Any:
    """x ** p for a number p."""
    if type(p) is Array and p.is_constant and not p.shape:
        p = p.value.item()
    if isinstance(p, (np.integer, np.floating)):
        p = p.item()
    if type(p) not in NUMBER or type(x) is not Array:
        refuse("a power that is no plain number", "write np.exp(p * np.log(x))")
    return Array(ops.square(x.node) if p == 2 else A.power(x.node, p=p))


def _entrywise(original: Any, op: Primitive) -> None:
    compute = original

    def call(x: Any, **options: Any) -> Any:
        if type(x) is Array and (x._more is None or not x.is_constant):
            if not options:
                node = x._node if x._more is None else x.node
                return Array(Node(op, (node,), {}, compute(node.value)))
            else:
                refuse(f"np.{original.__name__}(..., {next(iter(options))}=...)", "leave this argument out")
        return call(array(x), **options) if traced(x) else recorded(original(plain(x), **plain(options)))

    FUNCTIONS[original] = call


for _original, _op in [
    (np.tanh, ops.tanh), (np.exp, ops.exp), (np.log, ops.log), (np.sqrt, ops.sqrt), (np.square, ops.square),
    (np.negative, ops.negative), (np.abs, ops.absolute), (np.sin, A.sine), (np.cos, A.cosine),
]:  # fmt: skip
    _entrywise(_original, _op)


@stands_for(np.clip)
def clip(x: Any, a_min: Any = None, a_max: Any = None, out: Any = None) -> Any:
    """np.clip between two numbers; ``out`` may be the array itself."""
    if type(a_min) not in NUMBER or type(a_max) not in NUMBER:
        refuse("np.clip needs two plain numbers", "give both a_min and a_max as numbers")
    found = Array(ops.clip(x.node, low=a_min, high=a_max))
    return found if out is None else out._in_place(found)


@stands_for(np.where)
def where(condition: Any, a: Any = None, b: Any = None) -> Any:
    """np.where(condition, a, b)."""
    if a is None or b is None:
        refuse("np.where with one argument gives places that depend on traced values", "give it what to choose from")
    x, y = (
        pair(_arrayed(a), _arrayed(b))
        if type(a) not in NUMBER or type(b) not in NUMBER
        else map(node_of, (1.0 * a, 1.0 * b))
    )
    c = node_of(condition)
    shape = np.broadcast_shapes(c.shape, x.shape, y.shape)
    return Array(ops.where(*(broadcast(n, shape) for n in (c, x, y))))


# ------------------------------------------------------------------------------------------------------------- products


def _product(original: Any, table: dict[tuple[int, int], Primitive], name: str) -> Callable[[Any, Any], Any]:
    """np.dot or @: of vectors and matrices, and of a stack of rows with a matrix."""
    compute = np.ndarray.dot if table is A.DOTS else operator.matmul
    vectors = {ranks: table[ranks] for ranks in [(1, 1), (1, 2), (2, 1)]}  # there is one way to multiply them

    def call(a: Any, b: Any) -> Any:
        if type(a) is Array and type(b) is Array and a._more is None and b._more is None:
            x, y = a._node, b._node
            p, q = x.value, y.value
            if p.dtype is q.dtype:
                op = vectors.get((p.ndim, q.ndim))
                return general(x, y) if op is None else Array(Node(op, (x, y), {}, compute(p, q)))
        if not traced(a) and not traced(b):
            return recorded(original(plain(a), plain(b)))
        return general(*pair_dtype(node_of(_arrayed(a)), node_of(_arrayed(b))))

    def general(x: Node, y: Node) -> Any:
        ranks = x.value.ndim, y.value.ndim
        if ranks == (2, 2) and (table is A.PRODUCTS or (_blas(x.value) and _blas(y.value))):
            return Array(ops.matmul(x, y))
        if ranks in table:
            if ranks == (3, 3) and x.shape[0] != y.shape[0]:
                refuse(f"{name} of {x.shape} and {y.shape}", "give both as many matrices")
            return Array(table[ranks](x, y))
        return refuse(
            f"{name} of arrays with {ranks[0]} and {ranks[1]} axes", "multiply matrices and vectors, or use np.einsum"
        )

    def function(a: Any, b: Any, **options: Any) -> Any:
        if options:
            refuse(f"{name} with further arguments", "leave them out")
        return call(a, b)

    FUNCTIONS[original] = function
    return call


dot = _product(np.dot, A.DOTS, "np.dot")
matmul = _product(np.matmul, A.PRODUCTS, "@")


def _blas(x: np.ndarray) -> bool:
    """Whether np.dot and @ pass it to BLAS as it is, and so round alike."""
    return x.flags.c_contiguous or x.flags.f_contiguous


@stands_for(np.outer)
def outer(a: Any, b: Any) -> Any:
    """np.outer of two vectors; arrays are flattened as NumPy does."""
    x, y = (ravel(n) if n.ndim != 1 else n for n in (Array(node_of(a)), Array(node_of(b))))
    return Array(A.outer(*pair_dtype(x.node, y.node)))


def pair_dtype(x: Node, y: Node) -> tuple[Node, Node]:
    dtype = np.result_type(x.dtype, y.dtype)
    first, second = (n if n.dtype == dtype else A.cast(n, dtype=dtype.name) for n in (x, y))
    return first, second


@stands_for(np.einsum)
def einsum(spec: str, *operands: Any, **options: Any) -> Any:
    """np.einsum of two operands, every index of one of them in the other or in the result."""
    if len(operands) != 2 or options or "." in spec:
        refuse("np.einsum is recorded for two operands, without further arguments", "take two operands at a time")
    inputs, _, out = spec.replace(" ", "").partition("->")
    left, _, right = inputs.partition(",")
    if "->" not in spec:
        out = "".join(sorted(k for k in {*left, *right} if (left + right).count(k) == 1))
    for mine, others in ((left, right + out), (right, left + out)):
        if len(set(mine)) < len(mine) or not set(mine) <= set(others):
            refuse(f"np.einsum({spec!r}) takes a diagonal or sums over one operand alone", "do that before, with np.sum")
    x, y = pair_dtype(*(node_of(_arrayed(o)) for o in operands))
    sizes = {*zip(left, x.shape), *zip(right, y.shape)}
    if len(sizes) > len({k for k, _ in sizes}):
        refuse(f"np.einsum({spec!r}) repeats an axis of length 1", "give both operands axes of one length")
    return Array(A.einsum(x, y, spec=f"{left},{right}->{out}"))


# ----------------------------------------------------------------------------------------------------------- reductions


def _axes(x: Node, axis: Any) -> tuple[int, ...]:
    """The axes counted from the last."""
    chosen = range(x.ndim) if axis is None else axis if type(axis) is tuple else (axis,)
    return tuple(sorted(int(a) % x.ndim - x.ndim for a in chosen))


def _reduction(original: Any, name: str, whole: Primitive | None, over: Primitive) -> None:
    @stands_for(original)
    def call(x: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = False, **others: Any) -> Any:
        if dtype is not None or out is not None or others:
            refuse(f"np.{name} with dtype, out or further arguments", "give axis and keepdims alone")
        node = node_of(_arrayed(x))
        if node.dtype == bool:
            refuse(f"np.{name} of a condition", "use np.where(condition, 1.0, 0.0)")
        if not node.ndim:
            return Array((whole or ops.sum_all)(node))
        axes = _axes(node, axis)
        if len(axes) == node.ndim and not keepdims and whole is not None:
            return Array(whole(node))
        return Array(over(node, axis=axes, keepdims=bool(keepdims)))


_reduction(np.sum, "sum", ops.sum_all, A.sum_over)
_reduction(np.mean, "mean", ops.mean, A.mean_over)
_reduction(np.max, "max", None, A.max_over)
FUNCTIONS[np.amax] = FUNCTIONS[np.max]

# --------------------------------------------------------------------------------------------------------------- shapes


@stands_for(np.reshape)
def reshape(x: Any, shape: Any = None, *rest: Any, **options: Any) -> Any:
    """np.reshape; the order is that of C."""
    if options.pop("newshape", None) is not None or options or (rest and not all(isinstance(n, int) for n in rest)):
        refuse("np.reshape with further arguments", "give the shape alone")
    wanted = (shape, *rest) if rest else shape
    node = node_of(_arrayed(x))
    result = A.reshape(node, shape=node.value.reshape(plain(wanted)).shape) if node.shape != wanted else node
    found = Array(result)
    return found.view_of(x, lambda base: reshape(base, wanted)) if _is_view(result, node, x) else found


def _is_view(result: Node, node: Node, x: Any) -> bool:
    return type(x) is Array and np.may_share_memory(result.value, node.value)


@stands_for(np.ravel)
def ravel(x: Any) -> Any:
    """np.ravel."""
    return reshape(x, (-1,))


@stands_for(np.transpose)
def transpose(x: Any, axes: Any = None) -> Any:
    """np.transpose."""
    node = node_of(_arrayed(x))
    order = tuple(range(node.ndim))[::-1] if axes is None else tuple(int(a) % node.ndim for a in axes)
    if order == tuple(range(node.ndim)):
        found = Array(node)
        return found.view_of(x, itself) if type(x) is Array else found
    found = Array(ops.transpose(node) if node.ndim == 2 else A.permute(node, axes=order))
    return found.view_of(x, lambda base: transpose(base, axes)) if type(x) is Array else found


@stands_for(np.swapaxes)
def swapaxes(x: Any, axis1: int, axis2: int) -> Any:
    """np.swapaxes."""
    order = list(range(x.ndim))
    order[axis1], order[axis2] = order[axis2], order[axis1]
    return transpose(x, order)


@stands_for(np.squeeze)
def squeeze(x: Any, axis: Any = None) -> Any:
    """np.squeeze."""
    return reshape(x, np.squeeze(x.value, axis).shape)


@stands_for(np.expand_dims)
def expand_dims(x: Any, axis: Any) -> Any:
    """np.expand_dims."""
    return reshape(x, np.expand_dims(x.value, axis).shape)


@stands_for(np.atleast_2d)
def atleast_2d(x: Any) -> Any:
    """np.atleast_2d."""
    return reshape(x, np.atleast_2d(x.value).shape)


@stands_for(np.copy)
def copy(x: Any) -> Any:
    """A copy, which shares nothing."""
    return Array(node_of(_arrayed(x)))


def copied(x: Array) -> Any:
    """x.copy(), which puts the rows one after the other in memory; np.copy keeps their order."""
    if x.is_constant:
        return memory(x.value.copy())
    node = x.node
    if not node.value.flags.c_contiguous:
        node = ops.same(node)
        node.value = node.value.copy()
    return Array(node)


@stands_for(np.broadcast_to)
def broadcast_to(x: Any, shape: Any) -> Any:
    """np.broadcast_to."""
    return Array(broadcast(node_of(x), tuple(plain(shape)) if type(shape) is not int else (shape,)))


# ------------------------------------------------------------------------------------------------------- arrays of arrays


@stands_for(np.array, np.asarray, np.asanyarray, np.ascontiguousarray)
def array(x: Any, dtype: Any = None, copy: Any = None, **options: Any) -> Any:
    """np.array of a traced array, or of a list of traced and other arrays."""
    if type(x) is Array:
        node = x.node
    else:
        parts = [array(part) if type(part) in (list, tuple) else part for part in x]
        nodes = _alike([node_of(part) for part in parts])
        node = A.STACKS[0](*nodes) if nodes[0].ndim else A.numbers(*nodes)
    return astype(Array(node), dtype) if dtype is not None else Array(node)


def _alike(nodes: Sequence[Node]) -> list[Node]:
    dtype = np.result_type(*(n.dtype for n in nodes))
    return [n if n.dtype == dtype else A.cast(n, dtype=dtype.name) for n in nodes]


def astype(x: Any, dtype: Any, **options: Any) -> Any:
    """x.astype(dtype) between types of floating point; a condition becomes 0 and 1."""
    if x.is_constant:
        return _sharing(recorded(x.value.astype(dtype, **options)), astype, (x, dtype), options)
    if np.dtype(dtype).kind != "f":
        refuse(f"a traced value as {np.dtype(dtype)}", "keep it in floating point")
    return Array(A.cast(x.node, dtype=np.dtype(dtype).name) if x.dtype != dtype else x.node)


@stands_for(np.stack)
def stack(arrays: Any, axis: int = 0, **options: Any) -> Any:
    """np.stack along one of the first three axes."""
    nodes = _alike([node_of(_arrayed(x)) for x in arrays])
    place = axis % (nodes[0].ndim + 1)
    if options or place not in A.STACKS:
        refuse(f"np.stack along axis {axis}", "stack along axis 0, 1 or 2")
    return Array(A.STACKS[place](*nodes) if nodes[0].ndim else A.numbers(*nodes))


@stands_for(np.concatenate)
def concatenate(arrays: Any, axis: Any = 0, **options: Any) -> Any:
    """np.concatenate."""
    nodes = _alike([node_of(_arrayed(x)) for x in arrays])
    if options or axis is None or nodes[0].ndim > 3:
        refuse("np.concatenate of flattened or of many axes, or with further arguments", "give arrays and axis alone")
    return Array(A.JOINS[axis % nodes[0].ndim - nodes[0].ndim](*nodes))


def _joining(original: Any, at_least_2d: Callable[[Any], Any], axis: Callable[[int], int]) -> None:
    @stands_for(original)
    def call(arrays: Any) -> Any:
        whole = [at_least_2d(Array(node_of(_arrayed(x)))) for x in arrays]
        return concatenate(whole, axis(whole[0].ndim))


_joining(np.vstack, lambda x: atleast_2d(x), lambda ndim: 0)
_joining(np.hstack, lambda x: x if x.ndim else reshape(x, (1,)), lambda ndim: 0 if ndim == 1 else 1)
_joining(np.column_stack, lambda x: reshape(x, (-1, 1)) if x.ndim < 2 else x, lambda ndim: 1)

# ----------------------------------------------------------------------------------------------------------- new arrays


def _shaped_like(original: Any) -> None:
    def call(x: Any, *args: Any, **options: Any) -> Any:
        template = plain(x)  # only its shape, dtype and order in memory are looked at
        if any(map(traced, args)):
            refuse(f"np.{original.__name__} of a traced value", "multiply np.ones_like by it")
        return recorded(original(template, *map(plain, args), **plain(options)))

    FUNCTIONS[original] = call


for _like in (np.zeros_like, np.ones_like, np.empty_like, np.full_like):
    _shaped_like(_like)


def shape(x: Any) -> tuple[int, ...]:
    """np.shape: a tuple of plain numbers, which may steer the loop."""
    return x.shape if type(x) is Array else np.shape(array(x) if traced(x) else plain(x))


FUNCTIONS[np.shape] = shape
FUNCTIONS[np.ndim] = lambda x: len(shape(x))
FUNCTIONS[np.size] = lambda x, axis=None: math.prod(shape(x)) if axis is None else shape(x)[axis]

# ------------------------------------------------------------------------------------------------- the methods of an array


def _method(function: Callable[..., Any]) -> Callable[..., Any]:
    def call(self: Array, *args: Any, **options: Any) -> Any:
        return function(self, *args, **options)

    return call


def _in_place(operation: Callable[[Any, Any], Any]) -> Callable[[Array, Any], Array]:
    return lambda self, other: self._in_place(operation(self, other))


for _name, _operation_of in {"add": add, "sub": subtract, "mul": multiply, "truediv": divide}.items():
    setattr(Array, f"__{_name}__", _operation_of)
    setattr(Array, f"__r{_name}__", lambda self, other, of=_operation_of: of(other, self))
    setattr(Array, f"__i{_name}__", _in_place(_operation_of))


def _transposed(self: Array, *axes: Any) -> Any:
    given = axes[0] if len(axes) == 1 and (axes[0] is None or not isinstance(axes[0], int)) else axes
    return transpose(self, given or None)


_METHODS: dict[str, Callable[..., Any]] = {
    "__pow__": power, "__gt__": greater, "__lt__": less, "__ge__": at_least, "__le__": at_most, "__eq__": equal,
    "sum": FUNCTIONS[np.sum], "mean": FUNCTIONS[np.mean], "max": FUNCTIONS[np.max], "clip": clip, "reshape": reshape,
    "ravel": ravel, "squeeze": squeeze, "swapaxes": swapaxes, "astype": astype, "copy": lambda x: copied(x),
    "__rmatmul__": lambda self, other: matmul(other, self), "__neg__": FUNCTIONS[np.negative],
    "__abs__": FUNCTIONS[np.abs], "flatten": lambda self: copy(ravel(self)), "transpose": _transposed,
}  # fmt: skip
for _name, _method_of in _METHODS.items():
    setattr(Array, _name, _method(_method_of))
for _name, _value in {"dot": dot, "__matmul__": matmul, "T": property(lambda self: transpose(self))}.items():
    setattr(Array, _name, _value)


def _ufunc(self: Array, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
    """NumPy's own functions, where the user's code has them from elsewhere, find the way here."""
    if "out" in options:
        refuse("a traced value is written into a plain array", "make the array with the np that the function sees")
    if method != "__call__":
        refuse(f"minirnn does not record np.{ufunc.__name__}.{method}", "use the function that NumPy has for it")
    return FUNCTIONS.get(ufunc, not_recorded(ufunc, ufunc.__name__))(*inputs, **options)


def _function(self: Array, function: Any, types: Any, args: Any, options: Any) -> Any:
    return FUNCTIONS.get(function, not_recorded(function, function.__name__))(*args, **options)


for _name, _value in {"__array_ufunc__": _ufunc, "__array_function__": _function}.items():
    setattr(Array, _name, _value)


for _original, _ours in FUNCTIONS.items():
    if isinstance(_original, np.ufunc):
        for _name in ("reduce", "accumulate", "outer", "at"):
            setattr(_ours, _name, not_recorded(getattr(_original, _name), f"{_original.__name__}.{_name}"))
