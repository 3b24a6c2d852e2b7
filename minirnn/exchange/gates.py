"""The order in which others keep the gates of a fused weight side by side, and Keras' order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from ..layers import GRU, LSTM, SimpleRNN
from ..layers.recurrent.simple_rnn import CellLayer


class Kind(NamedTuple):
    """A kind of layer elsewhere: its name, the layer here, and of each gate here the place of the same one there."""

    name: str
    layer: Callable[..., CellLayer]
    places: tuple[int, ...]

    @property
    def gates(self) -> int:
        return len(self.places)

    def to_keras(self, weight: np.ndarray) -> np.ndarray:
        """The columns in Keras' order."""
        return arranged(weight, self.places)

    def from_keras(self, weight: np.ndarray) -> np.ndarray:
        """The columns in the other's order."""
        return arranged(weight, [self.places.index(k) for k in range(self.gates)])


def arranged(weight: np.ndarray, places: Sequence[int]) -> np.ndarray:
    """The equal blocks of the columns in another order."""
    blocks = np.split(weight, len(places), axis=-1)
    return np.concatenate([blocks[k] for k in places], axis=-1)


# nn.LSTM has i, f, g, o, as Keras; nn.GRU has r, z, n (documentation of torch.nn)
TORCH = (Kind("nn.RNN", SimpleRNN, (0,)), Kind("nn.LSTM", LSTM, (0, 1, 2, 3)), Kind("nn.GRU", GRU, (1, 0, 2)))
# LSTM has i, o, f, c; GRU z, r, h, as Keras (ONNX operators LSTM-14 and GRU-14)
ONNX = (Kind("RNN", SimpleRNN, (0,)), Kind("LSTM", LSTM, (0, 2, 3, 1)), Kind("GRU", GRU, (0, 1, 2)))
