"""Functions as a notebook compiles them: statement by statement, so that calls are other instructions than in a file."""

from __future__ import annotations

import ast
import linecache

import numpy as np
import pytest

import minirnn as mr

CELL = """\
import numpy as np

def loop(X, U, W):
    h = np.zeros(4)
    for x in X:
        h = np.tanh(x.dot(U) + h.dot(W))
    return h
"""


def ran(cell, name):
    """The functions of a cell, its text known to Python as that of a notebook is."""
    linecache.cache[name] = len(cell), None, cell.splitlines(keepends=True), name
    space = {}
    for statement in ast.parse(cell).body:
        exec(compile(ast.Module([statement], []), name, "exec"), space)
    return space


def test_a_function_beside_the_import_of_numpy():
    rng = np.random.default_rng(0)
    trace = mr.trace(ran(CELL, "<cell 1>")["loop"], X=rng.normal(size=(3, 2)), U=rng.normal(size=(2, 4)), W=np.eye(4))
    assert trace.steps == 3 and trace.value("h", 3).shape == (4,)


def test_another_text_of_the_same_name_is_still_found_out():
    cell = CELL.replace("zeros(4)", "ones(4)")
    function = ran(cell, "<cell 2>")["loop"]
    ran(cell.replace("np.tanh", "np.sin"), "<cell 2>")
    with pytest.raises(mr.CannotFollow, match="has changed since loop was read"):
        mr.trace(function, X=np.ones((3, 2)), U=np.ones((2, 4)), W=np.eye(4))
