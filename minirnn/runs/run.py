"""A run: a network, or a function, run once on data: the graph forward and backward, with every number.

Every reading is given a run, and asks it for nothing but data.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from typing import Any, Self

import numpy as np

from .. import activations, losses
from ..engine.backprop import backprop
from ..engine.domains import Lengths, Told
from ..engine.fold import Folded, fold
from ..engine.graph import Node, Primitive, ancestors, at, next_serial
from ..engine.truncate import truncated
from ..layers.calls import Call, Conditions
from ..layers.layer import Layer
from ..layers.symbolic import Symbolic
from ..network import ForwardPass, Network, naming
from .numbers import Numbers, quantity_and_step
from .objective import loss_of
from .request import SHORT, Request

ACTIVATIONS = [f for f in activations.KNOWN.names.values() if isinstance(f, Primitive)]
# exp overflows in a saturated sigmoid, which then is rightly 0; where it is not right, the first is named
UNSAID: Any = {"over": "ignore", "invalid": "ignore"}


class Run(Numbers):
    """A network run on data: the graph of the forward pass and, where there is a loss, of backpropagation through time.

    Steps count from 1; h_0 is step 0. Arrays keep the dtype the network computes in.
    """

    def __init__(
        self,
        run: ForwardPass,
        loss: Node | None,
        request: Request,
        wrt: tuple[str, ...] = (),
        forward: list[Node] | None = None,
    ) -> None:
        self.outputs, self.output_node, self.parameters = run.outputs, run.output, run.parameters
        self.loss_node, self._request, self._run, self._wrt = loss, request, run, wrt
        self.data = [_leaf(node) for node in run.inputs]  # as it was given: whole sequences
        self.forward = ancestors(run.ends(loss), forward)
        further = [node for name in wrt for node in self._called(name)]
        wanted = [*self.parameters.values(), *further]
        self.cotangents = {} if loss is None else backprop(loss, wanted, self.forward, every_name=self.is_loop)
        self.nodes = ancestors(self.cotangents.values(), self.forward)

    @classmethod
    def again(cls, request: Request, plan: Any) -> Self:
        """The same network on other values: the nodes of a `minirnn.runs.retrace.Plan`."""
        with np.errstate(**UNSAID):
            nodes = plan.run(request)
        self = cls.__new__(cls)
        self.outputs = [nodes[i] for i in plan.outputs]
        self.output_node, self.parameters = self.outputs[0], {name: nodes[i] for name, i in plan.parameters.items()}
        self.loss_node, self._request, self._wrt = None if plan.loss is None else nodes[plan.loss], request, ()
        self.forward, self.nodes, self.data = nodes[: plan.forward], nodes, [nodes[i] for i in plan.data]
        self.cotangents = {nodes[i]: nodes[g] for i, g in plan.cotangents}
        self.variables = {key: nodes[i] for key, i in plan.variables.items()}
        return self

    @cached_property
    def parts_of_loss(self) -> list[np.ndarray]:
        """The loss of each output, before its weight; without those of regularizers."""
        return self._made_again().parts_of_loss

    @property
    def masks_of_outputs(self) -> list[list[Node] | None]:
        """The mask of each output, a column for each step, or None."""
        return self._run.masks

    @cached_property
    def _run(self) -> ForwardPass:
        """What the layers left when they were run, if it was not kept."""
        return self._made_again()._run

    def __reduce__(self) -> tuple[Any, ...]:  # copied and pickled as what was asked for, and run again
        return make_run, (self._request, self.dtype, self._wrt, type(self))

    @property
    def model(self) -> Network:
        return self._request.model

    @property
    def inputs(self) -> list[np.ndarray]:
        """X, and the initial states if the model takes some, as they were given."""
        return self._request.inputs

    @property
    def weights(self) -> dict[Layer, list[np.ndarray]]:
        """The weights that were used, by layer; the model may have others by now."""
        return self._request.weights

    @property
    def target(self) -> np.ndarray | list[np.ndarray] | None:
        """Y as it was given: an array, or a list of them for a model with several outputs; None without one."""
        targets = self._request.targets
        return targets if targets is None or len(targets) > 1 else targets[0]

    @property
    def targets(self) -> list[np.ndarray]:
        """One for each output; none without a target."""
        return self._request.targets or []

    @property
    def conditions(self) -> Conditions:
        """Whether it was run in training, in whose semantics, with which dropout masks and stored states."""
        return self._request.conditions

    @property
    def loss_function(self) -> losses.Loss | losses.OfEach | None:
        """The function of target and output nodes; None without a target."""
        return self._request.loss

    @property
    def truncate(self) -> int | None:
        """After how many steps the backward flow is cut; None: never."""
        return self._request.truncate

    @property
    def loss_name(self) -> str | None:
        """ "mse", "categorical_crossentropy", or the name of the user's function; None without a target."""
        loss = self._request.loss
        return None if loss is None else loss.name if isinstance(loss, losses.OfEach) else loss.label

    @cached_property
    def steps(self) -> int:
        """T, the number of time steps."""
        return self.model.steps_of(self.inputs)

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

    def _made_again(self, request: Request | None = None, dtype: Any = None, wrt: tuple[str, ...] = ()) -> Self:
        return make_run(request or self._request, dtype or self.dtype, wrt, type(self))

    def astype(self, dtype: Any) -> Self:
        """The same network on the same data, run in another precision."""
        return self if np.dtype(dtype) == self.dtype else self._made_again(dtype=np.dtype(dtype))

    def following(self, semantics: str) -> Self:
        """The same network on the same data, in other semantics (see `minirnn.verify.keras_differences`)."""
        conditions = self.conditions.copy()
        conditions = Conditions(conditions.training, semantics, conditions.masks, conditions.states)
        return self._made_again(self._request._replace(conditions=conditions), wrt=self._wrt)

    def with_respect_to(self, names: Iterable[str]) -> Self:
        """The same run, differentiated by further quantities too: "x", all its steps, or one, "h_0"."""
        names = tuple(names)
        if not names:
            return self
        self._needs_loss(f"derivative with respect to {', '.join(names)}")
        return self._made_again(wrt=names)

    is_loop = runs_once = False  # whether it is a run of a function of the user's own; and one that must not run again

    _lengths: Told | None = {}  # of quantities by name; of others their sizes say it; None: all have T steps
    _data_shapes: list[tuple[int, ...]] | None = None  # of a network data may have any

    def fold(self, hide: Iterable[str] = ()) -> Folded:
        """The same graph with its T copies of one step folded into one (see `minirnn.engine.fold`)."""
        hidden = tuple(hide)
        if hidden not in self._folds:
            own, shown = self.folded_trace is self, self.folded_trace
            folded = fold(self.nodes, hidden, self.steps, self._lengths) if own else shown.fold(hidden)
            self._folds[hidden] = folded if own else folded.retarget(Lengths.of_data(self.data, self.steps))
        return self._folds[hidden]

    @cached_property
    def _folds(self) -> dict[tuple[str, ...], Folded]:
        return {}

    @cached_property
    def folded_trace(self) -> Self:
        """The trace whose nodes are folded: this one or, if it is long, the same network on its first few steps."""
        one_step = any(quantity_and_step(name, self.counts)[1] for name in self._wrt)
        if self.truncate or self.steps <= 2 * SHORT or not self.model.any_length or one_step:
            return self
        return self._made_again(self._request.first_steps(), wrt=self._wrt)


def _leaf(node: Node) -> Node:
    """What was given: of an input in steps, the sequence that they were taken from."""
    while node.args:
        node = node.args[0]
    return node


def make_run(request: Request, dtype: Any = None, wrt: tuple[str, ...] = (), kind: type = Run) -> Any:
    """Run the network that is asked for, and differentiate the loss by the parameters and by the quantities `wrt`."""
    with at(None), np.errstate(**UNSAID):
        found = request.model.run(request.inputs, dtype, request.weights, request.conditions)
        loss: Node | None = None
        parts: list[Node] = []
        if request.targets is not None and request.loss is not None:
            found.starts.append((next_serial(), "loss"))
            loss, parts = loss_of(found, request.targets, request.loss, request.sample_weights)
        if request.truncate is not None:
            found, loss = cut_into_chunks(found, loss, request.truncate, request.model.steps_of(request.inputs))
        forward = ancestors(found.ends(loss))
        naming.make_unique(forward, found.parameters.values(), found.own, found.starts)
        naming.infer_pre_activations(found.own, ACTIVATIONS)
        made = kind(found, loss, request, wrt if loss is not None else (), forward)
        made.parts_of_loss = [part.value for part in parts]
    return made


def cut_into_chunks(found: ForwardPass, loss: Node | None, length: int, T: int) -> tuple[ForwardPass, Node | None]:
    """The same forward pass and loss, truncated: no gradient passes from one chunk of `length` steps to another."""
    new = truncated(found.ends(loss), length, T)
    kept = found._replace(
        outputs=[new[y] for y in found.outputs],
        inputs=[new.get(i, i) for i in found.inputs],
        own=[new.get(n, n) for n in found.own],
        states=[new.get(s, s) for s in found.states],
    )
    return kept, None if loss is None else new[loss]
