import pytest
import torch
from torch.optim.lr_scheduler import OneCycleLR, StepLR

from lrfinder.errors import OptimizerError
from lrfinder.trainers._apply_rate import apply_rate


def optimizer_of_two_groups():
    return torch.optim.SGD([{"params": [torch.zeros(1)], "lr": 0.1}, {"params": [torch.zeros(1)], "lr": 0.2}])


def test_the_rate_is_that_of_the_highest_group_and_the_scheduler_continues_from_it():
    optimizer = optimizer_of_two_groups()
    scheduler = StepLR(optimizer, 10)
    assert apply_rate(optimizer, [scheduler], 0.5) is None
    assert [group["lr"] for group in optimizer.param_groups] == scheduler.base_lrs == [0.25, 0.5]


def test_a_scheduler_with_rates_of_its_own_is_refused_unless_it_is_replaced():
    optimizer = optimizer_of_two_groups()
    before = OneCycleLR(optimizer, 0.1, total_steps=10)
    with pytest.raises(OptimizerError, match="OneCycleLR that keeps rates of its own"):
        apply_rate(optimizer, [before], 0.5)
    assert apply_rate(optimizer, [before], 0.5, lambda *_: "another scheduler") == "another scheduler"
