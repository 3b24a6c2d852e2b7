"""No file takes the name of a quantity apart or compares it with a text; the printer and the parser of names excepted."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import minirnn

ROOT = Path(minirnn.__file__).parent
ROOMS = ("readings", "verify", "engine", "runs", "network/naming.py")
EXCEPTED = {"engine/names.py"}
APART = {"startswith", "endswith", "partition", "rpartition", "split", "removeprefix", "removesuffix", "replace", "find"}
MATCHING = {"match", "fullmatch", "search", "findall", "sub", "split"}
OTHERS = {
    "op",
    "layer",
    "cell",
    "trap",
    "dtype",
    "kind",
    "variable",
    "slip",
    "function",
    "path",
    "gate",
    "compiler",
}  # whose names are no quantity's


def is_name(x):
    """Whether an expression is the name of a quantity, or its key: ``node.name``, ``str(node.name)``."""
    if isinstance(x, ast.Call) and isinstance(x.func, ast.Name) and x.func.id == "str" and x.args:
        return is_name(x.args[0])
    if not isinstance(x, ast.Attribute) or x.attr != "name":
        return False
    owner = x.value
    called = owner.attr if isinstance(owner, ast.Attribute) else owner.id if isinstance(owner, ast.Name) else ""
    return called not in OTHERS


def is_text(x):
    if isinstance(x, (ast.Tuple, ast.List, ast.Set)):
        return any(map(is_text, x.elts))
    return isinstance(x, ast.JoinedStr) or (isinstance(x, ast.Constant) and isinstance(x.value, str))


def faults(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare):
            sides = [node.left, *node.comparators]
            if any(map(is_name, sides)) and any(map(is_text, sides)):
                yield node
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            owner = node.func.value
            if node.func.attr in APART and is_name(owner):
                yield node
            if (
                isinstance(owner, ast.Name)
                and owner.id == "re"
                and node.func.attr in MATCHING
                and any(map(is_name, node.args))
            ):
                yield node
        elif isinstance(node, ast.Match) and is_name(node.subject):
            yield node


def files():
    for room in ROOMS:
        path = ROOT / room
        for file in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
            if str(file.relative_to(ROOT)) not in EXCEPTED:
                yield file


@pytest.mark.parametrize("path", list(files()), ids=lambda p: str(p.relative_to(ROOT)))
def test_no_name_is_compared_with_a_text(path):
    found = [f"line {node.lineno}: {ast.unparse(node)[:80]}" for node in faults(ast.parse(path.read_text()))]
    assert not found, found


@pytest.mark.parametrize(
    "planted",
    [
        'node.name == "h"',
        'str(family.name) in ("z", "h")',
        'str(node.name).startswith("dL/")',
        'node.name.partition("^")',
        're.fullmatch("h.*", str(node.name))',
        'f"dL/d{x}" == q.name',
    ],
)
def test_each_way_of_doing_it_is_found(planted):
    assert list(faults(ast.parse(planted))) and not list(faults(ast.parse('node.op.name == "add"')))
