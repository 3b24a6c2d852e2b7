"""Broadcasting, which stays visible, and its adjoint: what is repeated forwards is summed backwards."""

from __future__ import annotations

import functools
from typing import Any

from .. import entries
from ..graph import Node, Primitive
from ..rules import Spelled
from ..sizes import ONE, Size, Sizes, product
from .entrywise import divided
from .joining import over_time
from .shapes import reshape

Axis = int | tuple[int, ...] | None  # None: all of them; a tuple is counted from the last axis


def _unrepeated(i: Any, x: Any) -> Any:
    """The indices of what is repeated: those of the last axes, and 0 where it has one entry."""
    return tuple([entries.Number(0) if size == ONE else k for k, size in zip(i[len(i) - len(x.dims) :], x.dims)])


expand: Primitive = Primitive(
    "expand",  # as often as `dims` says: a row over rows, a column over columns, a number over all entries
    "np.full({dims}, {0})",
    (lambda g, y, x, dims: unexpanded(g, x),),
    lambda S, x, dims: S.expand(x, dims),
    "· 1",
    sizes=lambda x, dims: tuple(map(Size.of, dims)),
    entry=lambda i, x, dims: x[_unrepeated(i, x)],
)


def spread(x: Node, like: Node) -> Node:
    """A row, a column or a number, repeated to the shape of another node."""
    return x if x.dims == like.dims else expand(x, dims=like.dims)


def unexpanded(g: Node, x: Node) -> Node:
    """The sum of g over what `expand` has repeated, of the shape of x."""
    if not x.ndim:
        return sums(g) if g.ndim else g
    lead = g.ndim - x.ndim
    for _ in range(lead):
        g = sumrows(g) if g.ndim == 2 else sums(g, axis=(-g.ndim,))
    if 1 not in x.shape:
        return g
    axes = tuple(i - x.ndim for i, size in enumerate(x.shape) if size == 1 and g.shape[i] != 1)
    if not axes:
        return g
    return sums(g, axis=axes[0] if len(axes) == 1 else axes, keepdims=True)


def _all_axes(x: Node, axis: Axis = None, keepdims: bool = False) -> dict[str, Any]:
    return {"axis": axis, "keepdims": keepdims}


def _positive(axis: Axis, ndim: int) -> set[int]:
    """The axes, counted from the first. ValueError if there are not so many."""
    axes = range(ndim) if axis is None else (axis,) if isinstance(axis, int) else axis
    if not all(-ndim <= a < ndim for a in axes):
        raise ValueError(f"an array of {ndim} axes has no axis {axis}")
    return {a % ndim for a in axes}


def _remaining(x: Node, axis: Axis, keepdims: bool) -> Sizes:
    gone = _positive(axis, x.ndim)
    kept = [ONE if i in gone else size for i, size in enumerate(x.dims)]
    return tuple([size for i, size in enumerate(kept) if keepdims or i not in gone])


def _back(g: Node, x: Node, axis: Axis) -> Node:
    """g, of the shape of a reduction of x over `axis`, as often as it was made of entries of x."""
    if not x.ndim:
        return g
    kept = _remaining(x, axis, True)
    if g.ndim and g.dims != kept and kept[: x.ndim - g.ndim] != (ONE,) * (x.ndim - g.ndim):
        g = reshape(g, dims=kept)
    return expand(g, dims=x.dims)


def _text(method: str) -> Any:
    @functools.cache
    def text(axis: Axis, keepdims: bool) -> str:
        options = [] if axis is None else ["{axis}"]
        return f"{{0}}.{method}({', '.join(options + ['keepdims=True'] * keepdims)})"

    return Spelled(f"{{0}}.{method}({{axis}}, keepdims={{keepdims}})", text)


def _over(i: Any, x: Any, axis: Axis, keepdims: bool, kind: str) -> Any:
    """The entry of a reduction of x: indices over the axes that are gone."""
    gone, rest = _positive(axis, len(x.dims)), list(i)
    index: list[Any] = []
    for a, size in enumerate(x.dims):
        own = rest.pop(0) if a not in gone or keepdims else None
        index.append(entries.index_over(size) if a in gone else own)
    found = x[tuple(index)]
    for a in sorted(gone, reverse=True):
        found = entries.reduced(kind, index[a], found)
    return found


def _entry_of_largest_at(i: Any, x: Any, axis: Axis) -> Any:
    gone = _positive(axis, len(x.dims))
    kept = [n for a, n in enumerate(i) if a not in gone]
    top = _over(kept, x, axis, False, "max")
    same = entries.Operand(x.dims, lambda index: entries.choice(x[*index].is_(top), 1, 0))
    return same[*i] / _over(kept, same, axis, False, "+")


def _together(x: Any, axis: Axis) -> Size:
    """How many entries are taken together."""
    gone = _positive(axis, len(x.dims))
    return product(size for i, size in enumerate(x.dims) if i in gone)


def _reduction(name: str, label: str, rule: Any, kind: str = "+", divided_by: Any = None) -> Primitive:
    """The method of that name over axes; ``rule(g, x, axis)`` is the share of each entry, of the shape of the result."""

    def entry(i: Any, x: Any, axis: Axis, keepdims: bool) -> Any:
        found = _over(i, x, axis, keepdims, kind)
        return found if divided_by is None else found / entries.expr(divided_by(x, axis))

    return Primitive(
        name,
        _text(name),
        (lambda g, y, x, axis, keepdims: rule(g, x, axis),),
        lambda S, x, axis, keepdims: S.reduced(x, axis, keepdims, name),
        label,
        sizes=_remaining,
        defaults=_all_axes,
        entry=entry,
    )


sums: Primitive = _reduction("sum", "Σ", lambda g, x, axis: _back(g, x, axis))
mean: Primitive = _reduction("mean", "mean", lambda g, x, axis: _back(_share(g, x, axis), x, axis), divided_by=_together)
largest: Primitive = _reduction("max", "max", lambda g, x, axis: _back(g, x, axis) * largest_at(x, axis=axis), "max")
largest_at: Primitive = Primitive(
    "largest_at",  # 1 at the largest entry, equal shares where several are equal
    "largest_at({0}, {axis})",
    (None,),
    lambda S, x, axis: S.LargestAt(x, *S.axes(axis)),
    "= max",
    helper="""def largest_at(x, axis):
    e = x == np.max(x, axis, keepdims=True)
    return (e / e.sum(axis, keepdims=True)).astype(x.dtype)""",
    entry=_entry_of_largest_at,
)


def _share(g: Node, x: Node, axis: Axis) -> Node:
    """What each of the entries that are taken together has of g."""
    count = _together(x, axis)
    return g if count == ONE else divided(g, p=count)


def sum_all(x: Node) -> Node:
    """The sum of all entries."""
    return sums(x)


def sumrows(x: Node) -> Node:
    """1ᵀ x: the sum of the rows of a matrix."""
    return Node(sums, (x,), {"axis": 0, "keepdims": False}, x.value.sum(0))  # there is one at every step


def sumcols(x: Node) -> Node:
    """x 1: the sum of the columns, a column."""
    return sums(x, axis=-1, keepdims=True)


def meancols(x: Node) -> Node:
    """The mean of the columns, a column."""
    return mean(x, axis=-1, keepdims=True)


spreadcols = spread

# --------------------------------------------------------------------------------------------- any number of operands

total: Primitive = Primitive(
    "total",
    "sum([{*}])",
    lambda g, y, position: g,
    lambda S, *xs: S.add(*xs),
    "Σ",
    entry="added",
)
average: Primitive = Primitive(
    "average",  # {size} is how many there are
    "sum([{*}]) / len([{*}])",
    lambda g, y, position: divided(g, p=y.attrs["size"]),
    lambda S, *xs, size: S.scale(1 / S.count(xs), S.add(*xs)),
    "mean over t",
    defaults=lambda *xs, size=None: {"size": over_time(xs) if size is None else size},
    entry="added",
)
