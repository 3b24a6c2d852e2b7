"""What every definition of a fold says, as a matrix expression: the common ground of equations and walk."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import sympy as sp

from ...engine.fold import Definition, Family, Fixed, Folded, Ref, Span
from ...engine.names import Role
from ...engine.ops import CUTS, block, leaf_op, nth, reverse
from . import matrix as S
from .computed import Call, computed, flat, many_axes
from .evaluate import Values

if TYPE_CHECKING:
    from ...runs.run import Run


def in_order(folded: Folded, trace: Run) -> list[tuple[Family, Definition]]:
    """Every definition that says something, as the code goes; the gradients of the parameters last, in their order."""
    last = {name: place for place, name in enumerate(trace.parameters)}
    pairs = [(f, d) for f in folded.named for d in f.definitions if _says_something(f, d, folded, trace)]

    def place(pair: tuple[Family, Definition]) -> tuple[int, int]:
        family, definition = pair
        together = [d.serial for d in family.definitions if d.refs] if definition.refs else []
        assert family.name is not None
        place = -1 if family.name.of is None or family.name.immediate else last.get(str(family.name.quantity), -1)
        return place, min(together, default=definition.serial)

    return sorted(pairs, key=place)


MOST_NUMBERS = 12  # that an equation shows of an array in the code


def _says_something(family: Family, definition: Definition, folded: Folded, trace: Run) -> bool:
    """What is computed does; of a user's own code also the numbers in it, where they are few and the same at every step."""
    if definition.op is not leaf_op:
        return not given(definition, folded)
    if not trace.is_loop or family.role not in (Role.CONSTANT, Role.INITIAL_STATE) or family.first.value.ndim > 2:
        return False
    numbers = family.first.value
    if numbers.size > MOST_NUMBERS or not np.isfinite(numbers).all():
        return False
    steps = [None] if definition.domain is None else definition.domain.steps(folded.T)
    nodes = [trace.variables[str(family.name), step] for step in steps]
    return nodes[0] not in trace.data and all(np.array_equal(node.value, numbers) for node in nodes)


def blocks_of_weights(folded: Folded) -> dict[int, list[list[Family]]]:
    """By the family of each weight that is split into blocks its blocks, row by row of those that stand above each other."""
    found: dict[int, dict[int, dict[int, Family]]] = {}
    for family in folded.named:
        definition = family.definitions[0]
        if family.role is Role.BLOCK and definition.op is block:
            source, row = definition.refs[0].family, 0
            inner = folded.families[source].definitions[0]
            if inner.op is nth and folded.families[source].name is None:
                source, row = inner.refs[0].family, inner.attrs["k"]
            found.setdefault(source, {}).setdefault(row, {})[definition.attrs["k"]] = family
    return {source: [[row[k] for k in sorted(row)] for _, row in sorted(rows.items())] for source, rows in found.items()}


def given(definition: Definition, folded: Folded) -> bool:
    """A step of the data says nothing: x_t is x_t; a sequence that runs backwards is counted from its end."""
    if definition.op not in CUTS:
        return False
    while definition.op in CUTS or definition.op is reverse:
        source = folded.families[definition.refs[0].family]
        definition = source.definitions[0]
    return definition.op is leaf_op and source.role is not Role.PARAMETER


MOST_PARTS = 5_000  # of an equation; what a reader could follow has a hundred


class Expressions:
    """Expressions of families, nameless ones inlined; in order of first creation, so that every shape is known."""

    def __init__(self, folded: Folded) -> None:
        self.folded = folded
        self.shapes: dict[int, tuple[Any, Any] | None] = {}
        self.inlined: dict[int, Any] = {}
        self.parts: dict[int, int] = {}  # of how many parts what has no name is, written out wherever it is used
        self.results = {id(d): family.first for family in folded.families for d in family.definitions}
        for family in folded.families:
            if family.name is not None:
                self.shapes[family.index] = flat(family.first.dims)

    def sides(self, family: Family, definition: Definition) -> tuple[Any, Any]:
        assert family.name is not None
        lhs, rhs = S.quantity(family.name, self.shapes[family.index], S.t), self.expression(definition)
        domain = definition.domain
        if domain is None:
            return S.quantity(family.name, self.shapes[family.index]), rhs
        if domain.lo == domain.hi:
            only = {S.t: time_of(domain.lo)}
            return lhs.xreplace(only), rhs.xreplace(only)
        return lhs, rhs

    def of_blocks(self, source: int, rows: list[list[Family]]) -> tuple[Any, Any]:
        """A weight, and its blocks beside each other: W_x = [W_xi W_xf W_xc W_xo]."""
        lines = [S.beside(*[self._at(family, None) for family in row]) for row in rows]
        return self._at(self.folded.families[source], None), lines[0] if len(lines) == 1 else S.above(*lines)

    def expression(self, definition: Definition) -> Any:
        """The right side, as a function of t if the definition has steps."""
        self._demand_readable(definition)
        for family in self.folded.plumbing(definition):
            if family.index not in self.inlined:
                self.inlined[family.index] = self._written(family.definitions[0], family)
        return self._written(definition, self.folded.families[0])

    def _demand_readable(self, definition: Definition) -> None:
        """What uses itself twice, and that again twice, is written out no further."""

        def size(one: Definition) -> int:
            return 1 + sum(self.parts.get(ref.family, 1) for ref in one.refs)

        for inner in self.folded.plumbing(definition):
            if inner.index not in self.parts:
                self.parts[inner.index] = size(inner.definitions[0])
        if size(definition) > MOST_PARTS:
            name = self.results[id(definition)].name
            raise NotImplementedError(
                f"the equation of {name} would have {size(definition):,} parts, since what it is computed from has no names "
                "of its own: put it into variables"
            )

    def _written(self, definition: Definition, family: Family) -> Any:
        if definition.op is leaf_op:  # numbers in the code
            return _numbers((self.results[id(definition)].value * 1).tolist())
        indices = [self.folded.families[ref.family].first for ref in definition.refs[1:]]
        if definition.op.name in ("entry_at", "put_at", "update_at") and any(i.value.dtype == bool for i in indices):
            raise NotImplementedError(
                "what a computed mask chooses is of another size at every step: choose with np.where(mask, a, b)"
            )
        attrs = {key: self._attribute(key, value) for key, value in definition.attrs.items()}
        operands = [self._operand(ref) for ref in definition.refs]
        result = self.results[id(definition)]
        shapes = [self.folded.families[ref.family].first.shape for ref in definition.refs]
        whole = any(isinstance(getattr(x, "step", x), S.Sequence3) for x in operands)
        way = "plain" if whole else many_axes(definition.op, attrs, shapes, result.shape)
        if way == "same":
            return operands[0]
        if way == "matmul":
            return S.matmul(*operands)
        if way == "plain":
            try:
                found = definition.op.sympy(S, *operands, **attrs)
                if whole or result.ndim > 2 or (S.shape_of(found) is None) == (not result.ndim):
                    return found  # where axes of one are at stake it may have lost, or have got, one
            except NotImplementedError:
                if whole:
                    raise
        every = [shape for ref, shape in zip(definition.refs, shapes) for _ in range(self._times(ref))]
        plain = {key: value for key, value in definition.attrs.items() if key != "t"}
        time = attrs.get("t")
        call = Call(definition.op, plain if time is None else {**plain, "t": None}, tuple(every))
        return computed(call, operands, time, result.dims)

    def _times(self, ref: Ref) -> int:
        """How many operands a reference stands for."""
        if not isinstance(ref.where, Span):
            return 1
        lo, hi = (end.step(self.folded.T) for end in (ref.where.lo, ref.where.hi))
        return hi - lo + 1

    def _attribute(self, key: str, value: Any) -> Any:
        if isinstance(value, Fixed):
            return time_of(value)
        return S.t + value if key == "t" else value

    def _operand(self, ref: Ref) -> Any:
        family = self.folded.families[ref.family]
        if isinstance(ref.where, Span):
            return S.Over(self._at(family, S.t), time_of(ref.where.lo), time_of(ref.where.hi), ref.where.down)
        if isinstance(ref.where, Fixed):
            return self._at(family, time_of(ref.where))
        return self._at(family, None if ref.where is None else S.t + ref.where)

    def _at(self, family: Family, time: Any) -> Any:
        if family.name is None:
            inner = self.inlined[family.index]
            return inner if time is None else inner.xreplace({S.t: time})
        dims = family.first.dims
        if len(dims) == 3 and family.first.op is leaf_op and family.role is not Role.PARAMETER and not dims[1].is_number:
            return S.Sequence3(family.name, *map(S.size_symbol, (dims[0], dims[2], dims[1])))
        return S.quantity(family.name, self.shapes[family.index], time)


def _numbers(value: Any) -> Any:
    """A number, a row of them, or rows on top of each other."""
    if not isinstance(value, list):
        return S.scale(1, sp.sympify(value))
    return (S.above if isinstance(value[0], list) else S.beside)(*map(_numbers, value))


def time_of(where: Fixed) -> Any:
    return (S.size_symbol(where.length) if where.from_end else 0) + sp.Integer(where.offset)


def values_of(folded: Folded, trace: Run, wide: bool = False) -> Values:
    """The numbers of the run; `wide`: of the same run in float64."""
    variables = {key: trace.wide[node] for key, node in trace.variables.items()} if wide else trace.variables
    sizes: dict[Any, int] = {S.T: int(folded.T)} | {S.size_symbol(k): n for k, n in folded.T.others.items()}
    for family in folded.named:
        node = trace.variables.get((str(family.name), family.first.step))
        for size, n in zip(family.first.dims, node.shape if node else ()):
            if size.is_letter:
                sizes.setdefault(S.size_symbol(size), n)
    return Values(variables, sizes, folded.T)
