"""What programs take from `keras.utils` to prepare their data: one-hot rows, sequences of one length, batches, a seed."""

from __future__ import annotations

import collections.abc
from typing import Any

import numpy as np

from .checks import array_of
from .initializers import set_random_seed

__all__ = ["PyDataset", "Sequence", "pad_sequences", "set_random_seed", "to_categorical"]


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


def to_categorical(x: Any, num_classes: int | None = None) -> np.ndarray:
    """The numbers of classes as one-hot rows.

    >>> to_categorical([0, 2, 1], 3)
    array([[1., 0., 0.],
           [0., 0., 1.],
           [0., 1., 0.]])
    """
    numbers = array_of(x, "x").astype(np.int64)
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
    rows = [np.asarray(row) for row in sequences]
    length = max(map(len, rows), default=0) if maxlen is None else maxlen
    found = np.full((len(rows), length, *next((r.shape[1:] for r in rows if len(r)), ())), value, dtype)
    for place, row in zip(found, rows):
        kept = row[len(row) - min(len(row), length) :] if truncating == "pre" else row[:length]
        if len(kept):
            place[length - len(kept) if padding == "pre" else 0 :][: len(kept)] = kept
    return found


def __getattr__(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(name)
    raise AttributeError(f"minirnn.utils has {', '.join(__all__)}, and no {name}: take it from keras.utils, whose data fit")
