"""The user's own function, run as it stands: the loss along some directions, by complex step or by differences.

It trusts nothing of the trace: neither which operations were recorded, nor how they are differentiated. Where complex
numbers do not pass (a buffer of floats, a comparison, an absolute value), central differences of the fourth order take
their place; how far two step sizes disagree says how far they can be trusted.
"""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ...engine.complex_numbers import STEP
from ...engine.graph import Node, Primitive
from ...engine.ops import sigmoid, softmax
from ...engine.precision import widened
from ...engine.replay import replay
from ...loops.trace import LoopRun
from ...runs.run import Run
from .. import kinks
from ..report import TOLERANCE, Judge, Row, Unheard, derivative, witness
from .complex_step import DIRECTIONS

NAME, DIFFERENCES = "your function", "your function, by differences"
LONG = 50_000  # nodes, past which a single direction is taken
MARGIN = 16  # times what two step sizes of the differences disagree by
INVERSE: dict[Primitive, Callable[[Any], Any]] = {  # what gives the same probabilities again
    softmax: np.log,
    sigmoid: lambda p: np.log(p / (1 - p)),
}
VAGUE = 0.01  # of the gradient: what differences do not tell better says nothing


@witness(lambda trace: [("output", NAME)])
def rows(trace: Run) -> Iterator[Row]:
    """One row for what a function of one's own returns and one per parameter; none of a model.

    Parameters are replaced wherever the function finds them: among its arguments, in an object, where it was defined.
    """
    if not isinstance(trace, LoopRun) or trace.truncate:
        return
    if trace.runs_once:
        raise Unheard("it was traced with check_run=False, so it is not run again")
    judge = Judge(trace)
    try:
        own = _Function(trace)
        (value,) = own.outputs({})
    except Exception:  # whatever it raises when it is run once more, the other witnesses are heard
        return
    output = trace.output_node
    yield judge.row(str(output.name or "output"), NAME, [output], np.reshape(value, output.shape)[None])
    for name, node in trace.parameters.items() if trace.loss_node is not None else ():
        if name in trace.replaceable:
            yield from _gradient(trace, judge, own, name, node)


class _Function:
    """The function as one of its arrays, which gives the loss."""

    def __init__(self, trace: LoopRun) -> None:
        self.trace = trace
        right = np.asarray(trace.output_node.value)
        returned = self._returned({})
        near, alike = (lambda found: np.allclose(found, right, 1e-3)), lambda found: True
        self.path = next((path for like in (near, alike) if (path := _find(returned, right, like)) is not None), None)
        if self.path is None:
            raise Unheard("what the function returns is not what was traced")
        after = [n for n in trace.forward if trace.loss_node is not None and n.serial <= trace.loss_node.serial]
        wide = widened(after)
        self._loss = None if trace.loss_node is None else wide[trace.loss_node]
        self._order = list(dict.fromkeys(wide.values()))
        self._output, self._parts = wide.get(trace.output_node), [wide.get(a) for a in trace.output_node.args]
        self._axis = next((k for k in range(right.ndim) if _stacked(trace.output_node, k)), None)

    def _returned(self, others: dict[str, np.ndarray]) -> Any:
        with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", np.exceptions.ComplexWarning)
            return self.trace.call_function(others)

    def outputs(self, *each: dict[str, np.ndarray]) -> list[Any]:
        """What it returns, with other arrays in place of some."""
        return [_at(self._returned(others), self.path or ()) for others in each]

    def loss(self, others: dict[str, np.ndarray]) -> Any:
        """The loss of that, a number."""
        (value,) = self.outputs(others)
        value = np.asarray(value)
        if self._output is self._loss:
            return value.reshape(-1)[0]
        moved: dict[Any, Any] = {self._output: value} if self._output is not None else {}
        if self._axis is not None:  # the losses of steps are taken of the steps, not of the array they are put into
            moved |= dict(zip(self._parts, np.moveaxis(value, self._axis, 0)))
        for node, number in list(moved.items()):  # a cross entropy is computed from what went into the softmax
            if node is not None and node.op in INVERSE:
                moved[node.args[0]] = INVERSE[node.op](number)
        return replay(self._order, moved)[self._loss]  # type: ignore[index]


def _gradient(trace: Run, judge: Judge, own: _Function, name: str, node: Node) -> Iterator[Row]:
    """The gradient along some random directions, relative to its norm; no row where differences say nothing."""
    gradient = trace.cotangents[node]
    count = DIRECTIONS if len(trace.nodes) < LONG else 1
    rng = np.random.default_rng(1)
    directions = rng.choice([-1.0, 1.0], (count, *node.shape))
    size = float(np.linalg.norm(gradient.value)) or 1.0
    base = node.value.astype(np.float64)

    def along_all(g: np.ndarray) -> np.ndarray:
        return np.array([*(float(np.sum(g * v)) / size for v in directions), 1.0])

    label, along = derivative(trace, name), f"along {count} random direction{'s' * (count > 1)}"
    dtype = judge.precision([gradient])
    eps, passed = float(np.finfo(dtype).eps), False
    with contextlib.suppress(Exception):
        truth = [float(np.imag(own.loss({name: base + 1j * STEP * v}))) / STEP / size for v in directions]
        found = np.array([*truth, 1.0])
        row = kinks.judged(judge, trace, node, label, NAME, found, along_all, f"complex step {along}")
        passed = True
        if row.ok:
            yield row
            return
    best = None
    for fineness in dict.fromkeys((float(np.finfo(np.float64).eps), eps)):  # of a function with float32 inside the second
        try:
            pairs = [[_difference(own, name, base, v, k * fineness**0.2) / size for k in (1, 2)] for v in directions]
        except Exception as error:
            yield Row(label, NAME, dtype, None, f"it raises {type(error).__name__} when {name} is moved")
            return
        fine, wide = np.array(pairs).T
        doubt = float(np.max(np.abs(fine - wide)))
        doubt = max(doubt, fineness**0.8) if np.isfinite(doubt) else np.inf
        if best is None or doubt < best[0]:
            best = doubt, fine
    if best is None or not best[0] < VAGUE:
        said = "the complex step disagrees, as it does where a function is not analytic, and differences tell too little"
        yield from [Row(label, NAME, dtype, None, said)] if passed else []
        return
    doubt, fine = best
    found = np.array([*fine, 1.0])
    row = kinks.judged(judge, trace, node, label, DIFFERENCES, found, along_all, f"differences {along}")
    yield row._replace(allowed=max(TOLERANCE, MARGIN * doubt / eps), nodes=())


def _difference(own: _Function, name: str, base: np.ndarray, direction: np.ndarray, step: float) -> float:
    """Central differences of the fourth order along a direction."""
    step *= max(1.0, float(np.abs(base).max(initial=0)))

    def at(k: int) -> float:
        return float(np.real(own.loss({name: base + k * step * direction})))

    return (8 * (at(1) - at(-1)) - (at(2) - at(-2))) / (12 * step)


def _at(value: Any, path: tuple[Any, ...]) -> Any:
    for key in path:
        value = value[key] if key is not ... else np.stack(value)
    return value


def _find(returned: Any, right: np.ndarray, like: Callable[[np.ndarray], bool]) -> tuple[Any, ...] | None:
    """Where an array of the shape of `right` is in what a function returns; an ellipsis stands for a list put together."""
    listed = list(enumerate(returned)) if isinstance(returned, (list, tuple)) else []
    parts = list(returned.items()) if isinstance(returned, dict) else listed
    if not parts:
        array = np.asarray(returned)
        return () if array.size == right.size and like(array.reshape(right.shape)) else None
    with contextlib.suppress(ValueError, TypeError):
        if isinstance(returned, list) and np.shape(np.stack(returned)) == right.shape:
            return (...,)
    for key, part in parts:
        if (found := _find(part, right, like)) is not None:
            return (key, *found)
    return None


def _stacked(node: Node, axis: int) -> bool:
    """Whether a node is its operands put together along this axis."""
    values = [a.value for a in node.args]
    return (
        len(values) == node.shape[axis]
        and len({v.shape for v in values}) == 1
        and values[0].ndim == node.ndim - 1
        and np.array_equal(np.stack(values, axis), node.value)
    )
