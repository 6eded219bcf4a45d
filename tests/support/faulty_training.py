"""A training script with a finder in its middle, and points at which a fault can strike."""

# These tests add attributes to the objects of frameworks.
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

import copy
import functools
import mmap
import random
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, default_collate

from lrfinder import LRFinder
from lrfinder.torch import TorchLearner
from lrfinder.torch.inspection import fingerprint

STEPS_BEFORE = 7
STEPS_AFTER = 20
ITERATIONS = 10
SWEEP_OF_SUGGEST = 40  # iterations at most


class Point(nn.Module):
    """A layer that passes its input on, and calls the script in forward and backward."""

    def __init__(self, at):
        super().__init__()
        self.at = at

    def forward(self, x):
        return _Through.apply(self.at("forward", x), self.at)


class _Through(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, at):
        ctx.at = at
        return x.view_as(x)

    @staticmethod
    def backward(ctx, gradient):
        return ctx.at("backward", gradient), None


def history(at):
    """Return a record that has no attributes, only a state; copying it and restoring it are two more points."""
    rows = []

    class History:
        __slots__ = ()

        def append(self, row):
            rows.append(row)

        def __len__(self):
            return len(rows)

        def __iter__(self):
            return iter(rows)

        def state_dict(self):
            at("snapshot")
            return list(rows)

        def load_state_dict(self, state):
            at("restore")
            rows[:] = state

    return History()


class Net(nn.Module):
    def __init__(self, at):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), Point(at), nn.ReLU(), nn.Dropout(0.3))
        self.head = nn.Linear(8, 2)
        self.register_buffer("calls", torch.zeros(1), persistent=False)
        self.history = history(at)

    def forward(self, x):
        self.calls += 1
        self.history.append(len(self.history))
        return self.head(self.body(x)) * (1 + 0.001 * self.calls)


class Adam(torch.optim.Adam):
    at = None

    def step(self, closure=None):
        loss = super().step(closure)
        self.at("step")
        return loss


class Shared:
    """A number that worker processes share, in memory where no restore looks for numbers."""

    def __init__(self):
        self._memory = mmap.mmap(-1, 8)

    @property
    def value(self):
        return int.from_bytes(self._memory[:8], "little", signed=True)

    @value.setter
    def value(self, number):
        self._memory[:8] = number.to_bytes(8, "little", signed=True)


class Training:
    """A script's own loop in the middle of an epoch of a shuffling loader, and a learner of the same model.

    The learner has the loader of the script, unless ``data(training)`` returns other data. The loss uses the object that
    ``attach(training)`` returns.
    """

    def __init__(self, data=None, stateful=(), attach=None, **settings):
        for seed in (torch.manual_seed, random.seed, np.random.seed):
            seed(7)
        self._fault = None
        self.calls = Shared()  # of the fault's point; an attribute would be restored with the training
        self.refuses = Shared()  # a restore, as long as it is not 0
        self.countdown = Shared()  # to the fault, for a worker process of the loader
        self.net = Net(self.at)
        self.optimizer = Adam(self.net.parameters(), lr=0.01)
        self.optimizer.at = self.at
        self.scheduler = torch.optim.lr_scheduler.StepLR(self.optimizer, 5)
        inputs = torch.randn(40, 6, generator=torch.Generator().manual_seed(1))
        self.samples = TensorDataset(inputs, (inputs.sum(1) > 0).long())
        self.loader = DataLoader(self.samples, 8, shuffle=True, collate_fn=self.collate)
        data = self.loader if data is None else data(self)
        stateful = [self.scheduler, self.net.history, *stateful]
        self.learner = TorchLearner(self.net, self.optimizer, self.loss_fn, data, stateful=stateful, **settings)
        self.finder = LRFinder(self.learner)
        self.losses, self.extra = [], None
        self._batches = self._epochs()
        self.train(STEPS_BEFORE)
        if attach is not None:
            self.extra = attach(self)

    def _epochs(self):
        while True:
            yield from self.loader

    def collate(self, samples):
        return self.at("batch", default_collate(samples))

    def loss_fn(self, output, target):
        getattr(self.extra, "see", bool)()
        return self.at("loss", nn.functional.cross_entropy(output, target))

    def train(self, steps):
        for _ in range(steps):
            inputs, target = next(self._batches)
            self.optimizer.zero_grad()
            loss = self.loss_fn(self.net(inputs), target)
            loss.backward()
            self.optimizer.step()
            self.scheduler.step()
            self.losses.append(loss.item())

    # --- calls of the finder -------------------------------------------------------------------------------------

    def criterion(self, loss):
        return self.at("criterion", None)

    def on_record(self, record):
        self.at("callback", record)

    def find(self):
        return self.finder.find(1e-4, 2.0, max_iterations=ITERATIONS, stopping=self.criterion, on_record=self.on_record)

    def suggest(self):
        rates = np.geomspace(1e-4, 2.0, SWEEP_OF_SUGGEST)
        return self.finder.suggest(24, max_iterations=300, rates=rates, on_record=self.on_record)

    def compare(self):
        return self.finder.compare([0.01, 0.02], ITERATIONS // 2, on_record=self.on_record)

    # --- faults -----------------------------------------------------------------------------------------------------------

    def at(self, point, value=None):
        """Pass on ``value`` at a point of the script; a fault that is armed there may strike and return another."""
        if point == "restore" and self.refuses.value:
            raise MemoryError("mine")
        if self._fault is None or self._fault.point != point:
            return value
        self.calls.value += 1
        return self._fault.strike(self, value) if self.calls.value == self._call or self._fault.stays else value

    def has_struck(self):
        return self.calls.value >= self._call or self.countdown.value < 0

    @contextmanager
    def armed(self, fault, call):
        """Arm the fault, which strikes at the ``call``-th call of its point."""
        self._fault, self._call, self.calls.value, self.countdown.value = fault, call, 0, call
        try:
            yield
        finally:
            self._fault, self.countdown.value, self.refuses.value = None, 0, 0

    # --- observation -------------------------------------------------------------------------------------------------

    def state(self):
        """Return everything that a user can observe, and the address of each tensor."""
        tensors = [*self.net.parameters(), *self.net.buffers()]
        moments = [value for state in self.optimizer.state.values() for value in state.values()]
        gradients = [parameter.grad for parameter in self.net.parameters()]
        return fingerprint(self.net, self.optimizer, self.scheduler) | {
            "history": copy.deepcopy(list(self.net.history)),
            "extra": getattr(self.extra, "seen", bool)(),
            "objects": list(map(id, [*tensors, *moments, self.net.history, self.optimizer.param_groups[0]])),
            "memory": [None if one is None else one.data_ptr() for one in [*tensors, *moments, *gradients]],
        }


class Twin(NamedTuple):
    """Outcomes without faults: of a finder, and of a training without one."""

    losses: list
    end: dict
    results: tuple  # of find, compare and suggest


@functools.cache
def twin():
    without, with_finder = Training(), Training()
    results = with_finder.find(), with_finder.compare(), with_finder.suggest()
    assert results[-1].probes, "a fault in a probe needs one"
    without.train(STEPS_AFTER)
    end = without.state()
    return Twin(without.losses, end, results)


def comparable(state):
    """Return the part of :meth:`Training.state` that is equal in every equal training."""
    return {name: value for name, value in state.items() if name not in {"objects", "memory", "extra"}}
