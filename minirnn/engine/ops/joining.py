"""Arrays put together along an axis, and the equal pieces that they are taken apart into again."""

from __future__ import annotations

import functools
import operator
from collections.abc import Sequence
from typing import Any

from .. import entries
from ..graph import Node, Primitive
from ..sizes import Size, Sizes
from .leaves import zeros
from .parts import full_key, part, taken
from .shapes import reshape, reverse


def over_time(xs: Sequence[Node]) -> Size:
    """How many operands there are: T, where they are the steps of the whole sequence."""
    steps = [x.step for x in xs]
    every = steps == list(range(1, len(xs) + 1)) or steps == list(range(len(xs), 0, -1))
    return Size.of("T" if every else len(xs), len(xs))


def _stacked(*xs: Node, axis: int = 1, size: Any = None) -> dict[str, Any]:
    return {"axis": axis, "size": over_time(xs) if size is None else size}


def _stack_rule(g: Node, y: Node, position: int) -> Node:
    axis, first, last, here, n = y.attrs["axis"], y.args[0].step, y.args[-1].step, y.args[position].step, len(y.args)
    if first is not None and here == first + position and last == first + n - 1:
        return taken(g, t=position + 1, axis=axis)
    if first is not None and here == first - position and last == first - n + 1:  # the last step first
        size = Size.of("T" if last == 1 else n, n)
        return taken(reverse(g, axis=axis, size=size), t=n - position, axis=axis)
    return part(g, key=full_key(g.ndim, axis, position))


stack: Primitive = Primitive(
    "stack",  # along a new axis
    "np.stack([{*}], axis={axis})",
    _stack_rule,
    lambda S, *xs, axis, size: S.stacked(xs, axis),
    "stack",
    sizes=lambda *xs, axis, size: (*xs[0].dims[:axis], Size.of(size), *xs[0].dims[axis:]),
    defaults=_stacked,
    entry="stacked",
)


def _join_rule(g: Node, y: Node, position: int) -> Node:
    axis, x = y.attrs["axis"], y.args[position]
    if axis == -1 and not Size.of(y.attrs["size"]).is_number:
        return piece(g, t=position + 1, width=x.dims[-1])
    if x.step == position + 1 and all(arg.shape[axis] == 1 for arg in y.args):  # the column of a step
        return reshape(taken(g, t=position + 1, axis=axis % g.ndim), dims=x.dims)
    if axis % g.ndim == 0 and [arg.step for arg in y.args] == list(range(1, len(y.args) + 1)) and _one_shape(y.args):
        return taken(reshape(g, dims=(over_time(y.args), *x.dims)), t=position + 1, axis=0)  # the rows of a step
    ends = [Size.of(0)]
    for before in y.args[: position + 1]:
        ends.append(ends[-1] + before.dims[axis])
    return part(g, key=full_key(g.ndim, axis, slice(*ends[-2:])))


def _one_shape(nodes: Sequence[Node]) -> bool:
    return len({node.shape for node in nodes}) == 1


def _joined(*xs: Node, axis: int, size: Size) -> Sizes:
    whole = list(xs[0].dims)
    lengths = [x.dims[axis] for x in xs]
    whole[axis] = Size.of(size) * lengths[0] if len(set(lengths)) == 1 else functools.reduce(operator.add, lengths)
    return tuple(whole)


join: Primitive = Primitive(
    "join",  # one after the other along an axis, counted from the last
    "np.concatenate([{*}], axis={axis})",
    _join_rule,
    lambda S, *xs, axis, size: S.joined_along(xs, axis),
    "concat",
    sizes=_joined,
    defaults=lambda *xs, axis=-1, size=None: {"axis": axis, "size": Size.of(len(xs)) if size is None else size},
    entry="joined",
)


def take(x: Node, t: int, axis: int = 1) -> Node:
    """Step t (from 1) of a sequence (N, T, ...); of a stack, the very node that was stacked."""
    if x.op is stack and x.attrs["axis"] == axis:
        return x.args[t - 1]
    step = Node(taken, (x,), {"t": t, "axis": axis}, x.value[(*(slice(None),) * axis, t - 1)])  # there is one at every step
    step._dims = x.dims[:axis] + x.dims[axis + 1 :]
    return step


piece: Primitive = Primitive(
    "piece",  # the t-th of the equal pieces of the columns, of steps that stand side by side
    "{0}[:, ({t} - 1) * {width} : {t} * {width}]",
    (lambda g, y, x, t, width: _among_zeros(g, t - 1, x.dims[-1].n // width.n),),
    lambda S, x, t, width: S.piece(x, width, t),
    "piece t",
    sizes=lambda x, t, width: (*x.dims[:-1], Size.of(width)),
    entry=lambda i, x, t, width: x[*i[:-1], (t - 1) * entries.expr(width) + i[-1]],
)
repeated: Primitive = Primitive(
    "repeated",  # the same at step t, of steps that are counted by themselves
    "{0}",
    (lambda g, y, x, t: g,),
    lambda S, x, t: x,
    "=",
    entry=lambda i, x, t: x[*i],
)
block: Primitive = Primitive(
    "block",  # the k-th, from 0, of so many equal parts of the columns: a gate of a fused kernel
    "np.split({0}, {parts}, axis=-1)[{k}]",
    (lambda g, y, x, k, parts: _among_zeros(g, k, parts),),
    lambda S, x, k, parts: S.block(x, k, parts),
    "block",
    rows=(0,),
    sizes=lambda x, k, parts: (*x.dims[:-1], x.dims[-1].over(parts)),
    entry=lambda i, x, k, parts: x[*i[:-1], i[-1] + entries.expr(k * i.dims[-1])],
)


def _among_zeros(g: Node, k: int, parts: int) -> Node:
    return join(*[g if j == k else zeros(g) for j in range(parts)], size=Size.of(parts))


nth: Primitive = Primitive(
    "nth",  # the k-th, from 0, of so many parts along the first axis: one of the two biases of a GRU, or of the matrices
    "{0}[{k}]",  # of a Conv1D
    (lambda g, y, x, k, parts: stack(*[g if j == k else zeros(g) for j in range(parts)], axis=0, size=x.dims[0]),),
    lambda S, x, k, parts: S.nth(x, k, parts),
    "[{k}]",
    sizes=lambda x, k, parts: x.dims[1:],
    entry=lambda i, x, k, parts: x[k, *i],
)


def split(x: Node, parts: int, axis: int = -1) -> list[Node]:
    """The columns of x in so many equal parts: ``i, f, g, o = split(x @ W + h @ U, 4)``. ValueError if they do not fit.

    >>> from minirnn.ops import leaf
    >>> i, f = split(leaf([[1.0, 2.0, 3.0, 4.0]]), 2)
    >>> f.value
    array([[3., 4.]])
    """
    if axis not in (-1, x.ndim - 1):
        raise ValueError(f"split takes columns, the last axis of {x.shape}, not axis {axis}")
    if parts < 1 or x.shape[-1] % parts:
        raise ValueError(f"{x.shape[-1]} columns cannot be split into {parts} equal parts")
    return [block(x, k=k, parts=parts) for k in range(parts)]
