"""Operations that only functions of one's own need: piecewise constant functions, and places that are computed.

Nothing flows back through a piecewise constant function: its derivative is 0 almost everywhere.
"""

from __future__ import annotations

from typing import Any

from ..engine import ops
from ..engine.entries import Operand, choice
from ..engine.graph import Node, Primitive
from ..engine.rules import EACH
from ..engine.sizes import Size, Sizes
from . import one_hot, places


def _constant(name: str, text: str, label: str) -> Primitive:
    return Primitive(name, text, (None,), lambda S, x: S.entrywise(name, x), label, rows=(0,), entry=EACH)


rounded = _constant("round", "np.rint({0}.real).astype({0}.dtype)", "round")
floor = _constant("floor", "np.floor({0}.real).astype({0}.dtype)", "⌊ ⌋")
ceiling = _constant("ceil", "np.ceil({0}.real).astype({0}.dtype)", "⌈ ⌉")
truncated = _constant("trunc", "np.trunc({0}.real).astype({0}.dtype)", "trunc")
STEPWISE = {rounded, floor, ceiling, truncated}

negated: Primitive = Primitive(
    "not", "~{0}", (None,), lambda S, c: S.add(S.ones_like(c), S.scale(-1, c)), "not", entry=lambda i, c: choice(c[*i], 0, 1)
)
both: Primitive = Primitive("and", "{0} & {1}", (None, None), lambda S, a, b: S.hadamard(a, b), "and", entry=EACH)

largest: Primitive = Primitive(
    "argmax",
    "np.argmax({0}.real, {axis})",
    (None,),
    lambda S, x, axis: S.no_matrix_form("argmax"),
    "argmax",
    sizes=lambda x, axis: () if axis is None else x.dims[: axis % x.ndim] + x.dims[axis % x.ndim + 1 :],
)


def _down(g: Node) -> Node:
    """The sum of every column, in every entry of it."""
    return ops.expand(ops.sums(g, axis=0, keepdims=True), dims=g.dims)


def _turned(op: Primitive, index: Any, x: Any) -> Any:
    """An entry of the operation on the transpose."""
    assert callable(op.entry)
    return op.entry(index[::-1], Operand(x.dims[::-1], lambda i: x[i[::-1]]))


softmax_down: Primitive = Primitive(
    "softmax_down",  # of every column; the largest entry is taken off first so that exp cannot overflow
    "softmax_down({0})",
    (lambda g, y, x: y * (g - _down(g * y)),),
    lambda S, x: S.entrywise("softmax", x, -2),
    "softmax",
    helper="""def softmax_down(z):
    e = np.exp(z - z.max(0))
    return e / e.sum(0)""",
    entry=lambda i, x: _turned(ops.softmax, i, x),
)
log_softmax_down: Primitive = Primitive(
    "log_softmax_down",  # the log of {1} = softmax_down({0}), computed from {0} so that it never is the log of 0
    "log_softmax_down({0})",
    (lambda g, y, x, p: g - p * _down(g), None),
    lambda S, x, p: S.entrywise("log", p),
    "log",
    helper="""def log_softmax_down(z):
    z = z - z.max(0)
    return z - np.log(np.exp(z).sum(0))""",
    entry=lambda i, x, p: _turned(ops.log_softmax, i, x),
)

decided: Primitive = Primitive(
    "decided",  # {0}, where the test {1} has decided that it is what it is
    "{0}",
    (lambda g, y, x, test: g, None),
    lambda S, x, test: x,
    "=",
)

_PLACES = """
    key, indices = key if isinstance(key, tuple) else (key,), iter(indices)
    indices = [np.asarray(next(indices)) if k is None else k for k in key]
    whole = lambda k: isinstance(k, np.ndarray) and k.dtype != bool
    places = tuple(k.astype(int) if whole(k) else k for k in indices)
"""


def _there(x: Node, *indices: Node, key: Any) -> Sizes:
    """The sizes of what is at the places, in this run."""
    return tuple(map(Size.of, entry_at.compute(x.value, *[i.value for i in indices], key=key).shape))


def _entry_rule(g: Node, y: Node, position: int) -> Node | None:
    return None if position else put_at(g, *y.args[1:], key=y.attrs["key"], dims=y.args[0].dims)


entry_at: Primitive = Primitive(
    "entry_at",  # {0} at places that are computed: each None of the key stands for the next operand
    "entry_at([{*}], np.s_[{key}])",
    _entry_rule,
    lambda S, x, *indices, key: one_hot.entry(S, x, indices, key),
    "[ ]",
    sizes=_there,
    entry=places.entry,
    helper="""def entry_at(operands, key):
    # the first operand at the places that the others say, where the key is None
    x, *indices = operands"""
    + _PLACES
    + "    return x[places]",
)
put_at: Primitive = Primitive(
    "put_at",  # the first operand there, zeros elsewhere
    "put_at([{*}], np.s_[{key}], {dims})",
    lambda g, y, position: None if position else entry_at(g, *y.args[1:], key=y.attrs["key"]),
    lambda S, x, *indices, key, dims: one_hot.placed(S, x, indices, key, dims),
    "[ ]ᵀ",
    sizes=lambda x, *indices, key, dims: dims,
    entry=places.placed,
    helper="""def put_at(operands, key, shape):
    # zeros, with the first operand added at those places
    x, *indices = operands"""
    + _PLACES
    + """    whole = np.zeros(shape, x.dtype)
    np.add.at(whole, places, x)
    return whole""",
)


def _update_rule(g: Node, y: Node, position: int) -> Node | None:
    indices, key = y.args[2:], y.attrs["key"]
    if position == 0:
        return cleared_at(g, *indices, key=key)
    return entry_at(g, *indices, key=key) if position == 1 else None


update_at: Primitive = Primitive(
    "update_at",  # the first operand, with the second there
    "update_at([{*}], np.s_[{key}])",
    _update_rule,
    lambda S, x, v, *indices, key: one_hot.updated(S, x, v, indices, key),
    "[ ] =",
    entry=places.updated,
    helper="""def update_at(operands, key):
    # the first operand, with the second at those places
    x, part, *indices = operands"""
    + _PLACES
    + """    whole = x.astype(np.result_type(x, part))
    whole[places] = part
    return whole""",
)
cleared_at: Primitive = Primitive(
    "cleared_at",
    "cleared_at([{*}], np.s_[{key}])",
    lambda g, y, position: None if position else cleared_at(g, *y.args[1:], key=y.attrs["key"]),
    lambda S, x, *indices, key: one_hot.cleared(S, x, indices, key),
    "0",
    entry=places.cleared,
    helper="""def cleared_at(operands, key):
    # the first operand, with 0 at those places
    x, *indices = operands"""
    + _PLACES
    + """    whole = x.copy()
    whole[places] = 0
    return whole""",
)
