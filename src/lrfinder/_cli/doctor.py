"""What of lrfinder works on this machine: versions, frameworks and their devices, extras and what they lack."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

import lrfinder

if TYPE_CHECKING:
    from collections.abc import Mapping

WINGS = {"torch": "torch", "jax": "jax", "keras": "keras", "gluon": "mxnet"}
"""The wings, and the distribution that each is made for."""

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
    "safetensors": ("safetensors",),
    "demo": ("torch", "scikit-learn"),
}
"""The extras for users, and the distributions that each installs beside the core's."""

CORE = ("numpy", "matplotlib", "rich", "typer")
SECONDS = 120  # until a framework that does not get through its import is given up


@dataclass(frozen=True)
class Wing:
    """A framework that is installed. One of ``devices`` and ``trouble`` is empty.

    Attributes:
        name: of the wing, ``lrfinder.<name>``.
        framework: the distribution, with its version.
        devices: what it can compute on, in words.
        trouble: why the wing cannot be imported.
    """

    name: str
    framework: str
    devices: tuple[str, ...]
    trouble: str


@dataclass(frozen=True)
class Extra:
    """An extra, and the versions of what it installs; None where one is not installed."""

    name: str
    versions: Mapping[str, str | None]

    @property
    def missing(self) -> tuple[str, ...]:
        """The distributions that are not installed."""
        return tuple(name for name, found in self.versions.items() if found is None)

    @property
    def remedy(self) -> str:
        """What to type for it."""
        return f'pip install "lrfinder[{self.name}]"'


@dataclass(frozen=True)
class Examination:
    """What :func:`examine` found.

    Attributes:
        versions: of lrfinder, Python, the machine and what the core needs.
        wings: those whose extra is installed whole.
        extras: all that there are.
    """

    versions: Mapping[str, str]
    wings: tuple[Wing, ...]
    extras: tuple[Extra, ...]

    @property
    def ok(self) -> bool:
        """Whether every framework that is installed can be used."""
        return not any(wing.trouble for wing in self.wings)


def examine() -> Examination:
    """Look at this machine. Each framework is imported in a process of its own, so that one that crashes is told, too."""
    versions = {
        "lrfinder": lrfinder.__version__,
        "Python": platform.python_version(),
        "system": platform.platform(terse=True),
    }
    versions |= {name: found for name in CORE if (found := _version(name))}
    extras = tuple(Extra(name, {needed: _version(needed) for needed in all_needed}) for name, all_needed in EXTRAS.items())
    whole = {extra.name: extra.versions for extra in extras if not extra.missing}
    wings = (_wing(name, f"{of} {whole[name][of]}") for name, of in WINGS.items() if name in whole)
    return Examination(versions, tuple(wings), extras)


def _version(distribution: str) -> str | None:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None


def _wing(name: str, framework: str) -> Wing:
    code = f"import json; from lrfinder.{name}._devices import devices; print(json.dumps(devices()))"
    here = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    try:
        child = subprocess.run(  # noqa: S603  (this very interpreter)
            [sys.executable, "-c", code], capture_output=True, text=True, timeout=SECONDS, check=False, env=here
        )
    except subprocess.TimeoutExpired:
        return Wing(name, framework, (), f"its import took more than {SECONDS} seconds")
    if child.returncode:
        said = child.stderr.strip().splitlines()
        return Wing(name, framework, (), said[-1] if said else f"its import ended the process with {child.returncode}")
    return Wing(name, framework, tuple(json.loads(child.stdout.splitlines()[-1])), "")
