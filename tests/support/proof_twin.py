"""The twin check: after the finder a training is, and goes on, as its twin that never met one."""

import gc
import os
import tempfile
import time
import warnings
from contextlib import closing, contextmanager, nullcontext
from dataclasses import astuple, is_dataclass
from pathlib import Path

import torch
from proof_feeds import WITH_WORKERS
from proof_observe import observe, process
from proof_training import Training

import lrfinder.testing
from lrfinder import LRFinder, LRFinderError, LRFinderWarning
from lrfinder.torch import TorchLearner

STEPS = 20
ACTIONS = {
    "find": lambda finder: finder.find(1e-5, 2.0, lr_end=1e3, max_iterations=25),
    "suggest": lambda finder: finder.suggest(horizon=4, max_iterations=50),  # the smallest budget allowed
    "suggest with probes": lambda finder: finder.suggest(horizon=10, max_iterations=200),
    "compare": lambda finder: finder.compare([1e-3, 0.3], iterations=6),
    "law": lambda finder: lrfinder.testing.check_time_repeats(finder.learner, lrs=[1e-3, 1e-2, 0.1, 1.0]),
}


class TraceError(AssertionError):
    """The finder left a trace."""


class RefusedError(Exception):
    """PyTorch itself does not run the training of the case."""


def prove(case, cls=TorchLearner, patience=5.0):
    """Run the case with the finder and without; what the user's own step raised at absurd rates, or an empty string.

    Threads and workers that were told to end get ``patience`` seconds for it.

    Raises:
        TraceError: something did not come back, or the training went on otherwise.
        RefusedError: the training does not run, finder or not.
    """
    with room(), quiet():
        try:
            return compare(case, cls, patience)
        finally:  # what the case leaves for the garbage collector must not go away in the middle of the next
            if case.compiled != "no":
                torch.compiler.reset()
            collect(case)


def compare(case, cls, patience):
    there, end = without_finder(case)
    training = Training(case)
    training.reach()
    collect(case)
    before, around = observe(training), process()
    raised = run(training, cls)
    same(settled(around, patience), around, "around the training")
    after = observe(training)
    same(after.values, there, "in the training")
    if not training.was_lazy:
        same(after.places, before.places, "among its objects and addresses")
    training.train(STEPS)
    same(told(training), end, f"in the {STEPS} steps that followed")
    return raised


def without_finder(case):
    """What the twin is like at the case's moment, and what its next steps give."""
    try:
        twin = Training(case)
        twin.reach()
        twin.first_forward()
        there = observe(twin).values
        twin.train(STEPS)
    except Exception as error:
        message = f"{type(error).__name__}: {error}".splitlines()[0]
        raise RefusedError(message) from error
    return there, told(twin)


def told(training):
    return {"losses": list(map(float.hex, training.losses)), "batches": training.drawn, **observe(training).values}


def run(training, cls):
    learner = training.learner(cls)
    finder = LRFinder(learner)
    results, raised = {}, ""
    with closing(learner) if training.case.close else nullcontext():
        for action in training.case.what:
            try:
                result = ACTIONS[action](finder)
            except LRFinderError:
                raise
            except Exception as error:  # noqa: BLE001  (of the user's step, at a rate that no step can bear)
                raised = type(error).__name__
                continue
            whole = repr(astuple(result)) if is_dataclass(result) else ""  # as text, in which NaN is like NaN
            if results.setdefault(action, whole) != whole:
                message = f"{action} gave another result the second time."
                raise TraceError(message)
    return raised


def settled(around, patience):
    """The process, once the threads and the workers that were told to end have ended."""
    end = time.monotonic() + patience
    while (now := process()) != around and time.monotonic() < end:
        time.sleep(0.05)
    return now


def same(seen, expected, where):
    different = [name for name in {**expected, **seen} if seen.get(name, same) != expected.get(name, same)]
    if different:
        told = "; ".join(
            f"{name}: {seen.get(name, 'gone')!s:.80}, not {expected.get(name, 'there')!s:.80}" for name in different[:4]
        )
        message = f"{len(different)} traces {where}: {told}"
        raise TraceError(message)


@contextmanager
def room():
    """An empty working directory and an empty temporary directory, away from everybody else's."""
    here, temporary = Path.cwd(), tempfile.tempdir
    with tempfile.TemporaryDirectory() as folder:
        work, tempfile.tempdir = Path(folder, "work"), str(Path(folder, "temporary"))
        for one in (work, Path(tempfile.tempdir)):
            one.mkdir()
        os.chdir(work)
        try:
            yield
        finally:
            os.chdir(here)
            tempfile.tempdir = temporary


@contextmanager
def quiet():
    """PyTorch's advice to the script is none of the finder's; the finder's own warnings are errors."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", LRFinderWarning)
        yield


def collect(case):
    """End the workers of passes that nobody can reach any more, or they end in the middle of what is watched."""
    if case.feed in WITH_WORKERS:
        gc.collect()
