"""Batches: of arrays, of generators, of `tf.data` and whatever else can be gone through, checked and in the right dtypes."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from .. import losses
from ..checks import array_of, converted, demand_finite
from ..layers.nodes import common_dtype
from ..network import Network
from ..system import whole_number

Loss = losses.Loss


class Batch(NamedTuple):
    """The inputs, the targets of each output, and what each sample counts for."""

    inputs: list[np.ndarray]
    targets: list[np.ndarray]
    weights: list[np.ndarray | None] | None = None
    thin: Sequence[bool] = ()  # of each target, whether it was given without its last axis, which is one
    kind: Any = None  # what is one object for all batches of one kind

    @property
    def size(self) -> int:
        """The number of samples."""
        return len(self.inputs[0])

    def part(self, chosen: slice | np.ndarray) -> Batch:
        """Some of the samples."""

        def of(array: np.ndarray) -> np.ndarray:
            return array[chosen] if isinstance(chosen, slice) else array.take(chosen, 0)  # faster than an index, if small

        weights = self.weights and [None if w is None else of(w) for w in self.weights]
        return Batch(list(map(of, self.inputs)), list(map(of, self.targets)), weights, self.thin, self.kind)


def checked(
    model: Network,
    x: Any,
    y: Any,
    sample_weight: Any = None,
    loss: Any = None,
    class_weight: Mapping[int, float] | None = None,
) -> Batch:
    """The data as arrays of the dtype of the weights; ValueError says what does not fit."""
    inputs = model.arrays(x, batches=True)
    dtype = common_dtype(*model.weight_arrays)
    if y is None:
        raise ValueError("there is no target: give y, or data that hold pairs (x, y)")
    targets = losses.targets_of(y, model.output_names, [s.shape for s in model.outputs], loss)
    each = [y] if len(targets) == 1 and not isinstance(y, dict) else losses.for_each("Y", y, model.output_names)
    thin = [np.ndim(given) < target.ndim for given, target in zip(each, targets)]
    for array in [*inputs, *targets]:
        if len(array) != len(inputs[0]):
            many = {len(a) for a in inputs} - {len(inputs[0])}
            raise ValueError(
                f"the inputs have {len(inputs[0])} and {many.pop()} samples"
                if many
                else f"X has {len(inputs[0])} samples, Y has {len(array)}"
            )
    for array in inputs:
        demand_finite(array, "X")
    weights = _weights(model, sample_weight, inputs, dtype)
    if class_weight is not None:
        weights = _of_classes(class_weight, targets, weights, dtype)
    types = [dtype if model.role(s) in ("data", "state") else a.dtype for a, s in zip(inputs, model.inputs)]
    inputs = [converted(a, own, "X") for a, own in zip(inputs, types)]
    return Batch(inputs, [converted(target, dtype, "Y") for target in targets], weights, thin)


def _weights(model: Network, given: Any, inputs: list[np.ndarray], dtype: np.dtype) -> list[np.ndarray | None] | None:
    """What each sample counts for, for each output."""
    if given is None:
        return None
    several = isinstance(given, (list, tuple, dict)) and len(model.output_names) > 1
    each = losses.for_each("sample_weight", given, model.output_names) if several else [given] * len(model.output_names)
    found: list[np.ndarray | None] = []
    for one in each:
        array = None if one is None else converted(array_of(one, "sample_weight"), dtype, "sample_weight")
        if array is not None:
            demand_finite(array, "sample_weight")
            array = array[..., 0] if array.ndim > 1 and array.shape[-1] == 1 else array
            if not array.ndim or len(array) != len(inputs[0]):
                raise ValueError(f"sample_weight has shape {array.shape}; there are {len(inputs[0])} samples")
        found.append(array)
    return found


def _of_classes(
    class_weight: Mapping[int, float], targets: list[np.ndarray], weights: list[np.ndarray | None] | None, dtype: np.dtype
) -> list[np.ndarray | None]:
    """The weight of the class of each sample; a class that is not named counts 1."""
    if len(targets) > 1:
        raise ValueError("class_weight is for a model with one output: give sample_weight")
    if weights is not None:
        raise ValueError("give class_weight or sample_weight, not both")
    y = targets[0]
    classes = y[..., 0] if y.shape[-1] == 1 else y.argmax(-1)
    if not isinstance(class_weight, Mapping) or (classes != np.round(classes)).any():
        raise ValueError(
            "class_weight is a dictionary from the numbers of classes to weights, for targets that name classes"
        )
    converted(demand_finite(array_of([*class_weight.values()], "class_weight"), "class_weight"), dtype, "class_weight")
    numbers, places = np.unique(classes, return_inverse=True)
    of_each = np.array([float(class_weight.get(int(number), 1.0)) for number in numbers], dtype)
    return [of_each[places.reshape(classes.shape)]]


class Feed:
    """Where batches come from: `steps` in an epoch, if that is known."""

    steps: int | None
    ran_out = False  # whether the last epoch has asked for a batch that was not there: nobody knew how many there are

    def epoch(self) -> Iterator[Batch]:
        """The batches of the next epoch."""
        raise NotImplementedError

    def begin_again(self) -> None:
        """Let the next epoch begin with the first batch, as an evaluation does; a generator only goes on."""


class Arrays(Feed):
    """Batches of arrays, in a new order in every epoch if they are to be shuffled."""

    def __init__(self, data: Batch, size: int, shuffle: bool = False, steps: int | None = None) -> None:
        self.data, self.batch_size = data._replace(kind=object()), size  # the last batch of an epoch may have less samples
        self.all_steps = -(-data.size // size)  # how many batches all samples are
        self.asked = steps  # how many of them an epoch is to have, if that was said
        self.steps, self._left = steps or self.all_steps, 0
        self.rng = np.random.default_rng() if shuffle else None  # what orders are drawn from

    def orders(self, epochs: int) -> np.ndarray | None:
        """The samples of the next epochs in their order (epochs, samples); None if they come as they are."""
        return None if self.rng is None else np.array([self.rng.permutation(self.data.size) for _ in range(epochs)])

    def epoch(self) -> Iterator[Batch]:
        return self._once() if self.asked is None else self._going_on(self.asked)

    def _going_on(self, steps: int) -> Iterator[Batch]:
        """So many batches; those that are left are for the next epoch."""
        if not self._left:
            self._batches, self._left = self._once(), self.all_steps
        for _ in range(min(steps, self._left)):
            yield next(self._batches)
            self._left -= 1
        if steps > self.all_steps:
            _warn_of_the_end()

    def begin_again(self) -> None:
        self._left = 0

    def _once(self) -> Iterator[Batch]:
        if self.all_steps == 1:  # the order of samples in a batch changes no sum
            return iter((self.data,))
        order = None if self.rng is None else self.rng.permutation(self.data.size)
        parts = (slice(start, start + self.batch_size) for start in range(0, self.data.size, self.batch_size))
        return (self.data.part(part if order is None else order[part]) for part in parts)


class Stream(Feed):
    """Batches of what is gone through: a generator once, a data set in every epoch anew."""

    def __init__(
        self, model: Network, source: Any, loss: Any, steps: int | None, class_weight: Mapping[int, float] | None = None
    ) -> None:
        self._model, self._source, self._loss, self._class_weight = model, source, loss, class_weight
        self._begun = False
        self._length = _length(source)
        self.steps, self._asked = steps or self._length, steps
        self._again = iter(source) is not source if hasattr(source, "__iter__") else True
        self._going: Iterator[Any] | None = None
        if not getattr(model, "_built", True):  # the first batch says what the layers are put together for
            items = self._items()
            first = next(items)
            model.arrays(first[0])
            self._going = itertools.chain([first], items)

    def epoch(self) -> Iterator[Batch]:
        if self._going is None or (self._asked is None and self._again and self._begun):
            self._going = self._items()
        self._begun, self.ran_out = True, False
        done = 0
        for item in itertools.islice(self._going, self._asked):
            done += 1
            yield self._batch(item)
        if self._asked is None:
            self.steps = done
        self.ran_out = self._length is None and (self._asked is None or done < self._asked)
        if hasattr(self._source, "on_epoch_end"):
            self._source.on_epoch_end()
        if (self._asked is not None and done < self._asked) or not done:
            _warn_of_the_end()
            self._going = self._items() if self._again else self._going

    def begin_again(self) -> None:
        if hasattr(self._source, "on_epoch_end"):  # as Keras calls it before the first epoch, and before an evaluation
            self._source.on_epoch_end()
        if self._again and self._begun:
            self._going = None

    def _items(self) -> Iterator[Any]:
        if hasattr(self._source, "__iter__"):
            return iter(self._source)
        return (self._source[k] for k in range(len(self._source)))  # Keras' PyDataset

    def _batch(self, item: Any) -> Batch:
        if not isinstance(item, (tuple, list)) or not 2 <= len(item) <= 3:
            raise ValueError("a generator must give pairs (x, y), or triples (x, y, sample_weight)")
        x, y, *weights = item
        return checked(self._model, x, y, weights[0] if weights else None, self._loss, self._class_weight)


def _length(source: Any) -> int | None:
    """How many batches there are; None if nobody knows: a data set may have a length that it cannot tell."""
    try:
        return len(source)
    except TypeError:
        return None


def _warn_of_the_end() -> None:
    said = "the data came to an end before the epoch did: there must be steps_per_epoch * epochs batches"
    warnings.warn(said, UserWarning, stacklevel=4)


def is_stream(x: Any) -> bool:
    """Whether x gives batches, one after the other."""
    if isinstance(x, (np.ndarray, list, tuple, dict, str)) or hasattr(x, "__array__") or hasattr(x, "dtype"):
        return False
    return hasattr(x, "__next__") or hasattr(x, "__iter__") or (hasattr(x, "__getitem__") and hasattr(x, "__len__"))


def feed(
    model: Network,
    x: Any,
    y: Any,
    sample_weight: Any,
    batch_size: Any,
    loss: Any,
    shuffle: bool = False,
    steps: int | None = None,
    class_weight: Mapping[int, float] | None = None,
) -> Feed:
    """The batches of these data."""
    if steps is not None:
        steps = whole_number("steps", steps)
    if is_stream(x):
        if y is not None or sample_weight is not None:
            raise ValueError("a generator or a data set holds its own targets and weights: give it alone")
        if batch_size is not None:
            raise ValueError("a generator or a data set holds its own batches: leave batch_size out")
        return Stream(model, x, loss, steps, class_weight)
    data = checked(model, x, y, sample_weight, loss, class_weight)
    if batch_size is None and steps is not None:
        batch_size = (model.inputs[0].shape[0] if model.is_stateful else None) or -(-data.size // steps) or None
    return Arrays(data, size_of_batches(model, batch_size, data.size), shuffle, steps)


def size_of_batches(model: Network, asked: Any, samples: int) -> int:
    """Samples per step: 32 if nothing is asked, or what the input of the model says."""
    own = model.inputs[0].shape[0] if model.is_stateful else None
    size = whole_number("batch_size", asked if asked is not None else own or 32)
    if own is not None and (size != own or samples % own):
        bad = f"batch_size is {size}" if size != own else f"there are {samples} samples"
        raise ValueError(f"{bad}; the input of {model.label!r} takes {own} at a time")
    return size


def split(data: Batch, share: float) -> tuple[Batch, Batch]:
    """The first samples and the last ones, `share` of all, for validation."""
    if isinstance(share, bool) or not isinstance(share, (int, float, np.floating)) or not 0 < share < 1:
        raise ValueError(f"validation_split={share!r}: it must be between 0 and 1")
    at = int(np.floor(data.size * (1 - share)))
    if not 0 < at < data.size:
        raise ValueError(f"validation_split={share!r} of {data.size} samples leaves none for one of the two parts")
    return data.part(slice(0, at)), data.part(slice(at, None))
