"""Shapes of schedulers, compared with the rates that the scheduler itself produces."""

import copy
import math
import pickle
import warnings
from functools import partial

import pytest
import torch
from fake_learners import Bowl
from torch.optim import lr_scheduler

from lrfinder import LRFinder, RatesError
from lrfinder.errors import OptimizerError
from lrfinder.torch.schedules import shape_of, warmup_cosine

STEPS = 60


def sgd(*lrs, **options):
    """Return an optimizer with one parameter group per rate."""
    groups = [{"params": [torch.nn.Parameter(torch.ones(3))], "lr": lr} for lr in lrs or (0.1,)]
    return torch.optim.SGD(groups, **options)


def rises_then_falls(warmup, total, step):
    return step / warmup if step < warmup else (total - step) / (total - warmup)


class Remembered:
    """A factor that depends on how often it was asked."""

    def __init__(self):
        self.asked = []

    def __call__(self, step):
        self.asked.append(step)
        return 1 / len(self.asked)


class OwnScheduler(lr_scheduler.LRScheduler):
    def __init__(self, optimizer):
        self.seen = {"steps": [0]}
        super().__init__(optimizer)

    def get_lr(self):
        self.seen["steps"].append(self.last_epoch)
        return [base / (1 + sum(self.seen["steps"])) for base in self.base_lrs]


def sequence(optimizer):
    parts = [lr_scheduler.LinearLR(optimizer, 0.1, total_iters=10), lr_scheduler.CosineAnnealingLR(optimizer, 50)]
    return lr_scheduler.SequentialLR(optimizer, parts, [10])


def chain(optimizer):
    return lr_scheduler.ChainedScheduler(
        [lr_scheduler.LinearLR(optimizer, 0.2, total_iters=8), lr_scheduler.ExponentialLR(optimizer, 0.95)]
    )


KINDS = {
    "LambdaLR": lambda optimizer: lr_scheduler.LambdaLR(optimizer, partial(rises_then_falls, 12, STEPS)),
    "LambdaLR of an object": lambda optimizer: lr_scheduler.LambdaLR(optimizer, Remembered()),
    "LambdaLR of its own": lambda optimizer: warmup_cosine(optimizer, 0.1, STEPS, warmup=7),
    "MultiplicativeLR": lambda optimizer: lr_scheduler.MultiplicativeLR(optimizer, lambda step: 0.9),
    "OneCycleLR": lambda optimizer: lr_scheduler.OneCycleLR(optimizer, 0.4, total_steps=STEPS, cycle_momentum=False),
    "CosineAnnealingLR": lambda optimizer: lr_scheduler.CosineAnnealingLR(optimizer, STEPS, eta_min=0.01),
    "CosineAnnealingWarmRestarts": lambda optimizer: lr_scheduler.CosineAnnealingWarmRestarts(optimizer, 10, 2),
    "StepLR": lambda optimizer: lr_scheduler.StepLR(optimizer, 20, 0.3),
    "MultiStepLR": lambda optimizer: lr_scheduler.MultiStepLR(optimizer, [30, 45]),
    "ExponentialLR": lambda optimizer: lr_scheduler.ExponentialLR(optimizer, 0.97),
    "ConstantLR": lambda optimizer: lr_scheduler.ConstantLR(optimizer, 0.3, 20),
    "LinearLR": lambda optimizer: lr_scheduler.LinearLR(optimizer, 0.1, 1.0, 20),
    "PolynomialLR": lambda optimizer: lr_scheduler.PolynomialLR(optimizer, STEPS, 2.0),
    "CyclicLR": lambda optimizer: lr_scheduler.CyclicLR(optimizer, 0.01, 0.2, 9, cycle_momentum=False),
    "CyclicLR that shrinks": lambda optimizer: lr_scheduler.CyclicLR(
        optimizer, 0.01, 0.2, 9, mode="exp_range", gamma=0.98, cycle_momentum=False
    ),
    "SequentialLR": sequence,
    "ChainedScheduler": chain,
    "a class of the user": OwnScheduler,
}


def produced(optimizer, scheduler, steps=STEPS):
    """Return the rates of the first group that the scheduler itself produces."""
    rates = []
    for k in range(steps):
        rates.append(float(optimizer.param_groups[0]["lr"]))
        if k < steps - 1:
            optimizer.step()
            scheduler.step()
    return rates


def everything(scheduler):
    """Return all numbers that a scheduler and its parts hold, as text."""
    parts = [scheduler, *getattr(scheduler, "_schedulers", ())]
    held = [{name: value for name, value in vars(part).items() if name != "optimizer"} for part in parts]
    asked = [getattr(one, "asked", None) for part in parts for one in getattr(part, "lr_lambdas", ())]
    return repr((held, asked, [{k: v for k, v in g.items() if k != "params"} for g in scheduler.optimizer.param_groups]))


def over_highest(rates):
    return [rate / max(rates) for rate in rates]


@pytest.mark.parametrize("make", KINDS.values(), ids=KINDS)
def test_the_shape_is_the_rates_of_the_scheduler_over_the_highest(make):
    optimizer = sgd()
    scheduler = make(optimizer)
    shape = shape_of(scheduler, STEPS)
    assert [shape(k / STEPS) for k in range(STEPS)] == pytest.approx(over_highest(produced(optimizer, scheduler)))


@pytest.mark.parametrize("make", KINDS.values(), ids=KINDS)
def test_of_a_scheduler_in_the_middle_of_a_training_it_is_what_remains(make):
    optimizer = sgd()
    scheduler = make(optimizer)
    produced(optimizer, scheduler, 26)
    shape = shape_of(scheduler, 35)
    assert [shape(k / 35) for k in range(35)] == pytest.approx(over_highest(produced(optimizer, scheduler, 35)))


@pytest.mark.parametrize("make", KINDS.values(), ids=KINDS)
def test_the_scheduler_and_its_optimizer_stay_as_they_are(make):
    optimizer = sgd()
    scheduler = make(optimizer)
    produced(optimizer, scheduler, 5)
    before, groups = everything(scheduler), optimizer.param_groups
    shape_of(scheduler, STEPS - 5)
    assert everything(scheduler) == before
    assert optimizer.param_groups is groups


def test_the_classes_of_pytorch_stay_as_they_are():
    scheduler = lr_scheduler.StepLR(sgd(), 5)
    before = torch.optim.Optimizer.step, torch.optim.SGD.step, lr_scheduler.StepLR.step
    shape_of(scheduler, 10)
    assert (torch.optim.Optimizer.step, torch.optim.SGD.step, lr_scheduler.StepLR.step) == before


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("get_linear_schedule_with_warmup", {"num_warmup_steps": 6, "num_training_steps": STEPS}),
        ("get_cosine_schedule_with_warmup", {"num_warmup_steps": 6, "num_training_steps": STEPS}),
        ("get_constant_schedule_with_warmup", {"num_warmup_steps": 20}),
        ("get_inverse_sqrt_schedule", {"num_warmup_steps": 9}),
        ("get_polynomial_decay_schedule_with_warmup", {"num_warmup_steps": 6, "num_training_steps": STEPS}),
        ("get_cosine_with_hard_restarts_schedule_with_warmup", {"num_warmup_steps": 6, "num_training_steps": STEPS}),
    ],
)
def test_the_shape_of_a_scheduler_of_transformers_is_its_rates_over_the_highest(name, arguments):
    transformers = pytest.importorskip("transformers", reason="the session ecosystem has it")
    optimizer = sgd()
    scheduler = getattr(transformers, name)(optimizer, **arguments)
    shape = shape_of(scheduler, STEPS)
    assert [shape(k / STEPS) for k in range(STEPS)] == pytest.approx(over_highest(produced(optimizer, scheduler)))


def test_momentum_that_the_scheduler_cycles_stays_too():
    optimizer = sgd(momentum=0.9)
    scheduler = lr_scheduler.OneCycleLR(optimizer, 0.4, total_steps=STEPS)
    before = everything(scheduler)
    shape_of(scheduler, STEPS)
    assert everything(scheduler) == before


def test_a_rate_that_is_a_tensor_stays_as_it_is():
    optimizer = sgd(torch.tensor(0.1))
    scheduler = lr_scheduler.ExponentialLR(optimizer, 0.9)
    shape = shape_of(scheduler, 10)
    assert float(optimizer.param_groups[0]["lr"]) == pytest.approx(0.1)
    assert shape(0.5) == pytest.approx(0.9**5)


def test_the_scheduler_raises_no_warning_later_that_it_would_not_have_raised():
    optimizer = sgd()
    scheduler = lr_scheduler.StepLR(optimizer, 5)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        shape_of(scheduler, 10)
        optimizer.step()
        scheduler.step()


def test_parameters_and_the_state_of_the_optimizer_are_not_copied():
    model = torch.nn.Linear(4, 4)
    optimizer = torch.optim.Adam(model.parameters())
    model(torch.ones(1, 4)).sum().backward()
    optimizer.step()
    scheduler = lr_scheduler.LambdaLR(optimizer, partial(rises_then_falls, 3, 10))
    weights = copy.deepcopy(model.state_dict())
    shape_of(scheduler, 10)
    assert all(torch.equal(value, weights[name]) for name, value in model.state_dict().items())


def test_the_rates_are_those_of_the_group_with_the_highest_or_of_a_named_one():
    optimizer = sgd(0.01, 0.1)
    scheduler = lr_scheduler.LambdaLR(optimizer, [lambda step: 1 / (1 + step), lambda step: 0.5**step])
    assert shape_of(scheduler, 4)(0.75) == pytest.approx(0.125)
    assert shape_of(scheduler, 4, group=0)(0.75) == pytest.approx(0.25)
    with pytest.raises(OptimizerError, match="parameter groups"):
        shape_of(scheduler, 4, group="head")


def test_a_scheduler_that_is_stepped_once_an_epoch_holds_each_rate_for_an_epoch():
    shape = shape_of(lr_scheduler.StepLR(sgd(), 1, 0.5), iterations=3)
    assert [shape(k / 9) for k in range(9)] == pytest.approx([1, 1, 1, 0.5, 0.5, 0.5, 0.25, 0.25, 0.25])


def test_a_shape_travels_to_another_process_and_names_the_scheduler_in_the_result():
    shape = pickle.loads(pickle.dumps(shape_of(lr_scheduler.CosineAnnealingLR(sgd(), STEPS), STEPS)))
    found = LRFinder(Bowl(curvature=1.0, noise=0.01)).suggest(STEPS, max_iterations=350, schedule=shape)
    assert found.schedule == "CosineAnnealingLR of 60 steps"


def plateau(optimizer):
    return lr_scheduler.ReduceLROnPlateau(optimizer)


class OfTheLoss(lr_scheduler.LRScheduler):
    def get_lr(self):
        return [vars(self.optimizer)["loss"] for _ in self.base_lrs] if self.last_epoch else self.base_lrs


@pytest.mark.parametrize(
    ("make", "steps", "reason"),
    [
        (plateau, 10, "without schedule="),
        (lambda optimizer: optimizer, 10, "is a torch.optim.sgd.SGD"),
        (lambda optimizer: "cosine", 10, "is a builtins.str"),
        (lambda optimizer: lr_scheduler.OneCycleLR(optimizer, 0.1, total_steps=20), 50, "cannot be stepped 49 times"),
        (OfTheLoss, 10, "cannot be stepped 9 times.*loss"),
        (lambda optimizer: lr_scheduler.LambdaLR(optimizer, lambda step: 0.0), 10, "one above it"),
        (lambda optimizer: lr_scheduler.LambdaLR(optimizer, lambda step: math.nan), 10, "finite"),
        (lambda optimizer: lr_scheduler.StepLR(optimizer, 3), 0, "at least 1"),
    ],
)
def test_what_has_no_shape_is_refused(make, steps, reason):
    with pytest.raises(RatesError, match=reason):
        shape_of(make(sgd(momentum=0.9)), steps)
