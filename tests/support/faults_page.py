"""Write docs/evidence/faults.md from the table of faults: ``python tests/support/faults_page.py``."""

from pathlib import Path

from fault_table_of_objects import ALL as FAULTS

PAGE = Path(__file__).parents[2] / "docs" / "evidence" / "faults.md"

HEAD = """\
# Faults

These faults occur while a finder runs within a PyTorch training. `tests/faults/` runs each of them. Afterwards, the
training must continue for 20 steps, bit for bit as its twin without a finder. The test compares parameters, buffers,
gradients, the state of optimizer and scheduler, the address of each tensor, random numbers and the next batches. There are
{faults} faults in {runs} runs.

`python tests/support/faults_page.py` writes this page, and a test compares the two.

## Killed

SIGKILL, and SIGTERM without a handler, end the process at once, so there is nothing to restore in it. A finder without a
path writes no file, so the files in the working and the temporary directory do not change. Worker processes of a
`DataLoader` notice within seconds that their parent is gone, and end. Nothing else remains. The tests kill the process in
the middle of `find` (with a worker), `compare` and `suggest`.

## Interrupted

Ctrl-C arrives at random lines of everything that `find`, `compare` and `suggest` run in this package, 8 of each. The
training continues as its twin. `KeyboardInterrupt` passes through, and waits while the learner is restored.

## What is not restored

- Objects that refuse their state; the `RestoreError` names them.
- Effects of a step outside the process: files that it writes, messages that it sends.
- The position of the learner's own pass over the data, after a Ctrl-C between drawing a batch and recording it: the next
  finder of the same learner may start one batch later. The training has its own pass and is not affected.

## The table

| Fault | In | Moment | Outcome |
|---|---|---|---|
"""


def page():
    """Return the page."""
    runs = sum(len(fault.verbs) * len(fault.moments) for fault in FAULTS.values())
    return HEAD.format(faults=len(FAULTS), runs=runs) + "".join(map(_row, FAULTS, FAULTS.values()))


def _row(name, fault):
    verbs = ", ".join(f"`{verb}`" for verb in fault.verbs)
    return f"| {name} | {verbs} | {', '.join(fault.moments)} | {fault.outcome} |\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
