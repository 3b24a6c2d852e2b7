"""Writers of every kind of file, killed at any moment, and several at once."""

from __future__ import annotations

import csv
import fcntl
import io
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

import minirnn as mr
from minirnn.files import write_whole
from minirnn.readings.source.c import compiler

from .runs import data, network

TEXT = "long memory(const long *s) { return 7; }\nvoid compute(void) { }\n"
Kind = tuple[str, Callable[[Path], object], Callable[[Path], bool]]


def kinds() -> dict[str, Kind]:
    """For each kind of file its name, what writes it, and whether what is there is whole."""
    model = network()
    trace = mr.trace(model, *data())
    keys = set(trace.parameters)

    def ends(end: bytes) -> Callable[[Path], bool]:
        return lambda path: path.read_bytes().rstrip().endswith(end)

    def table(path: Path) -> bool:
        rows = list(csv.reader(io.StringIO(path.read_text())))
        return len(rows) > 100 and len({len(row) for row in rows}) == 1

    def weights(path: Path) -> bool:
        other = network()
        other.load_weights(path)
        return all(np.array_equal(a, b) for a, b in zip(other.get_weights(), model.get_weights()))

    def compiled(path: Path) -> object:
        compiler.clear()
        return compiler.library(TEXT)

    def no_broken_entry(path: Path) -> bool:
        """Only a library that is whole is found; the compiler is asked for again where there is none."""
        return all(compiler._found(entry) in (None, entry) for entry in path.parent.glob("*.so"))

    return {
        "keras": ("a.keras", lambda path: mr.save(model, path), lambda path: len(mr.load(path).get_weights()) == 5),
        "weights": ("a.weights.h5", lambda path: model.save_weights(path), weights),
        "npz": ("a.npz", trace.to_npz, lambda path: keys <= {k for k, v in np.load(path).items() if v.size}),
        "csv": ("a.csv", trace.to_csv, table),
        "json": ("a.json", trace.to_json, lambda path: keys <= json.loads(path.read_bytes()).keys()),
        "page": ("a.html", lambda path: trace.page(path, with_keras=False), ends(b"</html>")),
        "svg": ("a.svg", lambda path: trace.picture().save(path), ends(b"</svg>")),
        "tex": ("a.tex", lambda path: trace.equations().to_tex(path), ends(b"\\end{document}")),
        "gif": ("a.gif", trace.animate(scale=0.3).save, ends(b"\x3b")),
        "library": ("cache/none", compiled, no_broken_entry),
    }


def began(told: int, seconds: float) -> None:
    """Wait until a writer has begun, and so long after it."""
    os.read(told, 1)
    time.sleep(seconds)


def _forever(write: Callable[[Path], object], path: Path, tell: int) -> None:
    """What the process that is killed does."""
    try:
        os.setsid()  # the compiler is killed with what runs it, as by Ctrl-C in a terminal
        os.write(tell, b".")
        while True:
            write(path)
    finally:
        os._exit(1)


def compilers_ended(folder: Path) -> None:
    """Wait for compilers that were killed with what ran them: they hold the locks of their folders until they are gone."""
    for work in folder.glob(f"{compiler.MAKING}*"):
        handle = os.open(work, os.O_RDONLY)
        fcntl.flock(handle, fcntl.LOCK_EX)
        os.close(handle)


def kills(minutes: float, most: int = 1000) -> int:
    """Of each kind of file so many writers, killed at any moment: the file is whole, and one part at most is left, which
    the next run removes."""
    rng, faults = np.random.default_rng(0), 0
    for kind, (name, write, is_whole) in kinds().items():
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / name
            os.environ["MINIRNN_CACHE"] = str(path.parent)
            start = time.monotonic()
            write(path)
            took, stop = time.monotonic() - start, time.monotonic() + 60 * minutes
            before, count, left, wrong = os.listdir(path.parent), 0, 0, 0
            while count < most and time.monotonic() < stop:
                told, tell = os.pipe()
                writer = os.fork()
                if not writer:
                    _forever(write, path, tell)
                began(told, float(rng.uniform(0, 1.5 * took)))
                os.killpg(writer, signal.SIGKILL)
                _, status = os.waitpid(writer, 0)
                os.close(told), os.close(tell)
                compilers_ended(path.parent)
                parts = [n for n in os.listdir(path.parent) if n.startswith((".", compiler.MAKING))]
                count, left = count + 1, left + bool(parts)
                wrong += os.WTERMSIG(status) != signal.SIGKILL or len(parts) > 1 or not is_whole(path)
            write(path)  # the next run
            wrong += not is_whole(path) or len(os.listdir(path.parent)) != len(before)
        print(f"kills: {kind}: {count} killed, {left} of them as they wrote, {wrong} faults", flush=True)
        faults += wrong
    return faults


def writers(minutes: float) -> int:
    """Four processes that write one file at once: each look finds a whole one."""
    code = "import sys, minirnn.files as f\nwhile True: f.write_whole(sys.argv[1], sys.argv[2].encode() * 300_000)"
    faults = looks = 0
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a"
        write_whole(path, b"0" * 300_000)
        processes = [subprocess.Popen([sys.executable, "-c", code, str(path), letter]) for letter in "1234"]
        stop = time.monotonic() + 60 * minutes
        seen = set()
        while time.monotonic() < stop:
            found = path.read_bytes()
            seen.add(found[:1])
            looks += 1
            faults += len(found) != 300_000 or len(set(found)) != 1
        for process in processes:
            process.kill()
            process.wait()
    print(f"writers: {looks} looks, files of {len(seen)} writers, {faults} faults")
    return faults
