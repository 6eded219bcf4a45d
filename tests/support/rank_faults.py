"""Faults that strike one rank in the middle of a sweep, and what comes of them on all."""

import os
import signal
from typing import NamedTuple

import rank_trainings as trainings
import torch
import torch.distributed as dist
from torch import nn

import lrfinder

LRS = trainings.LRS[:8]
LONGER = trainings.LRS[:16]  # past the batches that are kept, so that new ones are drawn
PATIENCE = 16.0  # seconds: ranks that wait inside the model are released after 4


class MyError(Exception):
    """What the user's code raises."""


def raising():
    raise MyError("of mine")


def kill():
    os.kill(os.getpid(), signal.SIGKILL)


def interrupt():
    signal.raise_signal(signal.SIGINT)


def leave():
    raise SystemExit(3)


def run_out_of_memory():
    raise torch.OutOfMemoryError("no room")


class Report(NamedTuple):
    """What one rank saw."""

    error: str | None
    rank: int | None  # that the error names
    said: str
    stop: str | None
    restored: bool
    broken: bool
    again: bool | None  # whether a sweep afterwards gave the curve that one before gave, where the processes can go on


class Struck:
    """Calls ``what`` at the ``count``-th call, once it is armed."""

    def __init__(self, what, count):
        self.what = what
        self.count = count
        self.armed = False

    def __call__(self, *_):
        if self.armed:
            self.count -= 1
            if self.count == 0:
                self.what()


class Data:
    """Batches that strike when they are drawn; no list, so that they are iterated."""

    def __init__(self, batches, strike):
        self.batches = batches
        self.strike = strike

    def __iter__(self):
        for batch in self.batches:
            self.strike()
            yield batch


PLACES = ("data", "forward", "loss", "backward", "update", "callback", "not a number")


def training(kind, place, strike, **settings):
    """A learner that is struck at that place, and the callback of its sweeps."""
    never = Struck(raising, 0)
    here = lambda name: strike if place == name else never
    cross_entropy = nn.CrossEntropyLoss()
    poisoned = []
    if place == "not a number":
        strike.what = lambda: poisoned.append(True)

    def loss_fn(output, target):
        here("loss")()
        here("not a number")()
        loss = cross_entropy(output, target)
        return loss * torch.nan if poisoned and poisoned.pop() else loss

    data = Data(
        trainings.batches(dist.get_rank(), dist.get_world_size()), lambda: here("data")()
    )  # which ``observe`` does not see into
    learner = trainings.learner(kind, data, loss_fn=loss_fn, rank_timeout=PATIENCE, **settings)
    model = learner._state.modules[0]
    getattr(model, "module", model)[1].register_forward_hook(here("forward"))
    getattr(model, "module", model)[1].register_forward_hook(
        lambda *given: given[-1].register_hook(here("backward")) and None
    )
    learner._state.optimizers[0].register_step_pre_hook(here("update"))
    return learner, here("callback")


def struck(rank, kind, place, what, who=1, count=3):  # noqa: PLR0913, PLR0917  (what a fault varies in)
    """A sweep, a longer one with a fault on one rank, and the first again."""
    strike = Struck(what, count)
    learner, on_record = training(kind, place, strike)
    finder = lrfinder.LRFinder(learner)
    before = finder.find(rates=LRS, on_record=on_record)
    start = learner.observe()
    strike.armed = rank == who
    error, stop = None, None
    try:
        stop = finder.find(rates=LONGER, on_record=on_record).stop.name
    except BaseException as raised:  # noqa: BLE001  (told)
        error = raised
    strike.armed = False
    restored = learner.observe() == start
    said = " ".join([str(error), *getattr(error, "__notes__", [])])
    broken = "The process group is broken" in said
    again = None if broken else finder.find(rates=LRS).losses.tolist() == before.losses.tolist()
    return Report(error and type(error).__name__, getattr(error, "rank", None), said, stop, restored, broken, again)


def struck_by_each(rank, kind, faults):
    """One fault after the other, each in a training of its own, in the same processes."""
    return [struck(rank, kind, place, what) for place, what in faults]
