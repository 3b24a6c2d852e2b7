"""The same numbers in another arrangement: reshaped, transposed, read backwards."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import entries
from ..graph import Primitive
from ..rules import Spelled
from ..sizes import Size


def _entry_of_reshaped(i: Any, x: Any, dims: Any) -> Any:
    mine = list(zip(i, i.dims))
    flat: entries.Expr = entries.Number(0)
    for k, d in mine:
        flat = flat * entries.expr(d) + k if not (isinstance(flat, entries.Number) and flat.value == 0) else k
    if [d for d in i.dims if d != 1] == [d for d in x.dims if d != 1]:
        rest = [k for k, d in mine if d != 1]
        return x[tuple([rest.pop(0) if d != 1 else entries.Number(0) for d in x.dims])]
    index = []
    for d in reversed(x.dims[1:]):
        index.append(flat % entries.expr(d))
        flat = flat // entries.expr(d)
    return x[(flat, *reversed(index))] if x.dims else x[()]


reshape: Primitive = Primitive(
    "reshape",
    "{0}.reshape({dims})",
    (lambda g, y, x, dims: reshape(g, dims=x.dims),),
    lambda S, x, dims: S.reshaped(x, dims),
    "reshape",
    sizes=lambda x, dims: tuple(map(Size.of, dims)),
    entry=_entry_of_reshaped,
)
transpose: Primitive = Primitive(
    "transpose",
    "{0}.T",
    (lambda g, y, x: transpose(g),),
    lambda S, x: S.transpose(x),
    "ᵀ",
    sizes=lambda x: x.dims[::-1],
    entry=lambda i, x: x[i[::-1]],
)
permute: Primitive = Primitive(
    "permute",
    "{0}.transpose({axes})",
    (lambda g, y, x, axes: permute(g, axes=tuple(int(i) for i in np.argsort(axes))),),
    lambda S, x, axes: S.no_matrix_form("a transposition of more than two axes"),
    "ᵀ",
    sizes=lambda x, axes: tuple([x.dims[i] for i in axes]),
    entry=lambda i, x, axes: x[tuple([i[axes.index(a)] for a in range(len(axes))])],
)
reverse: Primitive = Primitive(
    "reverse",
    Spelled("np.flip({0}, {axis})", lambda axis, size: "{0}[" + ":, " * axis + "::-1]"),
    (lambda g, y, x, axis, size: reverse(g, axis=axis, size=size),),
    lambda S, x, axis, size: S.backwards(x, axis, size),
    "reverse time",
    defaults=lambda x, axis=1, size=None: {"axis": axis, "size": x.dims[axis] if size is None else size},
    entry=lambda i, x, axis, size: x[*i[:axis], entries.expr(x.dims[axis]) - 1 - i[axis], *i[axis + 1 :]],
)
