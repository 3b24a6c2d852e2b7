#!/usr/bin/env python
"""Coverage-guided fuzzing of `mr.load` (needs atheris): ``python tests/fuzz/load.py FOLDER -max_total_time=600``.

It starts from the good files and the corpus of judge.py, and leaves what it finds in FOLDER. ``load.py FEW FOLDER -merge=1``
puts into FEW what is needed of it, and ``load.py FEW keep`` makes the corpus of that.
"""

from __future__ import annotations

import io
import sys
import tarfile
import tracemalloc
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["minirnn"]):
    import judge

    from minirnn.keras_io import config, file, guards  # noqa: F401


def keep(folder: Path) -> None:
    """The files of a folder into the corpus, the smaller first; the good ones are made anew each time."""
    room = judge.MOST_KEPT
    with tarfile.open(judge.CORPUS, "w:xz") as archive:
        for path in sorted(folder.iterdir(), key=lambda p: (p.stat().st_size, p.name)):
            entry = tarfile.TarInfo(path.name)
            entry.size = path.stat().st_size
            room -= entry.size
            if path.name not in judge.SEEDS and room >= 0:
                archive.addfile(entry, io.BytesIO(path.read_bytes()))


def run(data: bytes) -> None:
    judge.one_input(data)


def main() -> None:
    folder = Path(sys.argv[1])
    folder.mkdir(exist_ok=True)
    if sys.argv[2:] == ["keep"]:
        return keep(folder)
    if "-merge=1" not in sys.argv:
        for name, data in (judge.SEEDS | judge.corpus()).items():
            (folder / name).write_bytes(data)
    tracemalloc.start()
    atheris.Setup(sys.argv, run)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
