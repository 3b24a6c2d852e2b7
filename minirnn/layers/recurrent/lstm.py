"""LSTM (Hochreiter and Schmidhuber, 1997; with the forget gate of Gers, Schmidhuber and Cummins, 2000), as Keras has it."""

from __future__ import annotations

from typing import Any

import numpy as np

from ... import activations
from ...engine.graph import Node
from ..arguments import boolean
from ..symbolic import Shape
from .cell import Cell, Gate, Step
from .simple_rnn import CellLayer


class LSTMCell(Cell):
    """c_t = f_t ⊙ c_{t-1} + i_t ⊙ c̃_t and h_t = o_t ⊙ tanh(c_t), each gate σ(x_t W_x + b + h_{t-1} W_h) of its own block.

    Arguments are those of `SimpleRNNCell`, and Keras' recurrent_activation, unit_forget_bias and implementation. kernel
    (D, 4 units), recurrent_kernel (units, 4 units) and bias (4 units,) hold the blocks of i, f, c̃ and o, in this order;
    with ``unit_forget_bias`` the bias of f is 1 at the start. The states are h and c, the output is h.
    """

    state_names = ("h", "c")
    gates = (
        Gate("i", "a_i", "i", title="input gate", does="says how much of the candidate enters the cell"),
        Gate("f", "a_f", "f", title="forget gate", does="says how much of what the cell held is kept"),
        Gate("ctilde", "a_c", "c", "activation", True, "candidate", "is what could enter the cell"),
        Gate("o", "a_o", "o", title="output gate", does="says how much of the cell is shown as h"),
    )

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        recurrent_activation: Any = "sigmoid",
        use_bias: bool = True,
        *,
        unit_forget_bias: bool = True,
        implementation: int = 2,
        **others: Any,
    ) -> None:
        self.recurrent_activation = activations.get(recurrent_activation)
        super().__init__(units, activation, use_bias, **others)
        self.unit_forget_bias = boolean(self.kind, "unit_forget_bias", unit_forget_bias)
        self.implementation = gated_implementation(self, implementation)

    def draw_weights(self, input_shape: Shape) -> list[np.ndarray]:
        drawn = super().draw_weights(input_shape)
        if self.use_bias and self.unit_forget_bias:
            drawn[2][self.units : 2 * self.units] = 1
        return drawn

    def step(self, step: Step, *states: Node) -> list[Node]:
        _, c = states
        i, f, ctilde, o = map(step.gate, ("i", "f", "ctilde", "o"))
        c = f * c + i * ctilde
        return [o * activations.applied(self.activation, c, self), c]


def gated_implementation(cell: Cell, implementation: Any) -> int:
    """1: an input mask of dropout for each gate; 2, in old files 0: one for all. Keras has 1 with any recurrent dropout."""
    if implementation not in (0, 1, 2) or isinstance(implementation, bool):
        raise ValueError(f"{cell.kind}(implementation={implementation!r}): it must be 1 or 2")
    return 1 if cell.recurrent_dropout or implementation == 1 else 2


class LSTM(CellLayer, of=LSTMCell):
    """Keras' LSTM: kernel (D, 4 units), recurrent_kernel (units, 4 units), bias (4 units,), blocks in the order i, f, c̃, o.

    Called on a sequence (N, T, D), it gives the last state h (N, units), or all of them with ``return_sequences=True``; with
    ``return_state=True`` the output, h and c. ``initial_state`` is the list of both. The other arguments are those of
    `LSTMCell` and `RNN`. ``use_cudnn`` is taken as Keras takes it on a machine without cuDNN.
    """

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        recurrent_activation: Any = "sigmoid",
        use_bias: bool = True,
        *,
        unit_forget_bias: bool = True,
        implementation: int = 2,
        use_cudnn: bool | str = "auto",
        **others: Any,
    ) -> None:
        demand_no_cudnn(self.kind, use_cudnn)
        del use_cudnn
        super().__init__(locals())


def demand_no_cudnn(kind: str, use_cudnn: Any) -> None:
    if use_cudnn not in ("auto", True, False):
        raise ValueError(f"{kind}(use_cudnn={use_cudnn!r}): it must be 'auto', True or False")
    if use_cudnn is True:
        raise ValueError(f"{kind}(use_cudnn=True): there is no cuDNN here; use_cudnn='auto' computes the same without it")
