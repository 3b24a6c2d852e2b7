"""SimpleRNN: the fully connected recurrence h_t = f(x_t W_x + b_h + h_{t-1} W_h), summed in Keras' order."""

from __future__ import annotations

import warnings
from typing import Any

from ..engine.graph import Node
from .cell import Cell, Gate, Step
from .rnn import CellLayer, of_cell


class SimpleRNNCell(Cell):
    """h_t = f(x_t W_x + b_h + h_{t-1} W_h), summed in Keras' order.

    Arguments are Keras': units, activation, use_bias, and for each of kernel, recurrent and bias ``..._initializer``,
    ``..._regularizer`` and ``..._constraint``; dropout, recurrent_dropout, seed. kernel (D, units), recurrent_kernel
    (units, units), bias (units,). Called as ``cell(x_t, states)`` it gives the output and the list of new states.
    """

    forgotten = ("implementation",)
    gates = (Gate("h", "z", activation="activation", candidate=True),)

    @staticmethod
    def drops(rate: float) -> bool:
        return rate > 0

    def step(self, step: Step, *states: Node) -> list[Node]:
        return [step.activated("h")]


class SimpleRNN(CellLayer):
    """Keras' SimpleRNN: kernel (D, units), recurrent_kernel (units, units), bias (units,).

    Called on a sequence (N, T, D), it gives the last state (N, units), or all of them (N, T, units) with
    ``return_sequences=True``. The other arguments are those of `SimpleRNNCell` and `RNN`. ``activity_regularizer`` is taken
    and has no effect, as in Keras.
    """

    cell: SimpleRNNCell
    activation, use_bias, dropout, recurrent_dropout = map(
        of_cell, ("activation", "use_bias", "dropout", "recurrent_dropout")
    )

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
        super().__init__(SimpleRNNCell, units, others, activation=activation, use_bias=use_bias)
        self.ignored = activity_regularizer
