"""Prove many random cases, and log them: ``python tests/support/fuzz.py --cases 2000 --log docs/evidence/fuzz.md``."""

import argparse
import collections
import datetime as dt
import gc
import itertools
import operator
import os
import platform
import random
import subprocess
import sys
import time
import traceback
from pathlib import Path

import hypothesis
import numpy as np
import torch
from hypothesis import HealthCheck, Phase
from proof_strategies import cases, new_kinds
from proof_twin import RefusedError, prove

KINDS = (
    "net",
    "optimizer",
    "settings",
    "scheduler",
    "feed",
    "moment",
    "what",
    "form",
    "groups",
    "precision",
    "average",
    "mode",
    "compiled",
    "accumulate",
    "clip",
    "loss",
    "given",
    "stateful",
    "container",
    "use",
    "on_disk",
    "hooks",
    "close",
)


ROUND = 100
WRITTEN_BY_HAND = "## Found and fixed"
MIN_DIFFERENCES = 3  # kinds in which every two cases differ, at least


class Log:
    """The outcomes of the cases."""

    def __init__(self, count, minutes):
        self.count, self.end = count, time.monotonic() + 60 * minutes
        self.proved, self.lost, self.raised = set(), {}, collections.Counter()
        self.refused, self.drawn = collections.Counter(), []

    def is_full(self):
        return len(self.proved) + len(self.lost) == self.count or time.monotonic() > self.end

    def run(self, case):
        """Run the case, unless it is too similar to an earlier one."""
        chosen = tuple(getattr(case, kind) for kind in KINDS)
        if self.is_full() or any(sum(map(operator.ne, chosen, other)) < MIN_DIFFERENCES for other in self.drawn):
            return
        self.drawn.append(chosen)
        refused = self.refused.total()
        try:
            raised = prove(case)
        except RefusedError as error:
            self.refused[str(error)[:100]] += 1
        except Exception as error:  # noqa: BLE001  (any kind is logged)
            self.lost[case] = f"{type(error).__name__}: {error}"
            print(case, flush=True)
            traceback.print_exc(limit=-4)
        else:
            self.proved.add(case)
            self.raised[raised] += raised != ""
        if self.refused.total() > refused:
            gc.collect()  # ends the workers of its loader, which its exception held
        if len(self.drawn) % 50 == 0:
            print(f"{len(self.proved)} cases proved, {len(self.lost)} lost", file=sys.stderr, flush=True)


def draw_until(log, seed):
    """Draw and run cases until the log is full. Hypothesis draws them in rounds, each from its own seed."""
    while not log.is_full():

        @hypothesis.seed(seed)
        @hypothesis.settings(
            max_examples=ROUND,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @hypothesis.given(cases())
        def one_round(case):
            log.run(case)

        one_round()
        seed += 1


def counts(log, kind):
    run = [*log.proved, *log.lost]
    counted = collections.Counter(str(getattr(case, kind)) for case in run)
    return ", ".join(f"{name} {count}" for name, count in sorted(counted.items()))


def new_counts(log):
    """Return how many cases have each of the new kinds, and how many have any."""
    counted = [new_kinds(case) for case in (*log.proved, *log.lost)]
    return collections.Counter(itertools.chain(*counted)), sum(map(bool, counted))


def settings_counts(log):
    run = [*log.proved, *log.lost]
    counted = collections.Counter(f"{case.optimizer} {name}={value}" for case in run for name, value in case.settings)
    return ", ".join(f"{name}: {count}" for name, count in sorted(counted.items()))


def report(log, commit, seed, minutes):
    count = len(log.proved) + len(log.lost)
    system = f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores"
    versions = f"Python {platform.python_version()}, torch {torch.__version__}, numpy {np.__version__}"
    of_new_kinds, with_new_kind = new_counts(log)
    lines = [
        "# Fuzzing",
        "",
        "`make fuzz` writes this page. Each case is a training with the finder in its middle, and a twin without it. The",
        "two are compared bit for bit: everything that can be observed in and around them, with addresses, right after the",
        "finder, and the next 20 steps.",
        "",
        f"{count:,} cases were run, and **{len(log.lost)} of them lost anything.** Any two of them differ in at least",
        f"{MIN_DIFFERENCES} of the choices that are counted below.",
        "",
        f"{with_new_kind:,} of them have state that only objects of the user hold: in the loss, the clipping, an",
        "environment, objects in the net or in the optimizer, tensors that wrap others, containers of batches, lists of a",
        "sampler, memory that every batch is written into.",
        "",
        f"Run on {dt.datetime.now(dt.UTC):%Y-%m-%d}, at commit `{commit}`, seed {seed}; {system}, {versions},",
        f"hypothesis {hypothesis.__version__}; one process, {minutes:.0f} minutes.",
        "",
        f"Another {log.refused.total()} cases were drawn that PyTorch itself does not run, with or without a finder",
        f"(reasons below). In {log.raised.total()} cases the script's own step raised, at rates too high for any step.",
        "There the finder passed the exception on, and everything was restored as in the others.",
        "",
        "## Counts",
        "",
    ]
    lines += [f"- **{kind}**: {counts(log, kind)}" for kind in KINDS if kind != "settings"]
    lines += [f"- **settings of optimizers**: {settings_counts(log)}", "", "## State that only objects of the user hold", ""]
    lines += [f"- {name}: {count}" for name, count in sorted(of_new_kinds.items())]
    lines += ["", "## What the step raised", ""]
    lines += [f"- {name}: {count}" for name, count in log.raised.most_common() if count] or ["- nothing"]
    lines += ["", "## What PyTorch refused", ""]
    lines += [f"- {count}: {why}" for why, count in log.refused.most_common()] or ["- nothing"]
    if log.lost:
        lines += ["", "## What was lost", "", *(f"- `{case!r}`: {what}" for case, what in log.lost.items())]
    return "\n".join(lines) + "\n"


def hand_written(path):
    """Return the section at the end of the existing log that was written by hand."""
    _, heading, rest = (path.read_text("utf-8") if path.is_file() else "").partition(WRITTEN_BY_HAND)
    return f"\n{heading}{rest}" if heading else ""


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--minutes", type=float, default=600.0, help="stop after so many minutes, however many cases have run"
    )
    parser.add_argument("--log", type=Path)
    given = parser.parse_args()
    torch.set_num_threads(1)
    random.seed(given.seed)
    head = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    log, start = Log(given.cases, given.minutes), time.monotonic()
    draw_until(log, 1000 * given.seed)
    text = report(log, head.stdout.strip(), given.seed, (time.monotonic() - start) / 60)
    print(text)
    if given.log is not None:
        given.log.write_text(text + hand_written(given.log), encoding="utf-8")
    return 1 if log.lost else 0


if __name__ == "__main__":
    sys.exit(main())
