"""The user's own line of code: where a function of one's own gives a value to a variable, or returns it."""

from __future__ import annotations

import ast
import inspect
import linecache
import textwrap
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple


class Code(NamedTuple):
    """Some lines of a file, and what they say."""

    file: str
    first: int
    lines: list[str]
    tree: ast.Module

    def line(self, number: int) -> str:
        """``file:line: code``."""
        where = f"{self.file}:" if Path(self.file).exists() else "line "  # of a cell of a notebook, which is in no file
        return f"{where}{self.first + number - 1}: {self.lines[number - 1].strip()}"


def line_of(function: Any, name: str) -> str:
    """The last line that assigns `name`, of those in a loop if there are such; nothing where there is none.

    Where the function itself has none, the only line of its file that does is taken: of a class, but for its __init__, or
    of a helper.
    """
    if (code := _of_function(function)) is None:
        return ""
    loops = [node for node in ast.walk(code.tree) if isinstance(node, (ast.For, ast.While))]
    inside = [number for loop in loops for number in _assigning(ast.walk(loop), name)]
    if found := inside or _assigning(ast.walk(code.tree), name):
        return code.line(max(found))
    lines = linecache.getlines(code.file)
    whole = Code(code.file, 1, lines, _parsed("".join(lines)) or ast.Module([], []))
    classes = [node.body for node in ast.walk(whole.tree) if isinstance(node, ast.ClassDef)]
    methods = [{part.name: part for part in body if isinstance(part, ast.FunctionDef)} for body in classes]
    first = [each["__init__"] for each in methods if "__init__" in each]
    before = {number for node in first for number in _assigning(ast.walk(node), name)}
    found = [number for number in _assigning(ast.walk(whole.tree), name) if number not in before]
    return whole.line(found[0]) if len(found) == 1 else ""


def returning(function: Any) -> str:
    """The last line in which the function returns something."""
    code = _of_function(function)
    found = [node.lineno for node in ast.walk(code.tree) if isinstance(node, ast.Return)] if code is not None else []
    return code.line(max(found)) if code is not None and found else ""


def _of_function(function: Any) -> Code | None:
    function = getattr(getattr(function, "_asked_loop", None), "function", function)
    function = getattr(function, "__func__", function)
    try:
        lines, start = inspect.getsourcelines(inspect.unwrap(function))
        file = inspect.getsourcefile(function) or ""
    except (OSError, TypeError):
        return None
    tree = _parsed(textwrap.dedent("".join(lines)))
    return None if tree is None else Code(file, start, lines, tree)


def _parsed(text: str) -> ast.Module | None:
    try:
        return ast.parse(text)
    except SyntaxError:
        return None


def _assigning(nodes: Iterable[ast.AST], name: str) -> list[int]:
    """The lines of the statements that assign a variable, an attribute of this name, or a part of one."""
    found = []
    for node in nodes:
        targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AugAssign) else []
        stored = {part for target in targets for each in ast.walk(target) for part in _names(each)}
        if name in stored:
            found.append(node.lineno)  # type: ignore[attr-defined]
    return found


def _names(target: ast.AST) -> list[str]:
    if isinstance(target, ast.Name):
        return [target.id] if isinstance(target.ctx, ast.Store) else []
    if isinstance(target, ast.Attribute):
        return [target.attr]
    return _names_of(target.value) if isinstance(target, ast.Subscript) else []


def _names_of(value: ast.expr) -> list[str]:
    return [value.id] if isinstance(value, ast.Name) else [value.attr] if isinstance(value, ast.Attribute) else []
