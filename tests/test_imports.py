"""What an import loads, and which way imports point."""

from __future__ import annotations

import ast
import subprocess
import sys

from . import house
from .house import ROOT


def test_importing_minirnn_loads_numpy_and_nothing_heavier():
    heavy = {"sympy", "graphviz", "pygraphviz", "h5py", "tensorflow", "keras", "jinja2", "matplotlib", "math_core", "tqdm"}
    code = f"import sys, minirnn; print(sorted({heavy!r} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"


def test_imports_point_one_way():
    for path in house.files():
        here = house.room_of(path)
        assert here in house.FLOOR, f"{here} has no floor"
        for other in house.imports(path):
            there = house.room_of(other)
            if there != here:
                assert house.FLOOR[there] < house.FLOOR[here], f"{path.relative_to(ROOT)} imports {other.relative_to(ROOT)}"


def test_no_files_import_each_other():
    assert house.circles() == []


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
