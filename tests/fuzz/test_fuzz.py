"""The inputs that led the fuzzers to new places once more, some at random, and the faults that they should find, planted."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

import minirnn as mr
from minirnn.engine import escapes

from . import api, files, names, verdicts
from .__main__ import MOST_KEPT, TARGETS, at_random, corpus


@pytest.fixture(autouse=True)
def traced_memory(tmp_path, monkeypatch):
    monkeypatch.setenv("MINIRNN_FOUND", str(tmp_path))
    tracemalloc.start()
    yield
    tracemalloc.stop()


def test_the_whole_corpus_gives_models_or_one_clear_line_each():
    assert all(files.one_input(data) for name, data in files.SEEDS.items() if name.endswith(".keras"))
    kept = corpus("files")
    assert len(kept) > 30 and sum(map(len, kept.values())) <= MOST_KEPT
    loaded = [files.one_input(data) for data in kept.values()]
    assert 0 < sum(loaded) < len(loaded)


@pytest.mark.parametrize("target", TARGETS)
def test_some_at_random(target):
    count, done = at_random(
        target,
        seconds=60,
        seed=1,
        most={"files": 150, "onnx_files": 300, "names": 12, "api": 60, "loops": 10, "verdicts": 8}[target],
    )
    assert count and (done or target == "files")


def refuse(text):
    raise ValueError(text)


@pytest.mark.parametrize(
    ("planted", "says"),
    [
        (lambda path: 1 / 0, "division"),
        (lambda path: refuse(f"{path}: two\nlines"), "not one short line"),
        (lambda path: refuse(f"{path}: " + "long" * 150), "not one short line"),
        (lambda path: refuse("without the name"), "not one short line"),
        (lambda path: bytearray(300 * 2**20), "256 MB"),
    ],
)
def test_a_fault_in_reading_files_is_found(monkeypatch, planted, says):
    monkeypatch.setattr(files.mr, "load", planted)
    with pytest.raises((AssertionError, ZeroDivisionError), match=says):
        files.one_input(b"{}")


@pytest.mark.parametrize(
    ("target", "name", "says"),
    [
        ("python", 'W"+str(canary())+"', "was run"),
        ("latex", r"\input{a}", "Unknown command|commands of LaTeX"),
        ("latex", "a%b", "group was never closed|commands of LaTeX"),
        ("markup", "<script>", "picture|Graphviz"),
    ],
)
def test_an_escape_that_does_nothing_is_found(monkeypatch, target, name, says):
    assert names.check(["W"])
    plain = (lambda text: f'"{text}"') if target == "python" else (lambda text: text)
    monkeypatch.setattr(escapes, target, plain)
    with pytest.raises(Exception, match=says):
        names.check([name])


@pytest.mark.parametrize(
    "found", [["\\G", "]", "a]]"], ["["], ["[" * 60, "(" * 60, "{" * 60], ["~^", "a^"], ["⦜", "_̃", "λ̃", "größe_ж"]]
)
def test_names_that_were_found(found):
    """Graphviz put the name of its graph there, MathML was never ready or broke off, and the source left a letter out."""
    assert names.check(found) == len(found)


def test_a_check_of_arrays_that_is_left_out_is_found(monkeypatch):
    monkeypatch.setattr(api.MODEL, "predict", lambda X, **_: np.zeros(3))
    with pytest.raises(AssertionError, match="predict takes what is"):
        for seed in range(60):
            api.one_input(np.random.default_rng(seed).bytes(200))


def test_what_is_refused_is_no_fault():
    with pytest.raises(ValueError, match="X"):
        mr.trace(api.MODEL, "X")


def test_an_error_from_within_a_verdict_is_found(monkeypatch):
    monkeypatch.setattr(mr.Trace, "verify", lambda self, **_: np.zeros(2) @ np.zeros(3))
    monkeypatch.setattr(mr.Trace, "compare", mr.Trace.verify)
    monkeypatch.setattr(verdicts, "_garbage", lambda rng, right: right)
    with pytest.raises(AssertionError, match="matmul"):
        for number in range(20):
            verdicts.one_input(bytes([number] * 8))


@pytest.mark.parametrize("number", [2434])
def test_combinations_that_were_found(number):
    assert verdicts.one_input(number.to_bytes(8, "little"))


def test_the_c_and_the_tex_of_hostile_names_compile():
    assert names.compile_all() > 60
