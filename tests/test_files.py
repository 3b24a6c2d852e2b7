"""What is written is whole, or there is nothing new; what is there and no file stays what it is."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import threading

import pytest

import minirnn as mr
from minirnn import files
from minirnn.files import demand_writable, open_regular, write_whole


def test_a_failed_write_keeps_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "a.txt"
    write_whole(path, b"old")
    monkeypatch.setattr(os, "replace", lambda *_: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match=r"a\.txt: it cannot be written: disk full"):
        write_whole(path, b"new")
    assert path.read_bytes() == b"old" and [p.name for p in tmp_path.iterdir()] == ["a.txt"]


def test_a_target_that_cannot_be_written_is_refused_before_the_work(tmp_path):
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "folder").mkdir()
    for name, says in (
        ("none/a", "there is no folder"),
        ("folder", "this is a folder"),
        ("loop", "leads to itself"),
        ("a\0", "no file"),
    ):
        with pytest.raises(OSError, match=says):
            demand_writable(tmp_path / name)
    with pytest.raises(OSError, match="empty"):
        demand_writable("")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_where_one_may_not_write(tmp_path):
    path = tmp_path / "a"
    path.write_text("old")
    path.chmod(0o400)
    with pytest.raises(PermissionError, match="may not"):
        demand_writable(path)


def test_links_are_followed_and_modes_are_kept(tmp_path):
    target, link, dangling = tmp_path / "a", tmp_path / "link", tmp_path / "dangling"
    link.symlink_to("a")
    dangling.symlink_to("b")
    mask = os.umask(0o027)
    try:
        write_whole(link, b"1")
        assert stat.S_IMODE(target.stat().st_mode) == 0o640  # as the umask says
        target.chmod(0o751)
        write_whole(link, b"2")
        write_whole(dangling, b"3")
    finally:
        assert os.umask(mask) == 0o027
    assert stat.S_IMODE(target.stat().st_mode) == 0o751 and target.read_bytes() == b"2" and link.is_symlink()
    assert (tmp_path / "b").read_bytes() == b"3" and sorted(os.listdir(tmp_path)) == ["a", "b", "dangling", "link"]


def test_a_pipe_a_device_and_a_stream_are_written_through(tmp_path, capfd):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    got = []
    reader = threading.Thread(target=lambda: got.append(pipe.read_bytes()))
    reader.start()
    write_whole(pipe, b"x" * 200_000)
    reader.join(20)
    assert got == [b"x" * 200_000] and stat.S_ISFIFO(pipe.stat().st_mode)
    write_whole(os.devnull, b"nothing")
    assert stat.S_ISCHR(os.stat(os.devnull).st_mode)
    write_whole("/dev/stdout", b"said")
    assert capfd.readouterr().out == "said"
    with pytest.raises(OSError, match="/dev/full: it cannot be written: No space left"):
        write_whole("/dev/full", b"x" * 100_000)


KILLED = """
import os, signal, sys
import minirnn as mr
from minirnn import files
os.replace = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
files.write_whole(sys.argv[1], b"new")
"""


def test_what_a_killed_run_leaves_is_removed_by_the_next(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes(b"old")
    for _ in range(2):
        killed = subprocess.run([sys.executable, "-c", KILLED, str(path)], timeout=60)
        assert killed.returncode == -signal.SIGKILL and path.read_bytes() == b"old"
        assert sorted(os.listdir(tmp_path)) == [".a.txt.part", "a.txt"]
    write_whole(path, b"new")
    assert os.listdir(tmp_path) == ["a.txt"] and path.read_bytes() == b"new"


WRITER = """
import sys
from minirnn.files import write_whole
for _ in range(60):
    write_whole(sys.argv[1], sys.argv[2].encode() * 50_000)
"""


def test_several_writers_each_put_a_whole_file_in_place(tmp_path):
    path = tmp_path / "a"
    write_whole(path, b"0" * 50_000)
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, str(path), letter]) for letter in "1234"]
    while any(writer.poll() is None for writer in writers):
        found = path.read_bytes()
        assert len(found) == 50_000 and len(set(found)) == 1
    assert [writer.returncode for writer in writers] == [0] * 4 and os.listdir(tmp_path) == ["a"]


def test_a_temporary_file_in_the_way_of_a_long_name(tmp_path):
    path = tmp_path / ("n" * 255)
    write_whole(path, b"1")
    assert path.read_bytes() == b"1"


def test_only_files_that_are_not_too_large_are_opened(tmp_path):
    (tmp_path / "a").write_bytes(b"12345")
    with open_regular(tmp_path / "a", 5) as file:
        assert file.read() == b"12345"
    for path, most, kind, says in (
        (tmp_path / "a", 4, ValueError, "at most"),
        (tmp_path, 9, ValueError, "not a regular file"),
        (tmp_path / "b", 9, FileNotFoundError, "no such file"),
    ):
        with pytest.raises(kind, match=says), open_regular(path, most):
            pass


def test_without_locks_there_are_files_too(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "fcntl", None)
    (tmp_path / ".a.part").write_bytes(b"left")
    write_whole(tmp_path / "a", b"1")
    assert os.listdir(tmp_path) == ["a"]


def test_nobody_reads_what_replaces_a_file_of_ones_own(tmp_path, monkeypatch):
    """Not for a moment: the mode is there before the first byte, and stays if the run is killed then."""
    path, seen = tmp_path / "a.json", []
    path.write_bytes(b"before")
    path.chmod(0o600)
    replace = os.replace

    def watched(part, target):
        seen.append(stat.S_IMODE(os.stat(part).st_mode))
        replace(part, target)

    chmod = os.chmod
    monkeypatch.setattr(os, "chmod", lambda p, mode: (seen.append(os.stat(p).st_size), chmod(p, mode)))
    monkeypatch.setattr(os, "replace", watched)
    before = os.umask(0o022)
    try:
        write_whole(path, b"after")
    finally:
        os.umask(before)
    assert seen == [0, 0o600] and stat.S_IMODE(path.stat().st_mode) == 0o600 and path.read_bytes() == b"after"


def test_names_of_files_move_no_cursor(tmp_path):
    path = tmp_path / "a\x1b[31m\x07.keras"
    with pytest.raises(FileNotFoundError) as caught:
        mr.load(path)
    assert str(caught.value).isprintable()
    path.write_bytes(b"nothing of the kind")
    with pytest.raises(ValueError, match=r"neither a \.keras nor an HDF5") as wrong:
        mr.load(path)
    assert str(wrong.value).isprintable()
