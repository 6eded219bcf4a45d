"""The length of a scheduler: its highest rate is found wherever the length is written, or is not."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch.optim import lr_scheduler as schedulers

from lrfinder.errors import RatesError
from lrfinder.torch.schedules import set_rate

SETTINGS, OPTIONS, COUNT = SimpleNamespace(warmup=3000), {"warmup": 3000}, np.int64(3000)
TABLE = [*np.linspace(0.01, 1.0, 30), *np.linspace(1.0, 0.1, 70)]
EPOCHS, BATCHES, TOTAL, SCALE = 5, [None] * 600, 100, 1


def warmup(k):
    return min(1.0, (k + 1) / SETTINGS.warmup)


class Warmup:
    def __init__(self, length):
        self.length = length

    def factor(self, k):
        return min(1.0, (k + 1) / self.length)


class ByTable(schedulers.LRScheduler):
    def __init__(self, optimizer):
        self.table = TABLE
        super().__init__(optimizer)

    def get_lr(self):
        return [base * self.table[self.last_epoch] for base in self.base_lrs]


class ByEpochs(schedulers.LRScheduler):
    def __init__(self, optimizer):
        self.warmup_epochs, self.batches = EPOCHS, 600
        super().__init__(optimizer)

    def get_lr(self):
        return [base * min(1.0, (self.last_epoch + 1) / (self.warmup_epochs * self.batches)) for base in self.base_lrs]


LONG = {
    "a literal beside another number": lambda k: SCALE * min(1.0, (k + 1) / 3000),
    "an attribute": lambda k: min(1.0, (k + 1) / SETTINGS.warmup),
    "an item": lambda k: min(1.0, (k + 1) / OPTIONS["warmup"]),
    "an integer of NumPy": lambda k: min(1.0, (k + 1) / COUNT),
    "a product": lambda k: min(1.0, (k + 1) / (EPOCHS * len(BATCHES))),
    "a product, in stairs": lambda k: min(1.0, (k // len(BATCHES) + 1) / EPOCHS),
    "another function": lambda k: warmup(k),
    "a method": Warmup(3000).factor,
}


def sgd(lr=0.01):
    return torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=lr)


def highest(optimizer, scheduler, steps):
    seen = []
    for _ in range(steps):
        seen.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return max(seen)


@pytest.mark.parametrize("function", LONG.values(), ids=LONG)
def test_the_end_of_a_long_warm_up_gets_the_rate_wherever_its_length_is(function):
    optimizer = sgd()
    scheduler = schedulers.LambdaLR(optimizer, function)
    set_rate(optimizer, 0.5, scheduler=scheduler)
    assert highest(optimizer, scheduler, 3001) == pytest.approx(0.5)


def test_the_end_of_a_warm_up_of_an_own_class_gets_the_rate():
    optimizer = sgd()
    scheduler = ByEpochs(optimizer)
    set_rate(optimizer, 0.5, scheduler=scheduler)
    assert highest(optimizer, scheduler, 3001) == pytest.approx(0.5)


@pytest.mark.parametrize(
    "kind",
    [
        ByTable,
        lambda o: schedulers.LambdaLR(o, lambda k: TABLE[k]),
        lambda o: schedulers.LambdaLR(o, dict(enumerate(TABLE)).__getitem__),
        lambda o: schedulers.LambdaLR(o, lambda k: (1 - k / TOTAL) ** 0.9),  # complex beyond its end
        lambda o: schedulers.LambdaLR(o, lambda k: (1 - np.float64(k / TOTAL)) ** 0.9),  # NaN
    ],
    ids=["a class with a table", "a table", "a dictionary", "complex", "NaN"],
)
@pytest.mark.filterwarnings("ignore:invalid value")
def test_a_scheduler_without_rates_beyond_its_end_moves(kind):
    optimizer = sgd()
    scheduler = kind(optimizer)
    set_rate(optimizer, 0.5, scheduler=scheduler)
    assert highest(optimizer, scheduler, 99) == pytest.approx(0.5)


def test_half_a_cosine_that_would_rise_again_ends_at_the_length_in_an_attribute():
    length = SimpleNamespace(total=300)
    optimizer = sgd()
    scheduler = schedulers.LambdaLR(optimizer, lambda k: (1 + math.cos(math.pi * k / length.total)) / 2)
    highest(optimizer, scheduler, 200)
    set_rate(optimizer, 0.5, scheduler=scheduler)
    assert optimizer.param_groups[0]["lr"] == pytest.approx(0.5)


def test_a_cosine_that_rises_to_its_end_gets_the_rate_there():
    optimizer = sgd(0.001)
    scheduler = schedulers.CosineAnnealingLR(optimizer, 100, eta_min=0.05)
    set_rate(optimizer, 0.5, scheduler=scheduler)
    assert highest(optimizer, scheduler, 101) == pytest.approx(0.5)


@pytest.mark.parametrize(
    "kind",
    [
        lambda o: schedulers.ExponentialLR(o, 1.0005),
        lambda o: schedulers.ExponentialLR(o, 1.1),
        lambda o: schedulers.LambdaLR(o, lambda k: 1.1**k),
    ],
    ids=["slowly", "to infinity", "beyond floats"],
)
def test_a_rate_that_rises_without_end_is_refused_and_stays(kind):
    optimizer = sgd()
    with pytest.raises(RatesError, match=r"rises for|cannot be stepped"):
        set_rate(optimizer, 0.5, scheduler=kind(optimizer))
    assert optimizer.param_groups[0]["lr"] == 0.01
