"""A fold as it is best written in arrays: data have one name, loops do a step more, and what is read twice has a line."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator

from ...engine.fold import Definition, Domain, Family, Fixed, Folded, Ref, Signature, Span, fixed
from ...engine.ops import (
    CUTS,
    complement,
    divide,
    divided,
    expand,
    full,
    inverse,
    leaf_op,
    log,
    log_softmax,
    negative,
    power,
    same,
    scale,
    shift,
    sqrt,
    square,
    subtract,
    transpose,
)  # fmt: skip
from ...engine.sizes import Size
from .schedule import Schedule, is_loop

LONGEST = 1000  # statements that stand for themselves, in place of a loop

NEVER_STORED = {transpose, same, full, expand, *CUTS}  # what costs nothing: a part of what uses it
CHEAP = {subtract, complement, shift, scale, negative, square}  # may be written twice
PARTIAL = {divide, inverse, log, log_softmax, power, sqrt}  # not defined for all numbers


def unnamed(folded: Folded, data: set[str | None]) -> Folded:
    """The fold in which the steps of the data have no name of their own, where they are called as the whole is."""
    families = [
        dataclasses.replace(f, name=None) if str(f.name) in data and all(d.op in CUTS for d in f.definitions) else f
        for f in folded.families
    ]
    return dataclasses.replace(folded, families=families)


def taken_apart(folded: Folded) -> Folded:
    """The fold in which what no loop over time computes is computed step by step, each step by a family of its own.

    Rows of one array that are changed in place of each other may need each other at fixed steps, at earlier and at later
    ones, or through a quantity without steps. The families are there as before; each of their steps is one of those.
    """
    groups = [group for group in folded.cycles() if not is_loop(group)]
    if not groups:
        return folded
    families, firsts = [*folded.families], {place: node for node, place in reversed(folded.places.items())}
    for group in groups:
        steps = [(family, d, step) for family in group for d in family.definitions for step in _steps(d, folded)]
        if len(steps) > LONGEST:
            names = ", ".join(str(family.name) for family in group if family.name is not None)
            raise NotImplementedError(
                f"{names} need earlier and later steps of each other, so that no loop over time computes them, and "
                f"{len(steps)} statements one by one are too many for source code: trace fewer steps"
            )
        at = {(family.index, step): len(families) + k for k, (family, _, step) in enumerate(steps)}
        for family, definition, step in steps:
            name = family.name if definition.op is leaf_op else None
            alone = dataclasses.replace(
                definition, signature=_at_step(definition, family.index, step, at, folded), domain=None
            )
            families.append(Family(at[family.index, step], name, firsts[family.index, step], [alone]))
        for family in group:
            whole = []
            for d in family.definitions:
                for step in _steps(d, folded):
                    where = None if step is None else fixed(step, *folded.ends[family.index])
                    signature = Signature(same, (), (Ref(at[family.index, step], None),))
                    whole.append(Definition(signature, where and Domain(where, where), d.serial))
            families[family.index] = dataclasses.replace(family, definitions=whole)
    return dataclasses.replace(folded, families=families)


def _steps(definition: Definition, folded: Folded) -> Iterable[int | None]:
    return [None] if definition.domain is None else definition.domain.steps(folded.T)


def _at_step(
    definition: Definition, family: int, step: int | None, apart: dict[tuple[int, int | None], int], folded: Folded
) -> Signature:
    """How a definition computes this one step; `apart` are the families of those steps that have one of their own."""
    inside = {index for index, _ in apart}

    def there(ref: Ref) -> Iterator[Ref]:
        where, end = ref.where, folded.ends[ref.family]
        if isinstance(where, int):
            assert step is not None
            where = fixed(step + where, *end)
        if ref.family not in inside:
            yield ref._replace(where=where)
        elif isinstance(where, Span):
            at = range(where.lo.step(folded.T), where.hi.step(folded.T) + 1)
            yield from [Ref(apart[ref.family, s], None) for s in (reversed(at) if where.down else at)]
        else:
            yield Ref(apart[ref.family, where and where.step(folded.T)], None)

    attrs = definition.attrs
    if step is not None and isinstance(attrs.get("t"), int):
        attrs["t"] = fixed(attrs["t"] + step, *folded.ends[family])
    return Signature(definition.op, tuple(attrs.items()), tuple(r for ref in definition.refs for r in there(ref)))


def lengthened(folded: Folded) -> Folded:
    """The fold with some definitions that hold at one step more, though nothing needs it: fewer stretches in the loops.

    ``h_last[t] = h[t]`` at the last step too, where a loop forwards ends; a derivative at the first step, where one
    backwards ends. What might divide by zero there is left as it is.
    """
    if folded.T.others:  # the ends of which sequence is meant
        return folded
    T, families = folded.T, [*folded.families]
    steps = [{s for d in family.definitions if d.domain is not None for s in d.domain.steps(T)} for family in families]
    waiting = [family.index for family in reversed(families)]
    while waiting:
        index = waiting.pop()
        for i, definition in enumerate(families[index].definitions):
            for step in _steps_more(definition, steps, index, T):
                domain = definition.domain
                assert domain is not None
                domain = domain._replace(**{"hi": Fixed(True, 0)} if step == T else {"lo": Fixed(False, 1)})
                definitions = [*families[index].definitions]
                definitions[i] = dataclasses.replace(definition, domain=domain)
                families[index] = dataclasses.replace(families[index], definitions=definitions)
                steps[index].add(step)
                waiting += [f.index for f in families if any(r.family == index for d in f.definitions for r in d.refs)]
    return dataclasses.replace(folded, families=families)


def _steps_more(definition: Definition, steps: list[set[int]], index: int, T: int) -> list[int]:
    """The steps beyond its ends for which a definition can hold too: all that it needs is there, nothing else is."""
    domain = definition.domain
    if domain is None or domain.lo == domain.hi or not definition.refs or definition.op in PARTIAL:
        return []
    ends = [T] if definition.op is same and domain.hi.step(T) == T - 1 else []
    ends += [1] if domain.lo.step(T) == 2 else []
    delays = [(ref.family, ref.where) for ref in definition.refs if isinstance(ref.where, int)]
    free = [step for step in ends if step not in steps[index]]
    return [step for step in free if all(step + delay in steps[there] for there, delay in delays)]


def stored(schedule: Schedule, twice: bool) -> set[int]:
    """What has a line of its own: what has a name or is read more than once, and what a loop needs and does not change.

    With `twice` what takes little time may be read two times.
    """
    families, users = schedule.folded.families, schedule.users
    found = {i for i in schedule.needed if families[i].name is not None or families[i].definitions[0].op is leaf_op}
    found |= schedule.wanted | schedule.various
    free = schedule.needed - found
    for i, times in schedule.reads(found, lambda user, i: _reads(families[user], i)):
        definition = families[i].definitions[0]
        if definition.op in NEVER_STORED or (definition.op is divided and isinstance(definition.attrs["p"], Size)):
            continue
        cheap = twice and definition.op in CHEAP and times == 2 and all(r.family not in free for r in definition.refs)
        hoisted = i not in schedule.recurrent and definition.domain and any(u in schedule.recurrent for u in users[i])
        if hoisted or (times > 1 and not cheap):
            found.add(i)
    return found


def _reads(user: Family, index: int) -> int:
    """How often a family stands in the text of another."""
    return max(
        sum(
            1 if d.op.variadic else d.op.text(d.attrs).count(f"{{{place}}}")
            for place, ref in enumerate(d.refs)
            if ref.family == index
        )
        for d in user.definitions
    )
