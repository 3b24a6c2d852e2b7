"""Files: written whole or not at all, and opened for reading only if they are files and not too large."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator
from typing import IO

from .system import plain

try:
    import fcntl
except ImportError:  # Windows has none, but lets nobody remove a file that is open
    fcntl = None  # type: ignore[assignment]

StrPath = str | os.PathLike[str]


def shown(path: StrPath) -> str:
    """The name of a file in a sentence: it may come out of a stranger's archive, and must not move the terminal's cursor."""
    return plain(path, 1000)


def demand_writable(path: StrPath) -> None:
    """Raise an OSError of one sentence if `path` cannot be written; to be called before work that takes long."""
    if not os.fspath(path):
        raise FileNotFoundError("the name of the file to write is empty")
    if "\0" in os.fspath(path):
        raise FileNotFoundError(f"{str(path)!r}: no file can have this name")
    target = os.path.realpath(path)
    folder = os.path.dirname(target)
    if not replaceable(path):
        allowed = os.access(path, os.W_OK)
    elif os.path.isdir(target):
        raise IsADirectoryError(f"{shown(path)}: this is a folder; give the name of a file in it")
    elif not os.path.isdir(folder):
        raise FileNotFoundError(f"{shown(path)}: there is no folder {os.path.dirname(path) or folder!r}")
    elif os.path.islink(target):
        raise FileNotFoundError(f"{shown(path)}: this link leads to itself")
    else:
        allowed = os.access(folder, os.W_OK | os.X_OK) and (not os.path.exists(target) or os.access(target, os.W_OK))
    if not allowed:
        raise PermissionError(f"{shown(path)}: you may not write there")


def replaceable(path: StrPath) -> bool:
    """Whether another file can take the place of `path`: not of a pipe, a device or a stream of this process."""
    try:
        mode = os.stat(path).st_mode
    except OSError:
        return True  # there is nothing yet
    of_a_process = os.path.abspath(path).startswith(("/dev/", "/proc/"))
    return (stat.S_ISREG(mode) or stat.S_ISDIR(mode)) and not of_a_process


def write_whole(path: StrPath, data: bytes) -> None:
    """Write `data` beside `path` and put it in place in one move; on any failure `path` is as it was.

    Links are followed, and the mode of a file that is there is kept. What nothing can take the place of (a pipe, a device)
    is written through. Of several writers at once each puts its whole file in place, one after the other. A run that is
    killed leaves at most one file, ``.name.part``, which the next run removes.

    Raises OSError, one sentence that names `path`.
    """
    demand_writable(path)
    try:
        if not replaceable(path):
            with open(path, "ab") as file:
                file.write(data)
            return
        target = os.path.realpath(path)
        folder, name = os.path.split(target)
        mode = stat.S_IMODE(os.stat(target).st_mode) if os.path.exists(target) else None
        with _part(os.path.join(folder, f".{name[:50]}.part"), 0o666 if mode is None else mode) as (part, file):
            if mode is not None:
                os.chmod(part, mode)  # before anything is in it that others may not read
            file.write(data)
            file.flush()
            os.replace(part, target)
    except OSError as error:
        raise OSError(f"{shown(path)}: it cannot be written: {error.strerror or error}") from error


@contextlib.contextmanager
def _part(path: str, mode: int) -> Iterator[tuple[str, IO[bytes]]]:
    """A new file of that name and, at most, mode, locked against other writers; removed if it stays."""
    flags = os.O_RDWR | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
    while True:
        try:
            handle, new = os.open(path, flags | os.O_CREAT | os.O_EXCL, mode), True
        except FileExistsError:  # of a writer that was killed, or of one at work: then wait
            try:
                handle, new = os.open(path, flags | getattr(os, "O_NOFOLLOW", 0)), False
            except FileNotFoundError:
                continue
        if fcntl:
            fcntl.flock(handle, fcntl.LOCK_EX)
        if _is(handle, path):
            if new:
                break
            os.unlink(path)
        os.close(handle)
    with open(handle, "wb") as file:
        try:
            yield path, file
        finally:
            if _is(handle, path):
                os.unlink(path)


def _is(handle: int, path: str) -> bool:
    try:
        return os.path.samestat(os.fstat(handle), os.stat(path, follow_symlinks=False))
    except FileNotFoundError:
        return False


@contextlib.contextmanager
def open_regular(path: StrPath, most: int) -> Iterator[IO[bytes]]:
    """The file, open for reading.

    Raises FileNotFoundError if there is none, ValueError if it is no regular file or has more than `most` bytes.
    """
    try:
        status = os.stat(path)
    except (OSError, ValueError) as error:  # a name may also be too long, or none at all
        raise FileNotFoundError(f"{shown(path)}: there is no such file") from error
    if not stat.S_ISREG(status.st_mode):
        raise ValueError(f"{shown(path)}: this is not a regular file")
    if status.st_size > most:
        raise ValueError(f"{shown(path)}: the file has {status.st_size / 2**20:.0f} MB; at most {most // 2**20} are read")
    with open(path, "rb", buffering=0) as file:  # a buffer would hold a large file twice
        yield file
