"""The penalty on an output is divided by the samples of the batch at hand, by the letter N in what is written."""

from __future__ import annotations

import numpy as np

import minirnn as mr
from minirnn import regularizers
from minirnn.layers import Dense, Input, SimpleRNN
from minirnn.models import Model


def test_no_number_of_samples_is_baked_in():
    i = Input((4, 3))
    model = Model(i, Dense(2, activity_regularizer=regularizers.L2(0.5))(SimpleRNN(5)(i)))
    rng = np.random.default_rng(0)
    X, Y = rng.normal(size=(7, 4, 3)), rng.normal(size=(7, 2))
    traces = {n: mr.trace(model, X[:n], Y[:n], dtype="float64") for n in (3, 7)}
    for n, trace in traces.items():
        y = trace.output
        right = np.mean((y - Y[:n]) ** 2) + 0.5 * np.sum(y**2) / n
        assert abs(trace.loss - right) < 1e-14
    said = {n: [str(e) for e in trace.equations() if str(e).startswith("L")] for n, trace in traces.items()}
    assert said[3] == said[7] and "/N" in said[3][0].replace(" ", "")
    module: dict = {}
    exec(traces[3].source(), module)
    parameters = {name: node.value for name, node in traces[3].parameters.items()}
    assert abs(module["loss_and_gradients"](parameters, X, Y)[0] - traces[7].loss) < 1e-14
