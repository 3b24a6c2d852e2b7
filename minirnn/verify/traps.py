"""Where Keras differs from itself, or from what its documentation says: what happens, and what minirnn does.

Each was found by running Keras 3.15 on TensorFlow 2.21, and is run again by the tests. minirnn follows Keras on TensorFlow;
``semantics="jax"`` (of ``mr.trace``, ``model.predict`` and a layer's call) follows Keras on JAX and NumPy,
``semantics="keras-3.16"`` the version in which a recurrent layer does not hand its mask on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, NamedTuple

from ..layers import RNN, Bidirectional, Dropout, Layer
from ..layers.base import SEMANTICS
from .report import Row

if TYPE_CHECKING:
    from ..trace import Trace


class Trap(NamedTuple):
    """One difference: its name, the sentence that explains it, and whether a trace can run into it."""

    name: str
    sentence: str
    concerns: Callable[[Trace], bool]


def _rnns(trace: Trace) -> list[RNN]:
    def inside(layer: Layer) -> list[RNN]:
        return [layer] if isinstance(layer, RNN) else [r for child in layer.children.values() for r in inside(child)]

    return [rnn for layer in trace.model.layers for rnn in inside(layer)]


def _masked(trace: Trace) -> bool:
    return any(call.mask is not None for _, call in trace.calls)


def _zeroed(trace: Trace) -> bool:
    return _masked(trace) and any(rnn.zero_output_for_mask for rnn in _rnns(trace))


TRAPS = (
    Trap(
        "steps left out before the first that is used",
        "The output there is 0 on TensorFlow, and the initial state on JAX and NumPy.",
        _masked,
    ),
    Trap(
        "every step left out",
        "The output is 0 on TensorFlow, and the initial state on JAX and NumPy; on all of them the returned state is that.",
        _masked,
    ),
    Trap(
        "zero_output_for_mask without return_sequences",
        "If the last step is left out the output is 0, although the documentation says that the flag is ignored then; the "
        "returned state is carried.",
        lambda trace: _zeroed(trace) and any(not rnn.return_sequences for rnn in _rnns(trace)),
    ),
    Trap(
        "zero_output_for_mask with unroll",
        "Unrolled backwards, TensorFlow zeroes by the mask in its original order; unrolled, JAX and NumPy ignore the flag.",
        lambda trace: _zeroed(trace) and any(rnn.unroll for rnn in _rnns(trace)),
    ),
    Trap(
        "activity_regularizer of SimpleRNN",
        "Keras takes it and ignores it; minirnn does the same, and warns.",
        lambda trace: any(getattr(rnn, "ignored", None) is not None for rnn in _rnns(trace)),
    ),
    Trap(
        "seed of SimpleRNN",
        "Keras leaves it out of the description of the layer, so that a copy, a file and Bidirectional lose it; minirnn "
        "writes it into files, where Keras takes it.",
        lambda trace: any(cell.seed is not None for rnn in _rnns(trace) for cell in rnn.cells),
    ),
    Trap(
        "dropout masks and inference",
        "Keras' generator of dropout masks goes on with every call, outside training too; minirnn draws in training only.",
        lambda trace: (
            any(isinstance(layer, Dropout) for layer in trace.model.layers)
            or any(cell.dropout or cell.recurrent_dropout for rnn in _rnns(trace) for cell in rnn.cells)
        ),
    ),
    Trap(
        "NaN at a step that is left out",
        "Keras predicts finite numbers and gives NaN for every gradient; minirnn predicts the same and traces no such data.",
        _masked,
    ),
    Trap(
        "the mask after a recurrent layer",
        "Up to Keras 3.15 it is handed on with return_sequences, and the loss is the mean over the steps that are used; "
        "from 3.16 on it is dropped, and the loss is the mean over all steps.",
        _masked,
    ),
    Trap(
        "Bidirectional with stateful, return_state and a mask",
        "Keras 3.15 fails there with a TypeError; minirnn computes what the two layers give.",
        lambda trace: any(isinstance(layer, Bidirectional) and layer.stateful for layer in trace.model.layers),
    ),
    Trap(
        "factors in single precision",
        "Keras on TensorFlow rounds the factors of regularizers to float32 even in a float64 model; minirnn does not, and "
        "the verdict gives Keras the exact ones.",
        lambda trace: any(layer.regularizers for layer in trace.model.layers),
    ),
)


__doc__ = f"{__doc__}\n" + "\n".join(f"- **{trap.name}.** {trap.sentence}" for trap in TRAPS)


def explained(rows: list[Row], trace: Trace, ask: Callable[[Trace, str], Iterable[Row]]) -> list[Row]:
    """The rows of Keras, with the reason where its semantics are not those of the trace: others that it agrees with."""
    if all(row.ok for row in rows) or not concerning(trace):
        return rows
    for semantics in SEMANTICS:
        if semantics != trace.conditions.semantics and all(
            row.ok for row in ask(trace.following(semantics), str(trace.dtype))
        ):
            why = concerning(trace)[0]
            said = f"{why.name}: {why.sentence} With semantics={semantics!r} all agree"
            return [row if row.ok else row._replace(note=said) for row in rows]
    return rows


def concerning(trace: Trace) -> list[Trap]:
    """The differences that this trace can run into.

    >>> import minirnn as mr
    >>> concerning(mr.trace(mr.demo.model(), mr.demo.X))
    []
    """
    return [trap for trap in TRAPS if trap.concerns(trace)]
