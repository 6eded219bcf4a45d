"""The report of :func:`lrfinder.check`: plain frozen data."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Outcome(Enum):
    """The answer to one question. The values are the words that users read."""

    HOLDS = "holds"
    BROKEN = "broken"
    NOT_ASKED = "not asked"


@dataclass(frozen=True)
class Finding:
    """One line of a check.

    Attributes:
        what: a part of the law, or the name of an observed value.
        outcome: the answer.
        changed: whether the training changes the value at all; one that never changes needs no restore.
        detail: what was observed, or why the question was not asked.
    """

    what: str
    outcome: Outcome
    changed: bool = False
    detail: str = ""


@dataclass(frozen=True)
class Check:
    """The report on a learner: does it obey the law, and what is not restored?

    Attributes:
        state: one finding for each observed value, by name: tensors, generators, positions. Empty for a learner that cannot
            be inspected.
        deterministic: whether two trainings from one state give the same losses. It is asked only where all of ``state`` is
            restored; otherwise the difference lies there.
        law: one finding for each part of the law, on which a finder relies.
    """

    state: tuple[Finding, ...]
    deterministic: Finding
    law: tuple[Finding, ...]

    @property
    def ok(self) -> bool:
        """True if every question was asked and every answer is yes."""
        return all(finding.outcome is Outcome.HOLDS for finding in (*self.state, self.deterministic, *self.law))

    @property
    def lost(self) -> tuple[str, ...]:
        """The names of the values that are not restored."""
        return tuple(finding.what for finding in self.state if finding.outcome is Outcome.BROKEN)
