"""The system's C compiler, and the libraries that it made, kept on disk.

A library is written whole into a folder that is the user's alone (mode 0700), under a name that says what it was made of:
the text, the flags, the compiler, the processor and the versions of Python and NumPy. What is another's is not loaded.
"""

from __future__ import annotations

import ctypes
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

FLAGS = [
    "-std=gnu11", "-O2", "-ftree-vectorize", "-march=native", "-ffp-contract=fast", "-fno-math-errno", "-fno-trapping-math",
    "-shared", "-fPIC", "-w",
]  # fmt: skip
GCC = ["-fvect-cost-model=dynamic", "-fpeel-loops", "-fsplit-loops"]
SECONDS = 120  # that a compiler may take
NONE = (
    "there is no C compiler here: install gcc or clang, say where one is with CC=..., or install minirnn[c]; "
    "engine='numpy' needs none"
)


@functools.cache
def compiler(said: str | None = None) -> list[str]:
    """The command of the compiler: $CC, cc, gcc, clang, or that of ziglang. NotImplementedError if there is none."""
    if said:
        command = shlex.split(said)
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
    try:
        return subprocess.run([*command, "--version"], capture_output=True, text=True, timeout=SECONDS).stdout
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NotImplementedError(f"the C compiler {command[0]} does not run: {error}") from error


@functools.cache
def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return "\n".join(dict.fromkeys(line for line in lines if line.startswith(("model name", "flags", "Features"))))
    except OSError:
        return platform.processor() + platform.machine() + platform.node()


def folder() -> Path:
    """Where libraries are kept: $MINIRNN_CACHE, or minirnn in the user's cache."""
    own = os.environ.get("MINIRNN_CACHE")
    if own:
        return Path(own)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "minirnn"


def _is_private(path: Path) -> bool:
    """Whether nobody else can have written there."""
    found = path.lstat()
    own = not hasattr(os, "getuid") or found.st_uid == os.getuid()
    return own and not stat.S_ISLNK(found.st_mode) and not found.st_mode & 0o022


def _kept() -> Path | None:
    """The folder, made if it is not there; None where it cannot be made or is not the user's alone."""
    try:
        path = folder()
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        return path if path.is_dir() and _is_private(path) and os.access(path, os.W_OK | os.X_OK) else None
    except (OSError, RuntimeError):
        return None


def library(text: str, further: tuple[str, ...] = ()) -> Path:
    """The library that the text is compiled to, from the folder if it is there.

    NotImplementedError, in one sentence, if there is no compiler or if it fails.
    """
    command = compiler(os.environ.get("CC"))
    version = _version(tuple(command))
    flags = [*FLAGS, *(GCC if "clang" not in version and "zig" not in " ".join(command) else []), *further]
    abi = f"{sysconfig.get_config_var('SOABI')} {np.__version__}"
    key = hashlib.sha256("\0".join([text, *command, *flags, version, _processor(), abi]).encode()).hexdigest()[:40]
    kept = _kept()
    if kept is not None and (found := _found(kept / f"{key}.so")) is not None:
        return found
    return _compiled(text, command, flags, kept, key)


def _found(path: Path) -> Path | None:
    """A library that was kept; None if it is not there, not whole, or not the user's own."""
    try:
        if not _is_private(path) or not stat.S_ISREG(path.lstat().st_mode):
            return None
        content = path.read_bytes()
        mark = path.with_suffix(".sha256")
        whole = _is_private(mark) and mark.read_text().strip() == hashlib.sha256(content).hexdigest()
        return path if whole else None
    except OSError:
        return None


def _compiled(text: str, command: list[str], flags: list[str], kept: Path | None, key: str) -> Path:
    """Compile in a folder of this process, then move what was made to its place, whole."""
    work = Path(tempfile.mkdtemp(prefix="making-", dir=kept))
    try:
        (work / "network.c").write_text(text)
        made = work / "network.so"
        try:
            run = subprocess.run(
                [*command, *flags, str(work / "network.c"), "-o", str(made), "-lm"],
                capture_output=True,
                text=True,
                timeout=SECONDS,
                stdin=subprocess.DEVNULL,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise NotImplementedError(f"the C compiler {command[0]} does not run: {error}") from error
        if run.returncode or not made.exists():
            said = next((line for line in run.stderr.splitlines() if "error" in line), run.stderr[-200:])
            raise NotImplementedError(f"the C compiler {command[0]} refuses the C of this network: {said.strip()[:300]}")
        made.chmod(0o700)
        if kept is None:
            _temporary.append(work)
            return made
        (work / "mark").write_text(hashlib.sha256(made.read_bytes()).hexdigest())
        os.replace(made, kept / f"{key}.so")
        os.replace(work / "mark", kept / f"{key}.sha256")
        return kept / f"{key}.so"
    finally:
        if work not in _temporary:
            shutil.rmtree(work, ignore_errors=True)


_temporary: list[Path] = []  # folders of libraries that could not be kept; the system clears them away


def entries() -> list[tuple[Path, int, float]]:
    """The libraries that are kept: where, of how many bytes, and when they were made."""
    kept = folder()
    try:
        return [(p, p.stat().st_size, p.stat().st_mtime) for p in sorted(kept.glob("*.so"))]
    except OSError:
        return []


def clear() -> int:
    """Remove all libraries that are kept, and what compilers that were killed left; how many there were."""
    kept = folder()
    found = len(entries())
    if not kept.is_dir() or not _is_private(kept):
        return 0
    for path in [*kept.glob("*.so"), *kept.glob("*.sha256")]:
        path.unlink(missing_ok=True)
    for path in kept.glob("making-*"):
        shutil.rmtree(path, ignore_errors=True)
    return found


@functools.lru_cache(maxsize=256)
def loaded(text: str, further: tuple[str, ...] = ()) -> ctypes.CDLL:
    """The library of the text, loaded."""
    path = library(text, further)
    try:
        found = ctypes.CDLL(str(path))
    except OSError as error:
        raise NotImplementedError(f"the library that the C compiler made cannot be loaded: {error}") from error
    found.memory.restype = ctypes.c_long
    return found
