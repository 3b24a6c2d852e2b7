"""Where the indices of an entry stand among the axes of its array, and what they begin with."""

from __future__ import annotations

from typing import NamedTuple

from ...engine.entries import Apply, Count, Expr, Load, Number, Var, all_parts, expr
from ...engine.sizes import Size, product


class Axes(NamedTuple):
    """Where the indices of an entry stand: of each its place among the axes, and what the array begins with."""

    load: Load
    places: dict[Var, int]
    dims: tuple[Size, ...]

    def stride(self, var: Var) -> Size:
        return product(self.dims[self.places[var] + 1 :])


def shifted(index: Expr, var: Var) -> bool:
    """Whether the index is the variable, or it and something that does not change with it."""
    if index == var:
        return True
    if not isinstance(index, Apply) or index.op not in ("+", "-"):
        return False
    a, b = index.args
    if index.op == "-":
        return shifted(a, var) and var not in all_parts(b)
    return (shifted(a, var) and var not in all_parts(b)) or (shifted(b, var) and var not in all_parts(a))


def index_at(axes: Axes, var: Var) -> Expr:
    load = axes.load
    index = [*([load.step] if len(axes.dims) > len(load.index) else []), *load.index]
    found = index[axes.places[var]]
    assert found is not None
    return found


def begun(x: Expr, group: list[Var]) -> Expr:
    """The expression at the first value of some indices."""
    match x:
        case Var():
            return x.start if x in group else x
        case Apply():
            a = [begun(arg, group) for arg in x.args]
            return a[0] + a[1] if x.op == "+" else a[0] - a[1] if x.op == "-" else Apply(x.op, tuple(a))
    return x


def simple(x: Expr) -> Expr:
    """Counts and numbers added up: T - 1 + 1 - 1 is T - 1."""
    if isinstance(x, Apply) and x.op in ("+", "-"):
        size = as_size(x)
        return x if size is None else expr(size)
    return x


def as_size(x: Expr) -> Size | None:
    match x:
        case Count():
            return x.size
        case Number() if isinstance(x.value, int):
            return Size.of(x.value)
        case Apply() if x.op in ("+", "-"):
            a, b = map(as_size, x.args)
            return None if a is None or b is None else a + b if x.op == "+" else a - b
    return None


def offset(x: Expr) -> tuple[Var, int] | None:
    """An index and how far from it; None for all else."""
    if isinstance(x, Var):
        return x, 0
    if isinstance(x, Apply) and x.op == "+" and isinstance(x.args[0], Var) and isinstance(x.args[1], Number):
        return x.args[0], x.args[1].value
    return None
