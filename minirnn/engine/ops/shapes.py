"""The same numbers in another arrangement: reshaped, transposed, read backwards."""

from __future__ import annotations

import numpy as np

from ..graph import Primitive
from ..sizes import Size

reshape: Primitive = Primitive(
    "reshape",
    "{0}.reshape({dims})",
    (lambda g, y, x, dims: reshape(g, dims=x.dims),),
    lambda S, x, dims: S.reshaped(x, dims),
    "reshape",
    sizes=lambda x, dims: tuple(map(Size.of, dims)),
)
transpose: Primitive = Primitive(
    "transpose",
    "{0}.T",
    (lambda g, y, x: transpose(g),),
    lambda S, x: S.transpose(x),
    "ᵀ",
    sizes=lambda x: x.dims[::-1],
)
permute: Primitive = Primitive(
    "permute",
    "{0}.transpose({axes})",
    (lambda g, y, x, axes: permute(g, axes=tuple(int(i) for i in np.argsort(axes))),),
    lambda S, x, axes: S.no_matrix_form("a transposition of more than two axes"),
    "ᵀ",
    sizes=lambda x, axes: tuple([x.dims[i] for i in axes]),
)
reverse: Primitive = Primitive(
    "reverse", "{0}[:, ::-1]", (lambda g, y, x: reverse(g),), lambda S, x: S.backwards(x), "reverse time"
)
