"""Truncated backpropagation through time: the flow is cut, the forward pass is not."""

from __future__ import annotations

import numpy as np
import pytest

import minirnn as mr

STEPS = 7


@pytest.fixture
def both(make):
    """The same network with and without the cut."""

    def traced(truncate, **options):
        whole = make(steps=STEPS, **options)
        return mr.trace(whole.model, whole.inputs[0], whole.target, truncate=truncate), whole

    return traced


def by_tape(trace, length):
    """dL/dW_h as TensorFlow finds it with stop_gradient at the ends of the chunks."""
    import tensorflow as tf

    W_x, W_h, b_h, W_o, b_o = (tf.Variable(trace.value(name)) for name in ("W_x", "W_h", "b_h", "W_o", "b_o"))
    X, Y = trace.inputs[0], trace.target
    with tf.GradientTape() as tape:
        h, outputs = tf.zeros_like(trace.value("h", 0)), []
        for t in range(STEPS):
            if (STEPS - t) % length == 0:
                h = tf.stop_gradient(h)
            h = tf.tanh(X[:, t] @ W_x + b_h + h @ W_h)
            outputs.append(h @ W_o + b_o)
        y = tf.stack(outputs, axis=1) if Y.ndim == 3 else outputs[-1]
        loss = tf.reduce_mean((y - Y) ** 2)
    return tape.gradient(loss, W_h).numpy()


@pytest.mark.parametrize("every_step", [False, True])
@pytest.mark.parametrize("length", [1, 2, 3, 7, 20])
def test_it_is_stop_gradient_at_the_ends_of_chunks(both, every_step, length):
    trace, whole = both(length, every_step=every_step)
    assert np.array_equal(trace.output, whole.output) and trace.loss == whole.loss
    truth = by_tape(trace, length)
    assert np.allclose(trace.gradients["W_h"], truth, rtol=1e-12, atol=1e-15 * np.abs(truth).max())
    assert np.allclose(trace.gradients["W_h"], whole.gradients["W_h"], rtol=1e-12) == (length >= STEPS)


def test_the_ledger_shows_what_was_lost(both):
    trace, whole = both(3)
    ledger, full = trace.ledger("W_h"), whole.ledger("W_h")
    assert not ledger[:4].any() and full[1:4].any() and np.array_equal(ledger[4:], full[4:])


def test_by_path_no_chunk_reaches_another(both):
    trace, whole = both(3, every_step=True)
    paths, full = trace.ledger("W_h", by="path"), whole.ledger("W_h", by="path")
    chunk = np.array([0, 1, 1, 1, 2, 2, 2])
    same = chunk[:, None] == chunk
    assert not paths[~same].any() and np.allclose(paths[same], full[same], rtol=1e-12)


def test_no_jacobian_across_a_cut(both):
    trace, whole = both(3)
    assert not trace.jacobian(5, 4).any() and whole.jacobian(5, 4).any()
    assert np.allclose(trace.jacobian(7, 5), whole.jacobian(7, 5))


def test_all_readings_speak_of_the_cut_flow(both):
    trace, _ = both(2, layers=2, every_step=True)
    assert trace.equations().residual < 1e-14
    assert trace.verify(with_keras=False).ok  # the complex step does not pass the cuts either
    assert "h^2_7" in trace.picture().svg
    assert len(list(trace.walk())) > 10
    assert trace.astype("float32").truncate == 2


def test_keras_is_asked_for_the_forward_pass_only(both):
    report = both(2)[0].verify()
    assert report.ok and {row.note for row in report if row.missing} == {"the flow is cut, which Keras does not do"}


@pytest.mark.parametrize("length", [0, -1, 1.5, True])
def test_a_length_that_is_none(network, length):
    with pytest.raises(ValueError, match="it is a number of steps, 1 or more"):
        mr.trace(network(), np.ones((2, 4, 3)), truncate=length)
