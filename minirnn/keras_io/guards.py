"""Looks at the bytes of an HDF5 file before the HDF5 library does, for what that library does not survive.

Both checks were found by damaging good files at random. They know the two structures of the file format (version 3.0,
sections III.E and IV.A.2.m) that the texts of a model lie in, and nothing else of it.
"""

from __future__ import annotations

import math
import re
import struct


def check_heaps(data: bytes) -> None:
    """Refuse a heap of texts whose entries do not fit: HDF5 (1.14.6) would turn round in it for ever."""
    for found in re.finditer(rb"GCOL\x01\0\0\0", data):
        at, end = found.start() + 16, found.start() + int.from_bytes(data[found.start() + 8 : found.start() + 16], "little")
        while at + 16 <= end:
            size = int.from_bytes(data[at + 8 : at + 16], "little")
            step = 16 + -(-size // 8) * 8 if any(data[at : at + 2]) else size
            if not 16 <= step <= end - at or end > len(data):
                raise ValueError("the file is damaged (a heap with an entry that does not fit)")
            at += step


def check_texts(data: bytes) -> None:
    """Refuse an attribute whose text is longer than the file: HDF5 would take the memory for it before it looks."""
    for found in re.finditer(rb"(?:model_config|weight_names|keras_version)\0", data):
        for version, header, step in ((1, 8, 8), (2, 8, 1), (3, 9, 1)):  # of the attribute; the first rounds its parts up
            at = found.start() - header
            if at < 0 or data[at] != version:
                continue
            name, kind, space = struct.unpack_from("<3H", data, at + 2)
            if not len(found[0]) <= name < 64:
                continue  # not the beginning of an attribute
            type_at = found.start() + -(-name // step) * step
            space_at = type_at + -(-kind // step) * step
            texts_at = space_at + -(-space // step) * step
            if data[type_at] & 15 != 9:  # not of variable length
                continue
            dims = struct.unpack_from(f"<{data[space_at + 1]}Q", data, space_at + (8 if data[space_at] == 1 else 4))
            for i in range(min(math.prod(dims), 1000)):
                if struct.unpack_from("<I", data, texts_at + 16 * i)[0] > len(data):
                    raise ValueError("the file is damaged (a text that is longer than the file)")
