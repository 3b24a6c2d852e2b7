"""A script for the shell that completes commands, options and their values with Tab, made from the parsers."""

from __future__ import annotations

import argparse
from collections.abc import Mapping

SHELLS = ("bash", "zsh", "fish")

BASH = """\
_minirnn() {{
    local word="${{COMP_WORDS[COMP_CWORD]}}" before="${{COMP_WORDS[COMP_CWORD-1]}}" words=""
    if (( COMP_CWORD == 1 )); then
        COMPREPLY=($(compgen -W "{commands} --help --version" -- "$word"))
        return
    fi
    case "${{COMP_WORDS[1]}} $before" in
{values}
    esac
    if [[ -z $words && $word == -* ]]; then
        case "${{COMP_WORDS[1]}}" in
{options}
        esac
    fi
    if [[ -z $words && $word != -* ]]; then
        case "${{COMP_WORDS[1]}}" in
{places}
        esac
    fi
    if [[ -n $words ]]; then COMPREPLY=($(compgen -W "$words" -- "$word")); else COMPREPLY=($(compgen -f -- "$word")); fi
}}
complete -o filenames -F _minirnn minirnn
"""


def script(shell: str, parsers: Mapping[str, argparse.ArgumentParser]) -> str:
    """The script for a shell, of the parsers of all commands."""
    if shell == "fish":
        return _fish(parsers)
    values, options, places = [], [], []
    for command, parser in parsers.items():
        options.append(f'            {command}) words="{" ".join(parser._option_string_actions)}" ;;')
        for name, action in parser._option_string_actions.items():
            if action.choices:
                values.append(f'        "{command} {name}") words="{" ".join(map(str, action.choices))}" ;;')
        for place, action in enumerate(parser._positionals._group_actions, 2):
            if action.choices:
                words = " ".join(map(str, action.choices))
                places.append(f'            {command}) (( COMP_CWORD >= {place} )) && words="{words}" ;;')
    parts = {"values": values, "options": options, "places": places}
    text = BASH.format(commands=" ".join(parsers), **{name: "\n".join(lines) for name, lines in parts.items()})
    setup = "autoload -U +X compinit && compinit\nautoload -U +X bashcompinit && bashcompinit\n"
    return setup + text if shell == "zsh" else text


def _fish(parsers: Mapping[str, argparse.ArgumentParser]) -> str:
    lines = []
    for command, parser in parsers.items():
        lines.append(f"complete -c minirnn -n __fish_use_subcommand -f -a {command} -d {_quoted(parser.description or '')}")
        for action in parser._actions:
            words = [f"-{'l' if name.startswith('--') else 's'} {name.lstrip('-')}" for name in action.option_strings]
            if action.choices:
                beside = not action.option_strings and len(parser._positionals._group_actions) > 1  # of a file
                words.append(f"{'' if beside else '-x '}-a {_quoted(' '.join(map(str, action.choices)))}")
            elif action.nargs != 0:
                words.append("-r")
            if words and (action.option_strings or action.choices):
                start = f"complete -c minirnn -n '__fish_seen_subcommand_from {command}'"
                lines.append(f"{start} {' '.join(words)} -d {_quoted((action.help or '').replace('%%', '%'))}")
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
