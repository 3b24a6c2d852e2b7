"""Call every witness on a trace."""

from __future__ import annotations

import platform

import numpy as np

from ..system import plain
from ..traces import Trace
from . import keras_differences as traps
from .report import Report, Row
from .rounding import allowed
from .saturation import saturated
from .witnesses import complex_step, keras
from .witnesses import keras_cells as keras_steps
from .witnesses.backends import cannot_compute


def verify(trace: Trace, *, with_keras: bool = True, thorough: bool = False) -> Report:
    """Compare the trace with the complex step (float64) and with Keras and tf.GradientTape (float64 and float32).

    The network is run again in each precision. 32 eps are allowed, and more only where the network is so saturated that
    rounding alone costs more (see `minirnn.verify.rounding`). A witness that is not at hand is reported as missing, row by
    row.

    - `with_keras`: ask Keras too, if it is installed
    - `thorough`: also take second derivatives, ask SymPy for its own derivative of the loss, where the network is small, and
      say how far float64 and float32 are off the truth to 50 digits
    """
    rows: list[Row] = []
    traces = {dtype: trace.astype(dtype) for dtype in ("float64", "float32")}
    double = traces["float64"]
    if trace.loss_node is not None:
        rows += complex_step.rows(double)
    else:
        rows.append(Row("gradients", complex_step.NAME, "float64", None, "there is no loss: trace with a target"))
    if with_keras:
        for dtype, each in traces.items():
            rows += _asking_keras(each, dtype)
    if thorough:
        from .witnesses import fifty_digits as exact
        from .witnesses import sympy_diff as symbolic

        if trace.loss_node is not None:
            rows += [*complex_step.second(double), *symbolic.rows(double)]
        rows += [*exact.rows(double), *exact.rows(traces["float32"])]
    rows = allowed(rows, traces)
    from .. import __version__

    versions = {"minirnn": __version__, "numpy": np.__version__, "python": platform.python_version()}
    if with_keras and (asked := keras.versions()):
        unrolled = [layer for layer in trace.model.layers if getattr(layer, "unroll", False)]
        versions |= asked | {"unroll": "on" if unrolled else "off"}
    warnings = [said for each in traces.values() for said in saturated(each)] + traps.notes(trace)
    return Report(rows, versions, warnings)


def _asking_keras(trace: Trace, dtype: str) -> list[Row]:
    if keras.absent(trace) is not None:
        return list(keras.rows(trace, dtype))
    if (reason := cannot_compute(keras.versions()["backend"], dtype)) is not None:
        return [Row("y", keras.FORWARD, dtype, None, reason)]
    found: list[Row] = []
    for witness, name in ((_layers, keras.FORWARD), (keras_steps.rows, keras_steps.NAME)):
        try:
            found += witness(trace, dtype)
        except Exception as error:  # whatever a backend raises, the other witnesses are heard
            said = f"Keras fails here: {type(error).__name__}: {plain(error)}{traps.failing(trace)}"
            found.append(Row("y", name, dtype, None, said))
    return found


def _layers(trace: Trace, dtype: str) -> list[Row]:
    return traps.explained(list(keras.rows(trace, dtype)), trace, keras.rows)
