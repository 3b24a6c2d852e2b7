"""Models: layers put together, functionally or in a row; running one gives the graph of its forward pass."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..files import StrPath
from ..registry import own_objects
from ..system import suggest_names
from .model import Model, own_code
from .sequential import Sequential

__all__ = ["Model", "Sequential", "clone_model", "load_model", "model_from_json", "save_model"]


def clone_model(model: Model) -> Model:
    """A model of the same layers with weights of its own, drawn anew."""
    with own_objects(own_code(model)):
        return type(model).from_config(model.get_config())


def model_from_json(text: str, custom_objects: Mapping[str, Any] | None = None) -> Model:
    """The model that `to_json` described, of minirnn or of Keras, with weights drawn anew.

    `custom_objects` are layers and functions of the user's own, by the names that it has for them.
    """
    import json

    from ..keras_io.config import model_from_description

    with own_objects(custom_objects):
        return model_from_description(json.loads(text))


def save_model(model: Model, filepath: StrPath, overwrite: bool = True) -> Path:
    """Write the model as Keras does; see `minirnn.save`."""
    return model.save(filepath, overwrite)


def load_model(filepath: StrPath, custom_objects: Any = None, compile: bool = True, safe_mode: bool = True) -> Model:
    """The model in a file, as it was compiled unless `compile` is False; see `minirnn.load`.

    `custom_objects` are layers, functions, losses and metrics of the user's own, by the names that the file has for them;
    other code of one's own in a file, which `safe_mode` is about, is never run.
    """
    from ..keras_io.file import load

    with own_objects(custom_objects):
        return load(filepath, compile)


suggest_names(globals())
