"""The system's C compiler, and the libraries that it made, kept on disk.

A library is written whole into a folder that is the user's alone (mode 0700), under a name that says what it was made of:
the text, the flags, the compiler, the processor and the versions of Python and NumPy. Beside it stands a mark of its name
and content. What others may have written, or put in its place, is not loaded. Where nothing can be kept, a library is made
in a temporary folder, each time.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import functools
import hashlib
import os
import platform
import shlex
import shutil
import stat
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

import numpy as np

from ....engine.escapes import terminal
from ....files import fcntl

FLAGS = [
    "-std=gnu11", "-O2", "-ftree-vectorize", "-march=native", "-ffp-contract=fast", "-fno-math-errno", "-fno-trapping-math",
    "-shared", "-fPIC", "-w", "-pthread",
]  # fmt: skip
GCC = ["-fvect-cost-model=dynamic", "-fpeel-loops", "-fsplit-loops"]
SECONDS = 120  # that a compiler may take
LEAST_FREE = 2**20  # bytes of a disk that is not full
KEY, MARK, MAKING = (
    40,
    ".sha256",
    "minirnn-making-",
)  # letters of a name; what ends and what begins other names in the folder
NONE = (
    "there is no C compiler here: install gcc or clang, say where one is with CC=..., or pip install ziglang; "
    "engine='numpy' needs none"
)


@functools.cache
def compiler(said: str | None = None) -> list[str]:
    """The command of the compiler: $CC, cc, gcc, clang, or that of ziglang. NotImplementedError if there is none."""
    if said and said.strip():
        try:
            command = [said] if shutil.which(said) else shlex.split(said)  # a path may have blanks
        except ValueError as error:
            raise NotImplementedError(f"CC is {said!r}, which is no command: {error}") from error
        if shutil.which(command[0]) is None:
            raise NotImplementedError(f"there is no C compiler {command[0]!r}, which CC names")
        return command
    for name in ("cc", "gcc", "clang"):
        if shutil.which(name):
            return [name]
    try:
        import ziglang  # noqa: F401
    except ImportError:
        raise NotImplementedError(NONE) from None
    return [sys.executable, "-m", "ziglang", "cc"]


@functools.cache
def _version(command: tuple[str, ...]) -> str:
    return _run([*command, "--version"]).stdout


def _run(command: list[str], lock: int | None = None) -> subprocess.CompletedProcess[str]:
    """Run a compiler, which is asked nothing and may say anything; it holds `lock` as long as it runs, come what may."""
    held = () if lock is None else (lock,)
    try:
        return subprocess.run(
            command, capture_output=True, text=True, errors="replace", timeout=SECONDS, stdin=subprocess.DEVNULL,
            pass_fds=held, check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NotImplementedError(f"the C compiler {command[0]!r} does not run: {error}") from error


@functools.cache
def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return "\n".join(dict.fromkeys(line for line in lines if line.startswith(("model name", "flags", "Features"))))
    except OSError:
        return platform.processor() + platform.machine() + platform.node()


def folder() -> Path:
    """Where libraries are kept: $MINIRNN_CACHE, or minirnn in the user's cache; without a home, in the temporary folder."""
    own = os.environ.get("MINIRNN_CACHE")
    if own:
        return Path(own)
    try:
        return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "minirnn"
    except RuntimeError:
        return Path(tempfile.gettempdir()) / f"minirnn-{getattr(os, 'getuid', str)()}"


def _is_private(found: os.stat_result) -> bool:
    """Whether nobody else can have written there."""
    own = not hasattr(os, "getuid") or found.st_uid == os.getuid()
    return own and not stat.S_ISLNK(found.st_mode) and not found.st_mode & 0o022


def _is_out_of_reach(path: Path) -> bool:
    """Whether nobody can put another folder in the place of this one: those above it are not open to others."""
    for above in path.absolute().parents if hasattr(os, "getuid") else ():
        found = above.stat()
        own, own_group = found.st_uid in (0, os.getuid()), found.st_gid in (0, os.getgid())
        if not own or (found.st_mode & (0o002 if own_group else 0o022) and not found.st_mode & stat.S_ISVTX):
            return False
    return True


def _kept() -> Path | None:
    """The folder, made if it is not there; None where it cannot be made or is not the user's alone."""
    try:
        path = folder()
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        private = path.is_dir() and _is_private(path.lstat()) and _is_out_of_reach(path)
        return path if private and os.access(path, os.W_OK | os.X_OK) else None
    except (OSError, ValueError):  # a name may also be too long, or none at all
        return None


def library(text: str, further: tuple[str, ...] = ()) -> Path:
    """The library that the text is compiled to, from the folder if it is there.

    NotImplementedError, in one sentence, if there is no compiler or if it fails.
    """
    command = compiler(os.environ.get("CC"))
    version = _version(tuple(command))
    flags = [*FLAGS, *(GCC if "clang" not in version and "zig" not in " ".join(command) else []), *further]
    abi = f"{sysconfig.get_config_var('SOABI')} {np.__version__}"
    key = hashlib.sha256("\0".join([text, *command, *flags, version, _processor(), abi]).encode()).hexdigest()[:KEY]
    kept = _kept()
    if kept is not None and (found := _found(kept / f"{key}.so")) is not None:
        return found
    try:
        return _compiled(text, command, flags, kept, key)
    except OSError:  # the disk is full, say
        try:
            return _compiled(text, command, flags, None, key)
        except OSError as error:
            raise NotImplementedError(f"a compiled library cannot be written: {error.strerror or error}") from error


def _found(path: Path) -> Path | None:
    """A library that was kept; None if it is not there, not whole, not the one of this name, or not the user's own."""
    try:
        content, mark = _own(path), _own(path.with_suffix(MARK))
        return path if mark.decode("ascii", "replace") == _mark(path.stem, content) else None
    except OSError:
        return None


def _own(path: Path) -> bytes:
    """The content of a file that only the user can have written. OSError if it is none."""
    handle = os.open(
        path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0)
    )
    with open(handle, "rb") as file:
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode) or not _is_private(found):
            raise PermissionError(f"{path} is not a file of the user's alone")
        return file.read()


def _mark(key: str, content: bytes) -> str:
    return hashlib.sha256(key.encode() + content).hexdigest()


def _compiled(text: str, command: list[str], flags: list[str], kept: Path | None, key: str) -> Path:
    """Compile in a folder of this process, then move what was made to its place, whole. OSError if it cannot be written."""
    if kept is not None:
        _sweep(kept)
    work = Path(tempfile.mkdtemp(prefix=MAKING, dir=kept))
    lock = _locked(work)
    try:
        (work / "network.c").write_text(text)
        made, mark = work / "network.so", work / "mark"
        run = _run([*command, *flags, str(work / "network.c"), "-o", str(made), "-lm"], lock)
        if run.returncode or not made.exists():
            if shutil.disk_usage(work).free < LEAST_FREE:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            said = next((line for line in run.stderr.splitlines() if "error" in line), run.stderr[-200:] or "without a word")
            said = terminal(" ".join(said.split()))[:300]
            raise NotImplementedError(f"the C compiler {command[0]!r} refuses the C of this network: {said}")
        made.chmod(0o700)
        if kept is None:
            _temporary.append(work)
            return made
        mark.touch(0o600)
        mark.write_text(_mark(key, made.read_bytes()))
        os.replace(made, kept / f"{key}.so")
        os.replace(mark, kept / f"{key}{MARK}")
        return kept / f"{key}.so"
    finally:
        if work not in _temporary:
            shutil.rmtree(work, ignore_errors=True)
        if lock is not None:
            os.close(lock)


def _locked(work: Path) -> int | None:
    """A folder that is locked for this process, until it ends or the handle is closed; OSError if it is another's."""
    if fcntl is None:
        return None
    handle = os.open(work, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        raise
    return handle


def _sweep(kept: Path) -> None:
    """Remove what compilers left that were killed: the folders that no process has locked."""
    for work in kept.glob(f"{MAKING}*"):
        with contextlib.suppress(OSError):
            lock = _locked(work)
            shutil.rmtree(work, ignore_errors=True)
            if lock is not None:
                os.close(lock)


_temporary: list[Path] = []  # folders of libraries that could not be kept; the system clears them away


def entries() -> list[tuple[Path, int, float]]:
    """The libraries that are kept: where, of how many bytes, and when they were made."""
    try:
        found = [path for path in sorted(folder().glob("*.so")) if _is_ours(path)]
        return [(p, p.lstat().st_size, p.lstat().st_mtime) for p in found]
    except (OSError, ValueError):
        return []


def _is_ours(path: Path) -> bool:
    """Whether a file has a name that `library` gives: the folder may be one of the user's, and hold other things."""
    return len(path.stem) == KEY and set(path.stem) <= set("0123456789abcdef")


def clear() -> int:
    """Remove all libraries that are kept, and what compilers that were killed left; how many there were."""
    kept, found = _kept(), len(entries())
    if kept is None:
        return 0
    for path in [*kept.glob("*.so"), *kept.glob(f"*{MARK}")]:
        if _is_ours(path):
            path.unlink(missing_ok=True)
    _sweep(kept)
    return found


@functools.lru_cache(maxsize=256)
def loaded(text: str, symbol: str, further: tuple[str, ...] = ()) -> ctypes.CDLL:
    """The library of the text, loaded; it must hold this symbol."""
    path = library(text, further)
    try:
        found = ctypes.CDLL(str(path.absolute()))  # a bare name is searched for in the folders of the system
        getattr(found, symbol)
    except (OSError, AttributeError) as error:
        raise NotImplementedError(f"the library that the C compiler made cannot be loaded: {error}") from error
    return found
