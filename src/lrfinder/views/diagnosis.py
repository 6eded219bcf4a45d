"""The answers of the commands ``check`` and ``doctor`` as rich prints them, and a check as plain text."""

from __future__ import annotations

from io import StringIO
from typing import TYPE_CHECKING

from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from lrfinder._check.report import Finding, Outcome
from lrfinder.views.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from lrfinder._check.report import Check
    from lrfinder._cli.doctor import Examination

    Row = tuple[Outcome, str, str]

WIDTH = 80
MOST_BROKEN = 7  # rows of things that are not restored
MOST_NAMES = 4  # in one row
MOST_CHARACTERS = 32  # of these
MARKS = {Outcome.HOLDS: ("yes", "green"), Outcome.BROKEN: ("NO", "bold red"), Outcome.NOT_ASKED: ("-", "dim")}


def check_view(check: Check) -> Group:
    """Return the answer of a check and its table; what a cell has no place for stands below."""
    below = check.deterministic.detail if check.deterministic.outcome is not Outcome.HOLDS else ""
    return Group(
        Text(answer(check), style="bold"),
        Text(""),
        _table(_styled(row) for row in check_rows(check)),
        *([Text(f"\n{printable(below[:1].upper() + below[1:])}.")] if below else []),
    )


def check_text(check: Check) -> str:
    """Return the same as plain text of 80 columns."""
    console = Console(file=StringIO(), width=WIDTH, color_system=None)
    with console.capture() as printed:
        console.print(check_view(check))
    return "\n".join(line.rstrip() for line in printed.get().rstrip().splitlines())


def check_rows(check: Check) -> list[Row]:
    """Return the rows of the table: by name what is not restored, and by kind what is."""
    broken = [finding for finding in check.state if finding.outcome is Outcome.BROKEN]
    rows: list[Row] = [(Outcome.BROKEN, finding.what, finding.detail) for finding in broken[:MOST_BROKEN]]
    if len(broken) > MOST_BROKEN:
        rows.append((Outcome.BROKEN, f"and {len(broken) - MOST_BROKEN} more", "see check.lost"))
    for outcome in (Outcome.NOT_ASKED, Outcome.HOLDS):
        kinds: dict[str, list[Finding]] = {}
        for finding in check.state:
            if finding.outcome is outcome:
                kinds.setdefault(finding.what.partition(": ")[0], []).append(finding)
        rows += [(outcome, _names(kind, found), _changes(found)) for kind, found in kinds.items()]
    if not check.state:
        rows.append((Outcome.NOT_ASKED, "its state", "it cannot be inspected: only losses are compared"))
    if not check.lost:
        rows.append((check.deterministic.outcome, "the training repeats", ""))
    return [*rows, *_rows_of_law(check)]


def _rows_of_law(check: Check) -> list[Row]:
    """Return rows for what a finder relies on; faults are named, unless they only follow from what is not restored."""
    broken = [] if check.lost else [one for one in check.law if one.outcome is Outcome.BROKEN]
    rows: list[Row] = [(one.outcome, one.what, one.detail) for one in broken]
    for outcome in (Outcome.HOLDS, Outcome.BROKEN) if check.lost else Outcome:
        same = [one for one in check.law if one.outcome is outcome and one not in broken]
        if same:
            rows.append((outcome, f"tests of the learner: {len(same)} of {len(check.law)}", ""))
    return rows


def answer(check: Check) -> str:
    """Return the outcome of a check in one sentence."""
    if check.ok and check.state:
        return "Everything is restored: a finder leaves no trace in this training."
    if check.ok:
        return "Everything is restored, as far as the losses show."
    if check.lost:
        count = f"{len(check.lost)} thing is" if len(check.lost) == 1 else f"{len(check.lost)} things are"
        more = ", …" if len(check.lost) > MOST_NAMES else ""
        return f"{count} not restored: {printable(', '.join(check.lost[:MOST_NAMES]))}{more}."
    if check.deterministic.outcome is Outcome.BROKEN:
        return "Everything observed is restored, and yet two trainings from one state differ."
    return "Not everything is restored: after a restore, the training does not repeat as it should."


def examination_view(found: Examination) -> Group:
    """Return the versions, the frameworks, the extras with the command that installs a missing one, and the answer."""
    frameworks = [
        (
            one.distribution,
            f"lrfinder.{one.package}",
            f"CANNOT BE USED: {one.problem}" if one.problem else "; ".join(one.devices),
        )
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


def _names(kind: str, found: Sequence[Finding]) -> str:
    if len(found) == 1:
        return found[0].what
    names = ", ".join(finding.what.partition(": ")[2] for finding in found)
    return f"{kind}: {names if len(found) <= MOST_NAMES and len(names) <= MOST_CHARACTERS else len(found)}"


def _changes(found: Sequence[Finding]) -> str:
    if found[0].outcome is Outcome.NOT_ASKED:
        return found[0].detail
    count = sum(finding.changed for finding in found)
    if not count:
        return "not changed by the training"
    return "changed by the training" if count == len(found) else f"{count} of {len(found)} changed by the training"


def _styled(row: Row) -> tuple[Text, Text, Text]:
    outcome, what, detail = row
    sign, style = MARKS[outcome]
    return Text(f"  {sign}", style=style), Text(printable(what)), Text(printable(detail), style="dim")


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
    names = ", ".join(framework.distribution for framework in found.frameworks)
    if not all(framework.devices for framework in found.frameworks):
        return f"Installed, and not imported: {names}. To try them out, and to list devices: lrfinder doctor --import"
    return f"Everything works: {names} can be used."


def _texts(cells: Iterable[str]) -> list[Text]:
    return [Text(printable(cell)) for cell in cells]


def _table(rows: Iterable[Sequence[Text]]) -> Table:
    table = Table.grid(padding=(0, 2))
    for row in rows:
        table.add_row(*row)
    return table
