"""Temporary: the entries of operations, until they stand in the operations' own blocks."""

from __future__ import annotations

from typing import Any

from ...engine.entries import (
    SCALARS,
    Apply,
    Expr,
    Number,
    Operand,
    choice,
    expr,
    index_over,
    largest,
    reduced,
    total,
)
from ...engine.graph import Primitive
from ...engine.ops.parts import ends_of
from ...engine.sizes import product

ENTRYWISE = set(
    """same add subtract multiply divide negative scale shift complement square exp log tanh sigmoid positive relu inside
    clip where abs sign sqrt softplus cut divided inverse power cast sin cos greater less at_least at_most maximum
    minimum""".split()  # noqa: SIM905
)


def _softmax(i: Any, x: Any) -> Any:
    *rows, j = i
    top = largest(x.dims[-1], lambda k: x[*rows, k])

    def e(k: Any) -> Any:
        return Apply("exp", (x[*rows, k] - top,))

    return e(j) / total(x.dims[-1], e)


def _log_softmax(i: Any, x: Any, p: Any = None) -> Any:
    *rows, j = i
    top = largest(x.dims[-1], lambda k: x[*rows, k])
    return x[*rows, j] - (top + Apply("log", (total(x.dims[-1], lambda k: Apply("exp", (x[*rows, k] - top,))),)))


def _shares(i: Any, x: Any) -> Any:
    *rows, j = i
    K = x.dims[-1]

    def before(a: Any, b: Any) -> Any:
        """Whether entry a comes before entry b in falling order."""
        return (x[*rows, a] > x[*rows, b]) | (x[*rows, a].is_(x[*rows, b]) & (a < b))

    def rank(b: Any) -> Any:
        return total(K, lambda a: before(a, b).astype(None)) + 1

    def counts(b: Any) -> Any:
        upto = total(K, lambda a: choice(before(a, b), x[*rows, a], 0)) + x[*rows, b]
        return (x[*rows, b] - (upto - 1.0) / rank(b) > 0).astype(None)

    k = total(K, counts)
    return Apply("maximum", (k - rank(j) + 1, Number(0))) / k


def _axes(x: Any, axis: Any) -> set[int]:
    ndim = len(x.dims)
    return set(range(ndim)) if axis is None else {a % ndim for a in (axis if isinstance(axis, tuple) else (axis,))}


def _reduced(kind: Any, x: Any, axis: Any, keepdims: Any, i: Any) -> Any:
    index, sums, rest = [], [], list(i)
    for a, size in enumerate(x.dims):
        if a in _axes(x, axis):
            if keepdims:
                rest.pop(0)
            sums.append(index_over(size))
            index.append(sums[-1])
        else:
            index.append(rest.pop(0))
    found = x[tuple(index)]
    for var in reversed(sums):
        found = reduced(kind, var, found)
    return found


def _count(x: Any, axis: Any) -> Any:
    return expr(product(size for a, size in enumerate(x.dims) if a in _axes(x, axis)))


def _part(i: Any, x: Any, key: Any) -> Any:
    index, rest = [], list(i)
    for part, size in zip(key, x.dims):
        if isinstance(part, slice):
            step = 1 if part.step is None else part.step
            start = ends_of(part, size)[0] if step == 1 else part.indices(size.n)[0]
            j = rest.pop(0)
            index.append((j * step if step != 1 else j) + expr(start))
        elif isinstance(part, int):
            index.append(Number(part) if part >= 0 else expr(size) + part)
        else:
            raise NotImplementedError("a part by an index array")
    return x[tuple(index + rest)]


def _placed(i: Any, x: Any, key: Any, dims: Any) -> Any:
    """The entry of x where the index is inside of the part, else 0."""
    inside: Any = None
    index = []
    for k, part, size in zip(i, key, dims):
        if isinstance(part, int):
            condition = k.is_(Number(part) if part >= 0 else expr(size) + part)
        elif isinstance(part, slice) and part.step in (None, 1):
            lo, hi = ends_of(part, size)
            index.append(k - expr(lo))
            if (lo, hi) == (0, size):
                continue
            condition = (k >= expr(lo)) & (k < expr(hi))
        else:
            raise NotImplementedError("a part by an index array or with a step")
        inside = condition if inside is None else inside & condition
    found = x[tuple(index)]
    return found if inside is None else choice(inside, found, 0)


def _reshape(i: Any, x: Any, dims: Any) -> Any:
    mine = list(zip(i, i.dims))
    flat: Expr = Number(0)
    for k, d in mine:
        flat = flat * expr(d) + k if not (isinstance(flat, Number) and flat.value == 0) else k
    if [d for d in i.dims if d != 1] == [d for d in x.dims if d != 1]:
        rest = [k for k, d in mine if d != 1]
        return x[tuple([rest.pop(0) if d != 1 else Number(0) for d in x.dims])]
    index = []
    for d in reversed(x.dims[1:]):
        index.append(flat % expr(d))
        flat = flat // expr(d)
    return x[(flat, *reversed(index))] if x.dims else x[()]


def _expand(i: Any, x: Any, dims: Any) -> Any:
    rest = i[len(i) - len(x.dims) :]
    return x[tuple([Number(0) if d == 1 else k for k, d in zip(rest, x.dims)])]


def _einsum(i: Any, a: Any, b: Any, spec: Any) -> Any:
    inputs, out = spec.split("->")
    left, right = inputs.split(",")

    known = dict(zip(out, i))
    sizes = dict(zip(left, a.dims)) | dict(zip(right, b.dims))
    sums = [(c, index_over(s)) for c, s in sizes.items() if c not in known]
    known |= dict(sums)
    found = a[tuple(known[c] for c in left)] * b[tuple(known[c] for c in right)]
    for _, v in reversed(sums):
        found = reduced("+", v, found)
    return found


ENTRY: dict[str, Any] = {
    "full": lambda i, dims, value, dtype: Number(value),
    "softmax": _softmax,
    "log_softmax": _log_softmax,
    "shares": _shares,
    "erf": lambda i, x: Apply("erf", (x[i],)),
    "present": lambda i, x, v: largest(x.dims[-1], lambda k: Apply("number", (Apply("!=", (x[*i[:-1], k], expr(v))),))),
    "onehot": lambda i, x, size: choice(x[*i[:-1], 0].is_(i[-1]), 1, 0),
    "matmul": lambda i, a, b: total(a.dims[-1], lambda k: a[*i[:-1], k] * b[k, i[-1]]),
    "transpose": lambda i, x: x[i[::-1]],
    "sum": lambda i, x, axis, keepdims: _reduced("+", x, axis, keepdims, i),
    "mean": lambda i, x, axis, keepdims: _reduced("+", x, axis, keepdims, i) / _count(x, axis),
    "max": lambda i, x, axis, keepdims: _reduced("max", x, axis, keepdims, i),
    "take": lambda i, x, t, axis: x[*i[:axis], t - 1, *i[axis:]],
    "put": lambda i, x, t, axis, dims: choice(i[axis].is_(t - 1), x[*i[:axis], *i[axis + 1 :]], 0),
    "reverse": lambda i, x: x[i[0], expr(x.dims[1]) - 1 - i[1], *i[2:]],
    "piece": lambda i, x, t, width: x[*i[:-1], (t - 1) * expr(width) + i[-1]],
    "block": lambda i, x, k, parts: x[*i[:-1], i[-1] + expr(k * i.dims[-1])],
    "nth_row": lambda i, x, k: x[k, *i],
    "outer": lambda i, a, b: a[i[0]] * b[i[1]],
    "einsum": _einsum,
    "reshape": _reshape,
    "expand": _expand,
    "permute": lambda i, x, axes: x[tuple([i[axes.index(a)] for a in range(len(axes))])],
    "part": _part,
    "placed": _placed,
    **{f"inner {s}": lambda i, a, b: total(a.dims[0], lambda k: a[k] * b[k]) for s in "@."},
    **{f"row {s} matrix": lambda i, a, b: total(a.dims[0], lambda k: a[k] * b[k, i[0]]) for s in "@."},
    **{f"matrix {s} row": lambda i, a, b: total(b.dims[0], lambda k: a[i[0], k] * b[k]) for s in "@."},
    **{f"{r} {s} matrix": lambda i, a, b: total(a.dims[-1], lambda k: a[*i[:-1], k] * b[k, i[-1]])
       for s in "@." for r in ("matrix", 3, 4)},
    "matrices @ matrices": lambda i, a, b: total(a.dims[-1], lambda k: a[i[0], i[1], k] * b[i[0], k, i[2]]),
    "number . array": lambda i, a, b: a[i if a.dims else ()] * b[i if b.dims else ()],
}  # fmt: skip
JOINED, STACKED = {"join"}, {"stack"}


def entry(op: Primitive, index: Any, operands: list[Operand], attrs: dict[str, Any]) -> Expr:
    if op.name in ENTRYWISE:
        return expr(op.in_arithmetic(SCALARS, attrs)(*[x[index] for x in operands], **attrs))
    if op.name not in ENTRY:
        raise NotImplementedError(f"the operation {op.name} has no form in scalars")
    return ENTRY[op.name](index, *operands, **attrs)
