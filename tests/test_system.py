from __future__ import annotations

import os

import pytest

from minirnn.system import quiet_stderr, write_whole


def test_a_failed_write_keeps_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "a.txt"
    write_whole(path, b"old")
    monkeypatch.setattr(os, "replace", lambda *_: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        write_whole(path, b"new")
    assert path.read_bytes() == b"old" and [p.name for p in tmp_path.iterdir()] == ["a.txt"]


def test_the_folder_must_exist(tmp_path):
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        write_whole(tmp_path / "b" / "a.txt", b"")


def test_standard_error_is_quiet_and_comes_back(capfd):
    with quiet_stderr():
        os.write(2, b"noise")
    os.write(2, b"voice")
    assert capfd.readouterr().err == "voice"
