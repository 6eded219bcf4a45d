"""The table and the picture: seconds and memory of a call against the regret of its rate."""

from __future__ import annotations

import statistics
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import rows
from judge import Judge, truth_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from matplotlib.axes import Axes
    from rows import Row

DOCS = Path(__file__).parents[2] / "docs"
PAGE, PICTURE = DOCS / "performance.md", DOCS / "images" / "calls.png"
BEGIN, END = "<!-- make bench-calls: begin -->\n", "<!-- make bench-calls: end -->\n"
HEAD = ("", "iterations", "seconds", "over one training", "MB more at the peak", "rate", "regret")
MARKERS = "osP*^vDX"  # one for each kind of call
FLOOR = 1e-3  # lower regrets are drawn here
NO_SEARCH, BY_HAND = "no search", "four rates by hand"


class Call(NamedTuple):
    """The calls of one kind for one workload, one at each seed.

    Attributes:
        name: with the version of the package.
        iterations: that it trained.
        seconds: of the processor, from the start of the process.
        ratios: these seconds over those of the training itself, with its import and set-up.
        more_mb: peak of memory over that of the training.
        lrs: the rates; None for none.
        regrets: of the rates, cut at 1; 1 for none.
        failed: the reason of a call that ended with an error.
    """

    name: str
    iterations: list[int]
    seconds: list[float]
    ratios: list[float]
    more_mb: list[float]
    lrs: list[float | None]
    regrets: list[float]
    failed: str = ""


def write_report(file: Path, page: Path = PAGE, picture: Path = PICTURE) -> None:
    """Write the table into the page, between its two marks, and the picture."""
    found = summaries(file)
    calls = rows.read(file, kind="call")
    lines = [provenance(calls), ""]
    for workload, summary in found.items():
        lines += [f"{workload}; {_start(summary)}:", "", _table(summary)]
    text = page.read_text()
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    page.write_text(before + BEGIN + "\n" + "\n".join(lines) + END + after)
    draw(found, picture)


def summaries(file: Path) -> dict[str, list[Call]]:
    """Return the calls of each workload, in the order in which they were measured."""
    by_workload: dict[str, dict[str, list[Row]]] = defaultdict(lambda: defaultdict(list))
    for row in rows.read(file, kind="call"):
        by_workload[row["workload"]][row["caller"]].append(row)
    return {
        workload: [_summary(file, workload, some, callers[NO_SEARCH]) for some in callers.values()]
        for workload, callers in by_workload.items()
    }


def _summary(file: Path, workload: str, calls: list[Row], trainings: list[Row]) -> Call:
    name = f"{calls[0]['caller']} {calls[0].get('version', '')}".strip()
    complete = [row for row in calls if "failed" not in row]
    if not complete:
        return Call(name, [], [], [], [], [], [], calls[0]["failed"])
    bare = {row["seed"]: row for row in trainings}
    return Call(
        name,
        [row["iterations"] for row in complete],
        [row["seconds"] for row in complete],
        [row["seconds"] / bare[row["seed"]]["seconds"] for row in complete],
        [row["peak_mb"] - bare[row["seed"]]["peak_mb"] for row in complete],
        [row["lr"] for row in complete],
        [_regret(file, workload, row) for row in complete],
    )


def _regret(file: Path, workload: str, row: Row) -> float:
    if row["lr"] is None:
        return 1.0
    end = float(Judge(file, workload, row["seed"]).training(row["lr"])[0])
    return min(1.0, truth_of(file, workload, row["seed"]).regret(end))


def provenance(calls: Sequence[Row]) -> str:
    """Return one line with the date, the machine, and how busy it was."""
    dates, machines = ({row[key] for row in calls} for key in ("date", "machine"))
    loads = [row["load"] for row in calls]
    busy = f"load average {min(loads):.1f} to {max(loads):.1f}"
    return f"{' and '.join(sorted(dates))}, {' and '.join(sorted(machines))}, one thread; processor time; {busy}."


def _start(calls: Sequence[Call]) -> str:
    """Return the seconds that every call takes for PyTorch and the images, from a call that trains once and one of many."""
    seconds = {call.name: statistics.median(call.seconds) for call in calls if call.seconds}
    iterations = {call.name: statistics.median(call.iterations) for call in calls if call.iterations}
    if BY_HAND not in seconds:
        return "one call at each seed"
    per_iteration = (seconds[BY_HAND] - seconds[NO_SEARCH]) / (iterations[BY_HAND] - iterations[NO_SEARCH])
    alone = seconds[NO_SEARCH] - per_iteration * iterations[NO_SEARCH]
    return f"importing PyTorch and reading the images take {alone:.1f} s of each call"


def _table(calls: Iterable[Call]) -> str:
    lines = [HEAD, ("---",) * len(HEAD), *map(_cells, calls)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def _cells(call: Call) -> tuple[str, ...]:
    if call.failed:
        return (call.name, f"not run: {call.failed}", *[""] * 5)
    lrs = [lr for lr in call.lrs if lr is not None]
    rates = _range(lrs, ".2g") if lrs else "none"
    if len(lrs) < len(call.lrs) and lrs:
        rates += f"; none {len(call.lrs) - len(lrs)} of {len(call.lrs)} times"
    return (
        call.name,
        f"{statistics.median(call.iterations):,.0f}",
        f"{statistics.median(call.seconds):.1f}",
        _range(call.ratios, ".2f"),
        f"{statistics.median(call.more_mb):.0f}",
        rates,
        _range(call.regrets, ".3f"),
    )


def _range(values: Sequence[float], form: str) -> str:
    middle, low, high = (f"{value:{form}}" for value in (statistics.median(values), min(values), max(values)))
    return middle if low == high else f"{middle} ({low} to {high})"


def draw(found: dict[str, list[Call]], picture: Path) -> None:
    """Draw a panel for each workload: cost on the horizontal axis, regret on the vertical one."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(
        1, len(found), figsize=(4.4 * len(found), 4.6), layout="constrained", sharey=True, squeeze=False
    )
    figure.set_layout_engine("constrained")
    for ax, (workload, calls) in zip(axes[0], found.items(), strict=True):
        _panel(ax, [call for call in calls if not call.failed])
        ax.set_title(workload)
    axes[0, 0].set_ylabel("regret of the rate (0: the best; 1: untrained)")
    lines, names = axes[0, 0].get_legend_handles_labels()
    figure.legend(lines, names, loc="outside lower center", ncols=4, frameon=False)
    figure.savefig(picture, dpi=110)
    plt.close(figure)


def _panel(ax: Axes, calls: Sequence[Call]) -> None:
    for call, marker in zip(calls, MARKERS, strict=False):
        cost = statistics.median(call.ratios)
        regrets = [max(regret, FLOOR) for regret in call.regrets]
        color = _color(call.name)
        ax.plot([cost, cost], [min(regrets), max(regrets)], color=color, alpha=0.4)
        ax.plot(cost, statistics.median(regrets), marker, color=color, markersize=9, alpha=0.85, label=call.name)
    ax.set_xscale("log")
    ax.set_yscale("log")
    highest = max(statistics.median(call.ratios) for call in calls)
    lowest = min(statistics.median(call.ratios) for call in calls)
    ticks = [tick for tick in (0.1, 0.2, 0.3, 0.5, 0.7, 1, 1.5, 2, 3, 5, 10) if lowest / 1.3 < tick < highest * 1.3]
    ax.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    ax.minorticks_off()
    ax.set(
        xlabel="seconds of the whole call / seconds of one training",
        xlim=(lowest / 1.3, highest * 1.3),
        ylim=(FLOOR / 1.5, 1.5),
    )
    ax.grid(visible=True, alpha=0.3)


def _color(name: str) -> str:
    if name.startswith("lrfinder"):
        return "tab:red"
    return "tab:gray" if name.startswith((NO_SEARCH, BY_HAND)) else "tab:blue"
