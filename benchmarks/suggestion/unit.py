"""The unit of work of a process: one task at one seed and horizon, with its truth and every finder on it."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING

import numpy as np
import torch
from answers import Answer, Case
from finders import FINDERS, HERE
from orders import Orders
from replayed import CACHE, START, Replayed
from store import Row, append
from truth import Truth, final, measured

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from finders import Entry
    from task import Task

TRUTHS = "truth-{}.json"


@dataclass(frozen=True)
class Unit:
    """The finders to run, by name, on one task of the module ``tasks``."""

    tasks: str
    task: str
    seed: int
    horizon: int
    finders: Sequence[str]
    done: frozenset[object]


def results_file(tasks: str) -> Path:
    """Return the file with the results of a set of tasks."""
    return CACHE / f"results-{tasks}.jsonl"


def truth_file(task: str, seed: int, horizon: int, fingerprint: str) -> Path:
    """Return the file of a truth."""
    return CACHE / "truth" / f"{task}-{seed}-{horizon}-{fingerprint}.json"


def run(unit: Unit) -> list[str]:
    """Measure the truth, run the finders without a result, store their answers, and return their names."""
    torch.set_num_threads(1)
    task, refusal = _tasks(unit.tasks)[unit.task]
    learner = Replayed(task, unit.seed, unit.horizon)
    case = Case(task, unit.seed, unit.horizon, learner, _orders(unit, task, learner))
    if not refusal:
        truth(case, unit.tasks)
        case.judge.close()
    names: list[str] = []
    for name in unit.finders:
        entry = FINDERS[name]
        key = (name, entry.code(), task.name, unit.seed, unit.horizon, learner.fingerprint)
        if key in unit.done or (refusal and entry.kind == "no rate"):
            continue
        row = row_of(case, entry, trained=not refusal)
        learner.close()
        case.judge.close()
        append(results_file(unit.tasks), [row])
        names.append(name)
    return names


def truth(case: Case, tasks: str) -> Truth:
    """Return the truth for exactly this task, from the cache or the committed table, or measure it; then cache it."""
    fingerprint = case.learner.fingerprint
    file = truth_file(case.task.name, case.seed, case.horizon, fingerprint)
    if file.is_file():
        return Truth.from_json(json.loads(file.read_text()))
    committed = _committed(tasks).get(f"{case.task.name}/{case.seed}/{case.horizon}")
    if committed is not None and committed["fingerprint"] == fingerprint:
        found = Truth.from_json(committed)
    else:
        found = measured(case)
    file.parent.mkdir(parents=True, exist_ok=True)
    temporary = file.with_suffix(".tmp")
    temporary.write_text(json.dumps({"fingerprint": fingerprint, **found.to_json()}))
    temporary.replace(file)
    return found


def _orders(unit: Unit, task: Task, learner: Replayed) -> Orders | None:
    """Return the orders that judge a rate, if the module has ``ORDERS`` of them: those of the first seeds."""
    count = getattr(import_module(unit.tasks), "ORDERS", 0)
    learners = [learner if seed == unit.seed else Replayed(task, seed, unit.horizon) for seed in range(count)]
    return Orders(learners) if learners else None


@cache
def _tasks(name: str) -> dict[str, tuple[Task, bool]]:
    """Return the tasks of a module by name, each with whether a finder should refuse it."""
    module = import_module(name)
    return {
        task.name: (task, refusal) for refusal in (False, True) for task in (module.REFUSALS if refusal else module.TASKS)
    }


@cache
def _committed(tasks: str) -> dict[str, dict[str, object]]:
    file = HERE / "results" / TRUTHS.format(tasks)
    return json.loads(file.read_text())["truths"] if file.is_file() else {}


def row_of(case: Case, entry: Entry, *, trained: bool) -> Row:
    """Run a finder; return its answer, with the end of the run at its rate where the task can be ``trained``."""
    case.learner.rewind()
    begin = time.perf_counter()
    try:
        answer = entry.find(case)
        if entry.kind == "ours" and case.learner.snapshot() != START:
            answer = Answer(None, answer.steps, says="left a trace")
    except Exception as error:  # noqa: BLE001  (a finder that raises has no answer; the report shows how often)
        answer = Answer(None, case.learner.iterations_run, says=f"raised {type(error).__name__}: {str(error)[:200]}")
        if entry.kind == "no rate":
            answer = Answer(None, 0, says=answer.says, loss=np.inf)
    loss, held_out = answer.loss, answer.held_out
    if answer.lr is not None and trained:
        loss, held_out = final(case.judge.training(answer.lr)), case.judge.held_out(answer.lr)
    return Row(
        entry.name,
        entry.code(),
        case.task.name,
        case.seed,
        case.horizon,
        case.learner.fingerprint,
        answer.lr,
        answer.low,
        answer.high,
        answer.steps,
        answer.says,
        loss,
        held_out,
        round(time.perf_counter() - begin, 3),
    )
