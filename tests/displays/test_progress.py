"""Long work says how far it has come, to somebody who watches, and leaves nothing behind."""

from __future__ import annotations

import importlib.util
import io
import sys
import time
import types

import pytest

import minirnn as mr
from minirnn import demo
from minirnn.displays import clocked, progress, watched


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def bars(monkeypatch):
    """What tqdm is asked to show: the things, what they are, the options."""
    asked = []

    class Bar:
        def __init__(self, things, what, **options):
            asked.append((what, options))
            self.things, self.start_t = things, 0.0

        def __iter__(self):
            return iter(self.things)

        def __enter__(self):
            return self

        def __exit__(self, *error):
            asked.append(("closed", {}))

        def refresh(self):
            asked.append(("refreshed", {}))

    monkeypatch.setitem(sys.modules, "tqdm", types.SimpleNamespace(tqdm=Bar))
    return asked


@pytest.fixture
def terminal(monkeypatch):
    stream = Terminal()
    see(monkeypatch, stream)
    return stream


def see(monkeypatch, stream):
    monkeypatch.setattr(progress, "sys", types.SimpleNamespace(stderr=stream, modules=sys.modules))


def test_what_takes_long_is_counted_on_a_terminal(bars, terminal, tmp_path):
    assert list(watched("abc", "letters", 3)) == ["a", "b", "c"]
    ((what, options),) = bars
    assert what == "letters" and options["total"] == 3 and options["delay"] == 1.0 and options["file"] is terminal
    trace = mr.trace(demo.model(), demo.X, [[0, 0]])
    bars.clear()
    trace.verify(with_keras=False)
    trace.exact()
    trace.jacobian_norms()
    trace.compare(h=trace.value("h", 10) + 1)
    trace.animate(tmp_path / "run.gif", max_steps=2, scale=0.2)
    trace.to_dict()
    assert {what for what, _ in bars} >= {"complex step", "exact arithmetic", "Jacobians", "slips", "frames", "numbers"}


@pytest.mark.parametrize("reading", ["page", "source", "compile", "equations", "walk", "picture", "verify", "fold"])
def test_beside_every_reading_a_clock_runs(bars, terminal, monkeypatch, reading):
    """But not beside what it calls."""
    monkeypatch.setattr(progress, "DELAY", 0.0)
    monkeypatch.setattr(progress, "EVERY", 0.001)
    trace = mr.trace(demo.model(), demo.X, [[0, 0]])
    bars.clear()
    getattr(trace, reading)()
    clocks = [what for what, options in bars if "bar_format" in options]
    assert clocks == ([] if reading == "fold" else [reading]) and bars.count(("closed", {})) == len(clocks)


def test_a_clock_begins_after_a_second_and_ends_with_an_error(bars, terminal, monkeypatch):
    @clocked
    def fails(seconds):
        time.sleep(seconds)
        raise ValueError("so it is")

    for delay, seconds, shown in ((30.0, 0.0, False), (0.0, 0.05, True)):
        monkeypatch.setattr(progress, "DELAY", delay)
        with pytest.raises(ValueError, match="so it is"):
            fails(seconds)
        assert bool(bars) == shown
    assert bars[-1] == ("closed", {}) and progress._working.acquire(blocking=False)
    progress._working.release()


@pytest.mark.parametrize("stream", [io.StringIO(), None])
def test_a_file_or_a_pipe_is_left_alone(bars, monkeypatch, stream):
    see(monkeypatch, stream)
    monkeypatch.setattr(progress, "DELAY", 0.0)
    assert list(watched("abc", "letters")) == ["a", "b", "c"] and clocked(len)("abc") == 3 and bars == []


def test_without_tqdm_nothing_is_shown(monkeypatch, terminal):
    monkeypatch.delitem(sys.modules, "tqdm", raising=False)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert list(watched(range(3), "numbers")) == [0, 1, 2] and terminal.getvalue() == ""


def test_a_notebook_shows_it_in_an_output_that_is_empty_in_the_end(monkeypatch):
    """With the bar of tqdm itself."""
    shown = []

    class Handle:
        def update(self, data, raw):
            shown.append(data)

    def display(data, raw, display_id):
        shown.append(data)
        return Handle()

    ipython = types.SimpleNamespace(get_ipython=lambda: types.SimpleNamespace(kernel=object()))
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    monkeypatch.setitem(sys.modules, "IPython.display", types.SimpleNamespace(display=display))
    errors = io.StringIO()
    see(monkeypatch, errors)
    monkeypatch.setattr(progress, "DELAY", 0.0)
    for _ in watched(["<a>", "b"], "<letters>", 2):
        time.sleep(0.11)
    *_, last = (data for data in shown if data["text/plain"])
    assert "&lt;letters&gt;: 100%" in last["text/html"] and "2/2" in last["text/plain"]
    assert shown[-1] == {"text/plain": "", "text/html": ""} and errors.getvalue() == ""
    shown.clear()
    assert list(watched([], "nothing", 0)) == [] and all(data["text/plain"] == "" for data in shown[-1:])
