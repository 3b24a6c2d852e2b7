"""A cell as data: its states, its gates and the activation of each; what one step of it computes is written with them."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ... import activations
from ...engine.graph import Node, named
from ...engine.names import Role
from ...engine.ops import full, nth, split
from ...initializers import Draws
from ..arguments import boolean, positive_int, share
from ..calls import Call, Conditions, Scope
from ..layer import Layer
from ..nodes import common_dtype, state_node
from ..symbolic import Shape


class Gate(NamedTuple):
    """An activation of a pre-activation: a gate, the candidate for a new state, or the new state itself.

    - `name` of its values, "i", and `pre` of what its activation is applied to, "a_i"
    - `letter` of its blocks of the weights, "i" in W_xi; none where it has the weights to itself
    - `activation`: the attribute of the cell that says which function it is
    - `candidate`: proposes the numbers that the gates let through
    - `title`, "forget gate", and `does`, what it does in one clause
    """

    name: str
    pre: str
    letter: str = ""
    activation: str = "recurrent_activation"
    candidate: bool = False
    title: str = ""
    does: str = ""

    @property
    def role(self) -> Role:
        return Role.CANDIDATE if self.candidate else Role.GATE


class Blocks(NamedTuple):
    """What a gate computes with, the same at every step: its blocks of the weights and its dropout masks."""

    kernel: Node
    recurrent: Node
    bias: Node | None = None
    recurrent_bias: Node | None = None
    d_x: Node | None = None
    d_h: Node | None = None


class Step:
    """One step of a cell: the gates of its input x (N, D) and its state h (N, M)."""

    def __init__(self, cell: Cell, x: Node, h: Node, blocks: dict[str, Blocks], tag: str) -> None:
        self.cell, self.x, self.h, self.blocks, self.tag = cell, x, h, blocks, tag
        self.dropped: dict[Node, Node] = {}  # by mask: the input after it

    def from_input(self, name: str) -> Node:
        """x W_x + 1 b of the gate of that name."""
        own = self.blocks[name]
        x = self.x
        if own.d_x is not None:
            x = self.dropped[own.d_x] = self.dropped.get(own.d_x) or x * own.d_x
        return x @ own.kernel if own.bias is None else x @ own.kernel + own.bias

    def from_state(self, name: str, reset: Node | None = None) -> Node:
        """h W_h of the gate of that name, (reset ⊙ h) W_h; with a bias of its own if it has one."""
        own = self.blocks[name]
        h = self.h if own.d_h is None else self.h * own.d_h
        out = (h if reset is None else reset * h) @ own.recurrent
        return out if own.recurrent_bias is None else out + own.recurrent_bias

    def activated(self, name: str, pre: Node | None = None) -> Node:
        """The gate, not yet named: the activation of `pre`, or of x W_x + 1 b + h W_h."""
        gate = next(gate for gate in self.cell.gates if gate.name == name)
        pre = self.from_input(name) + self.from_state(name) if pre is None else pre
        function = getattr(self.cell, gate.activation)
        return activations.applied(function, named(f"{gate.pre}{self.tag}", pre, Role.PRE_ACTIVATION), self.cell)

    def gate(self, name: str, pre: Node | None = None) -> Node:
        """The same under its name."""
        gate = next(gate for gate in self.cell.gates if gate.name == name)
        return named(f"{name}{self.tag}", self.activated(name, pre), gate.role)


class Cell(Layer, listed=False):
    """What Keras' cells have in common: fused weights, one block for each gate, and dropout.

    A kind of cell says its `gates` in the order of their blocks, its `state_names`, and in `step` how the new states are
    computed. Weights: kernel (D, G units), recurrent_kernel (units, G units), bias (G units,), of G gates. Called as
    ``cell(x_t, states)`` it gives the output, which is the first state, and the list of new states.
    """

    gates: tuple[Gate, ...] = ()
    state_names: tuple[str, ...] = ("h",)
    output_is_state = True
    implementation = 1
    bias_name = "b_"  # of the block of a gate: b_i
    unsaid = ("kind", "implementation")  # Keras' descriptions do not have the latter
    two_biases = False  # of a bias (2, G units): the first row goes to the input, the second to the state

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        use_bias: bool = True,
        *,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        seed: int | None = None,
        kind: str | None = None,
        **others: Any,
    ) -> None:
        self.kind = kind = kind or self.kind  # in messages, the layer that makes it
        defaults = {"kernel": "glorot_uniform", "recurrent_kernel": "orthogonal", "bias": "zeros"}
        self.take_weights(others, defaults)
        super().__init__(**others)
        self.units = self.output_size = positive_int(kind, units)
        self.state_size: Any = self.units if len(self.state_names) == 1 else self.sizes
        self.activation, self.use_bias = activations.get(activation), boolean(kind, "use_bias", use_bias)
        self.dropout = share(kind, "dropout", dropout)
        self.recurrent_dropout = share(kind, "recurrent_dropout", recurrent_dropout)
        self.seed, self._rng = seed, Draws(seed)
        self.own_weights = tuple(defaults)[: 3 if use_bias else 2]
        for name in dict.fromkeys(["activation", *(gate.activation for gate in self.gates)]):
            if getattr(self, name) is activations.glu:
                raise NotImplementedError(f"{kind}({name}='glu'): it halves the number of units, and a state keeps it")

    @property
    def draws(self) -> bool:  # type: ignore[override]
        return self.dropout > 0 or self.recurrent_dropout > 0

    def own_shapes(self, input_shape: Shape) -> list[tuple[int, ...]]:
        if input_shape[-1] is None:
            raise ValueError(f"{self.label}: the number of its input features is not known; give Input a complete shape")
        width = len(self.gates) * self.units
        bias = (2, width) if self.two_biases else (width,)
        shapes: list[tuple[int, ...]] = [(input_shape[-1], width), (self.units, width), bias]
        return shapes[: len(self.own_weights)]

    def output_shape(self, input_shape: Shape) -> Shape:
        return (input_shape[0], self.units)

    def features(self, scope: Scope) -> str:
        return scope.letter("M")

    def symbols(self, scope: Scope) -> dict[str, tuple[str, tuple[str, ...]]]:
        M, count = self.features(scope), len(self.gates)
        width = M if count == 1 else f"{count}*{M}"
        return {
            "kernel": (f"W_x{scope.tag}", (scope.features, width)),
            "recurrent_kernel": (f"W_h{scope.tag}", (M, width)),
            "bias": (f"b_h{scope.tag}", ("2", width) if self.two_biases else (width,)),
        }

    @property
    def sizes(self) -> list[int]:
        """The size of every state."""
        return [self.units] * len(self.state_names)

    def state_letters(self, scope: Scope) -> list[str]:
        return [self.features(scope)] * len(self.state_names)

    def first_states(self, x: Node, call: Call) -> list[Node]:
        """Zeros, for a sequence whose first step is x."""
        W = call.parameters["recurrent_kernel"]
        return [full(dims=(x.dims[0], W.dims[0]), value=0, dtype=W.dtype.name) for _ in self.state_names]

    # ---------------------------------------------------------------------------------- what is the same at all steps

    def prepared(self, x: Node, call: Call) -> dict[str, Blocks]:
        """By the name of each gate its blocks of the weights and its dropout masks, for a call whose first step is x."""
        kernels = self._blocks(call, "kernel", "W_x")
        recurrent = self._blocks(call, "recurrent_kernel", "W_h")
        biases: list[list[Node | None]] = [[None] * len(self.gates)] * 2
        if self.two_biases and self.use_bias:
            both = [nth(call.parameters["bias"], k=k, parts=2) for k in range(2)]
            biases = [self._split(call, b, f"b_{of}") for b, of in zip(both, "xh")]  # type: ignore[misc]
        elif self.use_bias:
            biases = [self._blocks(call, "bias", self.bias_name), biases[1]]  # type: ignore[list-item]
        masks = self.dropout_masks(x, call)
        return {g.name: Blocks(*own) for g, *own in zip(self.gates, kernels, recurrent, *biases, *masks, strict=True)}

    def _blocks(self, call: Call, weight: str, name: str) -> list[Node]:
        return self._split(call, call.parameters[weight], name)

    def _split(self, call: Call, whole: Node, name: str) -> list[Node]:
        """The blocks of a weight, called after it and the letter of their gate."""
        if len(self.gates) == 1:
            return [whole]
        parts = zip(self.gates, split(whole, len(self.gates)))
        return [named(f"{name}{gate.letter}{call.scope.tag}", part, Role.BLOCK) for gate, part in parts]

    def dropout_names(self, tag: str) -> tuple[list[str], list[str]]:
        """What the masks of the input and of the state are called: one for each gate, or one for all.

        Keras has one of the input for all gates in implementation 2, and one for each in 1, which is forced by any dropout
        of the state. A cell without gates has one of each.
        """
        letters = [gate.letter for gate in self.gates] if self.implementation == 1 else [""]
        return [f"d_x{letter}{tag}" for letter in letters], [f"d_h{letter}{tag}" for letter in letters]

    def dropout_masks(self, x: Node, call: Call) -> list[list[Node | None]]:
        """The dropout masks of every gate, of the input and of the state; none where nothing is dropped."""
        N, M = x.shape[0], self.features(call.scope)
        kinds = (self.dropout, x.shape[-1], call.scope.features), (self.recurrent_dropout, self.units, M)
        found: list[list[Node | None]] = []
        for names, (rate, size, letter) in zip(self.dropout_names(call.scope.tag), kinds):
            used = call.training and self.drops(rate)
            masks = [
                call.dropout(name, (N, size), ("N", letter), rate, self._rng, x.dtype) if used else None for name in names
            ]
            found.append(masks if len(masks) == len(self.gates) else masks * len(self.gates))
        return found

    @staticmethod
    def drops(rate: float) -> bool:
        """Whether Keras drops anything at that rate: its gated cells leave 1 alone."""
        return 0 < rate < 1

    # -------------------------------------------------------------------------------------------------------- one step

    def stepped(self, x: Node, states: list[Node], call: Call, prepared: Any) -> tuple[Node, list[Node]]:
        """The output of one step and the new states, which the caller names."""
        new = self.step(Step(self, x, states[0], prepared, call.scope.tag), *states)
        return new[0], new

    def step(self, step: Step, *states: Node) -> list[Node]:
        """The new states, made of the gates that `step` gives."""
        raise NotImplementedError

    def get_initial_state(self, batch_size: int) -> list[np.ndarray]:
        """Zeros, as for a sequence that begins."""
        return [np.zeros((batch_size, size), self.dtype) for size in self.sizes]

    def __call__(self, x: Any, states: Any, training: bool = False) -> tuple[Node, list[Node]]:  # type: ignore[override]
        """One step: the output, and the list of new states."""
        listed = list(states) if isinstance(states, (list, tuple)) else [states]
        if len(listed) != len(self.state_names):
            raise ValueError(f"{self.label} takes {len(self.state_names)} states, not {len(listed)}")
        values = [np.asarray(x), *map(np.asarray, listed)]
        self.build(values[0].shape)
        dtype = common_dtype(*values, *self.weight_arrays)
        x = x if isinstance(x, Node) else state_node(x, dtype, "D")
        before = [v if isinstance(v, Node) else state_node(v, dtype, "M") for v in listed]
        call = Call(Scope(), self.leaves(Scope(), dtype), Conditions(training))
        out, new = self.stepped(x, before, call, self.prepared(x, call))
        named_states = [named(name, node, Role.STATE) for name, node in zip(self.state_names, new)]
        return named_states[0] if out is new[0] else out, named_states
