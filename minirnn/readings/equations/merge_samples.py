"""What is said of h^1, h^2 and all others alike is said once, of h^i: a loop over samples repeats itself, sample by sample.

Equations are compared as they are printed, with the number of their own sample, and of its row, replaced by i.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import sympy as sp

from . import matrix as S
from .printer import text

i = sp.Symbol("i", integer=True, positive=True)


def numbers_in(x: Any) -> set[int]:
    """The numbers of the samples that quantities in `x` belong to."""
    return {int(q.name.layer) for q in x.atoms(S.Quantity, S.ScalarQuantity) if q.name.layer.isdecimal()}


def of_sample(x: Any, k: int) -> Any:
    """`x` with i for the number k of a sample, and of its row."""
    found: dict[Any, Any] = {}
    for q in x.atoms(S.Quantity, S.ScalarQuantity):
        if q.name.layer == str(k):
            found[q] = q.xreplace({q.args[0]: S.Named(q.name._replace(layer="i"))})
    for part in x.atoms(S.Selection, S.Entry):
        whole, first, last, *columns = part.args
        if (first, last) == (k - 1, k) and whole.shape[0] != 1:
            found[part] = type(part)(whole, i - 1, i, *columns)
    return x.xreplace(found)


def alike(equations: Iterable[tuple[Any, Any, Any]]) -> list[list[int]]:
    """The places of equations (lhs, rhs, steps) that say the same of each of several samples; all others alone."""
    equations = list(equations)
    numbers: dict[int, int] = {}  # the place of an equation -> the number of its sample
    groups: dict[tuple[str, ...], dict[int, int]] = defaultdict(dict)
    for place, (lhs, rhs, steps) in enumerate(equations):
        if lhs.name.layer.isdecimal():
            k = numbers[place] = int(lhs.name.layer)
            groups[text(of_sample(lhs, k)), text(of_sample(rhs, k)), str(steps)][k] = place
    count = max(numbers.values(), default=0)
    whole = [sorted(group.values()) for group in groups.values() if sorted(group) == [*range(1, count + 1)] and count > 1]
    together = {place: group for group in whole for place in group}
    return [together.get(place, [place]) for place in range(len(equations)) if together.get(place, [place])[0] == place]


def summed(x: Any, count: int) -> Any:
    """`x` with terms that say the same of each of `count` samples as one sum over i."""
    if not isinstance(x, (sp.MatAdd, sp.Add)) or count < 2:
        return x
    groups: dict[str, dict[int, Any]] = defaultdict(dict)
    for term in x.args:
        for k in numbers_in(term):
            groups[text(of_sample(term, k))][k] = term
    found: list[Any] = []
    done: set[Any] = set()
    for group in groups.values():
        if sorted(group) == [*range(1, count + 1)] and not done.intersection(group.values()):
            done.update(group.values())
            term = of_sample(group[1], 1)
            found.append((S.SampleSum if S.shape_of(term) else S.ScalarSampleSum)(term, sp.Integer(count)))
    rest = [term for term in x.args if term not in done]
    if not found:
        return x
    return found[0] if len(found) == 1 and not rest else x.func(*found, *rest, evaluate=False)
