"""The line of a function of one's own that gives a value to a variable, or returns it."""

from __future__ import annotations

import numpy as np

from minirnn.verify.compare.users_code import line_of, returning


def in_loops(xs):
    h = 0.0
    for x in xs:
        h = np.tanh(x + h)  # the last in a loop
    h = 2 * h
    return h


class Kept:
    def __init__(self):
        self.memory = 0.0

    def step(self, x):
        self.memory = self.memory + x  # of a class


def in_a_class(xs):
    kept = Kept()
    for x in xs:
        kept.step(x)
    return kept.memory  # is returned


def parts(xs):
    found, rest = np.zeros(len(xs)), []
    while len(rest) < len(xs):
        found[len(rest)] += 1.0  # a part
        rest.append(0)
    return found


def test_lines_are_found():
    assert line_of(in_loops, "h").endswith("h = np.tanh(x + h)  # the last in a loop")
    assert "test_users_code.py:" in line_of(in_loops, "h")
    assert line_of(in_a_class, "memory").endswith("# of a class")
    assert line_of(parts, "found").endswith("# a part") and line_of(Kept().step, "memory").endswith("# of a class")
    assert returning(in_a_class).endswith("# is returned")


def test_nothing_is_found_where_nothing_is():
    assert line_of(in_loops, "nothing") == "" and line_of(len, "h") == "" and line_of(3, "h") == "" and returning(len) == ""
    assert line_of(parts, "xs") == "" and line_of(eval("lambda x: x"), "x") == ""
