"""The options of a command are those of the function that it calls."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from typing import Any, Literal

import pytest

import minirnn as mr
from minirnn.cli.commands import COMMANDS
from minirnn.cli.entry import _parser
from minirnn.cli.options import Parser, add_options, chosen, explained
from minirnn.system import nearest


def reading(
    trace: Any,
    what: Literal["one", "two"],
    *,
    form: Literal["matrix", "component"] = "matrix",
    names: Mapping[str, str] | None = None,
    hide: Iterable[str] = (),
    max_steps: int | None = 8,
    backward: bool = False,
    with_keras: bool = True,
    theme: str = "auto",
    scale: float | None = None,
    layer: str | None = None,
    attr: Mapping[str, Any] | None = None,
    secret: bool = False,
) -> None:
    """What it does.

    - `what`: is shown
    - `form`: "matrix", or
      "component" (100% of it)
    - `names`, `hide`: of ``quantities``
    - `max_steps`: how many
    - `backward`: too
    - `with_keras`: ask it
    - `theme`: of colours
    - `scale`, `layer`: a number and a name
    - `attr`: of Graphviz
    """


@pytest.fixture
def parse():
    parser = Parser(prog="minirnn")
    add_options(parser, "reading", reading)
    return lambda *words: chosen(parser.parse_args(["one", *words]), "reading")


def test_help_is_that_of_the_docstring(capsys):
    assert (
        explained(reading)["form"] == '"matrix", or "component" (100% of it)'
        and explained(reading)["hide"] == "of quantities"
    )
    parser = Parser(prog="minirnn")
    add_options(parser, "reading", reading, "theme")
    assert "100% of it" in parser.format_help() and "--theme" not in parser.format_help()


def test_defaults_are_those_of_the_signature(parse):
    wants = {
        "what": "one",
        "scale": None,
        "layer": None,
        "attr": {},
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
    found = parse("--form", "component", "--names", "W_x=U,h=s", "--hide", "z,a", "--hide", "h", "--max-steps", "none")
    assert found["names"] == {"W_x": "U", "h": "s"} and found["hide"] == ["z", "a", "h"]
    assert found["form"] == "component" and found["max_steps"] is None and parse("--max-steps", "12")["max_steps"] == 12
    assert parse("--scale", "1.5", "--layer", "2")["scale"] == 1.5 and parse("--attr", "a=b")["attr"] == {"a": "b"}
    assert parse("--backward", "--no-keras")["backward"] and not parse("--no-keras")["with_keras"]
    assert parse()["hide"] == []  # nothing stays from the call before


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--max-steps", "-1"], "is not a whole number"),
        (["--max-steps", "x"], "is not a whole number"),
        (["--names", "U="], "write a name, ="),
        (["--form", "matrx"], "--form is 'matrx'; did you mean matrix? There are matrix, component"),
        (["--scale", "x"], "is not a number"),
        (["--bakward"], "did you mean --backward?"),
    ],
)
def test_mistakes_are_one_line(parse, capsys, words, says):
    with pytest.raises(SystemExit) as stopped:
        parse(*words)
    said = capsys.readouterr().err
    assert stopped.value.code == 2 and says in said and said.count("\n") == 1 and said.startswith("minirnn: ")


OF_PYTHON = {
    "model",
    "X",
    "Y",
    "loss_weights",
    "masks",
    "to_file",
    "path",
    "report",
    "ax",
    "arrays",
}  # said otherwise, or not
OF_THE_COMMAND_LINE = {"help", "model", "x", "y", "steps", "loss", "output", "open", "format"}


@pytest.mark.parametrize("name", [name for name, command in COMMANDS.items() if command.readings])
def test_the_options_of_a_command_are_those_of_python(name):
    """The same names, defaults and choices; every one is explained, to both."""
    parser = _parser(name).inner()[name]
    actions = {action.dest: action for action in parser._actions}
    readings = [getattr(mr.Trace, reading) for reading in COMMANDS[name].readings.split()]
    known = {}
    for function in [*readings, *([mr.trace] if "x" in actions else [])]:
        parameters = list(inspect.signature(function).parameters.values())[function is not mr.trace :]
        known |= {p.name: p for p in parameters}
        assert all(p.name in explained(function) for p in parameters), function
    assert set(known) - OF_PYTHON <= set(actions) and set(actions) - OF_THE_COMMAND_LINE <= set(known)
    for action in [actions[name] for name in set(actions) & set(known) - OF_THE_COMMAND_LINE]:
        default = known[action.dest].default
        assert action.help and (action.default or None) == (None if default is inspect.Parameter.empty else default or None)
        assert not action.choices or all(f'"{choice}"' in explained_text(known[action.dest]) for choice in action.choices)
        if action.option_strings:
            spelled = action.dest.replace("with_", "no-").replace("_", "-")
            assert action.option_strings == [f"--{spelled}"]


def explained_text(parameter):
    return str(parameter.annotation).replace("'", '"').replace("DTypeLike", '"float32""float64"')


def test_the_nearest_word():
    assert nearest("W_hh", ["W_x", "W_h", "b"]) == "W_h" and nearest("q", ["W_x"]) is None
