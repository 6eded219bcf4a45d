import copy
import pickle
from dataclasses import replace

import pytest
import torch
from fake_learners import Bowl

from lrfinder import LRFinder, OptimizerError, RatesError, Status, Suggestion
from lrfinder.torch import schedules
from lrfinder.views.report.usage import usage

SUGGESTED = Suggestion(0.1, 0.05, 0.2, "high", Status.OK, (), 600, 300)
NOTHING = Suggestion(None, None, None, "low", Status.LOW_SIGNAL, (), 100)

ALL = {
    "triangular": lambda optimizer, rate: schedules.triangular(optimizer, rate, 10),
    "triangular2": lambda optimizer, rate: schedules.triangular2(optimizer, rate, 10),
    "exp_range": lambda optimizer, rate: schedules.exp_range(optimizer, rate, 10, gamma=0.99),
    "one_cycle": lambda optimizer, rate: schedules.one_cycle(optimizer, rate, 100),
    "warmup_cosine": lambda optimizer, rate: schedules.warmup_cosine(optimizer, rate, 100, warmup=10),
}


def sgd(*lrs, **options):
    """One parameter to a group, a group to a rate."""
    groups = [{"params": [torch.nn.Parameter(torch.ones(1))], "lr": lr} for lr in lrs or (0.01,)]
    return torch.optim.SGD(groups, **options)


def rates(optimizer, scheduler, count):
    """The first group's rate at each of ``count`` iterations."""
    seen = []
    for _ in range(count):
        seen.append(float(optimizer.param_groups[0]["lr"]))
        optimizer.step()
        scheduler.step()
    return seen


@pytest.fixture(params=ALL.values(), ids=ALL)
def make(request):
    return request.param


def test_setting_the_rate_keeps_the_ratios_between_groups():
    optimizer = sgd(0.01, 0.001, 0.005)
    schedules.set_rate(optimizer, SUGGESTED)
    assert [group["lr"] for group in optimizer.param_groups] == pytest.approx([0.1, 0.01, 0.05])


def test_the_rate_may_be_that_of_a_group_that_is_named():
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


def test_a_rate_alone_is_the_highest_of_a_cycle_and_its_quarter_the_lowest():
    optimizer = sgd()
    seen = rates(optimizer, schedules.triangular(optimizer, 0.4, 10), 20)
    assert (min(seen), max(seen)) == pytest.approx((0.1, 0.4))


def test_the_lowest_rate_of_a_cycle_can_be_given():
    optimizer = sgd()
    seen = rates(optimizer, schedules.triangular(optimizer, SUGGESTED, 10, base_lr=0.01), 20)
    assert (min(seen), max(seen)) == pytest.approx((0.01, SUGGESTED.max_lr))


def test_triangular2_is_half_as_high_each_cycle():
    optimizer = sgd()
    seen = rates(optimizer, schedules.triangular2(optimizer, 0.4, 10), 51)
    assert [seen[k] for k in (10, 30, 50)] == pytest.approx([0.4, 0.25, 0.175])


def test_exp_range_falls_with_every_iteration():
    optimizer = sgd()
    seen = rates(optimizer, schedules.exp_range(optimizer, 0.4, 10, gamma=0.9), 11)
    assert seen[10] == pytest.approx(0.1 + 0.3 * 0.9**10)


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


def test_ratios_between_groups_stay_all_along(make):
    optimizer = sgd(0.01, 0.001)
    scheduler = make(optimizer, SUGGESTED)
    for _ in range(60):
        first, second = (group["lr"] for group in optimizer.param_groups)
        assert first == pytest.approx(10 * second)
        optimizer.step()
        scheduler.step()


def test_momentum_stays_as_it_is(make):
    for optimizer in (sgd(momentum=0.8), sgd()):
        before = optimizer.param_groups[0]["momentum"]
        rates(optimizer, make(optimizer, SUGGESTED), 20)
        assert optimizer.param_groups[0]["momentum"] == before


def test_what_a_scheduler_of_before_has_left_does_not_count(make):
    fresh, used = sgd(), sgd()
    torch.optim.lr_scheduler.StepLR(used, 3)
    assert rates(used, make(used, SUGGESTED), 50) == rates(fresh, make(fresh, SUGGESTED), 50)


def test_a_rate_that_is_a_tensor_follows_the_schedule_too(make):
    tensor, number = sgd(torch.tensor(0.01, dtype=torch.float64)), sgd()
    seen = rates(tensor, make(tensor, SUGGESTED), 50)
    assert seen == pytest.approx(rates(number, make(number, SUGGESTED), 50), rel=1e-6)


def test_a_training_goes_on_from_a_checkpoint(make):
    optimizer = sgd()
    scheduler = make(optimizer, SUGGESTED)
    rates(optimizer, scheduler, 20)
    kept = pickle.loads(pickle.dumps((optimizer.state_dict(), scheduler.state_dict())))
    again = sgd()
    resumed = make(again, SUGGESTED)
    again.load_state_dict(copy.deepcopy(kept[0]))
    resumed.load_state_dict(kept[1])
    assert rates(again, resumed, 30) == rates(optimizer, scheduler, 30)


def test_a_suggestion_without_a_rate_makes_no_schedule(make):
    optimizer = sgd()
    with pytest.raises(RatesError, match="None"):
        make(optimizer, NOTHING)
    with pytest.raises(RatesError, match="above 0"):
        make(optimizer, -0.1)
    assert optimizer.param_groups[0]["lr"] == 0.01


@pytest.mark.parametrize(
    "call",
    [
        lambda optimizer: schedules.triangular(optimizer, 0.1, 0),
        lambda optimizer: schedules.triangular(optimizer, 0.1, 10, base_lr=0.2),
        lambda optimizer: schedules.exp_range(optimizer, 0.1, 10, gamma=1.1),
        lambda optimizer: schedules.one_cycle(optimizer, 0.1, 0),
        lambda optimizer: schedules.one_cycle(optimizer, 0.1, 10, warmup_part=1),
        lambda optimizer: schedules.warmup_cosine(optimizer, 0.1, 10, warmup=10),
        lambda optimizer: schedules.set_rate(optimizer, None),
    ],
)
def test_settings_that_make_no_schedule_are_refused_and_nothing_is_set(call):
    optimizer = sgd()
    with pytest.raises(RatesError):
        call(optimizer)
    assert optimizer.param_groups[0]["lr"] == 0.01


def test_a_group_that_is_not_there_is_refused():
    with pytest.raises(OptimizerError, match="parameter groups"):
        schedules.set_rate(sgd(), 0.1, group="head")


def test_a_suggestion_of_the_finder_can_be_handed_over(make):
    suggestion = LRFinder(Bowl(curvature=10, noise=0.02)).suggest(100)
    optimizer = sgd()
    assert max(rates(optimizer, make(optimizer, suggestion), 50)) <= suggestion.max_lr * (1 + 1e-9)


@pytest.mark.parametrize("schedule", ["constant", "one_cycle"])
def test_the_reports_code_for_pytorch_does_what_it_says(schedule):
    optimizer = sgd(0.5)
    names = {"optimizer": optimizer}
    exec(usage(replace(SUGGESTED, schedule=schedule))["PyTorch"], names)
    assert max(rates(optimizer, names["scheduler"], 300)) == pytest.approx(0.1)
