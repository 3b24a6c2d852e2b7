"""What programs take from `keras.utils` to prepare their data: one-hot rows, sequences of one length, batches, a seed."""

from __future__ import annotations

import collections.abc
import contextlib
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from .checks import array_of, demand_finite
from .initializers import set_random_seed
from .registry import count_anew, own_objects, register
from .system import imports_from, whole_number
from .tensorlike import Array

__all__ = [
    "PyDataset", "Sequence", "custom_object_scope", "pad_sequences", "register_keras_serializable", "set_random_seed",
    "timeseries_dataset_from_array", "to_categorical",
]  # fmt: skip


class PyDataset:
    """Batches by number, for `fit`, `evaluate` and `predict`: a subclass has `__len__` and ``__getitem__(k)``.

    The arguments are those of Keras, where they say how many processes make batches; here one does.
    """

    def __init__(self, workers: int = 1, use_multiprocessing: bool = False, max_queue_size: int = 10) -> None:
        self.workers, self.use_multiprocessing, self.max_queue_size = workers, use_multiprocessing, max_queue_size

    def __len__(self) -> int:
        raise NotImplementedError(f"{type(self).__name__} must say how many batches there are: write __len__")

    def __getitem__(self, k: int) -> Any:
        raise NotImplementedError(f"{type(self).__name__} must give the batch of number k: write __getitem__")

    @property
    def num_batches(self) -> int:
        """How many batches there are."""
        return len(self)

    def __iter__(self) -> collections.abc.Iterator[Any]:
        return (self[k] for k in range(len(self)))

    def on_epoch_end(self) -> None:
        """Called after every epoch."""


Sequence = PyDataset  # its name in Keras 2


class _Windows(PyDataset):
    """The batches of `timeseries_dataset_from_array`."""

    def __init__(
        self,
        data: np.ndarray,
        targets: np.ndarray | None,
        places: np.ndarray,
        starts: np.ndarray,
        size: int | None,
        rng: np.random.Generator | None,
    ) -> None:
        super().__init__()
        self._data, self._targets, self._places, self._starts = data, targets, places, starts
        self._size, self._rng = size, rng
        self.on_epoch_end()

    def on_epoch_end(self) -> None:
        self._order = self._starts if self._rng is None else self._rng.permutation(self._starts)

    def __len__(self) -> int:
        return len(self._starts) if self._size is None else -(-len(self._starts) // self._size)

    def __getitem__(self, k: int) -> Any:
        if not 0 <= k < len(self):
            raise IndexError(f"there are {len(self)} batches, and none of number {k}")
        chosen = self._order[k] if self._size is None else self._order[k * self._size : (k + 1) * self._size]
        x = self._data[np.add.outer(chosen, self._places)].view(Array)
        return x if self._targets is None else (x, self._targets[chosen].view(Array))

    def take(self, count: int) -> PyDataset:
        """The first `count` batches."""
        return _First(self, count)


class _First(PyDataset):
    """The first batches of a dataset."""

    def __init__(self, whole: PyDataset, count: int) -> None:
        super().__init__()
        self._whole, self._count = whole, count

    def __len__(self) -> int:
        return min(self._count, len(self._whole))

    def __getitem__(self, k: int) -> Any:
        return self._whole[k]

    def on_epoch_end(self) -> None:
        self._whole.on_epoch_end()


def timeseries_dataset_from_array(
    data: Any,
    targets: Any,
    sequence_length: int,
    sequence_stride: int = 1,
    sampling_rate: int = 1,
    batch_size: int | None = 128,
    shuffle: bool = False,
    seed: int | None = None,
    start_index: int | None = None,
    end_index: int | None = None,
) -> PyDataset:
    """Windows of a long series as batches for `fit`: (N, sequence_length, ...), with the target of the first step of each.

    - `sequence_stride`: how far one window begins after the other; `sampling_rate`: how far apart its steps are
    - `start_index`, `end_index`: the part of the series that is used

    >>> x, y = timeseries_dataset_from_array(np.arange(6.0), np.arange(6.0) + 3, 3)[0]
    >>> x.tolist(), y.tolist()
    ([[0.0, 1.0, 2.0], [1.0, 2.0, 3.0], [2.0, 3.0, 4.0], [3.0, 4.0, 5.0]], [3.0, 4.0, 5.0, 6.0])
    """
    array = array_of(data, "data")
    aims = None if targets is None else array_of(targets, "targets")
    whole_number("batch_size", 1 if batch_size is None else batch_size)
    whole_number("sequence_length", sequence_length)
    whole_number("sequence_stride", sequence_stride)
    whole_number("sampling_rate", sampling_rate)
    first, last = start_index or 0, len(array) if end_index is None else end_index
    if not 0 <= first < last <= len(array):
        raise ValueError(f"start_index={start_index}, end_index={end_index}: there are {len(array)} steps")
    count = last - first - (sequence_length - 1) * sampling_rate
    count = count if aims is None else min(count, len(aims))
    starts = np.arange(0, max(count, 0), sequence_stride)
    places = sampling_rate * np.arange(sequence_length)
    rng = np.random.default_rng(seed) if shuffle else None
    return _Windows(array[first:last], None if aims is None else aims[first:last], places, starts, batch_size, rng)


def to_categorical(x: Any, num_classes: int | None = None) -> np.ndarray:
    """The numbers of classes as one-hot rows.

    >>> to_categorical([0, 2, 1], 3)
    array([[1., 0., 0.],
           [0., 0., 1.],
           [0., 1., 0.]])
    """
    numbers = demand_finite(array_of(x, "x"), "x").astype(np.int64)
    numbers = numbers[..., 0] if numbers.ndim > 1 and numbers.shape[-1] == 1 else numbers
    classes = int(numbers.max(initial=-1)) + 1 if num_classes is None else num_classes
    if numbers.size and not 0 <= numbers.min() <= numbers.max() < classes:
        raise ValueError(f"to_categorical: the numbers of {classes} classes are 0 to {classes - 1}")
    return np.eye(classes)[numbers]


def pad_sequences(
    sequences: collections.abc.Sequence[Any],
    maxlen: int | None = None,
    dtype: Any = "int32",
    padding: str = "pre",
    truncating: str = "pre",
    value: float = 0.0,
) -> np.ndarray:
    """Sequences of many lengths as one array (N, maxlen, ...): `value` fills what is short, what is too long is cut.

    >>> pad_sequences([[1, 2], [3]], maxlen=3)
    array([[0, 1, 2],
           [0, 0, 3]], dtype=int32)
    """
    for name, end in (("padding", padding), ("truncating", truncating)):
        if end not in ("pre", "post"):
            raise ValueError(f"pad_sequences({name}={end!r}): it must be 'pre' or 'post'")
    if np.dtype(dtype).kind in "fiub":
        rows = [demand_finite(array_of(row, f"sequence {k}"), f"sequence {k}") for k, row in enumerate(sequences)]
    else:  # texts, and other objects
        rows = [np.asarray(row) for row in sequences]
    if 0 in (row.ndim for row in rows):
        raise ValueError("pad_sequences takes a list of sequences, and one of them is a single number")
    length = max(map(len, rows), default=0) if maxlen is None else maxlen
    found = np.full((len(rows), length, *next((r.shape[1:] for r in rows if len(r)), ())), value, dtype)
    for place, row in zip(found, rows):
        kept = row[len(row) - min(len(row), length) :] if truncating == "pre" else row[:length]
        if len(kept):
            place[length - len(kept) if padding == "pre" else 0 :][: len(kept)] = kept
    return found


def clear_session(free_memory: bool = True) -> None:
    """Let the next metric of each class be called as the first, auc and not auc_1; there is no memory to free."""
    count_anew()


def register_keras_serializable(package: str = "Custom", name: str | None = None) -> Callable[[Any], Any]:
    """A decorator: files and descriptions may name this class or function, without ``custom_objects``."""

    def registered(one: Any) -> Any:
        register(name or one.__name__, package, one)
        return one

    return registered


def custom_object_scope(objects: dict[str, Any]) -> contextlib.AbstractContextManager[None]:
    """Within it files and descriptions may name these classes and functions of the user's own."""
    return own_objects(objects)


def __getattr__(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(name)
    said = f"minirnn.utils has {', '.join(__all__)}, and no {name}: take it from keras.utils, whose data fit"
    raise ImportError(said) if imports_from(sys._getframe(1)) else AttributeError(said)
