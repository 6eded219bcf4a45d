"""Lightning on two processes: they search as one, and train afterwards as if there had been no search."""

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

pytest.importorskip("lightning", reason="Lightning is not installed")

import lightning_ranks
import rank_processes as ranks
from lightning.pytorch.strategies import DDPStrategy, ModelParallelStrategy
from lightning_nets import Net, quiet_trainer
from torch_nets import loader

import lrfinder
from lrfinder.errors import LearnerError
from lrfinder.trainers.lightning import LightningLearner


@pytest.fixture(scope="module")
def both():
    return ranks.values(lightning_ranks.everything, limit=240)


@pytest.mark.parametrize("name", lightning_ranks.CASES)
def test_a_training_after_a_search_is_its_twin_on_each_rank_and_the_ranks_see_one_curve(both, name):
    (differences, curve), (others, other_curve) = (one["twins"][name] for one in both)
    assert differences == others == []
    assert curve == other_curve


@pytest.mark.parametrize("name", lightning_ranks.INSIDE)
def test_a_search_inside_fit_leaves_no_trace_and_all_ranks_see_the_same(both, name):
    (differences, curves, rates), (others, other_curves, _) = (one["inside"][name] for one in both)
    assert differences == others == []
    assert curves == other_curves
    assert rates == [None] * len(lightning_ranks.INSIDE[name])


def test_a_learner_knows_its_rank_before_it_prepares_the_trainer(both):
    assert [one["rank"] for one in both] == [(0, 2), (1, 2)]


def test_the_loss_of_an_iteration_is_the_mean_over_ranks_of_that_of_fit(both):
    means = [sum(pair) / 2 for pair in zip(*(one["own losses"] for one in both), strict=True)]
    assert both[0]["iterations"] == both[1]["iterations"] == pytest.approx(means, rel=1e-6)


def test_a_learner_works_after_a_fit_too(both):
    assert both[0]["after a fit"] == both[1]["after a fit"]


@pytest.mark.parametrize("place", lightning_ranks.PLACES)
def test_a_search_that_fails_on_one_rank_ends_on_both_and_both_train_as_their_twins(both, place):
    (error, differences), (own_error, own_differences) = (one["faults"][place] for one in both)
    assert own_error == f"ValueError: {place}"
    assert error == f"RankError: Rank 1 raised ValueError: {place}."
    assert differences == own_differences == []


def test_a_search_inside_fit_that_fails_on_one_rank_ends_fit_on_both(both):
    assert [one["fault inside"] for one in both] == ["RankError: Rank 1 raised ValueError: loss.", "ValueError: loss"]


def test_a_rank_that_fails_while_the_other_waits_for_it_is_named(both):
    error, own = (one["broken"] for one in both)
    assert own == "ValueError: preparation"
    assert error.startswith("RankError: Rank 1 raised ValueError: preparation. The process group is broken")


LAUNCHED = """
import sys, warnings
from dataclasses import replace
warnings.simplefilter("ignore")
import torch
from lightning.pytorch.callbacks import Callback
from lightning_nets import Net, quiet_trainer
from lrfinder.trainers.lightning import LRFind
from torch_nets import loader

class Reporting(Callback):
    def on_train_end(self, trainer, pl_module):
        own = [one for one in trainer.callbacks if isinstance(one, LRFind)]
        weights = sum(float(one.double().sum()) for one in pl_module.parameters())
        rates = [group["lr"] for group in trainer.optimizers[0].param_groups]
        count = len(own[0].suggestions) if own else 0
        print(f"\\n{count} searches on rank {trainer.global_rank}: {weights.hex()} {rates}", flush=True)

def search(finder, trainer):
    return replace(finder.suggest(horizon=20, max_iterations=60), lr=0.01)

if __name__ == "__main__":
    for callbacks in ([Reporting()], [Reporting(), LRFind(search)]):
        torch.manual_seed(0)
        trainer = quiet_trainer(".", strategy=sys.argv[1], devices=2, max_epochs=1, callbacks=callbacks)
        trainer.fit(Net(), loader())
"""


@pytest.mark.parametrize("strategy", ["ddp", "ddp_fork"])
def test_processes_that_lightning_starts_search_inside_fit(strategy, tmp_path):
    (tmp_path / "script.py").write_text(LAUNCHED)
    home, support = Path(lrfinder.__file__).parents[1], Path(lightning_ranks.__file__).parent
    environment = {**os.environ, "PYTHONPATH": f"{home}{os.pathsep}{support}", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "script.py", strategy]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    ends = dict(line.split(": ") for line in done.stdout.splitlines() if " searches on rank " in line)
    assert len(ends) == 4
    assert ends["1 searches on rank 0"] == ends["0 searches on rank 0"]
    assert ends["1 searches on rank 1"] == ends["0 searches on rank 1"]


@pytest.mark.parametrize("strategy", ["ddp", "ddp_spawn", "ddp_fork"])
def test_a_learner_before_the_processes_of_fit_is_refused(strategy, tmp_path):
    trainer = quiet_trainer(tmp_path, strategy=strategy, devices=2)
    with pytest.raises(LearnerError, match=r"starts its 2 processes in fit\(\).*by the callback LRFind, or .* torchrun"):
        LightningLearner(Net(), trainer, loader())


def test_another_strategy_on_several_devices_is_refused_by_name(tmp_path):
    trainer = quiet_trainer(tmp_path, strategy=ModelParallelStrategy(), devices=2)
    with pytest.raises(LearnerError, match="2 devices with ModelParallelStrategy; search with strategy='ddp', or on one"):
        LightningLearner(Net(), trainer, loader())


def test_a_static_graph_that_is_optimized_manually_is_refused(tmp_path):
    trainer = quiet_trainer(tmp_path, strategy=DDPStrategy(static_graph=True), devices=2)
    with pytest.raises(LearnerError, match="Manual optimizes manually, and the strategy has static_graph=True"):
        LightningLearner(lightning_ranks.Manual(), trainer, loader())


def test_state_of_a_communication_hook_is_refused(tmp_path):
    trainer = quiet_trainer(tmp_path, strategy=DDPStrategy(ddp_comm_state=Counter()), devices=2)
    with pytest.raises(LearnerError, match="a ddp_comm_state of type Counter, which a search cannot restore"):
        LightningLearner(Net(), trainer, loader())
