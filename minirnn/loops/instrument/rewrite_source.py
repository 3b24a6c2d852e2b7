"""Notes put into the source of the user's functions: what is assigned to which variable, and the turns of loops.

Line numbers and file stay the same. A function without source is left as it is, without notes.
"""

from __future__ import annotations

import ast
import inspect
import types
from typing import Any
from weakref import WeakKeyDictionary

from ...system import CannotFollow
from .notes import Notes
from .source_text import definition_of

# of each code object that with notes, or None without source; it goes when the function goes
_codes: WeakKeyDictionary[types.CodeType, types.CodeType | None] = WeakKeyDictionary()


def with_notes(function: types.FunctionType) -> types.CodeType:
    """The code of `function` with notes put in; as it is, if there is no source."""
    code = function.__code__
    if code not in _codes:
        tree = definition_of(code)
        _codes[code] = None if tree is None else _compiled(tree, function)
    return _codes[code] or code


def has_source(function: Any) -> bool:
    """Whether the text of a function is there; without it there are no names and no steps."""
    code = getattr(function, "__code__", None)
    return code is None or code not in _codes or _codes[code] is not None or code.co_name == "<lambda>"


def _compiled(tree: ast.FunctionDef, function: types.FunctionType) -> types.CodeType:
    code = function.__code__
    tree.decorator_list = []
    tree.returns = None
    arguments = tree.args
    arguments.defaults = [ast.Constant(None) for _ in arguments.defaults]
    arguments.kw_defaults = [None if d is None else ast.Constant(None) for d in arguments.kw_defaults]
    for argument in ast.walk(arguments):
        if isinstance(argument, ast.arg):
            argument.annotation = None
    body: ast.stmt = Notes(code.co_filename).visit(tree)
    qualified = function.__qualname__.split(".")
    if len(qualified) > 1 and qualified[-2] != "<locals>":  # so that self.__w is understood
        body = ast.ClassDef(qualified[-2], [], [], [body], [])
    names = [*code.co_freevars]
    of_class = [ast.Global([body.name])] if isinstance(body, ast.ClassDef) and body.name not in names else []
    outer = ast.FunctionDef(
        "__minirnn_outer__", ast.arguments([], [ast.arg(n) for n in names], None, [], [], None, []), [*of_class, body], []
    )
    module = ast.fix_missing_locations(ast.Module([outer], []))
    compiled = compile(module, code.co_filename, "exec", dont_inherit=True)
    return _inner(compiled, code.co_name)


def _inner(code: types.CodeType, name: str) -> types.CodeType:
    """The code object of that name, the outermost."""
    waiting = [code]
    while waiting:
        for inner in waiting.pop(0).co_consts:
            if isinstance(inner, types.CodeType):
                if inner.co_name == name and inner.co_flags & inspect.CO_NEWLOCALS and inner.co_flags & inspect.CO_OPTIMIZED:
                    return inner
                waiting.append(inner)
    raise CannotFollow(f"{name} cannot be read again from its source")
