"""What finders put back: each of them through the twin check, a process each; prints the tables of docs/guarantees.md.

make bench-restore
"""

from __future__ import annotations

import datetime as dt
import json
import os
import platform
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from twin import SCENARIOS, Scenario, Seen, Subject, Witness, differences, in_an_empty_folder, seed

if TYPE_CHECKING:
    from collections.abc import Callable

COLUMNS = {
    "parameter": "parameters",
    "buffer": "buffers",
    "optimizer": "optimizer",
    "gradient": "gradients",
    "mode": "modes",
    "generator": "generators",
    "batches": "next batches",
    "losses": "next 20 losses",
    "losses, reseeded": "next 20 losses, reseeded",
    "files": "no file left",
}


def main() -> None:
    """Print the tables, or (asked by name, from the process above) one finder's results as JSON."""
    if len(sys.argv) > 1:
        print(json.dumps(results(sys.argv[1])))
        return
    from peers import PEERS

    found = {name: _in_a_process(name) for name in PEERS}
    machine = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, torch {version('torch')}"
    print(f"{dt.datetime.now(tz=dt.UTC):%Y-%m-%d}, {machine}\n")
    print(_table(found, lambda scenario: scenario.fault != "exception"), end="\n\n")
    print(_table(found, lambda scenario: scenario.fault == "exception"))


def results(name: str) -> dict[str, Any]:
    """What differs in each scenario, and the version of the package."""
    from peers import PEERS

    _seen(name, SCENARIOS[0], find=True)  # packages import some of their parts late, which may draw random numbers
    different = []
    for scenario in SCENARIOS:
        lost = differences(_seen(name, scenario, find=True), _seen(name, scenario, find=False))
        reseeded = [_seen(name, scenario, find=find, reseed=True) for find in (True, False)]
        if "losses" in differences(*reseeded):
            lost.add("losses, reseeded")
        different.append(sorted(lost))
    return {"version": PEERS[name].version(), "different": different}


def _seen(name: str, scenario: Scenario, *, find: bool, reseed: bool = False) -> Seen:
    from peers import PEERS

    here = Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        in_an_empty_folder(Path(folder) / "run")
        seed()
        subject = Subject(scenario)
        witness = Witness(subject, reseed=reseed)
        try:
            PEERS[name](subject).run(witness, find=find)
        finally:
            os.chdir(here)
    files = frozenset(file.removeprefix(folder) for file in witness.seen().files)
    return witness.seen()._replace(files=files)


def _in_a_process(name: str) -> dict[str, Any]:
    command = [sys.executable, __file__, name]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        return {"version": f"not run: {done.stderr.strip().splitlines()[-1]}", "different": []}
    return json.loads(done.stdout.splitlines()[-1])


def _table(found: dict[str, Any], wanted: Callable[[Scenario], bool]) -> str:
    """Markdown: a row a finder; in how many of the scenarios that are wanted each part came back."""
    lines = [["", *COLUMNS.values()], ["---"] * (len(COLUMNS) + 1)]
    count = sum(map(wanted, SCENARIOS))
    for name, one in found.items():
        cases = [different for scenario, different in zip(SCENARIOS, one["different"], strict=False) if wanted(scenario)]
        kept = [sum(part not in different for different in cases) for part in COLUMNS]
        told = [f"{number} of {count}" for number in kept] if cases else ["not run"] * len(COLUMNS)
        lines.append([f"{name} ({one['version']})", *told])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


if __name__ == "__main__":
    main()
