"""What an import loads, and which way imports point."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import minirnn

ROOT = Path(minirnn.__file__).parent
LAYER = {
    "engine": 0, "initializers": 1, "system": 1, "files": 1, "constraints": 1, "optimizers": 1, "ops": 1,
    "regularizers": 2, "activations": 2, "losses": 2, "layers": 2, "models": 3,
    "retrace": 4, "traces": 4, "loops": 4, "demo": 4, "keras_io": 4, "exchange": 4,
    "readings": 5, "verify": 6, "training": 6,
    "options": 1, "doctor": 6, "cli": 7, "__main__": 8,
}  # fmt: skip


def imports(path, lazy):
    """What a file imports of the package, as lists of parts: at its top, or inside functions too; types apart."""
    tree = ast.parse(path.read_text())
    types = {id(n) for node in tree.body if isinstance(node, ast.If) for n in ast.walk(node)}
    package = ["minirnn", *path.relative_to(ROOT).parent.parts]
    for node in ast.walk(tree) if lazy else tree.body:
        if not isinstance(node, ast.ImportFrom) or id(node) in types:
            continue
        base = package[: len(package) - node.level + 1] if node.level else []
        base = base + (node.module.split(".") if node.module else [])
        if base[:1] == ["minirnn"]:
            yield from [[*base, a.name] for a in node.names] if base[-1] in ("minirnn", "readings") else [base]


def test_importing_minirnn_loads_numpy_and_nothing_heavier():
    heavy = {"sympy", "graphviz", "pygraphviz", "h5py", "tensorflow", "keras", "jinja2", "matplotlib", "math_core", "tqdm"}
    code = f"import sys, minirnn; print(sorted({heavy!r} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"


def test_imports_point_one_way():
    for path in ROOT.rglob("*.py"):
        here = path.relative_to(ROOT).parts[0].removesuffix(".py")
        if here not in LAYER:
            assert here in ("__init__", "sphinxext"), here
            continue
        for name in imports(path, lazy=here not in ("traces", "models", "training")):
            there = name[1] if len(name) > 1 else None
            if there in LAYER and there != here:
                assert LAYER[there] <= LAYER[here], f"{path} imports {'.'.join(name)}"


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
