"""What has no form as a matrix is written as the function of NumPy that it is: stack(h₁, …, h_T), entry_at(p, y).

An array of more than two axes stands in equations as the matrix of its last axis: of (N, T, M) with N·T rows.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import sympy as sp
from sympy.matrices.expressions import MatrixExpr

from ...engine.graph import Primitive
from ...engine.sizes import Sizes
from . import matrix as S


class Call(NamedTuple):
    """An operation with its attributes, the shapes of its operands in this run, and which of these are a step of time."""

    op: Primitive
    attrs: dict[str, Any]
    shapes: tuple[tuple[int, ...], ...]


class Operation(sp.Atom):
    """A `Call` as SymPy can carry it."""

    def __new__(cls, call: Call) -> Operation:
        found = sp.Atom.__new__(cls)
        found.call = call
        return found

    def _hashable_content(self) -> tuple[Any, ...]:
        return (self.call.op.name, repr(sorted(self.call.attrs.items(), key=repr)), self.call.shapes)


class Computed(S.Printed, MatrixExpr):
    """The result of an operation, as a matrix of so many rows and columns."""

    @property
    def shape(self) -> tuple[Any, Any]:
        return self.args[1], self.args[2]


class ComputedNumber(S.Scalar):
    """The result of an operation, a number."""


def flat(dims: Sizes) -> tuple[Any, Any] | None:
    """Rows and columns of what has these sizes; None of a number."""
    if len(dims) < 3:
        return S.size_of(dims)
    rows = sp.Mul(*[S.size_symbol(d) for d in dims[:-1]])
    return rows, S.size_symbol(dims[-1])


def computed(call: Call, operands: list[Any], time: Any, dims: Sizes) -> Any:
    """The form of an operation that has no other; `time` is the step that it takes, if it takes one."""
    listed = map(S.spread, operands)
    further = [] if time is None else [sp.sympify(time)]
    if dims:
        return Computed(Operation(call), *(flat(dims) or ()), *listed, *further)
    return ComputedNumber(Operation(call), *listed, *further)


def operands_of(x: Any) -> tuple[Call, list[Any], Any]:
    """The call, its operands and its step."""
    call, rest = x.args[0].call, list(x.args[3 if isinstance(x, Computed) else 1 :])
    return call, rest[: len(rest) - ("t" in call.attrs)], rest[-1] if "t" in call.attrs else None


def value_of(x: Any, every: Any, steps: np.ndarray | int | None, step_of: Any, turned: bool) -> np.ndarray:
    """Its value at all steps: ``every`` gives those of operands at the steps at hand.

    `turned`: matrices are those of the column convention.
    """
    call, operands, time = operands_of(x)
    found: list[np.ndarray] = every(operands)
    if turned:
        found = [np.swapaxes(v, -1, -2) for v in found]
    at = None if time is None else np.asarray(step_of(time, steps))
    moving = at is not None and at.ndim > 0
    count = None if all(v.ndim < 3 for v in found) and not moving else np.size(steps) if steps is not None else 1

    def once(i: int) -> np.ndarray:
        values = [(v if v.ndim < 3 else v[i if len(v) > 1 else 0]).reshape(s) for v, s in zip(found, call.shapes)]
        attrs = dict(call.attrs)
        if at is not None:
            attrs["t"] = int(at[i] if moving else at)
        result = np.asarray(call.op.compute(*values, **attrs), float)
        rows = result.reshape(-1, result.shape[-1]) if result.ndim else result.reshape(1, 1)
        return rows.T if turned else rows

    return once(0) if count is None else np.stack([once(i) for i in range(count)])


def said_of(call: Call) -> list[str]:
    """The attributes that it is written with: axes, counted from 0, and sizes that are not seen from its operand's."""
    attrs, shape = call.attrs, call.shapes[0] if call.shapes else ()
    found = []
    stacks = call.op.name == "stack"
    if (
        attrs.get("axis") is not None and (shape or stacks) and not (stacks and attrs["axis"] == 1)
    ):  # as a sequence has steps
        axes = [a % (len(shape) + stacks) for a in np.ravel(attrs["axis"]).tolist()]
        found.append(f"axis={axes[0] if len(axes) == 1 else tuple(axes)}")
    if "dims" in attrs and not (call.op.name == "expand" and _as_numpy_does(shape, tuple(map(int, attrs["dims"])))):
        found.append(f"dims=({', '.join(map(str, attrs['dims']))})")
    return found + [f"{name}={attrs[name]}" for name in ("axes", "k", "parts") if name in attrs]


def _as_numpy_does(shape: tuple[int, ...], wide: tuple[int, ...]) -> bool:
    """Whether NumPy repeats an array of that shape to the other by itself."""
    return all(n in (1, m) for n, m in zip(shape[::-1], wide[::-1]))


MOVES = {"key", "axes", "axis", "dims", "t", "spec", "k", "parts"}


def many_axes(op: Primitive, attrs: dict[str, Any], shapes: list[tuple[int, ...]], result: tuple[int, ...]) -> str:
    """How an operation on arrays of many axes is written: "plain" as it is on matrices, "same", "matmul" or "computed".

    What is put together along the first axis, or taken apart, stands as matrices on top of each other.
    """
    if all(len(s) < 3 for s in [*shapes, result]) or op.name == "nth" or (op.name == "stack" and attrs["axis"] == 0):
        return "plain"
    if op.name == "reshape" and shapes[0] and result and shapes[0][-1] == result[-1]:
        return "same"
    if op.label in ("@", ".") and len(shapes) == 2 and len(shapes[1]) == 2 and len(shapes[0]) > 2:
        return "matmul"
    if not MOVES.intersection(attrs) and all(s == result for s in shapes):
        return "plain"
    return "computed"
