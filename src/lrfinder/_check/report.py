"""What :func:`lrfinder.check` found out about a learner: plain frozen data."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Outcome(Enum):
    """What came of one question. The values are the words that users read."""

    HOLDS = "holds"
    BROKEN = "broken"
    NOT_ASKED = "not asked"


@dataclass(frozen=True)
class Finding:
    """One line of a check.

    ``what`` is a part of the law, or the name of one thing that was compared. ``changed`` tells of such a thing whether the
    training changes it at all: what nothing changes comes back by itself. ``detail`` says what was seen, or why the question
    was not asked.
    """

    what: str
    outcome: Outcome
    changed: bool = False
    detail: str = ""


@dataclass(frozen=True)
class Check:
    """Whether a learner obeys the law, and what of it does not come back.

    Attributes:
        state: one finding for each thing that was compared, by name: tensors, generators, places. Empty for a learner that
            cannot be looked into.
        deterministic: whether a training from one and the same state gives the same losses; asked only where all of
            ``state`` came back, for otherwise the difference lies there.
        law: what a finder relies on, one finding for each part.
    """

    state: tuple[Finding, ...]
    deterministic: Finding
    law: tuple[Finding, ...]

    @property
    def ok(self) -> bool:
        """Whether every question was asked, and every answer is yes."""
        return all(finding.outcome is Outcome.HOLDS for finding in (*self.state, self.deterministic, *self.law))

    @property
    def lost(self) -> tuple[str, ...]:
        """The names of what does not come back."""
        return tuple(finding.what for finding in self.state if finding.outcome is Outcome.BROKEN)
