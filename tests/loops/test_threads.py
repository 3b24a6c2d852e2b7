"""Many threads trace at once, each its own function; NumPy and the user's functions are never altered."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import published
import pytest
from cases import case, quiet

import minirnn as mr

NAMES = [
    "batch_with_at", "columns", "lstm_by_hand", "gru_by_hand", "two_layers", "characters", "one_number_at_a_time",
    "rnn_forward",
]  # fmt: skip


def test_eight_threads_trace_different_functions():
    before = {name: getattr(np, name) for name in dir(np)}
    methods = {name: getattr(np.ndarray, name) for name in dir(np.ndarray)}
    expected = {}
    for name in NAMES:
        function, arguments = case(name)
        expected[name] = (function(**arguments), mr.trace(function, **arguments).gradients if name == "characters" else None)
    together = threading.Barrier(len(NAMES))
    seen = []

    def run(name):
        function, arguments = case(name)
        together.wait()
        for _ in range(10):
            trace = mr.trace(function, **arguments)
            assert np.asarray(trace.output).tobytes() == np.asarray(output(expected[name][0])).tobytes(), name
            assert trace.steps == (5 if name == "characters" else published.T)
            seen.append(getattr(np, "tanh") is before["tanh"])  # noqa: B009
        return trace

    def output(returned):
        return returned

    with ThreadPoolExecutor(len(NAMES)) as pool:
        traces = dict(zip(NAMES, pool.map(run, NAMES)))
    assert all(seen) and len(seen) == 80
    for name, gradient in expected["characters"][1].items():
        np.testing.assert_array_equal(traces["characters"].gradients[name], gradient)
    assert all(getattr(np, name) is value for name, value in before.items())
    assert all(getattr(np.ndarray, name) == value for name, value in methods.items())


def test_the_functions_and_their_globals_stay_as_they_are():
    function, arguments = case("lstm_by_hand")
    code, space, copies = function.__code__, dict(vars(published)), {k: v.copy() for k, v in arguments.items()}
    mr.trace(function, **arguments)
    assert function.__code__ is code and dict(vars(published)) == space
    assert all(np.array_equal(copies[k], arguments[k]) for k in copies)


def test_objects_keep_their_arrays_and_states():
    function, arguments = case("RNN.forward")
    network = function.__self__
    again, _ = case("RNN.forward")
    plain = again(**arguments)
    trace = mr.trace(function, **arguments)
    assert type(network) is published.RNN and all(type(value) is np.ndarray for value in vars(network).values())
    for name, value in vars(again.__self__).items():  # as one plain call leaves it
        np.testing.assert_array_equal(vars(network)[name], value)
    np.testing.assert_array_equal(trace.output, plain)


def test_outside_a_trace_a_node_is_an_array():
    function, arguments = case("batch_with_at")
    node = mr.trace(function, **arguments).output_node
    assert type(np.asarray(node)) is np.ndarray


def test_what_is_returned_is_plain():
    for name in ("characters_with_backward", "columns"):
        function, arguments = case(name)
        with quiet():
            returned = mr.trace(function, **arguments).returned
        for value in returned if isinstance(returned, tuple) else [returned]:
            assert type(value) in (np.ndarray, np.float64)


def test_after_a_refusal_all_is_as_before():
    def refused(X):
        return X if X[0, 0] > 0 else -X

    for _ in range(3):
        with pytest.raises(mr.CannotFollow):
            mr.trace(refused, X=np.ones((2, 3)))
    function, arguments = case("batch_with_at")
    np.testing.assert_array_equal(mr.trace(function, **arguments).output, function(**arguments))


def test_a_refused_loop_leaves_no_time_step_behind():
    """Its generator is closed whenever Python collects it: that must not touch what is made then."""
    import gc

    from minirnn.engine.graph import now

    def refused(X):
        for x in X:
            np.array([0])[0] = x[0]

    try:
        mr.trace(refused, X=np.ones((2, 3)))
    except mr.CannotFollow as error:
        kept = error
    del kept
    gc.collect()
    assert now.step is None


def test_threads_that_ask_one_trace_for_the_first_time():
    """Names and steps are settled when something is asked: once, whoever asks first."""
    function, arguments = case("lstm_by_hand")
    with quiet():
        trace = mr.trace(function, **arguments)
    begin = threading.Barrier(8)

    def ask(_):
        begin.wait()
        return trace.steps, len(trace.variables), trace.output_node, [*trace.data_names]

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(ask, range(8)))
    assert all(each == found[0] for each in found) and found[0][0] == 6


def test_functions_are_freed_with_their_traces():
    """Nothing keeps the code of a function that was traced, but for the last few."""
    import gc
    import linecache
    import weakref

    def traced(n):
        text = f"def f(X):\n    h = np.zeros(2)\n    for x in X:\n        h = np.tanh(x * {n}.5 + h)\n    return np.sum(h)\n"
        linecache.cache[f"<cell {n}>"] = (len(text), None, text.splitlines(True), f"<cell {n}>")
        space = {"np": np}
        exec(compile(text, f"<cell {n}>", "exec"), space)
        assert mr.trace(space["f"], X=np.ones((3, 2))).steps == 3
        del linecache.cache[f"<cell {n}>"]
        return weakref.ref(space["f"].__code__)

    codes = [traced(n) for n in range(50)]
    gc.collect()
    assert sum(code() is not None for code in codes) <= 34
