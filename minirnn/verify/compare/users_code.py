"""The user's own line of code: where a function of one's own gives a value to a variable."""

from __future__ import annotations

import ast
import inspect
import textwrap
from typing import Any


def line_of(function: Any, name: str) -> str:
    """``file:line: code`` of the last line in a loop of the function that assigns `name`; nothing where there is none."""
    function = getattr(getattr(function, "_asked_loop", None), "function", function)
    function = getattr(function, "__func__", function)
    if not callable(function):
        return ""
    try:
        lines, start = inspect.getsourcelines(inspect.unwrap(function))
        tree = ast.parse(textwrap.dedent("".join(lines)))
        file = inspect.getsourcefile(function) or ""
    except (OSError, TypeError, SyntaxError, IndentationError):
        return ""
    loops = [node for node in ast.walk(tree) if isinstance(node, (ast.For, ast.While))]
    found = [
        stmt.lineno for loop in loops for stmt in ast.walk(loop)
        if isinstance(stmt, (ast.Assign, ast.AugAssign)) and name in _assigned(stmt)
    ]  # fmt: skip
    if not found:
        return ""
    number = max(found)
    return f"{file}:{start + number - 1}: {lines[number - 1].strip()}"


def _assigned(stmt: ast.Assign | ast.AugAssign) -> set[str]:
    """The variables that a statement assigns, or whose parts it does."""
    targets = stmt.targets if isinstance(stmt, ast.Assign) else [stmt.target]
    found = set()
    for target in targets:
        for node in ast.walk(target):
            found |= {node.id} if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) else set()
            if isinstance(node, (ast.Subscript, ast.Attribute)):
                inner = node.value
                found |= (
                    {inner.id}
                    if isinstance(inner, ast.Name)
                    else {inner.attr}
                    if isinstance(inner, ast.Attribute)
                    else set()
                )
                found |= {node.attr} if isinstance(node, ast.Attribute) else set()
    return found
