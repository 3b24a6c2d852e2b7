"""The definition of a function in the file that it was read from, if that is still the same, and names in its text."""

from __future__ import annotations

import ast
import copy
import functools
import inspect
import linecache
import types
from typing import Any

from ...system import CannotFollow


def definition_of(code: types.CodeType) -> ast.FunctionDef | None:
    """The definition, with the line numbers of its file; None without source."""
    try:
        lines = inspect.findsource(code)[0]
    except (OSError, TypeError):
        return None
    linecache.checkcache(code.co_filename)
    text = "".join(lines)
    try:
        key = code.co_name, code.co_firstlineno
        found, now = _definitions(text).get(key), _compiled_definitions(text, code.co_filename).get(key, [])
    except (SyntaxError, ValueError):
        return None
    if code.co_name != "<lambda>" and not _instrumented(code) and not any(_alike(code, each) for each in now):
        where = f"{code.co_filename}:{code.co_firstlineno}"
        raise CannotFollow(f"{where}: the file has changed since {code.co_name} was read from it; import it again")
    return copy.deepcopy(found)


@functools.lru_cache(maxsize=32)
def _definitions(text: str) -> dict[tuple[str, int], ast.FunctionDef]:
    found = {}
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            first = min([node.lineno, *(d.lineno for d in node.decorator_list)])
            found[node.name, first] = node
    return found


@functools.lru_cache(maxsize=32)
def _compiled_definitions(text: str, file: str) -> dict[tuple[str, int], list[types.CodeType]]:
    found: dict[tuple[str, int], list[types.CodeType]] = {}  # a notebook compiles the statements of a cell one by one
    parts: list[Any] = [text, *(ast.Module([statement], []) for statement in ast.parse(text).body)]
    waiting = [compile(part, file, "exec", dont_inherit=True) for part in parts]
    while waiting:
        for inner in waiting.pop().co_consts:
            if isinstance(inner, types.CodeType):
                found.setdefault((inner.co_name, inner.co_firstlineno), []).append(inner)
                waiting.append(inner)
    return found


def _alike(a: types.CodeType, b: types.CodeType) -> bool:
    """Whether two code objects do the same."""
    if (a.co_code, a.co_names, len(a.co_consts)) != (b.co_code, b.co_names, len(b.co_consts)):
        return False
    for x, y in zip(a.co_consts, b.co_consts):
        if isinstance(x, types.CodeType):
            if not isinstance(y, types.CodeType) or not _alike(x, y):
                return False
        elif type(x) is not type(y) or repr(x) != repr(y):
            return False
    return True


def _instrumented(code: types.CodeType) -> bool:
    """Whether a test runner has put its own assertions into the code."""
    return any(name.startswith("@py") for name in (*code.co_names, *code.co_varnames)) or any(
        isinstance(x, types.CodeType) and _instrumented(x) for x in code.co_consts
    )


def yields(body: list[ast.stmt]) -> bool:
    """Whether a function with this body is a generator; those that are defined in it do not count."""
    waiting: list[ast.AST] = [*body]
    while waiting:
        node = waiting.pop()
        if isinstance(node, (ast.Yield, ast.YieldFrom)):
            return True
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)):
            waiting.extend(ast.iter_child_nodes(node))
    return False


def target_name(target: ast.AST) -> str | None:
    """The name that a value assigned to `target` has: h of ``h``, ``self.h``, ``h[t]``; k of ``cache["k"]``."""
    match target:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case ast.Subscript(slice=ast.Constant(value=str() as name)) if name.isidentifier():
            return name
        case ast.Subscript(value=inner, slice=places):
            ranges = [s for s in ast.walk(places) if isinstance(s, ast.Slice) and (s.lower or s.upper)]
            return target_name(inner) if all(map(_is_one_place, ranges)) else None
    return None


def _is_one_place(reach: ast.Slice) -> bool:
    """Whether it is written as one place: t:t+1."""
    if reach.lower is None or reach.upper is None or reach.step is not None:
        return False
    (base, first), (other, last) = map(_counted_from, (reach.lower, reach.upper))
    return base == other and last == first + 1


def _counted_from(place: ast.expr) -> tuple[str, int]:
    """What a place is counted from, and how far it is from there."""
    match place:
        case ast.BinOp(base, ast.Add(), ast.Constant(int() as k)):
            return ast.dump(base), k
        case ast.BinOp(base, ast.Sub(), ast.Constant(int() as k)):
            return ast.dump(base), -k
    return ast.dump(place), 0
