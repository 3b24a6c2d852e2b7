"""GRU (Cho et al., 2014), as Keras has it: the update gate z keeps the old state, z_t ⊙ h_{t-1} + (1 - z_t) ⊙ h̃_t."""

from __future__ import annotations

from typing import Any

from ... import activations
from ...engine.graph import Node
from ..arguments import boolean
from .cell import Cell, Gate, Step
from .lstm import demand_no_cudnn, gated_implementation
from .simple_rnn import CellLayer


class GRUCell(Cell):
    """h_t = z_t ⊙ h_{t-1} + (1 - z_t) ⊙ h̃_t, each gate σ(x_t W_x + b + h_{t-1} W_h) of its own block.

    The reset gate r acts after the product, h̃_t = tanh(x_t W_xh + b_xh + r_t ⊙ (h_{t-1} W_hh + b_hh)), as cuDNN has it; with
    ``reset_after=False`` before it, h̃_t = tanh(x_t W_xh + b_xh + (r_t ⊙ h_{t-1}) W_hh), as in the paper. Arguments are those
    of `SimpleRNNCell`, and Keras' recurrent_activation, reset_after and implementation. kernel (D, 3 units) and
    recurrent_kernel (units, 3 units) hold the blocks of z, r and h̃, in this order; bias is (2, 3 units), a row for the input
    and one for the state, or (3 units,) with ``reset_after=False``.
    """

    gates = (
        Gate("z", "a_z", "z", title="update gate", does="says how much of the old state is kept, and 1 - z of the new"),
        Gate("r", "a_r", "r", title="reset gate", does="says how much of the old state the candidate sees"),
        Gate("htilde", "a_h", "h", "activation", True, "candidate", "is what the new state could be"),
    )

    bias_name = "b_x"  # since b_h is the whole bias

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        recurrent_activation: Any = "sigmoid",
        use_bias: bool = True,
        *,
        reset_after: bool = True,
        implementation: int = 2,
        **others: Any,
    ) -> None:
        self.recurrent_activation = activations.get(recurrent_activation)
        super().__init__(units, activation, use_bias, **others)
        self.reset_after = self.two_biases = boolean(self.kind, "reset_after", reset_after)
        self.implementation = gated_implementation(self, implementation)

    def step(self, step: Step, *states: Node) -> list[Node]:
        (h,) = states
        z, r = step.gate("z"), step.gate("r")
        past = r * step.from_state("htilde") if self.reset_after else step.from_state("htilde", reset=r)
        htilde = step.gate("htilde", step.from_input("htilde") + past)
        return [z * h + (1 - z) * htilde]


class GRU(CellLayer, of=GRUCell):
    """Keras' GRU: kernel (D, 3 units), recurrent_kernel (units, 3 units), bias (2, 3 units), blocks in the order z, r, h̃.

    Called on a sequence (N, T, D), it gives the last state (N, units), or all of them with ``return_sequences=True``. The
    other arguments are those of `GRUCell` and `RNN`. ``use_cudnn`` is taken as Keras takes it on a machine without cuDNN.
    """

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        recurrent_activation: Any = "sigmoid",
        use_bias: bool = True,
        *,
        reset_after: bool = True,
        implementation: int = 2,
        use_cudnn: bool | str = "auto",
        **others: Any,
    ) -> None:
        demand_no_cudnn(self.kind, use_cudnn)
        del use_cudnn
        super().__init__(locals())
