"""Sequences of many lengths as one array, and windows over a long one."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..system import suggest_names, whole_number
from ..utils import PyDataset, pad_sequences

__all__ = ["TimeseriesGenerator", "pad_sequences"]


class TimeseriesGenerator(PyDataset):
    """Batches of windows over a series: the `length` steps before each target, as Keras 2 has it.

    >>> windows = TimeseriesGenerator(np.arange(6.0), np.arange(6.0), length=2, batch_size=3)
    >>> len(windows), windows[0][0].tolist(), windows[0][1].tolist()
    (2, [[0.0, 1.0], [1.0, 2.0], [2.0, 3.0]], [2.0, 3.0, 4.0])
    """

    def __init__(
        self,
        data: Any,
        targets: Any,
        length: int,
        sampling_rate: int = 1,
        stride: int = 1,
        start_index: int = 0,
        end_index: int | None = None,
        shuffle: bool = False,
        reverse: bool = False,
        batch_size: int = 128,
    ) -> None:
        super().__init__()
        self.data, self.targets = np.asarray(data), np.asarray(targets)
        if len(self.data) != len(self.targets):
            raise ValueError(f"the series has {len(self.data)} steps and {len(self.targets)} targets")
        self.length, self.sampling_rate = whole_number("length", length), whole_number("sampling_rate", sampling_rate)
        self.stride, self.batch_size = whole_number("stride", stride), whole_number("batch_size", batch_size)
        self.shuffle, self.reverse = shuffle, reverse
        self.rows = np.arange(start_index + length, len(self.data) if end_index is None else end_index + 1, self.stride)
        if not len(self.rows):
            raise ValueError(f"a series of {len(self.data)} steps has no window of length {length} with a target after it")

    def __len__(self) -> int:
        return -(-len(self.rows) // self.batch_size)

    def __getitem__(self, k: int) -> tuple[np.ndarray, np.ndarray]:
        rows = self.rows[k * self.batch_size : (k + 1) * self.batch_size]
        if self.shuffle:
            rows = np.random.choice(self.rows, len(rows))  # as Keras draws them: some may come twice
        x = np.array([self.data[row - self.length : row : self.sampling_rate] for row in rows])
        return x[:, ::-1] if self.reverse else x, self.targets[rows]


suggest_names(globals())
