"""A network that can be trained: the methods of Keras' models, which hand on to the functions of this folder."""

from __future__ import annotations

from typing import Any

from ..callbacks import History
from ..checks import all_unraised
from ..layers.calls import TENSORFLOW
from .planned import PlannedNetwork


@all_unraised
class Trainable(PlannedNetwork):
    """A network with `fit`, `evaluate` and `predict`."""

    def fit(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: int | str = "auto",
        callbacks: Any = None,
        validation_split: float = 0.0,
        validation_data: Any = None,
        shuffle: bool = True,
        class_weight: Any = None,
        sample_weight: Any = None,
        initial_epoch: int = 0,
        steps_per_epoch: int | None = None,
        validation_steps: int | None = None,
        validation_batch_size: int | None = None,
        validation_freq: Any = 1,
    ) -> History:
        """Train on `x` and the target `y`, as Keras does; returns a History.

        - `x`, `y`: arrays, lists, tables of pandas, tensors; or as `x` a generator or data set of batches (x, y)
        - `epochs`: how often all samples are used (1), `batch_size`: samples per step (32)
        - `shuffle`: a new order in every epoch (True)
        - `validation_data`: (x, y) to be evaluated after every epoch; or `validation_split`, the share of the last samples
        - `callbacks`: objects of `minirnn.callbacks`, of Keras, or of classes of one's own
        - `class_weight`, `sample_weight`: what the classes, or the samples, count for in the loss
        - `verbose`: 0 says nothing, 1 shows a bar, 2 prints one line per epoch

        Of several outputs `y` is a list, or a dictionary by `output_names`, and the history holds the loss of each too. A
        stateful model goes on from batch to batch, and from epoch to epoch, with the states of the one before: its
        `batch_size` is that of its input, and `reset_states` begins anew.

        Computes in the dtype of the weights. Interrupted, the model and its optimizer are as after the last complete step.
        Raises FloatingPointError when the loss is no finite number any more.

        >>> import numpy as np
        >>> from minirnn import demo
        >>> model = demo.model()
        >>> model.compile("adam", "mse")
        >>> history = model.fit(demo.X, np.zeros((1, 2)), epochs=3, verbose=0)
        >>> [round(loss, 3) for loss in history.history["loss"]]
        [0.881, 0.866, 0.851]
        """
        from . import fit as fitting

        return fitting.fit(
            self, x, y, batch_size, epochs, verbose, callbacks, validation_split, validation_data, shuffle, class_weight,
            sample_weight, initial_epoch, steps_per_epoch, validation_steps, validation_batch_size, validation_freq,
        )  # fmt: skip

    def evaluate(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        verbose: int | str = "auto",
        sample_weight: Any = None,
        steps: int | None = None,
        callbacks: Any = None,
        return_dict: bool = False,
    ) -> Any:
        """The loss on `x` and `y`; with metrics a list of it and them, or with `return_dict` all by name."""
        from . import fit as fitting

        return fitting.evaluate(self, x, y, batch_size, verbose, sample_weight, steps, callbacks, return_dict)

    def train_on_batch(
        self, x: Any, y: Any = None, sample_weight: Any = None, class_weight: Any = None, return_dict: bool = False
    ) -> Any:
        """One step of the optimizer; gives the loss before it and the metrics."""
        from . import fit as fitting

        return fitting.on_batch(self, x, y, sample_weight, class_weight, True, return_dict)

    def test_on_batch(self, x: Any, y: Any = None, sample_weight: Any = None, return_dict: bool = False) -> Any:
        """The loss and the metrics of one batch."""
        from . import fit as fitting

        return fitting.on_batch(self, x, y, sample_weight, None, False, return_dict)

    def predict(
        self,
        x: Any,
        batch_size: int | None = None,
        verbose: int | str = 0,
        steps: int | None = None,
        callbacks: Any = None,
        *,
        training: bool = False,
        semantics: str = TENSORFLOW,
    ) -> Any:
        """The output for `x`: (N, K), or (N, T, K) from a model that returns sequences; a list of several outputs.

        All samples are computed at once, or `batch_size` after `batch_size`, which takes less memory; of a generator or a
        data set batch after batch, `steps` of them. Stateful layers keep their states for the next call, and for the next
        batch.
        """
        from . import fit as fitting

        return fitting.predict(self, x, batch_size, verbose, steps, callbacks, training, semantics)

    def predict_on_batch(self, x: Any) -> Any:
        """The output for one batch."""
        return self.predict(x)
