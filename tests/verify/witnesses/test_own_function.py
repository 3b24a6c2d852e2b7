"""The user's own function as a witness: what it returns, and its derivatives by complex step or by differences."""

from __future__ import annotations

import numpy as np
import pytest

import minirnn as mr
from minirnn.engine import ops
from minirnn.loops import trace as loop_traces
from minirnn.verify.witnesses import complex_step, own_function

rng = np.random.default_rng(3)
W = {"X": rng.normal(size=(5, 3)), "U": rng.normal(size=(3, 4)), "V": 0.5 * rng.normal(size=(4, 4)), "b": rng.normal(size=4)}
CLOSED = 0.7 * rng.normal(size=(4, 4))


def plain(X, U, V, b):
    h = np.zeros(4)
    for x in X:
        h = np.tanh(x @ U + h @ V + b)
    return h


def listed(X, U, V, b):
    h, hs = np.zeros(4), []
    for x in X:
        h = np.tanh(x @ U + h @ V + b)
        hs.append(h)
    return hs


def buffered(X, U, V, b, kind=float):
    H = np.zeros((6, 4), kind)
    for t in range(5):
        H[t + 1] = np.tanh(X[t] @ U + H[t] @ V + b)
    return H[1:]


def absolute(X, U, V, b):
    h = np.zeros(4)
    for x in X:
        h = np.tanh(x @ U + h @ V + b)
    cost = np.sum(np.abs(h))
    return cost


def traced(loop, **more):
    shape = np.shape(loop(**W, **more))
    return mr.trace(loop, **W, **more, **({"Y": np.ones(shape)} if shape else {}))


def rows(trace):
    return {row.quantity: row for row in own_function.rows(trace)}


@pytest.mark.parametrize("loop", [plain, listed])
def test_complex_numbers_pass(loop):
    found = rows(traced(loop))
    assert {"dL/dU", "dL/dV", "dL/db"} < set(found) and len(found) == 4
    assert all(row.ok and row.witness == own_function.NAME for row in found.values())
    assert "complex step" in found["dL/dU"].note


@pytest.mark.parametrize("loop", [buffered, absolute])
def test_where_they_do_not_differences_are_taken(loop):
    trace = traced(loop)
    of = [row for row in rows(trace).values() if "/d" in row.quantity]
    assert len(of) == 3 and all(row.ok and row.witness == own_function.DIFFERENCES for row in of)
    report = trace.verify(with_keras=False)
    assert report.ok and "3 as far as differences tell" in report.sentence


def test_a_float32_buffer_is_judged_as_float32():
    report = traced(buffered, kind=np.float32).verify(with_keras=False)
    assert report.ok and {row.dtype for row in report} == {"float32"}


def test_a_model_has_none(trace):
    assert not rows(trace)


# ------------------------------------------------------------------------------------------------------ the tester tested


@pytest.mark.parametrize("kind", [float, np.float32])
@pytest.mark.parametrize("loop", [plain, listed, buffered])
def test_a_gradient_wrong_by_a_twentieth_of_a_percent(loop, kind):
    """In float64 and in mixed precision, by the witness that goes through the graph and by the function itself."""
    more = {"kind": kind} if loop is buffered else {}
    given = {k: v.astype(kind) for k, v in W.items()} if loop is not buffered else W
    trace = mr.trace(loop, **given, **more, Y=np.ones(np.shape(loop(**W, **more)))).astype("float64")
    for name in ("U", "V", "b"):
        node = trace.cotangents[trace.parameters[name]]
        right, node.value = node.value, node.value * 1.0005
        by_graph = {row.quantity: row for row in complex_step.rows(trace)}
        assert not by_graph[f"dL/d{name}"].ok
        if more.get("kind") is not np.float32:  # differences of float32 numbers tell less
            assert not rows(trace)[f"dL/d{name}"].ok
        node.value = right


def test_a_state_gradient_and_a_value_wrong_by_a_twentieth_of_a_percent():
    trace = traced(plain)
    trace.cotangents[trace.variables["h", 5]].value = trace.adjoint("h", 5) * 1.0005
    assert not {row.quantity: row for row in complex_step.rows(trace)}["dL/dh_t"].ok
    trace = traced(plain)
    trace.output_node.value = trace.output * 1.0005
    assert any(not row.ok for row in rows(trace).values() if "/d" not in row.quantity)


def test_an_operation_that_computes_something_else(monkeypatch):
    """The recorded graph agrees with itself; the function does not agree with it."""
    monkeypatch.setattr(ops.tanh, "vjp", (lambda g, y, x: g * (1.0005 - ops.square(y)),))
    wrong = {row.quantity for row in own_function.rows(traced(plain)) if not row.ok}
    assert wrong == {"dL/dU", "dL/dV", "dL/db"}


def test_weights_where_the_function_finds_them():
    class Net:
        def __init__(self):
            self.V = CLOSED

        def run(self, X, U):
            h = np.zeros(4)
            for x in X:
                h = np.tanh(x @ U + h @ self.V)
            return h

    trace = mr.trace(Net().run, X=W["X"], U=W["U"], Y=np.ones(4))
    report = trace.verify(with_keras=False)
    judged = {row.quantity for row in report if row.witness == own_function.NAME}
    assert report.ok and {"dL/dU", "dL/dCLOSED"} <= judged, report


def softmaxed(X, U, V, b):
    h, found = np.zeros(4), []
    for x in X:
        h = np.tanh(x @ U + h @ V + b)
        e = np.exp(h @ CLOSED)
        found.append(e / np.sum(e))
    return np.array(found)


def sigmoids(X, U, V, b):
    h = np.zeros(4)
    for x in X:
        h = np.tanh(x @ U + h @ V + b)
    return 1 / (1 + np.exp(-(h @ CLOSED)))


def test_a_cross_entropy_of_what_is_returned():
    """It is computed from what went into the softmax or the sigmoid, which the function does not return."""
    one_hot = np.eye(4)[[0, 3, 1, 2, 3]]
    for loop, Y, loss in (
        (softmaxed, one_hot, "categorical_crossentropy"),
        (sigmoids, one_hot[1], "binary_crossentropy"),
    ):
        found = rows(mr.trace(loop, **W, Y=Y, loss=loss))
        assert all(row.ok and row.witness == own_function.NAME for row in found.values()) and len(found) == 5, found


def test_a_function_that_must_run_once_does_not_run_again(monkeypatch):
    runs = []
    for name in ("run", "run_plainly"):
        right = getattr(loop_traces, name)
        monkeypatch.setattr(loop_traces, name, lambda *given, right=right: runs.append(1) or right(*given))
    for kind in (np.float64, np.float32):
        runs.clear()
        given = {name: array.astype(kind) for name, array in W.items()}
        trace = mr.trace(plain, **given, Y=np.ones(4), check_run=False)
        for thorough in (False, True):
            report = trace.verify(with_keras=False, thorough=thorough)
            assert report.ok and len(runs) == 1
            (row,) = (row for row in report if row.witness == own_function.NAME)
            assert row.missing and "check_run=False" in row.note
