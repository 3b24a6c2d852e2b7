"""Immediate Jacobians between the states of a recurrent layer, read off the recursion for their adjoints.

The adjoint of a state is a sum of terms, each linear in another derivative: of a state of the same layer, at this step or
the next one, or of what lies between, a gate or a pre-activation, which is replaced by what it is in turn. What stands
beside the adjoint of a state then is its immediate Jacobian, the other states held fixed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import sympy as sp

from ...engine.components import reached
from ...engine.fold import Domain, Family, Fixed
from ...engine.names import Name
from . import matrix as S
from .build import Expressions
from .evaluate import numbers_of
from .row_maps import carried_by, distributed, flattened, sum_of, times


class Link(NamedTuple):
    """From state `by` to state `of`: `jacobian` is of step t of `of`, whose state `by` is `delay` steps before it."""

    of: Name
    by: Name
    delay: int
    jacobian: Any

    @property
    def is_diagonal(self) -> bool:
        """Whether each unit depends on itself alone."""
        return isinstance(self.jacobian, S.Diagonal)


class Layer(NamedTuple):
    """The states of a recurrent layer that depend on each other, from the first to the last of a step."""

    states: list[Name]
    links: list[Link]
    arriving: dict[Name, dict[Domain, Any]]  # ∂⁺L of each state: what reaches it from outside the layer
    way: int  # 1, or -1 where the layer runs from the last step to the first


class _DifferentSteps(Exception):
    """What is read is not the same sum at all steps, but in each of these pieces."""

    def __init__(self, pieces: list[list[int]]) -> None:
        super().__init__()
        self.pieces = pieces


class Adjoints:
    """The adjoints of all states of a run, and what they are made of."""

    def __init__(self, expressions: Expressions, states: Iterable[Name], loss: Name) -> None:
        self.expressions, self.loss, self.T = expressions, loss, expressions.folded.T
        self.family = {family.name: family for family in expressions.folded.named}
        states = list(states)
        self.states = {state: adjoint for state in states if (adjoint := state.derivative(loss)) in self.family}
        self._reached: dict[Name, frozenset[Name]] = {}
        if states and not self.states:
            raise ValueError(f"paths: no parameter reaches the loss through {states[-1]}")

    def layers(self) -> list[Layer]:
        """Groups of states, each of which the others depend on; the last layer comes first."""
        found: list[list[Name]] = []
        for state in self.states:
            group = next((g for g in found if self._depends(state, g[0]) and self._depends(g[0], state)), None)
            found.append([state]) if group is None else group.append(state)
        return [self._layer(group) for group in reversed(found)]

    def _depends(self, a: Name, b: Name) -> bool:
        """Whether the adjoint of a is made of that of b."""
        return self.states[b] in reached([self.states[a]], self.reached)

    def reached(self, name: Name) -> frozenset[Name]:
        """The adjoints of states that a derivative is made of, those inside others not counted."""
        if name not in self._reached:
            families, start, adjoints = self.expressions.folded.families, self.family[name].index, {*self.states.values()}

            def onward(index: int) -> list[int]:
                ends = index != start and families[index].name in adjoints
                return [] if ends else [ref.family for d in families[index].definitions for ref in d.refs]

            every = [families[i].name for i in reached([start], onward)]
            self._reached[name] = frozenset([n for n in every if n in adjoints])
        return self._reached[name]

    def _layer(self, group: list[Name]) -> Layer:
        own = {self.states[state] for state in group}
        links: dict[tuple[Name, Name, int], Link] = {}
        covered: dict[tuple[Name, Name, int], set[int]] = {}  # the steps of `by` for which a link was found
        arriving: dict[Name, dict[Domain, Any]] = {}
        for by in group:
            for definition in self.family[self.states[by]].definitions:
                if definition.domain is None:
                    raise NotImplementedError(f"paths: {by} has no steps; trace.jacobian has the numbers")
                whole = list(definition.domain.steps(self.T))
                pieces = list(self._pieces(self.expressions.expression(definition), own, whole))
                if all(rest == pieces[0][2] for _, _, rest in pieces) and pieces[0][2]:
                    arriving.setdefault(by, {})[definition.domain] = S.add(*pieces[0][2])
                elif any(rest for *_, rest in pieces):
                    arriving.setdefault(by, {}).update(
                        {self._domain(ts, definition.domain): S.add(*rest) for ts, _, rest in pieces if rest}
                    )
                for steps, carried, _ in pieces:
                    for (of, later), matrices in carried.items():
                        delay = self._delay(later, steps)
                        J = sum_of(matrices).xreplace({S.t: S.t - delay})
                        link = links.setdefault((of, by, delay), Link(of, by, delay, J))
                        covered.setdefault((of, by, delay), set()).update(steps)
                        if link.jacobian != J:
                            self._refuse_changing(link)
        for (of, by, delay), link in links.items():
            computed = self.family[of].definitions[-1].domain  # not the initial state
            ends = self._steps(of) & set(computed.steps(self.T) if computed else ())
            if {step for step in self._steps(by) if step + delay in ends} - covered[of, by, delay]:
                self._refuse_changing(link)
        ways = {(delay > 0) - (delay < 0) for *_, delay in links if delay}
        if len(ways) > 1 or any(abs(delay) > 1 for *_, delay in links):
            raise NotImplementedError(f"paths: {group[0]} depends on other steps than the one before; see trace.jacobian")
        way = ways.pop() if ways else 1
        first_to_last = sorted(group, key=lambda state: sum(self._within(state, other, links) for other in group))
        return Layer(first_to_last, list(links.values()), arriving, way)

    @staticmethod
    def _within(state: Name, other: Name, links: Any) -> bool:
        return (state, other, 0) in links

    @staticmethod
    def _refuse_changing(link: Link) -> None:
        raise NotImplementedError(
            f"paths: {link.of} depends on {link.by} in one way at some steps and in another at others; "
            "trace.jacobian has the numbers"
        )

    def _steps(self, state: Name) -> set[int]:
        """The steps at which a state has an adjoint."""
        domains = [d.domain for d in self.family[self.states[state]].definitions]
        return {step for domain in domains if domain is not None for step in domain.steps(self.T)}

    def _domain(self, steps: list[int], whole: Domain) -> Domain:
        """Steps that follow each other, their ends counted from the nearer end of the sequence."""
        first, last = steps[0], steps[-1]
        length = whole.hi.length
        T = self.T.of(length) if whole.hi.from_end else 2 * last + 1  # else all is counted from the start
        lo = Fixed(False, first) if 2 * first <= T else Fixed(True, first - T, length)
        return Domain(lo, Fixed(True, last - T, length) if 2 * last >= T else Fixed(False, last))

    def _pieces(
        self, x: Any, own: set[Name], steps: list[int]
    ) -> Iterator[tuple[list[int], dict[Any, list[Any]], list[Any]]]:
        """The terms of an adjoint, see `_terms`, for the steps at which they are the same."""
        try:
            yield steps, *self._terms(x, own, steps)
        except _DifferentSteps as different:
            for piece in different.pieces:
                yield from self._pieces(x, own, piece)

    def _delay(self, later: Any, steps: list[int]) -> int:
        """By how many steps `later` is after the step of the adjoint."""
        gap = (later - S.t).xreplace(numbers_of(self.T))
        gap = gap if gap.is_Integer or len(steps) > 1 else gap.xreplace({S.t: sp.Integer(int(steps[0]))})
        if not gap.is_Integer:
            raise NotImplementedError("paths: a state depends on one fixed step; trace.jacobian has the numbers")
        return int(gap)

    def _terms(self, x: Any, own: set[Name], steps: list[int]) -> tuple[dict[Any, list[Any]], list[Any]]:
        """The matrices that the adjoints of the layer's states come with, by state and time, and the terms without any."""
        carried: dict[Any, list[Any]] = {}
        rest: list[Any] = []
        for term in S.terms(x):
            inside = [q for q in _quantities(term) if q.name in own or self._is_between(q, own)]
            if not inside:
                rest.append(term)
            elif len(inside) > 1 and (spread := distributed(term, inside)) is not None:
                inner, others = self._terms(spread, own, steps)
                rest += others
                for key, matrices in inner.items():
                    carried.setdefault(key, []).extend(matrices)
            elif len(inside) > 1:
                whole = term
                while between := [q for q in _quantities(whole) if q.name not in own and self._is_between(q, own)]:
                    whole = whole.xreplace({q: self._definition(q, steps) for q in between})
                for q in (q for q in _quantities(whole) if q.name in own):
                    carried.setdefault((q.name.quantity, q.time), []).append(carried_by(whole, q))
            elif inside[0].name in own:
                q = inside[0]
                carried.setdefault((q.name.quantity, q.time), []).append(carried_by(term, q))
            else:
                q = inside[0]
                outer = carried_by(term, q)
                inner, others = self._terms(self._definition(q, steps), own, steps)
                rest += [flattened(term.xreplace({q: other})) for other in others]
                for key, matrices in inner.items():
                    carried.setdefault(key, []).extend(times(m, outer) for m in matrices)
        return carried, rest

    def _is_between(self, q: Any, own: set[Name]) -> bool:
        """Whether it is a derivative that is made of the adjoint of one of these states, and is none of a state itself."""
        return q.name.of == self.loss and q.name not in self.states.values() and bool(self.reached(q.name) & own)

    def _definition(self, q: Any, steps: list[int]) -> Any:
        """What a derivative is at its time, the same for all of the steps."""
        family: Family = self.family[q.name]
        shift = {S.t: q.time} if q.time is not None else {}
        at = {t: q.time.xreplace({S.t: sp.Integer(t), **numbers_of(self.T)}) if shift else 0 for t in steps}
        pieces: dict[int, list[int]] = {}
        for place, d in enumerate(family.definitions):
            holds = [t for t in steps if d.domain is None or int(at[t]) in d.domain.steps(self.T)]
            if holds:
                pieces[place] = holds
        if len(pieces) != 1:
            raise _DifferentSteps(list(pieces.values()))
        return self.expressions.expression(family.definitions[next(iter(pieces))]).xreplace(shift)


def _quantities(x: Any) -> list[Any]:
    return sorted(x.atoms(S.Quantity), key=str) if not isinstance(x, S.Quantity) else [x]
