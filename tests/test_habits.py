"""Every habit of `tests.habits` is as in Keras, or refused in a sentence with a way out."""

from __future__ import annotations

import pytest

from . import habits

REFUSED = {
    "get_file": "take it from keras.utils",
    "plot_model": "take it from keras.utils",
    "the backend": "minirnn.backend has no backend",
    "a GradientTape": "mr.trace(model, X, Y).gradients has it all",
}


@pytest.mark.parametrize("name", [name for name in habits.HABITS if name not in REFUSED])
def test_as_in_keras(name):
    code = habits.HABITS[name]
    ours, theirs = habits.run(code, "minirnn"), habits.run(code, "keras")
    assert habits.same(ours, theirs), (ours, theirs)


@pytest.mark.parametrize("name", REFUSED)
def test_refused_with_a_way_out(name):
    _, said = habits.tried(lambda: habits.run(habits.HABITS[name], "minirnn"))
    assert REFUSED[name] in said


def test_what_differs_is_found(monkeypatch):
    monkeypatch.setattr(habits, "HABITS", {"planted": "1 if k.__name__ == 'keras' else 2"})
    assert habits.differences() == {"planted": "2, Keras has 1 "}
    assert not habits.same([1.0, 2.0], [1.0, 2.1]) and not habits.same("a", "b") and not habits.same([1], [1, 2])
