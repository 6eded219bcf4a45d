"""The answers of the commands ``check`` and ``doctor`` as rich prints them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group
from rich.table import Table
from rich.text import Text

from lrfinder._check.report import Finding, Outcome
from lrfinder.views.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from lrfinder._check.report import Check
    from lrfinder._cli.doctor import Examination

    Line = tuple[Text, Text, Text]

MOST_NAMES = 4
MARKS = {Outcome.HOLDS: ("yes", "green"), Outcome.BROKEN: ("NO", "bold red"), Outcome.NOT_ASKED: ("-", "dim")}


def check_view(check: Check) -> Group:
    """Return what is restored, whether the training is deterministic, what a finder relies on, and the answer."""
    return Group(
        Text("State after a restore", style="bold"),
        _table(_of_state(check.state)) if check.state else Text("it cannot be inspected: only losses are compared"),
        Text("\nDeterminism of the training", style="bold"),
        _table([_line(check.deterministic)]),
        Text("\nWhat a finder relies on", style="bold"),
        _table(map(_line, check.law)),
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


def examination_view(found: Examination) -> Group:
    """Return the versions, the frameworks, the extras with the command that installs a missing one, and the answer."""
    frameworks = [
        (one.distribution, f"lrfinder.{one.package}", "; ".join(one.devices) or f"CANNOT BE USED: {one.problem}")
        for one in found.frameworks
    ]
    return Group(
        _table(map(_texts, found.versions.items())),
        Text("\nFrameworks", style="bold"),
        _table(map(_texts, frameworks)) if frameworks else Text("none is installed"),
        Text("\nExtras", style="bold"),
        _table(_texts((name, _state_of(name, versions))) for name, versions in found.extras.items()),
        Text(f"\n{_usable(found)}"),
    )


def _of_state(state: Sequence[Finding]) -> list[Line]:
    """Return a line for each thing that is not restored, then one for each kind of those that are.

    The kind is the part of a name before its colon.
    """
    broken = [_line(finding) for finding in state if finding.outcome is not Outcome.HOLDS]
    kinds: dict[str, list[Finding]] = {}
    for finding in state:
        if finding.outcome is Outcome.HOLDS:
            kinds.setdefault(finding.what.partition(": ")[0], []).append(finding)
    kept = [Finding(_names(kind, found), Outcome.HOLDS, detail=_changes(found)) for kind, found in kinds.items()]
    return [*broken, *map(_line, kept)]


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


def _line(finding: Finding) -> Line:
    sign, style = MARKS[finding.outcome]
    return Text(f"  {sign}", style=style), Text(printable(finding.what)), Text(printable(finding.detail), style="dim")


def _state_of(name: str, versions: Mapping[str, str | None]) -> str:
    missing = [distribution for distribution, version in versions.items() if version is None]
    if missing:
        return f'pip install "lrfinder[{name}]"   for {", ".join(missing)}'
    return ", ".join(f"{distribution} {version}" for distribution, version in versions.items())


def _usable(found: Examination) -> str:
    broken = [framework.distribution for framework in found.frameworks if framework.problem]
    if broken:
        return f"{' and '.join(broken)} cannot be used: see above."
    if not found.frameworks:
        return 'lrfinder works, but needs a framework to train with, for example: pip install "lrfinder[torch]"'
    return f"Everything works: {', '.join(framework.distribution for framework in found.frameworks)} can be used."


def _texts(cells: Iterable[str]) -> list[Text]:
    return [Text(printable(cell)) for cell in cells]


def _table(rows: Iterable[Sequence[Text]]) -> Table:
    table = Table.grid(padding=(0, 2))
    for row in rows:
        table.add_row(*row)
    return table
