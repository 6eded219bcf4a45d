"""lrfinder: the learning-rate finder that leaves no trace.

The core knows only :class:`Learner`. Each framework has a package with learners for it: ``lrfinder.torch``,
``lrfinder.jax``, ``lrfinder.keras``, ``lrfinder.gluon``. All errors are in :mod:`lrfinder.errors`; those that users
catch are here too.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from lrfinder._results.facts import TrainingFacts
from lrfinder._results.records import Difference, Order, Probe, Record, Settings, Status, Stop
from lrfinder._results.results import Comparison, RangeTest, Result, Suggestion
from lrfinder.errors import (
    BusyError,
    DataEndedError,
    LRFinderError,
    LRFinderWarning,
    MissingExtraError,
    RankError,
    RatesError,
    RestoreError,
    SnapshotError,
)
from lrfinder.finder import LRFinder
from lrfinder.learner import BaseLearner, Learner, restored
from lrfinder.rates import geometric, linear
from lrfinder.schedules import constant, cosine, linear_decay, one_cycle, warmup_cosine, warmup_linear
from lrfinder.stopping import LRFinderStoppingCriteria, RisingLoss, StoppingCriterion
from lrfinder.wrappers import Averaged, Validated

if TYPE_CHECKING:
    from lrfinder import errors, executors, rules, testing
    from lrfinder._check.report import Check, Finding, Outcome
    from lrfinder._check.run import check
    from lrfinder._grid.recommendation import Combination, Recommendation
    from lrfinder._grid.result import Cell, Grid
    from lrfinder._grid.run import grid
    from lrfinder._grid.storage import load
    from lrfinder._search.from_factory import suggest

_LAZY = {
    "_check.report": ("Check", "Finding", "Outcome"),
    "_check.run": ("check",),
    "_grid.recommendation": ("Combination", "Recommendation"),
    "_grid.result": ("Cell", "Grid"),
    "_grid.run": ("grid",),
    "_grid.storage": ("load",),
    "_search.from_factory": ("suggest",),
}
"""Modules that most programs do not use, and their names here; they are imported at the first access."""

_LAZY_MODULES = ("executors", "rules", "testing")

__all__ = [
    "Averaged",
    "BaseLearner",
    "BusyError",
    "Cell",
    "Check",
    "Combination",
    "Comparison",
    "DataEndedError",
    "Difference",
    "Finding",
    "Grid",
    "LRFinder",
    "LRFinderError",
    "LRFinderStoppingCriteria",
    "LRFinderWarning",
    "Learner",
    "MissingExtraError",
    "Order",
    "Outcome",
    "Probe",
    "RangeTest",
    "RankError",
    "RatesError",
    "Recommendation",
    "Record",
    "RestoreError",
    "Result",
    "RisingLoss",
    "Settings",
    "SnapshotError",
    "Status",
    "Stop",
    "StoppingCriterion",
    "Suggestion",
    "TrainingFacts",
    "Validated",
    "check",
    "constant",
    "cosine",
    "errors",
    "executors",
    "geometric",
    "grid",
    "linear",
    "linear_decay",
    "load",
    "one_cycle",
    "restored",
    "rules",
    "suggest",
    "testing",
    "warmup_cosine",
    "warmup_linear",
]


def __getattr__(name: str) -> Any:
    """Import what is used for the first time: importing all of it at once would take longer than everything else."""
    if name in _LAZY_MODULES:
        return import_module(f"lrfinder.{name}")
    for module, names in _LAZY.items():
        if name in names:
            return globals().setdefault(name, getattr(import_module(f"lrfinder.{module}"), name))
    if name == "__version__":
        from importlib.metadata import PackageNotFoundError, version

        try:
            return version("lrfinder")
        except PackageNotFoundError:
            return "0+unknown"
    message = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(message)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
