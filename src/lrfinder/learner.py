"""The learner: a model, its loss, its optimizer and its data, seen as one thing that trains. It obeys one law:

    After ``restore(state)``, time repeats: the next iterations see the same batches, draw the same random numbers and give
    bit for bit the same losses and weights as they did after the ``snapshot()`` that made ``state``.

Fine print. A state can be restored any number of times and lives as long as its object. Making a learner draws no random
number, starts no worker and asks the loader for nothing; that happens at the first iteration. The random numbers that
drawing a batch consumes belong to the batch. ``snapshot()`` of a learner whose parameters do not exist yet first makes them,
by one forward without gradients in evaluation mode on the next batch, which stays the next.

:mod:`lrfinder.testing` states the law as functions that any learner can be put through.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, Protocol, SupportsFloat, TypeVar
from weakref import WeakMethod

from lrfinder._state.interrupts import Signals
from lrfinder._state.model_lock import Claim
from lrfinder.errors import RestoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import FrameType

State = TypeVar("State")


class Restorable(Protocol[State]):
    """An object whose state can be stored and restored."""

    def snapshot(self) -> State:
        """Copy the state."""
        ...

    def restore(self, state: State) -> None:
        """Restore everything as it was when ``state`` was copied."""
        ...


class Learner(Restorable[State], Protocol[State]):
    """What the finder asks of a learner.

    A learner may also have ``iterations(lrs) -> Iterable[SupportsFloat]``: many iterations at once, for losses that arrive
    late or in chunks. The finder takes the losses one by one and drops what ran past the stop. Once it has taken all, the
    learner is where the last iteration left it. An ``iterations`` that is ``None`` is none.

    And it may have ``trainings(states, lrs) -> (losses, states) | None``: from each state a training at the rates of its row
    of ``lrs``, which are equally long, all at once on the same batches; losses of the shape of ``lrs``, narrower where the
    data end, equal to those of ``iteration`` to rounding, and the states that were reached. The learner is then anywhere.
    ``None`` says that one after the other is faster, and that the learner is where it was.

    And it may have ``observe() -> Mapping[str, object]``: all of it that can be compared, names (``"kind: name"``) to values
    that compare with ``==``. :func:`lrfinder.check` tells by these names what does not come back.

    And it may have ``parts() -> Iterable[object]``: what it trains, a model and an optimizer say, so that a second sweep of
    the same model in another thread is refused, also where it comes with a learner of its own.
    """

    def iteration(self, lr: float) -> SupportsFloat:
        """Train on the next batch at ``lr``; the batch's loss before the update, detached, never overwritten by a later one.

        Raises:
            DataEndedError: the stream of data has ended.
        """
        ...

    def snapshot(self) -> State:
        """A copy of all that ``iteration`` changes."""
        ...

    def restore(self, state: State) -> None:
        """Put everything back as it was when ``state`` was made."""
        ...

    def close(self) -> None:
        """End what the learner itself started (worker processes, open iterators), and nothing else."""
        ...


class restored(Generic[State]):  # noqa: N801  (read as a function: ``with restored(learner) as state``)
    """Give the learner back as it was, however the block ends.

    A signal that arrives in the block interrupts it as usual. One that arrives while the learner is being put back, a
    Ctrl-C say, waits until it is whole again. An exception of the block passes through unchanged.

    The value of ``as`` is the state, for further restores inside the block.

    Raises:
        BusyError: another thread is sweeping the same model.
        RestoreError: something could not be put back; an exception of the block is then its context.
    """

    def __init__(self, learner: Restorable[State]) -> None:
        self._learner = learner
        self._claim = Claim([learner, *parts_of(learner)])
        leaving = WeakMethod(self._leaving)  # a cycle would keep the learner, and its workers, until it is collected
        self._signals = Signals(lambda frame: (asked := leaving()) is not None and asked(frame))

    def __enter__(self) -> State:
        try:
            self._claim.take()
            self._signals.stand_before()
            self._state = self._snapshot()
            return self._state  # noqa: TRY300  (an interrupt on this line is one of the block's)
        except BaseException:
            self._leave()
            raise

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        try:
            self._signals.stand_before()  # again, for handlers that were set in the block
        finally:
            try:
                self._learner.restore(self._state)
                if isinstance(error, RestoreError):
                    error.add_note("lrfinder: the learner was put back at the end.")
            finally:
                self._leave()

    def _snapshot(self) -> State:
        try:
            return self._learner.snapshot()
        except Exception as error:
            error.add_note("lrfinder: raised while the snapshot was taken, before any iteration.")
            raise

    def _leave(self) -> None:
        self._claim.release()
        self._signals.step_aside()

    def _leaving(self, frame: FrameType | None) -> bool:
        """Whether ``frame`` was called, however indirectly, by what ends this very block.

        Asking the stack leaves no gap: an exception raised between the last line of the block and the first of a ``try``
        would skip the restore.
        """
        ends = (restored.__exit__.__code__, restored._leave.__code__)
        while frame is not None:
            if frame.f_code in ends and frame.f_locals.get("self") is self:
                return True
            frame = frame.f_back
        return False


def parts_of(learner: object) -> Iterable[object]:
    """What a learner trains, as far as it says so."""
    parts: Callable[[], Iterable[object]] | None = getattr(learner, "parts", None)
    return () if parts is None else parts()
