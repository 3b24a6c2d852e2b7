"""Trainings of 20 epochs beside Keras' from the same weights: every optimizer, loss, metric and callback, in float64.

``python -m tests.histories`` runs all combinations, ``python -m tests.histories 7 3`` every 7th from the fourth on. Each
loss is trained with each optimizer and each layer; the metrics, callbacks, weights of samples and validation of a
combination are drawn from its number. What is compared: the keys and numbers of the history, the epochs that were run, and
the weights after them.
"""

from __future__ import annotations

import itertools
import os
import random
import re
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import minirnn as mr
from minirnn import callbacks, losses, metrics, optimizers

N, T, D, M, K = 7, 3, 4, 5, 2
EPOCHS, BATCH, TOLERANCE = 20, 4, 1e-6

OPTIMIZERS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("SGD", {"learning_rate": 0.05, "momentum": 0.5, "nesterov": True}),
    ("SGD", {"learning_rate": ("ExponentialDecay", {"decay_steps": 10, "decay_rate": 0.5}), "clipnorm": 0.8}),
    ("Adam", {}),
    ("Adam", {"learning_rate": ("CosineDecay", {"decay_steps": 30}), "amsgrad": True}),
    ("AdamW", {"learning_rate": 0.02, "weight_decay": 0.01}),
    ("RMSprop", {"learning_rate": 0.01, "momentum": 0.3, "centered": True}),
    ("RMSprop", {"learning_rate": ("InverseTimeDecay", {"decay_steps": 5, "decay_rate": 0.3}), "clipvalue": 0.2}),
    ("Adagrad", {"learning_rate": 0.05}),
    ("Adadelta", {"learning_rate": 0.5, "rho": 0.9}),
    ("Adamax", {"learning_rate": 0.02, "global_clipnorm": 0.5}),
    ("Nadam", {"learning_rate": ("PolynomialDecay", {"decay_steps": 30, "end_learning_rate": 0.001})}),
)
LAYERS = ("SimpleRNN", "LSTM", "GRU")


class Kind(NamedTuple):
    """What the target holds, the activation in front of the loss, and the metrics that have a meaning there."""

    target: str
    head: str | None
    metrics: tuple[str, ...]


OF_NUMBERS = ("mse", "MeanAbsoluteError", "mae", "RootMeanSquaredError", "LogCoshError", "CosineSimilarity", "R2Score")
OF_SHARES = ("MeanAbsolutePercentageError", "MeanSquaredLogarithmicError", "Poisson", "mape", "MeanSquaredError")
OF_TRUTH = (
    "accuracy", "Precision", "Recall", "AUC", "BinaryAccuracy", "BinaryCrossentropy", "TruePositives", "FalsePositives",
    "TrueNegatives", "FalseNegatives", "Accuracy",
)  # fmt: skip
OF_CLASSES = ("accuracy", "CategoricalAccuracy", "CategoricalCrossentropy", "KLDivergence", "F1Score", "FBetaScore")
OF_PLACES = ("acc", "SparseCategoricalAccuracy", "SparseCategoricalCrossentropy")
OF_SIGNS = ("Hinge", "SquaredHinge", "CategoricalHinge", "mae")
NUMBERS, SHARES = Kind("numbers", None, OF_NUMBERS), Kind("shares", "softplus", OF_SHARES)
TRUTH, CLASSES = Kind("truth", "sigmoid", OF_TRUTH), Kind("classes", "softmax", OF_CLASSES)
SIGNS = Kind("signs", "tanh", OF_SIGNS)
LOSSES: tuple[tuple[str, dict[str, Any], Kind], ...] = (
    ("MeanSquaredError", {}, NUMBERS), ("MeanAbsoluteError", {}, NUMBERS), ("Huber", {"delta": 0.4}, NUMBERS),
    ("LogCosh", {}, NUMBERS), ("CosineSimilarity", {}, NUMBERS), ("MeanAbsolutePercentageError", {}, SHARES),
    ("MeanSquaredLogarithmicError", {}, SHARES), ("Poisson", {}, SHARES), ("KLDivergence", {}, CLASSES),
    ("BinaryCrossentropy", {"label_smoothing": 0.1}, TRUTH), ("BinaryCrossentropy", {"from_logits": True}, TRUTH),
    ("BinaryFocalCrossentropy", {"apply_class_balancing": True}, TRUTH), ("Dice", {}, TRUTH), ("Tversky", {}, TRUTH),
    ("CategoricalCrossentropy", {"label_smoothing": 0.1}, CLASSES), ("CategoricalFocalCrossentropy", {}, CLASSES),
    ("CategoricalGeneralizedCrossEntropy", {}, Kind("places", "softmax", OF_PLACES)),
    ("SparseCategoricalCrossentropy", {}, Kind("places", "softmax", OF_PLACES)), ("Hinge", {}, SIGNS),
    ("SquaredHinge", {}, SIGNS), ("CategoricalHinge", {}, SIGNS),
)  # fmt: skip
SETTINGS = {"FBetaScore": {"beta": 0.5}}
NUMBER = re.compile(r"-?[\d.]+(?:e[-+]\d+)?|nan|NA|-?inf")  # of a line of CSV, where a score may be a list of numbers
CALLBACKS = (
    "none", "EarlyStopping", "EarlyStopping of validation", "ReduceLROnPlateau", "LearningRateScheduler", "LambdaCallback",
    "ModelCheckpoint", "CSVLogger", "TerminateOnNaN", "own",
)  # fmt: skip


class Case(NamedTuple):
    """One combination, and what is drawn with it."""

    number: int
    optimizer: tuple[str, dict[str, Any]]
    loss: tuple[str, dict[str, Any], Kind]
    layer: str
    metrics: list[str]
    callback: str
    weights: str
    validation: str
    as_keras: bool  # whether Keras' own objects are given to minirnn

    def __str__(self) -> str:
        parts = [self.layer, *self.optimizer, *self.loss[:2], self.metrics, self.callback, self.weights, self.validation]
        return f"{self.number}: " + ", ".join(map(str, parts))


def cases() -> Iterator[Case]:
    """Every optimizer with every loss and layer, twice, and what is drawn with each."""
    product = itertools.product(range(2), LAYERS, OPTIMIZERS, LOSSES)
    for number, (_, layer, optimizer, loss) in enumerate(product):
        toss = random.Random(number)
        known = loss[2].metrics
        chosen = [known[number % len(known)], toss.choice(known)]
        callback = CALLBACKS[number // 3 % len(CALLBACKS)]
        validation = toss.choice(("split", "data")) if "validation" in callback else toss.choice(("none", "split", "data"))
        weights = toss.choice(
            ("none", "none", "samples", "classes" if loss[2].target in ("classes", "places") else "samples")
        )
        weights = "none" if loss[0] in ("Dice", "Tversky") else weights  # refused: these are one number of a whole batch
        distinct = chosen[:1] if named(chosen[0]) == named(chosen[1]) else chosen
        yield Case(number, optimizer, loss, layer, distinct, callback, weights, validation, toss.random() < 0.5)


def named(metric: str) -> str:
    """What a metric is called in a history, up to its number."""
    return {"acc": "accuracy"}.get(metric, metric)


def unnumbered(metric: str) -> str:
    """The name of a metric without the number that Keras gives to the second of a kind in a session."""
    return metric.rstrip("_0123456789")


def plain(logs: Any) -> list[Any]:
    """What a callback is told, in an order that both have."""
    return sorted((unnumbered(key), value) for key, value in logs.items())


def data(case: Case) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(case.number)
    X = rng.normal(size=(N, T, D))
    match case.loss[2].target:
        case "numbers":
            return X, rng.normal(size=(N, K))
        case "shares":
            return X, rng.uniform(0.5, 3, size=(N, K))
        case "truth":
            return X, rng.integers(0, 2, size=(N, K)).astype(float)
        case "classes":
            return X, np.eye(K)[rng.integers(0, K, N)]
        case "signs":
            return X, rng.choice([-1.0, 1.0], size=(N, K))
    return X, rng.integers(0, K, N)


def told(case: Case, package: Any, folder: Path, log: list[Any]) -> tuple[dict[str, Any], list[Any]]:
    """What compile is given, made of the classes of Keras or of minirnn, and the callbacks."""
    kind, options = case.optimizer
    options = dict(options)
    if isinstance(options.get("learning_rate"), tuple):
        schedule, rest = options["learning_rate"]
        options["learning_rate"] = getattr(package.optimizers.schedules, schedule)(0.05, **rest)
    compiled = {
        "optimizer": getattr(package.optimizers, kind)(**options),
        "loss": getattr(package.losses, case.loss[0])(**case.loss[1]),
        "metrics": [
            name if name.islower() else getattr(package.metrics, name)(**SETTINGS.get(name, {})) for name in case.metrics
        ],
    }
    c = package.callbacks
    schedules = isinstance(case.optimizer[1].get("learning_rate"), tuple)
    made: Any = None
    match case.callback:
        case "EarlyStopping":
            made = c.EarlyStopping(monitor="loss", patience=2, min_delta=0.01, restore_best_weights=True)
        case "EarlyStopping of validation":
            made = c.EarlyStopping(monitor="val_loss", patience=3, start_from_epoch=2)
        case "ReduceLROnPlateau" if not schedules:
            made = c.ReduceLROnPlateau(monitor="loss", factor=0.3, patience=2, min_delta=0.02, cooldown=1)
        case "LearningRateScheduler" if not schedules:
            made = c.LearningRateScheduler(lambda epoch, rate: rate * 0.95 if epoch > 3 else rate)
        case "LambdaCallback":
            made = c.LambdaCallback(on_epoch_end=lambda epoch, logs: log.append((epoch, plain(logs))))
        case "ModelCheckpoint":
            made = c.ModelCheckpoint(
                str(folder / "best.weights.h5"), monitor="loss", save_best_only=True, save_weights_only=True
            )
        case "CSVLogger":
            made = c.CSVLogger(str(folder / "log.csv"))
        case "TerminateOnNaN":
            made = c.TerminateOnNaN()
        case "own":

            class Own(c.Callback):  # type: ignore[misc, name-defined]
                def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
                    log.append(("batch", batch, [("loss", logs["loss"])]))

                def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
                    log.append((epoch, plain(logs)))

            made = Own()
    return compiled, [made] if made is not None else []


def trained(case: Case, model: Any, package: Any, folder: Path) -> list[Any]:
    """All that a training leaves behind, in an order that both have."""
    X, Y = data(case)
    rng = np.random.default_rng(case.number + 1)
    log: list[Any] = []
    compiled, hooks = told(case, package, folder, log)
    options: dict[str, Any] = {}
    if case.weights == "samples":
        options["sample_weight"] = rng.uniform(0.2, 2, N)
    elif case.weights == "classes":
        options["class_weight"] = {0: 0.5, 1: 2.0}
    if case.validation == "split":
        options["validation_split"] = 0.3
    elif case.validation == "data":
        options["validation_data"] = (X[::-1][:5], Y[:5])
    model.compile(**compiled)
    history = model.fit(X, Y, epochs=EPOCHS, batch_size=BATCH, shuffle=False, verbose=0, callbacks=hooks, **options)
    found: list[Any] = [history.epoch, [(unnumbered(key), v) for key, v in history.history.items()], log]
    found.append([np.asarray(w) for w in model.get_weights()])
    if case.callback == "ModelCheckpoint":
        model.load_weights(str(folder / "best.weights.h5"))
        found.append([np.asarray(w) for w in model.get_weights()])
    if case.callback == "CSVLogger":
        head, *lines = (folder / "log.csv").read_text().splitlines()
        found.append([[float(n.replace("NA", "nan")) for n in NUMBER.findall(line)] for line in lines])
        found.append([unnumbered(name) for name in head.split(",")])
    return found


def apart(ours: Any, theirs: Any) -> float:
    """How far two such lists are from each other: the largest relative difference; infinite if they are of other shape."""
    if isinstance(theirs, (list, tuple)) and isinstance(ours, (list, tuple)):
        if len(ours) != len(theirs):
            return float("inf")
        return max((apart(a, b) for a, b in zip(ours, theirs)), default=0.0)
    if isinstance(theirs, str) or isinstance(ours, str):
        return 0.0 if ours == theirs else float("inf")
    a, b = np.asarray(ours, float), np.asarray(theirs, float)
    if a.shape != b.shape or not np.array_equal(np.isnan(a), np.isnan(b)):
        return float("inf")
    return float(np.nanmax(np.abs(a - b) / np.maximum(np.abs(b), 1.0), initial=0.0))


def compared(case: Case) -> float:
    """How far the two trainings of a case are apart."""
    import keras

    floats, policy = keras.config.floatx(), keras.config.dtype_policy()
    keras.config.set_floatx("float64")
    keras.config.set_dtype_policy("float64")
    try:
        layers = keras.layers
        head = None if case.loss[1].get("from_logits") else case.loss[2].head
        theirs = keras.Sequential(
            [keras.Input((T, D)), getattr(layers, case.layer)(M, unroll=True), layers.Dense(K, activation=head)]
        )
        rng = np.random.default_rng(case.number)
        theirs.set_weights([0.5 * rng.normal(size=w.shape) for w in theirs.get_weights()])
        ours = mr.from_keras(theirs)
        with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other:
            wants = trained(case, theirs, keras, Path(one))
            own = trained(case, ours, keras if case.as_keras else mr, Path(other))
    finally:
        keras.config.set_floatx(floats)
        keras.config.set_dtype_policy(policy)
        keras.backend.clear_session()
    return apart(own, wants)


def every_name_occurs() -> list[str]:
    """The losses, metrics, optimizers and callbacks of minirnn that no case trains with."""
    found = list(cases())
    used = {case.optimizer[0] for case in found} | {case.loss[0] for case in found}
    used |= {name for case in found for name in case.metrics} | {case.callback.split(" ")[0] for case in found}
    members = [*losses.KNOWN.classes, *metrics.KNOWN.classes, *optimizers.KNOWN.classes]
    members += [name for name in vars(callbacks) if (name[0].isupper() and "Log" in name) or "On" in name or "Stop" in name]
    only_float32 = {"TopKCategoricalAccuracy", "SparseTopKCategoricalAccuracy"}  # TensorFlow's in_top_k
    return sorted(set(members) - used - only_float32)


def run(every: int = 1, start: int = 0, told: bool = False) -> tuple[int, list[str]]:
    """How many trainings were compared, and those that differ."""
    chosen = [case for case in cases() if case.number % every == start % every]
    wrong = []
    for done, case in enumerate(chosen, 1):
        try:
            off = compared(case)
        except Exception as error:  # a crash of either is a difference
            wrong.append(f"{case}: {type(error).__name__}: {error}")
        else:
            if not off <= TOLERANCE:
                wrong.append(f"{case}: {off:.2g} apart")
        if told and (done % 20 == 0 or (wrong and wrong[-1].startswith(f"{case.number}:"))):
            print(f"{done} done, {len(wrong)} differ", *wrong[-1:], flush=True)
    return len(chosen), wrong


if __name__ == "__main__":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    began = time.time()
    count, different = run(*map(int, sys.argv[1:]), told=True)
    print(*different, sep="\n")
    print(f"{count} trainings of {EPOCHS} epochs beside Keras in {time.time() - began:.0f} s: {len(different)} differ")
    sys.exit(bool(different))
