"""minirnn: the recurrent network you can read."""

from typing import TYPE_CHECKING

from . import layers, losses, models
from ._version import __version__
from .api import check, from_keras, load, save, to_keras, trace
from .engine.graph import at, named
from .initializers import set_random_seed
from .layers import Input
from .models import Model, Sequential
from .system import CannotFollow, suggest_names
from .traces import Trace

if TYPE_CHECKING:
    from . import activations, backend, callbacks, constraints, initializers, metrics, ops, optimizers, regularizers, utils  # noqa: F401

__all__ = [
    "CannotFollow",
    "Input",
    "Model",
    "Sequential",
    "Trace",
    "__version__",
    "at",
    "callbacks",
    "check",
    "from_keras",
    "layers",
    "load",
    "losses",
    "metrics",
    "models",
    "named",
    "optimizers",
    "save",
    "set_random_seed",
    "to_keras",
    "trace",
]
WHEN_USED = {  # imported when they are asked for
    "activations", "backend", "callbacks", "constraints", "initializers", "metrics", "ops", "optimizers", "preprocessing",
    "regularizers", "utils",
}  # fmt: skip


suggest_names(globals(), WHEN_USED)
