"""The source of a loop of one's own: a module in the loop's names that computes what the trace has."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from cases import NAMES, case, quiet
from test_published import WITHOUT_TENSORFLOW, same, traced

import minirnn as mr
from minirnn.engine import ops
from minirnn.readings.source import fuse_loops as runs
from minirnn.readings.source.compiled import executed


def errors(trace, text):
    """The error of every result of the executed text, in eps of the dtype, relative to the largest entry."""
    module = executed(text, np)
    params = {name: node.value for name, node in trace.parameters.items()}
    data = [node.value for node in trace.data]
    target = [] if trace.target is None else [trace.target.astype(trace.dtype)]
    loss, gradients = module["loss_and_gradients"](params, *data, *target)
    pairs = {"y": (module["forward"](params, *data), trace.output), "L": (loss, trace.loss)}
    pairs |= {name: (gradients[name], truth) for name, truth in trace.gradients.items()}
    assert list(gradients) == list(trace.gradients)
    for a, b in pairs.values():
        assert np.shape(a) == np.shape(b) and np.asarray(a).dtype == np.asarray(b).dtype
    eps = float(np.finfo(trace.dtype).eps)
    return {name: float(np.abs(a - b).max()) / max(float(np.abs(b).max()), 1e-300) / eps for name, (a, b) in pairs.items()}


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", WITHOUT_TENSORFLOW)
def test_executed_source_is_the_trace(name, dtype):
    trace = traced(name, dtype=dtype)
    found = errors(trace, trace.source())
    assert max(found.values()) <= 32, found


def test_the_seed_with_tensorflow_in_it_needs_none_of_it():
    pytest.importorskip("tensorflow")
    trace = traced("seed_002", dtype="float32")
    text = trace.source()
    assert "tensorflow" not in text and max(errors(trace, text).values()) <= 32


def test_formatters_leave_it_as_it_is(tmp_path):
    for name in WITHOUT_TENSORFLOW:
        (tmp_path / f"{name}.py").write_text(traced(name).source())
        (tmp_path / f"{name}_forward.py").write_text(traced(name, target=False).source())
    command = [sys.executable, "-m", "ruff", "format", "--isolated", "--diff", str(tmp_path)]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout[:2000]
    check = [sys.executable, "-m", "ruff", "check", "--isolated", "--ignore", "E741", str(tmp_path)]  # l is a name of theirs
    assert subprocess.run(check, capture_output=True, text=True).returncode == 0


def test_the_first_seed_reads_as_the_notebook_does():
    lines = [line.strip() for line in traced("seed_000").source().splitlines()]
    assert "h[t] = np.tanh(np.dot(x[t], Wx) + np.dot(h_last[t - 1], Wh) + bh)" in lines
    assert "h_last[t] = h[t]" in lines and "dh_last[t] = product[t + 1] @ Wh.T" in lines
    assert "# hₜ = tanh(xₜ Wx + h_lastₜ₋₁ Wh + bh)    (t = 1..T)" in lines
    assert lines.count("for t in range(1, T + 1):") == 1 and lines.count("for t in range(T - 1, 0, -1):") == 1


@pytest.mark.parametrize("name", ["seed_000", "batch_with_at", "every_step_into_an_array", "characters", "embedded"])
def test_compiled_it_is_a_function(name):
    trace = traced(name)
    f = trace.compile()
    params = {n: node.value for n, node in trace.parameters.items()}
    data = [node.value for node in trace.data]
    loss, gradients = f(params, data[0] if len(data) == 1 else data, trace.target)
    np.testing.assert_allclose(loss, trace.loss, rtol=1e-14)
    assert all(np.allclose(gradients[n], g, rtol=0, atol=1e-14) for n, g in trace.gradients.items())
    np.testing.assert_allclose(f.forward(params, data), trace.output, rtol=1e-14)


def test_other_sizes_are_refused():
    trace = traced("batch_with_at")
    params = {n: node.value for n, node in trace.parameters.items()}
    with pytest.raises(ValueError, match=r"shapes \[\(1, 6, 4\)\]; this was traced with \[\(3, 6, 4\)\]"):
        trace.compile()(params, trace.data[0].value[:1], trace.target)


def test_a_function_without_a_loss_has_its_forward_pass():
    trace = traced("gru_by_hand", target=False)
    module = executed(trace.source(), np)
    params = {n: node.value for n, node in trace.parameters.items()}
    assert "loss_and_gradients" not in module
    assert same(module["forward"](params, trace.data[0].value), trace.output)


def test_two_arrays_of_data():
    def f(x, u, W):
        h = np.zeros(3)
        for t in range(len(x)):
            h = np.tanh(x[t] @ W + u[t] * h + 1)
        return h

    rng = np.random.default_rng(0)
    x, u, W = rng.normal(size=(5, 2)), rng.normal(size=(5, 3)), rng.normal(size=(2, 3))
    trace = mr.trace(f, x=x, u=u, W=W, Y=np.ones(3))
    text = trace.source()
    assert "def forward(params, x, u):" in text and max(errors(trace, text).values()) <= 4
    assert trace.compile().forward({"W": W}, [x, u]).tolist() == f(x, u, W).tolist()


@pytest.mark.parametrize("T", [1, 2, 3])
def test_short_sequences(T):
    for name in ("iterating", "lstm_sliced", "growing_list", "bidirectional"):
        function, arguments = case(name)
        short = {k: (v[:, :T] if v.ndim == 3 else v[:T]) if k == "X" else v for k, v in arguments.items()}
        with quiet():
            output = mr.trace(function, **short).output
            trace = mr.trace(function, **short, Y=np.ones_like(output))
        assert max(errors(trace, trace.source()).values()) <= 32


def test_a_loop_that_runs_backwards_begins_after_the_last_step():
    lines = [str(e) for e in traced("bidirectional").equations()]
    assert "gₜ = tanh(Xₜ Wb + gₜ₊₁ Ub)    (t=1..T)" in lines and "g[T+1] = 0" in lines
    assert traced("bidirectional").steps == 6


def test_a_wrong_text_is_seen(monkeypatch):
    assert max(errors(traced("lstm_sliced"), traced("lstm_sliced").source()).values()) <= 32
    monkeypatch.setattr(ops.block, "numpy", "np.split({0}, {parts}, axis=-1)[{k}][..., ::-1]")
    assert max(errors(traced("lstm_sliced"), traced("lstm_sliced").source()).values()) > 1e6


def test_loops_put_together_against_their_order_are_seen(monkeypatch):
    """A loop may not go into one that comes before what it needs."""
    monkeypatch.setattr(runs, "_needs", lambda run, made: False)
    with pytest.raises(KeyError):
        errors(traced("bidirectional"), traced("bidirectional").source())
        errors(traced("lstm_by_hand"), traced("lstm_by_hand").source())


def test_every_published_loop_is_there():
    assert len(NAMES) >= 31


def test_equal_slices_of_a_sum_are_its_blocks():
    """Gates cut by slices and by np.split read alike: by blocks, no numbers of columns, no blocks among zeros."""
    rng = np.random.default_rng(3)
    sigma = lambda v: 1 / (1 + np.exp(-v))

    def by_slices(X, W, U):
        h, c, M = np.zeros((2, 4)), np.zeros((2, 4)), 4
        for t in range(X.shape[1]):
            z = X[:, t] @ W + h @ U
            i, f, g, o = sigma(z[:, :M]), sigma(z[:, M : 2 * M]), np.tanh(z[:, 2 * M : 3 * M]), sigma(z[:, 3 * M :])
            c = f * c + i * g
            h = o * np.tanh(c)
        return np.sum(h**2)

    def by_split(X, W, U):
        h, c = np.zeros((2, 4)), np.zeros((2, 4))
        for t in range(X.shape[1]):
            z = X[:, t] @ W + h @ U
            a_i, a_f, a_g, a_o = np.split(z, 4, axis=1)
            i, f, g, o = sigma(a_i), sigma(a_f), np.tanh(a_g), sigma(a_o)
            c = f * c + i * g
            h = o * np.tanh(c)
        return np.sum(h**2)

    arrays = {"X": rng.normal(size=(2, 5, 3)), "W": rng.normal(size=(3, 16)), "U": rng.normal(size=(4, 16))}
    for loop in (by_slices, by_split):
        trace = mr.trace(loop, **arrays)
        found = trace.equations()
        assert found.residual < 1e-12 and not any(":" in str(e) or "[0 " in str(e) for e in found), str(found)
        assert any("[zₜ]₂" in str(e) for e in found)
        report = trace.verify(with_keras=False)
        assert report.ok, report.sentence
