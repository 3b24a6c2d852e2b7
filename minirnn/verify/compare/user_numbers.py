"""The user's own numbers: which quantity they are, how exactly they are known, and how they may be laid out."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from ...traces import Trace
from ..report import TOLERANCE

ALIASES = {"yhat": "y", "loss": "L", "wy": "W_o", "by": "b_o", "bias": "b_h"}  # beside the names without their underscore


class Quantity(NamedTuple):
    """A quantity of the trace, or the derivative of the loss by it."""

    name: str
    derivative: bool
    steps: tuple[int, ...]  # none, if it has no steps
    shape: tuple[int, ...]  # at one step

    @property
    def label(self) -> str:
        return f"dL/d{self.name}" if self.derivative else self.name


class Precision(NamedTuple):
    """How exactly numbers are known: to `eps` of the largest, and no better than `floor`."""

    says: str
    eps: float
    floor: float = 0.0

    def unit(self, largest: float) -> float:
        """What counts for one eps; 32 of them, as everywhere, are allowed."""
        return self.eps * (largest or 1.0) + self.floor / TOLERANCE


class Layout(NamedTuple):
    """The user's array read as (steps, samples, features)."""

    steps: tuple[int | None, ...]
    rows: Any  # of which samples
    array: np.ndarray
    says: str


class Given(NamedTuple):
    """A quantity and the user's numbers for it, in every way they may be laid out."""

    quantity: Quantity
    precisions: list[Precision]  # the first that makes the numbers agree is theirs
    layouts: list[Layout]


def given(trace: Trace, key: str, mine: Any) -> Given:
    """The numbers `mine` for the quantity called `key`. ValueError where there is none or the shape fits nothing."""
    quantity = _quantity(trace, key)
    array = _array(key, mine)
    name = quantity.name
    if name in trace.parameters and array.shape == quantity.shape and np.allclose(array, trace.value(name), 1e-6, 0):
        raise ValueError(f"{key} is the parameter {name} itself: compare takes the gradient of the loss by it, dL/d{name}")
    layouts = list(_layouts(trace, quantity, array))
    if not layouts:
        raise ValueError(f"{key} has shape {array.shape}; {quantity.label} {_shapes(trace, quantity)}")
    return Given(quantity, _precisions(array), layouts)


def _quantity(trace: Trace, key: str) -> Quantity:
    names = {name for name in trace.counts if not name.startswith("dL/")}
    plain = {name.replace("_", "").replace("^", "").lower(): name for name in sorted(names, reverse=True)} | {
        alias: name for alias, name in ALIASES.items() if name in names
    }

    def known(text: str) -> str | None:
        return text if text in names else plain.get(text.replace("_", "").replace("^", "").lower())

    name = known(key)
    derivative = name in trace.parameters
    if name is None and key.startswith("d"):
        name, derivative = known(key.removeprefix("dL/").removeprefix("d")), True
    if name is None:
        raise ValueError(f"no quantity {key!r}; there are {', '.join(sorted(names))}, and derivatives such as dL/dh")
    if derivative and trace.loss_node is None:
        raise ValueError(f"there is no loss, so no dL/d{name} to compare: trace with a target, mr.trace(model, X, Y)")
    steps = tuple(sorted(step for n, step in trace.variables if n == name and step is not None))
    return Quantity(name, derivative, steps, trace.value(name, steps[-1] if steps else None).shape)


def _array(key: str, mine: Any) -> np.ndarray:
    """Anything array-like: lists, tensors that NumPy can read, lists of the states of each step."""
    if mine is None:
        raise ValueError(f"{key} is None: there is nothing to compare")
    try:
        array = np.asarray(mine.detach().cpu() if hasattr(mine, "detach") else mine)
    except ValueError as error:
        raise ValueError(f"{key} is ragged: its rows differ in length") from error
    if array.dtype.kind not in "fiu":
        array = array.astype(float) if array.dtype == object else array
    if array.dtype.kind not in "fiu":
        raise ValueError(f"{key} must hold real numbers, not {array.dtype}")
    bad = np.argwhere(~np.isfinite(array))
    if len(bad):
        raise ValueError(f"{key} has {array[tuple(bad[0])]} at {bad[0].tolist()}: it cannot be compared")
    return array


def _precisions(array: np.ndarray) -> list[Precision]:
    """What the digits may say: float32 numbers held in a float64 array are float32, copied ones have decimals."""
    single, double = (Precision(name, float(np.finfo(name).eps)) for name in ("float32", "float64"))
    if array.dtype.kind == "f" and array.itemsize < 8:
        return [Precision(array.dtype.name, float(np.finfo(array.dtype).eps))]
    array = array.astype(np.float64)
    if np.array_equal(array.astype(np.float32), array):
        return [double, single]
    decimals = next((d for d in range(3, 11) if np.array_equal(np.round(array, d), array)), None)
    if decimals is None:
        return [double]
    floor = 0.5001 * 10.0**-decimals
    return [
        double,
        double._replace(says=f"{decimals} decimals", floor=floor),
        single._replace(says=f"float32, {decimals} decimals", floor=floor),
    ]


def _layouts(trace: Trace, quantity: Quantity, array: np.ndarray) -> Iterator[Layout]:
    each, steps, T = quantity.shape, quantity.steps, trace.steps
    if quantity.name in trace.parameters:
        biases = (
            len(each) == 1 and trace.inputs and array.size == trace.inputs[0].shape[0]
        )  # a bias summed over the wrong axis
        if math.prod(array.shape) == math.prod(each) or biases:
            yield Layout((None,), ..., (array.reshape(each) if _bare(array.shape) == _bare(each) else array)[None], "")
        return
    spans: list[tuple[int, tuple[int | None, ...], str]] = [(1, (None,), "")]
    if steps:
        after = tuple(t for t in steps if 1 <= t <= T)
        last = max(after, key=lambda t: trace.variables[quantity.name, t].serial)  # 1, where the layer runs backwards
        spans = [(len(after), after, "all steps"), (1, (last,), "the last step")]
        spans += [(len(steps), steps, "all steps and the initial state")] * (steps[0] == 0)
        if last < after[-1]:  # a loop that runs backwards may have them in the order in which it computes them
            spans += [(len(after), after[::-1], "all steps, the last one first")]
            spans += [(len(steps), steps[::-1], "the initial state and all steps, the last one first")] * (steps[-1] > T)
    else:
        spans += [(T, (None,), f"the last of {T} steps")] * (T > 1)
    N, M = each if len(each) == 2 else (1, math.prod(each))
    seen: list[Layout] = []
    for samples, rows, who in [(N, slice(None), ""), (1, slice(0, 1), "the first sample")][: 2 if N > 1 else 1]:
        for S, which, says in spans:
            for axes in [(0, 1, 2), (1, 0, 2), (0, 2, 1)]:
                shape = tuple((S, samples, M)[a] for a in axes)
                if _bare(array.shape) != _bare(shape):
                    continue
                read = array.reshape(shape).transpose(np.argsort(axes))[-len(which) :]
                layout = Layout(which, rows if len(each) == 2 else ..., read, ", ".join(filter(None, [says, who])))
                if len(each) != 2:
                    layout = layout._replace(array=read.reshape(-1, *each))
                if not any(o.steps == which and o.rows == layout.rows and np.array_equal(o.array, read) for o in seen):
                    seen.append(layout)
                    yield layout


def _bare(shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(n for n in shape if n != 1)


def _shapes(trace: Trace, quantity: Quantity) -> str:
    """Which shapes would do, in words."""
    each, T = quantity.shape, len([t for t in quantity.steps if 1 <= t <= trace.steps])
    if not quantity.steps or len(each) != 2:
        return f"has shape {each}" + (f" at each of {T} steps" if T else "")
    N, M = each
    return f"has shape {(N, T, M)} for all steps, {(N, M)} for the last, {(T, M)} or {(M,)} for one sample"
