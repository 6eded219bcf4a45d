"""``lrfinder doctor``: its findings on this machine, and its report of what is broken."""

import re
import sys
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

import lrfinder
from lrfinder._cli.commands import app
from lrfinder._cli.doctor import EXTRAS, FRAMEWORKS, Examination, Framework, examine, imported
from lrfinder.views.diagnosis import examination_view

PROJECT = Path(__file__).parents[2] / "pyproject.toml"
OURS = {"dev", "docs"}  # extras for those who work on the project


def printed(found):
    console = Console(width=120)
    with console.capture() as capture:
        console.print(examination_view(found))
    return capture.get()


@pytest.fixture(scope="module")
def found():
    return imported(examine())


def test_versions_are_those_of_what_is_installed(found):
    assert found.versions["numpy"] == version("numpy")
    assert found.versions["lrfinder"] == lrfinder.__version__
    assert found.versions["Python"] == ".".join(map(str, sys.version_info[:3]))


def test_an_installed_framework_lists_its_devices(found):
    installed = [name for name, versions in found.extras.items() if name in FRAMEWORKS and all(versions.values())]
    assert [framework.package for framework in found.frameworks] == installed
    for framework in found.frameworks:
        assert framework.devices or framework.problem
        assert version(FRAMEWORKS[framework.package]) in framework.distribution


def test_an_extra_is_missing_where_one_of_its_distributions_is():
    incomplete = Examination({}, (), {"jax": {"jax": "0.10.2", "optax": None}})
    assert 'pip install "lrfinder[jax]"   for optax' in printed(incomplete)


def test_the_extras_are_those_of_the_project():
    extras = tomllib.loads(PROJECT.read_text())["project"]["optional-dependencies"]
    names = {extra: tuple(re.match(r"[\w-]+", need)[0] for need in needs) for extra, needs in extras.items()}
    assert {extra: tuple(n for n in needs if n != "numpy") for extra, needs in names.items() if extra not in OURS} == EXTRAS


def test_a_framework_that_cannot_be_imported_is_reported_with_its_reason():
    broken = Examination({}, (Framework("jax", "jax 0.1", (), "ImportError: no jaxlib"),), {})
    assert not broken.ok
    assert "ImportError: no jaxlib" in printed(broken)
    assert "jax 0.1 cannot be used" in printed(broken)


def install_broken_jax(tmp_path, monkeypatch):
    (tmp_path / "jax").mkdir()
    (tmp_path / "jax" / "__init__.py").write_text("import os; os._exit(9)")
    for name in ("jax", "optax"):
        (tmp_path / f"{name}-9.9.9.dist-info").mkdir()
        metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: 9.9.9\n"
        (tmp_path / f"{name}-9.9.9.dist-info" / "METADATA").write_text(metadata)
    monkeypatch.syspath_prepend(tmp_path)


def test_an_import_that_ends_the_process_is_reported(tmp_path, monkeypatch):
    install_broken_jax(tmp_path, monkeypatch)
    found = next(framework for framework in imported(examine()).frameworks if framework.package == "jax")
    assert found == Framework("jax", "jax 9.9.9", (), "its import ended the process with 9")


def test_without_any_framework_it_says_what_to_install():
    assert 'pip install "lrfinder[torch]"' in printed(Examination({"numpy": "2.0"}, (), {}))


def test_the_command_prints_it_and_exits_with_0_where_all_is_well(found):
    result = CliRunner().invoke(app, ["doctor", "--import"])
    assert result.exit_code == int(not found.ok)
    assert f"numpy       {version('numpy')}" in result.output
    assert ("Everything works" in result.output) == bool(found.ok and found.frameworks)


def test_without_import_it_imports_no_framework_and_claims_nothing_of_them(tmp_path, monkeypatch):
    install_broken_jax(tmp_path, monkeypatch)
    result = CliRunner().invoke(app, ["doctor"])
    assert result.exit_code == 0
    assert "jax 9.9.9" in result.output
    assert "Everything works" not in result.output
    assert "lrfinder doctor --import" in " ".join(result.output.split())
