"""The trace: one run of a network, forward and backward, with every value; all readings are taken from it."""

from __future__ import annotations

import functools
import re
import warnings
from collections import Counter
from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from . import losses
from .engine.backprop import backprop
from .engine.graph import Node, ancestors, at, named, rebuild
from .engine.ops.basic import add, average, cut, leaf, reverse, scale, stack, sum_all, take, total
from .files import demand_writable
from .layers.calls import TENSORFLOW, Call, Conditions, tags_of
from .layers.layer import Layer
from .layers.nodes import steps
from .layers.rnn import RNN
from .layers.symbolic import Symbolic
from .models import Model, Run, Sequential
from .retrace import again

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from .engine.fold import Folded
    from .readings.analysis.jacobians import JacobianNorms
    from .readings.analysis.masks import Masks
    from .readings.analysis.walk import Walk
    from .readings.equations.equations import Equations
    from .readings.page.page import Page
    from .readings.picture.picture import Picture
    from .readings.source.compiled import Compiled
    from .retrace import Plan
    from .verify.compare.mismatch import Mismatch
    from .verify.report import Report
    from .verify.witnesses.fifty_digits import Exact


class ByName(dict[str, np.ndarray]):
    """Arrays by name; a wrong name is told the right ones."""

    def __missing__(self, name: str) -> np.ndarray:
        raise KeyError(f"no parameter {name!r}; there are {', '.join(self)}")


class Trace:
    """A network run on data: the graph of the forward pass and, where there is a loss, of backpropagation through time.

    Steps count from 1; h_0 is step 0. Arrays keep the dtype the network computes in.
    """

    def __init__(
        self, run: Run, loss: Node | None, asked: Asked, wrt: tuple[str, ...] = (), forward: list[Node] | None = None
    ) -> None:
        self.outputs, self.output_node, self.parameters = run.outputs, run.output, run.parameters
        self.loss_node, self._asked, self._run, self._wrt = loss, asked, run, wrt
        self.data = [_leaf(node) for node in run.inputs]  # as it was given: whole sequences
        self.forward = ancestors(run.outputs if loss is None else [*run.outputs, loss], forward)
        further = [node for name in wrt for node in self._called(name)]
        self.cotangents = {} if loss is None else backprop(loss, [*self.parameters.values(), *further], self.forward)
        self.nodes = ancestors(self.cotangents.values(), self.forward)

    @cached_property
    def variables(self) -> dict[tuple[str, int | None], Node]:
        """Every named quantity, by name and step."""
        return {(str(n.name), n.step): n for n in self.nodes if n.name is not None}

    @classmethod
    def again(cls, asked: Asked, plan: Plan) -> Trace:
        """The same network on other values: the nodes of `plan`."""
        with np.errstate(over="ignore"):
            nodes = plan.run(asked)
        self = cls.__new__(cls)
        self.outputs = [nodes[i] for i in plan.outputs]
        self.output_node, self.parameters = self.outputs[0], {name: nodes[i] for name, i in plan.parameters.items()}
        self.loss_node, self._asked, self._wrt = None if plan.loss is None else nodes[plan.loss], asked, ()
        self.forward, self.nodes, self.data = nodes[: plan.forward], nodes, [nodes[i] for i in plan.data]
        self.cotangents = {nodes[i]: nodes[g] for i, g in plan.cotangents}
        self.variables = {key: nodes[i] for key, i in plan.variables.items()}
        return self

    @cached_property
    def parts_of_loss(self) -> list[np.ndarray]:
        """The loss of each output, before its weight; without those of regularizers."""
        return _trace(self._asked, self.dtype).parts_of_loss

    @cached_property
    def _run(self) -> Run:
        """What the layers left when they were run, if it was not kept."""
        return _trace(self._asked, self.dtype)._run

    def __reduce__(self) -> tuple[Any, ...]:
        return _trace, (self._asked, self.dtype, self._wrt)  # copied and pickled as what was asked, and run again

    # ------------------------------------------------------------------------------------------------- what was asked

    @property
    def model(self) -> Model:
        return self._asked.model

    @property
    def inputs(self) -> list[np.ndarray]:
        """X, and the initial states if the model takes some, as they were given."""
        return self._asked.inputs

    @property
    def weights(self) -> dict[Layer, list[np.ndarray]]:
        """The weights that were used, by layer; the model may have others by now."""
        return self._asked.weights

    @property
    def target(self) -> Any:
        """Y as it was given: an array, or a list of them for a model with several outputs; None without one."""
        targets = self._asked.targets
        return targets if targets is None or len(targets) > 1 else targets[0]

    @property
    def targets(self) -> list[np.ndarray]:
        """One for each output; none without a target."""
        return self._asked.targets or []

    @property
    def conditions(self) -> Conditions:
        """Whether it was run in training, in whose semantics, with which dropout masks and stored states."""
        return self._asked.conditions

    @property
    def loss_function(self) -> losses.LossFunction | losses.OfEach | None:
        """The function of target and output nodes; None without a target."""
        return self._asked.loss

    @property
    def truncate(self) -> int | None:
        """After how many steps the backward flow is cut; None: never."""
        return self._asked.truncate

    @property
    def loss_name(self) -> str | None:
        """ "mse", "categorical_crossentropy", or the name of the user's function; None without a target."""
        loss = self._asked.loss
        return loss.name if isinstance(loss, losses.OfEach) else getattr(loss, "__name__", "loss") if loss else None

    @property
    def calls(self) -> list[tuple[Symbolic, Call]]:
        """The calls of all layers but the inputs, with what each was given and left behind."""
        return self._run.calls

    def call_of(self, symbolic: Symbolic) -> Call | None:
        """What a call of a layer was given and left behind; None of an input."""
        return dict(self._run.calls).get(symbolic)

    def keep_states(self) -> None:
        """Let stateful layers go on from here at the next run."""
        self._run.keep()

    def astype(self, dtype: Any) -> Trace:
        """The same network on the same data, run in another precision."""
        return self if np.dtype(dtype) == self.dtype else _trace(self._asked, np.dtype(dtype))

    def following(self, semantics: str) -> Trace:
        """The same network on the same data, in other semantics (see `minirnn.verify.keras_differences`)."""
        conditions = self.conditions.copy()
        conditions = Conditions(conditions.training, semantics, conditions.masks, conditions.states)
        return _trace(self._asked._replace(conditions=conditions), self.dtype, self._wrt)

    def with_respect_to(self, names: Iterable[str]) -> Trace:
        """The same run, differentiated by further quantities too: "x", all its steps, or one, "h_0"."""
        names = tuple(names)
        if not names:
            return self
        self._needs_loss(f"derivative with respect to {', '.join(names)}")
        return _trace(self._asked, self.dtype, names)

    def _called(self, name: str) -> list[Node]:
        """The nodes of that name, or of that name and step."""
        nodes = [n for n in self.forward if n.name == name]
        base, _, step = name.rpartition("_")
        if not nodes and step.isdecimal():
            nodes = [n for n in self.forward if n.name == base and n.step == int(step)]
        if not nodes:
            known = dict.fromkeys(str(n.name) for n in self.forward if n.name is not None)
            raise ValueError(f"no quantity {name!r}; there are {', '.join(known)}, and steps of them such as h_0")
        return nodes

    # ------------------------------------------------------------------------------------------------------ numbers

    @property
    def output(self) -> np.ndarray:
        """The prediction: (N, K), or (N, T, K) where there is one at every step; the first of several."""
        return self.output_node.value

    @property
    def loss(self) -> Any:
        """The loss, a number; None if the trace has no target."""
        return None if self.loss_node is None else self.loss_node.value

    @cached_property
    def steps(self) -> int:
        """T, the number of time steps."""
        return self.model.steps_of(self.inputs)

    @cached_property
    def counts(self) -> Counter[str]:
        """The names of all quantities, and at how many steps each is there."""
        return Counter(name for name, _ in self.variables)

    @property
    def state_names(self) -> list[str]:
        """The states of the recurrent layers: "h", or "h^1", "h^2" of several; "h_1", "h_2" of a cell that has two."""
        after = {name for name, step in self.variables if step and re.fullmatch(r"h(_\d+)?", name.partition("^")[0])}
        return [name for name in self.counts if name in after]

    @property
    def data_names(self) -> list[str | None]:
        """What the data are called, each of `data`."""
        return [node.name for node in self.data]

    @property
    def literal(self) -> dict[str, str]:
        """How names of the user's own are to be printed: as they stand. There are none in a model."""
        return {}

    @property
    def dtype(self) -> np.dtype:
        return self.output.dtype

    @property
    def gradients(self) -> dict[str, np.ndarray]:
        """dL/dW of every parameter, by name, each of the parameter's shape."""
        self._needs_loss("gradients")
        return ByName({name: self.cotangents[node].value for name, node in self.parameters.items()})

    def value(self, name: str, t: int | None = None) -> np.ndarray:
        """The value of a quantity: ``value("h", 3)``, ``value("W_h")``. KeyError says what there is."""
        node = self.variables.get((name, t))
        if node is None:
            raise KeyError(self._no_such(name, t))
        return node.value

    def adjoint(self, name: str, t: int | None = None) -> np.ndarray:
        """dL/d(quantity), the total derivative of the loss: ``adjoint("h", 3)`` is dL/dh_3, of the shape of h_3."""
        loss = self._needs_loss(f"dL/d{name}")
        if "/d" in name:
            raise KeyError(f"{name} is a derivative already: ask for its value")
        self.value(name, t)
        node = self.variables[name, t]
        if node not in self.cotangents:  # of a quantity on no path from a parameter: the inputs, the initial state
            asked = [n for (known, _), n in self.variables.items() if known == name]
            self.cotangents |= {n: g for n, g in backprop(loss, asked).items() if n in asked}
        return self.cotangents[node].value

    def _needs_loss(self, what: str) -> Node:
        if self.loss_node is None:
            raise ValueError(f"there is no loss to differentiate, so no {what}: trace with a target, mr.trace(model, X, Y)")
        return self.loss_node

    def _no_such(self, name: str, t: int | None) -> str:
        found = [step for known, step in self.variables if known == name]
        if not found:
            names = dict.fromkeys(str(known) for known, _ in self.variables if not str(known).startswith("dL/"))
            return f"no quantity {name!r}; there are {', '.join(names)}"
        if found == [None]:
            return f"{name} has no time steps: leave t out"
        steps = sorted(step for step in found if step is not None)
        return f"{name} has steps {steps[0]} to {steps[-1]}" + (f", not {t}" if t is not None else f": value({name!r}, t)")

    # ----------------------------------------------------------------------------------------------------- readings

    def fold(self, hide: Iterable[str] = ()) -> Folded:
        """The same graph with its T copies of one step folded into one (see `minirnn.engine.fold`)."""
        from .engine.fold import fold

        hidden = tuple(hide)
        if hidden not in self._folds:
            shown = self.folded_trace
            self._folds[hidden] = (
                fold(self.nodes, hidden, self.steps) if shown is self else shown.fold(hidden).retarget(self.steps)
            )
        return self._folds[hidden]

    @cached_property
    def _folds(self) -> dict[tuple[str, ...], Folded]:
        return {}

    @cached_property
    def folded_trace(self) -> Trace:
        """The trace whose nodes are folded: this one or, if it is long, the same network on its first few steps."""
        one_step = any(name not in self.counts and not name.endswith("_0") for name in self._wrt)
        if self.truncate or self.steps <= 2 * SHORT or not self.model.any_length or one_step:
            return self
        return _trace(self._asked.first_steps(), self.dtype, self._wrt)

    def equations(self, **options: Any) -> Equations:
        """The equations of the forward pass and of backpropagation through time, each with its residual."""
        from .readings.equations.equations import equations

        return equations(self, **options)

    def picture(self, to_file: Any = None, **options: Any) -> Picture:
        """The network as a picture, unrolled or ``rolled=True``: ``save`` writes SVG, PNG, PDF or DOT."""
        from .readings.picture.picture import picture

        return picture(self, to_file, **options)

    def source(self, memory: bool = False) -> str:
        """A standalone NumPy module that computes the network, its loss and its gradients.

        `memory`: as `compile` runs it, computing in arrays that are kept from call to call.
        """
        from .readings.source.source import source

        return source(self, memory)

    def compile(self) -> Compiled:
        """The source as a function ``f(params, X, Y)`` that gives the loss and the gradients, for data of any size.

        Of a loop of your own it is for data of the sizes it was traced with, ``f(params, [x, y])`` if there are several.
        """
        from .readings.source.compiled import Compiled
        from .readings.source.source import program

        shapes = {name: node.shape for name, node in self.parameters.items()}
        return Compiled(program(self).text({}), shapes, self._data_shapes)

    _data_shapes: list[tuple[int, ...]] | None = None  # of a network data may have any

    def masks(self) -> Masks:
        """What the masks do at each step to each sample: the state is computed or carried, the output may be zeroed."""
        from .readings.analysis.masks import masks

        return masks(self)

    def walk(self) -> Walk:
        """The steps, forward then backward, each printable: symbol = numbers = result."""
        from .readings.analysis.walk import walk

        return walk(self)

    def ledger(self, name: str, by: str = "step") -> np.ndarray:
        """What each time step adds to dL/d`name`, (T, ...); ``by="path"``: and from which step's loss, (T, T, ...)."""
        from .readings.analysis.ledger import ledger

        return ledger(self, name, by)

    def jacobian(self, t: int, k: int, name: str | None = None) -> np.ndarray:
        """dh_t/dh_k, the total derivative, (N, M, M): rows for h_t, columns for h_k; `name` where there are several."""
        from .readings.analysis.jacobians import jacobian

        return jacobian(self, t, k, name)

    def jacobian_norms(self, name: str | None = None) -> JacobianNorms:
        """The norms of dh_t/dh_k for all t and k from 0 to T, and the bound (γ σ_max(W_h))^(t-k) beside them."""
        from .readings.analysis.jacobians import jacobian_norms

        return jacobian_norms(self, name)

    def plot(self, what: str, *, ax: Any = None, **options: Any) -> Figure:
        """A figure of matplotlib: "flow", ‖dL/dh_t‖ over time; "ledger" (``of="W_h"``); "jacobians", ‖dh_t/dh_k‖."""
        from .readings.analysis.figures import plot

        return plot(self, what, ax, **options)

    def page(self, path: Any = None, report: Report | None = None, with_keras: bool = True, language: str = "en") -> Page:
        """One self-contained HTML page that steps through all of it, written to `path` if given.

        The verdict on the page is `report`, or that of a fresh ``verify(with_keras=with_keras)``; `language` is "en", "it"
        or "pt", and a reader's browser may ask for another.
        """
        from .readings.page.page import page

        if path is not None:
            demand_writable(path)  # before the work
        return page(self, path, report=report or self.verify(with_keras=with_keras), language=language)

    def verify(self, **options: Any) -> Report:
        """Compare every quantity with independent witnesses."""
        from .verify import verify

        return verify(self, **options)

    def exact(self, digits: int = 50) -> Exact:
        """Every number of the trace to so many digits: ``exact().value("y")``, ``exact().errors(mine, "y")`` in eps."""
        from .verify.witnesses.fifty_digits import Exact

        return Exact(self, digits)

    def compare(self, numbers: Mapping[str, Any] | None = None, **more: Any) -> Mismatch:
        """Compare numbers of your own with the trace's; where they differ, name the slip that leads to them."""
        from .verify.compare.compare import compare

        return compare(self, numbers, **more)

    def __repr__(self) -> str:
        loss = "no loss" if self.loss is None else f"{self.loss_name or 'loss'} = {self.loss:.6g}"
        return f"<Trace of {self.model.label!r}: {self.steps} steps, {len(self.nodes)} nodes, {loss}, {self.dtype}>"


def trace(
    model: Any,
    X: Any = None,
    Y: Any = None,
    loss: Any = None,
    *,
    loss_weights: Any = None,
    dtype: Any = None,
    truncate: int | None = None,
    training: bool = False,
    masks: Mapping[str, Any] | None = None,
    semantics: str = TENSORFLOW,
    **arrays: Any,
) -> Trace:
    """Run `model` on `X` (N, T, D) and, if a target `Y` is given, backpropagate the loss through time.

    - `model`: a Model, a Sequential, or a single layer such as ``SimpleRNN(2)``; or an ordinary function of NumPy, which is
      given all arrays by its own names, ``mr.trace(f, x=..., Wx=...)``, and followed as it stands
    - `X`: an array (N, T, D), or a list of it and the initial states and masks that the model takes
    - `Y`: an array of the shape of the output (a list of several), or None for the forward pass alone
    - `loss`: "mse" (the default), "categorical_crossentropy", a loss object, or a function of (target, output) nodes; of a
      model with an output at every step, the loss is the average of the losses of the steps
    - `loss_weights`: what each of several outputs counts for; `loss` too may be a list or a dictionary by output
    - `dtype`: float32 or float64; by default what X and the weights are
    - `truncate`: truncated backpropagation through time; no gradient passes from one chunk of so many steps to the one
      before it. Chunks are counted from the last step, so that a loss there always reaches back so many steps
    - `training`: whether dropout leaves entries out; its masks are drawn, or those of `masks`, by name: ``{"d_x": array}``
    - `semantics`: "tensorflow", "jax" or "keras-3.16": whom to follow where Keras differs from itself

    Stateful layers start from the state they have, and keep it: only `predict` goes on to the next.

    Raises ValueError where X or Y has the wrong shape or holds NaN or infinity.

    >>> import numpy as np
    >>> from minirnn import demo, trace
    >>> run = trace(demo.model(), demo.X, np.zeros((1, 2)))
    >>> run
    <Trace of 'demo': 10 steps, 194 nodes, mse = 0.880918, float64>
    >>> run.output.round(4)
    array([[-1.3272, -0.0219]])
    >>> run.value("h", 10).shape, run.adjoint("h", 10).shape, run.gradients["W_h"].shape
    ((1, 5), (1, 5), (5, 5))
    """
    if isinstance(model, Layer):
        model = Sequential([model], name=model.name or model.label)
    if dtype is not None and np.dtype(dtype) not in (np.float32, np.float64):
        raise ValueError(f"dtype is {np.dtype(dtype).name}; minirnn computes in float32 or float64")
    if truncate is not None and (not isinstance(truncate, (int, np.integer)) or isinstance(truncate, bool) or truncate < 1):
        raise ValueError(f"truncate is {truncate!r}; it is a number of steps, 1 or more")
    if callable(model) and not isinstance(model, (Model, type)) and type(model).__module__.partition(".")[0] not in FOREIGN:
        from .loops.trace import trace_function

        own = {"X": X, "Y": Y, "loss": loss, "masks": masks, "training": training or None}
        given = {name: value for name, value in own.items() if value is not None}
        return trace_function(model, given | arrays, dtype, truncate)
    if arrays:
        raise TypeError(f"a model takes X and Y, not {', '.join(arrays)}: a function takes arrays by the names of its own")
    if not isinstance(model, Model):
        raise TypeError(
            f"trace takes a model or a layer, or a function, not {type(model).__name__}: see mr.load, mr.from_keras"
        )
    for array in X if isinstance(X, (list, tuple)) else [X]:
        _demand_finite(np.asarray(array), "X", model)
    inputs = model.arrays(X)
    if Y is None and loss is not None:
        raise ValueError("a loss needs a target: mr.trace(model, X, Y, loss=...)")
    targets = None if Y is None else [np.array(y) for y in (Y if len(model.outputs) > 1 else [Y])]
    function = None if Y is None else losses.of_outputs(loss or "mse", loss_weights, model.output_names)
    weights = {layer: layer.get_weights() for layer in model.layers}
    states: dict[Layer, list[np.ndarray]] = {
        inner: inner.states
        for layer in model.layers
        for inner in layer.inside()
        if isinstance(inner, RNN) and inner.states is not None
    }
    conditions = Conditions(training, semantics, masks, states)
    asked = Asked(model, [np.array(x) for x in inputs], targets, function, weights, conditions, truncate)
    return again(asked, dtype, lambda: _trace(asked, dtype))


class Asked(NamedTuple):
    """What a trace was made of."""

    model: Model
    inputs: list[np.ndarray]
    targets: list[np.ndarray] | None
    loss: losses.LossFunction | losses.OfEach | None
    weights: dict[Layer, list[np.ndarray]]
    conditions: Conditions
    truncate: int | None = None

    def first_steps(self) -> Asked:
        """The same on the first few steps of the data."""
        targets = self.targets and [y[:, :SHORT] if y.ndim == 3 else y for y in self.targets]
        conditions = self.conditions.copy()
        conditions.masks = {k: m[:, :SHORT] if np.ndim(m) == 3 else m for k, m in conditions.masks.items()}
        inputs = self.model.shortened(self.inputs, SHORT)
        return self._replace(inputs=inputs, targets=targets, conditions=conditions)


FOREIGN = {"keras", "tensorflow", "tf_keras", "torch", "jax"}  # their models are callable too
SHORT = 5  # steps are enough to see what repeats and what the ends do


def checked_trace(
    model: Model,
    inputs: list[np.ndarray],
    targets: list[np.ndarray] | None,
    loss: losses.LossFunction | losses.OfEach | None,
    weights: dict[Layer, list[np.ndarray]] | None = None,
    training: bool = False,
    short: bool = False,
) -> Trace:
    """A trace of data that were checked before; `short`: of two samples and, where the length is free, their first steps."""
    weights = weights or {layer: layer.weight_arrays for layer in model.layers}
    asked = Asked(model, inputs, targets, loss, weights, Conditions(training))
    if short:
        asked = asked._replace(inputs=[x[:2] for x in inputs], targets=targets and [y[:2] for y in targets])
        asked = asked.first_steps() if model.any_length else asked
    return _trace(asked, None)


def _leaf(node: Node) -> Node:
    """What was given: of an input in steps, the sequence that they were taken from."""
    while node.args:
        node = node.args[0]
    return node


def _trace(asked: Asked, dtype: Any, wrt: tuple[str, ...] = ()) -> Trace:
    with at(None), np.errstate(over="ignore"):  # exp overflows in a saturated sigmoid, which then is rightly 0
        run = asked.model.run(asked.inputs, dtype, asked.weights, asked.conditions)
        loss, parts = (None, []) if asked.targets is None or asked.loss is None else _loss(run, asked.targets, asked.loss)
        if asked.truncate is not None:
            run, loss = _truncated(run, loss, asked.truncate, asked.model.steps_of(asked.inputs))
        made = Trace(run, loss, asked, wrt if loss is not None else ())
        made.parts_of_loss = [part.value for part in parts]
    _say_overflow(made)
    return made


def _say_overflow(trace: Trace) -> None:
    """A warning where the numbers themselves have overflowed, with the first that did."""
    ends = [*trace.outputs, *([] if trace.loss_node is None else [trace.loss_node])]
    if not all(np.isfinite(node.value).all() for node in ends):
        named = [n for n in trace.forward if n.name is not None and not np.isfinite(n.value).all()]
        where = "" if not named or named[0].step is None else f" at step {named[0].step}"
        what = named[0].name if named else "the output"
        warnings.warn(f"the numbers overflow: {what}{where} is not finite", RuntimeWarning, stacklevel=4)


def _truncated(run: Run, loss: Node | None, length: int, T: int) -> tuple[Run, Node | None]:
    """The same run with every edge cut that leads from one chunk of `length` steps into another."""
    nodes = ancestors(run.outputs if loss is None else [*run.outputs, loss])
    ends: dict[Node, Node] = {}

    def chunk(step: int) -> int:
        return (T - min(max(step, 1), T)) // length  # h_0 belongs to the first, h_{T+1} to the last

    def severed(node: Node, args: tuple[Node, ...]) -> Node | None:
        def crosses(x: Node) -> bool:
            return node.step is not None and x.step is not None and chunk(node.step) != chunk(x.step)

        if not any(map(crosses, args)):
            return None
        return node.op(*[ends.setdefault(x, cut(x)) if crosses(x) else x for x in args], **node.attrs)

    new = rebuild(nodes, severed)
    return run._replace(outputs=[new[y] for y in run.outputs], inputs=[new.get(i, i) for i in run.inputs]), loss and new[
        loss
    ]


def _loss(run: Run, targets: list[np.ndarray], function: losses.LossFunction | losses.OfEach) -> tuple[Node, list[Node]]:
    """The sum of the losses of the outputs, each times its weight, and of what regularizers add; and those losses."""
    if len(targets) != len(run.outputs):
        raise ValueError(f"Y has {len(targets)} arrays; the model has {len(run.outputs)} outputs")
    tags = tags_of(len(targets))
    parts: list[Node] = []
    each = losses.one_by_one(function, len(tags))
    for output, Y, masks, tag, letter, (own, _) in zip(run.outputs, targets, run.masks, tags, run.letters, each):
        parts.append(_of_one(output, Y, masks, tag, letter, own))
    terms = [part if weight == 1 else scale(part, p=weight) for part, (_, weight) in zip(parts, each)] + run.losses
    return named("L", terms[0] if len(terms) == 1 else functools.reduce(add, terms)), parts


def _of_one(output: Node, Y: np.ndarray, masks: list[Node] | None, tag: str, K: str, function: losses.LossFunction) -> Node:
    """The loss of one output of K features; of a sequence the average over the steps, or over what the mask leaves."""
    if Y.shape != output.shape:
        raise ValueError(f"Y has shape {Y.shape}; the output of the model has shape {output.shape}")
    _demand_finite(Y, "Y")
    Y = Y.astype(output.dtype, copy=False)
    if output.op is not stack:
        return losses.applied(function, leaf(Y, f"target{tag}", "target", ("N", K)), output)
    target = leaf(Y, f"Y{tag}", "target", ("N", "T", K))
    each = steps(output)
    if len(each) > 1 and each[0].step > each[1].step:  # type: ignore[operator]  # the output runs backwards, as Keras' does
        target = reverse(target)
        positions = range(len(each), 0, -1)
    else:
        positions = range(1, len(each) + 1)
    found, used = [], []
    for t, y_t, k in zip(positions, each, range(len(each))):
        with at(y_t.step):
            y = named(f"target{tag}", take(target, t))
            if masks is None:
                found.append(named(f"l{tag}", losses.applied(function, y, y_t)))
            else:
                found.append(named(f"l{tag}", sum_all(masks[k] * losses.of_samples(function)(y, y_t))))
                used.append(sum_all(masks[k]))
    if masks is None:
        return average(*found)
    n = named(f"n{tag}", total(*used))
    if not n.value:
        raise ValueError(
            "the mask leaves out every step of every sample: there is nothing to take the loss of (Keras takes 0)"
        )
    shares = []
    for loss in found:
        with at(loss.step):
            shares.append(loss / n)
    return total(*shares)


def _demand_finite(array: np.ndarray, what: str, model: Model | None = None) -> None:
    if array.dtype.kind not in "fiub":
        raise ValueError(f"{what} must hold real numbers, not {array.dtype}")
    if not np.isfinite(array).all():
        bad = np.argwhere(~np.isfinite(array))
        place = tuple(int(i) for i in bad[0])
        said = f"{what} has {array[place]} at {list(place)}: {len(bad)} of {array.size} entries are not finite"
        if model is not None and any(model.role(given) == "mask" for given in model.inputs):
            from .verify.keras_differences import nan_left_out

            said += f". {nan_left_out()}"
        raise ValueError(said)
