"""Call every witness on a trace."""

from __future__ import annotations

import platform

import numpy as np

from ..trace import Trace
from . import complex_step, keras, traps
from .report import Report, Row
from .rounding import allowed


def verify(trace: Trace, *, with_keras: bool = True) -> Report:
    """Compare the trace with the complex step (float64) and with Keras and tf.GradientTape (float64 and float32).

    The network is run again in each precision. 32 eps are allowed, and more only where the network is so saturated that
    rounding alone costs more (see `minirnn.verify.rounding`). A witness that is not at hand is reported as missing, row by
    row.
    """
    rows: list[Row] = []
    traces = {dtype: trace.astype(dtype) for dtype in ("float64", "float32")}
    double = traces["float64"]
    if trace.loss_node is not None:
        rows += complex_step.rows(double)
    else:
        rows.append(Row("gradients", complex_step.NAME, "float64", None, "there is no loss: trace with a target"))
    if with_keras:
        rows += traps.explained(list(keras.rows(double, "float64")), double, keras.rows)
        rows += traps.explained(list(keras.rows(traces["float32"], "float32")), traces["float32"], keras.rows)
    rows = allowed(rows, traces)
    from .. import __version__

    versions = {"minirnn": __version__, "numpy": np.__version__, "python": platform.python_version()}
    return Report(rows, versions | (keras.versions() if with_keras else {}))
