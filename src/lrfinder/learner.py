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

import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol, Self, SupportsFloat, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from types import FrameType

State = TypeVar("State")


class Learner(Protocol[State]):
    """What the finder asks of a learner.

    A learner may also have ``iterations(lrs) -> Iterable[SupportsFloat]``: many iterations at once, for losses that arrive
    late or in chunks. The finder takes the losses one by one and drops what ran past the stop.

    And it may have ``observe() -> Mapping[str, object]``: all of it that can be compared, names (``"kind: name"``) to values
    that compare with ``==``. :func:`lrfinder.check` tells by these names what does not come back.
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


@contextmanager
def restored(learner: Learner[State]) -> Generator[State]:
    """Give the learner back as it was, however the block ends.

    SIGINT is held back while the restore is under way: the first Ctrl-C in the block interrupts it as usual, and every
    later one waits until the learner is whole again.

    Yields:
        The state, for further restores inside the block.
    """
    with _Interrupts() as interrupts:
        state = learner.snapshot()
        try:
            yield state
        finally:
            try:  # a Ctrl-C that arrives before the next line has taken effect must not skip the restore
                interrupts.hold()
            finally:
                learner.restore(state)


class _Interrupts:
    """Holds back SIGINT on request, or once it has raised an exception, and hands on what was held back at the end.

    Does nothing outside the main thread, which alone receives signals, or where SIGINT has no handler of Python's.
    """

    def __init__(self) -> None:
        self._previous: Callable[[int, FrameType | None], object] | None = None
        self._holding = False
        self._held = False

    def hold(self) -> None:
        self._holding = True

    def __enter__(self) -> Self:
        handler = signal.getsignal(signal.SIGINT)
        if threading.current_thread() is threading.main_thread() and callable(handler):
            self._previous = handler
            signal.signal(signal.SIGINT, self._handle)
        return self

    def __exit__(self, *_: object) -> None:
        if self._previous is None:
            return
        if signal.getsignal(signal.SIGINT) == self._handle:  # unless the block has installed another
            signal.signal(signal.SIGINT, self._previous)
        if self._held:
            self._previous(signal.SIGINT, None)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self._holding or self._previous is None:
            self._held = True
            return
        try:
            self._previous(number, frame)
        except BaseException:
            self._holding = True
            raise
