"""Attention in every form that programs have it, and operations that no layer does: as in Keras, in every reading."""

from __future__ import annotations

import keras
import numpy as np
import pytest

import minirnn as mr

N, T, D, M = 4, 5, 3, 6
rng = np.random.default_rng(5)
X = rng.normal(size=(N, T, D))
pytestmark = pytest.mark.usefixtures("double_precision")
FIT = {"epochs": 3, "batch_size": 2, "shuffle": False, "verbose": 0}

HEADS = {
    "softmax over the steps": lambda L, ops, h: L.Dense(2)(L.Softmax(axis=1)(h)),
    "weights from operations": lambda L, ops, h: ops.sum(ops.softmax(L.Dense(1)(h), axis=1) * h, axis=1),
    "one weight for all features": lambda L, ops, h: L.Multiply()([L.Dense(1, activation="sigmoid")(h), h]),
    "a table beside a sequence": lambda L, ops, h: L.Add()([L.GlobalAveragePooling1D()(h), h]),
    "a sum over the features": lambda L, ops, h: L.Dense(3)(ops.sum(h, axis=-1)),
    "a query beside every step": lambda L, ops, h: ops.tanh(L.Dense(4)(h) + ops.expand_dims(L.Dense(4)(h[:, -1]), 1)),
    "every step with every step": lambda L, ops, h: ops.matmul(h, ops.transpose(h, (0, 2, 1))),
    "a distance": lambda L, ops, h: ops.exp(-ops.sum(ops.abs(h[:, 0] - h[:, 1]), axis=1, keepdims=True)),
    "a length": lambda L, ops, h: ops.sqrt(ops.sum(ops.square(h), axis=1, keepdims=True)),
    "steps picked": lambda L, ops, h: ops.stack([h[:, 0], h[:, 3]], axis=1),
    "a Lambda": lambda L, ops, h: L.Lambda(lambda t: ops.softmax(t, axis=1))(h),
    "steps after steps": lambda L, ops, h: L.Concatenate(axis=1)([h, h[:, :2]]),
    "Dot": lambda L, ops, h: L.Dot(axes=2)([h, L.Dense(M)(h)]),
    "Dot along the steps": lambda L, ops, h: L.Dot(axes=1)([h, L.Dense(4)(h)]),
    "the cosine": lambda L, ops, h: L.Dot(axes=1, normalize=True)([h[:, 0], h[:, 1]]),
    "Dot with a table": lambda L, ops, h: L.Dot(axes=(2, 1))([h, h[:, 1]]),
    "repeated and turned": lambda L, ops, h: L.Multiply()([
        h, L.Permute((2, 1))(L.RepeatVector(M)(L.Softmax()(L.Flatten()(L.Dense(1, activation="tanh")(h))))),
    ]),
    "the operator": lambda L, ops, h: h @ ops.transpose(h, (0, 2, 1)),
    "Luong": lambda L, ops, h: L.dot([L.Softmax()(L.dot([h, h], axes=[2, 2])), h], axes=[2, 1]),
}  # fmt: skip


def both(head):
    models = []
    for package, ops in ((keras, keras.ops), (mr, mr.ops)):
        i = package.layers.Input((T, D))
        models.append(package.models.Model(i, head(package.layers, ops, package.layers.GRU(M, return_sequences=True)(i))))
    theirs, ours = models
    theirs.set_weights([rng.normal(size=w.shape) for w in theirs.get_weights()])
    ours.set_weights(theirs.get_weights())
    return theirs, ours


@pytest.mark.parametrize("name", HEADS)
def test_forms_of_attention_are_those_of_keras(name, tmp_path):
    theirs, ours = both(HEADS[name])
    found = ours.predict(X)
    np.testing.assert_allclose(found, theirs.predict(X, verbose=0), rtol=1e-10, atol=1e-13)
    Y = rng.normal(size=found.shape)
    trace = mr.trace(ours, X, Y)
    assert trace.verify(with_keras=False).ok
    assert max(equation.residual for equation in trace.equations()) < 1e-10
    np.testing.assert_allclose(mr.from_keras(theirs).predict(X), found, rtol=1e-10)
    np.testing.assert_allclose(mr.to_keras(ours).predict(X, verbose=0), found, rtol=1e-4, atol=1e-5)
    for model, package in ((theirs, keras), (ours, mr)):
        model.compile(package.optimizers.SGD(0.05), "mse")
    np.testing.assert_allclose(ours.fit(X, Y, **FIT).history["loss"], theirs.fit(X, Y, **FIT).history["loss"], rtol=1e-9)
    ours.save(tmp_path / "a.keras")
    np.testing.assert_array_equal(mr.load(tmp_path / "a.keras").predict(X), ours.predict(X))
    loaded = keras.saving.load_model(tmp_path / "a.keras")
    np.testing.assert_allclose(loaded.predict(X, verbose=0), ours.predict(X), rtol=1e-4, atol=1e-5)


PARTS = {
    "halves": lambda ops, h: (lambda a, b: a * b)(*ops.split(h, 2, axis=-1)),
    "a step": lambda ops, h: ops.take(h, -1, axis=1),
}


@pytest.mark.parametrize("name", PARTS)
def test_parts_of_placeholders(name, tmp_path):
    theirs, ours = both(lambda L, ops, h: PARTS[name](ops, h))
    np.testing.assert_allclose(ours.predict(X), theirs.predict(X, verbose=0), rtol=1e-10, atol=1e-13)
    assert mr.trace(ours, X, np.zeros(ours.predict(X).shape)).verify(with_keras=False).ok
    np.testing.assert_allclose(mr.to_keras(ours).predict(X, verbose=0), ours.predict(X), rtol=1e-4, atol=1e-5)
    for refused in (lambda: mr.from_keras(theirs), lambda: mr.save(ours, tmp_path / "a.keras")):
        with pytest.raises(NotImplementedError, match=r"split|take"):
            refused()


@pytest.mark.parametrize("lengths", [(4, 6), (None, None)])
def test_attention_over_a_sequence_of_another_length(lengths):
    models = []
    for L, Model in ((keras.layers, keras.Model), (mr.layers, mr.models.Model)):
        inputs = [L.Input((length, D)) for length in lengths]
        asks, answers = (L.SimpleRNN(M, return_sequences=True)(i) for i in inputs)
        context = L.Dot(axes=(2, 1))([L.Softmax()(L.Dot(axes=2)([asks, answers])), answers])
        models.append(Model(inputs, L.Dense(2)(context)))
    theirs, ours = models
    ours.set_weights(theirs.get_weights())
    data = [rng.normal(size=(N, length, D)) for length in (4, 6)]
    found = ours.predict(data)
    np.testing.assert_allclose(found, theirs.predict(data, verbose=0), rtol=1e-10, atol=1e-13)
    trace = mr.trace(ours, data, rng.normal(size=found.shape))
    equations = trace.equations()
    assert max(equation.residual for equation in equations) < 1e-10 and "(t=1..T_2)" in str(equations)
    assert trace.verify(with_keras=False).ok and "backward, t = 6" in str(trace.walk())


def test_what_does_not_fit_is_refused():
    h = mr.layers.Input((T, D))
    for make, said in (
        (lambda: mr.layers.Dot(axes=2)([h, h, h]), "takes two inputs"),
        (lambda: mr.ops.sum(h), "must be an array for each sample"),
        (lambda: mr.ops.no_such_thing(h), "no no_such_thing"),
    ):
        with pytest.raises((ValueError, NotImplementedError, AttributeError), match=said):
            make()


def test_a_file_may_say_any_size():
    long, other = mr.layers.Input((10_000_000, 1)), mr.layers.Input((9_000_000, 1))
    assert mr.layers.Dot(axes=2)([long, other]).shape == (None, 10_000_000, 9_000_000)
    with pytest.raises(ValueError, match="are not of one size"):
        mr.layers.Dot(axes=1)([long, other])
