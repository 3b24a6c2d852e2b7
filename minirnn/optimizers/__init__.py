"""Optimizers, with Keras' names, defaults and formulas."""

from __future__ import annotations

from typing import Any

from ..registry import Registry
from ..system import suggest_names
from . import schedules
from .optimizer import Occurrences, Optimizer
from .rules import SGD, Adadelta, Adagrad, Adam, Adamax, AdamW, Nadam, RMSprop

__all__ = ["Occurrences", "Optimizer", "get", "schedules"]

KNOWN = Registry(
    "optimizer",
    {
        "sgd": SGD, "adam": Adam, "adamw": AdamW, "rmsprop": RMSprop, "adagrad": Adagrad, "adadelta": Adadelta,
        "adamax": Adamax, "nadam": Nadam,
    },
    unused={
        "use_ema": (False, None), "ema_momentum": ..., "ema_overwrite_frequency": (None,), "loss_scale_factor": (None,),
        "gradient_accumulation_steps": (None, 1), "jit_compile": ..., "is_legacy_optimizer": ...,
    },
)  # fmt: skip
__all__ += KNOWN.classes


def get(optimizer: Any) -> Optimizer:
    """The optimizer, a new one of that name, or minirnn's own for Keras' object, with all its settings."""
    found = KNOWN.get(optimizer)
    if not isinstance(found, Optimizer):
        raise ValueError(
            f"the optimizer must be a name or an object of minirnn.optimizers, not {type(optimizer).__name__}; "
            f"there are {', '.join(KNOWN.names)}"
        )
    return found


suggest_names(globals(), otherwise="write it as a subclass of Optimizer, whose formula is a function of NumPy")
