"""The truth to 50 digits: the formulas of the trace in mpmath's arithmetic, and how far floating point is off."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ...traces import Trace
from ..arithmetic import Arithmetic, work
from ..report import Row

NAME = "50 digits"
DIGITS = 50
MOST = 1_000_000  # operations, each some microseconds


class Exact:
    """Every number of a trace to so many digits, from its weights and inputs as they are."""

    def __init__(self, trace: Trace, digits: int = DIGITS) -> None:
        if work(trace) > MOST:
            raise ValueError(f"{work(trace)} operations are too many for {digits} digits: take a smaller network")
        from mpmath.ctx_mp import MPContext

        context = MPContext()
        context.dps = digits
        self.trace = trace
        self.found = Arithmetic(context, context.mpf, maximum=max, minimum=min, absolute=abs).run(trace.nodes)

    def value(self, name: str, t: int | None = None) -> np.ndarray:
        """An array of mpmath's numbers; names are those of the trace, "dL/dW_h" among them."""
        self.trace.value(name, t)  # raises where there is none
        return np.asarray(self.found[self.trace.variables[name, t]], object)

    def errors(self, mine: Any, name: str, t: int | None = None) -> np.ndarray:
        """How many eps (of the dtype of `mine`, and of each number) every entry is off."""
        truth, array = self.value(name, t), np.asarray(mine)
        eps = float(np.finfo(array.dtype).eps)
        off = np.frompyfunc(lambda a, b: abs(float((float(a) - b) / (b or 1))) / eps, 2, 1)
        return np.asarray(off(array, truth), float)


def rows(trace: Trace) -> Iterator[Row]:
    """One row per quantity: how far the trace is off the truth, and how many numbers are not the nearest there are."""
    dtype = str(trace.dtype)
    try:
        exact = Exact(trace)
    except (ValueError, TypeError, AttributeError) as error:  # too large, or an operation that mpmath has not
        yield Row("y", NAME, dtype, None, str(error))
        return
    for name in [*trace.state_names, "y", "L", *(f"dL/d{name}" for name in trace.parameters)]:
        steps = sorted(t for n, t in trace.variables if n == name and t) if (name, None) not in trace.variables else [None]
        if not steps:
            continue
        ours = np.stack([trace.value(name, t) for t in steps])
        truth = np.stack([exact.value(name, t) for t in steps])
        largest = float(np.max(np.abs(truth))) or 1.0
        off = float(np.max(np.abs(ours.astype(object) - truth))) / largest / float(np.finfo(dtype).eps)
        nearest = int(np.sum(truth.astype(dtype) == ours))
        note = f"{ours.size - nearest} of {ours.size} are not the nearest {dtype}"
        yield Row(f"{name}_t" if steps != [None] else name, NAME, dtype, off, note)
