"""fit: the epochs, with validation and the hooks of the callbacks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ..callbacks import CallbackList, History, ProgressBar, TerminateOnNaN
from ..layers.arguments import boolean
from ..system import whole_number
from .evaluate import evaluated, listed, verbosity
from .feed import Arrays, Batch, Feed, feed, is_stream, size_of_batches, split
from .planned import PlannedNetwork
from .session import Interrupts, Session

if TYPE_CHECKING:
    from .in_c import WholeEpochs


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
    """Train on `x` and the target `y`, as Keras does; returns a History.

    - `x`, `y`: arrays, lists, tables of pandas, tensors; or as `x` a generator or data set of batches (x, y)
    - `epochs`: how often all samples are used (1), `batch_size`: samples per step (32)
    - `shuffle`: a new order in every epoch (True)
    - `validation_data`: (x, y) to be evaluated after every epoch; or `validation_split`, the share of the last samples
    - `callbacks`: objects of `minirnn.callbacks`, of Keras, or of classes of one's own
    - `class_weight`, `sample_weight`: what the classes, or the samples, count for in the loss
    - `verbose`: 0 says nothing, 1 shows a bar, 2 prints one line per epoch

    Of several outputs `y` is a list, or a dictionary by `output_names`, and the history holds the loss of each too. A
    stateful model goes on from batch to batch, and from epoch to epoch, with the states of the one before: its
    `batch_size` is that of its input, and `reset_states` begins anew.

    Computes in the dtype of the weights. Interrupted, the model and its optimizer are as after the last complete step.
    Raises FloatingPointError when the loss is no finite number any more.

    >>> import numpy as np
    >>> from minirnn import demo
    >>> model = demo.model()
    >>> model.compile("adam", "mse")
    >>> history = model.fit(demo.X, np.zeros((1, 2)), epochs=3, verbose=0)
    >>> [round(loss, 3) for loss in history.history["loss"]]
    [0.881, 0.866, 0.851]
    """
    verbose = verbosity(verbose)
    boolean("fit", "shuffle", shuffle)
    whole_number("epochs", epochs)
    whole_number("initial_epoch", initial_epoch, least=0)
    loss = model.compiled_loss
    given = feed(model, x, y, sample_weight, batch_size, loss, shuffle, steps_per_epoch, class_weight)
    plan = model.training_plan()  # data that do not fit are said first
    validation: Feed | None = None
    if validation_data is not None:
        parts = _unpacked(validation_data)
        validation = feed(model, *parts, validation_batch_size or _size(batch_size, parts[0]), loss, steps=validation_steps)
    elif validation_split:
        if not isinstance(given, Arrays):
            raise ValueError("validation_split takes the last samples of arrays: of a generator give validation_data")
        data, rest = split(given.data, validation_split)
        rest = rest if class_weight is None else rest._replace(weights=None)  # classes count in training alone
        given = Arrays(data, size_of_batches(model, batch_size, data.size), shuffle, steps_per_epoch)
        validation = Arrays(rest, size_of_batches(model, validation_batch_size or batch_size, rest.size))
    history = next((c for c in listed(callbacks) if isinstance(c, History)), None)
    own = [*listed(callbacks), *([] if history else [History()]), *([ProgressBar()] if verbose else [])]
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
        self._begins = calls.watching("on_train_batch_begin")
        self._ends = calls.watching("on_train_batch_end")
        self._only_shown = all(isinstance(c, ProgressBar) for c in self._ends)
        self._only_told = all(isinstance(c, (History, ProgressBar)) for c in calls.callbacks)  # these change nothing

    def run(self, interrupts: Interrupts, given: Feed, epochs: range, validation_freq: Any) -> None:
        """All epochs, until a callback says that it is enough."""
        model, session, plan = self.session.model, self.session, self.session.plan
        given.begin_again()
        self._hook(interrupts, "on_train_begin")
        in_c = self._in_c(given)
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
            if given.ran_out and plan.counts_the_end:
                plan.optimizer.state = plan.optimizer.counted()
            self.logs = plan.logs()
            if self.validation is not None and _due(epoch, validation_freq):
                found = evaluated(session, self.validation, self.calls, interrupts)
                self.logs |= {f"val_{name}": value for name, value in found.items()}
                self.logs = dict(sorted(self.logs.items()))
            self._hook(interrupts, "on_epoch_end", epoch, self.logs)
            if model.stop_training:
                break

    def _in_c(self, given: Feed) -> WholeEpochs | None:
        """What computes whole epochs in C, where that was asked for and nobody looks at anything else."""
        if self.session.plan.engine != "c" or not self._only_told or self.validation is not None:
            return None
        from .in_c import whole_epochs

        return whole_epochs(self.session, given)

    def _hook(self, interrupts: Interrupts, hook: str, *args: Any) -> None:
        """Call a hook of the callbacks: the model has the weights reached, and what they set it to is taken."""
        if self._only_told or not self.calls.watching(hook):
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


def _going_through(given: Feed, interrupts: Interrupts) -> Iterator[Batch]:
    """The batches of an epoch."""
    return given.epoch() if isinstance(given, Arrays) else _made_meanwhile(given, interrupts)


def _made_meanwhile(given: Feed, interrupts: Interrupts) -> Iterator[Batch]:
    """Those of a generator of the user's own: while it makes the next, an interrupt ends it at once."""
    batches = given.epoch()
    while True:
        try:
            with interrupts.at_once():
                batch = next(batches)
        except StopIteration:
            return
        yield batch


def _due(epoch: int, every: Any) -> bool:
    """Whether there is a validation after this epoch: every so many, or after those that are listed, from 1."""
    return (epoch + 1) % whole_number("validation_freq", every) == 0 if np.ndim(every) == 0 else epoch + 1 in every


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
