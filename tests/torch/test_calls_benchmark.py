"""Tests of the benchmark of whole calls: its stored rows, its judge, its table."""

import importlib.util
import json
import math
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks" / "suggestion"))
sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks" / "calls"))

import cost
from callers import CALLERS
from judge import Judge, truth_of
from rows import FILE, append, drop, read
from truth import nearest, rate
from workloads import WORKLOADS

BEST, HIGHEST = rate(nearest(0.01)), 0.05


class Bowl:
    """A training that ends at the square of the distance to the best rate in octaves, and diverges above 0.05."""

    horizon = 20

    def __init__(self):
        self.trained = []

    def start(self, seed, lr):
        self.lr = lr

    def train(self, iterations):
        self.trained.append(self.lr)
        end = math.nan if self.lr > HIGHEST else 150.0 if self.lr == 0 else math.log2(self.lr / BEST) ** 2
        return np.full(iterations, end).tolist()


@pytest.fixture
def file(tmp_path):
    return tmp_path / "results" / "rows.jsonl"


def test_a_line_that_was_cut_off_is_left_out_and_others_are_found_by_their_values(file):
    append(file, {"kind": "call", "seed": 0})
    append(file, {"kind": "call", "seed": 1})
    append(file, {"kind": "training", "seed": 1})
    with file.open("a") as lines:
        lines.write('{"kind": "cal')
    assert read(file, kind="call", seed=1) == [{"kind": "call", "seed": 1}]
    drop(file, kind="call")
    assert read(file) == [{"kind": "training", "seed": 1}]


def test_a_truth_that_was_interrupted_continues_and_trains_no_rate_twice(file):
    alone = Bowl()
    expected = truth_of(file, "bowl", 0, alone)
    assert len(alone.trained) == len(set(alone.trained)), "each rate once"
    lines = file.read_text().splitlines(keepends=True)
    file.write_text("".join(lines[:7]))
    rest = Bowl()
    assert truth_of(file, "bowl", 0, rest) == expected
    assert rest.trained == alone.trained[7:]
    assert expected.best_lr == pytest.approx(BEST)
    assert math.inf in expected.finals.values(), "a training that diverged"


def test_a_training_that_is_missing_is_named_where_none_may_run(file):
    with pytest.raises(LookupError, match=r"0\.5 is not in"):
        Judge(file, "bowl", 0).training(0.5)


def call(caller, lr, seconds=10.0, peak=100.0, **others):
    measured = {"lr": lr, "iterations": 100, "seconds": seconds, "peak_mb": peak}
    where = {"load": 0.5, "date": "2026-01-02", "machine": "this one"}
    return {"kind": "call", "workload": "bowl", "seed": 0, "caller": caller, **measured, **where, **others}


def test_regrets_are_those_of_the_rates_and_a_call_without_a_rate_has_the_highest(file):
    training = Bowl()
    truth_of(file, "bowl", 0, training)
    Judge(file, "bowl", 0, training).training(0.001)
    for row in (call("no search", 0.001), call("good", BEST, 20.0, 130.0), call("none", None), call("high", 2 * rate(2))):
        append(file, row)
    Judge(file, "bowl", 0, training).training(2 * rate(2))
    found = {one.name: one for one in cost.summaries(file)["bowl"]}
    assert found["good"].regrets == [0.0]
    assert found["good"].ratios == [2.0]
    assert found["good"].more_mb == [30.0]
    assert found["none"].regrets == found["high"].regrets == [1.0]
    assert 0 < found["no search"].regrets[0] < 1


def test_the_report_replaces_what_is_between_its_marks_and_nothing_else(file, tmp_path):
    truth_of(file, "bowl", 0, Bowl())
    for row in (call("no search", BEST), call("lrfinder find", BEST, 5.0), {**call("fastai", None), "failed": "no module"}):
        append(file, row)
    page, picture = tmp_path / "page.md", tmp_path / "calls.png"
    page.write_text(f"before\n{cost.BEGIN}old\n{cost.END}after\n")
    for _ in range(2):
        cost.write_report(file, page, picture)
    text = page.read_text()
    assert text.startswith("before\n")
    assert text.endswith("after\n")
    assert "old" not in text
    assert text.count("| lrfinder find | 100 | 5.0 | 0.50 | 0 | 0.0093 | 0.000 |") == 1
    assert "| fastai | not run: no module |" in text
    assert "2026-01-02, this one" in text
    assert picture.stat().st_size > 10_000


def test_each_stored_row_of_the_repository_can_be_read():
    for line in FILE.read_text().splitlines():
        assert json.loads(line)["kind"] in {"training", "call"}


def load(path):
    """Import a script whose name other benchmarks have too."""
    spec = importlib.util.spec_from_file_location(f"of_{path.parent.name}_{path.stem}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_command_which_imports_no_framework_knows_all_calls_and_workloads():
    command = load(Path(cost.__file__).with_name("run.py"))
    assert tuple(CALLERS) == command.CALLERS
    assert {name: workload.seeds for name, workload in WORKLOADS.items()} == command.SEEDS


def test_network_of_the_benchmarks_is_that_of_the_example():
    root = Path(__file__).parents[2]
    example, own = load(root / "examples" / "cifar10_torch.py"), load(root / "benchmarks" / "resnet18.py")
    torch.manual_seed(0)
    expected = example.resnet18_v2(10)
    torch.manual_seed(0)
    state = own.resnet18().state_dict()
    assert state.keys() == expected.state_dict().keys()
    assert all(torch.equal(state[name], value) for name, value in expected.state_dict().items())
    images = torch.randn(2, 3, 32, 32)
    torch.manual_seed(0)
    assert torch.equal(own.resnet18()(images), expected(images))
