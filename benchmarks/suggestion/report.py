"""The report: for each horizon a table in Markdown, the same in JSON, and a picture."""

from __future__ import annotations

import json
from collections import defaultdict
from hashlib import sha256
from importlib import import_module
from typing import TYPE_CHECKING, Any

from figures import HEADINGS, Figures, Judged, Runs, comparison, figures
from finders import FINDERS, HERE
from pictures import draw
from provenance import provenance
from starts import sections
from store import Row, read
from truth import Truth
from unit import TRUTHS, results_file, truth_file

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

NOTES = """\
Regret: the share of the possible improvement that is lost at the suggested rate. 0 is the best rate of the grid, 1 is the
untrained model, by the mean loss of the last tenth, from the same start on the same batches. It is below 0 if the run ends
lower than the best of the grid, and is cut at 1. A refusal counts as 1, as does a finder that raises. Catastrophe: the run
ends above the untrained model, or not at all. In brackets: 95 % interval of a hierarchical bootstrap (tasks, then seeds).
Steps: iterations spent on the search. sd: of log10 rate over the seeds within a task, median over tasks. Coverage: how often
[low, high] holds the best rate (parabola through the best of the grid and its neighbors), with the standard error over
tasks. Loss ratio: to the best, if losses are positive. Held-out: regret of the held-out loss, relative to that of the rate
with the best training loss. False: how often a task without an answer got a rate. "Repeated": the median suggestion of as
many sweeps as 650 iterations allow. fastai's rules are reimplemented from their description; the other rivals run from
their packages. Prodigy, D-Adaptation and DoG train the task themselves, with their own optimizers."""
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
    """Write ``<tasks>.md``, ``.json``, ``.png`` and the table of truths, and return the path of the first."""
    module = import_module(tasks)
    known = {task.name for task in module.TASKS}
    refusals = {task.name for task in module.REFUSALS}
    rows = [row for row in read(results_file(tasks)) if row.finder in FINDERS and row.code == FINDERS[row.finder].code()]
    rows = _latest(rows)
    truths = _truths([row for row in rows if row.task in known])
    folder.mkdir(parents=True, exist_ok=True)
    head = _head(tasks, rows, truths)
    parts, horizons = [f"# The suggestion, judged on the {tasks} tasks\n\n{head}\n\n{NOTES}\n"], {}
    for horizon in sorted({row.horizon for row in rows}):
        runs = _runs([row for row in rows if row.horizon == horizon], truths, refusals)
        table = {name: figures(some) for name, some in runs.items()}
        parts += [_section(horizon, runs, table), *sections(module, runs)]
        horizons[str(horizon)] = {name: some.to_json() for name, some in table.items()}
        draw(runs, table, folder / f"{tasks}-{horizon}.png", f"{tasks} tasks, horizon {horizon}")
    (folder / f"{tasks}.md").write_text("\n".join(parts))
    (folder / f"{tasks}.json").write_text(json.dumps({"head": head.splitlines(), "horizons": horizons}, indent=1) + "\n")
    _write_truths(folder / TRUTHS.format(tasks), rows, truths)
    return folder / f"{tasks}.md"


def _latest(rows: Sequence[Row]) -> list[Row]:
    """Return one row for each finder, task, seed and horizon: the last one, in case a task has changed."""
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
    """Return the rows of each finder with their truths, in the order of the finders."""
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
    file = HERE / f"{tasks}.py"
    source = f"; tasks of `{tasks}.py`, sha256 {sha256(file.read_bytes()).hexdigest()[:16]}" if file.is_file() else ""
    return f"{provenance(PACKAGES)}.\n{len(truths)} truths, {len(rows)} results{source}."


def _write_truths(file: Path, rows: Sequence[Row], truths: Mapping[tuple[str, int, int], Truth]) -> None:
    """Write the table of truths, with a hash of itself."""
    prints = {(row.task, row.seed, row.horizon): row.fingerprint for row in rows}
    table: dict[str, Any] = json.loads(file.read_text())["truths"] if file.is_file() else {}
    for key, truth in truths.items():
        table["/".join(map(str, key))] = {"fingerprint": prints[key], **truth.to_json()}
    lines = [f" {json.dumps(name)}: {json.dumps(table[name], separators=(',', ':'))}" for name in sorted(table)]
    body = "{\n" + ",\n".join(lines) + "\n}"
    file.write_text(f'{{"sha256": "{sha256(body.encode()).hexdigest()}",\n"truths": {body}}}\n')
