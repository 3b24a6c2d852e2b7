"""Functions of a whole row: softmax and what belongs to it, masks and classes."""

from __future__ import annotations

from typing import Any

from .. import entries
from ..graph import Primitive, same
from ..rules import Beside
from ..sizes import ONE, Size
from .entrywise import exp, relu, sigmoid, softplus, tanh
from .reductions import spread, sumcols


def _softmax(i: Any, x: Any) -> Any:
    *rows, j = i
    top = entries.largest(x.dims[-1], lambda k: x[*rows, k])

    def e(k: Any) -> Any:
        return entries.Apply("exp", (x[*rows, k] - top,))

    return e(j) / entries.total(x.dims[-1], e)


def _log_softmax(i: Any, x: Any, p: Any = None) -> Any:
    *rows, j = i
    top = entries.largest(x.dims[-1], lambda k: x[*rows, k])
    return x[*rows, j] - (
        top + entries.Apply("log", (entries.total(x.dims[-1], lambda k: entries.Apply("exp", (x[*rows, k] - top,))),))
    )


def _shares(i: Any, x: Any) -> Any:
    *rows, j = i
    K = x.dims[-1]

    def before(a: Any, b: Any) -> Any:
        """Whether entry a comes before entry b in falling order."""
        return (x[*rows, a] > x[*rows, b]) | (x[*rows, a].is_(x[*rows, b]) & (a < b))

    def rank(b: Any) -> Any:
        return entries.total(K, lambda a: before(a, b).astype(None)) + 1

    def counts(b: Any) -> Any:
        upto = entries.total(K, lambda a: entries.choice(before(a, b), x[*rows, a], 0)) + x[*rows, b]
        return (x[*rows, b] - (upto - 1.0) / rank(b) > 0).astype(None)

    k = entries.total(K, counts)
    return entries.Apply("maximum", (k - rank(j) + 1, entries.Number(0))) / k


softmax: Primitive = Primitive(
    "softmax",  # of each row; the largest entry is taken off first so that exp cannot overflow
    "softmax({0})",
    (lambda g, y, x: y * (g - spread(sumcols(g * y), y)),),
    lambda S, x: S.entrywise("softmax", x, -1),
    "softmax",
    rows=(0,),
    helper="""def softmax(z):
    e = np.exp(z - z.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)""",
    entry=_softmax,
)
log_softmax: Primitive = Primitive(
    "log_softmax",  # the log of {1} = softmax({0}), computed from {0} so that it never is the log of 0
    "log_softmax({0})",
    (lambda g, y, x, p: g - p * spread(sumcols(g), g), Beside(0, lambda g, y, x, p: g / p)),
    lambda S, x, p: S.entrywise("log", p),
    "log",
    rows=(0, 1),
    helper="""def log_softmax(z):
    z = z - z.max(-1, keepdims=True)
    return z - np.log(np.exp(z).sum(-1, keepdims=True))""",
    entry=_log_softmax,
)
logistic_loss: Primitive = Primitive(
    "logistic_loss",  # -({1} log p + (1 - {1}) log(1 - p)) of p = {2} = sigmoid({0}), computed from {0}: never the log of 0
    "logistic_loss({0}, {1})",
    (
        lambda g, y, z, t, p: g * (p - t),
        lambda g, y, z, t, p: -(g * z),
        Beside(0, lambda g, y, z, t, p: g * (p - t) / (p * (1 - p))),
    ),
    lambda S, z, t, p: S.written(
        S.scale(-1, S.add(S.hadamard(t, S.entrywise("log", p)), _of_the_rest(S, t, p))),
        S.add(S.entrywise("softplus", z), S.scale(-1, S.hadamard(z, t))),
    ),
    "log",
    rows=(0, 1, 2),
    helper="""def logistic_loss(z, t):
    return np.maximum(z, 0) - z * t + np.log1p(np.exp(-z * np.sign(z.real)))""",
    entry=lambda i, z, t, p: softplus.in_arithmetic(entries.SCALARS, {})(z[*i]) - z[*i] * t[*i],
)


def _of_the_rest(S: Any, t: Any, p: Any) -> Any:
    """(1 - t) log(1 - p)."""
    rest = [S.add(S.ones_like(x), S.scale(-1, x)) for x in (t, p)]
    return S.hadamard(rest[0], S.entrywise("log", rest[1]))


shares: Primitive = Primitive(
    "shares",  # of each row, for sparsemax as Keras computes it
    "shares({0})",
    (None,),
    lambda S, x: S.entrywise("shares", x, -1),
    "shares",
    rows=(0,),
    helper="""def shares(x):
    # 1, (k - 1) / k, ..., 1 / k for the k largest entries: those of which z > (sum - 1) / rank
    order = np.argsort(-x.real, axis=-1, kind="stable")
    z = np.take_along_axis(x.real, order, -1)
    ranks = np.arange(1, x.shape[-1] + 1)
    k = (z - (z.cumsum(-1) - 1) / ranks > 0).sum(-1, keepdims=True)
    found = np.zeros_like(x)
    parts = np.maximum(k - ranks + 1, 0) / k
    np.put_along_axis(found, order, parts.astype(x.dtype), -1)
    return found""",
    entry=_shares,
)
present: Primitive = Primitive(
    "present",  # a column: 1 for each row that holds anything but {v}
    "({0} != {v}).any(-1, keepdims=True).astype({0}.dtype)",
    (None,),
    lambda S, x, v: S.present(x, v),
    "≠ {v:g}",
    rows=(0,),
    sizes=lambda x, v: (*x.dims[:-1], ONE),
    entry=lambda i, x, v: entries.largest(x.dims[-1], lambda k: x[*i[:-1], k].is_not(v)),
)
onehot: Primitive = Primitive(
    "onehot",  # of the column {0} of whole numbers, `size` columns
    "onehot({0}, {size})",
    (None,),
    lambda S, i, size: S.onehot(i, size),
    "one-hot",
    rows=(0,),
    sizes=lambda i, size: (*i.dims[:-1], Size.of(size)),
    helper="""def onehot(i, size):
    found = np.zeros((*i.shape[:-1], size), i.dtype)
    np.put_along_axis(found, i.real.astype(int), 1, -1)
    return found""",
    entry=lambda i, x, size: entries.choice(x[*i[:-1], 0].is_(i[-1]), 1, 0),
)

# Keras' names; None is linear too.
activations = {"linear": same, "tanh": tanh, "sigmoid": sigmoid, "relu": relu, "softmax": softmax, "exponential": exp}
