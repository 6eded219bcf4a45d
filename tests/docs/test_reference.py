"""The reference documents every public name, and nothing that does not exist."""

import ast
import re
import textwrap
from pathlib import Path
from types import ModuleType

import pytest

import lrfinder
import lrfinder.errors

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "lrfinder"
PAGES = "\n".join(page.read_text() for page in (ROOT / "docs" / "reference").glob("*.md"))
MODULES = set(re.findall(r"^\.\. automodule:: lrfinder\.(\S+)$", PAGES, re.MULTILINE))
OBJECTS = set(re.findall(r"^\.\. auto(?:class|function|exception):: lrfinder\.(\S+)$", PAGES, re.MULTILINE))
RESULTS = {"RangeTest", "Suggestion", "Comparison", "Grid", "Check", "BaseLearner"}
FRAMEWORK_PACKAGES = ("torch", "jax", "keras", "gluon")


def exported(package):
    """Return the names in ``__all__`` of a package, which is read without importing its framework."""
    for node in ast.parse((SOURCE / package / "__init__.py").read_text()).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return set(ast.literal_eval(node.value))
    return set()


def is_defined(name):
    """Return whether ``lrfinder.NAME`` is a module, or defined or imported in the module that the name leads to."""
    *folders, last = name.split(".")
    home = SOURCE.joinpath(*folders)
    if (home / f"{last}.py").is_file() or (home / last / "__init__.py").is_file():
        return True
    file = home / "__init__.py" if home.is_dir() else home.with_suffix(".py")
    return file.is_file() and re.search(rf"\b{last}\b", file.read_text()) is not None


def classes():
    """Yield the name and docstring of each documented class, read without importing its framework."""
    defined = {}
    for file in sorted(SOURCE.rglob("*.py")):
        for node in ast.parse(file.read_text()).body:
            if isinstance(node, ast.ClassDef):
                defined.setdefault(node.name, []).append(node)
    for name in sorted(set(re.findall(r"autoclass:: lrfinder\.(\S+)$", PAGES, re.MULTILINE))):
        yield from ((name, node) for node in defined[name.rpartition(".")[2]] if is_built(node) or name in RESULTS)


def is_built(node):
    """Return whether users build it: it has an ``__init__`` of its own, and is not a part of a result."""
    return any(isinstance(part, ast.FunctionDef) and part.name == "__init__" for part in node.body)


def fits(call, parameters):
    """Return whether a call has no more positional arguments and no other keywords than these parameters."""
    named = {one.arg for one in (*parameters.args, *parameters.kwonlyargs)}
    return len(call.args) < len(parameters.args) and {keyword.arg for keyword in call.keywords} <= named


@pytest.mark.parametrize(("name", "node"), [pytest.param(*case, id=case[0]) for case in classes()])
def test_a_class_has_an_example_that_fits_the_page(name, node):
    example = re.search(r"::\n\n((?:(?: {4}.*)?\n)+)", f"{ast.get_docstring(node)}\n")
    assert example is not None, name
    code = textwrap.dedent(example[1])
    assert max(map(len, code.splitlines())) <= 88
    for call in ast.walk(ast.parse(code)):
        if isinstance(call, ast.Call) and ast.unparse(call.func) == node.name and is_built(node):
            assert fits(call, next(part.args for part in node.body if getattr(part, "name", "") == "__init__"))


def test_the_names_of_the_package_are_those_of_the_reference():
    public = {name for name in lrfinder.__all__ if not isinstance(getattr(lrfinder, name), ModuleType)}
    assert {name for name in OBJECTS if "." not in name} == public
    assert set(lrfinder.__all__) - public <= MODULES


def test_every_error_is_in_the_reference():
    errors = {name for name, value in vars(lrfinder.errors).items() if isinstance(value, type)}
    assert errors <= {name.removeprefix("errors.") for name in OBJECTS}


@pytest.mark.parametrize("package", FRAMEWORK_PACKAGES)
def test_the_names_of_a_framework_package_are_in_the_reference(package):
    own = exported(package) - set(lrfinder.__all__)
    assert {f"{package}.{name}" for name in own} <= OBJECTS


@pytest.mark.parametrize("name", sorted(OBJECTS | MODULES))
def test_what_the_reference_documents_exists(name):
    assert is_defined(name)
