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
        states: tuple[Symbolic, ...] = (),
        mask: Symbolic | None = None,
        training: bool | None = None,
        index: int = 0,
        first: Symbolic | None = None,
    ) -> None:
        self.shape, self.layer, self.index, self.training = shape, layer, index, training
        self.inputs, self.states, self.mask = inputs, states, mask  # what it is called on, initial states, mask
        self.first = first or self

    @property
    def needs(self) -> tuple[Symbolic, ...]:
        """All that must be there before the call."""
        return (*self.inputs, *self.states, *(() if self.mask is None else (self.mask,)))

    @property
    def name(self) -> str:
        """That of the layer it comes from."""
        return self.layer.label

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def dtype(self) -> str:
        return getattr(self.layer, "holds", self.layer.dtype.name)

    def __call__(self, *_: Any, **__: Any) -> Any:
        raise TypeError(f"{self!r} is a placeholder, as Input(...) gives it, and is not called: call a layer on it")

    def __array__(self, *_: Any, **__: Any) -> Any:
        raise TypeError(f"{self!r} is a placeholder and has no numbers: put a Model together and call it on data")

    def __repr__(self) -> str:
        return f"<{self.layer.label}: {self.shape}>"
