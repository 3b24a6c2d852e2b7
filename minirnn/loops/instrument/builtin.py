"""What stands for functions of Python itself that look at a value: float, int, type, id, and numbers written into a text."""

from __future__ import annotations

import ast
from typing import Any

from ..errors import reach, refuse, run
from ..recording.array import Array
from ..recording.methods import as_number


def printed(x: Any) -> Any:
    if type(x) is tuple:
        return tuple(map(printed, x))
    if type(x) is dict:
        return {k: printed(v) for k, v in x.items()}
    return reach("text", x.data, x) if type(x) is Array else x


def _number(kind: Any) -> Any:
    def convert(x: Any = 0, *more: Any) -> Any:
        if type(x) is Array:
            return as_number(x, kind)
        if isinstance(x, str) and run.texts is not None:
            refuse(
                f"a number is read from a text, after a traced value was written into one at {run.texts}",
                "compute with the value itself",
            )
        return kind(x, *more)

    return convert


def _type(x: Any, *more: Any) -> Any:
    return type(x.data) if type(x) is Array else type(x, *more)


BUILTINS = {
    float: _number(float), int: _number(int), type: _type, id: lambda x: id(x.data) if type(x) is Array else id(x),
    eval: _number(eval), ast.literal_eval: _number(ast.literal_eval),
}  # fmt: skip
