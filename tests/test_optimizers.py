from __future__ import annotations

import itertools
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import pytest

from minirnn import optimizers
from minirnn.optimizers import SGD, Adam

CASES = [
    (SGD, {}),
    (SGD, {"learning_rate": 0.1, "momentum": 0.9}),
    (SGD, {"learning_rate": 0.1, "momentum": 0.9, "nesterov": True}),
    (SGD, {"learning_rate": 0.1, "clipnorm": 0.5}),
    (SGD, {"learning_rate": 0.1, "momentum": 0.5, "clipvalue": 0.3}),
    (Adam, {}),
    (Adam, {"learning_rate": 0.1, "beta_1": 0.8, "beta_2": 0.99, "epsilon": 1e-3}),
    (Adam, {"learning_rate": 0.1, "global_clipnorm": 0.7}),
]


@pytest.mark.parametrize("kind, options", CASES, ids=lambda c: str(c))
def test_steps_are_those_of_keras(kind, options):
    import keras

    keras.config.set_floatx("float64")  # the learning rate has this type
    rng = np.random.default_rng(0)
    shapes = [(3, 5), (5, 5), (5,)]
    weights = [rng.normal(size=s) for s in shapes]
    variables = [keras.Variable(w, dtype="float64") for w in weights]
    theirs = getattr(keras.optimizers, kind.__name__)(**options)
    ours = kind(**options)
    ends = np.cumsum([0, *(w.size for w in weights)])
    parts = [slice(a, b) for a, b in itertools.pairwise(ends)]
    vector, new = np.concatenate([w.ravel() for w in weights]), np.empty(ends[-1])
    for _ in range(7):
        gradients = [rng.normal(size=s) for s in shapes]
        theirs.apply([keras.ops.convert_to_tensor(g, "float64") for g in gradients], variables)
        ours.step(vector, np.concatenate([g.ravel() for g in gradients]), parts, new)
        vector, new = new, vector
    found = np.concatenate([np.asarray(v).ravel() for v in variables])
    keras.config.set_floatx("float32")
    np.testing.assert_allclose(vector, found, rtol=1e-12)


@pytest.mark.parametrize(
    "make, says",
    [
        (lambda: SGD(-1), "learning_rate=-1"),
        (lambda: SGD(0.1, momentum=2), "between 0 and 1"),
        (lambda: Adam(beta_1=1), "less than 1"),
        (lambda: Adam(clipnorm=1.0, clipvalue=1.0), "only one of"),
        (lambda: Adam("fast"), "must be a number"),
        (lambda: optimizers.get("rmsprop"), "unknown optimizer 'rmsprop'; minirnn has sgd, adam"),
    ],
)
def test_wrong_settings(make, says):
    with pytest.raises(ValueError, match=says):
        make()


def test_names():
    assert isinstance(optimizers.get("Adam"), Adam) and isinstance(optimizers.get("sgd"), SGD)
