"""Expressions on their way to NumPy text: what NumPy does by itself (numbers, repeated rows) is told apart from arrays."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from ...engine.graph import Primitive
from ...engine.ops import (
    add,
    divided,
    expand,
    full,
    join,
    log_softmax,
    matmul,
    mean,
    multiply,
    negative,
    piece,
    same,
    scale,
    softmax,
    square,
    stack,
    sums,
    taken,
    transpose,
)  # fmt: skip
from ...engine.sizes import Size

Dims = tuple[str, ...]  # the length of each axis at one step, as a letter or a product of letters; () for a number
ROW_BY_ROW = {matmul, softmax, log_softmax, sums, mean}  # these look at a whole row, all others entry by entry


class Unwritable(Exception):
    """The fold cannot be written for all steps at once; the message says what is in the way."""


@dataclass(frozen=True)
class Uniform:
    """An array with one number in every entry: the product of `factors` divided by that of `over`."""

    factors: tuple[str, ...]
    over: Dims
    dims: Dims
    timed = False

    @property
    def text(self) -> str:
        above = product(self.factors)
        return f"{above} / {grouped(product(self.over))}" if self.over else above


@dataclass(frozen=True)
class Atom:
    """What needs no parentheses: a name, a part of an array. `timed`: it holds several steps, below each other."""

    text: str
    dims: Dims
    timed: bool = False


@dataclass(frozen=True)
class Broadcast:
    """A row or a column that NumPy repeats by itself."""

    inner: Term
    dims: Dims
    timed: bool = False


@dataclass(frozen=True)
class Scaled:
    """A number times an array."""

    number: Uniform
    inner: Term
    dims: Dims
    timed: bool = False


@dataclass(frozen=True)
class Call:
    """An operation on arrays."""

    op: Primitive
    args: tuple[Term, ...]
    attrs: tuple[tuple[str, Any], ...]
    dims: Dims
    timed: bool = False


Term = Uniform | Atom | Broadcast | Scaled | Call


def letters(sizes: Iterable[Any]) -> Dims:
    """Sizes as they are written in Python."""
    return tuple(str(size).replace("^", "_").replace("*", " * ") for size in sizes)


def dims_after(op: Primitive, dims: list[Dims], attrs: dict[str, Any]) -> Dims:
    """The lengths of the axes of the result of `op` on operands of these lengths."""
    if op in (expand, full):
        return letters(attrs["dims"])
    if op is matmul:
        return dims[0][:-1] + dims[1][1:]
    if op is transpose:
        return dims[0][::-1]
    if op is taken:
        return (dims[0][0], *dims[0][2:])
    if op is stack:
        return (dims[0][0], "T", *dims[0][1:])
    if op is join:
        return (dims[0][0], f"T * {dims[0][1]}")
    if op is piece:
        return (dims[0][0], *letters([attrs["width"]]))
    if op in (sums, mean):
        if attrs["axis"] is None:
            return ()
        return dims[0][1:] if attrs["axis"] == 0 else (*dims[0][:-1], "1")
    return dims[0]


def rows_of(op: Primitive, attrs: dict[str, Any]) -> tuple[int, ...]:
    """The operands that are read row by row."""
    return (0,) if op in (sums, mean) and attrs["axis"] == -1 else op.rows


def applied(op: Primitive, args: list[Term], attrs: dict[str, Any]) -> Term:
    """`op` on `args`: numbers are collected, repeated rows left to NumPy. Raises Unwritable where rows would be mixed."""
    dims = dims_after(op, [a.dims for a in args], attrs)
    if op is full:
        return Uniform((repr(attrs["value"]),), (), dims)
    first = args[0]
    if op is same:
        return first
    if op is divided and isinstance(attrs["p"], Size) and isinstance(first, Uniform):
        return Uniform(first.factors, first.over + letters([attrs["p"]]), dims)
    if op is divided and isinstance(attrs["p"], Size) and isinstance(first, Atom) and not first.dims:
        return Uniform((first.text,), letters([attrs["p"]]), dims)
    if op is expand and (isinstance(first, Uniform) or not first.dims):
        number = first if isinstance(first, Uniform) else Uniform((_number(first),), (), ())
        return Uniform(number.factors, number.over, dims)
    if op is expand:
        return Broadcast(first, dims, first.timed)
    if op is negative or op is scale:
        number = Uniform((repr(attrs["p"]) if op is scale else "-1",), (), ())
        if op is scale or isinstance(first, Uniform | Scaled):
            return _scaled(number, first)
    if op is multiply:
        for one, other in ((args[0], args[1]), (args[1], args[0])):
            if isinstance(one, Uniform):
                return _scaled(one, other)
    if op is mean and attrs["axis"] is None:
        return Atom(f"{total_text(first)} / {grouped(size(first))}", ())
    timed = any(a.timed for a in args)
    if timed:
        _demand_rows(op, args, attrs)
    return Call(op, tuple(args), tuple(attrs.items()), dims, timed)


def _demand_rows(op: Primitive, args: list[Term], attrs: dict[str, Any]) -> None:
    """Several steps below each other: a row of the result may need that row of the operands alone."""
    for position, arg in enumerate(args):
        if position in rows_of(op, attrs):
            if not arg.timed and (op in ROW_BY_ROW or not isinstance(arg, Uniform | Broadcast)):
                raise Unwritable(f"{op.name} of several steps and of one matrix")
        elif arg.timed:
            raise Unwritable(f"{op.name} of several steps")
        if isinstance(arg, Broadcast | Uniform) and op in ROW_BY_ROW:
            raise Unwritable(f"{op.name} of a repeated row")


def _number(term: Term) -> str:
    if term.dims or not isinstance(term, Atom):
        raise Unwritable("a number that is computed at every step")
    return term.text


def _scaled(number: Uniform, term: Term) -> Term:
    if isinstance(term, Uniform):
        return replace(term, factors=_factors(number.factors + term.factors), over=number.over + term.over)
    if isinstance(term, Scaled):
        both = _scaled(number, term.number)
        assert isinstance(both, Uniform)
        return replace(term, number=_by_its_size(both, term.inner))
    return Scaled(_by_its_size(number, term), term, term.dims, term.timed)


def _by_its_size(number: Uniform, term: Term) -> Uniform:
    """A number that is divided by the number of entries of what it is multiplied by: x.size."""
    own = isinstance(term, Atom) and term.text.isidentifier() and not term.timed
    return replace(number, over=(size(term),)) if own and number.over == (" * ".join(sorted(term.dims)),) else number


def _factors(factors: tuple[str, ...]) -> tuple[str, ...]:
    """Without ones, and two minus signs are none."""
    signs = factors.count("-1")
    rest = tuple(f for f in factors if f not in ("1", "-1"))
    sign = ("-1",) if signs % 2 else ()
    return sign + rest or ("1",)


def total_text(term: Term) -> str:
    """The sum of all entries, as NumPy text."""
    if isinstance(term, Call) and term.op is square and isinstance(term.args[0], Atom):
        return f"np.vdot({term.args[0].text}, {term.args[0].text})"
    if isinstance(term, Call) and term.op is negative:
        return f"-{total_text(term.args[0])}"
    if isinstance(term, Broadcast | Uniform):
        raise Unwritable("the sum of a repeated row")
    return f"{grouped(written(term))}.sum()"


def size(term: Term) -> str:
    """The number of entries of one matrix."""
    while isinstance(term, Call) and term.op.rows and term.args[0].dims == term.dims:
        term = term.args[0]
    if isinstance(term, Atom) and term.text.isidentifier() and not term.timed:
        return f"{term.text}.size"
    return product(sizes(term.dims))


def sizes(dims: Dims) -> Dims:
    """The lengths that make up the number of entries."""
    return tuple(d for d in dims if d != "1")


def product(factors: tuple[str, ...]) -> str:
    """The factors as a product, -1 as a sign."""
    rest = [f for f in factors if f not in ("1", "-1")]
    sign = "-" if "-1" in factors else ""
    return sign + (" * ".join(rest) or "1")


def grouped(text: str) -> str:
    """In parentheses, unless it is a name, a number, a call or a part of an array."""
    return text if _holds_together(text) else f"({text})"


def _holds_together(text: str) -> bool:
    depth = 0
    for c in text:
        depth += (c in "([") - (c in ")]")
        if depth == 0 and c in " -+*/@<>&|":
            return False
    return True


def written(term: Term) -> str:
    """The term as an expression that makes a new array."""
    if isinstance(term, Atom | Uniform):
        return term.text
    if isinstance(term, Broadcast):
        return written(term.inner)
    if isinstance(term, Scaled):
        return f"{grouped(term.number.text)} * {grouped(written(term.inner))}"
    if term.op is matmul:
        return f"{grouped(written(term.args[0]))}.dot({written(term.args[1])})"
    return filled(term.op.text(dict(term.attrs)), [written(a) for a in term.args], dict(term.attrs), term.op is add)


def filled(template: str, operands: list[str], attrs: dict[str, Any], sums: bool = False) -> str:
    """The template with its fields filled in; operands in parentheses where the text around them needs it."""

    def put(match: re.Match[str]) -> str:
        key = match[1]
        if not key.isdigit():
            value = attrs[key]
            return grouped(str(value).replace("*", " * ")) if isinstance(value, Size) else str(value)
        text = operands[int(key)]
        before, after = template[: match.start()], template[match.end() :]
        alone = before[-1:] in ("(", "") or before.endswith(", ")
        alone = alone and (after[:1] in (")", ",", "") or (sums and key == "0"))
        base = re.fullmatch(r"(.+?) ?\*\* ?2", text)  # binds closer than what may stand around it
        alone = alone or bool(base and _holds_together(base[1]) and before.endswith((" - ", " + ")) and not after)
        return text if alone else grouped(text)

    text = re.sub(r"\{(\w+)\}", put, template)
    return re.sub(r"\b(\w+) \*\* 2", r"\1**2", text)
