"""The options of a command from the signature of the function that it calls, and their help from its docstring."""

from __future__ import annotations

import argparse
import inspect
import re
from collections.abc import Callable
from typing import Any, NoReturn

from .system import choices, nearest


class Parser(argparse.ArgumentParser):
    """A parser whose errors are one line, with the nearest right word for a wrong one."""

    def error(self, message: str) -> NoReturn:
        known = {name for parser in (self, *self.inner().values()) for name in parser._option_string_actions}
        if wrong := re.match(r"unrecognized arguments: (-\S*)", message):
            near = nearest(wrong[1].partition("=")[0], known)
            message += f": did you mean {near}?" if near else ""
        if wrong := re.match(r"argument COMMAND: invalid choice: '(.*?)'", message):
            message = f"there is no command {wrong[1]!r}{choices(wrong[1], self.inner())}; see minirnn --help"
        self.exit(2, f"minirnn: {' '.join(message.split())}\n")

    def inner(self) -> dict[str, argparse.ArgumentParser]:
        """The parsers of the commands, by name."""
        actions = [a for a in self._actions if isinstance(a, argparse._SubParsersAction)]
        return dict(actions[0].choices) if actions else {}


def add_options(parser: argparse.ArgumentParser, function: Callable[..., Any], *without: str) -> None:
    """Add an option for each keyword of `function` that its docstring explains and the command line can say.

    ``max_steps: int | None = 8`` becomes ``--max-steps N``, ``backward: bool = False`` the flag ``--backward``, and
    ``with_keras: bool = True`` the flag ``--no-keras``.
    """
    helps = explained(function)
    names = []
    for name, parameter in inspect.signature(function).parameters.items():
        kind, default = str(parameter.annotation), parameter.default
        if default is parameter.empty or name in without or name not in helps:
            continue
        spelled, options = name.replace("_", "-"), {"dest": name, "default": default, "help": helps[name].replace("%", "%%")}
        if kind == "bool":
            spelled = "no-" + spelled.removeprefix("with-") if default else spelled
            options["action"] = "store_false" if default else "store_true"
        elif kind in ("int", "int | None"):
            options |= {"type": _number, "metavar": "N"}
        elif kind.startswith("Iterable[str]"):
            options |= {"type": _listed, "action": "extend", "default": [], "metavar": "NAME,..."}
        elif kind.startswith("Mapping[str, str]"):
            options |= {"type": _renamed, "action": "extend", "default": [], "metavar": "NEW=OLD,..."}
        elif kind.startswith("Literal["):
            options["choices"] = re.findall(r"[\"'](\w+)[\"']", kind)
        elif kind != "str":
            continue
        parser.add_argument(f"--{spelled}", **options)
        names.append(name)
    parser.set_defaults(of_reading=names)


def chosen(options: argparse.Namespace) -> dict[str, Any]:
    """The options that `add_options` added, as keyword arguments."""
    found = {name: getattr(options, name) for name in options.of_reading}
    return found | {"names": dict(found["names"])} if "names" in found else found


def explained(function: Callable[..., Any]) -> dict[str, str]:
    """What the docstring says of each argument, in lines such as "- `form`: how they are written"."""
    text = re.sub(r"\n +(?! *- )", " ", inspect.getdoc(function) or "")
    lines = re.findall(r"^ *- (`[^:]*): (.*)", text, re.MULTILINE)
    return {name: said.replace("``", "").replace("`", "") for names, said in lines for name in re.findall(r"`(\w+)`", names)}


def _listed(text: str) -> list[str]:
    return [part for part in text.split(",") if part]


def _renamed(text: str) -> list[tuple[str, str]]:
    pairs = [part.partition("=") for part in _listed(text)]
    for new, sign, old in pairs:
        if not (new and sign and old):
            raise argparse.ArgumentTypeError(f"{new}{sign}{old}: write the new name, =, and the old one, such as U=W_x")
    return [(old, new) for new, _, old in pairs]


def _number(text: str) -> int | None:
    if text.lower() == "none":
        return None
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number")
    return int(text)


def positive(text: str) -> int:
    """A positive whole number."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a positive whole number")
    return int(text)
