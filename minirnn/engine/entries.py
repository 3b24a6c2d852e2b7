"""What an operation computes, entry by entry: expressions in numbers, in entries of arrays and in sums over an index.

An entrywise operation needs no form of its own: its NumPy text, read with expressions in place of arrays, is its
expression. What moves, repeats or adds up entries says so by indices: ``matmul[i, j] = Σ_k a[i, k] b[k, j]``.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace
from typing import Any

from .sizes import Size, Sizes, product

Index = tuple["Expr", ...]


def _applying(op: str) -> Callable[[Expr, Any], Expr]:
    return lambda self, other: Apply(op, (self, expr(other)))


class Expr:
    """An expression; Python's operators make larger ones, sizes and whole numbers are added up at once."""

    real = property(lambda self: self)  # of a real number
    dtype = None

    def astype(self, _: Any) -> Expr:
        return Apply("number", (self,)) if isinstance(self, Apply) and self.op in COMPARISONS else self

    def __add__(self, other: Any) -> Expr:
        a, b = self, expr(other)
        sizes = as_size(a), as_size(b)
        if sizes[0] is not None and sizes[1] is not None:
            return expr(sizes[0] + sizes[1])
        if isinstance(b, Number) and b.value == 0:
            return a
        if isinstance(a, Number) and a.value == 0:
            return b
        if sizes[1] is not None and isinstance(a, Apply) and a.op == "+" and as_size(a.args[1]) is not None:
            return a.args[0] + (a.args[1] + b)
        return Apply("+", (a, b))

    def __radd__(self, other: Any) -> Expr:
        return Apply("+", (expr(other), self)) if other != 0 else self

    def __sub__(self, other: Any) -> Expr:
        other = expr(other)
        sizes = as_size(self), as_size(other)
        if sizes[0] is not None and sizes[1] is not None:
            return expr(sizes[0] - sizes[1])
        if isinstance(other, Number):
            return self + (-other.value) if isinstance(other.value, int) else Apply("-", (self, other))
        if isinstance(self, Number) and self.value == 0:
            return -other
        return Apply("-", (self, other))

    def __rsub__(self, other: Any) -> Expr:
        return expr(other) - self

    def __mul__(self, other: Any) -> Expr:
        other = expr(other)
        ones = [x for x in (self, other) if not (isinstance(x, Number) and x.value == 1)]
        return Apply("*", (self, other)) if len(ones) == 2 else ones[0] if ones else self

    def __rmul__(self, other: Any) -> Expr:
        return expr(other) * self

    def __rtruediv__(self, other: Any) -> Expr:
        return expr(other) / self

    def __pow__(self, power: Any) -> Expr:
        return Apply("square", (self,)) if power == 2 else Apply("power", (self, expr(power)))

    def __neg__(self) -> Expr:
        if isinstance(self, Number):
            return Number(-self.value)
        return self.args[0] if isinstance(self, Apply) and self.op == "neg" else Apply("neg", (self,))

    __truediv__, __floordiv__, __mod__ = map(_applying, ("/", "//", "%"))
    __gt__, __lt__, __ge__, __le__ = map(_applying, (">", "<", ">=", "<="))
    __and__, __or__ = map(_applying, ("and", "or"))

    def is_(self, other: Any) -> Expr:
        """Whether both are the same number; ``==`` compares expressions."""
        return Apply("==", (self, expr(other)))

    def is_not(self, other: Any) -> Expr:
        """Whether they are different numbers, as the number 1 or 0."""
        return Apply("!=", (self, expr(other))).astype(None)


COMPARISONS = {">", "<", ">=", "<=", "==", "!=", "and", "or"}


@dataclass(frozen=True)
class Number(Expr):
    value: Any


@dataclass(frozen=True)
class Count(Expr):
    """A size as a number."""

    size: Size


@dataclass(frozen=True)
class Var(Expr):
    """An index that runs from `start` to `stop`, which is left out."""

    serial: int
    start: Expr
    stop: Expr
    size: Size | None = None  # None: an index of time steps
    down: bool = False


@dataclass(frozen=True)
class Load(Expr):
    """An entry of an array, at a step if it has steps."""

    array: int
    step: Expr | None
    index: Index


@dataclass(frozen=True)
class Apply(Expr):
    """A function of numbers, by NumPy's name, or one of Python's operators."""

    op: str
    args: tuple[Expr, ...]


@dataclass(frozen=True)
class Reduce(Expr):
    """The sum ("+") or the largest ("max") of `body` over indices."""

    kind: str
    over: tuple[Var, ...]
    body: Expr


_serial = itertools.count().__next__


def expr(x: Any) -> Expr:
    """A number or a size as an expression."""
    if isinstance(x, Size):
        return Number(x.n) if x.is_number else Count(x)
    return x if isinstance(x, Expr) else Number(x)


def as_size(x: Expr) -> Size | None:
    """The size that an expression is; None for all else."""
    if isinstance(x, Number):
        return Size.of(x.value) if isinstance(x.value, int) else None
    return x.size if isinstance(x, Count) else None


def index_over(size: Size) -> Expr:
    """A fresh index over an axis; 0 where there is one entry."""
    return Number(0) if size == 1 else Var(_serial(), Number(0), expr(size), size)


def step_over(start: Expr, stop: Expr, down: bool = False) -> Var:
    """A fresh index over time steps."""
    return Var(_serial(), start, stop, None, down)


def reduced(kind: str, var: Expr, body: Expr) -> Expr:
    if not isinstance(var, Var):
        return body
    if isinstance(body, Reduce) and body.kind == kind:
        return Reduce(kind, (var, *body.over), body.body)
    return Reduce(kind, (var,), body)


def total(size: Size, body: Callable[[Expr], Expr], kind: str = "+") -> Expr:
    """Σ body(k) over an axis."""
    k = index_over(size)
    return reduced(kind, k, body(k))


def largest(size: Size, body: Callable[[Expr], Expr]) -> Expr:
    """The largest body(k) over an axis."""
    return total(size, body, "max")


def choice(condition: Expr, a: Any, b: Any) -> Expr:
    return Apply("where", (condition, expr(a), expr(b)))


class Operand:
    """An operand of an operation: ``x[i, j]`` is an entry, ``x.dims`` are the sizes of its axes."""

    def __init__(self, dims: Sizes, entry: Callable[[Index], Expr]) -> None:
        self.dims, self._entry = dims, entry

    def __getitem__(self, index: Any) -> Expr:
        return self._entry(tuple(map(expr, index if isinstance(index, tuple) else (index,))))

    @property
    def size(self) -> Expr:
        """The number of entries."""
        return expr(product(self.dims))


class Scalars:
    """What an entrywise operation calls NumPy when it is read with expressions."""

    where = staticmethod(choice)

    @staticmethod
    def clip(x: Expr, low: Any, high: Any) -> Expr:
        return Apply("minimum", (Apply("maximum", (x, expr(low))), expr(high)))

    def __getattr__(self, name: str) -> Callable[..., Expr]:
        return lambda *args: Apply(name, tuple(map(expr, args)))


SCALARS = Scalars()


def parts(x: Expr) -> tuple[Expr, ...]:
    """The expressions that an expression is made of."""
    match x:
        case Load():
            return (*([] if x.step is None else [x.step]), *x.index)
        case Apply():
            return x.args
        case Reduce():
            return (*[end for v in x.over for end in (v.start, v.stop)], x.body)
    return ()


def all_parts(x: Expr) -> Iterator[Expr]:
    """The expression and all that it is made of."""
    waiting = [x]
    while waiting:
        x = waiting.pop()
        yield x
        waiting.extend(parts(x))


def changed(x: Expr, change: Callable[[Expr], Expr]) -> Expr:
    """The expression with `change` made to each part, the innermost first."""
    match x:
        case Load():
            step = None if x.step is None else changed(x.step, change)
            x = replace(x, step=step, index=tuple([changed(i, change) for i in x.index]))
        case Apply():
            args = [changed(a, change) for a in x.args]
            x = args[0] + args[1] if x.op == "+" else args[0] - args[1] if x.op == "-" else replace(x, args=tuple(args))
        case Reduce():
            x = replace(x, body=changed(x.body, change))
    return change(x)


def at_first(x: Expr, over: Collection[Expr]) -> Expr:
    """The expression at the first value of these indices."""
    return changed(x, lambda part: part.start if isinstance(part, Var) and part in over else part)
