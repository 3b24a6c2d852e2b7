"""Products of matrices in the statements of a program, as calls of the kernels of kernels.h.

A statement ``c[.., i, j] = Σ_k a[.., i, k] b[.., k, j]`` is one call where the indices are so that rows and columns stand at
equal distances; of indices that stand one after the other in memory, such as steps and samples, one call serves all.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from ....engine.entries import Apply, Expr, Load, Number, Reduce, Var, all_parts, at_first, expr
from ....engine.sizes import ONE, Size, product
from ..scalars.fuse import groups, nest, sorted_by_kind
from ..scalars.lower import Code, Set, lowered, nested, terms_of
from ..scalars.program import Run, Statement
from .lines import C

WIDEST = 64  # columns by which a packed matrix may be filled up
Call = Callable[[bool], list[Any]]  # the code of a product, which is added to what is there or not


class Axes(NamedTuple):
    """Where the indices of an entry stand: of each its place among the axes, and what is written at each place."""

    load: Load
    at: tuple[Expr, ...]  # of all axes, that of the steps first where there is one
    places: dict[Var, int]
    dims: tuple[Size, ...]

    @classmethod
    def of(cls, load: Load, timed: bool, dims: tuple[Size, ...]) -> Axes | None:
        """Those of an entry; None where an index is not simple. `timed`: the array has an axis of steps."""
        index = (*([load.step] if load.step is not None and timed else []), *load.index)
        places: dict[Var, int] = {}
        for place, x in enumerate(index):
            found = [part for part in all_parts(x) if isinstance(part, Var)]
            if len(found) > 1 or (found and (found[0] in places or not _shifted(x, found[0]))):
                return None
            places |= dict.fromkeys(found, place)
        return cls(load, index, places, dims)

    def stride(self, var: Var) -> Size:
        return product(self.dims[self.places[var] + 1 :])

    def follows(self, inner: Var, var: Var) -> bool:
        """Whether the whole of `inner` stands in memory between one value of `var` and the next."""
        place = self.places[inner]
        return place == self.places[var] + 1 and self.dims[place] == inner.size and self.at[place] == inner


class Products:
    """The statements of a program as loops and calls.

    `packed` are the matrices that are rearranged for a product, with the memory for it; `once`: of those that stay as they
    are the lines that do it, by the array that is to be there by then.
    """

    def __init__(self, printer: C, dims: Callable[[int], tuple[Size, ...]]) -> None:
        self.printer, self.dims = printer, dims
        self.packed: dict[tuple[Any, ...], tuple[str, Size]] = {}
        self.once: dict[int, list[str]] = {}

    def code(self, run: Run, notes: Sequence[str]) -> Code:
        """The statements of a run, each with its note: products as calls, what stands between them in loops in common."""
        all_steps = (run.step,) if isinstance(run.step, Var) and run.down is None else ()
        statements = [s._replace(over=(*all_steps, *s.over)) for s in run.statements]
        found: Code = []
        waiting: list[int] = []

        def write() -> None:
            places = iter(waiting)
            for group in groups([statements[k] for k in waiting]):
                found.extend(nest(group, [notes[k] for k in itertools.islice(places, len(group))]))
            waiting.clear()

        for k in sorted_by_kind(statements, self._has_own_loops):
            if self._has_own_loops(statements[k]):
                write()
                found.extend([*filter(None, [notes[k]]), self._own_loops(statements[k])])
            else:
                waiting.append(k)
        write()
        return found

    def _has_own_loops(self, statement: Statement) -> bool:
        """Whether it is a product of matrices, or sums up rows."""
        products = any(self._product(statement.target, statement.over, t) for t in terms_of(statement.value))
        return products or self._column_sum(*statement) is not None

    def _own_loops(self, statement: Statement) -> Code:
        target, value, over = statement
        calls = {t: call for t in terms_of(value) if (call := self._product(target, over, t)) is not None}
        if not calls:
            return self._column_sum(target, value, over) or []
        rest = sum((t for t in terms_of(value) if t not in calls), Number(0))
        code = lowered(Statement(target, rest, over)) if len(calls) < len(terms_of(value)) else []
        for call in calls.values():
            code += call(bool(code))
        return code

    def _axes(self, load: Load) -> Axes | None:
        return Axes.of(load, load.array in self.printer.timed, self.dims(load.array))

    def _together(self, group: list[Var], axes: list[Axes]) -> list[list[Var]]:
        """The indices in runs that stand one after the other in memory in all these arrays, the outermost first."""
        runs: list[list[Var]] = [[group[-1]]] if group else []
        for var in reversed(group[:-1]):
            if all(a.follows(runs[0][0], var) for a in axes):
                runs[0].insert(0, var)
            else:
                runs.insert(0, [var])
        return runs

    def _product(self, target: Load, over: tuple[Var, ...], term: Expr) -> Call | None:
        """A function that gives the code which adds the term to the target, if it is a product of matrices; else None."""
        if not (isinstance(term, Reduce) and term.kind == "+"):
            return None
        body = term.body
        factors = body.args if isinstance(body, Apply) and body.op == "*" else (body,)
        if not all(isinstance(f, Load) for f in factors):
            return None
        out, *axes = [self._axes(x) for x in [target, *factors] if isinstance(x, Load)]
        if out is None or None in axes:
            return None
        a, *more = [a for a in axes if a is not None]
        return self._matrices(out, a, more[0], over, term) if more else self._sum_of_rows(out, a, over, term)

    def _sum_of_rows(self, out: Axes, b: Axes, over: tuple[Var, ...], term: Reduce) -> Call | None:
        sums = list(term.over)
        if not all(v in b.places for v in sums) or not over or any(v not in out.places for v in over):
            return None
        col = max(over, key=lambda v: out.places[v])
        if col not in b.places or out.stride(col) != ONE or b.stride(col) != ONE:
            return None
        sums.sort(key=lambda v: b.places[v])
        outer, inner = self._split(sums, [b])
        loops = [v for v in over if v is not col]

        def call(add: bool) -> list[Any]:
            def lines() -> list[str]:
                n, k = self._length([col]), self._length(inner)
                at_b, at_c = self._address(b, [col, *inner]), self._address(out, [col])
                ldb = self.printer.size(b.stride(inner[-1]))
                return [f"sum_rows({self._add(add, outer)}, {n}, {k}, {at_b}, {ldb}, {at_c});"]

            return self._looped(loops, outer, add, out, [col], lines)

        return call

    def _matrices(self, out: Axes, a: Axes, b: Axes, over: tuple[Var, ...], term: Reduce) -> Call | None:
        sums = list(term.over)
        if not over or any(v not in out.places for v in over):
            return None
        col = max(over, key=lambda v: out.places[v])
        if col in a.places and col not in b.places:
            a, b = b, a
        if col in a.places or col not in b.places or out.stride(col) != ONE:
            return None
        if not all(v in a.places and v in b.places for v in sums):
            return None
        rows = [v for v in over if v is not col and v in a.places and v not in b.places]
        loops = [v for v in over if v is not col and v not in rows]
        rows.sort(key=lambda v: out.places[v])
        sums.sort(key=lambda v: b.places[v])
        outer_rows, inner_rows = self._split(rows, [out, a])
        outer_sums, inner_sums = self._split(sums, [a, b])
        if not inner_sums:
            return None
        k = inner_sums[-1]
        row = inner_rows[-1] if inner_rows else None
        a_in, b_in, b_col = a.stride(k), b.stride(k), b.stride(col)
        a_row = a.stride(row) if row is not None else ONE
        if a_in == ONE:
            kind = "product"
        elif (a_row == ONE or row is None) and b_col == ONE and row is not None:
            kind = "outer"
        else:
            return None
        if kind == "product" and (len(inner_sums) > 1 or k.size is None or col.size is None):
            return None  # of a step there is no matrix in memory

        def call(add: bool) -> list[Any]:
            def lines() -> list[str]:
                n, length = self._length([col]), self._length(inner_sums)
                m = self._length(inner_rows) if inner_rows else "1"
                size = self.printer.size
                at_a = self._address(a, [*inner_rows, *inner_sums])
                at_c = self._address(out, [*inner_rows, col])
                ldc = size(out.stride(row)) if row is not None else n
                adds = self._add(add, outer_sums)
                if kind == "outer":
                    at_b, ldb = self._address(b, [*inner_sums, col]), size(b_in)
                    return [f"outer({adds}, {m}, {n}, {length}, {at_a}, {size(a_in)}, {at_b}, {ldb}, {at_c}, {ldc});"]
                lda = size(a_row) if row is not None else length
                before, room = self._packed(b, k, col)
                return [*before, f"product({adds}, {m}, {n}, {length}, {at_a}, {lda}, {room}, {at_c}, {ldc});"]

            return self._looped([*loops, *outer_rows], outer_sums, add, out, [*inner_rows, col], lines)

        return call

    def _split(self, group: list[Var], axes: list[Axes]) -> tuple[list[Var], list[Var]]:
        """The indices that are looped over, and those that stand together in memory."""
        if not group:
            return [], []
        runs = self._together(group, axes)
        return [v for run in runs[:-1] for v in run], runs[-1]

    def _packed(self, b: Axes, k: Var, col: Var) -> tuple[list[str], str]:
        """The matrix in panels: one that stays as it is once, all others before the product."""
        assert k.size is not None and col.size is not None
        sizes = [self.printer.size(size) for size in (b.stride(k), b.stride(col))]
        said = ", ".join([self._length([k]), self._length([col]), self._address(b, [k, col]), *sizes])
        stays = b.load.step is None
        key = (said,) if stays else (said, len(self.packed))
        if key not in self.packed:
            name = f"packed_{len(self.packed)}"
            self.packed[key] = name, k.size * (col.size + WIDEST)
            if stays:
                self.once.setdefault(b.load.array, []).append(f"pack({said}, {name});")
        name = self.packed[key][0]
        return ([] if stays else [f"pack({said}, {name});"]), name

    def _add(self, add: bool, outer_sums: list[Var]) -> str:
        return "1" if add or outer_sums else "0"

    def _length(self, group: list[Var]) -> str:
        """The number of values of some indices."""
        lengths = [expr(v.size) if v.size is not None else v.stop - v.start for v in group]
        return " * ".join(self.printer.integer(x, 6) for x in lengths)

    def _address(self, axes: Axes, merged: list[Var]) -> str:
        """Where an entry is, with the first value in place of the indices in `merged`."""
        inside = "".join(f"[{self.printer.integer(at_first(i, merged))}]" for i in axes.at)
        return f"&{self.printer.names[axes.load.array]}{inside or '[0]'}"

    def _looped(
        self, loops: list[Var], sums: list[Var], add: bool, out: Axes, inner: list[Var], lines: Callable[[], list[str]]
    ) -> list[Any]:
        code = nested(sums, [lines])
        if sums and not add:
            left = [v for v in out.places if v not in loops and v in inner]
            code = [*nested(left, [Set(out.load, Number(0))]), *code]
        return nested(loops, code)

    def _column_sum(self, target: Load, value: Expr, over: tuple[Var, ...]) -> Code | None:
        """Sums of what changes along the last axis in memory: added up row by row."""
        terms = terms_of(value)
        if not over or not any(isinstance(t, Reduce) and t.kind == "+" for t in terms):
            return None
        sums = [t for t in terms if isinstance(t, Reduce) and t.kind == "+"]
        last = over[-1]
        if target.index[-1:] != (last,):
            return None
        for t in sums:
            if any(isinstance(p, Reduce) for p in all_parts(t.body)):
                return None
            ends = [p for p in all_parts(t.body) if isinstance(p, Load) and p.index]
            if not any(p.index[-1] == last for p in ends) or any(p.index[-1] in t.over for p in ends):
                return None
            if any(v in all_parts(e) for v in over for w in t.over for e in (w.start, w.stop)):
                return None
        rest = sum((term for term in terms if term not in sums), Number(0))
        code = lowered(Statement(target, rest, over))
        for t in sums:
            code += nested([*t.over, *over], [Set(target, t.body, "+")])
        return code


def _shifted(index: Expr, var: Var) -> bool:
    """Whether the index is the variable, or it and something that does not change with it."""
    if index == var:
        return True
    if not isinstance(index, Apply) or index.op not in ("+", "-"):
        return False
    a, b = index.args
    either = [(a, b)] if index.op == "-" else [(a, b), (b, a)]
    return any(_shifted(one, var) and var not in all_parts(other) for one, other in either)
