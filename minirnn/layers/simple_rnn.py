"""SimpleRNN: the fully connected recurrence h_t = f(x_t W_x + b_h + h_{t-1} W_h), summed in Keras' order."""

from __future__ import annotations

import warnings
from typing import Any

from .cells import SimpleRNNCell
from .rnn import RNN

_OF_THE_RNN = ("return_sequences", "return_state", "go_backwards", "stateful", "unroll", "zero_output_for_mask")
_OF_THE_LAYER = ("name", "dtype", "trainable", "autocast", "input_shape", "input_dim", "batch_input_shape", "time_major")


class _Cell(SimpleRNNCell):
    kind = "SimpleRNN"


class SimpleRNN(RNN):
    """Keras' SimpleRNN: kernel (D, units), recurrent_kernel (units, units), bias (units,).

    Called on a sequence (N, T, D), it gives the last state (N, units), or all of them (N, T, units) with
    ``return_sequences=True``. The other arguments are those of `SimpleRNNCell` and `RNN`. ``activity_regularizer`` is taken
    and has no effect, as in Keras.
    """

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        use_bias: bool = True,
        *,
        activity_regularizer: Any = None,
        **others: Any,
    ) -> None:
        if activity_regularizer is not None:
            said = "SimpleRNN(activity_regularizer=...) has no effect, in Keras as here: put it on the layer that follows"
            warnings.warn(said, stacklevel=2)
        own = {key: others.pop(key) for key in (*_OF_THE_RNN, *_OF_THE_LAYER) if key in others}
        cell = _Cell(units, activation, use_bias, dtype=own.get("dtype"), **others)
        super().__init__(cell, **own)
        self.units, self.ignored = cell.units, activity_regularizer

    cell: SimpleRNNCell

    @property
    def activation(self) -> Any:
        return self.cell.activation

    @property
    def use_bias(self) -> bool:
        return self.cell.use_bias

    @property
    def dropout(self) -> float:
        return self.cell.dropout

    @property
    def recurrent_dropout(self) -> float:
        return self.cell.recurrent_dropout
