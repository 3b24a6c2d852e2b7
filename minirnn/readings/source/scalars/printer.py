"""Expressions and loops as text: what Python and C have in common."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from typing import Any

from ....engine.entries import Apply, Count, Expr, Load, Number, Var
from ....engine.sizes import Size
from ..terms import size_text
from .lower import For, Local, Set

LETTERS = {"N": "n", "D": "i", "M": "jmpq", "K": "kl", "A": "abc", "T": "s"}
ORDER = {"where": 0, "or": 1, "and": 2, "<": 3, ">": 3, "<=": 3, ">=": 3, "==": 3, "!=": 3, "+": 4, "-": 4, "*": 5,
         "/": 5, "//": 5, "%": 5, "neg": 6}  # fmt: skip


class Printer(ABC):
    """Expressions as text, and loops as lines; `names` of arrays, `taken` what an index may not be called."""

    words: dict[str, str]  # how operators are written

    def __init__(self, names: dict[int, str], taken: set[str]) -> None:
        self.names, self.taken = names, taken
        self.indices: dict[Var, str] = {}
        self.locals: dict[Local, str] = {}

    # -------------------------------------------------------------------------------------------------- expressions

    def text(self, x: Expr, around: int = 0) -> str:
        """The text, in parentheses where it stands beside operators that bind closer."""
        match x:
            case Number():
                return self.number(x.value)
            case Count():
                text = self.size(x.size)
                return f"({text})" if around > 4 and re.search(r"[ */]", text) else text
            case Var():
                return self.indices[x]
            case Local():
                return self.locals[x]
            case Load():
                return self.load(x)
            case Apply():
                return self._apply(x, around)
        raise TypeError(x)

    def _apply(self, x: Apply, around: int) -> str:
        op, args = x.op, x.args
        if op not in ORDER:
            return self.call(op, args)
        own = ORDER[op]
        if op == "where":
            text = self.where(*args)
        elif op == "neg":
            text = f"-{self.text(args[0], 6)}"
        else:
            a, b = args
            if op == "+" and isinstance(b, Number) and b.value < 0:
                op, b = "-", Number(-b.value)
            elif op == "+" and isinstance(b, Apply) and b.op == "neg":
                op, b = "-", b.args[0]
            text = f"{self.text(a, own)} {self.words.get(op, op)} {self.text(b, own + (op not in '+*'))}"
        return f"({text})" if own < around else text

    def size(self, size: Size) -> str:
        return size_text(size)

    def index(self, var: Var) -> str:
        """A name for an index: a letter of the component form that is free."""
        used = {*self.indices.values(), *self.locals.values()} | self.taken
        base = "ts" if var.size is None else next(iter(var.size.letters), "")
        letters = base if var.size is None else LETTERS.get(re.split(r"[_^]", base)[0], "ab")
        tries = [*letters, *(c + str(k) for k in range(2, 99) for c in letters)]
        return next(c for c in tries if c not in used)

    @abstractmethod
    def number(self, value: Any) -> str: ...

    @abstractmethod
    def load(self, x: Load) -> str: ...

    @abstractmethod
    def where(self, condition: Expr, a: Expr, b: Expr) -> str: ...

    @abstractmethod
    def call(self, name: str, args: tuple[Expr, ...]) -> str: ...

    # -------------------------------------------------------------------------------------------------------- lines

    def lines(self, code: list[Any]) -> list[str]:
        """The lines of some code: statements, loops, lines, and functions that give lines."""
        found: list[str] = []
        for node in code:
            before = dict(self.locals)
            if isinstance(node, Set):
                found.append(self._set(node))
                continue
            if isinstance(node, For):
                self.indices[node.var] = self.index(node.var)
                head, end = self.loop(node)
                found += [*head, *[f"    {line}" for line in self.lines(node.body)], *end]
                del self.indices[node.var]
            elif isinstance(node, list):
                found += self.block(node)
            else:
                found += node() if callable(node) else [node]
            self.locals = before
        return found

    def _set(self, node: Set) -> str:
        """An assignment; a number that is kept gets a name when it is first met."""
        new = False
        if isinstance(node.target, Local) and node.target not in self.locals:
            new, known = True, {*self.taken, *self.indices.values(), *self.locals.values()}
            self.locals[node.target] = next(c for c in ["s", *(f"s{k}" for k in range(2, 999))] if c not in known)
        return self.assignment(self.text(node.target), self.text(node.value), node.kind, new)

    def block(self, code: list[Any]) -> list[str]:
        """A statement, with numbers of its own."""
        return self.lines(code)

    @abstractmethod
    def assignment(self, target: str, value: str, kind: str, new: bool) -> str: ...

    @abstractmethod
    def loop(self, node: For) -> tuple[list[str], list[str]]:
        """The lines before the body of a loop, and those behind it."""
