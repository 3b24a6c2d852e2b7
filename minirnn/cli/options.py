"""The options of a command from the signature of the function that it calls, and their help from its docstring."""

from __future__ import annotations

import argparse
import inspect
import re
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

from ..system import choices, nearest, plain

MOST_DIGITS = 18
LONGEST = 2000  # letters of what is said about a mistake


class Parser(argparse.ArgumentParser):
    """A parser whose errors are one line, with the nearest right word for a wrong one."""

    command = ""  # the one whose options are there
    other_words: Mapping[str, str] = {}  # the commands by what they are called in Python

    def error(self, message: str) -> NoReturn:
        known = {name for parser in (self, *self.inner().values()) for name in parser._option_string_actions}
        if wrong := re.match(r"unrecognized arguments: (-\S*)", message):
            near = nearest(wrong[1].partition("=")[0], known)
            message += f": did you mean {near}?" if near else f"; see {self.prog} {self.command} --help"
        if message.startswith("the following arguments are required"):
            message += f"; see {self.prog} --help"
        if wrong := re.match(r"argument COMMAND: invalid choice: '(.*?)'", message):
            near = nearest(wrong[1], [*self.inner(), *self.other_words]) or wrong[1]
            message = f"there is no command {wrong[1]!r}{choices(self.other_words.get(near, near), self.inner())}"
        elif wrong := re.match(r"argument (\S+): invalid choice: '(.*?)' \(choose from (.*)\)", message):
            message = f"{wrong[1]} is {wrong[2]!r}{choices(wrong[2], re.split(', ', wrong[3].replace(chr(39), '')))}"
        self.exit(2, f"minirnn: {plain(' '.join(message.split()), LONGEST)}\n")

    def inner(self) -> dict[str, argparse.ArgumentParser]:
        """The parsers of the commands, by name."""
        actions = [a for a in self._actions if isinstance(a, argparse._SubParsersAction)]
        return dict(actions[0].choices) if actions else {}


def add_options(parser: argparse.ArgumentParser, reading: str, function: Callable[..., Any], *without: str) -> None:
    """Add an option for each keyword of a reading, the `function`, that its docstring explains and the command line can say.

    ``max_steps: int | None = 8`` becomes ``--max-steps N``, ``backward: bool = False`` the flag ``--backward``,
    ``with_keras: bool = True`` the flag ``--no-keras``, and what has no default a word of its own.
    """
    helps = explained(function)
    before = {action.dest for action in parser._actions}
    names = []
    for name, parameter in inspect.signature(function).parameters.items():
        if name in without or name not in helps:
            continue
        options = _kind(str(parameter.annotation).removesuffix(" | None"), parameter.default)
        if options is None:
            continue
        names.append(name)
        if name in before:  # of the reading before, which has the same
            continue
        options["help"] = helps[name].replace("%", "%%")
        if parameter.default is parameter.empty:
            parser.add_argument(name, **options)
            continue
        spelled = "no-" + name.removeprefix("with_") if parameter.default is True else name
        parser.add_argument(f"--{spelled.replace('_', '-')}", **{"dest": name, "default": parameter.default} | options)
    parser.set_defaults(pairs=[action.dest for action in parser._actions if action.type is _pairs])
    parser.set_defaults(readings=(parser.get_default("readings") or {}) | {reading: names})


def _kind(annotation: str, default: Any) -> dict[str, Any] | None:
    """How an argument of that type is read from the command line; None if it cannot be."""
    if annotation.startswith("Literal["):
        return {"choices": re.findall(r"[\"']([\w.-]+)[\"']", annotation)}
    if annotation.startswith("Iterable[str]"):
        return {"type": _listed, "action": "extend", "default": [], "metavar": "NAME,..."}
    if annotation.startswith("Mapping[str, "):
        return {"type": _pairs, "action": "extend", "default": [], "metavar": "NAME=VALUE,..."}
    kinds: dict[str, dict[str, Any]] = {
        "bool": {"action": "store_false" if default is True else "store_true"},
        "int": {"type": _number, "metavar": "N"},
        "float": {"type": _real, "metavar": "X"},
        "str": {"metavar": "NAME"},
        "DTypeLike": {"choices": ["float32", "float64"]},
    }
    return kinds.get(annotation)


def chosen(options: argparse.Namespace, reading: str) -> dict[str, Any]:
    """The options of a reading that `add_options` added, as keyword arguments."""
    found = {name: getattr(options, name) for name in options.readings[reading]}
    return {name: dict(value) if name in options.pairs else value for name, value in found.items()}


def explained(function: Callable[..., Any]) -> dict[str, str]:
    """What the docstring says of each argument, in lines such as "- `form`: how they are written"."""
    text = re.sub(r"\n +(?! *- )", " ", inspect.getdoc(function) or "")
    lines = re.findall(r"^ *- (`[^:]*): (.*)", text, re.MULTILINE)
    return {name: said.replace("``", "").replace("`", "") for names, said in lines for name in re.findall(r"`(\w+)`", names)}


def _listed(text: str) -> list[str]:
    return [part for part in text.split(",") if part]


def _pairs(text: str) -> list[tuple[str, str]]:
    pairs = [part.partition("=") for part in _listed(text)]
    for name, sign, value in pairs:
        if not (name and sign and value):
            raise argparse.ArgumentTypeError(f"{name}{sign}{value}: write a name, =, and what it is to be, such as W_x=U")
    return [(name, value) for name, _, value in pairs]


def _number(text: str) -> int | None:
    if text.lower() == "none":
        return None
    if not text.isdecimal() or len(text) > MOST_DIGITS:
        raise argparse.ArgumentTypeError(f"{plain(repr(text))} is not a whole number")
    return int(text)


def _real(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number") from None


def positive(text: str) -> int:
    """A positive whole number."""
    if not text.isdecimal() or len(text) > MOST_DIGITS or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{plain(repr(text))} is not a positive whole number")
    return int(text)
