"""Operations on arrays of any rank, as NumPy has them: what a loop written by hand needs beside `minirnn.ops`.

Broadcasting stays visible: `expand` repeats, `collapse` is its adjoint. A vector is a row where it meets a matrix in an
equation. The same block for each operation: how it is computed, differentiated and typeset.
"""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np

from ..graph import Node, Primitive
from ..sizes import ONE, Size, Sizes
from .basic import matmul, scale, stack, sum_all, take_op, transpose


class Key(tuple):
    """What stands between the brackets of ``x[...]``: as an index, as text, and hashable by its text."""

    __slots__ = ()

    def __repr__(self) -> str:
        return ", ".join(map(_index_text, self)) + ("," if len(self) == 1 and isinstance(self[0], tuple) else "")

    def __hash__(self) -> int:
        return hash(repr(self))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Key) and repr(self) == repr(other)


def _index_text(part: Any) -> str:
    if isinstance(part, slice):
        ends = ["" if end is None else str(end) for end in (part.start, part.stop, part.step)]
        return ":".join(ends[:2] if part.step is None else ends)
    if isinstance(part, np.ndarray):
        return repr(part.tolist())
    return "..." if part is Ellipsis else repr(part)


# ------------------------------------------------------------------------------------------------------ constant arrays

nought: Primitive = Primitive(
    "nought",
    "np.zeros({shape}, {dtype})",
    (),
    lambda S, shape, dtype: S.nought(shape),
    "0",
    sizes=lambda shape, dtype: tuple(map(Size.of, shape)),
)

# ----------------------------------------------------------------------------------------------- numbers beside an array

divided: Primitive = Primitive(
    "divided", "{0} / {p}", (lambda g, y, x, p: divided(g, p=p),), lambda S, x, p: S.scale(S.reciprocal(p), x), "÷ p"
)
inverse: Primitive = Primitive(
    "inverse",
    "{q} / {0}",
    (lambda g, y, x, q: -(g * y / x),),
    lambda S, x, q: S.quotient(S.full_like(q, x), x),
    "{q:g} ÷",
)
power: Primitive = Primitive(
    "power",
    "{0} ** {p}",
    (lambda g, y, x, p: g * scale(power(x, p=p - 1), p=p) if p != 2 else g * scale(x, p=2),),
    lambda S, x, p: S.power_of(x, p),
    "( )ᵖ",
)
cast: Primitive = Primitive(
    "cast", "{0}.astype({dtype})", (lambda g, y, x, dtype: cast(g, dtype=x.dtype.name),), lambda S, x, dtype: x, "dtype"
)

# ---------------------------------------------------------------------------------------------------- entrywise functions

sine: Primitive = Primitive(
    "sine", "np.sin({0})", (lambda g, y, x: g * cosine(x),), lambda S, x: S.entrywise("sin", x), "sin"
)
cosine: Primitive = Primitive(
    "cosine", "np.cos({0})", (lambda g, y, x: -(g * sine(x)),), lambda S, x: S.entrywise("cos", x), "cos"
)


def _larger(S: Any, a: Any, b: Any) -> Any:
    return S.entrywise("positive", S.add(a, S.scale(-1, b)))


def _not_larger(S: Any, a: Any, b: Any) -> Any:
    found = _larger(S, a, b)
    return S.add(S.ones_like(found), S.scale(-1, found))


def _same(S: Any, a: Any, b: Any) -> Any:
    return S.hadamard(_not_larger(S, a, b), _not_larger(S, b, a))


# Comparisons: 1 where they hold, else 0; nothing flows back through them.
greater: Primitive = Primitive("greater", "{0} > {1}", (None, None), lambda S, a, b: _larger(S, a, b), ">")
less: Primitive = Primitive("less", "{0} < {1}", (None, None), lambda S, a, b: _larger(S, b, a), "<")
at_least: Primitive = Primitive("at_least", "{0} >= {1}", (None, None), lambda S, a, b: _not_larger(S, b, a), "≥")
at_most: Primitive = Primitive("at_most", "{0} <= {1}", (None, None), lambda S, a, b: _not_larger(S, a, b), "≤")
equal: Primitive = Primitive("equal", "{0} == {1}", (None, None), lambda S, a, b: _same(S, a, b), "=")


def _choice(S: Any, c: Any, a: Any, b: Any) -> Any:
    return S.add(S.hadamard(c, a), S.hadamard(S.add(S.ones_like(c), S.scale(-1, c)), b))


def _as(g: Node, condition: Node) -> Node:
    """The condition in numbers of the dtype of g."""
    return cast(condition, dtype=g.dtype.name)


maximum: Primitive = Primitive(
    "maximum",  # of equal ones the first is taken
    "np.maximum({0}, {1})",
    (lambda g, y, a, b: g * _as(g, at_least(a, b)), lambda g, y, a, b: g * _as(g, less(a, b))),
    lambda S, a, b: _choice(S, _not_larger(S, b, a), a, b),
    "max",
)
minimum: Primitive = Primitive(
    "minimum",
    "np.minimum({0}, {1})",
    (lambda g, y, a, b: g * _as(g, at_most(a, b)), lambda g, y, a, b: g * _as(g, greater(a, b))),
    lambda S, a, b: _choice(S, _not_larger(S, a, b), a, b),
    "min",
)

# --------------------------------------------------------------------------------------- broadcasting and its adjoint

expand: Primitive = Primitive(
    "expand",
    "np.broadcast_to({0}, {shape})",
    (lambda g, y, x, shape: unexpanded(g, x.shape),),
    lambda S, x, shape: S.repeated(x, shape),
    "· 1",
    sizes=lambda x, shape: tuple(map(Size.of, shape)),
)
collapse: Primitive = Primitive(
    "collapse",
    "{0}.sum({axis}).reshape({shape})",
    (lambda g, y, x, axis, shape: expand(g, shape=x.shape),),
    lambda S, x, axis, shape: S.summed(x, shape),
    "Σ",
    sizes=lambda x, axis, shape: tuple(map(Size.of, shape)),
)


def unexpanded(g: Node, shape: tuple[int, ...]) -> Node:
    """The sum of g over what broadcasting repeated, of the shape that was repeated."""
    if g.shape == shape:
        return g
    lead = len(g.shape) - len(shape)
    axis = (*range(lead), *(lead + i for i, n in enumerate(shape) if n == 1 and g.shape[lead + i] != 1))
    return collapse(g, axis=axis, shape=shape)


# ----------------------------------------------------------------------------------------------------------- reductions


# `axis` is a tuple counted from the last axis: -1 is along a row, -2 down a column.


def _kept(x: Node, axis: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(1 if i - x.ndim in axis else n for i, n in enumerate(x.shape))


def _spread_back(g: Node, x: Node, axis: tuple[int, ...]) -> Node:
    """g, of the shape of a reduction of x over `axis`, as often as it was made of entries of x."""
    kept = _kept(x, axis)
    return expand(reshape(g, shape=kept) if g.shape != kept else g, shape=x.shape)


def _reduced(x: Node, axis: tuple[int, ...], keepdims: bool) -> Sizes:
    kept = [ONE if i - x.ndim in axis else size for i, size in enumerate(x.dims)]
    return tuple([size for i, size in enumerate(kept) if keepdims or i - x.ndim not in axis])


sum_over: Primitive = Primitive(
    "sum_over",
    "np.sum({0}, {axis}, keepdims={keepdims})",
    (lambda g, y, x, axis, keepdims: _spread_back(g, x, axis),),
    lambda S, x, axis, keepdims: S.reduced(x, axis, keepdims, "sum"),
    "Σ",
    sizes=_reduced,
)
mean_over: Primitive = Primitive(
    "mean_over",
    "np.mean({0}, {axis}, keepdims={keepdims})",
    (lambda g, y, x, axis, keepdims: _spread_back(divided(g, p=math.prod(x.shape[i] for i in axis)), x, axis),),
    lambda S, x, axis, keepdims: S.reduced(x, axis, keepdims, "mean"),
    "mean",
    sizes=_reduced,
)
max_over: Primitive = Primitive(
    "max_over",
    "np.max({0}, {axis}, keepdims={keepdims})",
    (lambda g, y, x, axis, keepdims: _spread_back(g, x, axis) * largest_at(x, axis=axis),),
    lambda S, x, axis, keepdims: S.reduced(x, axis, keepdims, "max"),
    "max",
    sizes=_reduced,
)


largest_at: Primitive = Primitive(
    "largest_at",  # 1 at the largest entry, equal shares where several are equal
    "largest_at({0}, {axis})",
    (None,),
    lambda S, x, axis: S.LargestAt(x, *axis),
    "= max",
    helper="""def largest_at(x, axis):
    e = x == np.max(x, axis, keepdims=True)
    return (e / e.sum(axis, keepdims=True)).astype(x.dtype)""",
)

# ------------------------------------------------------------------------------------------------------------- products


def _products(sign: str) -> dict[tuple[int, int], Primitive]:
    """The product of operands of so many axes, by ``@`` or by ``np.dot``: rounding may differ, so both are there."""
    text = "{0} @ {1}" if sign == "@" else "np.dot({0}, {1})"
    made = {
        (1, 1): Primitive(
            f"inner {sign}",
            text,
            (lambda g, y, a, b: expand(g, shape=b.shape) * b, lambda g, y, a, b: expand(g, shape=a.shape) * a),
            lambda S, a, b: S.sum_all(S.hadamard(a, b)),
            sign,
            sizes=lambda a, b: (),
        ),
        (1, 2): Primitive(
            f"row {sign} matrix",
            text,
            (lambda g, y, a, b: row_matrix(g, transpose(b)), lambda g, y, a, b: outer(a, g)),
            lambda S, a, b: S.matmul(a, b),
            sign,
            sizes=lambda a, b: b.dims[1:],
        ),
        (2, 1): Primitive(
            f"matrix {sign} row",  # W x of a vector x is the row x Wᵀ
            text,
            (lambda g, y, a, b: outer(g, b), lambda g, y, a, b: row_matrix(g, a)),
            lambda S, a, b: S.matmul(b, S.transpose(a)),
            sign,
            sizes=lambda a, b: a.dims[:1],
        ),
        (2, 2): Primitive(
            f"matrix {sign} matrix",
            text,
            (lambda g, y, a, b: g @ transpose(b), lambda g, y, a, b: transpose(a) @ g),
            lambda S, a, b: S.matmul(a, b),
            sign,
            sizes=lambda a, b: (a.dims[0], b.dims[1]),
        ),
    }
    for rank in (3, 4):
        made[rank, 2] = Primitive(
            f"{rank} {sign} matrix",
            text,
            (lambda g, y, a, b: stacked_matrix(g, transpose(b)), lambda g, y, a, b: transpose(_flat(a)) @ _flat(g)),
            lambda S, a, b: S.no_matrix_form("a product of more than two axes"),
            sign,
            sizes=lambda a, b: (*a.dims[:-1], b.dims[1]),
        )
    if sign == "@":
        made[3, 3] = Primitive(
            "matrices @ matrices",
            text,
            (lambda g, y, a, b: PRODUCTS[3, 3](g, _swapped(b)), lambda g, y, a, b: PRODUCTS[3, 3](_swapped(a), g)),
            lambda S, a, b: S.no_matrix_form("a product of more than two axes"),
            sign,
            sizes=lambda a, b: (*a.dims[:-1], b.dims[2]),
        )
    return made


def _flat(x: Node) -> Node:
    return reshape(x, shape=(math.prod(x.shape[:-1]), x.shape[-1]))


def _swapped(x: Node) -> Node:
    return permute(x, axes=(0, 2, 1))


def _of_number(left: bool) -> Primitive:
    """np.dot of a number and an array, which is their product."""

    def to_number(g: Node, y: Node, a: Node, b: Node) -> Node:
        product = g * (b if left else a)
        return sum_all(product) if product.ndim else product

    def to_array(g: Node, y: Node, a: Node, b: Node) -> Node:
        return g * broadcast(a if left else b, g)

    def form(S: Any, a: Any, b: Any) -> Any:
        return S.scale(a, b) if left else S.scale(b, a)

    return Primitive(
        "number . array" if left else "array . number",
        "np.dot({0}, {1})",
        (to_number, to_array) if left else (to_array, to_number),
        form,
        "·",
        sizes=lambda a, b: (b if left else a).dims,
    )


def broadcast(a: Node, like: Node) -> Node:
    return expand(a, shape=like.shape) if a.shape != like.shape else a


PRODUCTS = _products("@")
DOTS = _products(".")
_number_first, _number_last = _of_number(True), _of_number(False)
DOTS |= {(0, rank): _number_first for rank in range(4)} | {(rank, 0): _number_last for rank in range(1, 4)}
row_matrix = PRODUCTS[1, 2]


def stacked_matrix(g: Node, b: Node) -> Node:
    return PRODUCTS[g.ndim, 2](g, b)


outer: Primitive = Primitive(
    "outer",
    "np.outer({0}, {1})",
    (lambda g, y, a, b: PRODUCTS[2, 1](g, b), lambda g, y, a, b: row_matrix(a, g)),
    lambda S, a, b: S.matmul(S.transpose(a), b),
    "⊗",
    sizes=lambda a, b: a.dims + b.dims,
)


def _einsum_rule(position: int) -> Any:
    def rule(g: Node, y: Node, a: Node, b: Node, spec: str) -> Node:
        inputs, out = spec.split("->")
        letters = inputs.split(",")
        mine, other = letters[position], letters[1 - position]
        return einsum(g, b if position == 0 else a, spec=f"{out},{other}->{mine}")

    return rule


def _contracted(a: Node, b: Node, spec: str) -> Sizes:
    inputs, out = spec.split("->")
    left, right = inputs.split(",")
    sizes = dict(zip(left, a.dims)) | dict(zip(right, b.dims))
    return tuple([sizes[k] for k in out])


einsum: Primitive = Primitive(
    "einsum",
    "np.einsum({spec}, {0}, {1})",
    (_einsum_rule(0), _einsum_rule(1)),
    lambda S, a, b, spec: S.contracted(a, b, spec),
    "Σ",
    sizes=_contracted,
)

# ---------------------------------------------------------------------------------------------------------------- shapes

reshape: Primitive = Primitive(
    "reshape",
    "{0}.reshape({shape})",
    (lambda g, y, x, shape: reshape(g, shape=x.shape),),
    lambda S, x, shape: S.reshaped(x, shape),
    "reshape",
    sizes=lambda x, shape: tuple(map(Size.of, shape)),
)
permute: Primitive = Primitive(
    "permute",
    "{0}.transpose({axes})",
    (lambda g, y, x, axes: permute(g, axes=tuple(int(i) for i in np.argsort(axes))),),
    lambda S, x, axes: S.no_matrix_form("a transposition of more than two axes"),
    "ᵀ",
    sizes=lambda x, axes: tuple([x.dims[i] for i in axes]),
)


def full_key(ndim: int, axis: int, place: Any) -> Key:
    """The key that takes `place` along `axis` and all of every other axis."""
    return Key(place if i == axis % ndim else slice(None) for i in range(ndim))


# ------------------------------------------------------------------------------------------------- parts, and their adjoint


def _parts(x: Node, key: Key) -> Sizes:
    """The sizes of ``x[key]``: of a whole axis its own, of a slice the number of places."""
    if any(isinstance(k, np.ndarray) for k in key):
        return tuple(map(Size.of, np.broadcast_to(False, x.shape)[key].shape))
    ranges = [(size, k.indices(size.n)) for size, k in zip(x.dims, key) if isinstance(k, slice)]
    return tuple([size if ends == (0, size.n, 1) else Size.of(len(range(*ends))) for size, ends in ranges])


part: Primitive = Primitive(
    "part",
    "{0}[{key}]",
    (lambda g, y, x, key: (scattered if _repeats(key) else placed)(g, x, key=key),),
    lambda S, x, key: S.part_of(x, key),
    "[ ]",
    sizes=lambda x, key: _parts(x, key),
)
placed: Primitive = Primitive(
    "placed",  # {0} there, zeros elsewhere, shaped like {1}
    "placed({0}, {1}.shape, np.s_[{key}])",
    (lambda g, y, x, like, key: part(g, key=key), None),
    lambda S, x, like, key: S.padded(x, like, key),
    "[ ]ᵀ",
    shapes=(1,),
    helper="""def placed(x, shape, key):
    whole = np.zeros(shape, x.dtype)
    whole[key] = x
    return whole""",
    sizes=lambda x, like, key: like.dims,
)
scattered: Primitive = Primitive(
    "scattered",  # added up where a place is named several times
    "scattered({0}, {1}.shape, np.s_[{key}])",
    (lambda g, y, x, like, key: part(g, key=key), None),
    lambda S, x, like, key: S.no_matrix_form("an index array"),
    "[ ]ᵀ",
    shapes=(1,),
    helper="""def scattered(x, shape, key):
    whole = np.zeros(shape, x.dtype)
    np.add.at(whole, key, x)
    return whole""",
    sizes=lambda x, like, key: like.dims,
)
cleared: Primitive = Primitive(
    "cleared",
    "cleared({0}, np.s_[{key}])",
    (lambda g, y, x, key: cleared(g, key=key),),
    lambda S, x, key: S.no_matrix_form("an assignment into an array"),
    "0",
    helper="""def cleared(x, key):
    x = x.copy()
    x[key] = 0
    return x""",
)
update: Primitive = Primitive(
    "update",  # {0}, with {1} there
    "update({0}, {1}, np.s_[{key}])",
    (lambda g, y, x, v, key: cleared(g, key=key), lambda g, y, x, v, key: part(g, key=key)),
    lambda S, x, v, key: S.no_matrix_form("an assignment into an array"),
    "[ ] =",
    helper="""def update(x, part, key):
    x = x.astype(np.result_type(x, part))
    x[key] = part
    return x""",
)


def _repeats(key: Key) -> bool:
    """Whether a place may be named more than once: only index arrays can."""
    return any(isinstance(k, np.ndarray) and k.dtype.kind in "iu" for k in key)


# ------------------------------------------------------------------- steps along an axis, and arrays put together of them

STEPS: dict[int, Primitive] = {1: take_op}
for _axis, _text in {0: "{0}[{t} - 1]", 2: "{0}[:, :, {t} - 1]"}.items():
    STEPS[_axis] = Primitive(
        f"step {_axis}",
        _text,
        (lambda g, y, x, t, axis=_axis: placed(g, x, key=full_key(x.ndim, axis, t - 1)),),
        (lambda S, x, t: S.row_of(x, t)) if _axis == 0 else (lambda S, x, t: S.no_matrix_form("a step of three axes")),
        "step t",
        sizes=lambda x, t, axis=_axis: x.dims[:axis] + x.dims[axis + 1 :],
    )
entry: Primitive = Primitive(
    "entry",
    "{0}[{t} - 1]",
    (lambda g, y, x, t: placed(g, x, key=Key((t - 1,))),),
    lambda S, x, t: S.entry_of(x, t),
    "entry t",
    sizes=lambda x, t: (),
)
numbers: Primitive = Primitive(
    "numbers",  # beside each other, as a vector
    "np.stack([{*}])",
    lambda g, y, position: entry(g, t=position + 1),
    lambda S, *xs: S.vector_of(*xs),
    "stack",
    sizes=lambda *xs: (Size.of(len(xs)),),
)


def _taken_apart(g: Node, y: Node, position: int, axis: int) -> Node:
    """Of steps put together a step; of samples a part."""
    if y.args[position].step == position + 1:
        return STEPS[axis](g, t=position + 1)
    return part(g, key=full_key(g.ndim, axis, position))


STACKS: dict[int, Primitive] = {1: stack}
for _axis in (0, 2):
    STACKS[_axis] = Primitive(
        f"stack {_axis}",
        f"np.stack([{{*}}], axis={_axis})" if _axis else "np.stack([{*}])",
        lambda g, y, position, axis=_axis: _taken_apart(g, y, position, axis),
        (lambda S, *xs: S.above(*xs)) if _axis == 0 else (lambda S, *xs: S.no_matrix_form("stack")),
        "stack",
        sizes=lambda *xs, axis=_axis: (*xs[0].dims[:axis], Size.of(len(xs)), *xs[0].dims[axis:]),
    )


def _join_rule(axis: int) -> Any:
    def rule(g: Node, y: Node, position: int) -> Node:
        ends = [0, *itertools.accumulate(x.shape[axis] for x in y.args)]
        return part(g, key=full_key(g.ndim, axis, slice(ends[position], ends[position + 1])))

    return rule


def _joined(xs: tuple[Node, ...], axis: int) -> Sizes:
    whole = list(xs[0].dims)
    for x in xs[1:]:
        whole[axis] = whole[axis] + x.dims[axis]
    return tuple(whole)


JOINS: dict[int, Primitive] = {
    axis: Primitive(
        f"join {axis}",
        f"np.concatenate([{{*}}], {axis})",
        _join_rule(axis),
        lambda S, *xs, axis=axis: S.joined_along(xs, axis),
        "concatenate",
        sizes=lambda *xs, axis=axis: _joined(xs, axis),
    )
    for axis in (-1, -2, -3)
}

ALL = {op for op in vars().values() if isinstance(op, Primitive)}
ALL |= {op for table in (STEPS, STACKS, JOINS, PRODUCTS, DOTS) for op in table.values()}
CUTS = {part, entry, *STEPS.values()}  # what takes a step of the data
MULTIPLY = {matmul, *PRODUCTS.values(), *DOTS.values()}  # what multiplies by a matrix
