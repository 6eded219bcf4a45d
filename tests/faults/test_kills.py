"""A script that is killed in the middle of its finder changes no file and leaves no process behind."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import lrfinder

HERE = Path(__file__).parents[1] / "support"
SHARED_MEMORY = Path("/dev/shm")  # where PyTorch's workers put batches


def files(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def kill_in_the_middle(folder, verb, number, workers):
    """Run the script until it is killed, and wait until no process holds its output, its workers included."""
    package = str(Path(lrfinder.__file__).parents[1].resolve())
    environment = os.environ | {"TMPDIR": str(folder / "temporary"), "PYTHONPATH": package}
    command = [sys.executable, HERE / "killed_script.py", verb, number.name, str(workers)]
    process = subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    output, errors = process.communicate(timeout=120)
    assert output == "in the middle\n", errors
    assert process.returncode == -number
    return process.pid


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL], ids=lambda number: number.name)
@pytest.mark.parametrize(("verb", "workers"), [("find", 1), ("compare", 0), ("suggest", 0)])
def test_a_killed_script_leaves_nothing_behind_and_changes_no_file_of_the_user(tmp_path, verb, workers, number):
    (tmp_path / "temporary").mkdir()
    (tmp_path / "checkpoint").write_bytes(bytes(range(256)))
    before = files(tmp_path)
    pid = kill_in_the_middle(tmp_path, verb, number, workers)
    assert files(tmp_path) == before
    assert not [path for path in SHARED_MEMORY.glob("*") if str(pid) in path.name.split("_")]
