"""What the README says is true: its example prints what it shows, its picture is the one the example draws."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()


def ten_lines():
    return re.search(r"## Ten lines\n\n```python\n(.*?)```", README, re.S)[1]


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    folder = tmp_path_factory.mktemp("readme")
    code = ten_lines().replace(
        'trace.picture().save("unrolled.svg")', 'trace.picture().save("unrolled.svg"); trace.picture().save("unrolled.dot")'
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=False,
                          env={**os.environ, "PYTHONUTF8": "1"})  # fmt: skip
    assert done.returncode == 0, done.stderr
    return folder, done.stdout


def test_the_example_prints_what_is_shown(ran):
    """But for the last digits: rounding differs from one machine to the next."""
    shown = re.search(r"```text\n(.*?)```", README, re.S)[1]

    def without_digits(text):
        return re.sub(r"(residual|within) [\d.e+-]+", r"\1", text)

    assert without_digits(ran[1]) == without_digits(shown)
    assert all(float(r) < 1e-12 for r in re.findall(r"residual ([\d.e+-]+)", ran[1]))


def test_the_example_has_few_lines():
    lines = [line for line in ten_lines().split("\n") if line.strip() and not line.startswith(("import", "from"))]
    assert len(lines) <= 10


def test_the_picture_is_the_one_that_is_drawn(ran):
    assert (ROOT / "docs" / "images" / "unrolled.dot").read_text() == (ran[0] / "unrolled.dot").read_text()
    shown, drawn = (folder.joinpath("unrolled.svg").read_text() for folder in (ROOT / "docs" / "images", ran[0]))
    assert shown.count("<g id=") == drawn.count("<g id=") >= 20


def test_the_commands_are_those_of_the_continuous_integration():
    script = (ROOT / ".ci" / "run").read_text()
    for command in ("pip install . && minirnn demo", "pip install '.[test]' && pytest"):
        assert f"    {command}\n" in README and command in script


def test_it_speaks_of_the_commands_there_are():
    from minirnn.cli.commands import COMMANDS

    for command in COMMANDS:
        assert command in README


def test_what_it_points_to_is_there():
    paths = re.findall(r"\]\((?!http)([^)]*)\)", README)
    assert len(paths) >= 8 and all((ROOT / path).is_file() for path in paths)
    assert (ROOT / "docs" / "images" / "page.png").stat().st_size < 100_000


def test_three_cells_with_a_model_of_ones_own():
    from minirnn import demo

    cells = re.findall(r"```python\n(.*?)```", README.split("## In a terminal")[0], re.S)
    space = {"model": demo.model(), "X": demo.X, "Y": np.zeros((1, 2))}
    for cell in cells:
        exec(cell, space)
    assert len(cells) == 3 and "<img" in space["trace"]._repr_html_()
