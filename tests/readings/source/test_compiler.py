"""The cache of compiled libraries, and what is wrong with compilers, folders and entries."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

import minirnn as mr
from minirnn.cli import main
from minirnn.readings.source import compiler

TEXT = "long memory(const long *s) { return 7; }\nvoid compute(void) { }\n"
pytestmark = pytest.mark.skipif(not any(map(compiler.shutil.which, ("cc", "gcc", "clang"))), reason="no C compiler")


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("MINIRNN_CACHE", str(tmp_path / "cache"))
    compiler.loaded.cache_clear()
    yield tmp_path / "cache"
    compiler.loaded.cache_clear()


def test_it_is_kept_in_a_private_folder_and_used_again(cache, monkeypatch):
    first = compiler.library(TEXT)
    assert first.parent == cache and cache.stat().st_mode & 0o777 == 0o700
    monkeypatch.setattr(compiler, "_compiled", lambda *_: pytest.fail("compiled again"))
    assert compiler.library(TEXT) == first
    assert sorted(p.suffix for p in cache.iterdir()) == [".sha256", ".so"]


def test_other_flags_make_another_library():
    assert compiler.library(TEXT) != compiler.library(TEXT, ("-g",)) != compiler.library(TEXT + "\n")


def truncated(path):
    path.write_bytes(path.read_bytes()[:-9])


def changed(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def open_to_all(path):
    path.chmod(0o777)


def link(path):
    other = path.with_name("other")
    path.rename(other)
    path.symlink_to(other)


def unmarked(path):
    path.with_suffix(".sha256").unlink()


@pytest.mark.parametrize("harm", [truncated, changed, open_to_all, link, unmarked])
def test_an_entry_that_is_not_as_it_was_written_is_not_loaded(harm, cache):
    path = compiler.library(TEXT)
    harm(path)
    assert compiler._found(path) is None
    again = compiler.library(TEXT)
    assert again == path and not again.is_symlink() and compiler._found(again) == again


def test_an_entry_of_somebody_else_is_not_loaded(cache, monkeypatch):
    path = compiler.library(TEXT)
    monkeypatch.setattr(os, "getuid", lambda: path.stat().st_uid + 1)
    assert compiler._found(path) is None
    assert compiler.library(TEXT).parent.parent != cache  # nor is anything written into somebody else's folder


def test_a_folder_open_to_others_is_not_used(cache):
    cache.mkdir()
    cache.chmod(0o777)
    path = compiler.library(TEXT)
    assert path.exists() and cache not in path.parents and not any(cache.iterdir())


@pytest.mark.parametrize("home", ["/proc/none", "/dev/null"])
def test_a_home_that_cannot_be_written(home, monkeypatch):
    monkeypatch.setenv("MINIRNN_CACHE", home)
    assert compiler.library(TEXT).exists()
    assert compiler.entries() == [] and compiler.clear() == 0


def test_no_compiler_is_said_in_a_sentence(trace, monkeypatch):
    monkeypatch.setenv("CC", "no-such-compiler")
    with pytest.raises(NotImplementedError, match="there is no C compiler 'no-such-compiler', which CC names"):
        trace.compile(engine="c")
    monkeypatch.delenv("CC")
    monkeypatch.setattr(compiler.shutil, "which", lambda name: None)
    monkeypatch.setitem(sys.modules, "ziglang", None)
    compiler.compiler.cache_clear()
    with pytest.raises(NotImplementedError, match=r"there is no C compiler here: install gcc or clang, .* minirnn\[c\]"):
        trace.compile(engine="c")
    compiler.compiler.cache_clear()


def test_training_goes_on_without_a_compiler(network, monkeypatch):
    monkeypatch.setenv("CC", "no-such-compiler")
    model = network()
    model.compile("sgd", engine="c")
    with pytest.warns(RuntimeWarning, match="NumPy computes in place of the engine 'c': there is no C compiler"):
        assert model.fit(np.ones((2, 4, 3)), np.ones((2, 6)), verbose=0).history["loss"]


def test_a_compiler_that_refuses(trace, monkeypatch, tmp_path):
    script = tmp_path / "cc"
    script.write_text("#!/bin/sh\n[ \"$1\" = --version ] && exit 0\necho 'x.c:1: error: I do not like it' >&2; exit 1\n")
    script.chmod(0o755)
    monkeypatch.setenv("CC", str(script))
    with pytest.raises(NotImplementedError, match=r"refuses the C of this network: x.c:1: error: I do not like it"):
        trace.compile(engine="c")


BOTH = """
import numpy as np, minirnn as mr
from minirnn import demo
t = mr.trace(demo.model(), demo.X, np.zeros((1, 2)))
f = t.compile(engine="c")
print(float(f({n: p.value for n, p in t.parameters.items()}, demo.X, np.zeros((1, 2)))[0]))
"""


def test_two_processes_at_once(cache):
    both = [subprocess.Popen([sys.executable, "-c", BOTH], stdout=subprocess.PIPE, text=True) for _ in range(2)]
    said = [process.communicate(timeout=240)[0].strip() for process in both]
    assert said == ["0.880917682119562"] * 2
    assert not list(cache.glob("making-*")) and all(compiler._found(p) == p for p in cache.glob("*.so"))


def test_a_killed_compile_leaves_no_entry(cache, tmp_path, monkeypatch):
    script = tmp_path / "cc"
    script.write_text(f'#!/bin/sh\n[ "$1" = --version ] && exit 0\ntouch {tmp_path}/begun\nexec sleep 60\n')
    script.chmod(0o755)
    process = subprocess.Popen([sys.executable, "-c", BOTH], env=os.environ | {"CC": str(script)}, start_new_session=True)
    for _ in range(600):
        if (tmp_path / "begun").exists():
            break
        time.sleep(0.1)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert not list(cache.glob("*.so")) and list(cache.glob("making-*"))
    assert compiler.library(TEXT).exists()
    compiler.clear()
    assert not list(cache.iterdir())


def test_the_command_line_shows_and_clears(cache, capsys):
    compiler.library(TEXT)
    assert main(["cache"]) == 0 and "1 libraries in" in capsys.readouterr().out
    assert main(["cache", "--clear"]) == 0 and "1 libraries removed" in capsys.readouterr().out
    assert main(["cache"]) == 0 and "0 libraries in" in capsys.readouterr().out
    assert mr is not None
