"""What a run is made of: a network, data, weights, and the conditions of the run."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .. import losses
from ..layers.calls import Conditions
from ..layers.layer import Layer
from ..network import Network

SHORT = 5  # steps are enough to see what repeats and what the ends do


class Request(NamedTuple):
    """What a run is made of."""

    model: Network
    inputs: list[np.ndarray]
    targets: list[np.ndarray] | None
    loss: losses.Loss | losses.OfEach | None
    weights: dict[Layer, list[np.ndarray]]
    conditions: Conditions
    truncate: int | None = None
    sample_weights: list[np.ndarray | None] | None = None  # what each sample counts for, for each output

    def first_steps(self) -> Request:
        """The same on the first few steps of the data."""
        targets = self.targets and [y[:, :SHORT] if y.ndim == 3 else y for y in self.targets]
        conditions = self.conditions.copy()
        conditions.masks = {k: m[:, :SHORT] if np.ndim(m) == 3 else m for k, m in conditions.masks.items()}
        inputs = self.model.shortened(self.inputs, SHORT)
        return self._replace(inputs=inputs, targets=targets, conditions=conditions)
