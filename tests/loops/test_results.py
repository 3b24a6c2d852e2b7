"""What a function returns in containers inside of containers, and why some arrays are data."""

from __future__ import annotations

import numpy as np

import minirnn as mr


def nested(X, lens, W):
    h = np.zeros(2)
    for t in range(int(lens.sum())):
        h = np.tanh(X[t] @ W + h)
    return {"states": [(h, h * 2)], "loss": np.sum(h)}


def traced(**options):
    rng = np.random.default_rng(0)
    return mr.trace(nested, X=rng.normal(size=(5, 3)), lens=np.array([2, 1]), W=rng.normal(size=(3, 2)), **options)


def test_the_first_array_of_what_is_returned_is_traced_however_deep_it_lies():
    trace = traced()
    assert np.array_equal(trace.output, trace.returned["states"][0][0])
    assert np.array_equal(traced(output=("states", 0, 1)).output, 2 * trace.output)
    assert traced(output="loss").loss == trace.returned["loss"]


def test_it_is_said_why_arrays_are_data_and_where_labels_became_numbers():
    trace = traced()
    reasons = trace.data_reasons()
    assert reasons["X"] == "read step by step" and "test_results.py" in reasons["labels"]
    assert "for these labels alone" in repr(trace)
