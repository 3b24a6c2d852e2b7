"""Every example runs by itself, says something, complains about nothing and leaves nothing behind."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = sorted(Path(__file__).parents[1].joinpath("examples").glob("*.py"))


def test_there_are_examples():
    assert len(EXAMPLES) >= 5


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_example_runs(example, tmp_path):
    done = subprocess.run(
        [sys.executable, str(example)],
        cwd=tmp_path,
        env=os.environ | {"PYTHONUTF8": "1"},  # equations and numbers are printed in Unicode, whatever the locale
        capture_output=True,
        encoding="utf-8",
        timeout=60,
    )
    # The libraries in pygraphviz may not know every word of the system's font configuration; they draw all the same.
    complaints = [line for line in done.stderr.splitlines() if not line.startswith("Fontconfig warning:")]
    assert done.returncode == 0, done.stderr
    assert complaints == []
    assert done.stdout.strip()
    assert list(tmp_path.iterdir()) == []
