"""The source of a loop of one's own: a module in the loop's names that computes what the trace has."""

from __future__ import annotations

import numpy as np
import pytest
from cases import NAMES, case, quiet
from styles import STYLES
from test_published import WITHOUT_TENSORFLOW, same, traced

import minirnn as mr
from minirnn.readings.source import prepare
from minirnn.readings.source.arrays import operations
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
    dtypes = [trace.dtype, *(value.dtype for value in params.values())]  # that of the least precise number counts
    eps = max(float(np.finfo(dtype).eps) for dtype in dtypes if np.dtype(dtype).kind == "f")
    return {name: float(np.abs(a - b).max()) / max(float(np.abs(b).max()), 1e-300) / eps for name, (a, b) in pairs.items()}


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", WITHOUT_TENSORFLOW)
def test_executed_source_is_the_trace(name, dtype):
    trace = traced(name, dtype=dtype)
    for form in ("numpy", "buffers"):
        found = errors(trace, trace.source(form))
        assert max(found.values()) <= 32, (form, found)


def test_the_seed_with_tensorflow_in_it_needs_none_of_it():
    pytest.importorskip("tensorflow")
    trace = traced("seed_002", dtype="float32")
    text = trace.source()
    assert "tensorflow" not in text and max(errors(trace, text).values()) <= 32


def test_the_first_seed_reads_as_the_notebook_does():
    text = traced("seed_000").source()
    lines = [line.strip() for line in text.splitlines()]
    code = [
        line for line in text[text.index("def loss_and_gradients") :].splitlines() if line.strip(' "') and "# " not in line
    ]
    assert len(code) <= 40 and text.count("def ") == 2  # no helper
    assert "h[t] = np.tanh(h_part[t - 1] + np.dot(h_last[t - 1], Wh) + bh)" in lines
    assert "h_part = x @ Wx" in lines and "# h_partₜ = xₜ Wx    (t = 1..T)" in lines
    assert "h_last[t] = h[t]" in lines
    assert "# hₜ = tanh(xₜ Wx + h_lastₜ₋₁ Wh + bh)    (t = 1..T)" in lines
    assert lines.count("for t in range(1, T + 1):") == 2 and lines.count("for t in range(T - 1, 0, -1):") == 1


@pytest.mark.parametrize("name", ["seed_000", "batch_with_at", "every_step_into_an_array", "characters", "embedded"])
def test_compiled_it_is_a_function(name):
    trace = traced(name)
    f = trace.compile()
    params = {n: node.value for n, node in trace.parameters.items()}
    data = [node.value for node in trace.data]
    loss, gradients = f(params, data[0] if len(data) == 1 else data, trace.target)
    np.testing.assert_allclose(loss, trace.loss, rtol=1e-14)
    assert all(np.allclose(gradients[n], g, rtol=0, atol=1e-14) for n, g in trace.gradients.items())
    np.testing.assert_allclose(f.forward(params, data), trace.output, rtol=1e-14, atol=1e-15)


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
    columns = operations._columns
    monkeypatch.setattr(operations, "_columns", lambda x, k, dims: columns(x, k ^ 1, dims))
    for wrong in (traced("lstm_sliced").source, traced("lstm_sliced").compile):
        with pytest.raises(NotImplementedError, match="does not compute what its graph computes"):
            wrong()


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


@pytest.mark.parametrize("name", ["tied_embedding", "characters_with_backward", "features_samples_steps"])
def test_labels_in_scalar_loops(name):
    """Places that are computed, softmax by columns and the largest entry have a form in numbers one by one."""
    style = STYLES[name]
    trace = mr.trace(style.loop, **style.data(4))
    space = {}
    exec(trace.source(form="loops"), space)
    params = {key: trace.value(key) for key in trace.parameters}
    loss, gradients = space["loss_and_gradients"](params, *trace.inputs)
    assert abs(loss - trace.loss) < 1e-12
    assert all(np.allclose(gradients[key], trace.gradients[key], 1e-9, 1e-12) for key in trace.gradients)


def rows_in_place(X, W):
    A, B = X @ W, X * 0.5
    for r, q in zip(A, B):
        r += q
        q *= 2
    return np.sum(A * B)


def rows_of_one_array(X, W):
    A = X * 1.0
    v = np.copy(A)
    v[0] = 0.0
    A[1] += v[2]
    for r, q in zip(A, A):
        r += q
    return np.sum(np.tanh(A) @ W) + np.sum(v)


def neighbours_on_both_sides(X, W):
    h = [np.tanh(x @ W) for x in X]
    for t in (2, 1, 3, 0):
        h[t] = np.tanh(h[(t + 1) % 4] @ W + h[(t - 1) % 4])
    return np.sum(sum(h) ** 2)


@pytest.mark.parametrize("loop", [rows_in_place, rows_of_one_array, neighbours_on_both_sides])
def test_what_no_loop_over_time_computes_is_written_step_by_step(loop):
    rng = np.random.default_rng(3)
    X, W = (rng.normal(size=s) for s in ([(4, 3), (3, 3)] if loop is neighbours_on_both_sides else [(3, 4), (4, 4)]))
    trace = mr.trace(loop, X=X, W=W)
    assert abs(trace.loss - loop(X.copy(), W.copy())) < 1e-13
    for form in ("numpy", "buffers", *(["loops"] if loop is not rows_of_one_array else [])):
        found = errors(trace, trace.source(form))
        assert max(found.values()) <= 32, (form, found)


def test_too_many_steps_of_their_own_are_refused_in_a_sentence(monkeypatch):
    rng = np.random.default_rng(3)
    trace = mr.trace(neighbours_on_both_sides, X=rng.normal(size=(4, 3)), W=rng.normal(size=(3, 3)))
    assert "for t in" not in trace.source()
    monkeypatch.setattr(prepare, "LONGEST", 3)
    said = r"h.* needs? earlier and later steps .* and \d+ statements .* trace fewer steps"
    with pytest.raises(NotImplementedError, match=said):
        trace.source()
