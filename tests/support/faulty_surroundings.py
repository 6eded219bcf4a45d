"""Faulty data, objects and surroundings of a learner."""

import os
import random
import signal
import tempfile
import time
import warnings
from contextlib import contextmanager
from itertools import chain, repeat
from pathlib import Path

import torch
from torch.utils.data import DataLoader, default_collate

from lrfinder import LRFinderWarning

# --- data: each function returns data for the learner ---------------------------------------------------------------


class MyError(Exception):
    """An exception of the user."""


def nothing(training):
    return []


def an_empty_loader(training):
    return DataLoader([], 8)


def in_order(training):
    """Return the batches of 8 in order; a loader would draw a random number."""
    return list(zip(*(part.split(8) for part in training.samples.tensors), strict=True))


def three_batches_and_no_more(training):
    return iter(in_order(training)[:3])


def one_batch(training):
    return DataLoader(training.samples, 40, shuffle=True)


def three_batches(training):
    return DataLoader(training.samples, 16, shuffle=True)


class Passes:
    """Data whose passes have the given lengths; the last repeats. A list of them would be restored, an iterator named."""

    def __init__(self, training, *lengths):
        self.batches = in_order(training)
        self.next_length = chain(lengths, repeat(lengths[-1])).__next__

    def __iter__(self):
        return iter(self.batches[: self.next_length()])


def shrinking(training):
    return Passes(training, 5, 2)


def growing(training):
    return Passes(training, 2, 5)


class Opened:
    """The loader of the script; opening it is a point."""

    def __init__(self, training):
        self.training = training

    def __iter__(self):
        self.training.at("opening")
        return iter(self.training.loader)


def in_a_worker(strike, **settings):
    """Return a function that loads the script's data in a worker process, where ``strike()`` is called."""

    def data(training):
        countdown = training.countdown

        def collate(samples):
            countdown.value -= 1  # of one worker, without a lock
            if countdown.value == 0:
                countdown.value = -1
                strike()
            return default_collate(samples)

        return DataLoader(
            training.samples, 8, shuffle=True, num_workers=1, collate_fn=collate, multiprocessing_context="fork", **settings
        )

    return data


def raise_mine():
    raise MyError("mine")


def exit_at_once():
    os._exit(3)


def be_killed():
    os.kill(os.getpid(), signal.SIGKILL)


def hang():
    time.sleep(600)


def press_and_hang():
    """Send Ctrl-C to the parent while it waits for the loader."""
    time.sleep(0.3)  # by then all batches before this one are used up
    os.kill(os.getppid(), signal.SIGINT)
    time.sleep(600)


# --- objects that refuse their state --------------------------------------------------------------------------------------


class Refusing:
    __slots__ = ()

    def state_dict(self):
        return {}

    def load_state_dict(self, state):
        raise MyError("mine")


class RefusingGenerator(random.Random):
    def setstate(self, state):
        raise MyError("mine")

    def __repr__(self):
        return "RefusingGenerator"


# --- surroundings ---------------------------------------------------------------------------------------------------------


@contextmanager
def deterministic():
    torch.use_deterministic_algorithms(mode=True)
    try:
        yield
        assert torch.are_deterministic_algorithms_enabled()
    finally:
        torch.use_deterministic_algorithms(mode=False)


@contextmanager
def without_a_warning():
    """Ignore that a training that a fault changes once does not repeat."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Not repeatable", LRFinderWarning)
        yield


@contextmanager
def in_a_folder(path):
    before = Path.cwd()
    os.chdir(path)
    try:
        yield
    finally:
        os.chdir(before)


@contextmanager
def in_a_read_only_folder():
    with in_a_folder("/proc"):  # not writable, even for the root user of a container
        yield


@contextmanager
def in_a_folder_that_is_gone():
    with tempfile.TemporaryDirectory() as parent:
        folder = Path(parent) / "gone"
        folder.mkdir()
        with in_a_folder(folder):
            folder.rmdir()
            yield


@contextmanager
def without_a_temporary_folder():
    before, tempfile.tempdir = tempfile.tempdir, "/proc"
    try:
        yield
    finally:
        tempfile.tempdir = before
