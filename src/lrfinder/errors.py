"""The errors that lrfinder raises on purpose.

::

    LRFinderError
    ├── RatesError (ValueError)       rates, multipliers or limits that describe no sweep
    ├── CurveError (ValueError)       a curve that a rule cannot read
    ├── LearnerError
    │   ├── ModelError (ValueError)       the model cannot be trained as it is
    │   ├── OptimizerError (ValueError)   it does not fit the model, or ignores the rate
    │   ├── LossError (ValueError)        the loss is not a scalar, or has no gradient
    │   ├── DataError
    │   │   ├── EmptyDataError (ValueError)   there is no batch at all
    │   │   ├── BatchError (TypeError)        a batch cannot be unpacked
    │   │   └── DataEndedError                the data have ended; in a sweep, a ``Stop``
    │   ├── BusyError (RuntimeError)      another thread is sweeping the same model
    │   ├── SnapshotError (OSError)       there is no space for a snapshot
    │   ├── RankError (RuntimeError)      another rank raised, ended, or is set up otherwise
    │   └── RestoreError (RuntimeError)   something could not be restored; it is named
    ├── LawError (AssertionError)     a learner breaks the law (``lrfinder.testing``)
    ├── FactoryError (ValueError)     a factory is missing, or does not give a learner
    ├── GridError (ValueError)        axes that describe no grid, or not that of a file
    ├── ExecutorError (RuntimeError)  an executor cannot work: a cluster does not answer
    ├── ResultFileError (ValueError)  a file that does not hold a result of lrfinder
    ├── BoardError (TypeError)        the target of a log is not one of that board
    └── MissingExtraError (ImportError)   an optional package is not installed

An exception of the user's own code is never wrapped in one of these, except that of a factory in :class:`FactoryError`. It
passes through, at most with a note.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class LRFinderError(Exception):
    """The base of every error that the package raises on purpose."""


class LRFinderWarning(UserWarning):
    """The base of every warning of the package."""


class RatesError(LRFinderError, ValueError):
    """Settings that describe no sweep: a rate, multiplier or limit is out of range."""


class CurveError(LRFinderError, ValueError):
    """A curve that a rule cannot read: too short, or not finite."""


class LearnerError(LRFinderError):
    """A learner that cannot be built, cannot iterate, or cannot be restored."""


class ModelError(LearnerError, ValueError):
    """A model that cannot be trained as it is."""


class OptimizerError(LearnerError, ValueError):
    """An optimizer that does not fit the model, or that the rate does not reach."""


class LossError(LearnerError, ValueError):
    """A loss that is not one number, or from which no gradient flows."""


class DataError(LearnerError):
    """Data that cannot be used."""


class EmptyDataError(DataError, ValueError):
    """Data without a single batch."""


class BatchError(DataError, TypeError):
    """A batch that cannot be unpacked into input and target."""


class DataEndedError(DataError):
    """The end of the stream of data. A learner's ``iteration`` raises it; a sweep then ends with ``Stop.DATA_ENDED``."""


class BusyError(LearnerError, RuntimeError):
    """Another thread is already sweeping the model. Nothing was changed."""


class SnapshotError(LearnerError, OSError):
    """A snapshot for which there is no space. Nothing was changed."""


class RankError(LearnerError, RuntimeError):
    """A training on several processes of which another one raised, has ended, or is set up differently.

    Attributes:
        rank: the process with which it began; ``None`` where it is none alone.
    """

    def __init__(self, message: str, rank: int | None = None) -> None:
        super().__init__(message)
        self.rank = rank


class RestoreError(LearnerError, RuntimeError):
    """A restore that failed in part. The message names what could not be restored.

    Attributes:
        failures: the name of each piece that could not be restored, and the exception it raised.
    """

    def __init__(self, message: str, failures: Iterable[tuple[str, BaseException]] = ()) -> None:
        super().__init__(message)
        self.failures = tuple(failures)


class LawError(LRFinderError, AssertionError):
    """A learner that breaks the law of :mod:`lrfinder.learner`. The message says where time did not repeat."""


class FactoryError(LRFinderError, ValueError):
    """A factory that is not found, cannot be called, or does not return the expected learner.

    Its cause is the factory's own exception, if it raised one.
    """


class GridError(LRFinderError, ValueError):
    """Axes that describe no grid, or a file to resume from that holds another one."""


class ExecutorError(LRFinderError, RuntimeError):
    """An executor that cannot work: no cluster answers, none has the resources to reserve, or its workers are lost."""


class ResultFileError(LRFinderError, ValueError):
    """A file that does not hold a result of lrfinder, or holds one of a newer version."""


class BoardError(LRFinderError, TypeError):
    """A target to log to that is not a writer or a run of that board."""


class MissingExtraError(LRFinderError, ImportError):
    """An optional package that is not installed. The message names the command that installs it."""

    @classmethod
    def of(cls, package: str, extra: str) -> MissingExtraError:
        """Return the error for ``package``, which the extra ``extra`` installs."""
        return cls(f'{package} is needed for this and is not installed: run  pip install "lrfinder[{extra}]"', name=package)
