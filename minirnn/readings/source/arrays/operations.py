"""Operations on terms: of one step, or of all steps at once, along a first axis of steps."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from ....engine import escapes
from ....engine.graph import Primitive, same
from ....engine.ops import (
    DOTS,
    MULTIPLY,
    Key,
    add,
    block,
    divided,
    expand,
    full,
    join,
    largest,
    log_softmax,
    logistic_loss,
    matmul,
    mean,
    multiply,
    negative,
    onehot,
    outer,
    part,
    permute,
    present,
    reshape,
    scale,
    shares,
    softmax,
    stack,
    sums,
    total,
    transpose,
    where,
)  # fmt: skip
from ....engine.rules import EACH
from ....engine.sizes import ONE, Size, Sizes
from ..terms import Call, Number, Term, Text, Unliftable, grouped, scaled, shape_text, size_text

BY_ROW = {softmax, log_softmax, logistic_loss, shares, present, onehot}  # they look along the last axis alone
PRODUCT = "{0}.dot({1})"


class Writer:
    """Applies operations to terms; `dtype` gives the text of the dtype of that name."""

    def __init__(self, dtype: Callable[[str], str]) -> None:
        self.dtype = dtype

    def applied(self, op: Primitive, args: list[Term], attrs: dict[str, Any], dims: Sizes) -> Term:
        """`op` on `args`: numbers are collected, repeated rows left to NumPy. Raises Unliftable."""
        if op is full:
            return Number(attrs["value"], (), dims, (), attrs["dtype"])
        first = args[0]
        if op is same:
            return first
        if op is expand:
            return self._repeated(first, dims)
        if op is total:
            found = first
            for arg in args[1:]:
                found = self.applied(add, [found, arg], {}, dims)
            return found
        if op is divided and isinstance(first, Number):
            p = attrs["p"]
            return first.times(1, (p,)) if isinstance(p, Size) else replace(first, value=first.value / p)
        if op in (negative, scale):
            return replace(scaled(Number(attrs.get("p", -1), (), dims), first), dims=dims)
        if op is multiply:
            for one, other in ((first, args[1]), (args[1], first)):
                if isinstance(one, Number):
                    return replace(scaled(one, other), dims=dims)
        if op is add:
            for one, other in ((first, args[1]), (args[1], first)):
                if isinstance(one, Number) and one.value == 0 and other.own == dims:
                    return other
        if op.entry == EACH:
            return self._entrywise(op, args, attrs, dims)
        if op is block:
            return _columns(self.whole(first), attrs["k"], dims)
        timed = any(arg.timed for arg in args)
        args = [self.whole(arg) for arg in args]
        template, attrs = lifted(op, args, attrs) if timed else (self._plain(op, args, attrs), attrs)
        plain = op in MULTIPLY and template == PRODUCT
        into = "{0}.dot({1}, {out})" if plain else "np.matmul({0}, {1}, {out})" if template == "{0} @ {1}" else None
        return Call(self._with(template, attrs), tuple(args), dims, dims, timed, into, op)

    def _plain(self, op: Primitive, args: list[Term], attrs: dict[str, Any]) -> str:
        """The text of one step: of two matrices `dot` is the same product, called in half the time."""
        if op in MULTIPLY and op not in DOTS.values() and all(len(arg.dims) == 2 for arg in args):
            return PRODUCT
        return _spelled_out(op, args, attrs)

    def _entrywise(self, op: Primitive, args: list[Term], attrs: dict[str, Any], dims: Sizes) -> Term:
        text = op.text(attrs)  # a number of Python has no methods
        args = [self.array_of(x) if isinstance(x, Number) and f"{{{k}}}." in text else x for k, x in enumerate(args)]
        if not any(arg.own == dims for arg in args) and len({arg.own for arg in args}) > 1:
            args = [self.whole(args[0]), *args[1:]]
        own = max((arg.own for arg in args), key=len) if not any(arg.own == dims for arg in args) else dims
        timed = any(arg.timed for arg in args)
        longest = max(len(arg.own) for arg in args)
        args = [_deepened(arg, longest) for arg in args]
        into = None if op.into is None else self._with(op.into, attrs)
        kinds = [x.dtype for x in args if isinstance(x, Number)]
        if op is where and len(kinds) == 2:  # NumPy makes float64 of two numbers
            text += f".astype({self.dtype(max(kinds))})"
        return Call(self._with(text, attrs), tuple(args), dims, own, timed, into, op)

    def _repeated(self, x: Term, dims: Sizes) -> Term:
        """What `expand` gives: the same, repeated by NumPy."""
        lead = len(dims) - len(x.own)
        fits = all(a in (b, ONE) for a, b in zip(x.own, dims[lead:]))
        if not fits:
            raise Unliftable("repeated along other axes")
        return replace(x, dims=dims)

    def whole(self, x: Term) -> Term:
        """The term with every entry there."""
        if isinstance(x, Number):
            return self.array_of(x)
        if x.own == x.dims:
            return x
        if x.timed:
            deep = _deepened(x, len(x.dims))
            return Text(f"np.broadcast_to({deep.text}, {shape_text(x.dims, f'len({x.text})')})", x.dims, x.dims, True)
        return Call(f"np.broadcast_to({{0}}, {shape_text(x.dims)})", (x,), x.dims, x.dims)

    def array_of(self, x: Number, dtype: str | None = None) -> Text:
        """An array of one number."""
        shape = shape_text(x.dims) if x.dims else "()"
        kind = self.dtype(dtype or x.dtype)
        text = f"np.zeros({shape}, {kind})" if x.value == 0 else f"np.full({shape}, {x.text}, {kind})"
        return Text(text, x.dims, x.dims)

    def _with(self, template: str, attrs: dict[str, Any]) -> str:
        """The template with attributes in the place of their names."""

        def put(match: re.Match[str]) -> str:
            key = match[1]
            if key not in attrs:
                return match[0]
            text = self._attribute(key, attrs[key])
            before, after = template[: match.start()], template[match.end() :]
            alone = (before[-1:] in "([" and after[:1] in ")],") or (before.endswith(", ") and after[:1] in "),]")
            return (text if alone else grouped(text)).replace("{", "{{").replace("}", "}}")

        return re.sub(r"\{(\w+)\}", put, template)

    def _attribute(self, key: str, value: Any) -> str:
        if key == "dtype":
            return self.dtype(str(value))
        if isinstance(value, Size):
            return size_text(value)
        if isinstance(value, Key):
            return re.sub("(, :)+$", "", repr(value))
        if isinstance(value, tuple) and any(isinstance(v, Size) for v in value):
            return shape_text([Size.of(v) for v in value])
        if isinstance(value, Text):
            return value.text
        return escapes.python(value) if isinstance(value, str) else escapes.number(value)


def _columns(x: Term, k: int, dims: Sizes) -> Term:
    """The k-th of the equal blocks of columns."""
    ends = [size_text(j * dims[-1]) if j else "" for j in (k, k + 1)]
    simple = all(end.isidentifier() or not end for end in ends)
    lead = "" if len(dims) == 1 and not x.timed else "..., " if len(dims) + x.timed > 2 else ":, "
    return Text(f"{grouped(x.text)}[{lead}{(':' if simple else ' : ').join(ends).strip()}]", dims, dims, x.timed)


def _deepened(x: Term, axes: int) -> Term:
    """A term of all steps with as many axes behind that of the steps."""
    missing = axes - len(x.own)
    if not x.timed or missing <= 0:
        return x
    return Text(f"{grouped(x.text)}[:{', np.newaxis' * missing}]", x.dims, x.own, True)


def lifted(op: Primitive, args: Sequence[Term], attrs: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """The text and attributes of an operation on all steps at once. Raises Unliftable where there are none."""
    timed, axes = [arg.timed for arg in args], [len(arg.dims) for arg in args]
    if op in BY_ROW and all(timed[: len(op.rows)]):
        return op.text(attrs), attrs
    if op in MULTIPLY and timed == [True, False] and axes[1] == 2 and axes[0]:
        return "{0} @ {1}", {}
    if op in MULTIPLY and timed == [False, True] and axes in ([2, 1], [2, 2]):
        return ("{1} @ {0}.T" if axes[1] == 1 else "{0} @ {1}"), {}
    if op in MULTIPLY and timed == [True, True] and axes == [2, 2]:
        return "{0} @ {1}", {}
    if op is outer and timed == [True, True]:
        return "{0}[:, :, np.newaxis] * {1}[:, np.newaxis]", {}
    if op is transpose and axes[0] == 2:
        return "{0}.swapaxes(1, 2)", {}
    if op is permute:
        return "{0}.transpose({axes})", {"axes": (0, *(a + 1 for a in attrs["axes"]))}
    if op in (sums, mean, largest) and axes[0]:
        axis = attrs["axis"]
        places = range(axes[0]) if axis is None else (axis,) if isinstance(axis, int) else axis
        moved = tuple([a % axes[0] + 1 for a in places])
        return op.text({"axis": moved, "keepdims": attrs["keepdims"]}), {"axis": moved[0] if len(moved) == 1 else moved}
    if op is reshape:
        return "{0}.reshape({dims})", {"dims": Text(shape_text(attrs["dims"], "-1"), (), ())}
    if op is part and not any(k is Ellipsis or hasattr(k, "dtype") for k in attrs["key"]):
        return "{0}[{key}]", {"key": Key((slice(None), *attrs["key"]))}
    if op in (stack, join) and all(timed):
        axis = attrs["axis"]
        return _spelled_out(op, args, attrs), {"axis": axis if axis < 0 else axis + 1}
    raise Unliftable(op.name)


def _spelled_out(op: Primitive, args: Sequence[Term], attrs: dict[str, Any]) -> str:
    """The text of an operation, with a field for each of its operands."""
    return op.text(attrs).replace("{*}", ", ".join(f"{{{k}}}" for k in range(len(args))))


def summed_over_time(term: Term, rows: Callable[[Term], Term]) -> Term:
    """The sum over the first axis; of products, one product of the rows of all steps."""
    if isinstance(term, Call) and term.op is not None:
        a, *b = term.args
        if term.op is matmul and isinstance(a, Call) and a.op is transpose and a.timed and b[0].timed:
            inner = a.args[0]
            return Call("{0}.T.dot({1})", (rows(inner), rows(b[0])), term.dims, term.dims, op=matmul)
        if term.op is outer:
            return Call("{0}.T.dot({1})", (a, b[0]), term.dims, term.dims, op=matmul)
        if term.op is sums and a.timed and len(a.dims) == 2 and len(term.dims) == 1:
            return Call("{0}.sum(0)", (rows(a),), term.dims, term.dims, op=sums)
    return Call("{0}.sum(0)", (term,), term.dims, term.dims, op=sums)


def rows(term: Term) -> Term:
    """The matrices of all steps, one below the other."""
    return Text(f"{grouped(term.text)}.reshape(-1, {size_text(term.dims[-1])})", term.dims, term.dims)
