"""What the package promises as a package: light to import, its arrows point inward, nothing of it needs a build."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

import lrfinder

SOURCE = Path(lrfinder.__file__).parent
HEAVY = {"matplotlib", "rich", "typer", "torch", "jax", "keras", "mxnet", "pandas", "ray", "sklearn", "scipy"}
TRAINERS = {"lightning", "transformers", "accelerate", "ignite", "fastai", "skorch"}
FRAMEWORKS = {"torch", "jax", "optax", "keras", "mxnet", "tensorflow", *TRAINERS}
ALSO = {"jax": {"optax"}, "trainers": {"torch"}}  # what comes with a framework and is none of its own


def run(code, **environment):
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={**os.environ, **environment}
    ).stdout


def test_importing_it_loads_numpy_and_nothing_heavier():
    loaded = run("import sys, lrfinder; print(*{name.partition('.')[0] for name in sys.modules})").split()
    assert "numpy" in loaded
    assert not HEAVY & set(loaded)


def test_it_imports_from_a_clone_that_was_never_built(tmp_path):
    (tmp_path / "lrfinder").symlink_to(SOURCE)
    numpy_home = Path(sys.modules["numpy"].__file__).parent
    (tmp_path / "numpy").symlink_to(numpy_home)
    for libraries in numpy_home.parent.glob("numpy.libs"):
        (tmp_path / "numpy.libs").symlink_to(libraries)
    printed = subprocess.run(
        [sys.executable, "-S", "-c", "import lrfinder; print(lrfinder.__version__)"],
        capture_output=True, text=True, check=True, env={"PYTHONPATH": str(tmp_path)},
    ).stdout  # fmt: skip
    assert printed.strip() == "0+unknown"


def test_every_public_name_is_there_and_documented():
    for name in lrfinder.__all__:
        assert getattr(lrfinder, name).__doc__, name


def test_a_name_that_does_not_exist_is_an_attribute_error():
    with pytest.raises(AttributeError, match="nonsense"):
        _ = lrfinder.nonsense


def test_ray_is_imported_only_where_it_is_asked_for():
    assert [path.name for path in FILES if "ray" in set(imports(path))] == ["on_ray.py"]


def imports(path):
    """The modules that a file imports, also inside functions, as dotted names; those for annotations alone left out."""
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            node.body = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module


def room(path):
    parts = path.relative_to(SOURCE).parts
    return parts[0] if len(parts) > 1 else "core"


OUTERMOST = {"cli.py", "demo.py", "__main__.py"}
FILES = sorted(SOURCE.rglob("*.py"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_arrows_point_inward(path):
    used = set(imports(path))
    ours = {name for name in used if name and name.startswith("lrfinder.")}
    rooms_used = {name.split(".")[1] for name in ours}
    wings = {"torch", "gluon", "jax", "keras"} - {room(path)} - ({"torch"} if room(path) == "trainers" else set())
    if path.name not in OUTERMOST:
        assert not rooms_used & wings, "only a wing, the demo and the command line know a wing"
        foreign = {name.partition(".")[0] for name in used if name} & (
            FRAMEWORKS - {room(path)} - ALSO.get(room(path), set())
        )
        assert not foreign, "a framework is imported only in the wing named after it"
        assert not rooms_used & {"cli", "demo"}
    if room(path) == "analysis":
        assert rooms_used <= {"analysis", "errors", "records"}
    if room(path) == "views":
        assert not rooms_used & {"finder", "learner", "replay", "testing"}, "views never see a learner"
    if room(path) == "core" and path.name not in {*OUTERMOST, "records.py", "cells.py", "__init__.py"}:
        assert "views" not in rooms_used, "the core draws nothing"
        assert "analysis" not in rooms_used or path.name in {"finder.py", "search.py", "asking.py", "journal.py"}, (
            "and what it works out is asked for here"
        )
