"""The report: a table for each horizon in markdown, the same in JSON, and a picture."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from collections import defaultdict
from datetime import UTC, datetime
from hashlib import sha256
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

from figures import HEADINGS, Figures, Judged, Runs, comparison, figures
from finders import FINDERS, HERE
from pictures import draw
from store import Row, read
from truth import Truth
from unit import TRUTHS, results_file, truth_file

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

NOTES = """\
Regret: how much of the way from the best rate of the grid back to the untrained model the training at the suggested rate
ends, by the mean loss of the last tenth, from the same start on the same batches; below 0 where it ends lower than the
best of the grid. It is cut at 1; a refusal (a finder that raises included) counts as 1. Catastrophe: ends above the
untrained model, or not at all. In brackets: 95 % interval of a hierarchical bootstrap (tasks, then seeds). Steps:
iterations spent on the search. sd: of log10 rate over the seeds within a task, median over tasks. Coverage: how often
[low, high] holds the best rate (parabola through the best of the grid and its neighbours), with the standard error over
tasks. Loss ratio: to the best, where losses are positive; held-out: regret by the held-out loss, against that of the rate
with the best training loss. False: how often a task without an answer was given a rate. "Repeated": the budget of 650
iterations on further sweeps, median suggestion. fastai's rules are written anew after their description, the other rivals
are run from their packages. Prodigy, D-Adaptation and DoG train the task themselves, on optimizers of their own."""
PACKAGES = (
    "numpy",
    "torch",
    "torch-lr-finder",
    "pytorch-ignite",
    "lightning",
    "prodigyopt",
    "dadaptation",
    "dog-optimizer",
    "scikit-learn",
)


def write(tasks: str, folder: Path) -> Path:
    """Write ``<tasks>.md``, ``.json``, ``.png`` and the table of truths; the path of the first."""
    module = import_module(tasks)
    known = {task.name for task in module.TASKS}
    refusals = {task.name for task in module.REFUSALS}
    rows = [row for row in read(results_file(tasks)) if row.finder in FINDERS and row.code == FINDERS[row.finder].code()]
    rows = _latest(rows)
    truths = _truths([row for row in rows if row.task in known])
    folder.mkdir(parents=True, exist_ok=True)
    head = _head(tasks, rows, truths)
    parts, kept = [f"# The suggestion, judged on the {tasks} tasks\n\n{head}\n\n{NOTES}\n"], {}
    for horizon in sorted({row.horizon for row in rows}):
        runs = _runs([row for row in rows if row.horizon == horizon], truths, refusals)
        table = {name: figures(some) for name, some in runs.items()}
        parts.append(_section(horizon, runs, table))
        kept[str(horizon)] = {name: some.to_json() for name, some in table.items()}
        draw(runs, table, folder / f"{tasks}-{horizon}.png", f"{tasks} tasks, horizon {horizon}")
    (folder / f"{tasks}.md").write_text("\n".join(parts))
    (folder / f"{tasks}.json").write_text(json.dumps({"head": head.splitlines(), "horizons": kept}, indent=1) + "\n")
    _write_truths(folder / TRUTHS.format(tasks), rows, truths)
    return folder / f"{tasks}.md"


def _latest(rows: Sequence[Row]) -> list[Row]:
    """One row for each finder, task, seed and horizon: the last that was measured, should a task have changed."""
    return list({(row.finder, row.task, row.seed, row.horizon): row for row in rows}.values())


def _truths(rows: Sequence[Row]) -> dict[tuple[str, int, int], Truth]:
    truths: dict[tuple[str, int, int], Truth] = {}
    for row in rows:
        key = row.task, row.seed, row.horizon
        file = truth_file(*key, row.fingerprint)
        if key not in truths and file.is_file():
            truths[key] = Truth.from_json(json.loads(file.read_text()))
    return truths


def _runs(rows: Sequence[Row], truths: Mapping[tuple[str, int, int], Truth], refusals: set[str]) -> dict[str, Runs]:
    """The rows of each finder with their truths, in the finders' order."""
    found: dict[str, Runs] = {}
    for name, entry in FINDERS.items():
        own = [row for row in rows if row.finder == name]
        judged: defaultdict[str, list[Judged]] = defaultdict(list)
        for row in own:
            if truth := truths.get((row.task, row.seed, row.horizon)):
                judged[row.task].append(Judged(row, truth))
        false = [row.lr is not None for row in own if row.task in refusals]
        if judged:
            found[name] = Runs(entry.kind, dict(judged), false)
    return found


def _section(horizon: int, runs: Mapping[str, Runs], table: Mapping[str, Figures]) -> str:
    tasks = max(len(some.by_task) for some in runs.values())
    count = max(sum(map(len, some.by_task.values())) for some in runs.values())
    lines = [f"\n## Horizon {horizon}: {tasks} tasks, {count} runs of each finder\n"]
    lines += [f"| finder | {' | '.join(HEADINGS)} |", f"|---|{'---|' * len(HEADINGS)}"]
    for name, some in table.items():
        partly = f" ({some.runs} runs only)" if some.runs < count else ""
        lines.append(f"| {name}{partly} | {' | '.join(some.cells())} |")
    lines += ["", *comparison(runs)]
    return "\n".join(lines)


def _head(tasks: str, rows: Sequence[Row], truths: Mapping[tuple[str, int, int], Truth]) -> str:
    versions = ", ".join(f"{package} {_version(package)}" for package in PACKAGES)
    file = HERE / f"{tasks}.py"
    of = f"; tasks of `{tasks}.py`, sha256 {sha256(file.read_bytes()).hexdigest()[:16]}" if file.is_file() else ""
    return (
        f"{datetime.now(UTC):%Y-%m-%d}, commit {_commit()}, {_machine()}, Python {platform.python_version()}, {versions}.\n"
        f"{len(truths)} truths, {len(rows)} results{of}."
    )


def _commit() -> str:
    def git(*words: str) -> str:
        return subprocess.run(["git", *words], cwd=HERE, capture_output=True, text=True, check=False).stdout.strip()  # noqa: S607

    changed = git("status", "--porcelain", "--untracked-files=no", "--", ".", "../../src")
    return (git("rev-parse", "--short", "HEAD") or "unknown") + (" with changes" if changed else "")


def _machine() -> str:
    model = platform.processor() or platform.machine()
    try:
        with open("/proc/cpuinfo") as lines:  # noqa: PTH123  (no path of ours)
            model = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), model)
    except OSError:
        pass
    return f"{os.cpu_count()} cores of {model}, {platform.system()}"


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _write_truths(file: Path, rows: Sequence[Row], truths: Mapping[tuple[str, int, int], Truth]) -> None:
    """The table of truths, with a hash of itself."""
    prints = {(row.task, row.seed, row.horizon): row.fingerprint for row in rows}
    table: dict[str, Any] = json.loads(file.read_text())["truths"] if file.is_file() else {}
    for key, truth in truths.items():
        table["/".join(map(str, key))] = {"fingerprint": prints[key], **truth.to_json()}
    lines = [f" {json.dumps(name)}: {json.dumps(table[name], separators=(',', ':'))}" for name in sorted(table)]
    body = "{\n" + ",\n".join(lines) + "\n}"
    file.write_text(f'{{"sha256": "{sha256(body.encode()).hexdigest()}",\n"truths": {body}}}\n')
