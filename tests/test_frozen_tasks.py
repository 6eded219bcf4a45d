"""The test tasks of the benchmark are as they were before any finder ran on them."""

import hashlib
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[1] / "benchmarks" / "suggestion"
SUMS = [
    (file.name, *line.split())
    for file in sorted(FOLDER.glob("*.sha256"))
    for line in file.read_text().splitlines()
    if not line.startswith("#")
]


@pytest.mark.parametrize(("sums", "digest", "name"), SUMS, ids=lambda value: value if len(value) < 60 else "")
def test_a_frozen_file_has_not_changed(sums, digest, name):
    assert hashlib.sha256((FOLDER / name).read_bytes()).hexdigest() == digest, f"{name} differs from {sums}"


@pytest.mark.parametrize("tasks", ["heldout", "heldout_resumed"])
def test_each_set_of_test_tasks_is_frozen(tasks):
    assert (f"{tasks}.sha256", f"{tasks}.py") in {(sums, name) for sums, _, name in SUMS}
