"""What cannot be followed names the file, the line and the cure, where it happens."""

from __future__ import annotations

import inspect
import subprocess
import sys
from pathlib import Path

import followed
import numpy as np
import pytest
import refused

import minirnn as mr
from minirnn import CannotFollow

FUNCTIONS = [f for _, f in inspect.getmembers(refused, inspect.isfunction) if f is not refused.nothing_computed]


@pytest.fixture
def arrays():
    rng = np.random.default_rng(3)
    return {"X": rng.normal(size=(6, 4)), "W": rng.normal(size=(4, 5))}


def marked(function):
    """The line of the file that is marked, and the words of the cure."""
    lines, first = inspect.getsourcelines(function)
    return next((first + i, line.partition("# <- ")[2].strip()) for i, line in enumerate(lines) if "# <- " in line)


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: f.__name__)
def test_refused_with_file_line_and_cure(function, arrays):
    line, cure = marked(function)
    with pytest.raises(CannotFollow) as error:
        mr.trace(function, **arrays)
    said = str(error.value)
    assert said.startswith(f"{refused.__file__}:{line}: "), said
    assert cure in said.rpartition("; ")[2], said
    assert "\n" not in said


@pytest.mark.parametrize(
    "function", [f for _, f in inspect.getmembers(followed, inspect.isfunction)], ids=lambda f: f.__name__
)
def test_followed(function, arrays):
    """What it returns is what plain NumPy returns: bit for bit, or else the trace refuses it itself."""
    trace = mr.trace(function, **arrays)
    assert trace.steps >= 0 and len(trace.parameters) + len(trace.data) >= 1


def test_a_guard_of_what_the_result_depends_on_is_refused(arrays):
    def guarded(X, W, p):
        return X @ W * p if p > 0 else X @ W

    assert mr.trace(lambda X, W, p: X @ W if p > 0 else X @ (W * 2), **arrays, p=np.float64(0.5)).returned.shape == (6, 5)
    with pytest.raises(CannotFollow, match="a branch on a traced value"):
        mr.trace(guarded, **arrays, p=np.float64(0.5))


def test_a_function_that_computes_nothing(arrays):
    with pytest.raises(CannotFollow, match="return what it computes"):
        mr.trace(refused.nothing_computed, **arrays)


def test_wrong_arguments(arrays):
    with pytest.raises(TypeError, match="neither takes nor reads V; it takes X, W"):
        mr.trace(refused.branch, **arrays, V=arrays["W"])
    with pytest.raises(TypeError, match="also takes W: give W="):
        mr.trace(refused.branch, X=arrays["X"])
    with pytest.raises(ValueError, match=r"W has nan at \[1, 2\]: 1 of 20 entries are not finite"):
        arrays["W"][1, 2] = np.nan
        mr.trace(refused.branch, **arrays)
    with pytest.raises(ValueError, match="float16; minirnn computes in float32 or float64"):
        mr.trace(refused.branch, X=arrays["X"].astype("float16"), W=arrays["X"])
    with pytest.raises(TypeError, match="a layer, or a function, not int"):
        mr.trace(3)


def test_the_documentation_lists_what_is_followed():
    text = (Path(__file__).parents[2] / "docs" / "loops.md").read_text(encoding="utf-8")
    lines = text.partition("## What is followed")[2].partition("with their")[0].splitlines()
    words = {word.rpartition(".")[2] for line in lines if line.startswith("    ") for word in line.split()}
    asked = "from minirnn.loops.recording.methods import FUNCTIONS as F; print(*(getattr(f, '__name__', '_') for f in F))"
    found = subprocess.run(
        [sys.executable, "-c", asked], capture_output=True, text=True, check=True
    )  # before any is asked for
    recorded = set(found.stdout.split())
    likes = {name for name in recorded if name.endswith("_like")}
    followed = {name for name in recorded - likes - {"astype"} if not name.startswith("_")}
    aliases = {"abs", "pow", "flipud", "fliplr"}  # np.abs is np.absolute, np.pow np.power, the others have the rule of flip
    here = {word for word in words if hasattr(np, word) or hasattr(np.linalg, word)}  # not row_stack in NumPy 2.5
    assert words - here <= {"and", "their", "_like", "row_stack"}
    assert here | aliases == followed | aliases
