"""What statements set: variables, attributes and containers."""

from __future__ import annotations

import ast

MOVING = (ast.For, ast.comprehension, ast.AugAssign, ast.NamedExpr)  # what makes a variable another one from turn to turn
Places = dict[str, bool]  # what is set, as text, and whether in place


def set_by(statements: list[ast.stmt]) -> Places | None:
    """What statements set, variables, attributes and containers; None if they do more than that, raise and print."""
    found: Places = {}
    for statement in statements:
        places: Places | None
        match statement:
            case ast.Raise() | ast.Pass() | ast.Expr(ast.Constant() | ast.Call(ast.Name("print"))):
                places = {}
            case ast.Assign([target]) | ast.AnnAssign(target):
                places = _place(target, isinstance(target, ast.Subscript))
            case ast.AugAssign(target):
                places = _place(target, True)
            case ast.Expr(ast.Call(keywords=[*_, ast.keyword("out", target)])):
                places = _place(target, True)
            case ast.If():
                places = set_by([*statement.body, *statement.orelse])
            case ast.For():
                places = _set_in_turns(statement)
            case _:
                places = None
        if places is None:
            return None
        for text, in_place in places.items():
            found[text] = in_place or found.get(text, False)
    return found


def _place(target: ast.expr, in_place: bool) -> Places | None:
    """What is set when a target is: of ``grads[k]`` the container, which holds the same array in the end or another one."""
    while isinstance(target, ast.Subscript):
        target = target.value
    holder = target
    while isinstance(holder, ast.Attribute):
        holder = holder.value
    return {ast.unparse(target): in_place} if isinstance(holder, ast.Name) else None


def _set_in_turns(loop: ast.For) -> Places | None:
    """What a loop sets: what its turns set; an array that is changed in place is one of those that it goes through."""
    inside = set_by([*loop.body, *loop.orelse])
    if inside is None:
        return None
    turned = {x.id for x in ast.walk(loop.target) if isinstance(x, ast.Name)}
    if any(in_place and text in turned for text, in_place in inside.items()):
        for held in ast.walk(loop.iter):
            if isinstance(held, ast.Name) and isinstance(held.ctx, ast.Load):
                inside.setdefault(held.id, True)
    return {text: in_place for text, in_place in inside.items() if text not in turned}


def filled_by_turns(function: ast.FunctionDef) -> set[str]:
    """The arrays, as text, of which loops write another place in every turn: ``H[t] = h``."""
    places = [node for node in ast.walk(function) if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store)]
    places += [
        node.value
        for node in ast.walk(function)
        if isinstance(node, ast.keyword) and node.arg == "out" and isinstance(node.value, ast.Subscript)
    ]
    moving = {
        name.id
        for node in ast.walk(function)
        if isinstance(node, MOVING)
        for name in ast.walk(node.target)
        if isinstance(name, ast.Name) and isinstance(name.ctx, ast.Store)
    }
    return {
        ast.unparse(place.value)
        for place in places
        if any(isinstance(part, ast.Name) and part.id in moving for part in ast.walk(place.slice))
    }
