"""A layer as data: its arguments, as Keras describes them."""

from __future__ import annotations

from typing import Any, Self

from . import configs
from .configs import describe
from .weights import Weighted


class Described(Weighted):
    """Weights with arguments that a description names."""

    name: str | None
    activity_regularizer: Any

    @property
    def as_made(self) -> Described:
        """The layer as the user made it: one of their own stands in another, which follows what it does."""
        return self

    is_users = False  # whether the class is of the user's own, with a `call` as Keras wants it
    keras_kind = ""  # the class as Keras calls it
    asked: tuple[str, ...] = ()  # the arguments of the constructor beside those of every layer
    unsaid: tuple[str, ...] = ()  # those that no description has
    newer: dict[str, Any] = {}  # what only the newest Keras describes: shown in get_config, left out of files

    def config(self, dtype: str | None = None) -> dict[str, Any]:
        """Its arguments as data, by Keras' names: what a file holds. Layers inside are described in `dtype` too."""
        return self.common_config(dtype) | self.arguments(self.asked, dtype)

    def arguments(self, names: tuple[str, ...], dtype: str | None = None) -> dict[str, Any]:
        """The arguments of these names, and those of its weights, as data."""
        given = {name: getattr(self, name) for name in names} | self.weight_arguments()
        return {name: describe(value, self.label, name, dtype) for name, value in given.items()}

    def common_config(self, dtype: str | None = None) -> dict[str, Any]:
        """The arguments that all layers have."""
        found: dict[str, Any] = {"name": self.name.replace("/", "_")} if self.name else {}  # as Keras 3 wants names
        found |= {"trainable": self.trainable, "dtype": dtype or self.dtype.name}
        if self.activity_regularizer is not None:
            found["activity_regularizer"] = describe(self.activity_regularizer, self.label, "activity_regularizer")
        return found

    def get_config(self) -> dict[str, Any]:
        """Keras' description of the layer, as its own get_config gives it; `from_config` makes the layer anew."""
        policy: dict[str, Any] = {"class_name": "DTypePolicy", "config": {"name": self.dtype.name}}
        policy |= {"module": "keras", "registered_name": None}
        plain = self.is_users or getattr(self, "operation", None) is not None
        own = {"trainable": self.trainable} if plain else self.config()  # to which a class of the user's own adds
        return {"name": self.label} | own | {"dtype": policy} | self.newer

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """The layer of that description, without weights."""
        return cls(**configs.arguments(config))
