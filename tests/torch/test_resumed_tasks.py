"""Tests of the benchmark's trainings that are under way, and of truths that several orders of the batches judge."""

import math
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn.functional import mse_loss

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks" / "suggestion"))

from answers import Case
from heldout_data import friedman
from models import mlp
from orders import Orders
from recipes import WARM_SEED, supervised
from replayed import Replayed
from resumed import resumed
from truth import final, measured, rate


def few():
    return friedman(0.3)


def small():
    return mlp([10, 6, 1])


def resumed_task(optimizer, *, before=None):
    return resumed("name", "family", optimizer, 4, few, small, mse_loss, after=30, lr=0.01, before=before)


def losses_of(learner, lr, count):
    return [float(learner.iteration(lr)) for _ in range(count)]


@pytest.mark.parametrize("optimizer", ["sgd", "momentum", "adam", "adamw"])
def test_a_resumed_task_goes_on_as_if_it_had_not_stopped(optimizer):
    rest = resumed_task(optimizer).training(5, 20)
    whole = supervised("name", "family", optimizer, 4, few, small, mse_loss).training(WARM_SEED, 30)
    whole.batches.extend(rest.batches)
    assert losses_of(rest.learner(), 0.01, 20) == losses_of(whole.learner(), 0.01, 50)[30:]


@pytest.mark.parametrize("optimizer", ["momentum", "adam"])
def test_trainings_of_one_resumed_task_share_no_state(optimizer):
    task = resumed_task(optimizer)
    first = losses_of(task.training(0, 20).learner(), 0.02, 20)
    assert losses_of(task.training(0, 20).learner(), 0.02, 20) == first


def test_a_task_can_change_its_data_where_it_resumes():
    other = resumed_task("adam", before=lambda: friedman(0.0).mapped(lambda x, y: (x, -y)))
    same = resumed_task("adam").training(0, 1)
    changed = other.training(0, 1)
    assert all(torch.equal(a, b) for a, b in zip(same.batches[0], changed.batches[0], strict=True))
    assert float(changed.learner().iteration(0.0)) != float(same.learner().iteration(0.0))


def test_a_replayed_learner_knows_what_the_real_one_knows(tmp_path):
    for task in (resumed_task("adam"), resumed_task("sgd"), supervised("name", "x", "momentum", 8, few, small, mse_loss)):
        assert Replayed(task, 0, 20, tmp_path).facts() == task.training(0, 20).learner().facts()
    assert Replayed(resumed_task("adam"), 0, 20, tmp_path).facts().trained


def test_facts_in_the_middle_of_a_run_change_no_loss(tmp_path):
    task = supervised("name", "x", "sgd", 8, few, lambda: mlp([10, 6, 1], dropout=0.5), mse_loss)
    rates = [0.01] * 3 + [0.02] * 3
    learner = Replayed(task, 0, 20, tmp_path)
    losses = []
    for k, lr in enumerate(rates):
        losses.append(learner.iteration(lr))
        if k == 3:
            learner.facts()
    real = task.training(0, 20).learner()
    assert losses == [float(real.iteration(lr)) for lr in rates]


def test_a_truth_over_orders_is_the_mean_of_them_with_the_floor_beside(tmp_path):
    task = resumed_task("adam")
    learners = [Replayed(task, seed, 20, tmp_path) for seed in range(3)]
    found = measured(Case(task, 0, 20, learners[0], Orders(learners)))
    best = rate(found.best_index)
    assert found.best == pytest.approx(np.mean([final(learner.training(best)) for learner in learners]))
    assert found.floor is not None
    assert 0 <= found.floor <= 1
    assert type(found).from_json(found.to_json()).floor == pytest.approx(found.floor)


def test_a_rate_that_diverges_under_one_order_is_infinitely_bad(tmp_path):
    learners = [Replayed(resumed_task("sgd"), seed, 20, tmp_path) for seed in range(2)]
    assert math.isfinite(final(Orders(learners).training(0.01)))
    assert final(Orders(learners).training(1e9)) == math.inf
