"""The options of a command are those of the function that it calls."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal

import pytest

from minirnn.options import Parser, add_options, chosen, explained
from minirnn.system import nearest


def reading(
    trace: Any,
    *,
    form: Literal["matrix", "component"] = "matrix",
    names: Mapping[str, str] | None = None,
    hide: Iterable[str] = (),
    max_steps: int | None = 8,
    backward: bool = False,
    with_keras: bool = True,
    theme: str = "auto",
    attr: Mapping[str, Any] | None = None,
    secret: bool = False,
) -> None:
    """What it does.

    - `form`: "matrix", or
      "component" (100% of it)
    - `names`, `hide`: of ``quantities``
    - `max_steps`: how many
    - `backward`: too
    - `with_keras`: ask it
    - `theme`: of colours
    - `attr`: what the command line cannot say
    """


@pytest.fixture
def parse():
    parser = Parser(prog="minirnn")
    add_options(parser, reading)
    return lambda *words: chosen(parser.parse_args(words))


def test_help_is_that_of_the_docstring(capsys):
    assert (
        explained(reading)["form"] == '"matrix", or "component" (100% of it)'
        and explained(reading)["hide"] == "of quantities"
    )
    parser = Parser(prog="minirnn")
    add_options(parser, reading, "theme")
    assert "100% of it" in parser.format_help() and "--theme" not in parser.format_help()


def test_defaults_are_those_of_the_signature(parse):
    wants = {
        "form": "matrix",
        "names": {},
        "hide": [],
        "max_steps": 8,
        "backward": False,
        "with_keras": True,
        "theme": "auto",
    }
    assert parse() == wants


def test_values(parse):
    found = parse("--form", "component", "--names", "U=W_x,s=h", "--hide", "z,a", "--hide", "h", "--max-steps", "none")
    assert found["names"] == {"W_x": "U", "h": "s"} and found["hide"] == ["z", "a", "h"]
    assert found["form"] == "component" and found["max_steps"] is None and parse("--max-steps", "12")["max_steps"] == 12
    assert parse("--backward", "--no-keras")["backward"] and not parse("--no-keras")["with_keras"]
    assert parse()["hide"] == []  # nothing stays from the call before


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--max-steps", "-1"], "is not a whole number"),
        (["--max-steps", "x"], "is not a whole number"),
        (["--names", "U="], "write the new name"),
        (["--form", "other"], "invalid choice"),
        (["--bakward"], "did you mean --backward?"),
    ],
)
def test_mistakes_are_one_line(parse, capsys, words, says):
    with pytest.raises(SystemExit) as stopped:
        parse(*words)
    said = capsys.readouterr().err
    assert stopped.value.code == 2 and says in said and said.count("\n") == 1 and said.startswith("minirnn: ")


def test_the_nearest_word():
    assert nearest("W_hh", ["W_x", "W_h", "b"]) == "W_h" and nearest("q", ["W_x"]) is None
