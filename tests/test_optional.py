"""Optional packages: what is imported, and the error where one is missing."""

import math

import pytest

from lrfinder import MissingExtraError
from lrfinder._optional import require


def test_an_installed_module_is_returned():
    assert require("math", "demo") is math


def test_a_missing_package_is_named_with_the_command_that_installs_it():
    with pytest.raises(MissingExtraError, match=r'pip install "lrfinder\[ray\]"') as error:
        require("no_such_package.part", "ray")
    assert error.value.name == "no_such_package"


def test_a_missing_dependency_of_a_package_is_the_one_named(tmp_path, monkeypatch):
    (tmp_path / "half_installed.py").write_text("import no_such_dependency\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(MissingExtraError, match="no_such_dependency is needed") as error:
        require("half_installed", "ray")
    assert error.value.name == "no_such_dependency"


def test_another_error_of_a_package_is_not_hidden(tmp_path, monkeypatch):
    (tmp_path / "broken_package.py").write_text("from math import no_such_function\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ImportError) as error:
        require("broken_package", "ray")
    assert not isinstance(error.value, MissingExtraError)
