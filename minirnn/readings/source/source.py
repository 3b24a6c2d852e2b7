"""One program, four scripts: the code an expert would have written by hand for this network, its loss and its gradients."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from ...engine.fold import fixed
from ...engine.names import Role
from .allocating import Plain
from .c import Library
from .compiled import ENGINES, Compiled
from .loops import Scalar
from .module import Functions, Results, Wanted
from .numpy_expr import Unwritable
from .preallocated import Fast
from .stepwise import Stepwise

if TYPE_CHECKING:
    from ...engine.graph import Node
    from ...run import Run

FORMS = ("numpy", "buffers", "loops", "c")


def source(trace: Run, form: Literal["numpy", "buffers", "loops", "c"] = "numpy") -> str:
    """The network, its loss and its gradients as code; the equation stands above the lines that compute it.

    - `form`: "numpy", a module to be read; "buffers", what `compile` runs, in arrays that are kept from call to call;
      "loops", in scalars, as the component form says it; "c", what ``compile(engine="c")`` compiles

    A module has `forward`, and with a target `loss_and_gradients`; it imports NumPy alone, and runs on its own. What has no
    recurrence is computed for all steps at once, and what cannot be written that way step by step.
    """
    from .comments import comments

    if form not in FORMS:
        raise ValueError(f"form={form!r}: it must be one of {', '.join(FORMS)}")
    if form == "c":
        return library(trace, trace.dtype.name).text(comments(trace))
    says = "forward pass" if trace.loss is None else "forward pass and backpropagation through time"
    return program(trace, form).text(comments(trace), f"{trace.model.label}: {says}")


def program(trace: Run, form: str = "buffers") -> Functions:
    """The functions that compute the network of a trace, for as many steps as it has."""
    folded, results = trace.fold(), wanted(trace)
    if form == "loops":
        return Scalar(folded, results)
    try:
        return Fast(folded, results) if form == "buffers" else Plain(folded, results)
    except Unwritable:
        return Stepwise(folded, results)


def library(trace: Run, dtype: Any) -> Library:
    """The C that computes the network of a trace in float32 or float64. NotImplementedError where there is none."""
    return Library(trace.fold(), wanted(trace), dtype, fixed_steps=bool(trace.truncate))


def compiled(trace: Run, engine: str, sizes: list[tuple[int, ...]] | None) -> Compiled:
    """The functions of a trace, to be called; `sizes` are the shapes that the data must have, if they must."""
    if engine not in ENGINES:
        raise ValueError(f"engine={engine!r}: it must be one of {', '.join(ENGINES)}")
    shapes = {name: node.shape for name, node in trace.parameters.items()}
    if engine == "numpy":
        return Compiled(program(trace).text({}), shapes, sizes)
    from .compiled_c import CompiledC

    return CompiledC(lambda dtype: library(trace, dtype).native(), shapes, trace.dtype.name, sizes)


def wanted(trace: Run) -> Results:
    """The output, the loss and the gradients of a trace, as families of its fold; dropout masks are data."""
    folded, shown = trace.fold(), trace.folded_trace
    places = shown.fold().places

    def at(node: Node) -> Wanted:
        index, step = places[node]
        return Wanted(folded.families[index], None if step is None else fixed(step, shown.steps))

    inputs = {node.serial: name for node, name in zip(shown.data, shown.data_names)}
    inputs |= {n.serial: str(n.name) for n in shown.forward if not n.args and n.role is Role.DROPOUT_MASK}
    outputs = [at(node) for node in shown.outputs]
    if shown.loss_node is None:
        return Results(outputs, inputs)
    gradients = {name: at(shown.cotangents[node]) for name, node in shown.parameters.items()}
    return Results(outputs, inputs, at(shown.loss_node), gradients)
