"""Trainings that a learner makes together, faster than one after the other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from lrfinder.errors import DataEndedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from numpy.typing import NDArray

    from lrfinder.learner import Learner

    Trainings = Callable[[Sequence[Any], Sequence[Sequence[float]]], tuple[NDArray[Any], Sequence[Any]] | None]


class Made(NamedTuple):
    """A training that was made together with others. Its losses are read out as a learner's are."""

    losses: NDArray[Any]
    end: Any  # the learner's state after it

    def iterations(self, lrs: Sequence[float]) -> Iterable[float]:
        """The losses, once more."""
        yield from self.losses.tolist()
        if len(self.losses) < len(lrs):
            raise DataEndedError


def made_together(learner: Learner[Any], states: Sequence[Any], lrs: Sequence[Sequence[float]]) -> list[Made] | None:
    """From each state a training at the rates of its row; ``None`` where the learner does better one after the other."""
    trainings: Trainings | None = getattr(learner, "trainings", None)
    made = None if trainings is None or len(states) < 2 else trainings(states, lrs)  # noqa: PLR2004  (together)
    return None if made is None else [Made(*one) for one in zip(*made, strict=True)]
