"""The package as a package: light to import, layered without cycles, usable without a build."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

import lrfinder

SOURCE = Path(lrfinder.__file__).parent
HEAVY = {"matplotlib", "msgspec", "rich", "typer", "torch", "jax", "keras", "mxnet", "pandas", "ray", "sklearn", "scipy"}
TRAINERS = {"lightning", "transformers", "accelerate", "ignite", "fastai", "skorch"}
FRAMEWORKS = {"torch", "jax", "optax", "keras", "mxnet", "tensorflow", *TRAINERS}
ALSO = {"jax": {"optax"}, "gluon": {"mxnet"}, "trainers": {"torch", *TRAINERS}}  # what comes with a framework


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


def test_ray_is_imported_in_one_module():
    assert [path.name for path in FILES if "ray" in set(imports(path))] == ["_ray.py"]


def imports(path, *, inside_functions=True):
    """Yield the dotted names of the modules that a file imports, those for annotations alone left out."""
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            node.body = []
        if not inside_functions and isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            node.body = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            yield from (name if name in MODULES else node.module for name in names)
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith(("require", "import_module")):
            yield from (
                argument.value
                for argument in node.args[:1]
                if isinstance(argument, ast.Constant) and isinstance(argument.value, str)
            )


def package_of(path):
    """The first part of a module's name below ``lrfinder``, without ``.py``."""
    return path.relative_to(SOURCE).with_suffix("").parts[0]


def module_of(path):
    """The dotted name of the module that a file holds."""
    return ".".join(path.relative_to(SOURCE.parent).with_suffix("").parts).removesuffix(".__init__")


FILES = sorted(SOURCE.rglob("*.py"))
MODULES = set(map(module_of, FILES))
OUTERMOST = {"_cli", "__main__"}
FRAMEWORK_PACKAGES = {"torch", "gluon", "jax", "keras"}
CORE_BELOW_ANALYSIS = {"errors", "_arguments", "_results"}
BELOW_THE_FINDER = {
    "errors", "learner", "wrappers", "rates", "stopping", "schedules", "replay", "randomness", "_state", "_results",
    "_sweep", "_optional", "_factories", "_user_code", "analysis",
}  # fmt: skip


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_arrows_point_inward(path):
    used = set(imports(path))
    here = package_of(path)
    ours = {name.split(".")[1] for name in used if name.startswith("lrfinder.")} & {package_of(file) for file in FILES}
    frameworks_known = FRAMEWORK_PACKAGES - {here} - ({"torch"} if here == "trainers" else set())
    if here not in OUTERMOST:
        assert not ours & frameworks_known, "only the package of a framework and the command line know that framework"
        foreign = {name.partition(".")[0] for name in used} & (FRAMEWORKS - {here} - ALSO.get(here, set()))
        assert not foreign, "a framework is imported only in the package named after it"
        assert not ours & OUTERMOST
    if here == "analysis":
        assert ours <= {"analysis", *CORE_BELOW_ANALYSIS}
    if here == "views":
        assert not ours & {"finder", "learner", "replay", "testing", "_search", "_sweep"}, "views never see a learner"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_layers_of_the_core_import_downward_at_module_level(path):
    here = package_of(path)
    ours = {name.split(".")[1] for name in imports(path, inside_functions=False) if name.startswith("lrfinder.")}
    ours &= {package_of(file) for file in FILES}
    if here in BELOW_THE_FINDER:
        assert not ours & {"finder", "_search", "_grid", "_check", "_cli", "views", "executors", "testing"}
    if here == "_search":
        assert not ours & {"finder", "_grid", "_check", "_cli", "views"}


ONE_LINE_METHODS = {  # of results, checks, learners and the finder: they import inside their body, from above
    "lrfinder._results.results": {"lrfinder.views", "lrfinder.analysis", "lrfinder._results.codec"},
    "lrfinder._check.report": {"lrfinder.views"},
    "lrfinder._grid.result": {"lrfinder._grid.recommendation", "lrfinder._grid.storage"},
    "lrfinder.learner": {"lrfinder.finder"},
    "lrfinder.finder": {"lrfinder.views.live"},  # its bar, in a terminal alone
}


def import_graph(*, inside_functions):
    """The modules of the package that each module imports."""
    return {module_of(path): MODULES & {*imports(path, inside_functions=inside_functions)} for path in FILES}


def reachable(graph, start):
    """Every module that ``start`` imports, directly or through others."""
    found, pending = set(), [start]
    while pending:
        new = graph[pending.pop()] - found
        found |= new
        pending += new
    return found


def test_only_methods_of_results_learners_and_the_finder_import_upward_inside_functions():
    at_start, anywhere = import_graph(inside_functions=False), import_graph(inside_functions=True)
    upward = {
        (module, name)
        for module, names in anywhere.items()
        for name in names - at_start[module]
        if module in reachable(anywhere, name) and not all(one.startswith("lrfinder.views.") for one in (module, name))
    }
    assert {module for module, _ in upward} == ONE_LINE_METHODS.keys()
    assert not {(module, name) for module, name in upward if not name.startswith(tuple(ONE_LINE_METHODS[module]))}


def test_no_module_imports_itself_through_others():
    graph = import_graph(inside_functions=False)
    done, active = set(), []

    def visit(module):
        assert module not in active, " -> ".join([*active[active.index(module) :], module])
        if module not in done:
            active.append(module)
            for name in sorted(graph[module] - {module}):
                visit(name)
            done.add(active.pop())

    for module in sorted(graph):
        visit(module)


def test_internals_are_private():
    top = {package_of(path) for path in FILES}
    assert len(top) <= 34
    assert len({name for name in top if name.startswith("_") and not name.startswith("__")}) >= 9
