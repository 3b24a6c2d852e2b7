"""What the Tab key completes, asked of the shells that are there."""

from __future__ import annotations

import shlex
import shutil
import subprocess

import pytest

from minirnn.cli import main
from minirnn.cli.commands import COMMANDS

# Each completes the last of the words, and prints one completion in a line
ASKED = {
    "bash": 'COMP_WORDS=({words}); COMP_CWORD={last}; _minirnn; printf "%s\\n" "${{COMPREPLY[@]}}"',
    "zsh": (
        'setopt ksharrays shwordsplit; COMP_WORDS=({words}); COMP_CWORD={last}; _minirnn; printf "%s\\n" "${{COMPREPLY[@]}}"'
    ),
    "fish": "complete -C {line} | string split -f1 \\t",
}
WITHOUT_SETTINGS = {"bash": ["--norc"], "zsh": ["-f"], "fish": ["--no-config"]}


@pytest.fixture
def printed(capsys):
    def run(shell):
        assert main(["completion", shell]) == 0
        return capsys.readouterr().out

    return run


@pytest.mark.parametrize("shell", ASKED)
@pytest.mark.parametrize(
    ("words", "completed"),
    [
        (["eq"], ["equations"]),
        (["dr"], ["draw"]),
        (["equations", "m.keras", "--fo"], ["--form", "--format"]),
        (["equations", "m.keras", "--form", ""], ["component", "matrix", "unrolled"]),
        (["draw", "m.keras", "--rankdir", "L"], ["LR"]),
        (["completion", ""], ["bash", "fish", "zsh"]),
        (["plot", "m.keras", "fl"], ["flow"]),
        (["explain", "mo"], ["model.keras"]),
        (["plot", "mo"], ["model.keras"]),
        (["walk", "m.keras", "--back"], []),
    ],
    ids=str,
)
def test_what_is_completed(printed, tmp_path, shell, words, completed):
    if shutil.which(shell) is None:
        pytest.skip(f"there is no {shell}")
    (tmp_path / "model.keras").touch()
    words = ["minirnn", *words]
    asked = ASKED[shell].format(words=shlex.join(words), last=len(words) - 1, line=shlex.quote(" ".join(words)))
    command = [shell, *WITHOUT_SETTINGS[shell], "-c", f"{printed(shell)}\n{asked}"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    found = set(done.stdout.split())
    if shell == "zsh":  # which itself takes of all words those that fit
        found = {word for word in found if word.startswith(words[-1])}
    assert sorted(found) == completed and done.stderr == ""


def test_every_shell_is_told_every_command(printed):
    assert printed("zsh").endswith(printed("bash")) and "bashcompinit" in printed("zsh")
    text = printed("fish")
    assert all(f"-a {command} " in text and command in printed("bash") for command in COMMANDS)
    assert "seen_subcommand_from draw' -l level -x -a 'cell op" in text and "reader\\'s browser" in text


def test_another_shell(capsys):
    with pytest.raises(SystemExit):
        main(["completion", "tcsh"])
    assert "there are bash, zsh, fish" in capsys.readouterr().err
