"""What is noted in the source of a user's function: calls that say which variable holds what, and the turns of loops."""

from __future__ import annotations

import ast
from typing import Any

from .set_by import filled_by_turns, set_by
from .source_text import target_name, yields

NOTES = "__minirnn__"
# what may be computed once more
QUIET = (ast.Name, ast.Constant, ast.BinOp, ast.UnaryOp, ast.Slice, ast.Tuple, ast.operator, ast.unaryop, ast.expr_context)


def _call(method: str, *args: ast.expr, of: str = NOTES) -> ast.expr:
    return ast.Call(ast.Attribute(ast.Name(of, ast.Load()), method, ast.Load()), list(args), [])


def _named(name: str, value: ast.expr, into: ast.expr | None = None, holder: ast.expr | None = None) -> ast.expr:
    """The value, noted as that of a variable; of a place ``into`` it is stored, it takes the name if it has none.

    If `holder` is an array, it has the name in place of its part.
    """
    method = "named" if into is None or isinstance(into, ast.Name) else "stored" if holder is None else "put"
    args: list[ast.expr] = [ast.Constant(name), value, ast.Name("__minirnn_call__", ast.Load())]
    match into:  # layers[1] = h, layers[1][...] = h: if it is a list of layers, that of this number
        case ast.Subscript(ast.Name(of_layers), ast.Constant(int() as k)) | ast.Subscript(
            ast.Subscript(ast.Name(of_layers), ast.Constant(int() as k)), _
        ):
            args += [ast.Name(of_layers, ast.Load()), ast.Constant(k)]
        case _ if holder is not None:
            args.append(_read(holder))
    return ast.copy_location(_call(method, *args), value)


def _read(place: ast.expr) -> ast.expr:
    """What is written to, to be looked at."""
    return ast.parse(ast.unparse(place), mode="eval").body


def _wrote(holder: ast.expr, like: ast.stmt) -> ast.stmt:
    """The note that a part of an array was written, which has the name of its variable."""
    name = ast.Constant(target_name(holder))
    return ast.copy_location(ast.Expr(_call("wrote", name, _read(holder), ast.Name("__minirnn_call__", ast.Load()))), like)


def _kept(name: str, value: ast.expr) -> ast.expr:
    """The value of a key of a dictionary, or of a field."""
    return ast.copy_location(_call("kept", ast.Constant(name), value, ast.Name("__minirnn_call__", ast.Load())), value)


def _rows(function: ast.expr, items: ast.expr) -> ast.expr:
    """What a list is made of, by `function`: list(X), or [*X]."""
    return ast.copy_location(_call("rows", function, items), items)


class Notes(ast.NodeTransformer):
    """Puts the notes in."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.in_function = False
        self.filled: set[str] = set()  # the arrays that loops fill place by place, H[t] = h

    def visit_FunctionDef(self, node: ast.FunctionDef) -> Any:
        was, self.in_function = self.in_function, True
        self.filled = filled_by_turns(node)
        node.body = self._block(node.body)
        begin = ast.Assign([ast.Name("__minirnn_call__", ast.Store())], _call("call", ast.Constant(yields(node.body))))
        node.body.insert(0, ast.copy_location(begin, node.body[0]))
        self.in_function = was
        return node

    def _block(self, body: list[ast.stmt]) -> list[ast.stmt]:
        found: list[ast.stmt] = []
        for statement in body:
            made = self.visit(statement)
            found.extend(made if isinstance(made, list) else [made])
        return found

    def visit_ClassDef(self, node: ast.ClassDef) -> Any:
        return node

    def visit_Lambda(self, node: ast.Lambda) -> Any:
        return node

    def visit_If(self, node: ast.If) -> Any:
        """Where a branch does no more than raise, print and set variables, these are what depends on the choice."""
        places = set_by([node])
        test = self._test(node.test)
        node.body, node.orelse = self._block(node.body), self._block(node.orelse)
        if places is None:
            node.test = test
            return node
        flag = f"__minirnn_if_{node.lineno}_{node.col_offset}__"
        load = ast.Name(flag, ast.Load())
        node.test = ast.copy_location(_call("decide", load), test)
        after: list[ast.stmt] = []
        for text, in_place in places.items():
            held, into = ast.parse(text, mode="eval").body, ast.parse(f"{text} = 0").body[0]
            assert isinstance(into, ast.Assign)
            into.value = _call("chosen", load, held, ast.Constant(in_place))
            missing = ast.Tuple([ast.Name("NameError", ast.Load()), ast.Name("AttributeError", ast.Load())], ast.Load())
            after.append(ast.Try([into], [ast.ExceptHandler(missing, None, [ast.Pass()])], [], []))
        ends: list[ast.stmt] = [ast.If(_call("open", load), after, [])] if after else []
        begin = ast.Assign([ast.Name(flag, ast.Store())], test)
        return [s if s is node else ast.copy_location(s, test) for s in [begin, node, *ends]]

    def _test(self, node: ast.expr) -> ast.expr:
        """A test in which `not`, `and` and `or` are recorded too."""
        match node:
            case ast.UnaryOp(ast.Not(), inner):
                return ast.copy_location(_call("opposite", self._test(inner)), node)
            case ast.BoolOp(op, parts) if not any(isinstance(x, (ast.NamedExpr, ast.Yield)) for x in ast.walk(node)):
                nothing = ast.arguments([], [], None, [], [], None, [])
                each: list[ast.expr] = [ast.Lambda(nothing, self._test(part)) for part in parts]
                return ast.copy_location(_call("all_of" if isinstance(op, ast.And) else "any_of", *each), node)
        visited: ast.expr = self.visit(node)
        return visited

    def visit_Assert(self, node: ast.Assert) -> Any:
        node.test = ast.copy_location(_call("decide", self._test(node.test)), node.test)
        node.msg = node.msg and self.visit(node.msg)
        return node

    def visit_Compare(self, node: ast.Compare) -> Any:
        self.generic_visit(node)
        if len(node.ops) == 1 and isinstance(node.ops[0], (ast.Is, ast.IsNot)):
            if any(isinstance(x, ast.Constant) for x in (node.left, node.comparators[0])):
                return node  # x is None
            found = ast.copy_location(_call("same", node.left, node.comparators[0]), node)
            return found if isinstance(node.ops[0], ast.Is) else ast.copy_location(ast.UnaryOp(ast.Not(), found), node)
        return node

    def visit_BinOp(self, node: ast.BinOp) -> Any:
        self.generic_visit(node)
        return ast.copy_location(_call("mod", node.left, node.right), node) if isinstance(node.op, ast.Mod) else node

    def _renaming(self, targets: list[ast.expr], like: ast.stmt) -> list[ast.stmt]:
        """x = named("x", x), for variables that were assigned without one value each."""
        return [
            ast.copy_location(ast.Assign([ast.Name(t.id, ast.Store())], _named(t.id, ast.Name(t.id, ast.Load()))), like)
            for target in targets
            for t in ast.walk(target)
            if isinstance(t, ast.Name) and isinstance(t.ctx, ast.Store)
        ]

    def visit_Assign(self, node: ast.Assign) -> Any:
        node.value = self._valued(node.value, target_name(node.targets[0]) if len(node.targets) == 1 else None)
        if len(node.targets) == 1:
            name, target = target_name(node.targets[0]), node.targets[0]
            if isinstance(target, (ast.Tuple, ast.List)):
                if isinstance(node.value, ast.Tuple) and len(node.value.elts) == len(target.elts):
                    for i, (one, value) in enumerate(zip(target.elts, node.value.elts)):
                        if own := target_name(one):
                            node.value.elts[i] = _named(own, value, one)
                    return node
                return [node, *self._renaming([target], node)]
            holder = self._holder(target)
            if name is not None and not isinstance(node.value, ast.Constant):
                node.value = _named(name, node.value, target, holder)
            return [node, _wrote(holder, node)] if holder else node
        return [node, *self._renaming([t for t in node.targets if isinstance(t, ast.Name)], node)]

    def _valued(self, value: ast.expr, name: str | None) -> ast.expr:
        """The value visited; what a list comprehension makes is named after the list."""
        made = self.visit(value)
        if name is not None and isinstance(made, ast.ListComp):
            made.elt = _named(name, made.elt, made)
        return made

    def visit_AnnAssign(self, node: ast.AnnAssign) -> Any:
        node.annotation = ast.Constant(None)
        if node.value is not None:
            name = target_name(node.target)
            node.value = self._valued(node.value, name)
            if name is not None:
                node.value = _named(name, node.value, node.target)
        return node

    def _holder(self, place: ast.expr) -> ast.expr | None:
        """The array of which `place` is a part that is no step of it: h of ``h[:2]``."""
        match place:
            case ast.Subscript(ast.Name() | ast.Attribute(ast.Name()) as holder, index) if not (
                ast.unparse(holder) in self.filled or (isinstance(index, ast.Constant) and isinstance(index.value, str))
            ):
                return holder
        return None

    def visit_AugAssign(self, node: ast.AugAssign) -> Any:
        node.value = self.visit(node.value)
        holder = self._holder(node.target)
        return [node, *([_wrote(holder, node)] if holder else self._written(node.target, node))]

    def visit_Expr(self, node: ast.Expr) -> Any:
        """A function that writes its result into a place, ``np.tanh(z, out=H[t])``."""
        node.value = self.visit(node.value)
        places = [k.value for k in node.value.keywords if k.arg == "out"] if isinstance(node.value, ast.Call) else []
        return [node, *(made for place in places for made in self._written(place, node))]

    def _written(self, place: ast.expr, like: ast.stmt) -> list[ast.stmt]:
        """What is in a place that was written to takes its name, if looking there again does nothing else."""
        if isinstance(place, ast.Name):
            return self._renaming([place], like) if isinstance(like, ast.AugAssign) else []
        match place:
            case ast.Subscript(ast.Name(name), index) if all(isinstance(x, QUIET) for x in ast.walk(index)):
                read = ast.Subscript(holder := ast.Name(name, ast.Load()), index, ast.Load())
                noted = ast.If(_call("steps_in", holder), [ast.Expr(_named(name, read, place))], [])
                return [ast.copy_location(noted, like)]
        return []

    def visit_NamedExpr(self, node: ast.NamedExpr) -> Any:
        node.value = _named(node.target.id, self.visit(node.value))
        return node

    def visit_Call(self, node: ast.Call) -> Any:
        self.generic_visit(node)
        match node.func:
            case ast.Name(id="float" | "int" | "type" | "id" | "eval") | ast.Attribute(attr="literal_eval"):
                node.func = ast.copy_location(_call("builtin", node.func), node.func)
            case ast.Name(id="list" | "tuple") if len(node.args) == 1 and not isinstance(node.args[0], ast.Starred):
                node.args = [_rows(node.func, node.args[0])]
            case ast.Attribute(value=target, attr="append" | "appendleft" | "insert" as method) if (
                len(node.args) == (2 if method == "insert" else 1)
                and not isinstance(node.args[-1], ast.Starred)
                and (name := target_name(target))
            ):
                node.args[-1] = _named(name, node.args[-1], node.func)
            case ast.Name(id="dict") | ast.Attribute(attr="update" | "replace" | "_replace"):  # state.update(h=h)
                for keyword in node.keywords:
                    keyword.value = keyword.value if keyword.arg is None else _kept(keyword.arg, keyword.value)
        return node

    def visit_List(self, node: ast.List) -> Any:
        self.generic_visit(node)
        if isinstance(node.ctx, ast.Load):
            for part in node.elts:
                if isinstance(part, ast.Starred):
                    part.value = _rows(ast.Constant(None), part.value)
        return node

    def visit_Dict(self, node: ast.Dict) -> Any:
        """{"h": h}: what has no name yet is called as its key."""
        self.generic_visit(node)
        for k, key in enumerate(node.keys):
            if isinstance(key, ast.Constant) and isinstance(key.value, str) and key.value.isidentifier():
                node.values[k] = _kept(key.value, node.values[k])
        return node

    def _site(self, node: ast.AST) -> ast.expr:
        return ast.Constant(f"{self.file}:{node.lineno}:{node.col_offset}")  # type: ignore[attr-defined]

    def visit_For(self, node: ast.For) -> Any:
        node.iter = ast.copy_location(_call("loop", self.visit(node.iter), self._site(node)), node.iter)
        node.body = [*self._renaming([node.target], node.body[0]), *self._block(node.body)]
        node.orelse = self._block(node.orelse)
        return node

    def visit_While(self, node: ast.While) -> Any:
        node.body = self._block(node.body)
        if node.orelse:
            return node
        stop = ast.copy_location(ast.If(ast.UnaryOp(ast.Not(), self.visit(node.test)), [ast.Break()], []), node)
        loop = _call("loop", _call("forever"), self._site(node))
        return ast.copy_location(ast.For(ast.Name("__minirnn_turn__", ast.Store()), loop, [stop, *node.body], []), node)

    def visit_comprehension(self, node: ast.comprehension) -> Any:
        self.generic_visit(node)
        node.iter = ast.copy_location(_call("loop", node.iter, self._site(node.iter)), node.iter)
        return node

    def _imported(self, node: ast.Import | ast.ImportFrom) -> Any:
        names = [(a.asname or a.name).partition(".")[0] for a in node.names if a.name != "*"]
        copies = {n: _call("of", ast.Name(n, ast.Load()), ast.Constant(n), of="__minirnn_copies__") for n in names}
        made = [ast.Assign([ast.Name(n, ast.Store())], copy) for n, copy in copies.items()]
        return [node, *(ast.copy_location(m, node) for m in made)]

    visit_Import = visit_ImportFrom = _imported
