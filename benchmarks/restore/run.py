"""The state that finders restore, by the twin check in one process each; prints the tables of docs/guarantees.md.

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

from twin import SCENARIOS, Observation, Scenario, Subject, Witness, differences, in_an_empty_folder, seed

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
    """Print the tables; or, with the name of a finder as argument, its results as JSON."""
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
    """Return the differences in each scenario, and the version of the package."""
    from peers import PEERS

    _observe(name, SCENARIOS[0], find=True)  # packages import some parts late, which may draw random numbers
    different = []
    for scenario in SCENARIOS:
        lost = differences(_observe(name, scenario, find=True), _observe(name, scenario, find=False))
        reseeded = [_observe(name, scenario, find=find, reseed=True) for find in (True, False)]
        if "losses" in differences(*reseeded):
            lost.add("losses, reseeded")
        different.append(sorted(lost))
    return {"version": PEERS[name].version(), "different": different}


def _observe(name: str, scenario: Scenario, *, find: bool, reseed: bool = False) -> Observation:
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
    files = frozenset(file.removeprefix(folder) for file in witness.observation().files)
    return witness.observation()._replace(files=files)


def _in_a_process(name: str) -> dict[str, Any]:
    command = [sys.executable, __file__, name]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        return {"version": f"not run: {done.stderr.strip().splitlines()[-1]}", "different": []}
    return json.loads(done.stdout.splitlines()[-1])


def _table(found: dict[str, Any], wanted: Callable[[Scenario], bool]) -> str:
    """Format as Markdown the number of wanted scenarios in which each finder restored each part: a column a finder."""
    finders = [["", *COLUMNS.values()]]
    count = sum(map(wanted, SCENARIOS))
    for name, one in found.items():
        cases = [different for scenario, different in zip(SCENARIOS, one["different"], strict=False) if wanted(scenario)]
        restored = [sum(part not in different for different in cases) for part in COLUMNS]
        cells = [f"{number} of {count}" for number in restored] if cases else ["not run"] * len(COLUMNS)
        finders.append([f"{name} ({one['version']})", *cells])
    header, *rows = zip(*finders, strict=True)
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


if __name__ == "__main__":
    main()
