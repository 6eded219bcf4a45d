"""The report of :func:`lrfinder.check`: plain frozen data."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import RenderableType


class Outcome(Enum):
    """The answer to one question. The values are the words that users read."""

    HOLDS = "holds"
    BROKEN = "broken"
    NOT_ASKED = "not asked"


@dataclass(frozen=True)
class Finding:
    """One line of a check.

    Attributes:
        what: something that a finder relies on, or the name of an observed value.
        outcome: the answer.
        changed: whether the training changes the value at all; one that never changes needs no restore.
        detail: what was observed, or why the question was not asked.
    """

    what: str
    outcome: Outcome
    changed: bool = False
    detail: str = ""


@dataclass(frozen=True, repr=False)
class Check:
    """The report on a learner: what is restored and what is not. Printed, it is a table that fits a screen.

    For example::

        check = lrfinder.check(learner)
        print(check)
        assert check.ok, check.lost

    Attributes:
        state: one finding for each observed value, by name: tensors, generators, positions. Empty for a learner that cannot
            be inspected.
        deterministic: whether two trainings from one state give the same losses. It is asked only where all of ``state`` is
            restored; otherwise the difference lies there.
        law: one finding for each property of a learner that a finder relies on.
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

    def __repr__(self) -> str:
        return f"<Check: ok={self.ok}, {len(self.state)} values observed, {len(self.lost)} of them not restored>"

    def __str__(self) -> str:
        from lrfinder.views.diagnosis import check_text

        return check_text(self)

    def __rich__(self) -> RenderableType:
        from lrfinder.views.diagnosis import check_view

        return check_view(self)

    def _repr_html_(self) -> str:
        from lrfinder.views.html import check_html

        return check_html(self)
