"""A statement as loops over numbers: a sum is taken in one place, and outside of the loops that it does not depend on."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from ....engine.entries import Apply, Expr, Load, Number, Reduce, Var, all_parts, at_first
from .program import Statement

Code = list[Any]


@dataclass(frozen=True)
class Local(Expr):
    """A number that is kept while loops run, such as a sum."""

    serial: int


@dataclass
class For:
    """The body for each value of an index."""

    var: Var
    body: list[Any] = field(default_factory=list)


@dataclass
class Set:
    """``target = value``; with `kind` "+" ``target += value``, with "max" the larger of both."""

    target: Load | Local
    value: Expr
    kind: str = ""


def nested(over: Sequence[Var], code: Code) -> Code:
    """The code in loops over these indices, the outermost first."""
    for var in reversed(over):
        code = [For(var, code)]
    return code


_serial = itertools.count().__next__


def lowered(statement: Statement) -> Code:
    """The loops of a statement."""
    over = list(statement.over)
    levels, value = _within(statement.value, over, top=True)
    last: Code = [Set(statement.target, value)]
    code = levels[len(over)] + last
    for k in range(len(over) - 1, -1, -1):
        code = [*levels[k], For(over[k], code)]
    return code


def _within(x: Expr, scope: list[Var], top: bool = False) -> tuple[list[Code], Expr]:
    """The expression without sums over indices, and what computes those, by how many loops of `scope` it is inside of."""
    levels: list[Code] = [[] for _ in range(len(scope) + 1)]

    def visit(x: Expr) -> Expr:
        if isinstance(x, Reduce):
            return taken(x)
        return Apply(x.op, tuple([visit(a) for a in x.args])) if isinstance(x, Apply) else x

    def summed(x: Reduce, found: Local) -> Code:
        """The loops that add to `found`; what does not depend on them goes to the level where it belongs."""
        inner = [*scope, *x.over]
        codes, body = _within(x.body, inner)
        for k in range(len(scope) + 1):
            levels[k] += codes[k]
        code: Code = [*codes[len(inner)], Set(found, body, x.kind)]
        for k in range(len(inner) - 1, len(scope) - 1, -1):
            code = [*(codes[k] if k > len(scope) else []), For(inner[k], code)]
        return code

    def taken(x: Reduce) -> Expr:
        found = Local(_serial())
        code = summed(x, found)
        start = Number(0) if x.kind == "+" else _first(x.body, x.over)
        levels[_depth(x, scope)] += [Set(found, start), *code]
        return found

    terms = terms_of(x)
    if top and any(_whole(term, scope) for term in terms):
        rest = [term for term in terms if not _whole(term, scope)]
        found = Local(_serial())
        here: Code = [Set(found, sum(map(visit, rest), Number(0)))]
        for term in terms:
            if isinstance(term, Reduce) and _whole(term, scope):
                here += summed(term, found)
        levels[len(scope)] += here
        return levels, found
    return levels, visit(x)


def _whole(x: Expr, scope: list[Var]) -> bool:
    """Whether it is a sum that is taken in the innermost loop."""
    return isinstance(x, Reduce) and x.kind == "+" and _depth(x, scope) == len(scope)


def terms_of(x: Expr) -> list[Expr]:
    """The terms of a sum."""
    return [t for a in x.args for t in terms_of(a)] if isinstance(x, Apply) and x.op == "+" else [x]


def _depth(x: Expr, scope: list[Var]) -> int:
    """The number of the innermost loop of `scope` that the expression depends on."""
    used = {p for p in all_parts(x) if isinstance(p, Var)}
    return max((k + 1 for k, var in enumerate(scope) if var in used), default=0)


def _first(body: Expr, over: tuple[Var, ...]) -> Expr:
    """The body at the first value of all indices: what the search for the largest begins with."""
    if any(isinstance(p, Reduce) for p in all_parts(body)):
        raise NotImplementedError("the largest of sums has no form in scalars")
    return at_first(body, over)
