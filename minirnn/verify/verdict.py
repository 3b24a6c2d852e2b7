"""Call every witness on a trace."""

from __future__ import annotations

import platform
from collections.abc import Iterator

import numpy as np

from .._version import __version__
from ..checks import demand_flags
from ..runs.run import Run
from ..system import plain
from . import keras_differences as traps
from .report import Report, Row, gradients, states
from .rounding import allowed
from .saturation import saturated
from .witnesses import complex_step, keras, keras_cells, own_function


def verify(trace: Run, *, with_keras: bool = True, thorough: bool = False) -> Report:
    """Compare the trace with the complex step (float64) and with Keras and tf.GradientTape (float64 and float32).

    The network is run again in each precision. 32 eps are allowed, and more only where rounding alone costs more (see
    `minirnn.verify.rounding`). A function of your own is differentiated itself, by complex step or by differences,
    unless it was traced with ``check_run=False``. A witness that is not at hand is reported as missing, row by row.

    - `with_keras`: ask Keras too, if it is installed
    - `thorough`: also take second derivatives, ask SymPy for its own derivative of the loss, where the network is small, and
      say how far float64 and float32 are off the truth to 50 digits
    """
    demand_flags(with_keras=with_keras, thorough=thorough)
    double, single = (trace if trace.runs_once else trace.astype(dtype) for dtype in ("float64", "float32"))
    rows = _judged([*complex_step.rows(double), *own_function.rows(double)], double)
    if with_keras:
        for each in (double, single):
            rows += _judged(_asking_keras(each), each)
    if thorough:
        from .witnesses import fifty_digits as exact
        from .witnesses import sympy_diff as symbolic

        rows += _judged([*complex_step.second(double), *symbolic.rows(double), *exact.rows(double)], double)
        rows += _judged(exact.rows(single), single)
    rows += _unjudged(double, rows)

    versions = {"minirnn": __version__, "numpy": np.__version__, "python": platform.python_version()}
    if with_keras and keras.absent(trace) is None:
        unrolled = [layer for layer in trace.model.flat_layers if getattr(layer, "unroll", False)]
        versions |= keras.versions() | {"unroll": "on" if unrolled else "off"}
    warnings = [*(said for each in (double, single) for said in saturated(each)), *traps.notes(trace)]
    return Report(rows, versions, list(dict.fromkeys(warnings)), trace.overflow and f"{trace.overflow} in {trace.dtype}")


def _judged(rows: list[Row], trace: Run) -> list[Row]:
    """The rows with what rounding alone explains; of a run that is not finite nothing can be said where a row finds it."""
    rows = allowed(rows, trace)
    if trace.overflow is None:
        return rows
    said = f"{trace.overflow} is not finite in {trace.dtype}"
    return [row if row.ok else row._replace(error=None, note=said) for row in rows]


def _asking_keras(trace: Run) -> list[Row]:
    found: list[Row] = []
    for witness, name in ((_layers, keras.FORWARD), (keras_cells.rows, keras_cells.NAME)):
        try:
            found += witness(trace)
        except Exception as error:  # whatever a backend raises, the other witnesses are heard
            said = f"Keras fails here: {type(error).__name__}: {plain(error)}{traps.failing(trace)}"
            found.append(Row("y", name, str(trace.dtype), None, said))
    return found


def _layers(trace: Run) -> list[Row]:
    return traps.explained(keras.rows(trace), trace, keras.rows)


def _unjudged(trace: Run, rows: list[Row]) -> Iterator[Row]:
    """A row for every weight whose gradient, and every state whose derivative, no witness has a row of: nothing is lost."""
    weights = sum(len(layer.weight_arrays) for layer in trace.model.flat_layers)
    if weights > len(trace.parameters):
        said = f"the layers have {weights} weights, and only {len(trace.parameters)} have a name of their own"
        yield Row("gradients", "count of the weights", str(trace.dtype), np.inf, said)
    if trace.loss_node is None:
        return
    judged = {row.quantity.removesuffix("_t") for row in rows}
    reached = {str(trace.cotangents[n].name) for n in trace.forward if n.name is not None and n in trace.cotangents}
    wanted = [
        *gradients(trace),
        *(name for state in states(trace) if (name := f"d{trace.loss_node.name}/d{state}") in reached),
    ]
    yield from (
        Row(name, "any", str(trace.dtype), None, "no witness has judged it") for name in wanted if name not in judged
    )
