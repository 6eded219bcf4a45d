"""lrfinder: the learning-rate finder that leaves no trace.

The core is neutral: it knows only :class:`Learner`. A wing per framework makes learners: ``lrfinder.torch``.
"""

from lrfinder.checker import check
from lrfinder.errors import (
    BatchError,
    BoardError,
    BusyError,
    CurveError,
    DataEndedError,
    DataError,
    EmptyDataError,
    FactoryError,
    LawError,
    LearnerError,
    LossError,
    LRFinderError,
    LRFinderWarning,
    MissingExtraError,
    ModelError,
    OptimizerError,
    RatesError,
    RestoreError,
    ResultFileError,
)
from lrfinder.files import load
from lrfinder.finder import LRFinder
from lrfinder.findings import Check, Finding, Outcome
from lrfinder.learner import Learner, restored
from lrfinder.rates import geometric, linear
from lrfinder.records import (
    Comparison,
    Difference,
    Order,
    Probe,
    RangeTest,
    Record,
    Result,
    Settings,
    Status,
    Stop,
    Suggestion,
)
from lrfinder.schedules import constant, one_cycle
from lrfinder.stopping import LRFinderStoppingCriteria, RisingLoss, StoppingCriterion
from lrfinder.wrapping import Averaged, Validated

__all__ = [
    "Averaged",
    "BatchError",
    "BoardError",
    "BusyError",
    "Check",
    "Comparison",
    "CurveError",
    "DataEndedError",
    "DataError",
    "Difference",
    "EmptyDataError",
    "FactoryError",
    "Finding",
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
    "RatesError",
    "Record",
    "RestoreError",
    "Result",
    "ResultFileError",
    "RisingLoss",
    "Settings",
    "Status",
    "Stop",
    "StoppingCriterion",
    "Suggestion",
    "Validated",
    "check",
    "constant",
    "geometric",
    "linear",
    "load",
    "one_cycle",
    "restored",
]


def __getattr__(name: str) -> str:
    """The version, looked up when asked for: reading package metadata takes longer than importing all the rest."""
    if name == "__version__":
        from importlib.metadata import PackageNotFoundError, version

        try:
            return version("lrfinder")
        except PackageNotFoundError:
            return "0+unknown"
    message = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(message)
