"""``lrfinder grid``, and the continuation of an interrupted ``lrfinder suggest``."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from lrfinder import Grid, LRFinder, Suggestion, load
from lrfinder._cli.commands import app

FACTORIES = """
import time
from pathlib import Path
from example_grids import bowl, breaking

def slow(seed=0):
    with Path(__file__).with_name(f"called-{seed}").open("a") as calls:
        calls.write("called\\n")
    time.sleep(0.3)
    return bowl(seed=seed)

def words(activation, deep):
    assert (activation, deep) in [("tanh", True), ("relu", True), ("tanh", None), ("relu", None)]
    return bowl()

def slowly():
    learner = bowl()
    iteration = learner.iteration
    learner.iteration = lambda lr: (time.sleep(0.01), iteration(lr))[1]
    return learner
"""


@pytest.fixture
def train(tmp_path):
    path = tmp_path / "grid_for_cli.py"
    path.write_text(FACTORIES)
    yield path
    sys.modules.pop("grid_for_cli", None)
    sys.path[:] = [entry for entry in sys.path if entry != str(tmp_path)]


def run(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


LISTENING = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)  # background processes, such as tests, may ignore it
from lrfinder._cli.commands import main
main()
"""


def started(*arguments):
    paths = [str(Path(__file__).parents[1] / "support"), *map(str, filter(None, sys.path))]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    command = [sys.executable, "-c", LISTENING, *map(str, arguments)]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def cells_of(path):
    grid = load(path)
    assert isinstance(grid, Grid)
    return grid.cells


def wait_until(condition):
    until = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.02)


def test_a_grid_is_shown_and_written(train, tmp_path):
    files = [tmp_path / name for name in ("grid.json", "grid.csv", "grid.png")]
    ended = run("grid", f"{train}:bowl", "--set", "weight_decay=0,1e-1", "--seeds", 3, "-o", files[0], "--csv", files[1],
                "--png", files[2])  # fmt: skip
    assert ended.exit_code == 0
    assert "6 of 6 cells" in ended.output
    assert all(path.stat().st_size for path in files)
    loaded = load(files[0])
    assert isinstance(loaded, Grid)
    assert loaded.axes == {"weight_decay": (0, 0.1), "seed": (0, 1, 2)}
    assert "6 of 6 cells" in run("plot", files[0]).output


def test_values_are_numbers_booleans_none_or_words(train):
    ended = run("grid", f"{train}:words", "--set", "activation=tanh, relu", "--set", "deep=true,none")
    assert ended.exit_code == 0


def test_a_whole_search_in_each_cell(train, tmp_path):
    path = tmp_path / "grid.json"
    assert run("grid", f"{train}:bowl", "--seeds", 1, "--suggest", "--horizon", 100, "-o", path).exit_code == 0
    suggestion = cells_of(path)[0].result
    assert isinstance(suggestion, Suggestion)
    assert suggestion.horizon == 100


def test_failed_cells_are_reported_and_the_exit_code_is_1(train):
    ended = run("grid", f"{train}:breaking", "--seeds", 2)
    assert ended.exit_code == 1
    assert "no images" in ended.output
    assert "1 of 2 cells, 1 failed" in ended.output


@pytest.mark.parametrize(("arguments", "code", "said"), [
    (["--set", "weight_decay"], 2, "a name and its values"),
    (["--set", "weight_decay=0,0"], 2, "twice"),
    ([], 2, "at least one axis"),
    (["--set", "batch=1"], 2, "takes weight_decay, momentum, seed"),
    (["--set", "weight_decay=0", "--set", "weight_decay=1"], 2, "weight_decay is set twice"),
    (["--seeds", "2", "--set", "seed=5"], 2, "seed is set twice"),
    (["--seeds", "1", "--resume"], 2, "needs -o"),
    (["--seeds", "1", "--horizon", "5"], 2, "--suggest"),
])  # fmt: skip
def test_a_wrong_call_is_reported_in_one_sentence(train, arguments, code, said):
    ended = run("grid", f"{train}:bowl", *arguments)
    assert ended.exit_code == code
    assert said in " ".join(ended.output.replace("│", " ").split())
    assert "Traceback" not in ended.output


def test_a_missing_factory_is_reported_before_any_cell(train):
    ended = run("grid", f"{train}:nope", "--seeds", 2)
    assert ended.exit_code == 2
    assert "has no function 'nope'" in " ".join(ended.output.split())
    assert "cells" not in ended.output


def test_an_existing_file_is_not_overwritten_without_resume(train, tmp_path):
    path = tmp_path / "grid.json"
    path.write_text("mine")
    assert run("grid", f"{train}:bowl", "--seeds", 1, "-o", path).exit_code == 2
    assert path.read_text() == "mine"


def test_a_killed_grid_keeps_its_finished_cells_and_resumes_with_the_others(train, tmp_path):
    path = tmp_path / "grid.json"
    command = ["grid", f"{train}:slow", "--seeds", 5, "-o", path]
    process = started(*command)
    wait_until(lambda: path.exists() and len(cells_of(path)) >= 2)
    process.kill()
    process.communicate()
    finished = [cell.seed for cell in cells_of(path)]
    assert len(finished) < 5
    assert run(*command, "--resume").exit_code == 0
    assert len(cells_of(path)) == 5
    assert [(tmp_path / f"called-{seed}").read_text().count("called") for seed in finished] == [1] * len(finished)


def test_ctrl_c_ends_a_grid_and_its_file_keeps_the_finished_cells(train, tmp_path):
    path = tmp_path / "grid.json"
    process = started("grid", f"{train}:slow", "--seeds", 50, "-o", path)
    wait_until(lambda: path.exists() and len(cells_of(path)) >= 1)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Interrupted." in said
    assert 1 <= len(cells_of(path)) < 50


def test_a_killed_search_resumes_to_the_same_answer(train, tmp_path):
    path = tmp_path / "suggestion.json"
    checkpoint = tmp_path / "suggestion.json.part"
    process = started("suggest", f"{train}:slowly", "--json", path)
    wait_until(lambda: checkpoint.exists() and checkpoint.read_text().count("\n") >= 5)
    process.kill()
    process.communicate()
    assert not path.exists()
    assert run("suggest", f"{train}:bowl", "--json", path).exit_code == 2  # it would be lost
    checkpoint.write_text(checkpoint.read_text().replace(":slowly", ":bowl"))  # the same learner, at its usual pace
    assert run("suggest", f"{train}:bowl", "--json", path, "--resume").exit_code == 0
    from example_grids import bowl

    assert load(path) == LRFinder(bowl()).suggest()
    assert not checkpoint.exists()
    assert "complete" in run("suggest", f"{train}:bowl", "--json", path, "--resume").output
