"""fit, evaluate and predict, and the same of single batches."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from ..callbacks import CallbackList, History, TerminateOnNaN
from ..checks import demand_finite
from ..engine.graph import at
from ..layers.arguments import boolean
from ..layers.calls import TENSORFLOW, Conditions
from ..layers.nodes import common_dtype
from ..progress import ProgressBar
from ..system import plain, whole_number
from .feed import Arrays, Batch, Feed, checked, feed, is_stream, size_of_batches, split
from .in_c import whole_epochs
from .planned import PlannedNetwork
from .runners import compiled
from .session import Interrupts, Session


def fit(
    model: PlannedNetwork,
    x: Any = None,
    y: Any = None,
    batch_size: int | None = None,
    epochs: int = 1,
    verbose: int | str = "auto",
    callbacks: Any = None,
    validation_split: float = 0.0,
    validation_data: Any = None,
    shuffle: bool = True,
    class_weight: Mapping[int, float] | None = None,
    sample_weight: Any = None,
    initial_epoch: int = 0,
    steps_per_epoch: int | None = None,
    validation_steps: int | None = None,
    validation_batch_size: int | None = None,
    validation_freq: Any = 1,
) -> History:
    """Train `model`; see `Model.fit`."""
    plan = model.training_plan()
    loss = plan.loss
    verbose = _verbose(verbose)
    boolean("fit", "shuffle", shuffle)
    whole_number("epochs", epochs)
    whole_number("initial_epoch", initial_epoch, least=0)
    given = feed(model, x, y, sample_weight, batch_size, loss, shuffle, steps_per_epoch, class_weight)
    validation: Feed | None = None
    if validation_data is not None:
        parts = _unpacked(validation_data)
        validation = feed(model, *parts, validation_batch_size or _size(batch_size, parts[0]), loss, steps=validation_steps)
    elif validation_split:
        if not isinstance(given, Arrays):
            raise ValueError("validation_split takes the last samples of arrays: of a generator give validation_data")
        data, rest = split(given.data, validation_split)
        size = size_of_batches(model, batch_size, data.size)
        given = Arrays(data, size, shuffle, steps_per_epoch)
        validation = Arrays(rest, size_of_batches(model, validation_batch_size or batch_size, rest.size))
    history = next((c for c in _listed(callbacks) if isinstance(c, History)), None)
    own = [*_listed(callbacks), *([] if history else [History()]), *([ProgressBar()] if verbose else [])]
    history = history or next(c for c in own if isinstance(c, History))
    session = Session(model, plan)
    calls = CallbackList(own, model, epochs=epochs, steps=given.steps, verbose=verbose)
    session.goes_on_without_numbers = any(type(c).__name__ == TerminateOnNaN.__name__ for c in own)
    model.history, model.stop_training = history, False
    fitting = Fitting(session, calls, validation)
    with Interrupts() as interrupts:
        try:
            fitting.run(interrupts, given, range(initial_epoch, epochs), validation_freq)
        finally:
            session.put_back()
        with interrupts.at_once():
            calls.call("on_train_end", fitting.logs)
    return history


class Fitting:
    """The epochs of `fit`, with the hooks of the callbacks."""

    def __init__(self, session: Session, calls: CallbackList, validation: Feed | None) -> None:
        self.session, self.calls, self.validation = session, calls, validation
        self.logs: dict[str, Any] = {}
        self._begins = calls.watches("on_train_batch_begin")
        self._ends = [c for c in calls.callbacks if _watches(calls, c, "on_train_batch_end")]
        self._only_shown = all(isinstance(c, ProgressBar) for c in self._ends)

    def run(self, interrupts: Interrupts, given: Feed, epochs: range, validation_freq: Any) -> None:
        """All epochs, until a callback says that it is enough."""
        model, session, plan = self.session.model, self.session, self.session.plan
        self._hook(interrupts, "on_train_begin")
        alone = all(isinstance(c, (History, ProgressBar)) for c in self.calls.callbacks) and self.validation is None
        in_c = whole_epochs(session, given) if alone else None
        for epoch in epochs:
            plan.reset()
            self._hook(interrupts, "on_epoch_begin", epoch, {})
            if in_c is not None and (loss := in_c.next(epochs.stop - epoch)) is not None:
                interrupts.check()
                plan.follow_epoch(loss)
                self.logs = {"loss": loss}
                self._hook(interrupts, "on_epoch_end", epoch, self.logs)
                continue
            in_c = None
            for number, batch in enumerate(_going_through(given, interrupts)):
                if self._begins:
                    self._hook(interrupts, "on_train_batch_begin", number, {})
                session.train(batch)
                interrupts.check()
                if self._ends:
                    self._after_batch(interrupts, number)
                if model.stop_training:
                    break
            self.logs = plan.logs()
            if self.validation is not None and _due(epoch, validation_freq):
                found = evaluated(session, self.validation, self.calls, interrupts)
                self.logs |= {f"val_{name}": value for name, value in found.items()}
                self.logs = dict(sorted(self.logs.items()))
            self._hook(interrupts, "on_epoch_end", epoch, self.logs)
            if model.stop_training:
                break

    def _hook(self, interrupts: Interrupts, hook: str, *args: Any) -> None:
        """Call a hook of the callbacks: the model has the weights reached, and what they set it to is taken."""
        if all(isinstance(c, (History, ProgressBar)) for c in self.calls.callbacks):
            self.calls.call(hook, *args)
            return
        self.session.put_back()
        try:
            with interrupts.at_once():
                self.calls.call(hook, *args)
        finally:
            self.session.take_anew()

    def _after_batch(self, interrupts: Interrupts, number: int) -> None:
        if self._only_shown:
            for bar in self._ends:
                bar.on_train_batch_end(number, _Late(self.session.plan))
            return
        self._hook(interrupts, "on_train_batch_end", number, self.session.plan.logs())


class _Late(dict[str, Any]):
    """Logs that are computed when they are looked at: a progress bar leaves most of them out."""

    def __init__(self, plan: Any) -> None:
        super().__init__()
        self._plan = plan

    def __bool__(self) -> bool:
        return True

    def items(self) -> Any:
        return self._plan.logs().items()


def _watches(calls: CallbackList, callback: Any, hook: str) -> bool:
    only = CallbackList([], calls.model)
    only.callbacks = [callback]
    return only.watches(hook)


def _going_through(given: Feed, interrupts: Interrupts) -> Iterator[Batch]:
    """The batches of an epoch; while a generator of the user's own makes the next, an interrupt ends it at once."""
    batches = given.epoch()
    while True:
        try:
            if isinstance(given, Arrays):
                batch = next(batches)
            else:
                with interrupts.at_once():
                    batch = next(batches)
        except StopIteration:
            return
        yield batch


def _due(epoch: int, every: Any) -> bool:
    """Whether there is a validation after this epoch: every so many, or after those that are listed, from 1."""
    return (epoch + 1) % whole_number("validation_freq", every) == 0 if np.ndim(every) == 0 else epoch + 1 in every


def evaluated(session: Session, given: Feed, calls: CallbackList, interrupts: Interrupts | None = None) -> dict[str, Any]:
    """The loss and the metrics on data, by name."""
    plan = session.plan
    plan.reset()
    calls.call("on_test_begin", {})
    watched = calls.watches("on_test_batch_end") or calls.watches("on_test_batch_begin")
    for number, batch in enumerate(given.epoch()):
        if watched:
            calls.call("on_test_batch_begin", number, {})
        session.test(batch)
        if interrupts is not None:
            interrupts.check()
        if watched:
            calls.call("on_test_batch_end", number, plan.logs())
    logs = plan.logs()
    calls.call("on_test_end", logs)
    return logs


def evaluate(
    model: PlannedNetwork,
    x: Any = None,
    y: Any = None,
    batch_size: int | None = None,
    verbose: int | str = "auto",
    sample_weight: Any = None,
    steps: int | None = None,
    callbacks: Any = None,
    return_dict: bool = False,
) -> Any:
    """The loss and the metrics of `model` on data; see `Model.evaluate`."""
    plan = model.training_plan()
    given = feed(model, x, y, sample_weight, batch_size, plan.loss, steps=steps)
    shown = [ProgressBar()] if _verbose(verbose) else []
    calls = CallbackList([*_listed(callbacks), *shown], model, epochs=1, steps=given.steps, verbose=verbose)
    found = evaluated(Session(model, plan), given, calls)
    return found if return_dict else plan.in_order(found)


def on_batch(
    model: PlannedNetwork,
    x: Any,
    y: Any,
    sample_weight: Any,
    class_weight: Mapping[int, float] | None,
    train: bool,
    return_dict: bool,
) -> Any:
    """One batch, trained or tested."""
    plan = model.training_plan()
    batch = checked(model, x, y, sample_weight, plan.loss, class_weight)
    session = Session(model, plan)
    plan.reset()
    with Interrupts():
        try:
            (session.train if train else session.test)(batch)
        finally:
            if train:
                session.put_back()
    logs = plan.logs()
    return logs if return_dict else plan.in_order(logs)


def predict(
    model: PlannedNetwork,
    x: Any,
    batch_size: int | None = None,
    verbose: int | str = 0,
    steps: int | None = None,
    callbacks: Any = None,
    training: bool = False,
    semantics: str = TENSORFLOW,
) -> Any:
    """The output of `model`; see `Model.predict`."""
    several = _verbose(verbose) not in (0, "auto") or callbacks or steps or batch_size is not None or is_stream(x)
    if not several:
        return _predicted(model, model.arrays(x), training, semantics)
    given, many = _inputs(model, x, batch_size, steps)
    shown = [ProgressBar()] if verbose in (1, 2) else []
    calls = CallbackList([*_listed(callbacks), *shown], model, epochs=1, steps=many, verbose=verbose)
    calls.call("on_predict_begin", {})
    made = []
    for number, arrays in enumerate(given):
        calls.call("on_predict_batch_begin", number, {})
        made.append(_predicted(model, arrays, training, semantics))
        calls.call("on_predict_batch_end", number, {"outputs": made[-1]})
    calls.call("on_predict_end", {})
    if not made:
        raise ValueError("there are no data to predict from")
    return [np.concatenate(each) for each in zip(*made)] if isinstance(made[0], list) else np.concatenate(made)


def _inputs(
    model: PlannedNetwork, x: Any, batch_size: int | None, steps: int | None
) -> tuple[Iterator[list[np.ndarray]], int | None]:
    """The inputs batch after batch, and how many batches there are, if that is known."""
    if is_stream(x):
        batches = (model.arrays(item[0] if isinstance(item, tuple) else item) for item in x)
        return itertools.islice(batches, steps), steps
    arrays = model.arrays(x, batches=True)
    samples = len(arrays[0])
    size = whole_number("batch_size", -(-samples // (steps or 1)) if batch_size is None else batch_size)
    starts = list(range(0, samples, size))[:steps]
    return ([a[k : k + size] for a in arrays] for k in starts), len(starts)


def _predicted(model: PlannedNetwork, arrays: list[np.ndarray], training: bool, semantics: str) -> Any:
    """The output for one batch: by the source, or by the graph where there is none."""
    if not model.takes_mask:  # which may leave them out
        for array in arrays:
            demand_finite(array, "X")
    roles = {model.role(symbolic) for symbolic in model.inputs}
    plain_run = not training and semantics == TENSORFLOW and len(model.outputs) == 1 and not model.is_stateful
    if plain_run and roles <= {"data", "state"}:
        try:
            return _in_source(model, arrays)
        except NotImplementedError:
            pass
    with at(None), np.errstate(over="ignore"):  # exp overflows in a saturated sigmoid, which then is rightly 0
        run = model.run(arrays, conditions=Conditions(training, semantics))
    run.keep()
    found = [np.array(node.value) for node in run.outputs]
    return found if len(found) > 1 else found[0]


def _in_source(model: PlannedNetwork, data: list[np.ndarray]) -> np.ndarray:
    """The output by the source, in float64 if the weights or the data are float64, else in float32."""
    dtype = common_dtype(*data, *model.weight_arrays)
    run = compiled(model, data, None, None)
    params = {name: np.asarray(layer.weight_arrays[i], dtype) for name, (layer, i) in model.parameter_places().items()}
    with np.errstate(over="ignore"):
        return run.forward(params, [np.asarray(x, dtype) for x in data])


def _unpacked(validation_data: Any) -> tuple[Any, Any, Any]:
    """x, y and the weights of the samples."""
    if is_stream(validation_data):
        return validation_data, None, None
    if not isinstance(validation_data, (tuple, list)) or not 2 <= len(validation_data) <= 3:
        raise ValueError("validation_data must be (x, y), or (x, y, sample_weight), or a generator of such batches")
    x, y, *weights = validation_data
    return x, y, weights[0] if weights else None


def _size(batch_size: int | None, x: Any) -> int | None:
    return None if is_stream(x) else batch_size


def _listed(callbacks: Any) -> list[Any]:
    if callbacks is None:
        return []
    return list(callbacks) if isinstance(callbacks, (list, tuple)) else [callbacks]


def _verbose(verbose: Any) -> Any:
    if verbose not in ("auto", 0, 1, 2):
        raise ValueError(f"verbose={plain(repr(verbose))}: it must be 0, 1, 2 or 'auto'")
    return verbose
