"""What a notebook shows of a trace: what ran, the loss, a small picture, and what one may ask of it next."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from ...displays import Folded, Picture, Table, Text
from ...engine import names
from ...system import plain
from ..picture.picture import picture

if TYPE_CHECKING:
    from ...displays.parts import Part
    from ...runs.run import Run

DRAWN = 5  # steps; of more, the ends
MOST_LAYERS = 4  # in one line


def overview(trace: Run) -> Iterator[Part]:
    """The parts of the display of `trace`."""
    yield Text(_title(trace), strong=True)
    yield Table((), [*_facts(trace)])
    try:
        drawn = picture(trace, max_steps=DRAWN)
        yield Picture(drawn.svg, drawn.summary, "24em")
    except (RuntimeError, NotImplementedError):  # nothing can draw here: the rest is worth showing
        pass
    yield Folded("What to ask next", [Table((), [*_questions(trace)], code=True)])


def _title(trace: Run) -> str:
    ran = "the function" if trace.is_loop else "the network"
    return f"Trace of {ran} {plain(trace.model.label)}, {trace.steps} steps"


def _facts(trace: Run) -> Iterator[tuple[str, str]]:
    if not trace.is_loop:
        layers = [repr(layer) for layer in trace.model.flat_layers]
        shown = layers if len(layers) <= MOST_LAYERS else [*layers[:2], "…", layers[-1]]
        yield "layers", plain(" → ".join(shown), 120)
    given = [f"{name or 'given'} {node.shape}" for name, node in zip(trace.data_names, trace.data)]
    yield "data", ", ".join(given) + f", computed in {trace.dtype}"
    yield "output", ", ".join(f"{_said(node.name)} {node.shape}" for node in trace.outputs)
    if trace.loss is not None:
        yield "loss", f"{trace.loss:.6g}" + (f" ({trace.loss_name})" if trace.loss_name else "")
        norms = {name: float(np.linalg.norm(g)) for name, g in trace.gradients.items()}
        shown = [f"‖{_said(trace.names[trace.derivative(name)])}‖ = {norm:.3g}" for name, norm in norms.items()]
        yield "gradients", ", ".join(shown[:6]) + (", …" if len(shown) > 6 else "")


def _said(name: names.Name | None) -> str:
    return "output" if name is None else names.text(name)


def _questions(trace: Run) -> Iterator[tuple[str, str]]:
    state = next(iter(trace.state_names), next(iter(trace.counts)))
    stepped = (state, trace.steps) in trace.variables
    yield f"trace.value({state!r}, {trace.steps})" if stepped else f"trace.value({state!r})", "any number"
    yield "trace.equations()", 'the equations, each with its residual; .to_tex("rnn.tex") for a paper'
    yield "trace.picture(values=True)", 'the network unrolled; .save("rnn.svg")'
    yield "trace.walk()[1]", "one step: symbol = numbers = result"
    yield "trace.source()", "the NumPy code one would have written by hand"
    yield "trace.verify()", "the verdict of independent witnesses"
    if trace.loss is None:
        yield "mr.trace(model, X, Y)", "with a target: the loss and every gradient"
        return
    if stepped:
        yield f"trace.adjoint({state!r}, {trace.steps})", "the derivative of the loss by it"
    if (name := _used_at_steps(trace)) is not None:
        yield f"trace.ledger({name!r})", "what each step adds to a gradient"
    yield 'trace.plot("flow")', "how the gradient flows back through time"
    yield 'trace.page("page.html")', "all of it as one page, to step through"


def _used_at_steps(trace: Run) -> str | None:
    """A parameter whose gradient is a sum over the steps."""
    steps: dict[object, set[int | None]] = {}
    for node in trace.forward:
        for arg in node.args:
            steps.setdefault(arg, set()).add(node.step)
    whole = {*range(1, trace.steps + 1)}
    return next((name for name, node in trace.parameters.items() if steps.get(node) and steps[node] <= whole), None)
