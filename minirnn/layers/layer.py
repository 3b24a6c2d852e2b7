"""What all layers share: weights, building on first use, and calling with a placeholder, an array or a node."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from .. import constraints, initializers, regularizers
from ..engine.graph import Node, at
from ..engine.ops.basic import leaf, scale, stack, total
from ..system import plain
from .arguments import COMMON, boolean, snake
from .calls import TENSORFLOW, Call, Conditions, Masks, Scope, tags_of
from .nodes import common_dtype, input_node, mask_node, mask_steps, state_node, steps
from .symbolic import Shape, Symbolic


class Weight(NamedTuple):
    """Stands for a weight of a cell of the user's own until the cell is called."""

    name: str


class Layer:
    """A layer: ``build(input_shape)`` makes its weights, ``call`` builds the graph from nodes.

    Keras arguments that are not supported yet are accepted at Keras' default value only; `refused` lists them. A layer made
    of others has them in `children`; their weights are its own, named ``child/kernel``.
    """

    own_weights: tuple[str, ...] = ()  # Keras' names, in Keras' order
    refused: dict[str, Any] = {}
    takes_state = False  # whether initial_state= can be given
    supports_masking = True  # whether what comes out has the mask of what went in
    kind = ""  # the class as messages call it

    def __init_subclass__(cls) -> None:
        if "kind" not in cls.__dict__:
            cls.kind = cls.__name__

    recurrences = 0  # how many cells run through time in it, the two directions of Bidirectional for one

    def __init__(
        self,
        name: str | None = None,
        dtype: Any = None,
        trainable: bool = True,
        activity_regularizer: Any = None,
        **others: Any,
    ) -> None:
        kind = self.kind
        refused = COMMON | self.refused
        for argument, value in others.items():
            if argument not in refused:
                raise TypeError(f"{kind} has no argument {plain(repr(argument))}")
            if value != refused[argument]:
                raise NotImplementedError(f"{kind}({argument}={plain(repr(value))}) is not supported by minirnn yet")
        if name is not None and not isinstance(name, str):
            raise TypeError(f"{kind}(name={plain(repr(name))}): a name is text")
        self.name, self.trainable = name, boolean(kind, "trainable", trainable)
        self.dtype = np.dtype(dtype or "float32")
        if self.dtype not in (np.float32, np.float64):
            raise ValueError(f"{kind}(dtype={self.dtype.name!r}): minirnn computes in float32 or float64")
        self.activity_regularizer = regularizers.get(activity_regularizer)
        self.children: dict[str, Layer] = {}
        self._weights: list[np.ndarray] | None = None

    # ------------------------------------------------------------------------------------------------------- shapes

    def build(self, input_shape: Shape) -> None:
        """Draw the weights for inputs of `input_shape` (the first axis is the batch), unless they are there."""
        for key, child in self.children.items():
            child.build(self.child_shape(key, tuple(input_shape)))
        if self._weights is None:
            self._weights = self.draw_weights(tuple(input_shape))

    def child_shape(self, key: str, input_shape: Shape) -> Shape:
        """What the child of that name is given."""
        return input_shape

    def draw_weights(self, input_shape: Shape) -> list[np.ndarray]:
        """The own weights, drawn by their initializers."""
        drawn = []
        for key, shape in zip(self.own_weights, self.own_shapes(input_shape)):
            array = np.asarray(self.initializers[key](shape, dtype=self.dtype.name)).astype(self.dtype)
            if array.shape != shape:
                raise ValueError(f"{self.label}: the initializer of {key} gives shape {array.shape}, not {shape}")
            drawn.append(array)
        return drawn

    def own_shapes(self, input_shape: Shape) -> list[tuple[int, ...]]:
        return []

    def weight_shapes(self, input_shape: Shape) -> list[tuple[int, ...]]:
        """The shape of each weight, in Keras' order, for inputs of `input_shape`."""
        inner = [s for k, c in self.children.items() for s in c.weight_shapes(self.child_shape(k, input_shape))]
        return self.own_shapes(input_shape) + inner

    def output_shape(self, input_shape: Shape) -> Shape:
        return input_shape

    def output_shapes(self, input_shape: Shape) -> list[Shape]:
        """The shape of each output; most layers have one."""
        return [self.output_shape(input_shape)]

    # ------------------------------------------------------------------------------------------------------ weights

    initializers: Mapping[str, initializers.Initializer] = {}
    own_regularizers: Mapping[str, regularizers.Regularizer] = {}
    own_constraints: Mapping[str, constraints.Constraint] = {}

    def take_weights(self, given: dict[str, Any], defaults: dict[str, Any]) -> None:
        """Take ``kernel_initializer``, ``kernel_regularizer`` and ``kernel_constraint`` of every weight out of `given`."""

        def taken(what: str, get: Any, default: Any) -> dict[str, Any]:
            found = {key: get(given.pop(f"{_short(key)}_{what}", default.get(key))) for key in defaults}
            return {key: value for key, value in found.items() if value is not None}

        self.initializers = taken("initializer", initializers.get, defaults)
        self.own_regularizers = taken("regularizer", regularizers.get, {})
        self.own_constraints = taken("constraint", constraints.get, {})

    def _collected(self, what: str) -> dict[str, Any]:
        own = dict(getattr(self, f"own_{what}"))
        for key, child in self.children.items():
            own |= {f"{key}/{inner}": value for inner, value in child._collected(what).items()}
        return own

    @property
    def regularizers(self) -> dict[str, regularizers.Regularizer]:
        """Weight name -> its penalty, a function of a node."""
        return self._collected("regularizers")

    @property
    def constraints(self) -> dict[str, constraints.Constraint]:
        """Weight name -> what it is made to obey after a step of an optimizer, a function of an array."""
        return self._collected("constraints")

    @property
    def weight_names(self) -> tuple[str, ...]:
        return (*self.own_weights, *[f"{key}/{name}" for key, c in self.children.items() for name in c.weight_names])

    def inside(self) -> Iterator[Layer]:
        """This layer, and those it is made of."""
        yield self
        for child in self.children.values():
            yield from child.inside()

    @property
    def built(self) -> bool:
        return self._weights is not None and all(child.built for child in self.children.values())

    @property
    def weights(self) -> list[np.ndarray]:
        """The weights themselves; `get_weights` gives copies."""
        if self._weights is None or not self.built:
            raise ValueError(f"{self.kind} has no weights yet: call it on data, or build(input_shape)")
        return self._weights + [w for child in self.children.values() for w in child.weights]

    def get_weights(self) -> list[np.ndarray]:
        return [w.copy() for w in self.weights] if self.built else []

    def set_weights(self, weights: list[Any]) -> None:
        """Replace all weights; their dtype becomes the layer's. Raises ValueError if number or a shape differs."""
        new = [np.asarray(w) for w in weights]
        if [w.shape for w in new] != [w.shape for w in self.weights]:
            wants = [w.shape for w in self.weights]
            raise ValueError(f"{self.label} takes weights of shapes {wants}, not {[w.shape for w in new]}")
        self.load([w if w.dtype in (np.float32, np.float64) else w.astype(self.dtype) for w in map(np.copy, new)])

    def load(self, arrays: list[np.ndarray]) -> None:
        """Take these arrays for weights, so that none are drawn."""
        rest = list(arrays)
        self._weights = [rest.pop(0) for _ in self.own_weights]
        for child in self.children.values():
            child.load([rest.pop(0) for _ in child.weight_names])

    def count_params(self) -> int:
        return sum(w.size for w in self.weights) if self.built else 0

    def __repr__(self) -> str:
        return f"{type(self).__name__}({getattr(self, 'units', '')})"

    @property
    def label(self) -> str:
        """The name as it is shown: on one line, cut if it is long."""
        return plain(self.name or snake(type(self).__name__))

    # ------------------------------------------------------------------------------------------------------ calling

    def features(self, scope: Scope) -> str:
        """The letter for the number of output features."""
        return scope.features

    def letters(self, scope: Scope) -> list[str]:
        """The letter for the features of each output."""
        return [self.features(scope)]

    def state_letters(self, scope: Scope) -> list[str]:
        """The letter for the units of each state."""
        return []

    def symbols(self, scope: Scope) -> dict[str, tuple[str, tuple[str, ...]]]:
        """Keras' weight name -> (name in code and equations, names of the axes)."""
        return {}

    def leaves(self, scope: Scope, dtype: Any, weights: list[np.ndarray] | None = None) -> dict[str, Node]:
        """Copies of the weights as nodes: of `weights`, or of those the layer has now."""
        symbols = self.symbols(scope)
        return {
            key: leaf(np.array(w, dtype), symbols[key][0], "parameter", symbols[key][1])
            for key, w in zip(self.weight_names, self.weights if weights is None else weights)
        }

    def call(self, x: Node, call: Call) -> Node | list[Node]:
        """The graph of one call; a list of nodes from a layer with several outputs."""
        raise NotImplementedError

    def masks(self, x: Node, call: Call) -> list[Masks | None]:
        """The mask of each output."""
        return [call.mask if self.supports_masking else None]

    def outputs(self, x: Node, call: Call) -> list[Node]:
        """What `call` gives, as a list; penalties on it are put into ``call.losses``."""
        call.features = x.shape[-1]
        out = self.call(x, call)
        found = out if isinstance(out, list) else [out]
        if self.activity_regularizer is not None:
            call.losses += [_penalty(self.activity_regularizer, node, self.label) for node in found]
        return found

    def penalties(self, parameters: dict[str, Node]) -> list[Node]:
        """What its regularizers add to the loss."""
        return [penalty(parameters[key]) for key, penalty in self.regularizers.items()] if self.trainable else []

    def __call__(
        self, x: Any, initial_state: Any = None, mask: Any = None, training: Any = None, semantics: str = TENSORFLOW
    ) -> Any:
        """On a placeholder: the next placeholder. On an array or node: the output as a node (np.asarray gives it).

        A layer with several outputs gives a list. A stateful layer called on an array keeps its state for the next call.
        """
        states = (
            []
            if initial_state is None
            else list(initial_state if isinstance(initial_state, (list, tuple)) else [initial_state])
        )
        if states and not self.takes_state:
            raise TypeError(f"{self.label} takes no initial_state")
        if isinstance(x, Symbolic):
            return self._place(x, states, mask, training)
        values = [np.asarray(value) for value in (x, *states)]
        self.check(values[0])
        self.build(values[0].shape)
        dtype = common_dtype(*values, *self.weights)
        scope = self.scope()
        node = x if isinstance(x, Node) else self.input_node(x, dtype)
        conditions = Conditions(bool(training), semantics)
        given = [state_node(value, dtype, "M") for value in states] or None
        masks = None if mask is None else mask_steps(mask_node(mask, dtype, ""), steps(node), "")
        call = Call(scope, self.leaves(scope, dtype), conditions, given, masks)
        with np.errstate(over="ignore"):  # exp overflows in a saturated sigmoid, which then is rightly 0
            found = self.outputs(node, call)
        self.keep(call)
        return found[0] if len(found) == 1 else found

    def _place(self, x: Symbolic, states: list[Any], mask: Any, training: Any) -> Any:
        if any(not isinstance(s, Symbolic) for s in [*states, *([] if mask is None else [mask])]):
            raise TypeError(f"{self.label}: of a placeholder, initial_state and mask must be placeholders too: give Inputs")
        self.build(x.shape)
        self.check_states([s.shape for s in states])
        if mask is not None and len(mask.shape) != 2:
            raise ValueError(f"{self.label}: a mask has shape (timesteps,), not {mask.shape[1:]}")
        shapes = self.output_shapes(x.shape)
        first = Symbolic(shapes[0], self, (x, *states), mask, training)
        others = [Symbolic(shape, self, (x, *states), mask, training, i, first) for i, shape in enumerate(shapes[1:], 1)]
        return [first, *others] if others else first

    def scope(self) -> Scope:
        """The names of its quantities where it stands alone."""
        return Scope(tags=tags_of(self.recurrences))

    def check(self, x: np.ndarray) -> None:
        """Raise ValueError if the layer cannot be called on x."""

    def check_states(self, shapes: list[Shape]) -> None:
        """Raise ValueError if initial states of these shapes do not fit."""

    def input_node(self, value: Any, dtype: Any) -> Node:
        return input_node(value, dtype)

    def add_weight(
        self,
        shape: tuple[int, ...],
        initializer: Any = "glorot_uniform",
        name: str | None = None,
        regularizer: Any = None,
        constraint: Any = None,
    ) -> Weight:
        """A weight of a cell of the user's own, made in its ``build``; in its ``call`` it is a node."""
        name = name or f"weight_{len(self.own_weights)}"
        if name in self.own_weights:
            raise ValueError(f"{self.label} has two weights called {plain(name)!r}")
        array = np.asarray(initializers.get(initializer)(tuple(shape), dtype=self.dtype.name)).astype(self.dtype)
        self.own_weights = (*self.own_weights, name)
        self._weights = [*(self._weights or []), array]
        for kind, given, get in (
            ("own_regularizers", regularizer, regularizers.get),
            ("own_constraints", constraint, constraints.get),
        ):
            if given is not None:
                setattr(self, kind, {**getattr(self, kind), name: get(given)})
        return Weight(name)

    def forget(self) -> None:
        """Be as before it was built: without weights and states."""
        self._weights = None
        for child in self.children.values():
            child.forget()

    def keep(self, call: Call) -> None:
        """Keep the state for the next call, if the layer does so."""


def _penalty(regularizer: regularizers.Regularizer, out: Node, whose: str) -> Node:
    """The penalty on an output, divided by the number of samples, as Keras does."""
    each = list(out.args) if out.op is stack else [out]
    if len(each) > 1 and not isinstance(regularizer, regularizers.L1L2):
        raise NotImplementedError(f"{whose}: of a sequence, minirnn takes L1, L2 and L1L2 for activity_regularizer only")
    found = []
    for node in each:
        with at(node.step):
            found.append(scale(regularizer(node), p=1 / out.shape[0]))
    return total(*found) if len(found) > 1 else found[0]


def _short(weight: str) -> str:
    """recurrent_kernel -> recurrent, as in recurrent_initializer."""
    return weight.removesuffix("_kernel")
