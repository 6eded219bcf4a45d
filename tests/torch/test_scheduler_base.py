"""A rate for a scheduler: its rates times one factor, from the start and in the middle, or a refusal by name."""

import copy
import gc
import math

import numpy as np
import pytest
import torch
from torch.optim import lr_scheduler as schedulers

from lrfinder.errors import OptimizerError, RatesError
from lrfinder.torch.schedules import set_rate, warmup_cosine

KINDS = {
    "LambdaLR that warms up": lambda o: schedulers.LambdaLR(o, lambda k: min(1, (k + 1) / 30) * 0.99**k),
    "LambdaLR of absolute rates": lambda o: schedulers.LambdaLR(
        o, lambda k: 1e-3 * min((k + 1) ** -0.5, (k + 1) * 40**-1.5)
    ),
    "MultiplicativeLR": lambda o: schedulers.MultiplicativeLR(o, lambda k: 1.2 if k < 20 else 0.9),
    "StepLR": lambda o: schedulers.StepLR(o, 10),
    "MultiStepLR": lambda o: schedulers.MultiStepLR(o, [10, 30]),
    "ConstantLR": lambda o: schedulers.ConstantLR(o, 0.3, 12),
    "LinearLR": lambda o: schedulers.LinearLR(o, 0.1, 1.0, 25),
    "ExponentialLR": lambda o: schedulers.ExponentialLR(o, 0.95),
    "PolynomialLR": lambda o: schedulers.PolynomialLR(o, 60, 2.0),
    "CosineAnnealingLR": lambda o: schedulers.CosineAnnealingLR(o, 40, eta_min=1e-4),
    "CosineAnnealingWarmRestarts": lambda o: schedulers.CosineAnnealingWarmRestarts(o, 15, 2, eta_min=1e-5),
    "CyclicLR": lambda o: schedulers.CyclicLR(o, 1e-4, 3e-3, 12, cycle_momentum=False),
    "CyclicLR with a function": lambda o: schedulers.CyclicLR(
        o, 1e-4, 3e-3, 12, scale_fn=lambda x: 0.9**x, cycle_momentum=False
    ),
    "OneCycleLR": lambda o: schedulers.OneCycleLR(o, 0.03, total_steps=100),
    "OneCycleLR of three phases": lambda o: schedulers.OneCycleLR(o, 0.03, total_steps=100, three_phase=True),
    "SequentialLR": lambda o: schedulers.SequentialLR(
        o, [schedulers.LinearLR(o, 0.1, total_iters=20), schedulers.CosineAnnealingLR(o, 60, eta_min=1e-4)], [20]
    ),
    "ChainedScheduler": lambda o: schedulers.ChainedScheduler(
        [schedulers.ConstantLR(o, 0.1, 20), schedulers.ExponentialLR(o, 0.9)], optimizer=o
    ),
    "warmup_cosine": lambda o: warmup_cosine(o, 0.01, 90, warmup=30),
}


def adam(*lrs, momentum=None):
    groups = [{"params": [torch.nn.Parameter(torch.ones(1))], "lr": lr} for lr in lrs or (0.01, 0.002)]
    return torch.optim.SGD(groups, momentum=0.9)


def stepped(optimizer, scheduler, count):
    """Return the rates of all groups at each of ``count`` updates, shape ``(count, groups)``."""
    seen = []
    for _ in range(count):
        seen.append([float(group["lr"]) for group in optimizer.param_groups])
        optimizer.step()
        scheduler.step()
    return np.array(seen)


@pytest.fixture(params=KINDS.values(), ids=KINDS)
def kind(request):
    return request.param


@pytest.mark.parametrize("done", [0, 35])
def test_a_scheduler_keeps_its_shape_and_moves_to_the_rate(kind, done):
    plain, moved = adam(), adam()
    reference, scheduler = kind(plain), kind(moved)
    stepped(plain, reference, done)
    stepped(moved, scheduler, done)
    set_rate(moved, 0.5, scheduler=scheduler)
    before, after = stepped(plain, reference, 65 - done), stepped(moved, scheduler, 65 - done)
    factors = after[before > 0] / before[before > 0]
    assert factors == pytest.approx(factors[0], rel=1e-6)


@pytest.mark.parametrize("name", list(KINDS))
def test_the_highest_rate_to_come_is_the_one_that_was_set(name):
    optimizer = adam()
    scheduler = KINDS[name](optimizer)
    set_rate(optimizer, 0.5, scheduler=scheduler)
    assert stepped(optimizer, scheduler, 99).max() == pytest.approx(0.5)


def test_the_plateau_scheduler_moves_with_its_lowest_rates():
    plain, moved = adam(), adam()
    reference, scheduler = (schedulers.ReduceLROnPlateau(one, patience=2, min_lr=[1e-4, 1e-5]) for one in (plain, moved))
    set_rate(moved, 1.0, scheduler=scheduler)
    for _ in range(40):
        assert [g["lr"] for g in moved.param_groups] == pytest.approx([100 * g["lr"] for g in plain.param_groups])
        reference.step(1.0)
        scheduler.step(1.0)
    assert moved.param_groups[0]["lr"] == pytest.approx(0.01)


def test_a_plateau_scheduler_that_has_fallen_is_moved_from_where_it_is():
    optimizer = adam()
    scheduler = schedulers.ReduceLROnPlateau(optimizer, patience=0)
    for _ in range(3):
        scheduler.step(1.0)
    set_rate(optimizer, 0.7, scheduler=scheduler)
    assert optimizer.param_groups[0]["lr"] == pytest.approx(0.7)


def test_a_schedulers_own_class_with_rates_of_its_own_moves():
    class Warm(schedulers.LRScheduler):
        def __init__(self, optimizer):
            self.warmup_start_lr, self.floor_lr = 1e-3, 2e-3
            super().__init__(optimizer)

        def get_lr(self):
            part = min(1.0, self.last_epoch / 20)
            return [
                max(self.warmup_start_lr + part * (base - self.warmup_start_lr), self.floor_lr) for base in self.base_lrs
            ]

    optimizer = adam(0.01)
    scheduler = Warm(optimizer)
    set_rate(optimizer, 0.1, scheduler=scheduler)
    assert stepped(optimizer, scheduler, 40)[[0, 39], 0] == pytest.approx([0.02, 0.1])


class Fixed(schedulers.LRScheduler):
    """Holds rates under a name that shows nothing."""

    def __init__(self, optimizer):
        self.table = [0.01, 0.02, 0.03]
        super().__init__(optimizer)

    def get_lr(self):
        return [self.table[self.last_epoch % 3] for _ in self.base_lrs]


class Foreign:
    """Not a scheduler of PyTorch."""

    def __init__(self, optimizer):
        self.optimizer = optimizer


class CosineScheduler(Foreign):
    def step(self):
        self.optimizer.param_groups[0]["lr"] = 0.001


def test_a_scheduler_that_loses_its_shape_is_refused_and_nothing_changes():
    optimizer = adam()
    scheduler = Fixed(optimizer)
    before = copy.deepcopy((vars(scheduler)["base_lrs"], [g["lr"] for g in optimizer.param_groups]))
    with pytest.raises(OptimizerError, match="Fixed does not keep its shape"):
        set_rate(optimizer, 0.5, scheduler=scheduler)
    assert (scheduler.base_lrs, [g["lr"] for g in optimizer.param_groups]) == before


def test_an_object_that_is_no_scheduler_of_pytorch_is_refused():
    optimizer = adam()
    with pytest.raises(RatesError, match=r"Foreign, whose rates cannot be read; give one of torch.optim.lr_scheduler"):
        set_rate(optimizer, 0.5, scheduler=Foreign(optimizer))


def test_a_scheduler_of_another_optimizer_is_refused():
    optimizer, other = adam(), adam()
    with pytest.raises(OptimizerError, match="StepLR steps another optimizer"):
        set_rate(optimizer, 0.5, scheduler=schedulers.StepLR(other, 10))


@pytest.mark.parametrize("name", ["LambdaLR that warms up", "OneCycleLR", "SequentialLR", "ChainedScheduler"])
def test_without_the_scheduler_a_live_one_is_refused_by_name(name):
    optimizer = adam()
    scheduler = KINDS[name](optimizer)
    before = copy.deepcopy([g["lr"] for g in optimizer.param_groups])
    with pytest.raises(
        OptimizerError, match=rf"A {type(scheduler).__name__} steps .* set_rate\(optimizer, rate, scheduler="
    ):
        set_rate(optimizer, 0.5)
    assert [g["lr"] for g in optimizer.param_groups] == before


def test_a_scheduler_of_another_package_is_refused_by_name_with_what_can_be_done():
    optimizer = adam()
    scheduler = CosineScheduler(optimizer)
    with pytest.raises(OptimizerError, match=r"A CosineScheduler steps .* create the optimizer with the new rate"):
        set_rate(optimizer, 0.5)
    with pytest.raises(OptimizerError, match=r"A CosineScheduler steps .* create the optimizer with the new rate"):
        set_rate(optimizer, 0.5, scheduler=schedulers.StepLR(optimizer, 10))
    del scheduler


class NoamOpt(Foreign):
    """A wrapper that steps the optimizer as well, as in "The Annotated Transformer"."""

    def step(self):
        for group in self.optimizer.param_groups:
            group["lr"] = 0.001
        self.optimizer.step()


class OfGroups:
    """Writes an entry of the groups that its user names, as the schedulers of timm and Ignite do."""

    def __init__(self, optimizer, entry):
        self.optimizer, self.entry = optimizer, entry

    def step(self, value):
        for group in self.optimizer.param_groups:
            group[self.entry] = value


class LinearWarmup(Foreign):
    """Has no method "step", as those of pytorch_warmup."""

    def dampen(self):
        for group in self.optimizer.param_groups:
            group.update(lr=group["lr"] * 0.5)


class Both:
    """Holds optimizers in a list."""

    def __init__(self, *optimizers):
        self.optimizers = optimizers

    def step(self):
        for optimizer in self.optimizers:
            optimizer.param_groups[0]["lr"] *= 0.9


class MomentumScheduler(Foreign):
    def step(self):
        self.optimizer.param_groups[0]["betas"] = (0.8, 0.99)


class Monitor(Foreign):
    def step(self):
        return self.optimizer.param_groups[0]["lr"]


class OwnTrainer(Foreign):
    """A training loop, which notes the rate and leaves it as it is."""

    def __init__(self, optimizer):
        super().__init__(optimizer)
        self.model, self.log = torch.nn.Linear(1, 1), {}

    def step(self):
        self.log["lr"] = self.optimizer.param_groups[0]["lr"]


class Unattached:
    """Has an optimizer only later, as the modules of Lightning have a trainer."""

    @property
    def optimizer(self):
        message = "not attached yet"
        raise RuntimeError(message)


class OutOfContext:
    """Refuses every look, as the proxies of werkzeug do outside of a request."""

    def __getattribute__(self, name):
        message = f"no context for {name}"
        raise RuntimeError(message)


class Agent(Foreign):
    """Writes rates, and holds objects that refuse a look."""

    def __init__(self, optimizer):
        super().__init__(optimizer)
        self.trainer, self.request, self.requests = Unattached(), OutOfContext(), [OutOfContext()]

    def step(self):
        self.optimizer.param_groups[0]["lr"] = 0.001


WRITING = {
    "steps the optimizer": NoamOpt,
    "an entry by its name": lambda optimizer: OfGroups(optimizer, "lr"),
    "without step": LinearWarmup,
    "in a list": lambda optimizer: Both(adam(), optimizer),
    "with objects that refuse a look": Agent,
}
NOT_WRITING = {
    "momentum": MomentumScheduler,
    "another entry": lambda optimizer: OfGroups(optimizer, "weight_decay"),
    "a monitor": Monitor,
    "a trainer": OwnTrainer,
}


@pytest.mark.parametrize("name", WRITING)
def test_an_object_of_any_class_that_writes_rates_is_refused_by_name(name):
    optimizer = adam()
    scheduler = WRITING[name](optimizer)
    with pytest.raises(OptimizerError, match=f"A {type(scheduler).__name__} steps"):
        set_rate(optimizer, 0.5)


@pytest.mark.parametrize("name", NOT_WRITING)
def test_an_object_that_holds_the_optimizer_and_writes_no_rate_is_no_scheduler(name):
    optimizer = adam()
    holder = NOT_WRITING[name](optimizer)
    set_rate(optimizer, 0.5)
    assert optimizer.param_groups[0]["lr"] == 0.5
    del holder


class Sam(torch.optim.Optimizer):
    """Steps another optimizer, whose groups are its own."""

    def __init__(self, params):
        super().__init__(params, {"lr": 0.01})
        self.base_optimizer = torch.optim.SGD(self.param_groups)
        self.param_groups = self.base_optimizer.param_groups

    def step(self, closure=None):
        self.base_optimizer.step()


@pytest.mark.parametrize("held", ["optimizer", "base_optimizer"])
@pytest.mark.parametrize("given", ["optimizer", "base_optimizer"])
def test_optimizers_that_share_their_groups_count_as_one(held, given):
    sam = Sam([torch.nn.Parameter(torch.ones(1))])
    known = {"optimizer": sam, "base_optimizer": sam.base_optimizer}
    scheduler = schedulers.LinearLR(known[held], 0.1, total_iters=10)
    with pytest.raises(OptimizerError, match="A LinearLR steps"):
        set_rate(known[given], 0.5)
    set_rate(known[given], 0.5, scheduler=scheduler)
    assert stepped(sam, scheduler, 12)[-1, 0] == pytest.approx(0.5)


def test_a_scheduler_that_nobody_holds_does_not_count():
    optimizer = adam()
    scheduler = schedulers.StepLR(optimizer, 10)
    cycle = [scheduler]
    cycle.append(cycle)  # until the garbage is collected
    gc.disable()
    try:
        del scheduler, cycle
        set_rate(optimizer, 0.5)
    finally:
        gc.enable()
    assert optimizer.param_groups[0]["lr"] == 0.5
    assert optimizer.param_groups[0]["initial_lr"] == 0.5


def test_a_part_of_a_scheduler_is_refused_for_the_whole():
    optimizer = adam()
    first = schedulers.LinearLR(optimizer, 0.1, total_iters=20)
    whole = schedulers.SequentialLR(optimizer, [first, schedulers.StepLR(optimizer, 10)], [20])
    with pytest.raises(OptimizerError, match="A SequentialLR steps"):
        set_rate(optimizer, 0.5, scheduler=first)
    set_rate(optimizer, 0.5, scheduler=whole)


def test_a_second_scheduler_must_be_given_too():
    optimizer = adam()
    one, other = schedulers.ExponentialLR(optimizer, 0.9), schedulers.ReduceLROnPlateau(optimizer)
    with pytest.raises(OptimizerError, match=r"A ReduceLROnPlateau steps .* scheduler=\[first, second\]"):
        set_rate(optimizer, 0.5, scheduler=one)
    set_rate(optimizer, 0.5, scheduler=[one, other])
    assert optimizer.param_groups[0]["lr"] == pytest.approx(0.5)


def test_the_rate_may_be_that_of_a_group():
    optimizer = adam(0.01, 0.002)
    scheduler = schedulers.LinearLR(optimizer, 0.1, total_iters=20)
    set_rate(optimizer, 0.5, scheduler=scheduler, group=1)
    assert stepped(optimizer, scheduler, 30)[-1] == pytest.approx([2.5, 0.5])


def test_a_schedule_of_zeros_is_refused():
    optimizer = adam()
    with pytest.raises(RatesError, match="No rate of the LambdaLR that is still to come is above 0"):
        set_rate(optimizer, 0.5, scheduler=schedulers.LambdaLR(optimizer, lambda _: 0.0))


def test_a_rate_that_is_a_tensor_is_moved_in_place():
    lr = torch.tensor(0.01)
    optimizer = torch.optim.Adam([torch.nn.Parameter(torch.ones(1))], lr=lr, foreach=False, capturable=False)
    scheduler = schedulers.CosineAnnealingLR(optimizer, 10)
    set_rate(optimizer, 0.5, scheduler=scheduler)
    assert optimizer.param_groups[0]["lr"] is lr or not isinstance(optimizer.param_groups[0]["lr"], torch.Tensor)
    assert stepped(optimizer, scheduler, 6)[[0, 5], 0] == pytest.approx([0.5, 0.25], rel=1e-5)


def test_the_state_of_a_moved_scheduler_can_be_saved_and_loaded():
    optimizer = adam()
    scheduler = schedulers.OneCycleLR(optimizer, 0.03, total_steps=100)
    set_rate(optimizer, 0.5, scheduler=scheduler)
    fresh = adam()
    loaded = schedulers.OneCycleLR(fresh, 0.03, total_steps=100)
    fresh.load_state_dict(optimizer.state_dict())
    loaded.load_state_dict(scheduler.state_dict())
    assert np.array_equal(stepped(fresh, loaded, 90), stepped(optimizer, scheduler, 90))
    assert math.isfinite(scheduler.get_last_lr()[0])
