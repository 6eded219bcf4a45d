"""All that is compared, each with what its results depend on."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import controls
import ours
import rivals
import without_rate

if TYPE_CHECKING:
    from answers import Finder

HERE = Path(__file__).parent
PACKAGE = HERE.parents[1] / "src" / "lrfinder"


@dataclass(frozen=True)
class Entry:
    """A finder of the benchmark.

    Attributes:
        name: as the table shows it.
        kind: ``ours``, ``rival``, ``control`` or ``no rate`` (methods that train without one).
        find: the finder.
        sources: the files that it is made of.
        packages: the packages that it runs from.
    """

    name: str
    kind: str
    find: Finder
    sources: tuple[Path, ...]
    packages: tuple[str, ...] = ()

    def code(self) -> str:
        """A hash of what the results depend on beside the task."""
        digest = hashlib.sha256(repr([(package, version(package)) for package in self.packages]).encode())
        for source in self.sources:
            digest.update(source.read_bytes())
        return digest.hexdigest()[:12]


def _all() -> list[Entry]:
    own = tuple(sorted({*PACKAGE.glob("[!_]*.py"), *PACKAGE.glob("analysis/*.py"), HERE / "ours.py"} - _unrelated()))
    entries = [Entry("lrfinder curve", "ours", ours.curve, own)]
    if ours.READY:
        entries += [Entry(f"lrfinder {budget}", "ours", ours.probes(budget), own) for budget in ours.BUDGETS]
    sweeps = {
        "torch-lr-finder": (rivals.package(rivals.torch_lr_finder), "rivals.py", "torch-lr-finder"),
        "Ignite": (rivals.package(rivals.ignite), "rivals.py", "pytorch-ignite"),
        "Lightning": (rivals.package(rivals.lightning), "rivals.py", "lightning"),
        **{f"fastai's {rule}": (rivals.fastai(rule), "fastai_rules.py", "torch") for rule in rivals.RULES},
    }
    for name, (run, source, package) in sweeps.items():
        files = (HERE / source, HERE / "rivals.py")
        entries.append(Entry(name, "rival", rivals.once(run), files, (package,)))
        entries.append(Entry(f"{name}, repeated", "rival", rivals.repeated(run), files, (package,)))
    entries += [
        Entry("default rate", "control", controls.default_rate, (HERE / "controls.py",)),
        Entry("grid of 8", "control", controls.grid_of_eight, (HERE / "controls.py",)),
    ]
    for name, make, package in (
        ("Prodigy", without_rate.prodigy, "prodigyopt"),
        ("D-Adaptation", without_rate.d_adaptation, "dadaptation"),
        ("DoG", without_rate.dog, "dog-optimizer"),
    ):
        entries.append(Entry(name, "no rate", without_rate.trains(make), (HERE / "without_rate.py",), (package,)))
    return entries


def _unrelated() -> set[Path]:
    """Modules of the package that have no part in a suggestion."""
    return {
        PACKAGE / f"{name}.py" for name in ("cli", "demo", "files", "testing", "wrapping", "memory", "randomness", "replay")
    }


FINDERS = {entry.name: entry for entry in _all()}
