"""Faults that strike one rank in the middle of a sweep, and reports from all ranks."""

import os
import signal
from typing import NamedTuple

import rank_trainings as trainings
import torch
import torch.distributed as dist
from torch import nn

import lrfinder

LRS = trainings.LRS[:8]
LONGER_LRS = trainings.LRS[:16]  # beyond the batches that are stored for replay, so that the loader is asked again
TIMEOUT_SECONDS = 16.0  # ranks that wait inside the model are released after a quarter of it


class MyError(Exception):
    """An exception of the user's code."""


def raising():
    raise MyError("of mine")


def kill():
    os.kill(os.getpid(), signal.SIGKILL)


def interrupt():
    signal.raise_signal(signal.SIGINT)


def leave():
    raise SystemExit(3)


def run_out_of_memory():
    raise torch.OutOfMemoryError("no memory")


class Report(NamedTuple):
    """The observations of one rank."""

    error: str | None
    rank: int | None  # the rank that the error names
    error_text: str
    stop: str | None
    restored: bool
    broken: bool
    repeats: bool | None  # a later sweep gives the curve of an earlier one; None where the processes cannot continue


class Strike:
    """A function that calls ``what`` at the ``count``-th call after it was armed."""

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
    """Batches with a strike at each draw. They are not a list, so that the learner iterates over them."""

    def __init__(self, batches, strike):
        self.batches = batches
        self.strike = strike

    def __iter__(self):
        for batch in self.batches:
            self.strike()
            yield batch


PLACES = ("data", "before the model", "forward", "loss", "backward", "update", "callback", "not a number")


def training(kind, place, strike, **settings):
    """Return a learner with a strike at that place, and the callback for its sweeps."""
    never = Strike(raising, 0)
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

    def forward(model, batch):
        strike()
        return loss_fn(model(batch[0]), batch[1])

    if place == "before the model":
        settings |= {"forward": forward, "norm": True}  # whose statistics the ranks exchange in the model
    # ``observe`` does not look into the function
    data = Data(trainings.batches(dist.get_rank(), dist.get_world_size()), lambda: here("data")())
    learner = trainings.learner(kind, data, loss_fn=loss_fn, rank_timeout=TIMEOUT_SECONDS, **settings)
    model = learner._state.modules[0]
    getattr(model, "module", model)[1].register_forward_hook(here("forward"))
    getattr(model, "module", model)[1].register_forward_hook(
        lambda *given: given[-1].register_hook(here("backward")) and None
    )
    learner._state.optimizers[0].register_step_pre_hook(here("update"))
    return learner, here("callback")


def report_of(rank, kind, place, what, who=1, count=3):  # noqa: PLR0913, PLR0917  (the ways in which faults differ)
    """Run a sweep, a longer one with a fault on one rank, and the first again; return what this rank observed."""
    strike = Strike(what, count)
    learner, on_record = training(kind, place, strike)
    finder = lrfinder.LRFinder(learner)
    before = finder.find(rates=LRS, on_record=on_record)
    start = learner.observe()
    strike.armed = rank == who
    error, stop = None, None
    try:
        stop = finder.find(rates=LONGER_LRS, on_record=on_record).stop.name
    except BaseException as raised:  # noqa: BLE001  (reported)
        error = raised
    strike.armed = False
    restored = learner.observe() == start
    error_text = " ".join([str(error), *getattr(error, "__notes__", [])])
    broken = "The process group is broken" in error_text
    repeats = None if broken else finder.find(rates=LRS).losses.tolist() == before.losses.tolist()
    error_name = error and type(error).__name__
    return Report(error_name, getattr(error, "rank", None), error_text, stop, restored, broken, repeats)


def reports_of(rank, kind, faults):
    """Return a report of each fault, in a training of its own, all in the same processes."""
    return [report_of(rank, kind, place, what) for place, what in faults]
