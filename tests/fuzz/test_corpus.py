"""The files that led the fuzzer to new places, loaded again."""

from __future__ import annotations

import tracemalloc

import pytest

from . import judge


def test_the_whole_corpus_gives_models_or_one_clear_line_each():
    assert all(judge.one_input(data) for name, data in judge.SEEDS.items() if name.endswith(".keras"))
    files = judge.corpus()
    assert len(files) > 30 and sum(map(len, files.values())) <= judge.MOST_KEPT
    tracemalloc.start()
    try:
        loaded = [judge.one_input(data) for data in files.values()]
    finally:
        tracemalloc.stop()
    assert 0 < sum(loaded) < len(loaded)


def refuse(text):
    raise ValueError(text)


@pytest.mark.parametrize(
    ("planted", "says"),
    [
        (lambda path: 1 / 0, "division"),
        (lambda path: refuse("two\nlines"), "not one short line"),
        (lambda path: refuse("long" * 150), "not one short line"),
        (lambda path: bytearray(300 * 2**20), "256 MB"),
    ],
)
def test_a_planted_fault_is_found(monkeypatch, planted, says):
    monkeypatch.setattr(judge.mr, "load", planted)
    tracemalloc.start()
    try:
        with pytest.raises((AssertionError, ZeroDivisionError), match=says):
            judge.one_input(b"{}")
    finally:
        tracemalloc.stop()
