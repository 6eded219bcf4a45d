"""Arguments of another kind are refused by the constructors of PyTorch, by name, before data or model are used."""

import math
from functools import partial

import pytest
import torch
from torch import nn

import lrfinder.torch
from lrfinder import LRFinderError
from lrfinder.torch import TorchLearner, schedules


class Unread(list):
    """Data that must not be read."""

    def __iter__(self):
        raise AssertionError


def parts():
    model = nn.Linear(3, 1)
    return model, torch.optim.SGD(model.parameters(), lr=0.1)


def refused(name, call):
    states = torch.get_rng_state()
    with pytest.raises(LRFinderError, match=name):
        call()
    assert torch.equal(torch.get_rng_state(), states)


COMMON = {
    "data": [None, "abc", b"abc", 3, list, len],
    "stateful": [3, "abc", None, nn.Linear(1, 1)],
    "replay_bytes": [-1, "x", None, math.nan],
    "group": ["nope", 5, -1, 1.5],
    "process_group": ["x", 3],
    "rank_timeout": ["x", -1, None, math.nan],
}
SUPERVISED = COMMON | {
    "model": [None, "m", nn.Linear, parts()[1]],
    "optimizer": [None, "sgd", torch.optim.SGD, nn.Linear(1, 1), [parts()[1]]],
    "loss_fn": [None, "mse", 3, nn.MSELoss],
    "forward": ["x", 3],
    "autocast": ["bf16", True, torch.int32],
    "scaler": ["x", True],
    "accumulate": [0, -1, 2.0, math.nan, "2", None, True],
    "clip": ["x", -1.0, True],
}
CUSTOM = COMMON | {
    "step": [None, "x", 3],
    "modules": [None, nn.Linear(1, 1), [parts()[1]], [None], "x", [], [nn.Linear]],
    "optimizers": [None, parts()[1], [nn.Linear(1, 1)], [None], "x", [], [torch.optim.SGD]],
}
NAMES = {"data": "data are", "replay_bytes": "replay_bytes"}


def each(table):
    return [(name, value) for name, values in table.items() for value in values]


@pytest.mark.parametrize(("name", "value"), each(SUPERVISED))
def test_a_learner_refuses_by_name(name, value):
    model, optimizer = parts()
    arguments = {"model": model, "optimizer": optimizer, "loss_fn": nn.MSELoss(), "data": Unread([1])} | {name: value}
    refused(NAMES.get(name, name), lambda: TorchLearner(**arguments))


@pytest.mark.parametrize(("name", "value"), each(CUSTOM))
def test_a_learner_of_a_step_refuses_by_name(name, value):
    model, optimizer = parts()
    arguments = {"step": lambda _: None, "data": Unread([1]), "modules": [model], "optimizers": [optimizer]} | {name: value}
    refused(NAMES.get(name, name), lambda: TorchLearner.from_step(**arguments))


@pytest.mark.parametrize(
    "setting",
    [{"stateful": 3}, {"on_record": 3}, {"max_iterations": 20.0}, {"stopping": 3}, {"count": "x"}, {"lr_end": None}],
)
def test_a_sweep_refuses_by_name(setting):
    model, optimizer = parts()
    refused(next(iter(setting)), lambda: lrfinder.torch.sweep(model, optimizer, **setting))


@pytest.mark.parametrize("optimizer", [None, "sgd", nn.Linear(1, 1), torch.optim.SGD, [parts()[1]]])
@pytest.mark.parametrize(
    "make", [schedules.set_rate, *(partial(one, iterations=9) for one in (schedules.one_cycle, schedules.warmup_cosine))]
)
def test_schedules_refuse_what_is_no_optimizer(optimizer, make):
    refused("optimizer is", lambda: make(optimizer, 0.1))


@pytest.mark.parametrize("count", [None, "x", 2.5, 0])
def test_schedules_refuse_what_is_no_count(count):
    _, optimizer = parts()
    refused("iterations", lambda: schedules.one_cycle(optimizer, 0.1, count))
    refused("iterations", lambda: schedules.warmup_cosine(optimizer, 0.1, count))
    refused("half_cycle", lambda: schedules.triangular(optimizer, 0.1, count))
    refused("iterations", lambda: schedules.shape_of(torch.optim.lr_scheduler.StepLR(optimizer, 3), count))
    assert optimizer.param_groups[0]["lr"] == 0.1
