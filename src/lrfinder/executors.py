"""Executors: where the cells of a grid and the probes of a search are worked on. In this process, or by Ray."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Sequence
    from contextlib import AbstractContextManager

    from lrfinder._results.records import Probe
    from lrfinder._search.probes import Probing
    from lrfinder._search.search import Ask
    from lrfinder.learner import Learner
    from lrfinder.schedules import Schedule

Item = TypeVar("Item")
Outcome = TypeVar("Outcome")


class Done(NamedTuple):
    """What came of one item.

    Attributes:
        number: its place among the items.
        outcome: what the work returned; ``None`` where it was lost.
        attempts: how often it was begun; ``None`` where that is not known.
        lost: why there is no outcome, in a sentence; empty where there is one.
    """

    number: int
    outcome: Any
    attempts: int | None = 1
    lost: str = ""


class Crew(Protocol):
    """Workers that make probes, each from the start of the training.

    Attributes:
        size: how many probes can be made at once.
        elsewhere: whether learners of other processes make them.
    """

    size: int
    elsewhere: bool

    @property
    def made(self) -> int:
        """How many iterations were made in all, those of probes that nobody asked for in the end among them."""
        ...

    def begin(self, asks: Sequence[Ask]) -> None:
        """Begin probes that are likely to be asked for, as many as there are workers for, so that they are there sooner."""
        ...

    def probe(self, ask: Ask) -> Probe:
        """The probe."""
        ...

    def keep(self, lrs: Iterable[float]) -> None:
        """Only probes at these rates may be lengthened soon."""
        ...


class Executor(Protocol):
    """What a grid and a search ask of an executor."""

    def stream(self, work: Callable[[Item], Outcome], items: Sequence[Item]) -> Generator[Done]:
        """Work on every item; yields each as it is done, in any order. Closed early, it ends what still runs."""
        ...

    def crew(
        self, factory: Callable[[], Learner[Any]], schedule: Schedule, own: Callable[[], Probing]
    ) -> AbstractContextManager[Crew]:
        """Workers for the probes of one search.

        Args:
            factory: makes the learner, the same one wherever it is called.
            schedule: how the rate moves through a probe.
            own: gives what makes probes with the learner of this process; asked only once a probe is.
        """
        ...


class InProcess:
    """One after the other, in this process."""

    def __repr__(self) -> str:
        return "InProcess()"

    def stream(self, work: Callable[[Item], Outcome], items: Sequence[Item]) -> Generator[Done]:
        """See :class:`Executor`."""
        for number, item in enumerate(items):
            yield Done(number, work(item))

    def crew(
        self, factory: Callable[[], Learner[Any]], schedule: Schedule, own: Callable[[], Probing]
    ) -> AbstractContextManager[Crew]:
        """See :class:`Executor`; the one worker is the learner that this process has."""
        del factory, schedule
        return nullcontext(_Alone(own))


class _Alone:
    """A crew of one: the learner of this process."""

    def __init__(self, own: Callable[[], Probing]) -> None:
        self._own = own
        self.size = 1
        self.elsewhere = False

    @property
    def made(self) -> int:
        return self._own().iterations

    def begin(self, asks: Sequence[Ask]) -> None:
        self._own().prepare(asks)

    def probe(self, ask: Ask) -> Probe:
        return self._own().train(*ask)

    def keep(self, lrs: Iterable[float]) -> None:
        self._own().keep(lrs)
