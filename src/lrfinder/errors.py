"""What lrfinder raises on purpose.

::

    LRFinderError
    ├── RatesError (ValueError)        rates, multipliers, limits that make no sweep
    ├── CurveError (ValueError)        a rule was given a curve that it cannot read
    ├── LearnerError
    │   ├── ModelError (ValueError)        the model cannot be trained as it is
    │   ├── OptimizerError (ValueError)    the optimizer does not fit the model, or the rate does not reach it
    │   ├── LossError (ValueError)         the loss is no scalar, or needs no gradient
    │   ├── DataError
    │   │   ├── EmptyDataError (ValueError)    no batch at all
    │   │   ├── BatchError (TypeError)         a batch that cannot be unpacked
    │   │   └── DataEndedError                 a stream that ended; a sweep turns it into a ``Stop``
    │   ├── BusyError (RuntimeError)       another thread is sweeping the same model
    │   ├── SnapshotError (OSError)        there is no room for a snapshot
    │   ├── RankError (RuntimeError)       another process of the same training raised, ended, or is set up differently
    │   └── RestoreError (RuntimeError)    something could not be put back; names it
    ├── LawError (AssertionError)      a learner breaks the law (raised by ``lrfinder.testing``)
    ├── FactoryError (ValueError)      what is to make learners does not: another name, other keywords, another learner
    ├── GridError (ValueError)         axes that make no grid, or another grid than that of a file
    ├── ExecutorError (RuntimeError)   what is to work on a grid or a search cannot: a cluster that does not answer
    ├── ResultFileError (ValueError)   a file that holds no result of ours
    ├── BoardError (TypeError)         what was given to log to is no writer or run of that board
    └── MissingExtraError (ImportError)    an optional package is not installed

An exception of the user's own code is never wrapped in one of these (a factory's is, by :class:`FactoryError`): it passes
through, at most with a note.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class LRFinderError(Exception):
    """Base of every error that the package raises on purpose."""


class LRFinderWarning(UserWarning):
    """Base of every warning of the package."""


class RatesError(LRFinderError, ValueError):
    """The settings make no sweep: a rate, multiplier or limit out of range."""


class CurveError(LRFinderError, ValueError):
    """A rule was given a curve that it cannot read: too short, or not finite."""


class LearnerError(LRFinderError):
    """A learner cannot be made, cannot iterate, or cannot be put back."""


class ModelError(LearnerError, ValueError):
    """The model cannot be trained as it is."""


class OptimizerError(LearnerError, ValueError):
    """The optimizer does not fit the model, or the rate does not reach it."""


class LossError(LearnerError, ValueError):
    """The loss is not one number, or no gradient flows from it."""


class DataError(LearnerError):
    """Something is wrong with the data."""


class EmptyDataError(DataError, ValueError):
    """The data hold no batch at all."""


class BatchError(DataError, TypeError):
    """A batch that cannot be unpacked into input and target."""


class DataEndedError(DataError):
    """The stream of data has ended. A learner's ``iteration`` raises it; a sweep ends with ``Stop.DATA_ENDED``."""


class BusyError(LearnerError, RuntimeError):
    """Another thread is sweeping the same model. Nothing was changed."""


class SnapshotError(LearnerError, OSError):
    """There is no room for a snapshot where it was to be written. Nothing was changed."""


class RankError(LearnerError, RuntimeError):
    """Of a training that several processes make, another one raised, has ended, or is set up differently. It is named.

    Attributes:
        rank: the process with which it began; None where it is none alone.
    """

    def __init__(self, message: str, rank: int | None = None) -> None:
        super().__init__(message)
        self.rank = rank


class RestoreError(LearnerError, RuntimeError):
    """Something could not be put back. The message says what.

    Attributes:
        failures: of each piece that could not be put back, its name and what it raised.
    """

    def __init__(self, message: str, failures: Iterable[tuple[str, BaseException]] = ()) -> None:
        super().__init__(message)
        self.failures = tuple(failures)


class LawError(LRFinderError, AssertionError):
    """A learner does not obey the law of :mod:`lrfinder.learner`. The message says where time did not repeat."""


class FactoryError(LRFinderError, ValueError):
    """``FILE.py:FACTORY`` names nothing that makes a learner, or a factory does not make the one that is asked for.

    Its cause is the factory's own exception, if it raised.
    """


class GridError(LRFinderError, ValueError):
    """The axes make no grid, or the file that a grid is to go on from holds another one."""


class ExecutorError(LRFinderError, RuntimeError):
    """An executor cannot work: no cluster answers, none has what is to be reserved, or its workers are lost."""


class ResultFileError(LRFinderError, ValueError):
    """A file that holds no result of lrfinder's, or one of a newer version."""


class BoardError(LRFinderError, TypeError):
    """What a result was to be logged to is no writer, or no run, of that board."""


class MissingExtraError(LRFinderError, ImportError):
    """An optional package is not installed. The message names the command that installs it."""

    @classmethod
    def of(cls, package: str, extra: str) -> MissingExtraError:
        """The error for ``package``, which the extra ``extra`` would have installed."""
        return cls(f'{package} is needed for this and is not installed: run  pip install "lrfinder[{extra}]"', name=package)
