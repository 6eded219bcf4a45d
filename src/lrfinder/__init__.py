"""lrfinder: the learning-rate finder that leaves no trace.

The core is neutral: it knows only :class:`Learner`. A wing per framework makes learners: ``lrfinder.torch``.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from lrfinder._results.codec import load
from lrfinder._results.records import Difference, Order, Probe, Record, Settings, Status, Stop
from lrfinder._results.results import Comparison, RangeTest, Result, Suggestion
from lrfinder.errors import (
    BatchError,
    BoardError,
    BusyError,
    CurveError,
    DataEndedError,
    DataError,
    EmptyDataError,
    ExecutorError,
    FactoryError,
    GridError,
    LawError,
    LearnerError,
    LossError,
    LRFinderError,
    LRFinderWarning,
    MissingExtraError,
    ModelError,
    OptimizerError,
    RankError,
    RatesError,
    RestoreError,
    ResultFileError,
    SnapshotError,
)
from lrfinder.finder import LRFinder
from lrfinder.learner import Learner, restored
from lrfinder.rates import geometric, linear
from lrfinder.schedules import constant, one_cycle
from lrfinder.stopping import LRFinderStoppingCriteria, RisingLoss, StoppingCriterion
from lrfinder.wrappers import Averaged, Validated

if TYPE_CHECKING:
    from lrfinder._check.report import Check, Finding, Outcome
    from lrfinder._check.run import check
    from lrfinder._grid.recommendation import Combination, Recommendation
    from lrfinder._grid.result import Cell, Grid
    from lrfinder._grid.run import grid
    from lrfinder._search.from_factory import suggest

_WHEN_ASKED_FOR = {
    "_grid.recommendation": ("Combination", "Recommendation"),
    "_search.from_factory": ("suggest",),
    "_grid.result": ("Cell", "Grid"),
    "_check.run": ("check",),
    "_check.report": ("Check", "Finding", "Outcome"),
    "_grid.run": ("grid",),
}
"""Modules that most programs never use, and their names here."""

__all__ = [
    "Averaged",
    "BatchError",
    "BoardError",
    "BusyError",
    "Cell",
    "Check",
    "Combination",
    "Comparison",
    "CurveError",
    "DataEndedError",
    "DataError",
    "Difference",
    "EmptyDataError",
    "ExecutorError",
    "FactoryError",
    "Finding",
    "Grid",
    "GridError",
    "LRFinder",
    "LRFinderError",
    "LRFinderStoppingCriteria",
    "LRFinderWarning",
    "LawError",
    "Learner",
    "LearnerError",
    "LossError",
    "MissingExtraError",
    "ModelError",
    "OptimizerError",
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
    "ResultFileError",
    "RisingLoss",
    "Settings",
    "SnapshotError",
    "Status",
    "Stop",
    "StoppingCriterion",
    "Suggestion",
    "Validated",
    "check",
    "constant",
    "geometric",
    "grid",
    "linear",
    "load",
    "one_cycle",
    "restored",
    "suggest",
]


def __getattr__(name: str) -> Any:
    """What is looked up when it is asked for: importing it would take longer than all the rest."""
    for module, names in _WHEN_ASKED_FOR.items():
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
