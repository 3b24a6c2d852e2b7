"""A fold as it is written step by step: NumPy repeats rows, columns and numbers by itself, loops do a step more.

``x + 1 b`` is `add` of x and of a row in `expand`; in NumPy it is ``x + b``.
"""

from __future__ import annotations

import dataclasses

from ...engine.fold import Definition, Family, Fixed, Folded, Ref, Span
from ...engine.graph import same
from ...engine.ops import (
    CUTS,
    add,
    divide,
    expand,
    inverse,
    log,
    log_softmax,
    maximum,
    minimum,
    multiply,
    power,
    sqrt,
    subtract,
    where,
)  # fmt: skip

ENTRYWISE = {add, subtract, multiply, divide, maximum, minimum, where}
PARTIAL = {divide, inverse, log, log_softmax, power, sqrt}  # not defined for all numbers


def broadcasting(folded: Folded) -> Folded:
    """The fold without the repetitions that NumPy makes by itself."""

    def inner(ref: Ref) -> Ref | None:
        """What is repeated there, if something is."""
        family = folded.families[ref.family]
        if family.name is not None or len({d.signature for d in family.definitions}) > 1:
            return None
        definition = family.definitions[0]
        return seen_from(definition.refs[0], ref) if definition.op is expand else None

    def changed(family: Family, definition: Definition) -> Definition:
        if definition.op not in ENTRYWISE:
            return definition
        refs = list(definition.refs)
        for i, ref in enumerate(refs):
            found = inner(ref)
            rest = [folded.families[other.family].first.shape for k, other in enumerate(refs) if k != i]
            if found is not None and family.first.shape in rest:
                refs[i] = found
        return dataclasses.replace(definition, signature=definition.signature._replace(refs=tuple(refs)))

    families = [
        dataclasses.replace(family, definitions=[changed(family, definition) for definition in family.definitions])
        for family in folded.families
    ]
    return dataclasses.replace(folded, families=families)


def unnamed(folded: Folded, data: set[str | None]) -> Folded:
    """The fold in which the steps of the data have no name of their own, where they are called as the whole is."""
    families = [
        dataclasses.replace(f, name=None) if f.name in data and all(d.op in CUTS for d in f.definitions) else f
        for f in folded.families
    ]
    return dataclasses.replace(folded, families=families)


def seen_from(ref: Ref, there: Ref) -> Ref | None:
    """`ref`, an operand of what stands at `there`, seen from where `there` is seen; None if that cannot be said."""
    if not isinstance(ref.where, int):
        return ref if not isinstance(ref.where, Span) else None
    if isinstance(there.where, int):
        return Ref(ref.family, ref.where + there.where)
    if isinstance(there.where, Fixed):
        return Ref(ref.family, Fixed(there.where.from_end, there.where.offset + ref.where))
    return None


def lengthened(folded: Folded) -> Folded:
    """The fold with some definitions that hold at one step more, though nothing needs it: fewer stretches in the loops.

    ``h_last[t] = h[t]`` at the last step too, where a loop forwards ends; a derivative at the first step, where one
    backwards ends. What might divide by zero there is left as it is.
    """
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
