"""minirnn: the recurrent network you can read."""

from typing import Any

from . import layers, losses, models, optimizers
from ._version import __version__
from .engine.graph import at, named
from .initializers import set_random_seed
from .system import CannotFollow
from .traces import Trace, trace

__all__ = [
    "CannotFollow",
    "Trace",
    "__version__",
    "at",
    "check",
    "from_keras",
    "layers",
    "load",
    "losses",
    "models",
    "named",
    "optimizers",
    "save",
    "set_random_seed",
    "to_keras",
    "trace",
]


def load(path: Any) -> models.Model:
    """Read a model from a ``.keras`` or whole-model ``.h5`` file. Nothing in the file is executed; no Keras is needed."""
    from .keras_io.file import load

    return load(path)


def save(model: Any, path: Any, overwrite: bool = True) -> Any:
    """Write `model` to a ``.keras`` file that ``keras.saving.load_model`` opens; no Keras is needed."""
    from .keras_io.file import save
    from .keras_io.live import as_model

    return save(as_model(model), path, overwrite)


def from_keras(model: Any) -> models.Model:
    """A minirnn model with the layers and weights of a live Keras model."""
    from .keras_io.live import from_keras

    return from_keras(model)


def check(function: Any, model: Any, X: Any, **arrays: Any) -> Any:
    """Whether a loop of one's own, ``function(X)``, equals a Keras model, to how many eps, and if not, the slip behind it.

    See `minirnn.verify.compare.check.check`.
    """
    from .verify.compare.check import check

    if isinstance(model, layers.Layer):
        model = models.Sequential([model], name=model.label)
    return check(function, model, X, **arrays)


def to_keras(model: models.Model, dtype: str = "float32") -> Any:
    """A Keras model with the layers and weights of `model`; Keras must be installed."""
    from .keras_io.live import to_keras

    return to_keras(model, dtype)
