"""Statements over the same entries, brought together in one loop where the order of their reads and writes allows it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ....engine.entries import Apply, Expr, Load, Var, all_parts, as_size, changed
from ....engine.sizes import Size
from .lower import Code, For, lowered, nested
from .program import Statement


def groups(statements: Sequence[Statement]) -> list[list[Statement]]:
    """Statements that follow each other, in groups that can be computed entry by entry, with indices in common."""
    found: list[list[Statement]] = []
    for statement in statements:
        joined = _joined(found[-1], statement) if found else None
        if joined is None:
            found.append([statement])
        else:
            found[-1].append(joined)
    return found


def nest(group: Sequence[Statement], notes: Sequence[str]) -> Code:
    """The loops of a group; above each statement stands its note."""
    codes = [lowered(statement) for statement in group]
    if len(group) == 1:
        return [*filter(None, notes), codes[0]]
    body: Code = []
    for code, note in zip(codes, notes):
        inner = code
        for _ in group[0].over:
            inner = inner[0].body
        body += [*filter(None, [note]), inner]
    return nested(group[0].over, body)


def sorted_by_kind(statements: Sequence[Statement], kind: Callable[[Statement], bool]) -> list[int]:
    """The places of the statements in an order that gives the same values, those of a kind after each other."""
    rest, order, last = list(range(len(statements))), [], True
    while rest:
        ready = [k for k in rest if not any(depends(statements[k], statements[before]) for before in rest[: rest.index(k)])]
        chosen = next((k for k in ready if kind(statements[k]) is last), ready[0])
        last = kind(statements[chosen])
        order.append(chosen)
        rest.remove(chosen)
    return order


def depends(later: Statement, before: Statement) -> bool:
    """Whether the later of two statements has to stay behind the other."""
    return (
        later.target.array == before.target.array
        or any(not _apart(load, before.target) for load in _loads(later))
        or any(not _apart(load, later.target) for load in _loads(before))
    )


def _joined(group: list[Statement], statement: Statement) -> Statement | None:
    """The statement with the indices of the group, if it can be computed in the same loops."""
    over = group[0].over
    alike = len(over) == len(statement.over) and all(
        (a.size, a.start, a.stop) == (b.size, b.start, b.stop) for a, b in zip(over, statement.over)
    )
    if not over or not alike:
        return None
    names = dict(zip(statement.over, over))

    def renamed(x: Expr) -> Expr:
        return names.get(x, x) if isinstance(x, Var) else x

    target = changed(statement.target, renamed)
    assert isinstance(target, Load)
    found = Statement(target, changed(statement.value, renamed), over)
    if not all(_is_plain(s) for s in (group[0], found)):
        return None
    for other in group:
        if other.target.array == target.array:
            return None
        pairs = [(load, other.target) for load in _loads(found)] + [(load, target) for load in _loads(other)]
        if any(not (_apart(load, written) or load == written) for load, written in pairs):
            return None
    return found


def _is_plain(statement: Statement) -> bool:
    """Whether its loops stand in each other, with nothing between them."""
    code = lowered(statement)
    for _ in statement.over:
        if len(code) != 1 or not isinstance(code[0], For):
            return False
        code = code[0].body
    return True


def _loads(statement: Statement) -> list[Load]:
    return [part for part in all_parts(statement.value) if isinstance(part, Load)]


def _apart(load: Load, written: Load) -> bool:
    """Whether these are certainly entries of different arrays or steps."""
    if load.array != written.array:
        return True
    if load.step is None or written.step is None:
        return False
    (start, m), (other, n) = map(_counted, (load.step, written.step))
    return start == other and (m - n).is_number and m != n


def _counted(step: Expr) -> tuple[Expr | None, Size]:
    """What a step is counted from, an index or the beginning, and how far it is from there."""
    if (size := as_size(step)) is not None:
        return None, size
    if isinstance(step, Apply) and step.op == "+" and (more := as_size(step.args[1])) is not None:
        return step.args[0], more
    return step, Size.of(0)
