"""What an import loads, and which way imports point."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import minirnn

ROOT = Path(minirnn.__file__).parent
FLOORS = [
    {"engine"},
    {"system", "_version"},
    {"files", "checks", "naming", "options"},
    {"activations", "initializers", "regularizers", "constraints", "losses", "metrics", "optimizers", "callbacks", "ops"},
    {"layers"},
    {"scopes"},
    {"network"},
    {"objective"},
    {"run"},
    {"retrace"},
    {"tracing"},
    {"keras_io", "exchange"},
    {"readings"},
    {"loops"},
    {"verify"},
    {"training"},
    {"models"},
    {"traces"},
    {"demo", "__init__"},
    {"doctor", "sphinxext"},
    {"cli"},
    {"__main__"},
]
BUILD = {("keras_io", "models"), ("exchange", "models"), ("training", "models")}  # what makes models
FLOOR = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}


def imports(path):
    """What a file imports of the package, inside functions and for types too, as dotted names without the package's."""
    package = ["minirnn", *path.relative_to(ROOT).parent.parts]
    for node in ast.walk(ast.parse(path.read_text())):
        if not isinstance(node, ast.ImportFrom):
            continue
        base = package[: len(package) - node.level + 1] if node.level else []
        base = base + (node.module.split(".") if node.module else [])
        if base[:1] == ["minirnn"]:
            for name in node.names:
                whole = [*base[1:], name.name]
                there = ROOT.joinpath(*whole)
                yield whole if there.is_dir() or there.with_suffix(".py").exists() else base[1:] or ["__init__"]


def room_of(path):
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def test_importing_minirnn_loads_numpy_and_nothing_heavier():
    heavy = {"sympy", "graphviz", "pygraphviz", "h5py", "tensorflow", "keras", "jinja2", "matplotlib", "math_core", "tqdm"}
    code = f"import sys, minirnn; print(sorted({heavy!r} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"


def test_imports_point_one_way():
    for path in ROOT.rglob("*.py"):
        here = room_of(path)
        assert here in FLOOR, f"{here} has no floor"
        for there in imports(path):
            if there[0] != here and (here, there[0]) not in BUILD:
                assert FLOOR[there[0]] < FLOOR[here], f"{path.relative_to(ROOT)} imports {'.'.join(there)}"


def test_the_graph_knows_numpy_only():
    for path in (ROOT / "engine").rglob("*.py"):
        tree = ast.parse(path.read_text())
        tops = {a.name.split(".")[0] for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names}
        tops |= {
            n.module.split(".")[0] for n in ast.walk(tree) if isinstance(n, ast.ImportFrom) and not n.level and n.module
        }
        assert tops <= {"numpy"} | sys.stdlib_module_names, path.stem


def test_docstrings_everywhere_in_public():
    for path in ROOT.rglob("*.py"):
        tree = ast.parse(path.read_text())
        assert ast.get_docstring(tree), path
        for node in tree.body:
            if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and not node.name.startswith("_"):
                inherits = isinstance(node, ast.ClassDef) and node.bases
                assert ast.get_docstring(node) or inherits or len(ast.unparse(node).split("\n")) <= 12, (
                    f"{path}: {node.name}"
                )
