"""Whether the samples of a program never meet but in sums: it can then be run for some samples after the others."""

from __future__ import annotations

from collections.abc import Mapping

from ....engine.entries import Apply, Expr, Load, Number, Reduce, Var, all_parts, parts
from ....engine.sizes import Size
from .program import Program, Statement

N = Size.of("N", 0)
SHARE = Apply("share", ())  # the number of samples of a block, over that of all


class Samples:
    """The arrays that have an entry for each sample, and those that are sums over samples.

    What is neither is the same for all samples; added to such a sum, as a penalty is, each block of samples has its share
    of it. `apart`: every result is one for each sample, or such a sum. `runs` are those of the program, with these shares.
    """

    def __init__(self, program: Program, given: Mapping[int, tuple[Size, ...]]) -> None:
        """`given` are the lengths of the axes of the arrays that are given."""
        self._dims, self._program = given, program
        self._sums: set[int] = set()
        results = program.results.families[len(program.results.outputs) :]
        self._results = {family.index for family in results}
        self.apart = all(self._has_place(dims) for dims in self._dims.values())
        self.runs = []
        for run in program.runs:
            statements = [self._kept_apart(statement) for statement in run.statements]
            self.apart = self.apart and None not in statements
            self.runs.append(run._replace(statements=[s for s in statements if s is not None]))
        if not self.apart:
            self.runs = program.runs

    def each(self, array: int) -> bool:
        """Whether it has an entry for each sample."""
        return N in self._of(array)

    def _of(self, array: int) -> tuple[Size, ...]:
        return self._dims[array] if array in self._dims else self._program.dims(array)

    def _has_place(self, dims: tuple[Size, ...]) -> bool:
        """Whether samples are the first axis, if they are in it at all."""
        return not any("N" in size.letters for size in dims[1:]) and (not dims or "N" not in dims[0].letters or dims[0] == N)

    def _kept_apart(self, statement: Statement) -> Statement | None:
        """The statement, of one sample or of a sum with shares; None if samples meet in it otherwise."""
        target, value = statement.target, statement.value
        samples = [v for v in statement.over if v.size == N]
        if self.each(target.array):
            place = self._of(target.array).index(N)
            return statement if target.index[place] in samples and self._of_one(value, samples[0]) else None
        if samples or any("N" in size.letters for size in self._of(target.array)):
            return None
        if self._is_same(value) and target.array not in self._results:
            return statement if target.array not in self._sums else None
        self._sums.add(target.array)
        found = self._as_sum(value)
        return None if found is None else statement._replace(value=found)

    def _is_same(self, x: Expr) -> bool:
        """Whether it is the same for all samples, whatever these are."""
        return not any(isinstance(p, Load) and (p.array in self._sums or self.each(p.array)) for p in all_parts(x))

    def _of_one(self, x: Expr, sample: Var) -> bool:
        """Whether it is computed of one sample."""
        if isinstance(x, Load) and x.array in self._sums:
            return False
        if isinstance(x, Load) and self.each(x.array) and x.index[self._of(x.array).index(N)] != sample:
            return False
        if isinstance(x, Reduce) and any(v.size == N for v in x.over):
            return False
        return all(self._of_one(part, sample) for part in parts(x))

    def _as_sum(self, x: Expr) -> Expr | None:
        """As a sum over samples, which is that of some and that of others added up; None if it is none."""
        if self._is_same(x):
            return x if x == Number(0) else x * SHARE
        match x:
            case Load():
                return x if x.array in self._sums else None
            case Reduce(kind="+"):
                samples = [v for v in x.over if v.size == N]
                if samples:
                    return x if len(samples) == 1 and self._of_one(x.body, samples[0]) else None
                body = self._as_sum(x.body)
                return None if body is None else Reduce("+", x.over, body)
            case Apply(op="+" | "-" | "neg"):
                args = tuple([a for a in map(self._as_sum, x.args) if a is not None])
                return Apply(x.op, args) if len(args) == len(x.args) else None
            case Apply(op="*") if self._is_same(x.args[0]):
                found = self._as_sum(x.args[1])
                return None if found is None else Apply("*", (x.args[0], found))
            case Apply(op="*" | "/") if self._is_same(x.args[1]):
                found = self._as_sum(x.args[0])
                return None if found is None else Apply(x.op, (found, x.args[1]))
        return None
