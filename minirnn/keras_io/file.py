"""Read Keras' model files without Keras: ``.keras`` (a zip of JSON and HDF5) and whole-model HDF5 (``.h5``).

A file is data and may be hostile. Nothing in it is executed; it is read once into memory and only fixed places of it are
looked at; links, external and virtual data, wrong shapes and oversized members are refused, with one clear sentence.
"""

from __future__ import annotations

import json
import struct
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import IO, Any

import numpy as np

from ..files import StrPath, open_regular, shown
from ..layers import Layer, StackedRNNCells
from ..network import Network
from ..registry import snake
from ..system import plain
from .config import model_from_config
from .hdf5 import MAX_TEXT, Hdf5
from .plans import Read, carry, remember, variables_of

MAX_FILE = 128 * 2**20
MAX_METADATA = 2**16
MAX_MEMBERS = 1000
MAX_MESSAGE = 300
DAMAGE = (
    OSError, RuntimeError, LookupError, TypeError, AttributeError, ArithmeticError, MemoryError, EOFError,
    zipfile.BadZipFile, zlib.error, struct.error,
)  # fmt: skip
MEMBERS = ("metadata.json", "config.json", "model.weights.h5")


def load_weights(model: Network, path: StrPath) -> None:
    """Give `model` the weights of a ``.weights.h5`` file, or of a file of a whole model; ValueError if they do not fit."""
    path = Path(path)
    if not path.name.endswith(".weights.h5"):
        model.set_weights(load(path, compile=False).get_weights())
        return
    with open_regular(path, MAX_FILE) as file:
        try:
            with Hdf5(file.read()) as arrays:
                weights = _Keras3Weights(arrays)
                weights.listed(with_groups(model))
                demand_all_known(arrays, weights.groups.values())
                found = {a: weights(a, a.label, [w.shape for w in a.weight_arrays]) for a in with_groups(model)}
        except ValueError as error:
            raise ValueError(f"{shown(path)}: {plain(error, MAX_MESSAGE)}") from error
        except DAMAGE as error:
            raise ValueError(f"{shown(path)}: the file is damaged ({_short(error)})") from error
    for layer, arrays_of_it in found.items():
        layer.load(layer.fitting(arrays_of_it, finite=False))  # a training that failed is still to be looked at


def demand_all_known(arrays: Hdf5, groups: Iterable[str]) -> None:
    """ValueError if the file has weights of layers that are not these: numbers of others would be taken for theirs."""
    unknown = [f"layers/{name}" for name in arrays.with_arrays("layers") if f"layers/{name}" not in groups]
    if unknown:
        raise ValueError(
            f"the file has weights in {plain(unknown[0], 60)}, where the model has no layer: "
            "those of layers within a layer or a model of your own are not read from files; give them by set_weights"
        )


def with_groups(model: Network) -> list[Layer]:
    """The layers that have a group in a file of weights, in the order in which those of one class are numbered."""
    first = [] if model.is_described_as_row else [s.layer for s in model.inputs if s.layer not in model.flat_layers]
    return [layer for layer in first + model.flat_layers if layer.operation is None]


def load(path: StrPath, compile: bool = True) -> Any:
    """The model in a ``.keras`` or whole-model HDF5 file, by Keras 2 or 3; compiled as it was, unless `compile` is False.

    What of the user's own the file may name is said by `minirnn.registry.own_objects`.

    Raises FileNotFoundError, ValueError (not such a file, cut, or hostile) or NotImplementedError (a layer or an argument
    that minirnn does not have), each with one sentence.
    """
    path = Path(path)
    with open_regular(path, MAX_FILE) as file:
        try:
            start = file.read(8)
            file.seek(0)
            if start[:4] == b"PK\x03\x04":
                return _load_zip(file, compile)
            if start == b"\x89HDF\r\n\x1a\n":
                return _load_h5(file.read(), compile)
        except NotImplementedError as error:
            raise NotImplementedError(f"{shown(path)}: {plain(error, MAX_MESSAGE)}") from error
        except ValueError as error:
            said = "the file is damaged: its text is not UTF-8" if isinstance(error, UnicodeError) else str(error)
            raise ValueError(f"{shown(path)}: {plain(said, MAX_MESSAGE)}") from error
        except DAMAGE as error:
            raise ValueError(f"{shown(path)}: the file is damaged ({_short(error)})") from error
    raise ValueError(f"{shown(path)}: this is neither a .keras nor an HDF5 model file")


def _short(error: BaseException) -> str:
    return plain(" ".join(str(error).split()) or type(error).__name__, 120)


# -------------------------------------------------------------------------------------------------------------- .keras


def _load_zip(file: IO[bytes], compile: bool) -> Any:
    _demand_short_listing(file)
    with zipfile.ZipFile(file) as archive:
        counts = Counter(archive.namelist())
        for name in MEMBERS[1:]:
            if counts[name] != 1:
                raise ValueError(f"it holds {counts[name] or 'no'} {name}: this is not a model that Keras saved")
        config = _json(_member(archive, "config.json", MAX_TEXT))
        about = _json(_member(archive, "metadata.json", MAX_METADATA)) if counts["metadata.json"] == 1 else {}
        weights = _member(archive, "model.weights.h5", MAX_FILE)
    if not isinstance(config, dict) or not isinstance(config.get("config"), dict):
        raise ValueError("config.json does not describe a model")
    with Hdf5(weights) as arrays:
        version = about.get("keras_version") if isinstance(about, dict) else None
        made = model_from_config(config, _Keras3Weights(arrays), _text(version or "3"))
        there = arrays.has(["optimizer", "vars", "1"])
        told = config.get("compile_config") if compile else None
        _carry(told, made, (lambda: _numbered(arrays)) if there else None)
        return made


def _numbered(arrays: Hdf5) -> Read:
    return lambda k, shape: arrays.array(f"optimizer/vars/{k}", shape, whole=k == 0)


def _carry(told: Any, made: Any, variables: Callable[[], Read] | None) -> None:
    """Compile the model as the file says, if it can be, and go on where its optimizer was; `fit` says what is not read."""
    if isinstance(told, dict) and carry(told, made) is None and variables is not None:
        try:
            remember(made, variables())
        except ValueError as error:
            said = f"the optimizer begins anew, since what the file has of it is not read: {plain(error, MAX_MESSAGE)}"
            made._plan.to_be_said = said


def _demand_short_listing(file: IO[bytes]) -> None:
    """Each member has an entry in the list at the end; a model has three, not a million."""
    if sum(part.count(b"PK\x01\x02") for part in iter(lambda: file.read(2**20), b"")) > MAX_MEMBERS:
        raise ValueError("the file holds far more members than a model has")


def _member(archive: zipfile.ZipFile, name: str, limit: int) -> bytes:
    info = archive.getinfo(name)
    if info.flag_bits & 1:
        raise ValueError(f"{name} is encrypted")
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ValueError(f"the file is damaged: {name} is compressed in a way that Keras does not use")
    if info.file_size > limit:
        raise ValueError(f"{name} has {info.file_size / 2**20:.0f} MB; at most {limit // 2**20} are read")
    with archive.open(info) as member:
        data = member.read(limit + 1)
    if len(data) != info.file_size:
        raise ValueError(f"{name} is not as large as it says")
    return data


def _json(data: bytes) -> Any:
    if len(data) > MAX_TEXT:
        raise ValueError(f"its description has {len(data) / 2**20:.0f} MB; at most {MAX_TEXT // 2**20} are read")
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"its description is not readable JSON ({_short(error)})") from error


# ---------------------------------------------------------------------------------------------------------------- HDF5


def _load_h5(data: bytes, compile: bool) -> Any:
    with Hdf5(data) as file:
        text = file.attribute("model_config", ())
        if text is None:
            raise ValueError("it holds weights only, no model: save the whole model with model.save(...) in Keras")
        config = _json(text.encode(errors="replace") if isinstance(text, str) else text)
        if not isinstance(config, dict) or not isinstance(config.get("config"), (dict, list)):
            raise ValueError("its model_config does not describe a model")
        version = _text(file.attribute("keras_version", ()) or "3")
        made = model_from_config(config, _WholeModelWeights(file), version)
        told = file.attribute("training_config", ()) if compile else None
        if told is not None:
            told = _json(told.encode(errors="replace") if isinstance(told, str) else told)
            told = told | {"optimizer": told.get("optimizer_config")} if isinstance(told, dict) else None
        there = file.has(["optimizer_weights"])
        _carry(told, made, (lambda: _by_name(file, made, version)) if there else None)
        return made


def _by_name(file: Hdf5, made: Any, version: str) -> Read:
    if version.startswith(("1", "2")):
        raise ValueError("the file is of Keras 2")
    group = file.object(["optimizer_weights"])
    names = file.attribute("weight_names", (len(variables_of(made)),), group)
    return lambda k, shape: file.array(_text(names[k]), shape, group, whole=k == 0)


def _text(value: Any) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


class _Keras3Weights:
    """``layers/simple_rnn_1/cell/vars/0``: groups are named after the class and counted in the order of the layers."""

    def __init__(self, file: Hdf5, below: str = "") -> None:
        self.file, self.below = file, below
        self.models: Counter[str] = Counter()

    def listed(self, layers: list[Layer]) -> None:
        self.groups = groups(layers)

    def within(self, name: str, kind: str) -> _Keras3Weights:
        """Those of a model within, which are counted by their class like layers."""
        kind = "sequential" if kind == "Sequential" else "functional"
        self.models[kind] += 1
        count = self.models[kind] - 1
        return _Keras3Weights(self.file, f"{self.below}layers/{kind}" + (f"_{count}" if count else "") + "/")

    def __call__(self, layer: Layer, name: str, shapes: list[tuple[int, ...]]) -> list[np.ndarray]:
        group = self.groups[layer]
        return [self.file.array(f"{self.below}{group}/{path}", shape) for path, shape in zip(paths(layer), shapes)]


def groups(layers: list[Layer]) -> dict[Layer, str]:
    """Where Keras 3 keeps each layer: ``layers/simple_rnn``, and ``layers/simple_rnn_1`` for the second of its class."""
    seen = Counter[str]()
    found = {}
    for layer in layers:
        kind = snake(type(layer.as_made).__name__)
        found[layer] = f"layers/{kind}" + (f"_{seen[kind]}" if seen[kind] else "")
        seen[kind] += 1
    return found


def paths(layer: Layer) -> list[str]:
    """Where Keras 3 keeps the weights of a layer below its group, in their order: cell/vars/0."""
    made = layer.as_made
    own = [f"vars/{i}" for i, _ in enumerate(made.own_weights)]
    between = "cells/" if isinstance(made, StackedRNNCells) else ""
    return own + [f"{between}{key}/{path}" for key, child in made.children.items() for path in paths(child)]


def folders(layer: Layer) -> list[str]:
    """Where Keras 3 looks for weights below the group of a layer, whether there are any or not: vars, cell/vars."""
    made = layer.as_made
    between = "cells/" if isinstance(made, StackedRNNCells) else ""
    return ["vars", *[f"{between}{key}/{place}" for key, child in made.children.items() for place in folders(child)]]


class _WholeModelWeights:
    """``model_weights/<layer name>``, whose attribute weight_names lists the arrays in Keras' order."""

    def __init__(self, file: Hdf5) -> None:
        self.file = file

    def __call__(self, layer: Layer, name: str, shapes: list[tuple[int, ...]]) -> list[np.ndarray]:
        if not shapes:
            return []
        group = self.file.object(["model_weights", *name.split("/")])
        listed = self.file.attribute("weight_names", (len(shapes),), group)
        if listed is None:
            raise ValueError(f"layer {plain(name)!r} has no weights in the file; its description wants {len(shapes)}")
        return [self.file.array(_text(weight), shape, group) for weight, shape in zip(listed, shapes)]
