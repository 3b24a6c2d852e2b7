"""What all layers share: weights, building on first use, and calling with a placeholder, an array or a node."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import numpy as np

from .. import regularizers
from ..checks import array_of
from ..engine.graph import Node
from ..engine.names import Role
from ..engine.ops import leaf
from ..registry import snake
from ..system import choices, plain
from ..tensorlike import Array
from .arguments import COMMON, boolean, flattened, listed
from .calls import TENSORFLOW, Call, Conditions, Masks, Scope, tags_of
from .configs import KINDS
from .described import Described
from .nodes import common_dtype, input_node, mask_node, mask_steps, state_node, steps
from .penalties import output_penalty
from .symbolic import Shape, Symbolic, UnsaidTraining


class Layer(Described):
    """A layer: ``build(input_shape)`` makes its weights, ``call`` builds the graph from nodes.

    Keras arguments that are not supported yet are accepted at Keras' default value only; `refused` lists them. A layer made
    of others has them in `children`; their weights are its own, named ``child/kernel``.
    """

    refused: dict[str, Any] = {}
    forgotten: tuple[str, ...] = ()  # arguments of older versions that are accepted and say nothing
    takes_state = False  # whether initial_state= can be given
    supports_masking = True  # whether what comes out has the mask of what went in
    family = ""  # the layers that it is counted with, so that names of several differ: a^1, a^2
    arranges = False  # whether what comes out is what went in, laid out anew or in part left out
    makes_mask = False  # whether it finds out which steps count
    keeps_length = True  # whether what holds for a few steps holds for many
    takes_many = False  # whether it is called on a list
    draws = False  # whether it draws numbers anew in every step of training
    of_one_length = False  # whether what is traced of it holds for the number of steps at hand only
    keeps_steps = True  # whether a sequence that comes out is as long as that which went in, up to a few steps
    step_by_step = True  # whether sequences that it puts together are as long as each other
    operation: Any = None  # the operation that Keras writes in its place
    recurrences = 0  # how many cells run through time in it, the two directions of Bidirectional for one
    kind = ""  # the class as messages call it
    users_name_weights = False  # whether code of the user's own names its weights
    was_built = False  # whether `build` of a class of the user's own was called
    _call_users: ClassVar[Any] = None  # what calls such a layer: `written.called`
    compute_mask: ClassVar[Any]  # `masking.compute_mask`

    def __init_subclass__(cls, listed: bool = True) -> None:
        """`listed`: whether a description may name the class, if it is of this package."""
        own = vars(cls)
        if "call" in own and "__call__" not in own and not cls.__module__.startswith(f"{__package__}."):
            cls.is_users, cls.__call__ = True, Layer._call_users  # type: ignore[method-assign]
        if "build" in own and not cls.__module__.startswith(f"{__package__}."):
            cls.build = _noted(cls.build)  # type: ignore[method-assign]
        cls.kind = own.get("kind", cls.__name__)
        if not cls.__name__.startswith("_"):
            cls.keras_kind = cls.__name__
        if "__init__" in own:
            code = cls.__init__.__code__
            named = code.co_varnames[1 : code.co_argcount + code.co_kwonlyargcount]
            cls.asked = tuple(dict.fromkeys((*cls.asked, *named)))
            cls.asked = tuple(name for name in cls.asked if name not in ("name", "dtype", "trainable", *cls.unsaid))
        if listed and cls.__module__.startswith(f"{__package__}.") and not cls.__name__.startswith("_"):
            KINDS[cls.__name__] = cls

    def __init__(
        self,
        name: str | None = None,
        dtype: Any = None,
        trainable: bool = True,
        activity_regularizer: Any = None,
        input_shape: Any = None,
        batch_input_shape: Any = None,
        **others: Any,
    ) -> None:
        kind = self.kind
        if "input_dim" in others:  # as Keras 2 has it
            length = [others.pop("input_length", None)] if self.takes_state or "input_length" in others else []
            input_shape = (*length, others.pop("input_dim"))
        refused = COMMON | self.refused | self.newer
        for argument in [name for name in others if name not in self.forgotten]:
            value = others[argument]
            if argument not in refused:
                raise TypeError(f"{kind} has no argument {plain(repr(argument))}{choices(argument, self.asked)}")
            if value != refused[argument]:
                raise NotImplementedError(f"{kind}({argument}={plain(repr(value))}) is not supported by minirnn yet")
        if name is not None and not isinstance(name, str):
            raise TypeError(f"{kind}(name={plain(repr(name))}): a name is text")
        self.name, self.trainable = name, boolean(kind, "trainable", trainable)
        try:
            self.dtype = np.dtype(dtype or "float32")
        except TypeError:  # a policy of Keras', such as "mixed_float16"
            self.dtype = np.dtype(object)
        if self.dtype not in (np.float32, np.float64):
            raise ValueError(f"{kind}(dtype={plain(repr(dtype))}): minirnn computes in float32 or float64")
        self.activity_regularizer = regularizers.get(activity_regularizer)
        if input_shape is not None:
            batch_input_shape = (None, *listed(input_shape))
        self.batch_input_shape: Shape | None = batch_input_shape and tuple(batch_input_shape)  # what a row begins with
        self.children: dict[str, Layer] = {}
        self.placed: list[Symbolic] = []  # the calls on placeholders, in their order

    # ------------------------------------------------------------------------------------------------------- shapes

    def build(self, input_shape: Shape) -> None:
        """Draw the weights for inputs of `input_shape` (the first axis is the batch), unless they are there."""
        for key, child in self.children.items():
            child.build(self.child_shape(key, tuple(input_shape)))
        if self.own_arrays is None:
            self.own_arrays = self.draw_weights(tuple(input_shape))

    def child_shape(self, key: str, input_shape: Shape) -> Shape:
        """What the child of that name is given."""
        return input_shape

    def weight_shapes(self, input_shape: Shape) -> list[tuple[int, ...]]:
        """The shape of each weight, in Keras' order, for inputs of `input_shape`."""
        inner = [s for k, c in self.children.items() for s in c.weight_shapes(self.child_shape(k, input_shape))]
        return self.own_shapes(input_shape) + inner

    def output_shape(self, input_shape: Shape) -> Shape:
        return input_shape

    def output_shapes(self, input_shape: Shape) -> list[Shape]:
        """The shape of each output; most layers have one."""
        return [self.output_shape(input_shape)]

    def inside(self) -> Iterator[Layer]:
        """This layer, and those it is made of."""
        yield self
        for child in self.children.values():
            yield from child.inside()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({getattr(self, 'units', '')})"

    @property
    def label(self) -> str:
        """The name as it is shown: on one line, cut if it is long."""
        return plain(self.name or (self.operation.name if self.operation else snake(type(self).__name__)))

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
            key: leaf(np.array(w, dtype), symbols[key][0], Role.PARAMETER, symbols[key][1])
            for key, w in zip(self.weight_names, self.weight_arrays if weights is None else weights)
        }

    def call(self, x: Node, call: Call) -> Node | list[Node]:
        """The graph of one call; a list of nodes from a layer with several outputs."""
        raise NotImplementedError

    def masks(self, x: Node, call: Call) -> list[Masks | None]:
        """The mask of each output."""
        return [call.mask if self.supports_masking else None]

    def outputs(self, x: Node, call: Call) -> list[Node]:
        """What `call` gives, as a list; penalties on it are put into ``call.losses``."""
        call.features = (x[0] if isinstance(x, list) else x).shape[-1]
        out = self.call(x, call)
        found = out if isinstance(out, list) else [out]
        if self.activity_regularizer is not None:
            call.losses += [output_penalty(self.activity_regularizer, node, self.label) for node in found]
        return found

    def penalties(self, parameters: dict[str, Node]) -> list[Node]:
        """What its regularizers add to the loss."""
        return [penalty(parameters[k]) for k, penalty in self.regularizers.items() if self.trainable and k in parameters]

    def __call__(
        self, x: Any, initial_state: Any = None, mask: Any = None, training: Any = None, semantics: str = TENSORFLOW
    ) -> Any:
        """On a placeholder: the next placeholder. On an array: the output as an array. On a node: as a node.

        A layer with several outputs gives a list. A stateful layer called on an array keeps its state for the next call.
        """
        training = None if isinstance(training, UnsaidTraining) else training
        given = listed(x) if self.takes_many else [x]
        states = [] if initial_state is None else flattened(initial_state)
        if states and not self.takes_state:
            raise TypeError(f"{self.label} takes no initial_state")
        if layers := [each for each in given if isinstance(each, Layer)]:
            raise TypeError(f"{self.label} is called on the layer {layers[0]!r}: call that on an Input, or use Sequential")
        if any(isinstance(each, Symbolic) for each in given):
            return self._place(given, states, mask, training)
        values = [np.asarray(each) if isinstance(each, Node) else array_of(each, "x") for each in (*given, *states)]
        for value in values[: len(given)]:
            self.check(value)
        self.build_on([value.shape for value in values[: len(given)]])
        dtype = common_dtype(*values, *self.weight_arrays)
        scope = self.scope()
        nodes = [each if isinstance(each, Node) else self.input_node(value, dtype) for each, value in zip(given, values)]
        initial = [state_node(value, dtype, "M") for value in states] or None
        masks = None if mask is None else mask_steps(mask_node(mask, dtype, ""), steps(nodes[0]), "")
        call = Call(scope, self.leaves(scope, dtype), Conditions(bool(training), semantics), initial, masks)
        with np.errstate(over="ignore"):  # exp overflows in a saturated sigmoid, which then is rightly 0
            operand: Any = nodes if self.takes_many else nodes[0]
            found: list[Any] = self.outputs(operand, call)
        self.keep(call)
        if not any(isinstance(each, Node) for each in (*given, *states)):
            found = [Array.of(node) for node in found]
        return found[0] if len(found) == 1 else found

    def build_on(self, shapes: list[Shape]) -> None:
        """Build for what it is called on: one input, or of a layer that takes many the shapes of all."""
        self.build(shapes if self.takes_many else shapes[0])  # type: ignore[arg-type]

    def _place(self, given: list[Any], states: list[Any], mask: Any, training: Any) -> Any:
        if any(not isinstance(s, Symbolic) for s in [*given, *states, *([] if mask is None else [mask])]):
            raise TypeError(f"{self.label}: beside a placeholder all that it is given must be placeholders: give Inputs")
        shapes = [x.shape for x in given]
        self.build_on(shapes)
        self.check_states([s.shape for s in states])
        if mask is not None and len(mask.shape) != 2:
            raise ValueError(f"{self.label}: a mask has shape (timesteps,), not {mask.shape[1:]}")
        made = self.output_shapes(shapes if self.takes_many else shapes[0])  # type: ignore[arg-type]
        parts = tuple(given), tuple(states), mask, training
        first = Symbolic(made[0], self, *parts)
        self.placed.append(first)
        first.outputs += [Symbolic(shape, self, *parts, i, first) for i, shape in enumerate(made[1:], 1)]
        return first.outputs if len(made) > 1 else first

    @property
    def input(self) -> Symbolic | list[Symbolic]:
        """What it was called on when the model was put together: a placeholder, or a list of them."""
        first = self._first_call()
        return list(first.inputs) if len(first.inputs) > 1 else (first.inputs or (first,))[0]

    @property
    def output(self) -> Symbolic | list[Symbolic]:
        """The placeholder that its first call gave, or the list of several: ``Model(model.inputs, layer.output)``."""
        first = self._first_call()
        return first.outputs if len(first.outputs) > 1 else first

    def _first_call(self) -> Symbolic:
        if not self.placed:
            raise AttributeError(f"{self.label} has never been called on a placeholder: it has no input and no output yet")
        return self.placed[0]

    def scope(self) -> Scope:
        """The names of its quantities where it stands alone."""
        return Scope(tags=tags_of(self.recurrences))

    def check(self, x: np.ndarray) -> None:
        """Raise ValueError if the layer cannot be called on x."""

    def check_states(self, shapes: list[Shape]) -> None:
        """Raise ValueError if initial states of these shapes do not fit."""

    def input_node(self, value: Any, dtype: Any) -> Node:
        return input_node(value, dtype)

    def forget(self) -> None:
        """Be as before it was built: without weights and states."""
        self.own_arrays, self.placed = None, []
        for child in self.children.values():
            child.forget()

    def keep(self, call: Call) -> None:
        """Keep the state for the next call, if the layer does so."""


def _noted(build: Callable[..., None]) -> Callable[..., None]:
    """The `build` of a user's class, which is called once whether weights are made in it or before."""

    @functools.wraps(build)
    def noted(self: Layer, input_shape: Any) -> None:
        self.was_built = True
        build(self, input_shape)

    return noted
