"""All finders of the benchmark, with the files and packages that their results depend on."""

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
        name: its name in the table.
        kind: ``ours``, ``rival``, ``control`` or ``no rate`` (methods that train without one).
        find: the finder.
        sources: the files of its code.
        packages: the packages that it runs.
    """

    name: str
    kind: str
    find: Finder
    sources: tuple[Path, ...]
    packages: tuple[str, ...] = ()

    def code(self) -> str:
        """Return a hash of everything but the task that the results depend on."""
        digest = hashlib.sha256(repr([(package, version(package)) for package in self.packages]).encode())
        for source in self.sources:
            digest.update(source.read_bytes())
        return digest.hexdigest()[:12]


def _all() -> list[Entry]:
    own = (*sources_of_suggest(), HERE / "ours.py")
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
    for name, optimizer_for, package in (
        ("Prodigy", without_rate.prodigy, "prodigyopt"),
        ("D-Adaptation", without_rate.d_adaptation, "dadaptation"),
        ("DoG", without_rate.dog, "dog-optimizer"),
    ):
        entries.append(Entry(name, "no rate", without_rate.trains(optimizer_for), (HERE / "without_rate.py",), (package,)))
    return entries


def sources_of_suggest() -> list[Path]:
    """Return the modules of the package that a suggestion depends on."""
    alone = (PACKAGE / f"{name}.py" for name in ("_sweep", "finder", "learner", "rates", "schedules", "stopping"))
    folders = (path for folder in ("_search", "analysis") for path in PACKAGE.glob(f"{folder}/*"))
    code = (path for path in folders if path.suffix in {".py", ".json"})
    return sorted({*alone, *code, PACKAGE / "_results" / "facts.py", PACKAGE / "torch" / "learner.py"})


FINDERS = {entry.name: entry for entry in _all()}
