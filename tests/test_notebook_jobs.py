"""What notebooks about SimpleRNN do, run with Keras and with minirnn in its place: the same numbers, and the same text."""

from __future__ import annotations

import numpy as np
import pytest

import minirnn as mr

N, T, D, M, K = 2, 10, 3, 5, 6


def replayed(x, Wx, Wh, bh, Wo, bo):
    """The outputs at every step of one sequence, by hand, as such notebooks write it."""
    h_last, outputs = np.zeros(len(bh)), []
    for t in range(len(x)):
        h = np.tanh(x[t].dot(Wx) + h_last.dot(Wh) + bh)
        outputs.append(h.dot(Wo) + bo)
        h_last = h
    return outputs


def shapes_then_a_forecast_by_hand(keras, start, printed):
    """A functional model that is never trained: its table, its layers, its arrays, and one forecast replayed."""
    Input, SimpleRNN, Dense, Model = (
        *[getattr(keras.layers, n) for n in ("Input", "SimpleRNN", "Dense")],
        keras.models.Model,
    )
    X = np.random.default_rng(1).normal(size=(1, T, D))
    i = Input(shape=(T, D))
    model = Model(i, Dense(K)(SimpleRNN(M)(i)))
    start(model)
    Yhat = model.predict(X)
    printed(Yhat.shape, type(model.layers[0]).__name__, type(model.layers[1]).__name__)
    a, b, c = model.layers[1].get_weights()
    printed(a.shape, b.shape, c.shape, model.count_params())
    Wo, bo = model.layers[2].get_weights()
    by_hand = replayed(X[0], a, b, c, Wo, bo)[-1]
    np.testing.assert_allclose(by_hand, Yhat[0], rtol=1e-5, atol=1e-6)
    return Yhat


def the_table_of_a_model(keras, start, printed):
    """Uniform data, the summary line by line, and the outputs at every step."""
    X = np.random.default_rng(2).uniform(size=(1, T, D))
    i = keras.layers.Input(shape=(T, D))
    model = keras.models.Model(i, keras.layers.Dense(K)(keras.layers.SimpleRNN(M)(i)))
    start(model)
    lines = []
    model.summary(print_fn=lambda line, **_: lines.append(line))
    printed(*[word in "\n".join(lines) for word in ("SimpleRNN", "(None, 5)", "45", "Dense", "36")])
    steps = replayed(X[0], *model.layers[1].get_weights(), *model.layers[2].get_weights())
    np.testing.assert_allclose(steps[-1], model.predict(X)[0], rtol=1e-5, atol=1e-6)
    return np.array(steps)


def a_layer_alone_beside_tensorflow(keras, start, printed):
    """One layer that returns its sequence, built for any batch and length, beside products of TensorFlow."""
    import tensorflow as tf

    rnn = keras.layers.SimpleRNN(units=2, use_bias=True, return_sequences=True)
    rnn.build((None, None, 5))
    start(rnn)
    W, U, b = rnn.weights
    printed(W.shape, U.shape, b.shape)
    x = tf.convert_to_tensor(np.random.default_rng(3).normal(size=(3, 5)), dtype=tf.float32)
    output = rnn(tf.reshape(x, shape=(1, 3, 5)))
    by_hand, previous = [], tf.zeros((1, 2))
    for t in range(3):
        h = tf.matmul(tf.reshape(x[t], (1, 5)), W.numpy()) + b.numpy()
        previous = tf.math.tanh(h + tf.matmul(previous, U.numpy()))
        by_hand.append(previous.numpy()[0])
    np.testing.assert_allclose(output[0].numpy(), by_hand, rtol=1e-5, atol=1e-6)
    printed(str(output[0].numpy().shape))
    return output.numpy()


def compiled_and_not_trained(keras, start, printed):
    """A named activation, compile with an optimizer object, predict."""
    X = np.random.default_rng(4).normal(size=(1, T, D))
    i = keras.layers.Input(shape=(T, D))
    out = keras.layers.SimpleRNN(M, activation="tanh")(i)
    model = keras.models.Model(i, keras.layers.Dense(K)(out))
    model.compile(loss="mse", optimizer=keras.optimizers.Adam(learning_rate=0.1))
    start(model)
    y_hats = replayed(X[0], *model.layers[1].get_weights(), *model.layers[2].get_weights())
    np.testing.assert_allclose(y_hats[-1], model.predict(X)[0], rtol=1e-5, atol=1e-6)
    return np.array(y_hats)


def trained_then_checked_column_by_column(keras, start, printed):
    """60 epochs of Adam, the error of each output, the weights in two ways, and all forecasts by hand."""
    rng = np.random.default_rng(5)
    X, Y = rng.normal(size=(N, T, D)), rng.normal(size=(N, K))
    i = keras.layers.Input(shape=(T, D))
    model = keras.models.Model(inputs=i, outputs=keras.layers.Dense(K)(keras.layers.SimpleRNN(M)(i)))
    start(model)
    model.compile(optimizer=keras.optimizers.Adam(0.1), loss=keras.losses.MeanSquaredError())
    history = model.fit(x=X, y=Y, epochs=60, verbose=0)
    Y_pred = model.predict(X)
    errors = [float(np.mean(keras.losses.mean_squared_error(Y[:, k], Y_pred[:, k]))) for k in range(K)]
    Wx, Wh, bh, Wo, bo = model.get_weights()
    again = *model.layers[1].get_weights(), *model.layers[2].get_weights()
    assert all((a == b).all() for a, b in zip((Wx, Wh, bh, Wo, bo), again, strict=True))
    by_hand = np.empty((N, K))
    for n, x in enumerate(X):
        by_hand[n] = replayed(x, Wx, Wh, bh, Wo, bo)[-1]
    assert np.allclose(Y_pred, by_hand, atol=1e-3)
    printed(len(history.history["loss"]))
    return np.array([*history.history["loss"][:20], *errors])


JOBS = [
    shapes_then_a_forecast_by_hand, the_table_of_a_model, a_layer_alone_beside_tensorflow, compiled_and_not_trained,
    trained_then_checked_column_by_column,
]  # fmt: skip


@pytest.mark.parametrize("job", JOBS)
def test_a_notebook_runs_with_minirnn_in_the_place_of_keras(job):
    import keras

    said, numbers = [], []
    for package in (keras, mr):
        rng, lines = np.random.default_rng(7), []

        def start(owner, rng=rng):
            owner.set_weights([0.4 * rng.normal(size=w.shape) for w in owner.get_weights()])

        numbers.append(job(package, start, lambda *words, lines=lines: lines.append(words)))
        said.append([[str(word) for word in words] for words in lines])
    assert said[0] == said[1]
    np.testing.assert_allclose(numbers[1], numbers[0], rtol=2e-4, atol=1e-5)
