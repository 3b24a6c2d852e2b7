"""Write models and weights as Keras does, ``.keras``, ``.h5`` and ``.weights.h5``; no Keras is needed."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from ..files import StrPath, demand_writable, shown, write_whole
from ..layers import InputLayer
from ..network import Network
from .describe import described_model, distinct_names
from .file import folders, groups, paths, with_groups
from .plans import described_plan, variables_of

KERAS_VERSION = "3.15.1"  # whose files are written


def save(model: Network, path: StrPath, overwrite: bool = True) -> Path:
    """Write `model` to a ``.keras`` or ``.h5`` file that ``keras.saving.load_model`` opens, of 3.4 and later.

    With it go the arguments of `compile` and what the optimizer remembers, unless a function of one's own is among them.
    Raises ValueError for another ending, NotImplementedError for what Keras has no description for.
    """
    path = _target(path, (".keras", ".h5"), "a model is saved as .keras or .h5", overwrite)
    config = described_model(model) | {"compile_config": described_plan(model)}
    if path.suffix == ".h5":
        write_whole(path, _whole(model, config))
        return path
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w") as archive:
        members: dict[str, str | bytes] = {
            "metadata.json": json.dumps({"keras_version": KERAS_VERSION, "date_saved": "1980-01-01@00:00:00"}),
            "config.json": json.dumps(config),
            "model.weights.h5": _weights(model, config["compile_config"] is not None),
        }
        for name, data in members.items():
            archive.writestr(zipfile.ZipInfo(name), data)  # no date: the same model gives the same bytes
    write_whole(path, whole.getvalue())
    return path


def save_weights(model: Network, path: StrPath, overwrite: bool = True) -> Path:
    """Write the weights to a ``.weights.h5`` file, as Keras does."""
    path = _target(path, (".weights.h5",), "weights are saved as .weights.h5", overwrite)
    write_whole(path, _weights(model))
    return path


def _target(path: StrPath, endings: tuple[str, ...], rule: str, overwrite: bool) -> Path:
    """Where to write, which must have one of these endings."""
    path = Path(path)
    if not path.name.endswith(endings):
        raise ValueError(f"{shown(path)}: {rule}; give the file this ending")
    if not overwrite and path.exists():
        raise ValueError(f"{shown(path)}: there is such a file already, and overwrite is False")
    demand_writable(path)
    return path


def _weights(model: Network, plan: bool = False) -> bytes:
    """The file of weights, with what the optimizer remembers if there is a plan."""
    import h5py

    memory = io.BytesIO()
    with h5py.File(memory, "w") as file:
        for layer, group in groups(with_groups(model)).items():
            for place in folders(layer):
                file.create_group(f"{group}/{place}")
            for array, place in zip(layer.weight_arrays, paths(layer)):
                file.create_dataset(f"{group}/{place}", data=array)
        file.require_group("layers")
        file.create_group("vars")
        for k, array in enumerate(variables_of(model) if plan else ()):
            file.create_dataset(f"optimizer/vars/{k}", data=array)
    return memory.getvalue()


def _whole(model: Network, config: dict[str, Any]) -> bytes:
    """A whole model as one HDF5 file: descriptions as attributes, and the weights of each layer by its name."""
    import h5py

    plan, memory = config.pop("compile_config"), io.BytesIO()
    names = {layer: str(name) for layer, name in distinct_names(model).items() if not isinstance(layer, InputLayer)}
    with h5py.File(memory, "w") as file:
        file.attrs["keras_version"], file.attrs["backend"] = KERAS_VERSION, "tensorflow"
        file.attrs["model_config"] = json.dumps(config)
        weights = file.create_group("model_weights")
        weights.attrs["layer_names"] = list(names.values())
        for layer, name in names.items():
            arrays = zip(layer.weight_names, layer.weight_arrays)
            _listed(weights.create_group(name), {f"{name}/{own}": array for own, array in arrays})
        _listed(weights.create_group("top_level_model_weights"), {})
        if plan is not None:
            file.attrs["training_config"] = json.dumps(plan | {"optimizer_config": plan.pop("optimizer")})
            variables = {f"optimizer/{k}": array for k, array in enumerate(variables_of(model))}
            _listed(file.create_group("optimizer_weights"), variables)
    return memory.getvalue()


def _listed(group: Any, arrays: dict[str, np.ndarray]) -> None:
    """Arrays by name in a group, which lists the names in order."""
    group.attrs["weight_names"] = list(arrays)
    for name, array in arrays.items():
        group.create_dataset(name, data=array)
