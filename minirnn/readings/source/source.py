"""One program, four scripts: the code an expert would have written by hand for this network, its loss and its gradients."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from ...engine.fold import Folded
from ...engine.names import Role
from ...layers.recurrent.cells import OwnCell
from .arrays.blocks import fused
from .arrays.to_read import Arrays
from .arrays.to_run import Preallocated
from .compiled import ENGINES, Compiled, demand_same, functions
from .module import Functions, Results, Wanted, silent
from .prepare import lengthened, taken_apart
from .scalars.loops import Scalar
from .terms import Unliftable

if TYPE_CHECKING:
    from ...engine.graph import Node
    from ...runs.run import Run
    from .c.c import Library

FORMS = ("numpy", "buffers", "loops", "c")

FEW = 20_000  # numbers of a run, for which scalar loops take less than a tenth of a second


def source(trace: Run, form: Literal["numpy", "buffers", "loops", "c"] = "numpy") -> str:
    """The network, its loss and its gradients as code; the equation stands above the lines that compute it.

    - `form`: "numpy", a module to be read; "buffers", what `compile` runs, in arrays that are kept from call to call;
      "loops", in scalars, as the component form says it; "c", what ``compile(engine="c")`` compiles

    A module has `forward`, and with a target `loss_and_gradients`; it imports NumPy alone, and runs on its own. What has no
    recurrence is computed for all steps at once, and what cannot be written that way step by step.
    """
    from .comments import Equations

    if form not in FORMS:
        raise ValueError(f"form={form!r}: it must be one of {', '.join(FORMS)}")
    if form == "c":
        return library(trace, trace.dtype.name).text(Equations(trace))
    says = "forward pass" if trace.loss is None else "forward pass and backpropagation through time"
    module = program(trace, form)
    text = module.text(Equations(trace, module.folded, module.parts), f"{trace.model.label}: {says}")
    run = _shortest(trace, module.results)
    if form != "loops" or sum(node.value.size for node in run.nodes) < FEW:
        made = functions(text)
        demand_same(
            run,
            lambda params, data: made["forward"](params, *data),
            lambda params, data, targets: made["loss_and_gradients"](params, *data, *targets),
        )
    return text


def _shortest(trace: Run, results: Results) -> Run:
    """The run on whose data the source is tried: of a long sequence the first steps, where it takes those."""
    return trace if results.steps is not None or trace.is_loop else trace.folded_trace


def program(trace: Run, form: str = "buffers") -> Functions:
    """The functions that compute the network of a trace, for as many steps as it has."""
    folded, results = wanted(trace)
    if form == "loops":
        return Scalar(lengthened(folded), results)
    try:
        return (Preallocated if form == "buffers" else Arrays)(fused(folded), results)
    except Unliftable as error:
        raise NotImplementedError(f"{error}: such a network has no source yet; trace and fit compute it") from error


def library(trace: Run, dtype: Any) -> Library:
    """The C that computes the network of a trace in float32 or float64. NotImplementedError where there is none."""
    from .c.c import Library

    folded, results = wanted(trace)
    fixed = bool(trace.truncate) or results.steps is not None or trace.is_loop
    return Library(lengthened(fused(folded)), results, dtype, fixed)


def compiled(trace: Run, engine: str, sizes: list[tuple[int, ...]] | None) -> Compiled:
    """The functions of a trace, to be called; `sizes` are the shapes that the data must have, if they must."""
    if engine not in ENGINES:
        raise ValueError(f"engine={engine!r}: it must be one of {', '.join(ENGINES)}")
    shapes = {name: node.shape for name, node in trace.parameters.items()}
    if engine == "numpy":
        module = program(trace)
        found = Compiled(module.text(silent), shapes, sizes)
    else:
        from .c.compiled import CompiledC

        module = library(trace, trace.dtype.name)
        found = CompiledC(lambda dtype: library(trace, dtype).native(), shapes, trace.dtype.name, sizes)
    found.demand_same(_shortest(trace, module.results))
    return found


def wanted(trace: Run) -> tuple[Folded, Results]:
    """The fold of a trace, and the output, the loss and the gradients as families of it; dropout masks are data."""
    folded, shown = taken_apart(trace.fold()), trace.folded_trace
    short = shown.fold()

    def at(node: Node) -> Wanted:
        family, step = short.where(node)
        return Wanted(folded.families[family.index], step)

    inputs = {node.serial: name for node, name in zip(shown.data, shown.data_names)}
    inputs |= {n.serial: str(n.name) for n in shown.forward if not n.args and n.role is Role.DROPOUT_MASK}
    outputs = [at(node) for node in shown.outputs]
    whole = folded is trace.fold() and folded.of_any_length
    any_length = whole and not _too_short(trace) and not _ambiguous(folded)
    one_length = not trace.is_loop and (trace.model.of_one_length or not any_length)
    steps = folded.T if one_length else None
    if shown.loss_node is None:
        return folded, Results(outputs, inputs, steps=steps)
    gradients = {name: at(shown.cotangents[node]) for name, node in shown.parameters.items()}
    return folded, Results(outputs, inputs, at(shown.loss_node), gradients, steps)


def _ambiguous(folded: Folded) -> bool:
    """Whether so few steps leave open which ones a definition is for: step 2 of 3 may be T-1, or all of 2 to T-1."""
    domains = {d.domain for family in folded.families for d in family.definitions if d.domain is not None}
    alone = [(d.lo.step(folded.T), d.hi._replace(from_end=True, offset=0).step(folded.T)) for d in domains if d.lo == d.hi]
    return any(1 < step < T <= 4 for step, T in alone)


def _too_short(trace: Run) -> bool:
    """Whether a cell of the user's own may reach back over so many states that its ends cannot be told from its middle."""
    cells = [cell for layer in trace.model.flat_layers for cell in layer.inside() if isinstance(cell, OwnCell)]
    return any(trace.steps < 2 * len(cell.sizes) + 1 for cell in cells if len(cell.sizes) > 1)
