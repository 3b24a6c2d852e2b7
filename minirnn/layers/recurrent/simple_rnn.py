"""SimpleRNN: the fully connected recurrence h_t = f(x_t W_x + b_h + h_{t-1} W_h), summed in Keras' order."""

from __future__ import annotations

import inspect
import operator
import warnings
from typing import Any

from ...engine.graph import Node
from .cell import Cell, Gate, Step
from .rnn import RNN


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


class CellLayer(RNN, listed=False):
    """An RNN of one of Keras' cells, which it makes itself: the arguments of both in one."""

    made_of: type[Cell]

    def __init_subclass__(cls, of: type[Cell] | None = None, listed: bool = True) -> None:
        super().__init_subclass__(listed)
        if of is not None:
            cls.made_of, arguments = of, inspect.signature(of).parameters
            for name in dict.fromkeys((*of.asked, *arguments)):
                if name not in ("kind", "others", "seed"):
                    setattr(cls, name, property(operator.attrgetter(f"cell.{name}")))

    def __init__(self, given: dict[str, Any]) -> None:
        """`given` are the arguments of a subclass, as its ``locals()``: those of the cell, and `others`."""
        cell = {key: value for key, value in given.items() if key not in ("self", "__class__", "others")} | given["others"]
        own = {key: cell.pop(key) for key in (*OF_THE_RNN, *_OF_THE_LAYER) if key in cell}
        super().__init__(self.made_of(dtype=own.get("dtype"), kind=self.kind, **cell), **own)

    def config(self, dtype: str | None = None) -> dict[str, Any]:
        """The arguments of the RNN and of its cell, as Keras has them in one."""
        cell = {key: value for key, value in self.cell.config(dtype).items() if key != "seed" or value is not None}
        return {"activity_regularizer": None} | cell | self.common_config(dtype) | self.arguments(OF_THE_RNN, dtype)


OF_THE_RNN = ("return_sequences", "return_state", "go_backwards", "stateful", "unroll", "zero_output_for_mask")
_OF_THE_LAYER = (
    "name", "dtype", "trainable", "autocast", "input_shape", "batch_input_shape", "time_major", "activity_regularizer",
    *RNN.forgotten,
)  # fmt: skip


class SimpleRNN(CellLayer, of=SimpleRNNCell):
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
        super().__init__({"units": units, "activation": activation, "use_bias": use_bias, "others": others})
        self.ignored = activity_regularizer
