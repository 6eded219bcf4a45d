"""A report of the doctor as rich prints it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group
from rich.table import Table
from rich.text import Text

from lrfinder.views.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lrfinder._cli.doctor import Examination, Extra, Framework


def examination_view(found: Examination) -> Group:
    """Return the versions, the frameworks, the extras with the command that installs a missing one, and the answer."""
    return Group(
        _table((name, version) for name, version in found.versions.items()),
        Text("\nFrameworks", style="bold"),
        _table(map(_framework, found.frameworks)) if found.frameworks else Text("none is installed"),
        Text("\nExtras", style="bold"),
        _table(map(_extra, found.extras)),
        Text(f"\n{_answer(found)}"),
    )


def _table(rows: Iterable[tuple[str, ...]]) -> Table:
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    for row in rows:
        table.add_row(*(Text(printable(cell)) for cell in row))
    return table


def _framework(framework: Framework) -> tuple[str, ...]:
    return (
        framework.distribution,
        f"lrfinder.{framework.package}",
        f"CANNOT BE USED: {framework.problem}" if framework.problem else "; ".join(framework.devices),
    )


def _extra(extra: Extra) -> tuple[str, ...]:
    here = ", ".join(f"{name} {version}" for name, version in extra.versions.items() if version)
    return extra.name, f"{extra.remedy}   for {', '.join(extra.missing)}" if extra.missing else here


def _answer(found: Examination) -> str:
    broken = [framework.distribution for framework in found.frameworks if framework.problem]
    if broken:
        return f"{' and '.join(broken)} cannot be used: see above."
    if not found.frameworks:
        return 'lrfinder works, but needs a framework to train with, for example: pip install "lrfinder[torch]"'
    return f"Everything works: {', '.join(framework.distribution for framework in found.frameworks)} can be used."
