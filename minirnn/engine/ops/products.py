"""Products of vectors and matrices, as NumPy's ``@`` and ``np.dot`` have them; a vector is a row where it meets a matrix."""

from __future__ import annotations

from typing import Any

from .. import entries
from ..graph import Node, Primitive
from ..sizes import Sizes, product
from .reductions import spread, sum_all
from .shapes import permute, reshape, transpose

matmul: Primitive = Primitive(
    "matmul",
    "{0} @ {1}",
    (lambda g, y, a, b: g @ transpose(b), lambda g, y, a, b: transpose(a) @ g),
    lambda S, a, b: S.matmul(a, b),
    "@",
    rows=(0,),
    into="{0}.dot({1}, {out})",
    sizes=lambda a, b: (*a.dims[:-1], *b.dims[1:]),
    entry=lambda i, a, b: entries.total(a.dims[-1], lambda k: a[*i[:-1], k] * b[k, *i[len(a.dims) - 1 :]]),
)


def _flat(x: Node) -> Node:
    return reshape(x, dims=(product(x.dims[:-1]), x.dims[-1]))


def _swapped(x: Node) -> Node:
    return permute(x, axes=(0, 2, 1))


def _products(sign: str) -> dict[tuple[int, int], Primitive]:
    """The product of operands of so many axes, by ``@`` or by ``np.dot``: rounding may differ, so both are there."""

    def made(name: str, vjp: Any, sympy: Any, sizes: Any, entry: Any) -> Primitive:
        text = "{0} @ {1}" if sign == "@" else "np.dot({0}, {1})"
        return Primitive(name.replace("@", sign), text, vjp, sympy, sign, sizes=sizes, entry=entry)

    found = {
        (1, 1): made(
            "inner @",
            (lambda g, y, a, b: spread(g, b) * b, lambda g, y, a, b: spread(g, a) * a),
            lambda S, a, b: S.sum_all(S.hadamard(a, b)),
            lambda a, b: (),
            lambda i, a, b: entries.total(a.dims[0], lambda k: a[k] * b[k]),
        ),
        (1, 2): made(
            "row @ matrix",
            (lambda g, y, a, b: _row_matrix(g, transpose(b)), lambda g, y, a, b: outer(a, g)),
            lambda S, a, b: S.matmul(a, b),
            lambda a, b: b.dims[1:],
            lambda i, a, b: entries.total(a.dims[0], lambda k: a[k] * b[k, i[0]]),
        ),
        (2, 1): made(
            "matrix @ row",  # W x of a vector x is the row x Wᵀ
            (lambda g, y, a, b: outer(g, b), lambda g, y, a, b: _row_matrix(g, a)),
            lambda S, a, b: S.matmul(b, S.transpose(a)),
            lambda a, b: a.dims[:1],
            lambda i, a, b: entries.total(b.dims[0], lambda k: a[i[0], k] * b[k]),
        ),
        (2, 2): made("matrix @ matrix", matmul.vjp, matmul.sympy, matmul.sizes, matmul.entry),
    }
    for rank in (3, 4):
        found[rank, 2] = made(
            f"{rank} @ matrix",
            (
                lambda g, y, a, b: PRODUCTS[g.ndim, 2](g, transpose(b)),
                lambda g, y, a, b: transpose(_flat(a)) @ _flat(g),
            ),
            lambda S, a, b: S.no_matrix_form("a product of more than two axes"),
            matmul.sizes,
            matmul.entry,
        )
    return found


PRODUCTS, DOTS = _products("@"), _products(".")
PRODUCTS[3, 3] = Primitive(
    "matrices @ matrices",
    "{0} @ {1}",
    (lambda g, y, a, b: PRODUCTS[3, 3](g, _swapped(b)), lambda g, y, a, b: PRODUCTS[3, 3](_swapped(a), g)),
    lambda S, a, b: S.no_matrix_form("a product of more than two axes"),
    "@",
    sizes=lambda a, b: (*a.dims[:-1], b.dims[2]),
    entry=lambda i, a, b: entries.total(a.dims[-1], lambda k: a[i[0], i[1], k] * b[i[0], k, i[2]]),
)
_row_matrix = PRODUCTS[1, 2]


def _to_number(x: int) -> Any:
    """The rule for the operand x of a product of a number and an array, by the one of the two that it is."""

    def rule(g: Node, y: Node, *operands: Node) -> Node:
        own, other = operands[x], operands[1 - x]
        found = g * spread(other, g)
        return sum_all(found) if found.ndim and not own.ndim else found

    return rule


number_dot: Primitive = Primitive(
    "number . array",  # np.dot of a number and an array, in either order, is their product
    "np.dot({0}, {1})",
    (_to_number(0), _to_number(1)),
    lambda S, a, b: S.scale(a, b) if not S.shape_of(a) else S.scale(b, a),
    "·",
    sizes=lambda a, b: a.dims or b.dims,
    entry=lambda i, a, b: a[i if a.dims else ()] * b[i if b.dims else ()],
)
DOTS |= {ranks: number_dot for n in range(4) for ranks in ((0, n), (n, 0))}

outer: Primitive = Primitive(
    "outer",
    "np.outer({0}, {1})",
    (lambda g, y, a, b: PRODUCTS[2, 1](g, b), lambda g, y, a, b: _row_matrix(a, g)),
    lambda S, a, b: S.matmul(S.transpose(a), b),
    "⊗",
    sizes=lambda a, b: a.dims + b.dims,
    entry=lambda i, a, b: a[i[0]] * b[i[1]],
)


def _einsum_rule(position: int) -> Any:
    def rule(g: Node, y: Node, a: Node, b: Node, spec: str) -> Node:
        inputs, out = spec.split("->")
        letters = inputs.split(",")
        return einsum(g, b if position == 0 else a, spec=f"{out},{letters[1 - position]}->{letters[position]}")

    return rule


def _contracted(a: Node, b: Node, spec: str) -> Sizes:
    inputs, out = spec.split("->")
    left, right = inputs.split(",")
    sizes = dict(zip(left, a.dims)) | dict(zip(right, b.dims))
    return tuple([sizes[k] for k in out])


def _entry_of_einsum(i: Any, a: Any, b: Any, spec: Any) -> Any:
    inputs, out = spec.split("->")
    left, right = inputs.split(",")

    known = dict(zip(out, i))
    sizes = dict(zip(left, a.dims)) | dict(zip(right, b.dims))
    sums = [(c, entries.index_over(s)) for c, s in sizes.items() if c not in known]
    known |= dict(sums)
    found = a[tuple(known[c] for c in left)] * b[tuple(known[c] for c in right)]
    for _, v in reversed(sums):
        found = entries.reduced("+", v, found)
    return found


einsum: Primitive = Primitive(
    "einsum",
    "np.einsum({spec}, {0}, {1})",
    (_einsum_rule(0), _einsum_rule(1)),
    lambda S, a, b, spec: S.contracted(a, b, spec),
    "Σ",
    sizes=_contracted,
    entry=_entry_of_einsum,
)
MULTIPLY = {matmul, *PRODUCTS.values(), *DOTS.values()}  # what multiplies by a matrix
