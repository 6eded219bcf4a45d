"""Tests of the suggestion benchmark: its grid, its regret, its cache."""

import math
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks" / "suggestion"))

import scheduled
from answers import Answer, Case
from fastai_rules import minimum, slide, steep, valley
from figures import Judged, Runs, figures
from record import order_seeds
from replayed import Replayed
from setups import UNUSUAL_SEED, Setup, draw
from sources import UNUSUAL
from store import Row, append, read
from task import Task, Training
from training import SetupLearner
from truth import Truth, final, measured, nearest, rate


def bowl(seed, batches):
    """A quadratic of curvature 2 with a little noise: plain SGD diverges above the rate 1."""
    torch.manual_seed(0)
    model = nn.Linear(3, 1, bias=False)
    generator = torch.Generator().manual_seed(seed)
    targets = 0.01 * torch.randn(batches, 3, generator=generator)
    held_out = (torch.eye(3), torch.zeros(3))

    def criterion(output, target):
        return (output.squeeze(-1) - target).square().sum()

    return Training(model, torch.optim.SGD, criterion, [(torch.eye(3), target) for target in targets], held_out)


def dropout(seed, batches):
    training = bowl(seed, batches)
    return Training(nn.Sequential(nn.Dropout(0.5), training.model), torch.optim.SGD, training.criterion, training.batches)


BOWL = Task("bowl", "quadratic", "sgd", 1e-3, bowl)
DROPOUT = Task("dropout", "quadratic", "sgd", 1e-3, dropout)


def case(tmp_path, task=BOWL, horizon=40):
    return Case(task, 0, horizon, Replayed(task, 0, horizon, tmp_path))


def row(**given):
    defaults = {
        "finder": "any",
        "code": "",
        "task": "bowl",
        "seed": 0,
        "horizon": 300,
        "fingerprint": "",
        "lr": 1.0,
        "low": None,
        "high": None,
        "steps": 1,
        "says": "",
        "loss": 1.0,
        "held_out": None,
        "seconds": 0.0,
    }
    return Row(**{**defaults, **given})


TRUTH = Truth({-1: 3.0, 0: 2.0, 1: 3.0}, untrained=6.0)


def test_best_of_the_grid_has_both_neighbors_and_all_within_three_octaves(tmp_path):
    truth = measured(case(tmp_path))
    assert {truth.best_index + step for step in range(-6, 7)} <= set(truth.finals)


def test_rates_above_the_edge_of_stability_are_infinitely_bad_or_worse_than_untrained(tmp_path):
    truth = measured(case(tmp_path))
    above = [end for k, end in truth.finals.items() if rate(k) > 1.1]
    assert above
    assert all(end > truth.untrained for end in above)


def test_best_rate_is_under_the_edge_of_stability(tmp_path):
    assert 0.01 < measured(case(tmp_path)).best_lr < 1.0


def test_task_that_no_rate_trains_is_an_error(tmp_path):
    flat = Task("flat", "flat", "sgd", 1e-3, lambda seed, batches: _flat(bowl(seed, batches)))
    with pytest.raises(ValueError, match="No rate trains flat"):
        measured(case(tmp_path, flat))


def _flat(training):
    return Training(training.model, torch.optim.SGD, lambda output, _: 0 * output.sum() + 1, training.batches)


def test_index_in_the_grid_is_the_inverse_of_its_rate():
    assert [nearest(rate(k)) for k in range(-30, 10)] == list(range(-30, 10))


def test_best_rate_of_a_symmetric_valley_is_its_middle():
    assert TRUTH.best_lr == pytest.approx(rate(0))


def test_best_rate_leans_to_the_lower_neighbor_also_if_losses_are_negative():
    assert Truth({-1: -2.0, 0: -3.0, 1: -1.0}, untrained=6.0).best_lr < rate(0)


def test_truth_survives_json():
    truth = Truth({0: 1.0, 1: math.inf}, 2.0, 0.5, 3.0)
    assert Truth.from_json(truth.to_json()) == truth


@pytest.mark.parametrize(("loss", "regret"), [(2.0, 0.0), (4.0, 0.5), (6.0, 1.0), (99.0, 1.0), (math.inf, 1.0), (None, 1.0)])
def test_regret_is_the_share_of_the_improvement_that_is_lost_and_at_most_1(loss, regret):
    assert Judged(row(loss=loss), TRUTH).regret == regret


@pytest.mark.parametrize(("loss", "catastrophe"), [(5.9, False), (6.1, True), (math.inf, True), (None, False)])
def test_catastrophe_ends_above_the_untrained_model(loss, catastrophe):
    assert Judged(row(loss=loss), TRUTH).catastrophe is catastrophe


def test_end_that_is_not_finite_is_infinite():
    assert final(np.array([1.0, np.nan])) == math.inf


def test_figures_of_runs_that_are_all_alike_have_intervals_of_no_width():
    runs = Runs("ours", {"a": [Judged(row(loss=4.0, low=0.5, high=2.0), TRUTH)] * 3}, [True, False])
    some = figures(runs)
    assert (some.median.value, some.median.low, some.median.high) == (0.5, 0.5, 0.5)
    assert (some.coverage.value, some.octaves.value, some.false) == (1.0, 2.0, 0.5)


def test_cache_gives_the_losses_of_the_real_run_also_after_a_change_of_rate(tmp_path):
    rates = [0.1] * 5 + [0.2] * 3 + [0.1] * 2
    real = DROPOUT.training(0, 40).learner()
    expected = [float(real.iteration(lr)) for lr in rates]
    for _ in range(2):
        learner = Replayed(DROPOUT, 0, 40, tmp_path)
        assert [learner.iteration(lr) for lr in rates] == expected
        learner.close()


def setup_of(family, network, optimizer="adam"):
    return Setup(1, family, network, LOSS_OF[family], optimizer, 8, 0.0, None, 0.1, 1.0)


LOSS_OF = {"spirals": "cross-entropy", "quadratic": "itself"}


def test_learner_of_a_setup_has_the_losses_of_its_recording_under_a_schedule_with_dropout():
    setup = setup_of("spirals", "mlp 2 16 relu dropout")
    rates = [0.05 * scheduled.SCHEDULES["cosine"](k / 30) for k in range(30)]
    learner = SetupLearner(setup)
    start = learner.snapshot()
    for _ in range(2):
        losses = [learner.iteration(lr) for lr in rates]
        learner.restore(start)
    batched = setup.batched()
    batches = setup.batches(order_seeds(setup, "fresh"), 30)
    expected, _, _ = batched.train(batched.start, torch.tensor([rates, [0.0] * 30]), batches, 3, setup.seed)
    np.testing.assert_allclose(losses, expected[0, 0], rtol=1e-4)


def test_search_under_a_schedule_names_a_peak_near_the_best():
    chosen = {name: scheduled.SCHEDULES[name] for name in ("constant", "one_cycle")}
    constant, one_cycle = scheduled.tasks_of(setup_of("quadratic", "quadratic 0.1 1.0", "sgd"), chosen)
    assert constant.truth.best_lr < one_cycle.truth.best_lr
    assert one_cycle.regrets[0] < 0.05
    assert one_cycle.regrets[2] > 0.5


def test_cache_on_disk_trains_nothing_again(tmp_path):
    first = case(tmp_path).learner
    losses, held_out = first.training(0.1), first.held_out(0.1)
    first.close()
    second = Replayed(BOWL, 0, 40, tmp_path)
    second._from_start = None
    np.testing.assert_array_equal(second.training(0.1), losses)
    assert second.held_out(0.1) == held_out


def test_held_out_loss_leaves_the_run_unchanged(tmp_path):
    learner = case(tmp_path).learner
    learner.held_out(0.1)
    learner.training(0.2)
    np.testing.assert_array_equal(learner.training(0.1), Replayed(BOWL, 0, 40, tmp_path / "other").training(0.1))


def test_results_are_read_without_a_truncated_line(tmp_path):
    file = tmp_path / "results.jsonl"
    append(file, [row(), row(seed=1, loss=math.inf)])
    with file.open("a") as end:
        end.write('{"finder": "cut')
    assert [stored.loss for stored in read(file)] == [1.0, math.inf]


def test_answer_without_a_rate_is_a_refusal():
    assert Judged(row(lr=Answer(None, 3).lr, loss=None), TRUTH).refused


@pytest.mark.parametrize("rule", [minimum, steep, valley, slide])
def test_rules_of_fastai_find_a_drop_near_where_it_lies(rule):
    lrs = np.geomspace(1e-6, 1, 85)
    drop = 1 / (1 + (lrs / 1e-3) ** 2) + (lrs > 0.3) * 10 * lrs
    assert 1e-4 < rule(lrs, drop) < 0.5


def test_data_that_move_have_other_inputs_and_other_classes_after_the_start():
    setup = draw(UNUSUAL_SEED + list(UNUSUAL).index("moved") - UNUSUAL_SEED % len(UNUSUAL) + len(UNUSUAL))
    before, after = (setup.batches([1], 1, changed=changed)(0, 0) for changed in (False, True))
    assert setup.family == "moved"
    assert torch.equal(after[0], before[0].flip(1))
    assert torch.equal(after[1], (before[1] + 1) % 8)


def test_critic_of_the_generator_falls_faster_the_higher_the_rate():
    setup = Setup(UNUSUAL_SEED, "critic", "mlp 1 16 relu plain", "critic", "adam", 8, 0.0, None, 0.0, 1.0)
    batched, rates = setup.batched(), torch.tensor([[0.01], [0.1], [1.0], [10.0]]).expand(-1, 40)
    losses, _, _ = batched.train(batched.start, rates, setup.batches([1], 40), 1, 0)
    assert (losses[0, :, -10:].mean(1).diff() < 0).all()
