"""A check as rich prints it: a line for each thing that is not restored, and for each kind of thing that is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group
from rich.table import Table
from rich.text import Text

from lrfinder._check.report import Outcome
from lrfinder.views.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from lrfinder._check.report import Check, Finding

MOST_NAMES = 4
MARKS = {Outcome.HOLDS: ("yes", "green"), Outcome.BROKEN: ("NO", "bold red"), Outcome.NOT_ASKED: ("-", "dim")}


def check_view(check: Check) -> Group:
    """Return what is restored, whether the training is deterministic, what a finder relies on, and the answer."""
    state = _table(_of_state(check.state)) if check.state else Text("it cannot be inspected: only losses are compared")
    return Group(
        Text("State after a restore", style="bold"),
        state,
        Text("\nDeterminism of the training", style="bold"),
        _table([_line(check.deterministic)]),
        Text("\nWhat a finder relies on", style="bold"),
        _table([_line(finding) for finding in check.law]),
        Text(f"\n{answer(check)}"),
    )


def answer(check: Check) -> str:
    """Return the outcome of a check in one sentence."""
    if check.ok and check.state:
        return "Everything is restored: a finder leaves no trace in this training."
    if check.ok:
        return "As far as the losses show, everything is restored."
    if check.lost:
        count = f"{len(check.lost)} thing is" if len(check.lost) == 1 else f"{len(check.lost)} things are"
        more = ", …" if len(check.lost) > MOST_NAMES else ""
        return f"{count} not restored: {printable(', '.join(check.lost[:MOST_NAMES]))}{more}."
    if check.deterministic.outcome is Outcome.BROKEN:
        return "The training is not deterministic; until it is, nobody can tell whether a finder leaves a trace in it."
    return "Not everything is restored: after a restore, the training does not repeat as it should."


def _of_state(state: Sequence[Finding]) -> list[tuple[Outcome, str, str]]:
    """Return a line for each thing that is not restored, then one for each kind of those that are.

    The kind is the part of a name before its colon.
    """
    broken = [_line(finding) for finding in state if finding.outcome is not Outcome.HOLDS]
    kinds: dict[str, list[Finding]] = {}
    for finding in state:
        if finding.outcome is Outcome.HOLDS:
            kinds.setdefault(finding.what.partition(": ")[0], []).append(finding)
    return broken + [(Outcome.HOLDS, _names(kind, found), _changes(found)) for kind, found in kinds.items()]


def _names(kind: str, found: Sequence[Finding]) -> str:
    if len(found) == 1:
        return found[0].what
    if len(found) <= MOST_NAMES:
        return f"{kind}: " + ", ".join(finding.what.partition(": ")[2] for finding in found)
    return f"{kind}: {len(found)}"


def _changes(found: Sequence[Finding]) -> str:
    count = sum(finding.changed for finding in found)
    if not count:
        return "not changed by the training"
    return "changed by the training" if count == len(found) else f"{count} of {len(found)} changed by the training"


def _line(finding: Finding) -> tuple[Outcome, str, str]:
    return finding.outcome, finding.what, finding.detail


def _table(lines: Iterable[tuple[Outcome, str, str]]) -> Table:
    table = Table.grid(padding=(0, 2))
    for outcome, what, detail in lines:
        sign, style = MARKS[outcome]
        table.add_row(Text(f"  {sign}", style=style), Text(printable(what)), Text(printable(detail), style="dim"))
    return table
