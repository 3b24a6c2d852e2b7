"""The C of a network, and what has to be known to call it."""

from __future__ import annotations

import functools
import importlib.resources
from typing import NamedTuple

import numpy as np


class Native(NamedTuple):
    """The C of a network, and what has to be known to call it: see `minirnn.readings.source.compiled_c`.

    Sizes are (which, factor, more): factor times N (1), T (2) or 0 (0), and more.
    """

    text: str
    dtype: str
    data: list[str]
    targets: list[str]
    parameters: list[str]
    constants: list[np.ndarray]
    masks: list[str]
    given: list[tuple[str, tuple[tuple[int, int, int], ...] | None]]
    results: list[tuple[tuple[int, int, int], ...]]
    outputs: int
    gradients: list[str]
    has_loss: bool
    steps: int
    fixed_steps: bool

    @property
    def whole(self) -> str:
        """The text, with what trains."""
        return f"{self.text}\n{_training()}"


@functools.cache
def _training() -> str:
    return importlib.resources.files(__package__).joinpath("train.h").read_text()
