from __future__ import annotations

import threading

import numpy as np
import pytest

from minirnn.engine import ops
from minirnn.engine.graph import Primitive, ancestors, at, named
from minirnn.engine.replay import replay


def test_a_node_knows_how_it_came_about():
    a = ops.leaf(np.ones((2, 3)), "a")
    b = ops.tanh(a)
    assert b.op is ops.tanh and b.args == (a,) and b.serial > a.serial
    assert b.shape == (2, 3) and b.ndim == 2 and b.dtype == np.float64
    np.testing.assert_array_equal(np.asarray(b), np.tanh(np.ones((2, 3))))
    assert "a" in repr(a)


def test_at_stamps_steps_and_restores_the_outer_one():
    with at(3):
        a = ops.leaf(1.0)
        with at(5):
            b = ops.leaf(1.0)
        c = ops.leaf(1.0)
    assert (a.step, b.step, c.step, ops.leaf(1.0).step) == (3, 5, 3, None)


def test_at_restores_the_step_after_an_error():
    with pytest.raises(RuntimeError), at(3):
        raise RuntimeError
    assert ops.leaf(1.0).step is None


def test_steps_are_of_a_thread():
    seen = []
    with at(7):
        thread = threading.Thread(target=lambda: seen.append(ops.leaf(1.0).step))
        thread.start()
        thread.join()
    assert seen == [None]


def test_named_wraps_what_has_a_name():
    a = named("a", ops.leaf(1.0))
    b = named("b", a)
    assert str(a.name) == "a" and str(b.name) == "b" and b.op is ops.same and b.args == (a,)


def test_named_takes_the_present_step():
    a = ops.leaf(1.0)
    with at(2):
        assert named("a", a).step == 2


def test_ancestors_in_order_of_creation_each_once():
    a = ops.leaf(np.ones((2, 2)))
    b = ops.tanh(a)
    c = b * b + a
    found = ancestors([c])
    assert found == sorted(found, key=lambda n: n.serial) and len(found) == 4 and found[-1] is c


def test_replay_puts_other_values_in():
    a, b = ops.leaf(np.array([1.0, 2.0])), ops.leaf(np.array([3.0, 5.0]))
    c = a * b + a
    values = replay(ancestors([c]), {a: np.array([10.0, 20.0])})
    np.testing.assert_array_equal(values[c], [40.0, 120.0])
    np.testing.assert_array_equal(c.value, [4.0, 12.0])


def test_a_template_is_both_the_callable_and_the_text():
    op = Primitive("f", "np.maximum({0}, {low}) - {1}", (None, None), lambda S, *a: None, "f")
    assert op.compute(np.array([-1.0, 3.0]), 1.0, low=0) == pytest.approx([-1.0, 2.0])
    assert Primitive("g", "sum([{*}])", lambda g, y, i: g, lambda S, *a: None, "Σ").compute(1, 2, 3) == 6


def test_a_copy_of_an_operation_is_that_operation_and_another_of_its_name_is_not():
    import copy
    import pickle

    own = Primitive("tanh", "np.tanh({0})", (None,), lambda S, x: x, "tanh")
    assert pickle.loads(pickle.dumps(ops.tanh)) is copy.deepcopy(ops.tanh) is copy.copy(ops.tanh) is ops.tanh
    assert copy.deepcopy(own) is own
    with pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps(own)
