"""Metrics against Keras' own, batch after batch, with weights of samples."""

from __future__ import annotations

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import pytest

import minirnn as mr
from minirnn import metrics

SETTINGS = {
    "BinaryAccuracy": {"threshold": 0.4}, "TopKCategoricalAccuracy": {"k": 2}, "SparseTopKCategoricalAccuracy": {"k": 2},
    "BinaryCrossentropy": {"label_smoothing": 0.2}, "Precision": {"thresholds": 0.6}, "Recall": {"thresholds": [0.3, 0.7]},
    "AUC": {"num_thresholds": 20}, "F1Score": {"average": "weighted"}, "FBetaScore": {"beta": 0.5, "average": "macro"},
    "SparseCategoricalCrossentropy": {"ignore_class": 1},
}  # fmt: skip


def arrays(name, rng, n):
    """A target and an output that the metric has a meaning for."""
    y = rng.uniform(0.05, 0.95, (n, 4)).astype("f")
    if name.startswith("Sparse"):
        return rng.integers(0, 4, n), y / y.sum(-1, keepdims=True)
    if name in ("R2Score", "MeanSquaredLogarithmicError") or "Mean" in name or "Cosh" in name or name == "CosineSimilarity":
        return rng.normal(size=(n, 4)).astype("f"), rng.normal(size=(n, 4)).astype("f")
    if name.startswith(("Categorical", "TopK", "F")) and name not in ("FalsePositives", "FalseNegatives"):
        return np.eye(4, dtype="f")[rng.integers(0, 4, n)], y / y.sum(-1, keepdims=True)
    return rng.integers(0, 2, (n, 4)).astype("f"), y


@pytest.mark.parametrize("name", sorted(metrics.KNOWN.classes))
def test_a_metric_is_that_of_keras(name):
    import keras

    settings = SETTINGS.get(name, {})
    theirs, ours = getattr(keras.metrics, name)(**settings), getattr(metrics, name)(**settings)
    taken = metrics.get(getattr(keras.metrics, name)(**settings))
    assert type(taken) is type(ours) and ours.name == theirs.name
    for weighted in (False, True):
        rng = np.random.default_rng(3)
        for metric in (theirs, ours, taken):
            metric.reset_state()
        for n in (7, 5, 2):
            y_true, y_pred = arrays(name, rng, n)
            weights = rng.uniform(0, 2, n).astype("f") if weighted else None
            for metric in (theirs, ours, taken):
                metric.update_state(y_true, y_pred, sample_weight=weights)
        right = np.asarray(theirs.result())
        for metric in (ours, taken):
            np.testing.assert_allclose(metric.result(), right, rtol=2e-5, atol=2e-6, err_msg=f"weighted: {weighted}")


@pytest.mark.parametrize("shape, right", [((9, 1), "BinaryAccuracy"), ((9, 3), "CategoricalAccuracy")])
def test_accuracy_by_name_looks_at_the_shapes(shape, right):
    rng = np.random.default_rng(0)
    y_true, y_pred = rng.integers(0, 2, shape), rng.uniform(size=shape)
    assert metrics.get("acc")(y_true, y_pred) == getattr(metrics, right)()(y_true, y_pred)
    assert metrics.get("acc").name == "acc"


def test_what_is_no_metric_is_refused_with_the_nearest():
    with pytest.raises(ValueError, match="unknown metric 'preciscion'; did you mean 'precision'"):
        metrics.get("preciscion")


@pytest.mark.parametrize("kind", ["Mean", "Sum"])
def test_the_mean_of_numbers(kind):
    import keras

    ours, theirs = getattr(metrics, kind)(), getattr(keras.metrics, kind)()
    rng = np.random.default_rng(0)
    for values, weights in ((2.0, None), (rng.normal(size=(3, 4)), None), (rng.normal(size=(3, 4)), [1.0, 0.0, 2.5])):
        np.testing.assert_allclose(ours(values, weights), theirs(values, weights), rtol=1e-6)
    assert ours.result().numpy().dtype == np.float32 and ours.name == theirs.name
    ours.reset_state()
    assert ours.result() == 0


def test_arguments_of_keras_that_do_nothing():
    assert metrics.CosineSimilarity(axis=-1, dtype="float32").name == "cosine_similarity"
    with pytest.raises(NotImplementedError, match=r"CosineSimilarity\(axis=0\) is not supported"):
        metrics.CosineSimilarity(axis=0)
    with pytest.raises(TypeError, match="MeanSquaredError has no argument 'nme'; did you mean name"):
        metrics.MeanSquaredError(nme="mse")


def test_names_are_numbered_where_keras_numbers_them():
    """And begin anew after clear_session, of Keras' own modules too."""
    import keras

    found = []
    for module, clear in ((keras.metrics, keras.utils.clear_session), (metrics, mr.utils.clear_session)):
        clear()

        class Share(module.Precision):
            pass

        class Own(module.Mean):
            pass

        made = [
            module.AUC(),
            module.AUC(curve="PR"),
            module.Precision(),
            module.MeanSquaredError(),
            module.MeanSquaredError(),
        ]
        made += [Share(), Share(), Own(), Own(), module.Mean(), module.Sum(), module.BinaryAccuracy(), module.F1Score()]
        module.get("Recall")
        made += [module.Recall(), module.R2Score(), module.R2Score()]
        clear()
        found.append([m.name for m in [*made, module.AUC()]])
    assert found[0] == found[1] and {"auc_1", "share_1", "recall_1", "mean"} <= set(found[1])


def test_a_metric_of_ones_own_has_a_dtype():
    class Counted(metrics.Metric):
        def __init__(self, name="counted", **others):
            super().__init__(name=name, **others)
            self.total = self.add_weight(name="total", initializer="zeros")

        def update_state(self, y_true, y_pred, sample_weight=None):
            n = mr.ops.cast(mr.ops.shape(y_true)[0], self.dtype)
            self.total.assign_add(mr.ops.cast(mr.ops.sum(y_pred), self.dtype) / n + mr.ops.cast([0, 0], "float32")[0])

        def result(self):
            return self.total

    metric, wide = Counted(), Counted(dtype="float64")
    metric.update_state(np.ones(4), np.ones(4) * 3)
    assert float(metric.result()) == 3.0 and metric.dtype == "float32"
    assert wide.total.value.dtype == np.float64 and metrics.Mean(name="q", dtype="float64").name == "q"
    assert "dtype" not in metric.get_config() and wide.get_config()["dtype"] == "float64"
