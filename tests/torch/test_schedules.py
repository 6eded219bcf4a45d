"""Schedules for PyTorch: their rates, the ratios between groups, resumption, and refused settings."""

import copy
import pickle
from dataclasses import replace

import pytest
import torch
from fake_learners import Bowl

from lrfinder import LRFinder, RatesError, Status, Suggestion
from lrfinder.errors import OptimizerError
from lrfinder.torch import schedules
from lrfinder.views.report.usage import usage

SUGGESTED = Suggestion(0.1, 0.05, 0.2, "high", Status.OK, (), 600, 300)
NOTHING = Suggestion(None, None, None, "low", Status.LOW_SIGNAL, (), 100)

ALL = {
    "triangular": lambda optimizer, rate: schedules.triangular(optimizer, rate, 10),
    "one_cycle": lambda optimizer, rate: schedules.one_cycle(optimizer, rate, 100),
    "warmup_cosine": lambda optimizer, rate: schedules.warmup_cosine(optimizer, rate, 100, warmup=10),
}


def sgd(*lrs, **options):
    """Return an optimizer with one parameter group per rate, one parameter per group."""
    groups = [{"params": [torch.nn.Parameter(torch.ones(1))], "lr": lr} for lr in lrs or (0.01,)]
    return torch.optim.SGD(groups, **options)


def rates(optimizer, scheduler, count):
    """Return the first group's rate at each of ``count`` iterations."""
    seen = []
    for _ in range(count):
        seen.append(float(optimizer.param_groups[0]["lr"]))
        optimizer.step()
        scheduler.step()
    return seen


@pytest.fixture(params=ALL.values(), ids=ALL)
def schedule(request):
    return request.param


def test_setting_the_rate_keeps_the_ratios_between_groups():
    optimizer = sgd(0.01, 0.001, 0.005)
    schedules.set_rate(optimizer, SUGGESTED)
    assert [group["lr"] for group in optimizer.param_groups] == pytest.approx([0.1, 0.01, 0.05])


def test_the_rate_may_be_that_of_a_named_group():
    optimizer = sgd(0.01, 0.001)
    schedules.set_rate(optimizer, 0.1, group=1)
    assert [group["lr"] for group in optimizer.param_groups] == pytest.approx([1.0, 0.1])


def test_a_rate_that_is_a_tensor_stays_the_same_tensor():
    lr = torch.tensor(0.01)
    schedules.set_rate(sgd(lr), 0.1)
    assert float(lr) == pytest.approx(0.1)


def test_a_triangle_goes_up_and_down_between_the_suggestions_bounds():
    optimizer = sgd()
    seen = rates(optimizer, schedules.triangular(optimizer, SUGGESTED, 10), 31)
    assert seen[0] == seen[20] == pytest.approx(SUGGESTED.base_lr)
    assert seen[10] == seen[30] == pytest.approx(SUGGESTED.max_lr)
    assert seen[5] == pytest.approx((SUGGESTED.base_lr + SUGGESTED.max_lr) / 2)


def test_a_single_rate_is_the_highest_of_a_cycle_and_a_quarter_of_it_the_lowest():
    optimizer = sgd()
    seen = rates(optimizer, schedules.triangular(optimizer, 0.4, 10), 20)
    assert (min(seen), max(seen)) == pytest.approx((0.1, 0.4))


def test_the_lowest_rate_of_a_cycle_can_be_given():
    optimizer = sgd()
    seen = rates(optimizer, schedules.triangular(optimizer, SUGGESTED, 10, base_lr=0.01), 20)
    assert (min(seen), max(seen)) == pytest.approx((0.01, SUGGESTED.max_lr))


def test_one_cycle_reaches_the_suggestions_highest_rate_and_ends_at_almost_nothing():
    optimizer = sgd()
    seen = rates(optimizer, schedules.one_cycle(optimizer, SUGGESTED, 100), 99)
    assert max(seen) == pytest.approx(SUGGESTED.max_lr)
    assert seen[0] == pytest.approx(SUGGESTED.max_lr / 25)
    assert seen.index(max(seen)) == 29
    assert seen[-1] < SUGGESTED.max_lr / 1000


def test_a_warm_up_rises_to_the_rate_and_the_cosine_falls_to_its_part():
    optimizer = sgd()
    seen = rates(optimizer, schedules.warmup_cosine(optimizer, SUGGESTED, 101, warmup=10, final_part=0.1), 101)
    assert seen[:3] == pytest.approx([0.1 / 11, 0.2 / 11, 0.3 / 11])
    assert seen[10] == max(seen) == pytest.approx(0.1)
    assert seen[55] == pytest.approx(0.055)
    assert seen[100] == pytest.approx(0.01)


def test_ratios_between_groups_stay_at_every_iteration(schedule):
    optimizer = sgd(0.01, 0.001)
    scheduler = schedule(optimizer, SUGGESTED)
    for _ in range(60):
        first, second = (group["lr"] for group in optimizer.param_groups)
        assert first == pytest.approx(10 * second)
        optimizer.step()
        scheduler.step()


def test_momentum_does_not_change(schedule):
    for optimizer in (sgd(momentum=0.8), sgd()):
        before = optimizer.param_groups[0]["momentum"]
        rates(optimizer, schedule(optimizer, SUGGESTED), 20)
        assert optimizer.param_groups[0]["momentum"] == before


def test_entries_that_an_earlier_scheduler_left_do_not_count(schedule):
    fresh, used = sgd(), sgd()
    torch.optim.lr_scheduler.StepLR(used, 3)
    assert rates(used, schedule(used, SUGGESTED), 50) == rates(fresh, schedule(fresh, SUGGESTED), 50)


def test_a_rate_that_is_a_tensor_follows_the_schedule_too(schedule):
    tensor, number = sgd(torch.tensor(0.01, dtype=torch.float64)), sgd()
    seen = rates(tensor, schedule(tensor, SUGGESTED), 50)
    assert seen == pytest.approx(rates(number, schedule(number, SUGGESTED), 50), rel=1e-6)


def test_a_training_resumes_from_a_checkpoint(schedule):
    optimizer = sgd()
    scheduler = schedule(optimizer, SUGGESTED)
    rates(optimizer, scheduler, 20)
    saved = pickle.loads(pickle.dumps((optimizer.state_dict(), scheduler.state_dict())))
    again = sgd()
    resumed = schedule(again, SUGGESTED)
    again.load_state_dict(copy.deepcopy(saved[0]))
    resumed.load_state_dict(saved[1])
    assert rates(again, resumed, 30) == rates(optimizer, scheduler, 30)


def test_a_suggestion_without_a_rate_is_refused(schedule):
    optimizer = sgd()
    with pytest.raises(RatesError, match="None"):
        schedule(optimizer, NOTHING)
    with pytest.raises(RatesError, match="above 0"):
        schedule(optimizer, -0.1)
    assert optimizer.param_groups[0]["lr"] == 0.01


@pytest.mark.parametrize(
    "call",
    [
        lambda optimizer: schedules.triangular(optimizer, 0.1, 0),
        lambda optimizer: schedules.triangular(optimizer, 0.1, 10, base_lr=0.2),
        lambda optimizer: schedules.one_cycle(optimizer, 0.1, 0),
        lambda optimizer: schedules.one_cycle(optimizer, 0.1, 10, warmup_part=1),
        lambda optimizer: schedules.warmup_cosine(optimizer, 0.1, 10, warmup=10),
        lambda optimizer: schedules.set_rate(optimizer, None),
    ],
)
def test_invalid_settings_are_refused_and_set_nothing(call):
    optimizer = sgd()
    with pytest.raises(RatesError):
        call(optimizer)
    assert optimizer.param_groups[0]["lr"] == 0.01


def test_an_unknown_group_is_refused():
    with pytest.raises(OptimizerError, match="parameter groups"):
        schedules.set_rate(sgd(), 0.1, group="head")


def test_the_rates_stay_below_the_bound_of_a_suggestion_by_the_finder(schedule):
    suggestion = LRFinder(Bowl(curvature=10, noise=0.02)).suggest(100)
    optimizer = sgd()
    assert max(rates(optimizer, schedule(optimizer, suggestion), 50)) <= suggestion.max_lr * (1 + 1e-9)


@pytest.mark.parametrize("name", ["constant", "one_cycle"])
def test_the_code_in_a_report_reaches_the_suggested_rate(name):
    optimizer = sgd(0.5)
    names = {"optimizer": optimizer}
    exec(usage(replace(SUGGESTED, schedule=name))["PyTorch"], names)
    if name == "constant":
        assert optimizer.param_groups[0]["lr"] == 0.1
        assert "scheduler" not in names
        return
    assert max(rates(optimizer, names["scheduler"], 300)) == pytest.approx(0.1)
