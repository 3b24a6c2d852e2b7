"""Where Keras differs from itself, or from what its documentation says: what happens, and what minirnn does.

Each was found by running Keras 3.15 on TensorFlow 2.21, and is run again by the tests. minirnn follows Keras on TensorFlow;
``semantics="jax"`` (of ``mr.trace``, ``model.predict`` and a layer's call) follows Keras on JAX and NumPy,
``semantics="keras-3.16"`` the version in which a recurrent layer does not hand its mask on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ..checks import NAN_LEFT_OUT
from ..layers import RNN, Bidirectional, Embedding, Layer
from ..layers.calls import SEMANTICS
from ..layers.recurrent.cell import Cell
from .report import Row
from .rounding import allowed

if TYPE_CHECKING:
    from ..runs.run import Run


class Trap(NamedTuple):
    """One difference: its name, the sentence that explains it, and whether a trace runs into it.

    `shows` are the semantics in which Keras gives other numbers there; `noted`, that the verdict says so even when all
    agree; `fails`, that Keras raises an error.
    """

    name: str
    sentence: str
    concerns: Callable[[Run], bool]
    shows: str = ""
    noted: bool = False
    fails: bool = False

    @property
    def said(self) -> str:
        return f"{self.name}: {self.sentence}"


def _inside(layer: Layer) -> list[RNN]:
    return [layer] if isinstance(layer, RNN) else [r for child in layer.children.values() for r in _inside(child)]


def _rnns(trace: Run) -> list[RNN]:
    return [rnn for layer in trace.model.flat_layers for rnn in _inside(layer)]


def _masked(trace: Run) -> list[tuple[RNN, np.ndarray]]:
    """Every RNN that is called with a mask, and the mask (N, T) in the order in which it goes through the steps."""
    found = []
    for symbolic, call in trace.calls:
        for rnn in _inside(symbolic.layer) if call.mask is not None else ():
            mask = np.hstack([m.value for m in call.mask or ()]) != 0
            found.append((rnn, mask[:, ::-1] if rnn.go_backwards else mask))
    return found


def _zeroed(trace: Run) -> list[tuple[RNN, np.ndarray]]:
    return [(rnn, mask) for rnn, mask in _masked(trace) if rnn.zero_output_for_mask]


def _looks_up_again(trace: Run) -> bool:
    """Whether a row of the table of an Embedding that is trained is looked up more than once."""
    for symbolic, _ in trace.calls:
        if isinstance(symbolic.layer, Embedding) and symbolic.layer.trainable and symbolic.inputs[0] in trace.model.inputs:
            numbers = trace.inputs[trace.model.inputs.index(symbolic.inputs[0])]
            if len(np.unique(numbers)) < np.size(numbers):
                return trace.loss is not None
    return False


TRAPS = (
    Trap(
        "steps left out before the first that is used",
        "The output there is 0 on TensorFlow, and the initial state on JAX and NumPy.",
        lambda trace: any((~mask[:, 0] & mask.any(1)).any() for _, mask in _masked(trace)),
        shows="jax",
    ),
    Trap(
        "every step left out",
        "The output is 0 on TensorFlow, and the initial state on JAX and NumPy; on all of them the returned state is that.",
        lambda trace: any((~mask.any(1)).any() for _, mask in _masked(trace)),
        shows="jax",
    ),
    Trap(
        "zero_output_for_mask without return_sequences",
        "If the last step is left out the output is 0, although the documentation says that the flag is ignored then; the "
        "returned state is carried.",
        lambda trace: any(not rnn.return_sequences and not mask[:, -1].all() for rnn, mask in _zeroed(trace)),
        noted=True,
    ),
    Trap(
        "zero_output_for_mask with unroll",
        "Unrolled backwards, TensorFlow zeroes by the mask in its original order; unrolled, JAX and NumPy ignore the flag.",
        lambda trace: any(rnn.unroll for rnn, _ in _zeroed(trace)),
        shows="jax",
        noted=True,
    ),
    Trap(
        "a mask and initial states",
        "Called with initial_state, a recurrent layer of Keras does not use the mask of its input, as of an Embedding, and "
        "hands it on all the same: it is used where it is given, mask=. minirnn does the same.",
        lambda trace: any(call.states and call.coming[0] is not None and call.mask is None for _, call in trace.calls),
        noted=True,
    ),
    Trap(
        "activity_regularizer of SimpleRNN",
        "Keras takes it and ignores it; minirnn does the same, and warns.",
        lambda trace: any(getattr(rnn, "ignored", None) is not None for rnn in _rnns(trace)),
        noted=True,
    ),
    Trap(
        "seed of SimpleRNN",
        "Keras leaves it out of the description of the layer, so that a copy, a file and Bidirectional lose it; minirnn "
        "writes it into files, where Keras takes it.",
        lambda trace: any(cell.seed is not None for rnn in _rnns(trace) for cell in rnn.cells),
        noted=True,
    ),
    Trap(
        "dropout of LSTM and GRU with implementation=1",
        "In training Keras 3.15 fails there, unless recurrent_dropout is given too: it broadcasts the masks of all gates as "
        "one; minirnn has a mask for each gate.",
        lambda trace: any(
            trace.conditions.training
            and len(cell.gates) > 1
            and cell.implementation == 1
            and cell.dropout
            and not cell.recurrent_dropout
            for rnn in _rnns(trace)
            for cell in rnn.cells
            if isinstance(cell, Cell)
        ),
        fails=True,
    ),
    Trap(
        "implementation of LSTM and GRU",
        "Keras leaves it out of the description of the layer, so that a copy and a file have 2; it matters for the masks of "
        "dropout alone. minirnn does the same.",
        lambda trace: False,  # nothing of it can be seen in a trace
    ),
    Trap(
        "dropout masks and inference",
        "Keras' generator of dropout masks goes on with every call, outside training too; minirnn draws in training only.",
        lambda trace: any(
            trace.conditions.training and (cell.dropout or cell.recurrent_dropout)
            for rnn in _rnns(trace)
            for cell in rnn.cells
        ),
        noted=True,
    ),
    Trap(
        "NaN at a step that is left out",
        NAN_LEFT_OUT,
        lambda trace: False,  # mr.trace refuses the data, in these words
    ),
    Trap(
        "the mask after a recurrent layer",
        "Up to Keras 3.15 it is handed on with return_sequences, and the loss is the mean over the steps that are used; "
        "from 3.16 on it is dropped, and the loss is the mean over all steps.",
        lambda trace: any(rnn.return_sequences for rnn, _ in _masked(trace)),
        shows="keras-3.16",
    ),
    Trap(
        "Bidirectional with stateful and return_state",
        "Keras 3.15 fails there with a TypeError, with a mask and without; minirnn computes what the two layers give.",
        lambda trace: any(
            isinstance(layer, Bidirectional) and layer.stateful and layer.return_state for layer in trace.model.flat_layers
        ),
        fails=True,
    ),
    Trap(
        "the gradient of an Embedding in training",
        "Where a row is looked up several times in a batch, Keras on TensorFlow squares and clips the gradient of each "
        "lookup before it adds them up, in every optimizer but plain SGD; on JAX it takes the sum. minirnn trains as Keras "
        'on TensorFlow, and with compile(semantics="jax") by the sum. The gradients themselves are those of the '
        "mathematics.",
        _looks_up_again,
        noted=True,
    ),
    Trap(
        "factors in single precision",
        "Keras on TensorFlow rounds the factors of regularizers to float32 even in a float64 model; minirnn does the same.",
        lambda trace: any(layer.regularizers for layer in trace.model.flat_layers),
    ),
)


__doc__ = f"{__doc__}\n" + "\n".join(f"- **{trap.name}.** {trap.sentence}" for trap in TRAPS)


def explained(rows: list[Row], trace: Run, ask: Callable[[Run], Iterable[Row]]) -> list[Row]:
    """The rows of Keras, with the reason where its semantics are not those of the trace: others that it agrees with."""
    mine = trace.conditions.semantics
    if all(row.ok for row in rows):
        return rows
    for semantics in SEMANTICS:
        known = [trap for trap in concerning(trace) if trap.shows and trap.shows in (mine, semantics)]
        if semantics == mine or not known:
            continue
        other = trace.following(semantics)
        if all(row.ok for row in allowed(list(ask(other)), other)):
            said = f"{' '.join(trap.said for trap in known)} With semantics={semantics!r} all agree"
            return [row if row.ok else row._replace(note=said) for row in rows]
    return rows


def failing(trace: Run) -> str:
    """Why Keras raises an error, where that is known; or nothing."""
    return "".join(f". {trap.said}" for trap in concerning(trace) if trap.fails)


def notes(trace: Run) -> list[str]:
    """What surprises though all witnesses agree."""
    return [trap.said.rstrip(".") for trap in concerning(trace) if trap.noted]


def concerning(trace: Run) -> list[Trap]:
    """The differences that this trace runs into.

    >>> from minirnn import demo, trace
    >>> concerning(trace(demo.model(), demo.X))
    []
    """
    return [] if trace.is_loop else [trap for trap in TRAPS if trap.concerns(trace)]
