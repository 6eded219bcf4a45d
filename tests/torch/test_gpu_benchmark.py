"""A rehearsal of the benchmark for CUDA devices on the CPU, with the packages alone that it may need."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
COMMAND = ROOT / "benchmarks" / "gpu" / "run.py"
ABSENT = ("rich", "typer", "msgspec", "matplotlib", "sklearn", "pandas")
CODE = f"""
import runpy, sys
sys.modules.update(dict.fromkeys({ABSENT}))
sys.path.insert(0, {str(COMMAND.parent)!r})
runpy.run_path({str(COMMAND)!r}, run_name="__main__")
"""
IMAGES = 64


def run(folder, *arguments, data):
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "LRFINDER_DATA": str(data)}
    command = [sys.executable, "-c", CODE, "--device", "cpu", "--quick", "--out", str(folder), *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads((folder / "gpu.json").read_text())["rows"], (folder / "gpu.md").read_text()


def data_folder(folder):
    """Write records in the format of CIFAR-10, with random labels and pixels."""
    records = np.random.default_rng(0).integers(256, size=(IMAGES, 3073)).astype(np.uint8)
    records[:, 0] %= 10
    file = folder / "cifar-10-batches-bin" / "data_batch_1.bin"
    file.parent.mkdir()
    records.tofile(file)
    return folder


@pytest.fixture(scope="module")
def rehearsal(tmp_path_factory):
    out, data = tmp_path_factory.mktemp("out"), data_folder(tmp_path_factory.mktemp("data"))
    return run(out, "--together", data=data)


def of_part(rows, part):
    return [row for row in rows if row["part"] == part]


def test_each_part_has_rows_and_no_case_fails(rehearsal):
    rows, table = rehearsal
    parts = ["loop", "twin", "snapshots", "memory", "amp", "cifar10", "graphs", "compiled"]
    assert list(dict.fromkeys(row["part"] for row in rows)) == parts
    assert not [row for row in rows if row["measured"].startswith("failed")]
    assert table.count("\n| ") == len(rows) + 2, "a line each, and two of the head"


def test_cases_that_need_cuda_are_rows_that_say_so(rehearsal):
    rows, _ = rehearsal
    skipped = [row for row in rows if row["measured"].startswith("not run")]
    assert all("needs CUDA" in row["measured"] for row in skipped)
    assert {row["part"] for row in skipped} == {"snapshots", "memory", "graphs"}
    assert skipped == [*(row for row in rows if "pinned memory" in row["case"] and row["part"] == "snapshots"),
                       *of_part(rows, "memory"), *of_part(rows, "graphs")]  # fmt: skip


def test_twins_are_equal_after_each_search(rehearsal):
    rows, _ = rehearsal
    found = {(row["case"], row["what"]): row["measured"] for row in of_part(rows, "twin")}
    assert len(found) == 8
    assert set(found.values()) == {"equal, bit for bit"}


def test_rates_are_measured_against_the_loop_by_hand(rehearsal):
    rows, _ = rehearsal
    for row in (*of_part(rows, "loop"), *of_part(rows, "amp"), *of_part(rows, "compiled")):
        assert len(row["numbers"]["bare_seconds"]) == len(row["numbers"]["find_seconds"]) == 1
        assert min(*row["numbers"]["bare_seconds"], *row["numbers"]["find_seconds"]) > 0


def test_training_on_images_that_are_missing_is_a_row_with_the_reason(tmp_path):
    rows, _ = run(tmp_path, "--together", "cifar10", data=tmp_path)
    assert f"not run: there is no cifar-10-batches-bin/data_batch_*.bin in {tmp_path}" in rows[0]["measured"]
    assert {row["measured"] for row in rows[1:]} == {"not run: the search has no rate"}
