"""Read arrays and texts from the bytes of an HDF5 file that may be hostile.

What the HDF5 library (1.14.6) does not survive, or does not do in bounded time and memory, is looked for in the bytes before
the library sees them: in one pass, with knowledge of nothing but the two structures that the texts of a model lie in (file
format 3.0, sections III.E and IV.A.2.m). Then only fixed places are read, stored as Keras stores them: in one piece, not
compressed, in this file, and all together no larger than it.
"""

from __future__ import annotations

import io
import math
import re
import struct
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np

from ..system import plain

MAX_TEXT = 2 * 2**20  # a description; in memory, JSON takes up to fifty times as much
MAX_DEPTH = 16
MAX_ENTRIES = 100_000  # of all heaps of texts; a model has one text, and one for each weight
MAX_ATTRIBUTES = 10_000  # Keras writes some in each of the groups of at most 200 layers
TEXTS = (b"model_config\0", b"training_config\0", b"weight_names\0", b"keras_version\0")


def check_bytes(data: bytes) -> None:
    """Refuse what HDF5 would not come back from, or would take memory without end for. Raises ValueError."""
    _check_heaps(data)
    _check_texts(data)
    if re.search(rb"FRHP\0..(?!\0\0)", data, re.DOTALL):
        raise ValueError("its attributes are compressed, which Keras does not do")


def _places(data: bytes, what: bytes) -> Iterator[int]:
    at = data.find(what)
    while at >= 0:
        yield at
        at = data.find(what, at + 1)


def _check_heaps(data: bytes) -> None:
    """Refuse a heap of texts whose entries do not fit: HDF5 would turn round in it for ever."""
    over = entries = 0
    for start in _places(data, b"GCOL\x01\0\0\0"):
        at, end = start + 16, start + int.from_bytes(data[start + 8 : start + 16], "little")
        if start < over or end > len(data):
            raise ValueError("the file is damaged (a heap of texts that does not fit)")
        over = end
        while at + 16 <= end:
            size = int.from_bytes(data[at + 8 : at + 16], "little")
            step = 16 + -(-size // 8) * 8 if any(data[at : at + 2]) else size
            entries += 1
            if not 16 <= step <= end - at or entries > MAX_ENTRIES:
                raise ValueError("the file is damaged (a heap of texts with an entry that does not fit)")
            at += step


def _check_texts(data: bytes) -> None:
    """Refuse an attribute whose texts are longer than the file: HDF5 would take the memory for them before it looks."""
    found = [(start, name) for name in TEXTS for start, _ in zip(_places(data, name), range(MAX_ATTRIBUTES + 1))]
    if len(found) > MAX_ATTRIBUTES:
        raise ValueError("the file is damaged (it has far more attributes than a model)")
    room = len(data)
    for start, name in found:
        for version, header, step in ((1, 8, 8), (2, 8, 1), (3, 9, 1)):  # of the attribute; the first rounds its parts up
            at = start - header
            if at < 0 or data[at] != version:
                continue
            size, kind, space = struct.unpack_from("<3H", data, at + 2)
            if not len(name) <= size < 64:
                continue  # not the beginning of an attribute
            if version > 1 and data[at + 1]:
                raise ValueError("an attribute keeps its type elsewhere, which Keras does not do")
            type_at = start + -(-size // step) * step
            space_at = type_at + -(-kind // step) * step
            texts_at = space_at + -(-space // step) * step
            if data[type_at] & 15 != 9:  # not of variable length
                continue
            dims = struct.unpack_from(f"<{data[space_at + 1]}Q", data, space_at + (8 if data[space_at] == 1 else 4))
            count = math.prod(dims)
            if 16 * count > room or texts_at + 16 * count > len(data):
                raise ValueError("the file is damaged (more texts than there is room for)")
            room -= 16 * count
            texts = np.frombuffer(data, np.dtype("<u4, V12"), count, texts_at)["f0"]
            if texts.sum(dtype=np.uint64) > len(data):
                raise ValueError("the file is damaged (a text that is longer than the file)")


class Hdf5:
    """An open file, and how many bytes may still be read from it."""

    def __init__(self, data: bytes) -> None:
        import h5py

        check_bytes(data)
        self.left = self.size = len(data)
        self.file = h5py.File(io.BytesIO(data), "r")

    def __enter__(self) -> Hdf5:
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()

    def object(self, parts: list[str], group: Any = None) -> Any:
        """What lies there below `group`. Plain links only are followed, part by part."""
        import h5py

        group = self.file if group is None else group
        where = plain("/".join(parts[: MAX_DEPTH + 1]), 120)
        if len(parts) > MAX_DEPTH:
            raise ValueError(f"{where!r} lies deeper than Keras puts its weights")
        for part in parts:
            link = group.get(part, getlink=True) if isinstance(group, h5py.Group) else None
            if link is None:
                raise ValueError(f"the weights have no {where!r}")
            if not isinstance(link, h5py.HardLink):
                raise ValueError(f"{where!r} is a link to another place, which is not followed")
            group = group[part]
        return group

    def attribute(self, name: str, shape: tuple[int, ...], group: Any = None) -> Any:
        """An attribute that is text of that shape; None if it is not there. A short file can declare a very long one."""
        import h5py

        group = self.file if group is None else group
        if name not in group.attrs:
            return None
        declared = group.attrs.get_id(name)
        size = declared.dtype.itemsize
        if h5py.check_string_dtype(declared.dtype) is None or size > MAX_TEXT:
            raise ValueError(f"its {name} is not text")  # HDF5 can crash on other types of variable length
        if declared.shape != shape:
            raise ValueError(f"its {name} is not text of shape {shape}, but of {declared.shape}")
        self._spend(size * math.prod(shape), name)
        return group.attrs[name]

    def has(self, parts: list[str]) -> bool:
        """Whether there is something at that place."""
        try:
            return self.object(parts) is not None
        except ValueError:
            return False

    def with_arrays(self, where: str) -> list[str]:
        """The names below a group under which there are arrays; links to other places are not followed."""
        import h5py

        group: Any = self.object([where]) if self.has([where]) else None
        names = list(group) if isinstance(group, h5py.Group) else []
        held = [(name, group[name]) for name in names if isinstance(group.get(name, getlink=True), h5py.HardLink)]
        first = lambda _, item: True if isinstance(item, h5py.Dataset) else None
        return [name for name, item in held if isinstance(item, h5py.Group) and item.visititems(first)]

    def array(self, path: str, shape: tuple[int, ...], group: Any = None, whole: bool = False) -> np.ndarray:
        """The array of that place, which must have that shape; of floating-point numbers, or of `whole` ones."""
        import h5py

        data = self.object(path.split("/"), group)
        said = plain(path, 120)
        if not isinstance(data, h5py.Dataset):
            raise ValueError(f"{said!r} is not an array")
        stored = data.id.get_create_plist()
        if stored.get_nfilters():
            raise ValueError(f"{said!r} is compressed, which Keras does not do")
        if data.is_virtual or stored.get_external_count():
            raise ValueError(f"{said!r} keeps its numbers in another file, which is not read")
        if data.shape != shape:
            raise ValueError(f"{said!r} has shape {data.shape}; the description of the model wants {shape}")
        if data.dtype not in ((np.int32, np.int64) if whole else (np.float32, np.float64)):
            wanted = "whole numbers" if whole else "float32 or float64 numbers"
            raise ValueError(f"{said!r} holds {data.dtype}, not {wanted}")
        if stored.get_layout() != h5py.h5d.CONTIGUOUS or (data.size and data.id.get_offset() is None):
            raise ValueError(f"{said!r} is not stored in one piece, as Keras stores it")
        self._spend(data.nbytes, said)
        array = np.asarray(data[()])
        if not np.isfinite(array).all():
            warnings.warn(f"{said!r} holds NaN or infinite weights", stacklevel=2)
        return array

    def _spend(self, count: int, what: str) -> None:
        self.left -= count
        if self.left < 0:
            raise ValueError(f"the file is damaged: with {what!r}, what is in it is larger than it")
