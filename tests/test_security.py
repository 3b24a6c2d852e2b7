"""Each promise of SECURITY.md has tests, and those that it names are there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "SECURITY.md").read_text()


def test_every_promise_names_tests_that_are_there():
    promises = TEXT.partition("## What is promised")[2].partition("## What is not promised")[0].split("\n- ")[1:]
    assert len(promises) > 6
    for promise in promises:
        named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", promise)
        assert named, promise
    for path, name in re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", TEXT):
        tree = ast.parse((ROOT / path).read_text())
        assert name in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}, f"{path}::{name}"


def test_the_commands_and_files_are_there():
    for path in re.findall(r"`((?:tests|minirnn|\.ci)/[\w/.]+)`", TEXT):
        assert (ROOT / path.rstrip("/")).exists(), path
    assert (ROOT / ".ci/nightly").stat().st_mode & 0o111
