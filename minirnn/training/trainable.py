"""A network that can be trained: the functions of this folder as methods, with the names of Keras' models."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..checks import lend
from .planned import PlannedNetwork

if TYPE_CHECKING:
    from . import evaluate as _evaluate
    from . import fit as _fit
    from . import predict as _predict


class Trainable(PlannedNetwork):
    """A network with `fit`, `evaluate` and `predict`."""

    if TYPE_CHECKING:
        fit = _fit.fit
        evaluate = _evaluate.evaluate
        train_on_batch = _evaluate.train_on_batch
        test_on_batch = _evaluate.test_on_batch
        predict = _predict.predict
        predict_on_batch = _predict.predict_on_batch


METHODS = {
    "training.fit": ["fit"],
    "training.evaluate": ["evaluate", "train_on_batch", "test_on_batch"],
    "training.predict": ["predict", "predict_on_batch"],
}
lend(Trainable, METHODS)
