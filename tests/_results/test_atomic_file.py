"""A file is whole, or it is not there."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from lrfinder import RangeTest, Record, Settings, Stop, load
from lrfinder._results.atomic_file import append, write_atomically

RESULT = RangeTest((Record(0.1, 1.0),), Stop.DIVERGED, Settings(1.0, 1.1, 2.0, 3, 0.3, "x"))


def test_writing_leaves_no_file_but_the_one_that_was_written(tmp_path):
    for _ in range(2):
        RESULT.to_json(tmp_path / "r.json")
        RESULT.to_csv(tmp_path / "r.csv")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["r.csv", "r.json"]
    assert load(tmp_path / "r.json") == RESULT


FULL_DISK = """
import resource, signal, sys
from lrfinder._results.atomic_file import write_atomically
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    write_atomically(bytes(5000), sys.argv[1])
except OSError as error:
    print(type(error).__name__)
"""


def test_a_full_disk_leaves_the_old_file_and_no_other(tmp_path):
    (tmp_path / "r.json").write_text("old")
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(tmp_path / "r.json")],
        capture_output=True, text=True, check=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2] / "src")},
    )  # fmt: skip
    assert done.stdout == "OSError\n"
    assert [path.name for path in tmp_path.iterdir()] == ["r.json"]
    assert (tmp_path / "r.json").read_text() == "old"


def test_a_missing_folder_is_an_error_of_the_operating_system(tmp_path):
    with pytest.raises(FileNotFoundError):
        RESULT.to_json(tmp_path / "nowhere" / "r.json")
    assert list(tmp_path.iterdir()) == []


def test_a_link_keeps_its_target(tmp_path):
    (tmp_path / "real.json").write_text("old")
    (tmp_path / "link.json").symlink_to("real.json")
    RESULT.to_json(tmp_path / "link.json")
    assert (tmp_path / "link.json").is_symlink()
    assert load(tmp_path / "real.json") == RESULT


def test_an_old_file_keeps_its_permissions_and_a_new_one_has_the_usual(tmp_path):
    (tmp_path / "usual").write_text("")
    (tmp_path / "old").write_text("")
    (tmp_path / "old").chmod(0o640)
    for name in ("new", "old"):
        write_atomically(b"x", tmp_path / name)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert modes == {"usual": modes["usual"], "new": modes["usual"], "old": 0o640}


def test_a_device_is_written_to_directly():
    write_atomically(b"x", "/dev/null")
    assert not Path("/dev/null").is_file()


def test_appending_leaves_what_was_there(tmp_path):
    (tmp_path / "lines").write_bytes(b"one\n")
    append(b"two\n", tmp_path / "lines")
    assert (tmp_path / "lines").read_bytes() == b"one\ntwo\n"
