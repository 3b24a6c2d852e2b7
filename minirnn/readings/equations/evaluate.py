"""The numbers of a matrix expression, at all steps of a domain at once: the witness for equations.

It knows SymPy's expressions, not the primitives: an equation that says something else than the trace did differs here.
Matrices are arrays (..., rows, columns), with an axis of steps in front where there are several.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import sympy as sp

from ...engine.domains import Lengths
from ...engine.names import Name
from ...engine.ops import FUNCTIONS as ENTRIES
from . import matrix as S
from .computed import value_of

# entrywise functions as the field defines them, not as the primitives compute them
FUNCTIONS: dict[str, Callable[..., np.ndarray]] = {
    "tanh": lambda x: np.sinh(x) / np.cosh(x) if np.max(np.abs(x), initial=0) < 300 else np.tanh(x),
    "sigmoid": lambda x: (1 + np.tanh(x / 2)) / 2,
    "relu": lambda x: np.where(x > 0, x, 0),
    "positive": lambda x: np.where(x > 0, 1.0, 0.0),
    "softmax": lambda x, axis: _softmax(x, int(axis)),
    "softplus": lambda x: np.logaddexp(0, x),
    "erf": lambda x: np.vectorize(math.erf, otypes=[float])(x),
    "clip": lambda x, low, high: np.minimum(np.maximum(x, low), high),
    "shares": lambda x, axis: _shares(x, int(axis)),
    "round": np.rint,
    **{name: getattr(np, name) for name in ("exp", "log", "abs", "sign", "sqrt", "sin", "cos", "floor", "ceil", "trunc")},
    "inside": lambda x, low, high: np.where((x >= low) & (x <= high), 1.0, 0.0),
}


def _softmax(x: np.ndarray, axis: int) -> np.ndarray:
    shifted = np.exp(x - x.max(axis, keepdims=True))
    return shifted / shifted.sum(axis, keepdims=True)


def _shares(x: np.ndarray, axis: int) -> np.ndarray:
    """(k - rank + 1) / k for the k largest entries; entry by entry, unlike the operation."""
    x = np.moveaxis(x, axis, -1)
    above = x[..., None, :] >= x[..., :, None]  # of each entry, those that are no smaller
    rank = above.sum(-1)
    inside = x > ((above * x[..., None, :]).sum(-1) - 1) / rank
    k = inside.sum(-1, keepdims=True)
    return np.moveaxis(np.where(inside, (k - rank + 1) / k, 0.0), -1, axis)


def _unrounded(node: Any) -> np.ndarray:
    """The value of a node; of a softmax that has underflowed to 0, of which the logarithm may be asked, as it was before."""
    if node.op.name == "softmax" and not np.all(node.value):
        return _softmax(node.args[0].value.astype(np.longdouble), -1)
    return np.asarray(node.value, np.result_type(node.value, np.float64))


def numbers_of(T: Lengths) -> dict[Any, Any]:
    """The letters of lengths as the numbers that they are."""
    return {S.T: sp.Integer(int(T))} | {S.size_symbol(letter): sp.Integer(n) for letter, n in T.others.items()}


class Values:
    """The traced values by name and steps, as (steps, rows, columns); read once per name."""

    def __init__(
        self,
        variables: Mapping[tuple[str, int | None], Any],
        sizes: dict[Any, int],
        T: Lengths,
        transposed: bool = False,
    ) -> None:
        self._variables, self.sizes, self.T, self.transposed = variables, sizes, T, transposed
        self._stacked: dict[str, tuple[np.ndarray, np.ndarray]] = {}  # the steps there are, and their values
        self._linear: dict[Any, tuple[int, int]] = {}
        self.blocks: dict[Any, Any] = {}  # of what is the same at every step, as it is printed

    @cached_property
    def _steps(self) -> dict[str, list[int]]:
        """The steps at which each quantity is there."""
        found: dict[str, list[int]] = {}
        for name, step in self._variables:
            if step is not None:
                found.setdefault(name, []).append(step)
        return found

    def transpose(self) -> Values:
        """The same values with every matrix transposed: those of the column convention."""
        return Values(self._variables, self.sizes, self.T, not self.transposed)

    def has_steps(self, name: Name) -> bool:
        return (str(name), None) not in self._variables

    def of(self, name: Name, steps: np.ndarray | None) -> np.ndarray:
        key = str(name)
        if steps is None:
            return self._oriented(_matrix(_unrounded(self._variables[key, None])))
        if key not in self._stacked:
            there = sorted(self._steps[key])
            arrays = np.array([_unrounded(self._variables[key, step]) for step in there])
            if arrays.ndim > 3:
                arrays = arrays.reshape(len(arrays), -1, arrays.shape[-1])
            rows = arrays.reshape(len(arrays), *(1,) * (3 - arrays.ndim), *arrays.shape[1:])
            self._stacked[key] = np.array(there), self._oriented(rows)
        known, stacked = self._stacked[key]
        places = np.minimum(np.searchsorted(known, steps), len(known) - 1)
        if np.any(missing := known[places] != steps):
            raise KeyError(f"{name} has no step {np.atleast_1d(steps)[np.atleast_1d(missing)][0]}")
        return stacked[places]

    def numbered(self, time: Any) -> Any:
        """A step with the numbers of steps in place of T."""
        return time.xreplace({size: sp.Integer(n) for size, n in self.sizes.items() if size in time.free_symbols})

    def _oriented(self, array: np.ndarray) -> np.ndarray:
        return np.swapaxes(array, -1, -2) if self.transposed else array

    def step(self, time: Any, steps: np.ndarray | int | None) -> np.ndarray | None:
        """The steps that `time` (t - 1, T, 3 or None) stands for when t runs through `steps`."""
        if time is None:
            return None
        if time not in self._linear:
            self._linear[time] = S.linear(self.numbered(time))
        slope, offset = self._linear[time]
        return slope * np.asarray(steps) + offset if slope else np.array(offset)


def _matrix(value: Any) -> np.ndarray:
    found = np.asarray(value, np.result_type(value, np.float64))
    return found.reshape(-1, found.shape[-1]) if found.ndim > 2 else found.reshape((1,) * (2 - found.ndim) + found.shape)


def evaluate(expr: Any, values: Values, steps: np.ndarray | int | None = None) -> np.ndarray:
    """The value of `expr` where t is a step, or runs through several: an array ([steps,] rows, columns)."""

    def of(x: Any) -> np.ndarray:
        return evaluate(x, values, steps)

    def every(xs: Sequence[Any]) -> list[np.ndarray]:
        """The values of operands; (x, lo, hi) are those of x at all these steps."""
        found: list[np.ndarray] = []
        for x in xs:
            if isinstance(x, sp.Tuple):
                all_steps = matrix_steps(values, *x[1:])
                each = evaluate(x[0], values, all_steps)
                found += [*each] if each.ndim > 2 else [each] * len(all_steps)  # the same, so often
            else:
                found.append(of(x))
        return found

    match type(expr).__name__:
        case "Quantity" | "ScalarQuantity":
            return values.of(expr.name, values.step(expr.time, steps))
        case "MatMul":
            factor, matrices = S.split(expr)
            out = of(matrices[0])
            for m in matrices[1:]:
                out = out @ of(m)
            return out if factor == 1 else _strictly(of(factor), out)
        case "MatAdd" | "Add":
            return sum(map(of, expr.args[1:]), of(expr.args[0]))
        case "Mul" | "HadamardProduct":
            out = of(expr.args[0])
            for a in every(expr.args[1:]):
                out = _strictly(out, a)
            return out
        case "Pow" | "HadamardPower":
            return of(expr.args[0]) ** int(expr.args[1])
        case "Quotient":
            return of(expr.args[0]) / of(expr.args[1])
        case "Transpose":
            return np.swapaxes(of(expr.args[0]), -1, -2)
        case "Entrywise" | "NumberFunction":
            return _function(expr.args[0].name, tuple(map(float, expr.args[2:])))(of(expr.args[1]))
        case "Written":
            return unspoilt(*map(of, expr.args))
        case "Present":
            return (of(expr.args[0]) != float(expr.args[1])).any(int(expr.args[2]), keepdims=True).astype(float)
        case "OneHot":
            classes = np.arange(int(expr.args[1].xreplace(values.sizes)))
            return (of(expr.args[0]) == (classes if expr.args[2] == -1 else classes[:, None])).astype(float)
        case "Mean":
            return of(expr.args[0]).mean((-1, -2), keepdims=True)
        case "SumAll":
            return of(expr.args[0]).sum((-1, -2), keepdims=True)
        case "OneMatrix" | "ZeroMatrix":
            shape = tuple(int(n.xreplace(values.sizes)) for n in expr.shape)
            return np.full(shape, 1.0 if type(expr).__name__ == "OneMatrix" else 0.0)
        case "TimeSum" | "ScalarTimeSum":
            inner = matrix_steps(values, expr.args[1], expr.args[2])
            return evaluate(expr.args[0], values, inner).sum(0)
        case "Beside" | "Above":
            parts = every(expr.args)
            lead = np.broadcast_shapes(*(part.shape[:-2] for part in parts))  # the steps
            parts = [np.broadcast_to(part, lead + part.shape[-2:]) for part in parts]
            return np.concatenate(parts, axis=-1 if type(expr).__name__ == "Beside" else -2)
        case "Part":
            whole, width, axis = of(expr.args[0]), int(expr.args[1].xreplace(values.sizes)), int(expr.args[3])
            start = 0 if expr.args[2] == 1 else whole.shape[axis] - width
            return np.take(whole, np.arange(start, start + width), axis)
        case "Backwards":
            return np.flip(of(expr.args[0]), int(expr.args[1]))
        case "Piece":
            width = int(expr.args[1].xreplace(values.sizes))
            whole, where = of(expr.args[0]), np.asarray(values.step(expr.args[2], steps))
            cut = [np.take(whole, np.arange((k - 1) * width, k * width), int(expr.args[3])) for k in np.atleast_1d(where)]
            return np.stack(cut) if np.ndim(where) else cut[0]
        case "Selection" | "Entry":
            r0, r1, c0, c1 = (int(end.xreplace(values.sizes)) for end in expr.args[1:])
            return of(expr.args[0])[..., r0:r1, c0:c1]
        case "Largest" | "LargestOfAll":
            axes = tuple(map(int, expr.args[1:])) or (-2, -1)
            return of(expr.args[0]).max(axes, keepdims=True)
        case "LargestAt":
            array, axes = of(expr.args[0]), tuple(map(int, expr.args[1:]))
            best = np.where(array == array.max(axes, keepdims=True), 1.0, 0.0)
            return best / best.sum(axes, keepdims=True)
        case "Computed" | "ComputedNumber":
            return value_of(expr, every, steps, values.step, values.transposed)
        case _ if expr.is_Number:
            return np.full((1, 1), float(expr))
        case _ if expr in values.sizes:
            return np.full((1, 1), float(values.sizes[expr]))
    raise NotImplementedError(f"no value for {type(expr).__name__}")


def _strictly(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Their product entry by entry; a condition that is false, a 0, leaves nothing of what is infinite."""
    with np.errstate(invalid="ignore"):
        return np.where((a == 0) | (b == 0), 0.0, a * b)


def unspoilt(shown: np.ndarray, exact: np.ndarray) -> np.ndarray:
    """`exact`, but where what is shown says something else than rounding can explain: log(1 - p) loses some per cent."""
    with np.errstate(invalid="ignore"):
        says_else = np.abs(shown - exact) > 0.05 * np.abs(exact) + 1e-14
    return np.where(np.isfinite(shown) & says_else, shown, exact)


def _function(name: str, numbers: tuple[float, ...]) -> Callable[[np.ndarray], np.ndarray]:
    """The function as defined here, else as SymPy computes what the component form says of it."""
    if name in FUNCTIONS:
        return lambda x: FUNCTIONS[name](x, *numbers)
    z = sp.Symbol("z", real=True)
    return sp.lambdify(z, ENTRIES[name].entry(S, z, *numbers), "numpy")


def matrix_steps(values: Values, lo: Any, hi: Any) -> np.ndarray:
    ends = [int(values.numbered(end)) for end in (lo, hi)]
    return np.arange(ends[0], ends[1] + 1)


def residual(found: np.ndarray, traced: np.ndarray) -> float:
    """max |found - traced| / max |traced|, or the plain difference where all is 0; infinite if shapes or values fail."""
    if found.ndim < traced.ndim:  # the same at every step
        found = np.broadcast_to(found, (*traced.shape[:-2], *found.shape))
    if found.shape != traced.shape:
        return float("inf")
    alike = np.isinf(traced) & (found == traced)
    found, traced = found[~alike], traced[~alike]
    if not (np.isfinite(found).all() and np.isfinite(traced).all()):
        return float("inf")
    return float(np.max(np.abs(found - traced), initial=0.0) / (np.max(np.abs(traced), initial=0.0) or 1.0))
