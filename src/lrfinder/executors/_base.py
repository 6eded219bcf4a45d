"""The interface of executors, and the one that stays in this process."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeVar

from lrfinder._arguments import given
from lrfinder.errors import ExecutorError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence
    from contextlib import AbstractContextManager

    from lrfinder._search.probes import Runner
    from lrfinder._sweep import OnRecord
    from lrfinder.learner import Learner
    from lrfinder.schedules import Schedule

Item = TypeVar("Item")
Outcome = TypeVar("Outcome")


class Done(NamedTuple):
    """The outcome of one item.

    Attributes:
        number: its index among the items.
        outcome: what the work returned; ``None`` if the work was lost.
        attempts: how often it was started; ``None`` if unknown.
        lost: why there is no outcome, in a sentence; empty where there is one.
    """

    number: int
    outcome: Any
    attempts: int | None = 1
    lost: str = ""


class Executor(Protocol):
    """The interface that grids and searches use."""

    def stream(self, work: Callable[[Item], Outcome], items: Sequence[Item]) -> Generator[Done]:
        """Work on every item and yield each as it finishes, in any order. Closed early, it ends what still runs."""
        ...

    def runner(
        self, factory: Callable[[], Learner[Any]], schedule: Schedule, on_record: OnRecord | None
    ) -> AbstractContextManager[Runner | None]:
        """Return the runner for the trials of one search; ``None`` where the learner of this process trains them.

        Args:
            factory: makes the learner, the same one wherever it is called.
            schedule: how the rate moves through a trial.
            on_record: called with each record that the search uses.
        """
        ...


def check_executor(executor: object) -> None:
    """Require an executor, or ``None`` for this process.

    Raises:
        ExecutorError: it is neither.
    """
    if executor is not None and not (hasattr(executor, "stream") and hasattr(executor, "runner")):
        message = f"executor is {given(executor)}; give lrfinder.executors.Ray(...), or leave it out."
        raise ExecutorError(message)


class InProcess:
    """One item after the other, in this process."""

    def __repr__(self) -> str:
        return "InProcess()"

    def stream(self, work: Callable[[Item], Outcome], items: Sequence[Item]) -> Generator[Done]:
        for number, item in enumerate(items):
            yield Done(number, work(item))

    def runner(self, *_: object) -> AbstractContextManager[None]:
        return nullcontext()
