"""Placeholders: what flows while a functional model is put together."""

from __future__ import annotations

from typing import Any

Shape = tuple[int | None, ...]


class Symbolic:
    """A placeholder that flows while a functional model is put together: its shape, and the call of a layer it comes from.

    Of a call with several outputs each is a placeholder; `first` is the one with index 0, which stands for the call.
    """

    def __init__(
        self,
        shape: Shape,
        layer: Any,  # the layer that is called
        inputs: tuple[Symbolic, ...] = (),
        mask: Symbolic | None = None,
        training: bool | None = None,
        index: int = 0,
        first: Symbolic | None = None,
    ) -> None:
        self.shape, self.layer, self.index, self.training = shape, layer, index, training
        self.inputs = inputs  # x, then the initial states
        self.mask = mask
        self.first = first or self

    @property
    def needs(self) -> tuple[Symbolic, ...]:
        """All that must be there before the call."""
        return self.inputs if self.mask is None else (*self.inputs, self.mask)

    def __repr__(self) -> str:
        return f"<{self.layer.label}: {self.shape}>"
