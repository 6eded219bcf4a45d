"""The twin check: after the finder a training is, and continues, as its twin that never ran one."""

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
from proof_observe import SCRATCH, observe, process
from proof_samplers import IN_OWN_MEMORY
from proof_training import Training

import lrfinder.testing
from lrfinder import LRFinder, LRFinderError, LRFinderWarning
from lrfinder._check.report import Outcome
from lrfinder.torch import TorchLearner

STEPS = 20
NEVER_OF_A_RATE = (AttributeError, KeyError, NameError, NotImplementedError, TypeError)  # no rate is too high for these
ACTIONS = {
    "find": lambda finder: finder.find(1e-5, 2.0, lr_end=1e3, max_iterations=25),
    "suggest": lambda finder: finder.suggest(horizon=4, max_iterations=50),  # the smallest budget allowed
    "suggest with probes": lambda finder: finder.suggest(horizon=10, max_iterations=200),
    "compare": lambda finder: finder.compare([1e-3, 0.3], iterations=6),
    "compare equal rates": lambda finder: equal_rates(finder),
    "check": lambda finder: checked(finder),
    "law": lambda finder: lrfinder.testing.check_time_repeats(finder.learner, lrs=[1e-3, 1e-2, 0.1, 1.0]),
}


def equal_rates(finder):
    """Compare a rate with itself, which must give the same losses twice."""
    result = finder.compare([0.05, 0.05], iterations=6)
    one, other = (list(map(float.hex, losses)) for losses in result.losses)
    if one != other:
        message = f"Two trainings at one rate differ: {one} and {other}."
        raise TraceError(message)
    return result


def checked(finder):
    """Run the check, which must not report that anything is lost."""
    report = lrfinder.check(finder.learner)
    findings = [*report.state, report.deterministic, *report.law]
    lost = [one.what for one in findings if one.outcome is not Outcome.HOLDS and SCRATCH not in one.what]
    if lost:
        message = f"The check reports {lost}; {report.deterministic.detail}."
        raise TraceError(message)
    return report


class TraceError(AssertionError):
    """The finder left a trace."""


class RefusedError(Exception):
    """PyTorch itself does not run the training of the case."""


def prove(case, cls=TorchLearner, patience=5.0):
    """Run the case with the finder and without.

    Threads and workers that are ending get ``patience`` seconds.

    Returns:
        The name of the exception that the user's step raised at absurd rates, or an empty string.

    Raises:
        TraceError: something was not restored, or the training continued differently.
        RefusedError: the training does not run, with or without a finder.
    """
    with empty_folders(), quiet(itself="error" if cls is TorchLearner else "ignore"):
        try:
            return compare(case, cls, patience)
        finally:  # garbage of this case must not be collected in the middle of the next
            if case.compiled != "no":
                torch.compiler.reset()
            collect(case)


def compare(case, cls, patience):
    at_moment, end = without_finder(case)
    training = Training(case)
    training.reach()
    collect(case)
    before, around = observe(training), process()
    raised, results = run(training, cls)
    same(settled(around, patience), around, "around the training")
    after = observe(training)
    same(after.values, at_moment, "in the training")
    if not training.was_lazy:
        same(after.places, before.places, "among its objects and addresses")
    training.train(STEPS)
    same(outcome(training), end, f"in the {STEPS} steps that followed")
    if case.feed in IN_OWN_MEMORY:
        same(results, of_own_memory(case, cls), "in the results, of which the others had batches in memory of their own")
    return raised


def of_own_memory(case, cls):
    """Return the results of the case if no batch is written into the memory of another."""
    training = Training(case)
    training.feed = IN_OWN_MEMORY[case.feed]()
    training.batches = training.endless()
    training.reach()
    return run(training, cls)[1]


def without_finder(case):
    """Return the twin at the case's moment, and the outcome of its next steps."""
    try:
        twin = Training(case)
        twin.reach()
        twin.first_forward()
        at_moment = observe(twin).values
        twin.train(STEPS)
    except Exception as error:
        message = f"{type(error).__name__}: {error}".splitlines()[0]
        raise RefusedError(message) from error
    return at_moment, outcome(twin)


def outcome(training):
    return {"losses": list(map(float.hex, training.losses)), "batches": training.drawn, **observe(training).values}


def run(training, cls):
    learner = training.learner(cls)
    finder = LRFinder(learner)
    results, raised = {}, ""
    with closing(learner) if training.case.close else nullcontext():
        for action in training.case.what:
            try:
                result = ACTIONS[action](finder)
            except (LRFinderError, LRFinderWarning, TraceError, *NEVER_OF_A_RATE):
                raise
            except Exception as error:  # noqa: BLE001  (from the user's step, at a rate too high for any step)
                raised = type(error).__name__
                continue
            whole = repr(astuple(result)) if is_dataclass(result) else ""  # as text, in which NaN equals NaN
            if results.setdefault(action, whole) != whole:
                message = f"{action} gave another result the second time."
                raise TraceError(message)
    return raised, results


def settled(around, patience):
    """Return the process, once threads and workers have had time to end."""
    end = time.monotonic() + patience
    while (now := process()) != around and time.monotonic() < end:
        time.sleep(0.05)
    return now


def same(seen, expected, where):
    different = [name for name in {**expected, **seen} if seen.get(name, same) != expected.get(name, same)]
    if different:
        differences = "; ".join(
            f"{name}: {seen.get(name, 'gone')!s:.80}, not {expected.get(name, 'absent')!s:.80}" for name in different[:4]
        )
        message = f"{len(different)} traces {where}: {differences}"
        raise TraceError(message)


@contextmanager
def empty_folders():
    """Provide an empty working directory and an empty temporary directory."""
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
def quiet(itself):
    """Ignore PyTorch's warnings to the script; the finder's own are as ``itself`` says."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter(itself, LRFinderWarning)
        yield


def collect(case):
    """End the workers of unreachable passes, which would otherwise end during an observation."""
    if case.feed in WITH_WORKERS:
        gc.collect()
