"""Each of the long runs for a moment, and the faults that they should find, planted."""

from __future__ import annotations

import itertools
import os
import time

import pytest

from . import runs, training, writing


@pytest.fixture(autouse=True)
def cache(monkeypatch):
    monkeypatch.setenv("MINIRNN_CACHE", os.environ.get("MINIRNN_CACHE", ""))  # as it is, whatever a run makes of it


def test_files_of_writers_that_are_killed(capsys):
    assert writing.kills(1, most=2) == 0
    assert capsys.readouterr().out.count(": 2 killed") == len(writing.kinds()) == 10


def test_a_file_that_is_written_in_place_is_found(monkeypatch):
    here = os.getpid()

    def in_place(path):
        path.write_bytes(b"whole")
        if os.getpid() != here:
            path.write_bytes(b"who")
            time.sleep(60)

    monkeypatch.setattr(writing, "kinds", lambda: {"text": ("a", in_place, lambda path: path.read_bytes() == b"whole")})
    monkeypatch.setattr(writing, "began", lambda told, _: time.sleep(0.3) or os.read(told, 1))
    assert writing.kills(1, most=3) == 3


def test_writers_threads_and_processes(capsys):
    assert writing.writers(0.02) == runs.threads(0.02) == runs.processes(0) == 0
    assert capsys.readouterr().out.count(" 0 faults") == 3


def test_a_thread_that_gets_something_else_is_found(monkeypatch):
    monkeypatch.setattr(runs, "scenarios", lambda: {"numbers": itertools.count().__next__})
    assert runs.threads(0.001)


@pytest.mark.parametrize("optimizer", training.OPTIMIZERS)
@pytest.mark.parametrize("layers", training.LAYERS)
def test_trainings_that_are_interrupted(layers, optimizer):
    case = training.Case(layers, optimizer)
    assert all(case.is_right(case.lines * k // 7 + k) for k in range(1, 4))


def test_a_step_that_is_half_taken_is_found(monkeypatch):
    case = training.Case("rnn", "momentum")
    monkeypatch.setattr(training, "interrupted", lambda model, at: model.set_weights([w + 1 for w in model.get_weights()]))
    assert not case.is_right(9)
