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
from minirnn.readings.source.c import compiler

from ...endurance.writing import compilers_ended

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


def of_another_name(path):
    """As of another version of Python: whole, and with its own mark."""
    other = compiler.library(TEXT + "// another\n")
    for end in (".so", ".sha256"):
        os.replace(other.with_suffix(end), path.with_suffix(end))


def pipe(path):
    path.unlink()
    os.mkfifo(path)


def folder(path):
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize("harm", [truncated, changed, open_to_all, link, unmarked, of_another_name, pipe])
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


@pytest.mark.parametrize("mask", [0o000, 0o002, 0o077])
def test_what_is_kept_is_private_whatever_the_umask(mask, cache):
    old = os.umask(mask)
    try:
        path = compiler.library(TEXT)
        assert compiler._found(path) == path and cache.stat().st_mode & 0o077 == 0
        assert all(p.stat().st_mode & 0o022 == 0 for p in cache.iterdir())
    finally:
        os.umask(old)


def test_a_folder_that_others_can_replace_is_not_used(tmp_path, monkeypatch):
    above = tmp_path / "above"
    above.mkdir()
    monkeypatch.setenv("MINIRNN_CACHE", str(above / "cache"))
    assert compiler.library(TEXT).parent == above / "cache"
    above.chmod(0o777)
    assert above not in compiler.library(TEXT).parents
    above.chmod(0o1777)  # sticky, as /tmp is: nobody can move what is another's
    assert compiler.library(TEXT).parent == above / "cache"
    monkeypatch.setattr(os, "getuid", lambda: above.stat().st_uid + 1)
    assert above not in compiler.library(TEXT).parents


def test_a_folder_in_the_place_of_an_entry(cache):
    path = compiler.library(TEXT)
    folder(path)
    assert compiler._found(path) is None and compiler.library(TEXT).is_file() and cache not in compiler.library(TEXT).parents


def test_clearing_leaves_what_is_not_of_the_cache(cache):
    compiler.library(TEXT)
    others = [cache / name for name in ("libc.so", "notes.sha256", "making-of")]
    others[0].touch(), others[1].touch(), others[2].mkdir()
    (cache / "minirnn-making-1").mkdir()
    assert len(compiler.entries()) == compiler.clear() == 1
    assert sorted(cache.iterdir()) == sorted(others)


def test_a_full_disk(monkeypatch, trace, cache):
    """Where nothing can be kept a library is made in a temporary folder; where that fails too, it is said."""
    real = os.replace

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    path = compiler.library(TEXT)
    assert path.exists() and cache not in path.parents
    monkeypatch.setattr(os, "replace", real)
    monkeypatch.setattr(compiler.tempfile, "mkdtemp", full)
    with pytest.raises(NotImplementedError, match=r"^a compiled library cannot be written: No space left on device$"):
        trace.compile(engine="c")


LIMITED = """
import resource, sys
sys.dont_write_bytecode = True  # Python would leave modules cut off at the limit, for whoever imports them next
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
from minirnn.readings.source.c import compiler
try:
    compiler.library("long memory(const long *s) { return 7; }" + "// long" * 1000)
except NotImplementedError as error:
    print(error)
"""


def test_files_that_may_not_grow(cache):
    done = subprocess.run([sys.executable, "-c", LIMITED], capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout.strip() == "a compiled library cannot be written: File too large" and not done.stderr
    assert not list(cache.glob("*"))


@pytest.mark.parametrize("home", ["/proc/none", "/dev/null", "/dev/full", "/" + "n" * 300, __file__])
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
    with pytest.raises(NotImplementedError, match=r"no C compiler here: install gcc or clang, .* pip install ziglang"):
        trace.compile(engine="c")
    compiler.compiler.cache_clear()


@pytest.mark.parametrize(
    ("said", "says"),
    [
        ("gcc; touch x", "there is no C compiler 'gcc;'"),
        ("$(touch x)", r"there is no C compiler '\$\(touch'"),
        ("`touch x`", "there is no C compiler '`touch'"),
        ('gcc "', "which is no command: No closing quotation"),
        ("/", "there is no C compiler '/'"),
        ("true", "'true' refuses the C of this network: without a word"),
        ("cat", "'cat' refuses the C of this network: "),
    ],
)
def test_odd_compilers_are_refused_in_one_line_and_run_no_shell(said, says, trace, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CC", said)
    with pytest.raises(NotImplementedError, match=says) as caught:
        trace.compile(engine="c")
    assert str(caught.value).isprintable() and not (tmp_path / "x").exists()


def test_a_compiler_that_says_what_cannot_be_shown(trace, monkeypatch, tmp_path):
    script = tmp_path / "a c compiler"  # whose path has blanks
    script.write_text("#!/bin/sh\nread x\nprintf 'error: \\377\\033[2J\\r%0500d' 1 >&2; exit 1\n")
    script.chmod(0o755)
    monkeypatch.setenv("CC", str(script))
    with pytest.raises(NotImplementedError, match="refuses the C of this network: error: ") as caught:
        trace.compile(engine="c")
    assert str(caught.value).isprintable() and len(str(caught.value)) < 500


def test_blanks_name_no_compiler(monkeypatch):
    monkeypatch.setenv("CC", "  ")
    assert compiler.library(TEXT).exists()


def test_a_library_without_what_is_called(monkeypatch):
    with pytest.raises(NotImplementedError, match=r"cannot be loaded: .*memory"):
        compiler.loaded("void compute(void) { }\n", "memory")


def test_training_goes_on_without_a_compiler(network, monkeypatch):
    monkeypatch.setenv("CC", "no-such-compiler")
    model = network()
    model.compile("sgd", "mse", engine="c")
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
    assert not list(cache.glob("minirnn-making-*")) and all(compiler._found(p) == p for p in cache.glob("*.so"))


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
    compilers_ended(cache)
    assert not list(cache.glob("*.so")) and list(cache.glob("minirnn-making-*"))
    work = cache / "minirnn-making-now"  # of a compiler at work, which stays
    work.mkdir()
    lock = compiler._locked(work)
    assert compiler.library(TEXT).exists() and list(cache.glob("minirnn-making-*")) == [work]
    os.close(lock)
    compiler.clear()
    assert not list(cache.iterdir())


def test_the_command_line_shows_and_clears(cache, capsys):
    compiler.library(TEXT)
    assert main(["cache"]) == 0 and "1 libraries in" in capsys.readouterr().out
    assert main(["cache", "--clear"]) == 0 and "1 libraries removed" in capsys.readouterr().out
    assert main(["cache"]) == 0 and "0 libraries in" in capsys.readouterr().out
    assert mr is not None
