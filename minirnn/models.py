"""Models: layers put together, functionally or in a row; running one gives the graph of its forward pass."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .checks import all_unraised, demand_finite
from .engine.graph import at
from .layers.calls import TENSORFLOW, Conditions
from .layers.embedding import Embedding
from .layers.input import InputLayer
from .layers.layer import Layer
from .layers.symbolic import Symbolic
from .network import Network
from .system import plain, whole_number

if TYPE_CHECKING:
    from .training import History, Plan


@all_unraised
class Model(Network):
    """``Model(i, x)``: everything between the placeholders `i` and the placeholders `x`.

    `i` may be a list: sequences, initial states and masks. `x` may be a list: the model then has several outputs.

    >>> from minirnn.layers import Dense, Input, SimpleRNN
    >>> i = Input(shape=(10, 3))
    >>> model = Model(i, Dense(2)(SimpleRNN(5)(i)))
    >>> model
    <Model 'functional': InputLayer() -> SimpleRNN(5) -> Dense(2)>
    >>> [w.shape for w in model.get_weights()]
    [(3, 5), (5, 5), (5,), (5, 2), (2,)]
    >>> model.predict(np.zeros((4, 10, 3))).shape
    (4, 2)
    """

    def predict(
        self,
        X: Any,
        batch_size: int | None = None,
        verbose: int | str = 0,
        *,
        training: bool = False,
        semantics: str = TENSORFLOW,
    ) -> Any:
        """The output for `X`: (N, K), or (N, T, K) from a model that returns sequences; a list of several outputs.

        All samples are computed at once, or `batch_size` after `batch_size`, which takes less memory. Stateful layers keep
        their states for the next call, and for the next batch.
        """
        from .training import predict

        if batch_size is not None:
            arrays, size = self.arrays(X, batches=True), whole_number("batch_size", batch_size)
            parts = [[a[k : k + size] for a in arrays] for k in range(0, len(arrays[0]), size)]
            made = [self.predict(p if len(p) > 1 else p[0], training=training, semantics=semantics) for p in parts]
            return [np.concatenate(each) for each in zip(*made)] if len(self.outputs) > 1 else np.concatenate(made)
        arrays = self.arrays(X)
        if not self.takes_mask:  # which may leave them out
            for array in arrays:
                demand_finite(array, "X")
        roles = {self.role(symbolic) for symbolic in self.inputs}
        if (
            not training
            and semantics == TENSORFLOW
            and len(self.outputs) == 1
            and not self.is_stateful
            and roles <= {"data", "state"}
        ):
            try:
                return predict(self, arrays)
            except NotImplementedError:  # it has no source: it is run as a graph
                pass
        with at(None), np.errstate(over="ignore"):  # exp overflows in a saturated sigmoid, which then is rightly 0
            run = self.run(arrays, conditions=Conditions(training, semantics))
        run.keep()
        found = [np.array(node.value) for node in run.outputs]
        return found if len(found) > 1 else found[0]

    def __call__(self, X: Any, training: bool = False) -> Any:
        return self.predict(X, training=training)

    def reset_states(self) -> None:
        """Let every stateful layer start from zeros again."""
        for layer in self.layers:
            if getattr(layer, "stateful", False):
                layer.reset_state()

    reset_state = reset_states

    # ---------------------------------------------------------------------------------------------------- training

    def compile(
        self,
        optimizer: Any = "sgd",
        loss: Any = "mse",
        metrics: Any = None,
        loss_weights: Any = None,
        engine: str = "numpy",
    ) -> None:
        """Say how to train.

        - `optimizer`: "sgd", "adam", or one of `minirnn.optimizers` with its settings
        - `loss`: as for `minirnn.trace`
        - `metrics`: "mse", "mae", "accuracy", "categorical_accuracy", or functions of the arrays (Y, output)
        - `loss_weights`: of several outputs, what each counts for; it, `loss` and `metrics` may be lists with an entry for
          each output, or dictionaries by `output_names`
        - `engine`: "numpy", or "c" for gradients in C (see `Trace.compile`)
        """
        from .training import Plan

        self._plan = Plan(optimizer, loss, metrics, loss_weights, engine)

    def training_plan(self) -> Plan:
        """What `compile` was told. ValueError if it was not called."""
        if "_plan" not in self.__dict__:
            raise ValueError("say how to train first: model.compile(optimizer='adam', loss='mse')")
        return self._plan

    def fit(self, X: Any, Y: Any, **options: Any) -> History:
        """Train on `X` and the target `Y`, as Keras does; returns a History.

        - `epochs`: how often all samples are used (1), `batch_size`: samples per step (32)
        - `shuffle`: a new order in every epoch (True), `validation_data`: (X, Y) to be evaluated after every epoch
        - `verbose`: 0 says nothing, otherwise one line per epoch

        Of several outputs `Y` is a list, or a dictionary by `output_names`, and the history holds the loss of each too. A
        stateful model goes on from batch to batch, and from epoch to epoch, with the states of the one before: its
        `batch_size` is that of its input, and `reset_states` begins anew.

        Computes in the dtype of the weights. Interrupted, the model has the weights of the last complete step. Raises
        FloatingPointError when the loss is no finite number any more.

        >>> from minirnn import demo
        >>> model = demo.model()
        >>> model.compile("adam")
        >>> history = model.fit(demo.X, np.zeros((1, 2)), epochs=3, verbose=0)
        >>> [round(loss, 3) for loss in history.history["loss"]]
        [0.881, 0.866, 0.851]
        """
        from .training import fit

        return fit(self, X, Y, **options)

    def evaluate(self, X: Any, Y: Any, batch_size: int | None = None, verbose: int = 0, return_dict: bool = False) -> Any:
        """The loss on `X` and `Y`; with metrics a list of it and them, or with `return_dict` all by name."""
        from .training import evaluate

        found = evaluate(self, X, Y, batch_size)
        return found if return_dict else found["loss"] if len(found) == 1 else list(found.values())

    def __repr__(self) -> str:
        row = " -> ".join(map(repr, self.layers))
        return f"<{type(self).__name__} {self.label!r}: {row}>"

    def get_layer(self, name: str | None = None, index: int | None = None) -> Layer:
        """The layer of that name, or at that place. ValueError if there is none."""
        if (name is None) == (index is None):
            raise ValueError("say which layer: by name or by index")
        found = self.layers[index : index + 1] if index is not None else [a for a in self.layers if a.name == name]
        if not found:
            names = ", ".join(layer.label for layer in self.layers)
            raise ValueError(f"no layer {plain(repr(name if index is None else index))}; there are {names}")
        return found[0]

    def count_params(self) -> int:
        """How many numbers the weights hold."""
        return sum(w.size for w in self.weight_arrays)

    def save(self, path: Any) -> Any:
        """Write the model as Keras does; see `minirnn.save`."""
        from .keras_io.file import save

        return save(self, path)

    def summary(self) -> None:
        """Print the layers, their output shapes and numbers of parameters, as Keras does."""
        print(summary_text(self))


class Sequential(Model):
    """A row of layers. Without an Input in front, it is put together on the first data or by `build`."""

    def __init__(self, layers: Sequence[Any] = (), name: str = "sequential") -> None:
        self.name = name
        self._row: list[Layer] = []
        self._built = False
        for layer in layers:
            self.add(layer)

    def add(self, layer: Layer | Symbolic) -> None:
        """Append a layer; an `Input` may stand in front."""
        self._row.append(layer.layer if isinstance(layer, Symbolic) else layer)
        self._built = False
        if isinstance(self._row[0], InputLayer) and len(self._row) > 1:
            self.build((self._row[0].batch_size, *self._row[0].shape))

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Put the row together for inputs of `input_shape`, the batch axis included."""
        first = self._row[0]
        start = first if isinstance(first, InputLayer) else InputLayer(batch_shape=tuple(input_shape))
        x: Any = start.placeholder()
        source = x
        for layer in self._row[isinstance(first, InputLayer) :]:
            if isinstance(x, list):
                raise ValueError(
                    f"{layer.label} comes after a layer with several outputs: put the model together with Model"
                )
            x = layer(x)
        super().__init__(source, x, self.name)
        self._built = True

    def _check(self, arrays: list[np.ndarray]) -> None:
        if not self._row:
            raise ValueError("the model has no layers: add some first")
        if not self._built:
            N, *shape = arrays[0].shape
            if all(layer.keeps_length for layer in self._row):
                shape = [None, shape[-1]] if len(shape) == 2 else [None] if isinstance(self._row[0], Embedding) else shape
            self.build((N if any(getattr(layer, "stateful", False) for layer in self._row) else None, *shape))
        super()._check(arrays)

    @property
    def layers(self) -> list[Layer]:
        return [layer for layer in self._row if not isinstance(layer, InputLayer)]

    def __getattr__(self, name: str) -> Any:
        if name in ("order", "inputs", "outputs"):  # there are none before the row is put together
            raise ValueError(
                f"the model {plain(self.name)!r} is not put together yet: call it on data, or build(input_shape)"
            )
        raise AttributeError(name)


def summary_text(model: Model) -> str:
    """The table that `Model.summary` prints."""
    shapes = {s.layer: s.shape for s in model.order}
    rows = []
    for layer in model.layers:
        shape: Any = shapes[layer]
        kind = type(layer).__name__
        rows.append((f"{layer.label} ({kind})", str([shape] if kind == "InputLayer" else shape), layer.count_params()))
    first = max(29, *(len(row[0]) + 2 for row in rows))
    second = max(26, *(len(row[1]) + 2 for row in rows))
    line = "_" * (first + second + 10)
    size = {
        flag: (
            sum(layer.count_params() for layer in model.layers if layer.trainable in flag),
            sum(w.nbytes for layer in model.layers if layer.trainable in flag for w in layer.weight_arrays),
        )
        for flag in ((True, False), (True,), (False,))
    }
    body = "\n\n".join(f" {name:<{first - 1}}{shape:<{second}}{count:<10}" for name, shape, count in rows)
    heading = f" {'Layer (type)':<{first - 1}}{'Output Shape':<{second}}{'Param #':<10}"
    words = zip(("Total", "Trainable", "Non-trainable"), size.values())
    totals = "\n".join(f"{word} params: {number} ({_bytes(n)})" for word, (number, n) in words)
    return "\n".join([f'Model: "{model.label}"', line, heading, "=" * len(line), body, "", "=" * len(line), totals, line])


def _bytes(size: float) -> str:
    for unit in ("Byte", "KB", "MB"):
        if size < 1024:
            return f"{size:.2f} {unit}"
        size /= 1024
    return f"{size:.2f} GB"
