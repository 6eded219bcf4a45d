"""docs/evidence/faults.md as the table of faults has it: ``python tests/support/faults_page.py`` writes it."""

from pathlib import Path

from fault_table import FAULTS

PAGE = Path(__file__).parents[2] / "docs" / "evidence" / "faults.md"

HEAD = """\
# The faults

What strikes a finder in the middle of a PyTorch training, when, and what comes of it. Each is run for real by
`tests/faults/`; after each, the training must go on for 20 steps bit for bit as a twin's that never met a finder:
parameters, buffers, gradients, the optimizer's and the scheduler's state, where each tensor lies in memory, random numbers
and the next batches. {faults} faults, {runs} runs.

This page is written by `python tests/support/faults_page.py`, and a test compares the two.

## Killed

SIGTERM where no handler is set, and SIGKILL, end the process at once, so there is nothing to put back in it. A finder that
was given no path writes no file, so those in the working and the temporary directory are as they were. Worker processes of
a `DataLoader` notice within seconds that their parent is gone, and end. Nothing else is left. Run in the middle of `find`
(with a worker), `compare` and `suggest`.

## Interrupted

Ctrl-C at lines drawn at random from all that `find`, `compare` and `suggest` run in this package, 8 of each: the training
goes on as its twin; `KeyboardInterrupt` passes through, and waits while the learner is being put back.

## What is not restored

- What refuses to be put back; the `RestoreError` names it.
- What a step does outside the process: files that it writes, messages that it sends.
- After a Ctrl-C between the drawing of a batch and the noting down of it, the next finder of the same learner may go on one
  batch later than it would have. The training, which has its own pass over the data, is not concerned.

## The table

| Fault | In | Where it strikes | What comes of it |
|---|---|---|---|
"""


def page():
    """The whole page."""
    runs = sum(len(fault.verbs) * len(fault.moments) for fault in FAULTS.values())
    return HEAD.format(faults=len(FAULTS), runs=runs) + "".join(map(_row, FAULTS, FAULTS.values()))


def _row(name, fault):
    verbs = ", ".join(f"`{verb}`" for verb in fault.verbs)
    return f"| {name} | {verbs} | {', '.join(fault.moments)} | {fault.outcome} |\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
