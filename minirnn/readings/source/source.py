"""The NumPy module an expert would have written by hand for this network: its forward pass, its loss and its gradients."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...engine.fold import fixed
from .allocating import Plain
from .module import Functions, Results, Wanted
from .numpy_expr import Unwritable
from .preallocated import Fast
from .stepwise import Stepwise

if TYPE_CHECKING:
    from ...engine.graph import Node
    from ...run import Run


def source(trace: Run, memory: bool = False) -> str:
    """The module: `forward`, and with a target `loss_and_gradients`; it imports NumPy alone, and runs on its own.

    - `memory`: the module that `trace.compile` runs: the same statements, but what they compute is written into arrays that
      `arrays` makes once and that can be handed over at each call

    What has no recurrence is computed for all steps at once; the equation stands above each line that computes it. An
    operation that cannot be written that way is computed step by step.
    """
    from .comments import comments

    says = "forward pass" if trace.loss is None else "forward pass and backpropagation through time"
    return program(trace, memory).text(comments(trace), f"{trace.model.label}: {says}")


def program(trace: Run, memory: bool = True) -> Functions:
    """The functions that compute the network of a trace, for as many steps as it has; with `memory`, in kept arrays."""
    folded, results = trace.fold(), wanted(trace)
    try:
        return Fast(folded, results) if memory else Plain(folded, results)
    except Unwritable:
        return Stepwise(folded, results)


def wanted(trace: Run) -> Results:
    """The output, the loss and the gradients of a trace, as families of its fold."""
    if len(trace.outputs) > 1:
        raise NotImplementedError(f"a model with {len(trace.outputs)} outputs has no source yet")
    folded, shown = trace.fold(), trace.folded_trace
    places = shown.fold().places

    def at(node: Node) -> Wanted:
        index, step = places[node]
        return Wanted(folded.families[index], None if step is None else fixed(step, shown.steps))

    inputs = {node.serial: name for node, name in zip(shown.data, shown.data_names)}
    if shown.loss_node is None:
        return Results(at(shown.output_node), inputs)
    gradients = {name: at(shown.cotangents[node]) for name, node in shown.parameters.items()}
    return Results(at(shown.output_node), inputs, at(shown.loss_node), gradients)
