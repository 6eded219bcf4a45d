"""``lrfinder doctor``: versions, the installed frameworks and their devices, and the extras that are incomplete."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

import lrfinder

if TYPE_CHECKING:
    from collections.abc import Mapping

FRAMEWORKS = {"torch": "torch", "jax": "jax", "keras": "keras", "gluon": "mxnet"}
"""The framework packages, ``lrfinder.<key>``, and the distribution that each needs."""

EXTRAS: dict[str, tuple[str, ...]] = {
    "torch": ("torch",),
    "jax": ("jax", "optax"),
    "keras": ("keras",),
    "gluon": ("mxnet",),
    "lightning": ("torch", "lightning"),
    "transformers": ("torch", "transformers", "accelerate"),
    "ignite": ("torch", "pytorch-ignite"),
    "fastai": ("torch", "fastai"),
    "skorch": ("torch", "skorch"),
    "pandas": ("pandas",),
    "ray": ("ray",),
    "accelerate": ("accelerate", "torch"),
    "notebook": ("ipython",),
    "tensorboard": ("tensorboard",),
    "mlflow": ("mlflow-skinny",),
    "wandb": ("wandb",),
    "demo": ("torch", "scikit-learn"),
}
"""The extras for users, and the distributions that each adds to those of the core."""

CORE = ("numpy", "matplotlib", "msgspec", "rich", "typer")
IMPORT_TIMEOUT_SECONDS = 120


@dataclass(frozen=True)
class Framework:
    """An installed framework. Both ``devices`` and ``problem`` are empty until it is imported, and then one of them is.

    Attributes:
        package: the part of lrfinder that needs it, ``lrfinder.<package>``.
        distribution: its name and version.
        devices: descriptions of the devices that it can compute on.
        problem: the reason why it cannot be imported.
    """

    package: str
    distribution: str
    devices: tuple[str, ...]
    problem: str


@dataclass(frozen=True)
class Examination:
    """The findings of :func:`examine`; None stands for the version of a distribution that is not installed."""

    versions: Mapping[str, str]
    frameworks: tuple[Framework, ...]
    extras: Mapping[str, Mapping[str, str | None]]

    @property
    def ok(self) -> bool:
        """True if no installed framework failed to be imported."""
        return not any(framework.problem for framework in self.frameworks)


def examine() -> Examination:
    """Return what the metadata of the installed distributions say; nothing is imported, because that takes seconds."""
    versions = {
        "lrfinder": lrfinder.__version__,
        "Python": platform.python_version(),
        "system": platform.platform(terse=True),
    }
    versions |= {name: found for name in CORE if (found := _version(name))}
    extras = {name: {needed: _version(needed) for needed in distributions} for name, distributions in EXTRAS.items()}
    installed = {package: of for package, of in FRAMEWORKS.items() if all(extras[package].values())}
    frameworks = tuple(Framework(package, f"{of} {extras[package][of]}", (), "") for package, of in installed.items())
    return Examination(versions, frameworks, extras)


def imported(found: Examination) -> Examination:
    """Import each framework that was found, in a process of its own, so that a crash is reported, too."""
    with ThreadPoolExecutor() as pool:  # their processes import at the same time
        return replace(found, frameworks=tuple(pool.map(_imported, found.frameworks)))


def _version(distribution: str) -> str | None:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None


def _imported(framework: Framework) -> Framework:
    code = f"import json; from lrfinder.{framework.package}._devices import devices; print(json.dumps(devices()))"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    try:
        child = subprocess.run(  # noqa: S603  (this very interpreter)
            [sys.executable, "-c", code],
            capture_output=True, text=True, timeout=IMPORT_TIMEOUT_SECONDS, check=False, env=environment,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return replace(framework, problem=f"its import took more than {IMPORT_TIMEOUT_SECONDS} seconds")
    if child.returncode:
        errors = child.stderr.strip().splitlines()
        problem = errors[-1] if errors else f"its import ended the process with {child.returncode}"
        return replace(framework, problem=problem)
    return replace(framework, devices=tuple(json.loads(child.stdout.splitlines()[-1])))
