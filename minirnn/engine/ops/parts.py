"""Parts of an array and steps along an axis; their adjoints put them back among zeros."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import entries
from ..graph import Node, Primitive
from ..rules import Spelled
from ..sizes import Size, Sizes


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
        given = [part.start, part.stop] if part.step is None else [part.start, part.stop, part.step]
        ends = ["" if end is None else end.python if isinstance(end, Size) else str(end) for end in given]
        return (" : " if any(" " in end for end in ends) else ":").join(ends).strip()
    if isinstance(part, np.ndarray):
        return repr(part.tolist())
    return "..." if part is Ellipsis else repr(part)


def full_key(ndim: int, axis: int, place: Any) -> Key:
    """The key that takes `place` along `axis` and all of every other axis."""
    return Key(place if i == axis % ndim else slice(None) for i in range(ndim))


def ends_of(key: slice, size: Size) -> tuple[Size, Size]:
    """Where a slice of an axis begins and ends, as sizes."""

    def end(at: Any, otherwise: Size) -> Size:
        if at is None:
            return otherwise
        return size + at if isinstance(at, int) and at < 0 else Size.of(at)

    lo, hi = end(key.start, Size.of(0)), end(key.stop, size)
    start, stop, _ = key.indices(size.n)
    stop = max(start, stop)
    return lo if lo.n == start else Size.of(start), hi if hi.n == stop else Size.of(stop)


def _parts(x: Node, key: Key) -> Sizes:
    """The sizes of ``x[key]``: of a whole axis its own, of a slice the number of places."""
    if any(isinstance(k, np.ndarray) for k in key):
        return tuple(map(Size.of, np.broadcast_to(False, x.shape)[key].shape))
    found = []
    for size, k in zip(x.dims, key):
        if isinstance(k, slice):
            lo, hi = ends_of(k, size) if k.step in (None, 1) else (Size.of(0), Size.of(len(range(*k.indices(size.n)))))
            found.append(hi - lo)
    return tuple(found)


def _repeats(key: Key) -> bool:
    """Whether a place may be named more than once: only index arrays can."""
    return any(isinstance(k, np.ndarray) and k.dtype.kind in "iu" for k in key)


def _entry_of_part(i: Any, x: Any, key: Any) -> Any:
    index, rest = [], list(i)
    for part, size in zip(key, x.dims):
        if isinstance(part, slice):
            step = 1 if part.step is None else part.step
            start = ends_of(part, size)[0] if step == 1 else part.indices(size.n)[0]
            j = rest.pop(0)
            index.append((j * step if step != 1 else j) + entries.expr(start))
        elif isinstance(part, int):
            index.append(entries.Number(part) if part >= 0 else entries.expr(size) + part)
        else:
            raise NotImplementedError("a part by an index array")
    return x[tuple(index + rest)]


def _entry_of_placed(i: Any, x: Any, key: Any, dims: Any) -> Any:
    """The entry of x where the index is inside of the part, else 0."""
    inside: Any = None
    index = []
    for k, part, size in zip(i, key, dims):
        if isinstance(part, int):
            condition = k.is_(entries.Number(part) if part >= 0 else entries.expr(size) + part)
        elif isinstance(part, slice) and part.step in (None, 1):
            lo, hi = ends_of(part, size)
            index.append(k - entries.expr(lo))
            if (lo, hi) == (0, size):
                continue
            condition = (k >= entries.expr(lo)) & (k < entries.expr(hi))
        else:
            raise NotImplementedError("a part by an index array or with a step")
        inside = condition if inside is None else inside & condition
    found = x[tuple(index)]
    return found if inside is None else entries.choice(inside, found, 0)


part: Primitive = Primitive(
    "part",
    "{0}[{key}]",
    (lambda g, y, x, key: (scattered if _repeats(key) else placed)(g, key=key, dims=x.dims),),
    lambda S, x, key: S.part_of(x, key),
    "[ ]",
    sizes=_parts,
    entry=_entry_of_part,
)
placed: Primitive = Primitive(
    "placed",  # {0} there, zeros elsewhere
    "placed({0}, {dims}, np.s_[{key}])",
    (lambda g, y, x, key, dims: part(g, key=key),),
    lambda S, x, key, dims: S.padded(x, dims, key),
    "[ ]ᵀ",
    sizes=lambda x, key, dims: tuple(map(Size.of, dims)),
    helper="""def placed(x, shape, key):
    whole = np.zeros(shape, x.dtype)
    whole[key] = x
    return whole""",
    entry=_entry_of_placed,
)
scattered: Primitive = Primitive(
    "scattered",  # added up where a place is named several times
    "scattered({0}, {dims}, np.s_[{key}])",
    (lambda g, y, x, key, dims: part(g, key=key),),
    lambda S, x, key, dims: S.no_matrix_form("an index array"),
    "[ ]ᵀ",
    sizes=lambda x, key, dims: tuple(map(Size.of, dims)),
    helper="""def scattered(x, shape, key):
    whole = np.zeros(shape, x.dtype)
    np.add.at(whole, key, x)
    return whole""",
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

# ------------------------------------------------------------------------------------------------ steps along an axis

_STEP = ["{0}[" + ":, " * axis + "{t} - 1]" for axis in range(9)]
taken: Primitive = Primitive(
    "take",  # step t, from 1, along an axis
    Spelled("{0}[(slice(None),) * {axis} + ({t} - 1,)]", lambda t, axis: _STEP[axis]),
    (lambda g, y, x, t, axis: put(g, t=t, axis=axis, dims=x.dims),),
    lambda S, x, t, axis: S.step_of(x, t, axis),
    "step t",
    sizes=lambda x, t, axis: x.dims[:axis] + x.dims[axis + 1 :],
    defaults=lambda x, t, axis=1: {"t": t, "axis": axis},
    entry=lambda i, x, t, axis: x[*i[:axis], t - 1, *i[axis:]],
)
put: Primitive = Primitive(
    "put",  # {0} at step t, zeros elsewhere
    "put({0}, {t}, {axis}, {dims})",
    (lambda g, y, x, t, axis, dims: taken(g, t=t, axis=axis),),
    lambda S, x, t, axis, dims: S.no_matrix_form("put"),
    "put",
    sizes=lambda x, t, axis, dims: tuple(map(Size.of, dims)),
    helper="""def put(x, t, axis, shape):
    whole = np.zeros(shape, x.dtype)
    whole[(slice(None),) * axis + (t - 1,)] = x
    return whole""",
    entry=lambda i, x, t, axis, dims: entries.choice(i[axis].is_(t - 1), x[*i[:axis], *i[axis + 1 :]], 0),
)

CUTS = {part, taken}  # what takes a part of the data
