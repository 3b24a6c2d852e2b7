"""The numbers of a component expression: one axis for each index that it depends on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import sympy as sp

from ....engine.fold import Domain
from ....engine.names import Name
from .. import matrix as S
from ..evaluate import FUNCTIONS, Values, matrix_steps, numbers_of, residual, unspoilt

COMPARE = {
    ">": np.greater, ">=": np.greater_equal, "<=": np.less_equal, "<": np.less, "==": np.equal, "!=": np.not_equal,
}  # fmt: skip


class Axes:
    """The value of a component expression: an array with one axis for each index that it depends on."""

    def __init__(self, values: Values, steps: np.ndarray | None) -> None:
        self.values, self.ranges = values, {S.t: steps}
        self.lengths: dict[Any, int] = {}  # of the indices met so far

    def of(self, x: Any) -> tuple[np.ndarray, tuple[Any, ...]]:
        match x:
            case sp.Indexed() | S.ScalarQuantity():
                return self.quantity(x)
            case sp.Symbol() if x in self.lengths or self.ranges.get(x) is not None:
                return self.range(x), (x,)
            case sp.Sum():
                term, *limits = x.args  # SymPy joins sums of sums into one
                for index, lo, hi in limits:
                    if index == S.bound:
                        self.ranges = {**self.ranges, S.bound: matrix_steps(self.values, lo, hi)}
                    else:
                        self.lengths[index] = int(hi.xreplace(self.values.sizes))
                summed = {index for index, *_ in limits}
                factors = [self.of(f) for f in (term.args if isinstance(term, sp.Mul) else [term])]
                axes = tuple(a for a in _union(a for _, a in factors) if a not in summed)
                return _einsum(factors, axes), axes
            case sp.Mul():
                factors = [self.of(a) for a in x.args]
                axes = _union(a for _, a in factors)
                return _einsum(factors, axes), axes
            case sp.Add() | sp.Max() | sp.Min():
                parts = [self.of(a) for a in x.args]
                axes = _union(a for _, a in parts)
                arrays = [laid_out(array, own, axes) for array, own in parts]
                combine = {sp.Add: np.add, sp.Max: np.maximum, sp.Min: np.minimum}[x.func]
                out = arrays[0]
                for array in arrays[1:]:
                    out = combine(out, array)
                return out, axes
            case sp.Pow():
                array, axes = self.of(x.base)
                return array ** float(x.exp), axes
            case sp.Product():
                term, (index, _, hi) = x.args
                self.lengths[index] = int(hi.xreplace(self.values.sizes))
                array, axes = self.of(term)
                return array.prod(axes.index(index)), tuple(a for a in axes if a != index)
            case S.Iverson():
                return self.indicator(x.args[0])
            case sp.ceiling():
                (array,), axes = self.computed([x])
                return array, axes
            case S.WrittenEntry():
                (shown, own), (exact, axes) = map(self.of, x.args)
                return unspoilt(laid_out(shown, own, axes), exact), axes
            case sp.log() if isinstance(inner := x.args[0] - 1, sp.exp):  # log(1 + exp(z)), where exp may overflow
                array, axes = self.of(inner.args[0])
                return FUNCTIONS["softplus"](array), axes
            case sp.Function():  # exp, log, tanh, ...
                array, axes = self.of(x.args[0])
                z = sp.Dummy()
                return (FUNCTIONS.get(type(x).__name__) or sp.lambdify(z, x.func(z), "numpy"))(array), axes
        return np.array(float(x.xreplace(self.values.sizes))), ()

    def computed(self, places: list[Any]) -> tuple[list[np.ndarray], tuple[Any, ...]]:
        """Whole numbers that are computed from indices, each with an axis for every index of any."""
        indices = dict.fromkeys(s for place in places for s in sorted(place.free_symbols, key=str))
        axes = tuple(s for s in indices if s in self.lengths or self.ranges.get(s) is not None)
        grid = np.meshgrid(*map(self.range, axes), indexing="ij", sparse=True)
        found = [sp.lambdify(axes, place.xreplace(self.values.sizes), "numpy")(*grid) for place in places]
        shape = tuple(len(self.range(s)) for s in axes)
        return [np.broadcast_to(np.asarray(array, int), shape) for array in found], axes

    def indicator(self, condition: Any) -> tuple[np.ndarray, tuple[Any, ...]]:
        """1 where the condition holds: a comparison of an expression with numbers."""
        found: tuple[np.ndarray, tuple[Any, ...]] = (np.array(1.0), ())
        for part in condition.args if isinstance(condition, sp.And) else [condition]:
            array, axes = self.of(part.lhs - part.rhs if not part.rhs.is_number else part.lhs)
            limit = float(part.rhs) if part.rhs.is_number else 0.0
            found = _einsum([found, (COMPARE[part.rel_op](array, limit).astype(float), axes)], axes), axes
        return found

    def range(self, index: Any) -> np.ndarray:
        """The values that an index runs through."""
        steps = self.ranges.get(index)
        return np.arange(1, self.lengths[index] + 1) if steps is None else np.asarray(steps)

    def quantity(self, x: Any) -> tuple[np.ndarray, tuple[Any, ...]]:
        name = S.name_of(x.base.label) if isinstance(x, sp.Indexed) else x.name
        places = list(x.indices) if isinstance(x, sp.Indexed) else []
        stepped = self.values.has_steps(name)
        by_index = stepped and bool(
            places[0].free_symbols - {S.t, S.bound, *numbers_of(self.values.T)}
        )  # the step that an index says
        if by_index or any(not place.is_Symbol for place in places[stepped:]):
            return self.gathered(name, places)
        every = list(places)
        axes: tuple[Any, ...] = ()
        steps = None
        if stepped:
            time = places.pop(0)
            symbol = next((s for s in (S.t, S.bound) if time.has(s)), None)
            axes = () if symbol is None else (symbol,)
            steps = self.values.step(time, self.ranges.get(symbol))
        array = self.values.of(name, steps)
        shape = array.shape[:-2]
        if len(places) == 1:
            array = array.reshape(*shape, -1)
        elif not places:
            array = array.reshape(shape)
        if any(self.lengths.setdefault(i, n) != n for i, n in zip(places, array.shape[len(axes) :])):
            return self.gathered(name, every)  # it is a part of what the index runs through, or the other way round
        return array, (*axes, *places)

    def gathered(self, name: Name, places: list[Any]) -> tuple[np.ndarray, tuple[Any, ...]]:
        """A quantity at places that are computed from indices; outside of it, where a bracket is 0, any entry."""
        at, axes = self.computed(places)
        if not self.values.has_steps(name):
            array = self.values.of(name, None)
        else:
            steps = at.pop(0)
            known = np.unique(steps)
            array, at = self.values.of(name, known), [np.searchsorted(known, steps) + 1, *at]
        array = array.reshape([n for k, n in enumerate(array.shape) if n > 1 or k < len(at) - 1][-len(at) :])
        return array[tuple(np.clip(found, 1, n) - 1 for found, n in zip(at, array.shape))], axes


def _union(axes: Iterator[tuple[Any, ...]]) -> tuple[Any, ...]:
    return tuple(dict.fromkeys(a for own in axes for a in own))


def laid_out(array: np.ndarray, own: tuple[Any, ...], axes: tuple[Any, ...]) -> np.ndarray:
    """An array with the axes `own` as one with the axes `axes`, of length 1 where it does not depend on one."""
    order = [own.index(a) for a in axes if a in own]
    shape = [array.shape[own.index(a)] if a in own else 1 for a in axes]
    return array.transpose(order).reshape(shape)


def _einsum(factors: list[tuple[np.ndarray, tuple[Any, ...]]], out: tuple[Any, ...]) -> np.ndarray:
    numbers = {a: i for i, a in enumerate(_union(axes for _, axes in factors))}
    operands = [part for array, axes in factors for part in (array, [numbers[a] for a in axes])]
    return np.einsum(*operands, [numbers[a] for a in out], optimize=len(factors) > 2)


def component_residual(lhs: Any, rhs: Any, domain: Domain | None, values: Values) -> float:
    """How far an equation in component form is off, entry by entry, at every step of its domain."""
    steps = None if domain is None or domain.lo == domain.hi else np.array(domain.steps(values.T))
    with np.errstate(all="ignore"):
        space = Axes(values, steps)
        traced, axes = space.of(lhs)
        found, own = space.of(rhs)
        if set(own) - set(axes):
            return float("inf")
        whole = laid_out(found, own, axes)
    if any(a not in own for a in axes):  # a constant: the same in every entry
        whole = np.broadcast_to(whole, traced.shape)
    return residual(np.atleast_2d(whole), np.atleast_2d(traced))
