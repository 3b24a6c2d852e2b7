"""Every operation, one block each: how it is computed and written, differentiated, typeset and drawn.

The rules are ordinary vector-Jacobian products (Griewank and Walther, Evaluating Derivatives, 2008, chapter 3), written
with the operations themselves, so that a backward pass is more graph. g is the cotangent of the result y.
Broadcasting is an operation too: `spread` repeats a row, `sumrows` is its adjoint.
"""

from __future__ import annotations

import functools
import math
import operator
from typing import Any

import numpy as np

from ..graph import Node, Primitive, same
from ..names import Name, Role, parse
from ..sizes import ONE, Size, Sizes

# ----------------------------------------------------------------------------------------------------------- leaves

leaf_op: Primitive = Primitive("leaf", "None", (), lambda S: None, "")


def leaf(value: Any, name: str | Name | None = None, role: Role = Role.CONSTANT, dims: tuple[str, ...] = ()) -> Node:
    """A value that nothing was computed from.

    dims names the length of each axis ("N", "D").
    """
    node = Node(leaf_op, (), {"dims": dims}, np.asarray(value))
    node.name, node.role = parse(name) if isinstance(name, str) else name, role
    return node


zeros: Primitive = Primitive("zeros", "np.zeros_like({0})", (None,), lambda S, x: S.zeros_like(x), "0", shapes=(0,))
ones: Primitive = Primitive("ones", "np.ones_like({0})", (None,), lambda S, x: S.ones_like(x), "1", shapes=(0,))
state: Primitive = Primitive(
    "state",  # as many rows as the input has samples, as many columns as the recurrent kernel
    "np.zeros((len({0}), len({1})), {1}.dtype)",
    (None, None),
    lambda S, x, W: S.zeros(x.rows, W.rows),
    "0",
    shapes=(0, 1),
    sizes=lambda x, W: (x.dims[0], W.dims[0]),
)

blank: Primitive = Primitive(
    "blank",  # the first state of a cell of one's own: as many rows as the input has samples, `units` is the letter of size
    "np.zeros((len({0}), {size}), {0}.dtype)",
    (None,),
    lambda S, x, size, units: S.zeros(x.rows, S.size_symbol(units)),
    "0",
    shapes=(0,),
    sizes=lambda x, size, units: (x.dims[0], Size.of(units, size)),
)

# ------------------------------------------------------------------------------------------------------- arithmetic

add: Primitive = Primitive(
    "add",
    "{0} + {1}",
    (lambda g, y, a, b: g, lambda g, y, a, b: g),
    lambda S, a, b: S.add(a, b),
    "+",
    rows=(0, 1),
    into="np.add({0}, {1}, {out})",
)
subtract: Primitive = Primitive(
    "subtract",
    "{0} - {1}",
    (lambda g, y, a, b: g, lambda g, y, a, b: -g),
    lambda S, a, b: S.add(a, S.scale(-1, b)),
    "−",
    rows=(0, 1),
    into="np.subtract({0}, {1}, {out})",
)
multiply: Primitive = Primitive(
    "multiply",
    "{0} * {1}",
    (lambda g, y, a, b: g * b, lambda g, y, a, b: g * a),
    lambda S, a, b: S.hadamard(a, b),
    "⊙",
    rows=(0, 1),
    into="np.multiply({0}, {1}, {out})",
)
divide: Primitive = Primitive(
    "divide",
    "{0} / {1}",
    (lambda g, y, a, b: g / b, lambda g, y, a, b: -(g * y / b)),
    lambda S, a, b: S.quotient(a, b),
    "⊘",
    rows=(0, 1),
    into="np.divide({0}, {1}, {out})",
)
negative: Primitive = Primitive(
    "negative", "-{0}", (lambda g, y, x: -g,), lambda S, x: S.scale(-1, x), "−", rows=(0,), into="np.negative({0}, {out})"
)
scale: Primitive = Primitive(
    "scale",
    "{p} * {0}",
    (lambda g, y, x, p: scale(g, p=p),),
    lambda S, x, p: S.scale(p, x),
    "{p:g} ·",
    rows=(0,),
    into="np.multiply({0}, {p}, {out})",
)
shift: Primitive = Primitive(
    "shift",
    "{0} + {q}",
    (lambda g, y, x, q: g,),
    lambda S, x, q: S.add(x, S.full_like(q, x)),
    "+ {q:g}",
    rows=(0,),
    into="np.add({0}, {q}, {out})",
)
complement: Primitive = Primitive(
    "complement",
    "{q} - {0}",
    (lambda g, y, x, q: -g,),
    lambda S, x, q: S.add(S.full_like(q, x), S.scale(-1, x)),
    "{q:g} −",
    rows=(0,),
    into="np.subtract({q}, {0}, {out})",
)
square: Primitive = Primitive(
    "square",
    "{0} ** 2",
    (lambda g, y, x: g * scale(x, p=2),),
    lambda S, x: S.power(x, 2),
    "( )²",
    rows=(0,),
    into="np.square({0}, {out})",
)

# ------------------------------------------------------------------------------------------------ entrywise functions

exp: Primitive = Primitive(
    "exp",
    "np.exp({0})",
    (lambda g, y, x: g * y,),
    lambda S, x: S.entrywise("exp", x),
    "exp",
    rows=(0,),
    into="np.exp({0}, {out})",
)
log: Primitive = Primitive(
    "log",
    "np.log({0})",
    (lambda g, y, x: g / x,),
    lambda S, x: S.entrywise("log", x),
    "log",
    rows=(0,),
    into="np.log({0}, {out})",
)
tanh: Primitive = Primitive(
    "tanh",
    "np.tanh({0})",
    (lambda g, y, x: g * (1 - square(y)),),
    lambda S, x: S.entrywise("tanh", x),
    "tanh",
    rows=(0,),
    into="np.tanh({0}, {out})",
)
sigmoid: Primitive = Primitive(
    "sigmoid",
    "1 / (1 + np.exp(-{0}))",
    (lambda g, y, x: g * y * (1 - y),),
    lambda S, x: S.entrywise("sigmoid", x),
    "σ",
    rows=(0,),
)
positive: Primitive = Primitive(
    "positive", "({0} > 0).astype({0}.dtype)", (None,), lambda S, x: S.entrywise("positive", x), "> 0", rows=(0,)
)
relu: Primitive = Primitive(
    "relu",
    "np.maximum({0}, 0)",
    (lambda g, y, x: g * positive(x),),
    lambda S, x: S.entrywise("relu", x),
    "relu",
    rows=(0,),
    into="np.maximum({0}, 0, out={out})",
)
inside: Primitive = Primitive(
    "inside",
    "(({0} >= {low}) & ({0} <= {high})).astype({0}.dtype)",
    (None,),
    lambda S, x, low, high: S.entrywise("inside", x, low, high),
    "inside",
    rows=(0,),
)
clip: Primitive = Primitive(
    "clip",
    "np.clip({0}, {low}, {high})",
    (lambda g, y, x, low, high: g * inside(x, low=low, high=high),),
    lambda S, x, low, high: S.entrywise("clip", x, low, high),
    "clip",
    rows=(0,),
)
where: Primitive = Primitive(
    "where",
    "np.where({0}, {1}, {2})",
    (None, lambda g, y, c, a, b: where(c, g, zeros(g)), lambda g, y, c, a, b: where(c, zeros(g), g)),
    lambda S, c, a, b: S.add(S.hadamard(c, a), S.hadamard(S.add(S.ones_like(c), S.scale(-1, c)), b)),
    "where",
    rows=(0, 1, 2),
)
absolute: Primitive = Primitive(
    "absolute",
    "{0} * np.sign({0}.real)",  # as np.abs, and analytic, so that a complex step can witness it
    (lambda g, y, x: g * sign(x),),
    lambda S, x: S.entrywise("abs", x),
    "| |",
    rows=(0,),
)
sign: Primitive = Primitive(
    "sign", "np.sign({0}.real).astype({0}.dtype)", (None,), lambda S, x: S.entrywise("sign", x), "sign", rows=(0,)
)
sqrt: Primitive = Primitive(
    "sqrt", "np.sqrt({0})", (lambda g, y, x: g / scale(y, p=2),), lambda S, x: S.entrywise("sqrt", x), "√", rows=(0,)
)
softplus: Primitive = Primitive(
    "softplus",
    "softplus({0})",
    (lambda g, y, x: g * sigmoid(x),),
    lambda S, x: S.entrywise("softplus", x),
    "softplus",
    rows=(0,),
    helper="""def softplus(x):
    # log(1 + exp(x)), so that exp cannot overflow
    return np.maximum(x, 0) + np.log1p(np.exp(-x * np.sign(x.real)))""",
)
erf: Primitive = Primitive(
    "erf",
    "erf({0})",
    (lambda g, y, x: g * scale(exp(-square(x)), p=2 / math.sqrt(math.pi)),),
    lambda S, x: S.entrywise("erf", x),
    "erf",
    rows=(0,),
    helper="""def erf(x):
    # by its sine series, exact to rounding (Strecok, 1968); from 6 on it is 1 to rounding
    n = np.arange(1, 38)
    near = np.where(np.abs(x) < 6, x, 6 * np.sign(x.real))
    series = np.sin(near[..., None] * n / 2.5) @ (np.exp(-n * n / 25) / n)
    return (2 / np.pi * (near / 5 + series)).astype(x.dtype)""",
)
softmax: Primitive = Primitive(
    "softmax",  # of each row; the largest entry is taken off first so that exp cannot overflow
    "softmax({0})",
    (lambda g, y, x: y * (g - spreadcols(sumcols(g * y), y)),),
    lambda S, x: S.entrywise("softmax", x, -1),
    "softmax",
    rows=(0,),
    helper="""def softmax(z):
    e = np.exp(z - z.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)""",
)

log_softmax: Primitive = Primitive(
    "log_softmax",  # the log of {1} = softmax({0}), computed from {0} so that it never is the log of 0
    "log_softmax({0})",
    (lambda g, y, x, p: g - p * spreadcols(sumcols(g), g), None),
    lambda S, x, p: S.entrywise("log", p),
    "log",
    rows=(0, 1),
    helper="""def log_softmax(z):
    z = z - z.max(-1, keepdims=True)
    return z - np.log(np.exp(z).sum(-1, keepdims=True))""",
)

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
)
# -------------------------------------------------------------------------------------------------- masks and classes

present: Primitive = Primitive(
    "present",  # a column: 1 for each row that holds anything but {v}
    "({0} != {v}).any(-1, keepdims=True).astype({0}.dtype)",
    (None,),
    lambda S, x, v: S.present(x, v),
    "≠ {v:g}",
    rows=(0,),
    sizes=lambda x, v: (*x.dims[:-1], ONE),
)
onehot: Primitive = Primitive(
    "onehot",  # of the column {0} of whole numbers, as many columns as {1} has rows
    "({0} == np.arange(len({1}))).astype({1}.dtype)",
    (None, None),
    lambda S, i, W: S.onehot(i, W.rows),
    "one-hot",
    shapes=(1,),
    rows=(0,),
    sizes=lambda i, W: (*i.dims[:-1], W.dims[0]),
)

# ----------------------------------------------------------------------------------------------------------- matrices

matmul: Primitive = Primitive(
    "matmul",
    "{0} @ {1}",
    (lambda g, y, a, b: g @ transpose(b), lambda g, y, a, b: transpose(a) @ g),
    lambda S, a, b: S.matmul(a, b),
    "@",
    rows=(0,),
    into="{0}.dot({1}, {out})",
    sizes=lambda a, b: (*a.dims[:-1], *b.dims[1:]),
)
transpose: Primitive = Primitive(
    "transpose",
    "{0}.T",
    (lambda g, y, x: transpose(g),),
    lambda S, x: S.transpose(x),
    "ᵀ",
    sizes=lambda x: x.dims[::-1],
)

# ------------------------------------------------------------------------------------------- broadcasting and its adjoint

spread: Primitive = Primitive(
    "spread",  # the row {0}, once for each row of {1}
    "{0}[None].repeat(len({1}), 0)",
    (lambda g, y, b, like: sumrows(g), None),
    lambda S, b, like: S.matmul(S.ones(like.rows, 1), b),
    "1 ·",
    shapes=(1,),
    sizes=lambda x, like, **_: like.dims,
)
sumrows: Primitive = Primitive(
    "sumrows",
    "{0}.sum(0)",
    (lambda g, y, x: spread(g, x),),
    lambda S, x: S.matmul(S.ones(1, x.rows), x),
    "Σ rows",
    sizes=lambda x: x.dims[1:],
)
spreadcols: Primitive = Primitive(
    "spreadcols",  # the column {0}, once for each column of {1}
    "{0}.repeat({1}.shape[-1], -1)",
    (lambda g, y, c, like: sumcols(g), None),
    lambda S, c, like: S.matmul(c, S.ones(1, like.cols)),
    "· 1ᵀ",
    shapes=(1,),
    sizes=lambda x, like, **_: like.dims,
)
sumcols: Primitive = Primitive(
    "sumcols",
    "{0}.sum(-1, keepdims=True)",
    (lambda g, y, x: spreadcols(g, x),),
    lambda S, x: S.matmul(x, S.ones(x.cols, 1)),
    "Σ columns",
    rows=(0,),
    sizes=lambda x: (*x.dims[:-1], ONE),
)
meancols: Primitive = Primitive(
    "meancols",
    "{0}.mean(-1, keepdims=True)",
    (lambda g, y, x: sharecols(g, x),),
    lambda S, x: S.scale(1 / x.cols, S.matmul(x, S.ones(x.cols, 1))),
    "mean of columns",
    rows=(0,),
    sizes=lambda x: (*x.dims[:-1], ONE),
)
sharecols: Primitive = Primitive(
    "sharecols",  # the column {0} in equal parts to every column of {1}
    "{0}.repeat({1}.shape[-1], -1) / {1}.shape[-1]",
    (lambda g, y, c, like: meancols(g), None),
    lambda S, c, like: S.scale(1 / like.cols, S.matmul(c, S.ones(1, like.cols))),
    "share columns",
    shapes=(1,),
    rows=(0,),
    sizes=lambda x, like, **_: like.dims,
)
mean: Primitive = Primitive(
    "mean",
    "{0}.mean()",
    (lambda g, y, x: share(g, x),),
    lambda S, x: S.mean(x),
    "mean",
    sizes=lambda x: (),
)
share: Primitive = Primitive(
    "share",  # the number {0} in equal parts to every entry of {1}
    "np.full({1}.shape, {0} / {1}.size)",
    (lambda g, y, s, like: mean(g), None),
    lambda S, s, like: S.full_like(S.scale(1 / S.size(like), s), like),
    "share",
    shapes=(1,),
    sizes=lambda x, like, **_: like.dims,
)
sum_all: Primitive = Primitive(
    "sum_all",
    "{0}.sum()",
    (lambda g, y, x: fill(g, x),),
    lambda S, x: S.sum_all(x),
    "Σ",
    sizes=lambda x: (),
)
fill: Primitive = Primitive(
    "fill",  # the number {0} in every entry of {1}
    "np.full({1}.shape, {0})",
    (lambda g, y, s, like: sum_all(g), None),
    lambda S, s, like: S.full_like(s, like),
    "fill",
    shapes=(1,),
    sizes=lambda x, like, **_: like.dims,
)

# --------------------------------------------------------------------------------------------- any number of operands

total: Primitive = Primitive("total", "sum([{*}])", lambda g, y, position: g, lambda S, *xs: S.add(*xs), "Σ")
average: Primitive = Primitive(
    "average",
    "sum([{*}]) / len([{*}])",
    lambda g, y, position: portion(g, T=len(y.args)),
    lambda S, *xs: S.scale(1 / S.count(xs), S.add(*xs)),
    "mean over t",
)
portion: Primitive = Primitive(
    "portion", "{0} / {T}", (lambda g, y, x, T: portion(g, T=T),), lambda S, x, T: S.scale(1 / T, x), "÷ T"
)

# ------------------------------------------------------------------------------ sequences (N, T, features) and their steps

take_op: Primitive = Primitive(
    "take",
    "{0}[:, {t} - 1]",
    (lambda g, y, x, t: put(g, x, t=t),),
    lambda S, x, t: S.step_of(x, t),
    "step t",
    sizes=lambda x, t: (x.dims[0], *x.dims[2:]),
)
put: Primitive = Primitive(
    "put",  # {0} at step t of zeros shaped like {1}
    "np.where(np.arange({1}.shape[1])[:, None] == {t} - 1, {0}[:, None], 0)",
    (lambda g, y, x, like, t: take(g, t=t), None),
    lambda S, x, like, t: S.no_matrix_form("put"),
    "put",
    shapes=(1,),
    sizes=lambda x, like, **_: like.dims,
)
stack: Primitive = Primitive(
    "stack",
    "np.stack([{*}], axis=1)",
    lambda g, y, position: take(g, t=position + 1),
    lambda S, *xs: S.no_matrix_form("stack"),
    "stack",
    sizes=lambda *xs: (xs[0].dims[0], Size.of("T", len(xs)), *xs[0].dims[1:]),
)
reverse: Primitive = Primitive(
    "reverse", "{0}[:, ::-1]", (lambda g, y, x: reverse(g),), lambda S, x: S.backwards(x), "reverse time"
)


def take(x: Node, t: int) -> Node:
    """Step t (from 1) of a sequence (N, T, ...); of a stack, the very node that was stacked."""
    return x.args[t - 1] if x.op is stack else take_op(x, t=t)


def concat_rule(g: Node, y: Node, position: int) -> Node:
    widths = [x.shape[-1] for x in y.args]
    if len(set(widths)) == 1:
        if len({x.step for x in y.args}) == 1:  # parts of one thing, not the steps of a sequence
            return block(g, k=position, parts=len(widths))
        return piece(g, y.args[position], t=position + 1)
    start = sum(widths[:position])
    return columns(g, start=start, stop=start + widths[position])


def _beside(*xs: Node) -> Sizes:
    over_time = [x.step for x in xs] == list(range(1, len(xs) + 1))
    widths = [x.dims[-1] for x in xs]
    whole = Size.of("T", len(xs)) * widths[0] if over_time else functools.reduce(operator.add, widths)
    return (*xs[0].dims[:-1], whole)


concat: Primitive = Primitive(
    "concat",
    "np.concatenate([{*}], axis=-1)",
    concat_rule,
    lambda S, *xs: S.beside(*xs),
    "concat",
    sizes=_beside,
)


def piece_rule(g: Node, y: Node, x: Node, like: Node, t: int) -> Node:
    return concat(*[g if k == t else zeros(like) for k in range(1, x.shape[-1] // like.shape[-1] + 1)])


piece: Primitive = Primitive(
    "piece",  # the t-th of the equal pieces, each as wide as {1}, of the columns of {0}
    "{0}[:, ({t} - 1) * {1}.shape[-1] : {t} * {1}.shape[-1]]",
    (piece_rule, None),
    lambda S, x, like, t: S.piece(x, like, t),
    "piece t",
    shapes=(1,),
    sizes=lambda x, like, t: like.dims,
)


def columns_rule(g: Node, y: Node, x: Node, start: int, stop: int) -> Node:
    width, none = x.shape[-1], zeros(x)
    left = [columns(none, start=0, stop=start)] if start else []
    right = [columns(none, start=stop, stop=width)] if stop < width else []
    return concat(*left, g, *right)


columns: Primitive = Primitive(
    "columns",
    "{0}[:, {start}:{stop}]",
    (columns_rule,),
    lambda S, x, start, stop: S.no_matrix_form("columns"),
    "columns",
    sizes=lambda x, start, stop: (*x.dims[:-1], Size.of(stop - start)),
)


def block_rule(g: Node, y: Node, x: Node, k: int, parts: int) -> Node:
    return concat(*[g if j == k else zeros(g) for j in range(parts)])


block: Primitive = Primitive(
    "block",  # the k-th, from 0, of so many equal parts of the columns: a gate of a fused kernel
    "np.split({0}, {parts}, axis=-1)[{k}]",
    (block_rule,),
    lambda S, x, k, parts: S.block(x, k, parts),
    "block",
    rows=(0,),
    sizes=lambda x, k, parts: (*x.dims[:-1], x.dims[-1].over(parts)),
)


def split(x: Node, parts: int) -> list[Node]:
    """The columns of x in so many equal parts: ``i, f, g, o = split(x @ W + h @ U, 4)``. ValueError if they do not fit.

    >>> i, f = split(leaf([[1.0, 2.0, 3.0, 4.0]]), 2)
    >>> f.value
    array([[3., 4.]])
    """
    if parts < 1 or x.shape[-1] % parts:
        raise ValueError(f"{x.shape[-1]} columns cannot be split into {parts} equal parts")
    return [block(x, k=k, parts=parts) for k in range(parts)]


nth_row: Primitive = Primitive(
    "nth_row",  # the k-th row, from 0, of a matrix of a fixed number of rows, such as the two biases of a GRU
    "{0}[{k}]",
    (lambda g, y, x, k: above(*[g if j == k else zeros(g) for j in range(x.shape[0])]),),
    lambda S, x, k: S.nth_row(x, k),
    "row",
    sizes=lambda x, k: x.dims[1:],
)
above: Primitive = Primitive(
    "above",  # vectors on top of each other
    "np.stack([{*}])",
    lambda g, y, position: nth_row(g, k=position),
    lambda S, *xs: S.above(*xs),
    "rows",
    sizes=lambda *xs: (Size.of(len(xs)), *xs[0].dims),
)

cut: Primitive = Primitive(
    "cut",  # the value alone: no cotangent passes, and no derivative of a complex step
    "{0}.real",
    (None,),
    lambda S, x: x,
    "✂",
    rows=(0,),
)
join: Primitive = Primitive(
    "join",  # two side by side
    "np.concatenate([{0}, {1}], axis=-1)",
    (lambda g, y, a, b: left(g, a), lambda g, y, a, b: right(g, b)),
    lambda S, a, b: S.beside(a, b),
    "concat",
    rows=(0, 1),
    sizes=lambda a, b: (*a.dims[:-1], a.dims[-1] + b.dims[-1]),
)
left: Primitive = Primitive(
    "left",  # as many columns of {0} from the left as {1} has
    "{0}[..., : {1}.shape[-1]]",
    (lambda g, y, x, like: join(g, zeros(columns(x, start=like.shape[-1], stop=x.shape[-1]))), None),
    lambda S, x, like: S.part(x, like, 1),
    "left part",
    shapes=(1,),
    rows=(0,),
    sizes=lambda x, like: (*x.dims[:-1], like.dims[-1]),
)
right: Primitive = Primitive(
    "right",  # as many columns of {0} from the right as {1} has
    "{0}[..., {0}.shape[-1] - {1}.shape[-1] :]",
    (lambda g, y, x, like: join(zeros(columns(x, start=0, stop=x.shape[-1] - like.shape[-1])), g), None),
    lambda S, x, like: S.part(x, like, 2),
    "right part",
    shapes=(1,),
    rows=(0,),
    sizes=lambda x, like: (*x.dims[:-1], like.dims[-1]),
)

# ------------------------------------------------------------------------------- the operators of Python, for readability


def _both(op: Primitive, a: Node, b: Node) -> Node:
    """op of two arrays of one shape; a row (M,) beside (N, M) is spread first, where it can be seen."""
    if a.shape != b.shape:
        if a.ndim == 2 and b.shape == a.shape[1:]:
            b = spread(b, a)
        elif b.ndim == 2 and a.shape == b.shape[1:]:
            a = spread(a, b)
        else:
            raise ValueError(f"{op.name}: shapes {a.shape} and {b.shape} differ; only a row can be spread over rows")
    return op(a, b)


def _plus(a: Node, b: Node | float) -> Node:
    return _both(add, a, b) if isinstance(b, Node) else shift(a, q=b)


def _minus(a: Node, b: Node | float) -> Node:
    return _both(subtract, a, b) if isinstance(b, Node) else shift(a, q=-b)


def _times(a: Node, b: Node | float) -> Node:
    return _both(multiply, a, b) if isinstance(b, Node) else scale(a, p=b)


def _over(a: Node, b: Node | float) -> Node:
    return _both(divide, a, b) if isinstance(b, Node) else scale(a, p=1 / b)


for _name, _operator in {
    "__add__": _plus,
    "__radd__": _plus,
    "__sub__": _minus,
    "__rsub__": lambda a, b: complement(a, q=b),
    "__mul__": _times,
    "__rmul__": _times,
    "__truediv__": _over,
    "__matmul__": lambda a, b: matmul(a, b),
    "__neg__": lambda a: negative(a),
}.items():
    setattr(Node, _name, _operator)

# Keras' names; None is linear too.
activations = {"linear": same, "tanh": tanh, "sigmoid": sigmoid, "relu": relu, "softmax": softmax, "exponential": exp}
