"""The cost of a finder in addition to the training; prints the tables of docs/performance.md.

make bench-overhead                      everything, 15 minutes
make bench-overhead ARGS="own snapshots" some sections of iterations, own, first, snapshots, growth
"""

from __future__ import annotations

import argparse

import first_step
import growth
import iterations
import own
import snapshots
import torch
from spread import machine
from tasks import TASKS


def main() -> None:
    """Print the requested sections."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    known = ["iterations", "own", "first", "snapshots", "growth"]
    parser.add_argument("sections", nargs="*", metavar="section", help=f"of {', '.join(known)}; default: all")
    parser.add_argument("--tasks", nargs="*", choices=[*TASKS], default=[*TASKS])
    parser.add_argument("--sizes", nargs="*", choices=[*snapshots.SIZES], default=[*snapshots.SIZES])
    parser.add_argument("--optimizers", nargs="*", choices=snapshots.OPTIMIZERS, default=[*snapshots.OPTIMIZERS])
    given = parser.parse_args()
    torch.set_num_threads(1)
    print(machine(), end="\n\n")
    for name in given.sections or known:
        if name == "iterations":
            for task in given.tasks:
                print(iterations.section(task), flush=True)
        elif name == "snapshots":
            print(snapshots.section(given.sizes, given.optimizers), flush=True)
        else:
            print({"own": own.section, "first": first_step.section, "growth": growth.section}[name](), flush=True)


if __name__ == "__main__":
    main()
