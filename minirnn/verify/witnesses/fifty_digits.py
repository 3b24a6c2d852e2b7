"""The truth to 50 digits: the formulas of the trace in mpmath's arithmetic, and how far floating point is off."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ...checks import array_of
from ...displays import Shown, Table, Text
from ...runs.run import Run
from ...system import whole_number
from ..arithmetic import Arithmetic, work
from ..report import Judge, Row, Unheard, gradients, states, steps_of, witness

NAME = "50 digits"
DIGITS = 50
SHOWN = 24  # letters of a number
MOST = 1_000_000  # operations, each some microseconds


class Exact(Shown):
    """Every number of a trace to so many digits, from its weights and inputs as they are."""

    def __init__(self, trace: Run, digits: int = DIGITS) -> None:
        whole_number("digits", digits)
        if work(trace) > MOST:
            raise ValueError(f"{work(trace)} operations are too many for {digits} digits: take a smaller network")
        from mpmath.ctx_mp import MPContext

        context = MPContext()
        context.dps = digits
        self.trace, self.digits = trace, digits
        order = [*dict.fromkeys(trace.wide.values())]
        run = Arithmetic(context, context.mpf, maximum=max, minimum=min, absolute=abs).run(order)
        self.found = {node: run[trace.wide[node]] for node in trace.nodes}

    def __repr__(self) -> str:
        return f"<every number of {self.trace!r} to {self.digits} digits: value(name, t), errors(mine, name, t)>"

    def _display(self) -> Iterator[Text | Table]:
        """Of each quantity the first number, at its last step, and how far the trace is off the truth there."""
        yield Text(
            f"Every number to {self.digits} digits: value(name, t); errors(mine, name, t) says how far yours are off."
        )
        last = {name: step for (name, step), node in self.trace.variables.items() if node in self.found and node.value.size}
        rows = []
        for name, step in last.items():
            place, truth = f"{name!r}" + f", {step}" * (step is not None), self.value(name, step)
            off = np.max(self.errors(self.trace.value(name, step), name, step))
            rows.append((f"value({place})", str(truth.ravel()[0])[:SHOWN], f"{off:.2g} eps"))
        yield Table(("", "first entry", "the trace is off by up to"), rows, code=True)

    def value(self, name: str, t: int | None = None) -> np.ndarray:
        """An array of mpmath's numbers; names are those of the trace, "dL/dW_h" among them."""
        self.trace.value(name, t)  # raises where there is none
        return np.asarray(self.found[self.trace.variables[name, t]], object)

    def errors(self, mine: Any, name: str, t: int | None = None) -> np.ndarray:
        """How many eps (of the dtype of `mine`, and of each number) every entry is off."""
        truth, array = self.value(name, t), array_of(mine, name)
        array = array if array.dtype.kind == "f" else array.astype(float)
        eps = float(np.finfo(array.dtype).eps)
        off = np.frompyfunc(lambda a, b: abs(float((float(a) - b) / (b or 1))) / eps, 2, 1)
        return np.asarray(off(array, truth), float)


@witness(lambda trace: [("y", NAME)])
def rows(trace: Run) -> Iterator[Row]:
    """One row per quantity: how far the trace is off the truth, and how many numbers are not the nearest there are."""
    judge = Judge(trace)
    try:
        exact = Exact(trace)
    except (ValueError, TypeError, AttributeError) as error:  # too large, or an operation that mpmath has not
        raise Unheard(str(error)) from error
    outputs = dict.fromkeys(str(n.name) for n in (*trace.outputs, trace.loss_node) if n is not None and n.name is not None)
    for name in dict.fromkeys([*states(trace), *(["y"] if "y" in trace.counts else []), *outputs, *gradients(trace)]):
        steps = steps_of(trace, name) if (name, None) not in trace.variables else [None]
        nodes = [trace.variables[name, t] for t in steps if (name, t) in trace.variables]
        if not nodes:
            continue
        ours = np.stack([node.value for node in nodes])
        truth = np.stack([np.asarray(exact.found[node], object) for node in nodes])
        dtype = judge.precision(nodes)
        largest = float(np.max(np.abs(truth))) or 1.0
        off = float(np.max(np.abs(ours.astype(object) - truth))) / largest / float(np.finfo(dtype).eps)
        nearest = int(np.sum(truth.astype(dtype) == ours))
        note = f"{ours.size - nearest} of {ours.size} are not the nearest {dtype}"
        yield Row(f"{name}_t" if steps != [None] else name, NAME, dtype, off, note, nodes=tuple(nodes))
