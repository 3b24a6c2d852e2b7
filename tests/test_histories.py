"""A few of the trainings of 20 epochs beside Keras'; all of them: `python -m tests.histories`."""

from __future__ import annotations

import pytest

from minirnn import metrics

from . import histories


def test_there_are_a_thousand_and_every_name_is_among_them():
    found = list(histories.cases())
    assert len(found) > 1000 and not histories.every_name_occurs()
    assert {case.callback for case in found} == set(histories.CALLBACKS)
    assert {(case.optimizer[0], case.loss[0]) for case in found} == {
        (kind, loss) for kind, _ in histories.OPTIMIZERS for loss, *_ in histories.LOSSES
    }


@pytest.mark.parametrize("start", [0, 100, 200])
def test_some_of_them(start):
    count, different = histories.run(every=300, start=start)
    assert count >= 4 and not different, different


def test_class_weights_count_in_training_alone():
    """The last samples, split off for validation, count as they are."""
    case = next(c for c in histories.cases() if c.weights == "classes" and c.validation == "split")
    assert histories.compared(case) <= histories.TOLERANCE


def test_a_planted_difference_is_found(monkeypatch):
    case = next(c for c in histories.cases() if "MeanAbsoluteError" in c.metrics and not c.as_keras)
    right = metrics.MeanAbsoluteError.result
    monkeypatch.setattr(metrics.MeanAbsoluteError, "result", lambda self: right(self) * (1 + 1e-5))
    assert histories.compared(case) > histories.TOLERANCE
