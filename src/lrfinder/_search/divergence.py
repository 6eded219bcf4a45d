"""Ends that need a second look: an exception that the rate causes, and a batch whose loss is NaN before any update.

A training may raise where its weights have grown too large: ``probabilities contain NaN``, ``not positive-definite``, a
failed assertion. That is divergence if the same batches at the lowest rate do not raise, and at the same rates raise again.
What has another cause passes through: the data, the memory, the device, other processes, an interrupt.
"""

from __future__ import annotations

import re
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from lrfinder._results.records import Stop
from lrfinder._sweep import SweepRecorder, run_sweep, trainer_of, untrained_trainer_of
from lrfinder.analysis.endings import batch_not_finite
from lrfinder.errors import DataEndedError, LRFinderError
from lrfinder.replay import raised_while_drawing

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from lrfinder.learner import BaseLearner

OTHER_CAUSES = (LRFinderError, MemoryError, OSError, EOFError, ImportError, SystemError, RecursionError)
OTHER_CLASSES = {
    "OutOfMemoryError",
    "AcceleratorError",
    "DistError",
    "DistBackendError",
    "DistNetworkError",
    "ResourceExhaustedError",
}
OTHER_WORDS = re.compile(
    r"out of memory|resource_exhausted|alloc|device-side assert|(cuda|hip|mps|xpu)[ _](error|driver|failure|runtime|kernel)|"
    r"cudnn|cublas|cusolver|cusparse|nccl|rccl|gloo|pair closure|process ?group|dataloader worker",
    re.IGNORECASE,
)
MAX_AHEAD = 256  # iterations that a learner with its own ``iterations`` may have trained beyond the last loss
MAX_CHARACTERS = 200  # of the message in a note


def may_be_divergence(error: BaseException) -> bool:
    """Return whether an exception can come from numbers that are too large, rather than from data, memory or device."""
    return not any(_has_other_cause(one) for one in _chain(error)) and not raised_while_drawing(error)


class Attribution:
    """Runs trainings from one state, and decides whether what they raise comes from their rate.

    The first exception costs a training at the lowest rate and one at the same rates; later ones of its class cost what is
    not known yet. On several ranks every exception passes through: each rank would have to decide the same.

    Args:
        learner: trains; after an exception its state is any.
        start: the state.
        lowest: the rate of the training that is compared with; at this rate or below, every exception passes through.
    """

    def __init__(self, learner: BaseLearner, start: Any, lowest: float) -> None:
        self._learner, self._start, self._lowest = learner, start, lowest
        self._calm_iterations = 0  # from the start, which do not raise at the lowest rate
        self._repeating: set[type[Exception]] = set()  # classes that were raised again at the same rates

    def run(self, recorder: SweepRecorder, before: Sequence[float] = ()) -> None:
        """Run a sweep, and end it with ``Stop.RAISED`` where its rate makes the training raise.

        Args:
            recorder: of the sweep.
            before: the rates of the iterations from the start to where the sweep begins.
        """
        run_sweep(
            trainer_of(self._learner, recorder.lrs), recorder, lambda error: self._is_divergence(error, recorder, before)
        )

    def _is_divergence(self, error: Exception, recorder: SweepRecorder, before: Sequence[float]) -> bool:
        rate, position = recorder.lr, len(before) + len(recorder.records)
        if self._learner.ranks > 1 or rate <= self._lowest or not may_be_divergence(error):
            return False
        exact = self._learner.iterations(()) is None  # otherwise a later iteration may have raised
        lrs = [*before, *recorder.lrs][: position + 1 if exact else position + MAX_AHEAD]
        if not (self._is_calm(len(lrs), recorder) and self._repeats(error, lrs, recorder)):
            return False
        note = f"raised at iteration {position}, learning rate {rate:.4g}, and not at {self._lowest:.4g}: {_text(error)}"
        recorder.end_raised(note)
        return True

    def _is_calm(self, iterations: int, recorder: SweepRecorder) -> bool:
        if iterations <= self._calm_iterations:
            return True
        recorder.extra_iterations += iterations
        if _error_of(self._learner, self._start, [self._lowest] * iterations) is not None:
            return False
        self._calm_iterations = iterations
        return True

    def _repeats(self, error: Exception, lrs: Sequence[float], recorder: SweepRecorder) -> bool:
        if type(error) in self._repeating:
            return True
        recorder.extra_iterations += len(lrs)
        if type(_error_of(self._learner, self._start, lrs)) is not type(error):
            return False
        self._repeating.add(type(error))
        return True


def name_batch(learner: BaseLearner, start: Any, recorder: SweepRecorder) -> None:
    """Note the batch at which a sweep has become NaN, if it is NaN before any update as well.

    Where the loss rose before, that is divergence, and nothing is trained again. Nor is it on several ranks.
    """
    losses = [record.loss for record in recorder.records]
    if recorder.stop is not Stop.NOT_FINITE or len(losses) < 2 or learner.ranks > 1:  # noqa: PLR2004  (of one, it is known)
        return
    if max(losses[-4:-1]) > max(losses[: len(losses) // 2]):
        return
    calm = SweepRecorder([0.0] * len(losses))
    learner.restore(start)
    with suppress(Exception):  # no second exception hides the result
        run_sweep(untrained_trainer_of(learner, len(calm.lrs)), calm)
    recorder.extra_iterations += len(calm.records)
    if len(calm.records) == len(losses) and (note := batch_not_finite(record.loss for record in calm.records)):
        recorder.notes.append(note)


def _error_of(learner: BaseLearner, start: Any, lrs: Sequence[float]) -> Exception | None:
    """Return what a training at these rates raises; the end of the data is no error."""
    try:
        learner.restore(start)
        train = trainer_of(learner, lrs)
        for lr in lrs:
            float(train(lr))
    except DataEndedError:
        return None
    except Exception as error:  # noqa: BLE001  (whatever the training raises)
        return error
    return None


def _has_other_cause(error: BaseException) -> bool:
    classes = {kind.__name__ for kind in type(error).__mro__}
    return isinstance(error, OTHER_CAUSES) or bool(classes & OTHER_CLASSES or OTHER_WORDS.search(str(error)))


def _chain(error: BaseException) -> Generator[BaseException]:
    """Yield an exception and those that it follows from."""
    seen: set[int] = set()
    one: BaseException | None = error
    while one is not None and id(one) not in seen:
        seen.add(id(one))
        yield one
        one = one.__cause__ or (None if one.__suppress_context__ else one.__context__)


def _text(error: Exception) -> str:
    """Return class and message in one line."""
    message = " ".join(str(error).split())
    cut = message if len(message) <= MAX_CHARACTERS else message[:MAX_CHARACTERS] + " ..."
    return f"{type(error).__name__}: {cut}" if cut else type(error).__name__
