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
    total_of_all,
)
from ...engine.graph import Primitive, _compile

ENTRYWISE = set(
    """same add subtract multiply divide negative scale shift complement square exp log tanh sigmoid positive relu inside
    clip where absolute sign sqrt softplus cut divided inverse power cast sine cosine greater less at_least at_most maximum
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


def _reduced(kind: Any, x: Any, axis: Any, keepdims: Any, i: Any) -> Any:
    index, sums = [], []

    rest = list(i)
    for a, size in enumerate(x.dims):
        if a - len(x.dims) in axis:
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


def _over_axes(x: Any, axis: Any) -> Any:
    n: Expr = Number(1)
    for a in axis:
        n = n * expr(x.dims[a])
    return n


def _onehot_key(i: Any, x: Any, key: Any) -> Any:
    index, rest = [], list(i)
    for part, size in zip(key, [*x.dims]):
        if isinstance(part, slice):
            start, _, step = part.indices(size.n)
            j = rest.pop(0)
            index.append((j * step if step != 1 else j) + start)
        elif isinstance(part, int):
            index.append(Number(part) if part >= 0 else expr(size) + part)
        else:
            raise NotImplementedError("a part by an index array")
    return x[tuple(index + rest)]


def _reshape(i: Any, x: Any, shape: Any) -> Any:
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


def _expand(i: Any, x: Any, shape: Any) -> Any:
    rest = i[len(i) - len(x.dims) :]
    return x[tuple([Number(0) if d == 1 else k for k, d in zip(rest, x.dims)])]


def _collapse(i: Any, x: Any, axis: Any, shape: Any) -> Any:
    axes = {a % len(x.dims) for a in axis}
    rest = [k for k, d in zip(i, i.dims) if d != 1]
    sums, index = [], []
    for a, d in enumerate(x.dims):
        if a in axes:
            sums.append(index_over(d))
            index.append(sums[-1])
        else:
            index.append(Number(0) if d == 1 else rest.pop(0))
    found = x[tuple(index)]
    for v in reversed(sums):
        found = reduced("+", v, found)
    return found


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
    "zeros": lambda i, x=None: Number(0),
    "ones": lambda i, x=None: Number(1),
    "state": lambda i, *_: Number(0),
    "blank": lambda i, *_, **__: Number(0),
    "nought": lambda i, **_: Number(0),
    "softmax": _softmax,
    "log_softmax": _log_softmax,
    "shares": _shares,
    "erf": lambda i, x: Apply("erf", (x[i],)),
    "present": lambda i, x, v: largest(x.dims[-1], lambda k: Apply("number", (Apply("!=", (x[*i[:-1], k], expr(v))),))),
    "onehot": lambda i, x, W: choice(x[*i[:-1], 0].is_(i[-1]), 1, 0),
    "matmul": lambda i, a, b: total(a.dims[-1], lambda k: a[*i[:-1], k] * b[k, i[-1]]),
    "transpose": lambda i, x: x[i[::-1]],
    "spread": lambda i, b, like=None: b[i[1:]],
    "sumrows": lambda i, x: total(x.dims[0], lambda n: x[n, *i]),
    "spreadcols": lambda i, c, like=None: c[*i[:-1], 0],
    "sumcols": lambda i, x: total(x.dims[-1], lambda k: x[*i[:-1], k]),
    "meancols": lambda i, x: total(x.dims[-1], lambda k: x[*i[:-1], k]) / expr(x.dims[-1]),
    "sharecols": lambda i, c, like=None: c[*i[:-1], 0] / expr(i.dims[-1]),
    "mean": lambda i, x: total_of_all(x) / x.size,
    "share": lambda i, s, like=None: s[()] / i.size,
    "sum_all": lambda i, x: total_of_all(x),
    "fill": lambda i, s, like=None: s[()],
    "portion": lambda i, x, T: x[i] / expr(T),
    "take": lambda i, x, t: x[i[0], t - 1, *i[1:]],
    "put": lambda i, x, like, t: choice(i[1].is_(t - 1), x[i[0], *i[2:]], 0),
    "reverse": lambda i, x: x[i[0], expr(x.dims[1]) - 1 - i[1], *i[2:]],
    "piece": lambda i, x, like, t: x[*i[:-1], (t - 1) * expr(i.dims[-1]) + i[-1]],
    "columns": lambda i, x, start, stop: x[*i[:-1], i[-1] + start],
    "block": lambda i, x, k, parts: x[*i[:-1], i[-1] + expr(k * i.dims[-1])],
    "nth_row": lambda i, x, k: x[k, *i],
    "left": lambda i, x, like: x[i],
    "right": lambda i, x, like: x[*i[:-1], expr(x.dims[-1] - i.dims[-1]) + i[-1]],
    "sum_over": lambda i, x, axis, keepdims: _reduced("+", x, axis, keepdims, i),
    "mean_over": lambda i, x, axis, keepdims: _reduced("+", x, axis, keepdims, i) / _over_axes(x, axis),
    "max_over": lambda i, x, axis, keepdims: _reduced("max", x, axis, keepdims, i),
    "outer": lambda i, a, b: a[i[0]] * b[i[1]],
    "einsum": _einsum,
    "reshape": _reshape,
    "expand": _expand,
    "collapse": _collapse,
    "permute": lambda i, x, axes: x[tuple([i[axes.index(a)] for a in range(len(axes))])],
    "part": _onehot_key,
    "entry": lambda i, x, t: x[t - 1],
    "step 0": lambda i, x, t: x[t - 1, *i],
    "step 2": lambda i, x, t: x[*i[:2], t - 1, *i[2:]],
    **{f"inner {s}": lambda i, a, b: total(a.dims[0], lambda k: a[k] * b[k]) for s in "@."},
    **{f"row {s} matrix": lambda i, a, b: total(a.dims[0], lambda k: a[k] * b[k, i[0]]) for s in "@."},
    **{f"matrix {s} row": lambda i, a, b: total(b.dims[0], lambda k: a[i[0], k] * b[k]) for s in "@."},
    **{f"{r} {s} matrix": lambda i, a, b: total(a.dims[-1], lambda k: a[*i[:-1], k] * b[k, i[-1]])
       for s in "@." for r in ("matrix", 3, 4)},
    "matrices @ matrices": lambda i, a, b: total(a.dims[-1], lambda k: a[i[0], i[1], k] * b[i[0], k, i[2]]),
    "number . array": lambda i, a, b: a[()] * b[i],
    "array . number": lambda i, a, b: a[i] * b[()],
}  # fmt: skip
JOINED = {"concat": -1, "join": -1, "join -1": -1, "join -2": -2, "join -3": -3}  # along which axis
STACKED = {"stack": 1, "stack 0": 0, "stack 2": 2, "numbers": 0, "above": 0}


def entry(op: Primitive, index: Any, operands: list[Operand], attrs: dict[str, Any]) -> Expr:
    if op.name in ENTRYWISE:
        return expr(_compile(op.numpy, op.helper, SCALARS)(*[x[index] for x in operands], **attrs))
    if op.name not in ENTRY:
        raise NotImplementedError(f"the operation {op.name} has no form in scalars")
    return ENTRY[op.name](index, *operands, **attrs)
