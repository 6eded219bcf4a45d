"""The command line under ``torchrun``."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import lrfinder

SCRIPT = """
import torch, torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader, DistributedSampler, TensorDataset
from lrfinder import Averaged, Validated
from lrfinder.torch import TorchLearner

def make_learner(fault=None, seed=0):
    if not dist.is_initialized():
        dist.init_process_group("gloo")
    torch.manual_seed(seed)
    inputs = torch.randn(512, 6)
    data = TensorDataset(inputs, (inputs.sum(1) > 0).long())
    loader = DataLoader(data, batch_size=16, sampler=DistributedSampler(data))
    model = DistributedDataParallel(nn.Sequential(nn.Linear(6, 32), nn.ReLU(), nn.Dropout(0.1), nn.Linear(32, 2)))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    calls, cross_entropy = [], nn.CrossEntropyLoss()

    def loss_fn(output, target):
        calls.append(1)
        if len(calls) == 10 and dist.get_rank() == fault:
            raise ValueError("a bad batch")
        return cross_entropy(output, target)

    return TorchLearner(model, optimizer, loss_fn, loader)

def make_cell(seed):
    return make_learner(seed=seed)

def make_faulty():
    return make_learner(fault=1)

def make_averaged():
    return Averaged(make_learner(), 2)

def make_validated():
    return Validated(make_learner(), lambda: 1.0)
"""


@pytest.fixture
def torchrun(tmp_path):
    (tmp_path / "train.py").write_text(SCRIPT)

    def run(*arguments):
        command = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "lrfinder", *arguments]
        home = str(Path(lrfinder.__file__).parents[1])
        environment = {**os.environ, "PYTHONPATH": home, "OMP_NUM_THREADS": "1", "COLUMNS": "200"}
        return subprocess.run(
            [sys.executable, *command],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    return run


@pytest.mark.parametrize("factory", ["make_learner", "make_averaged", "make_validated"])
def test_rank_0_alone_prints_and_writes(torchrun, tmp_path, factory):
    ended = torchrun("find", f"train.py:{factory}", "--json", "curve.json", "--lr-start", "1e-3", "--lr-multiplier", "1.3")
    assert ended.returncode == (1 if factory == "make_validated" else 0), ended.stderr  # a constant loss has no rate
    assert ended.stdout.count("learning rates from 0.001") == 1
    assert ended.stdout.count("written: curve.json") == 1
    assert len(json.loads((tmp_path / "curve.json").read_text())["losses"]) > 10


def test_a_fault_is_reported_once_by_its_rank_and_once_by_rank_0(torchrun):
    ended = torchrun("find", "train.py:make_faulty")
    assert ended.returncode != 0
    assert ended.stderr.count("Rank 1: ValueError: a bad batch") == 1
    assert ended.stderr.count("Rank 0: Rank 1 raised ValueError: a bad batch.") == 1


def test_a_grid_is_trained_by_all_ranks_and_printed_and_written_by_rank_0(torchrun, tmp_path):
    ended = torchrun("grid", "train.py:make_cell", "--seeds", "2", "--max-iterations", "20", "-o", "grid.json")
    assert ended.returncode == 1, ended.stderr  # so few iterations show no rate
    assert ended.stdout.count("2 of 2 cells") == 2  # a heading and a sentence
    assert ended.stdout.count("written: grid.json") == 1
    assert len((tmp_path / "grid.json").read_text().splitlines()) == 3  # the axes and two cells


def test_a_grid_of_many_processes_cannot_be_resumed(torchrun):
    ended = torchrun("grid", "train.py:make_cell", "--seeds", "2", "-o", "grid.json", "--resume")
    assert ended.returncode != 0
    assert "in one process" in " ".join(ended.stderr.replace("│", " ").split())


def test_a_search_runs_on_all_ranks_and_rank_0_alone_reports_it(torchrun, tmp_path):
    ended = torchrun("suggest", "train.py:make_learner", "--horizon", "30", "--max-iterations", "160", "--json", "s.json")
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.count("written: s.json") == 1
    suggestion = lrfinder.load(tmp_path / "s.json")
    assert isinstance(suggestion, lrfinder.Suggestion)
    assert suggestion.horizon == 30
    assert suggestion.probes
