from __future__ import annotations

import sys
import warnings

import numpy as np
import pytest

import minirnn as mr
from minirnn.verify.report import Report, Row, error_in_eps


def test_errors_are_in_eps_of_the_largest_entry():
    truth = np.array([1.0, -4.0])
    assert error_in_eps(truth + np.array([0, 4 * np.finfo(float).eps]), truth, "float64") == pytest.approx(1)
    assert error_in_eps(np.zeros(2), np.zeros(2), "float32") == 0
    assert error_in_eps(np.array([np.nan, 1]), truth, "float64") == np.inf
    assert error_in_eps(truth, np.array([np.nan, 1]), "float64") == np.inf
    assert error_in_eps(truth[:1], truth, "float64") == np.inf


def test_the_verdict_in_a_sentence():
    good, bad = Row("h_t", "Keras forward", "float64", 2.0), Row("dL/dW_h", "complex step", "float64", 1e9)
    absent = Row("y", "Keras forward", "float32", None, "Keras is not installed")
    assert Report([good]).ok and "1 check agrees" in Report([good]).sentence
    assert (
        not Report([good, bad]).ok
        and "1 of 2 checks differ, the first dL/dW_h against complex step" in Report([good, bad]).sentence
    )
    assert Report([good, absent]).ok and "1 could not be checked" in Report([good, absent]).sentence
    nothing = Report([absent])
    assert not nothing.ok and not nothing.checked and "Nothing could be checked" in nothing.sentence
    assert "missing (Keras is not installed)" in str(Report([good, absent]))
    assert "<b>DIFFERS</b>" in Report([bad])._repr_html_()


def test_a_row_at_the_limit():
    assert (
        Row("q", "w", "float64", 32.0).ok
        and not Row("q", "w", "float64", 32.1).ok
        and not Row("q", "w", "float64", np.inf).ok
    )


def test_missing_keras_is_said_row_by_row(trace, monkeypatch):
    monkeypatch.setitem(sys.modules, "keras", None)
    report = trace.verify()
    missing = [row for row in report if row.missing]
    assert report.ok and len(missing) == 2 * (3 + 5)
    assert {row.witness for row in missing} == {"Keras forward", "tf.GradientTape"}
    assert all("pip install" in row.note for row in missing) and "keras" not in report.versions


def test_with_keras_left_out(trace):
    report = trace.verify(with_keras=False)
    assert report.ok and {row.witness for row in report} == {"complex step"} and "numpy" in report.versions
    assert "DIFFERS" not in str(report) and str(report).count("agrees") == len(report)


def test_numbers_that_overflow_agree_with_nothing():
    """The loss is no number: no green verdict. What overflows in float32 alone is missing there."""
    from minirnn.layers import Dense, Input, SimpleRNN
    from minirnn.models import Sequential

    rng = np.random.default_rng(0)
    model = Sequential([Input((4, 3)), SimpleRNN(5, activation="relu"), Dense(2)])
    X, Y = rng.normal(size=(2, 4, 3)), rng.normal(size=(2, 2))
    for scale, ok in ((1e30, True), (1e200, False)):
        model.set_weights([scale * abs(rng.normal(size=w.shape)) for w in model.get_weights()])
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            report = mr.trace(model, X, Y, dtype="float64").verify()
        assert report.ok is ok
        assert {row.verdict for row in report if row.dtype == "float32"} == {"missing"}
    assert report.sentence.startswith("The numbers overflow: z at step") and "in float64 is not finite" in report.sentence
