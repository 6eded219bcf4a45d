"""The table of faults: the fault, its point in the script, the moments and verbs, and the expected outcome."""

# These tests add attributes to the objects of frameworks.
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

import random
import signal
import threading
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from fault_outcomes import Ends, Finishes, Interrupts, Loses, LosesForAWhile, LosesItsWorker, Raises, Undisturbed
from faulty_surroundings import (
    MyError,
    Opened,
    Refusing,
    RefusingGenerator,
    an_empty_loader,
    be_killed,
    deterministic,
    exit_at_once,
    growing,
    hang,
    in_a_folder_that_is_gone,
    in_a_read_only_folder,
    in_a_worker,
    nothing,
    one_batch,
    press_and_hang,
    raise_mine,
    shrinking,
    three_batches,
    three_batches_and_no_more,
    without_a_temporary_folder,
    without_a_warning,
)
from faulty_training import ITERATIONS, SWEEP_OF_SUGGEST, Training
from torch import nn

from lrfinder import BusyError, LRFinder, RestoreError, SnapshotError, Stop
from lrfinder.errors import BatchError, EmptyDataError, LossError, OptimizerError
from lrfinder.torch import TorchLearner

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

FIRST, MIDDLE, LAST = "the first iteration", "the middle", "the last iteration"
ITERATION = {FIRST: 1, MIDDLE: 3, LAST: ITERATIONS}
BUT_LAST = {FIRST: 1, MIDDLE: 3}
THROUGHOUT = {"the whole": 1}
SNAPSHOT = {"the snapshot": 1}
RESTORE = {"the restore": 1}
RANDOM = {f"iteration {call}": call for call in sorted(random.Random(23).sample(range(1, ITERATIONS + 1), 5))}
SWEEP = {"the sweep": 3}
PROBE = {"a probe": 2 * SWEEP_OF_SUGGEST + 5}  # past the sweep, and as many iterations at the rate 0
OPENINGS = {FIRST: 1, "the second pass over the data": 2}

VERBS: dict[str, tuple[Callable[[Training], Any], ...]] = {  # the fault strikes in the last of them
    "find": (Training.find,),
    "compare": (Training.compare,),
    "compare after find": (Training.find, Training.compare),
    "suggest": (Training.suggest,),
}
USUAL = ("find", "compare", "compare after find")
SWEEPS = ("find",)
ALONE = ("find", "compare")
COMPARISONS = ("compare", "compare after find")


class Fault(NamedTuple):
    """A fault; at ``point``, the script continues with the result of ``strike(training, value)`` instead of the value."""

    point: str | None
    strike: Callable[[Training, Any], Any] | None
    outcome: Any
    moments: Mapping[str, int] = ITERATION
    verbs: tuple[str, ...] = USUAL
    stays: bool = False  # strikes at every call, not once
    training: Callable[[], Training] = Training
    around: Callable[[], Any] = nullcontext


def given(outcome, *, moments=THROUGHOUT, verbs=USUAL, around=nullcontext, **settings):
    """Return a fault that exists from the start: in an argument of the learner, or in its surroundings."""
    return Fault(None, None, outcome, moments, verbs, training=partial(Training, **settings), around=around)


def in_worker(strike, outcome, moments=ITERATION, verbs=USUAL, **settings):
    """Return a fault in a worker process of the loader, whose data are read again for each training."""
    data = in_a_worker(strike, **settings)
    return Fault("worker", None, outcome, moments, verbs, training=partial(Training, data=data, replay_bytes=0))


# --- strikes ---------------------------------------------------------------------------------------------------------


def raising(kind, words="mine"):
    def strike(training, value):
        raise kind(words)

    return strike


def sending(number):
    def strike(training, value):
        signal.raise_signal(number)
        return value

    return strike


def changing(change):
    return lambda training, value: change(value)


@torch.no_grad()
def spoil_a_parameter(training, value):
    training.net.head.weight[0, 0] = float("nan")


def to_and_fro(training, loss):
    return loss - loss.detach() + (1.0 if training.calls.value % 2 else -1.0)


def replace_the_head(training, value):
    with torch.random.fork_rng():
        training.net.head = nn.Linear(8, 3)
    return value


def widen_the_head(training, value):
    training.net.head.weight.data = torch.ones(3, 8)
    training.net.head.bias.data = torch.ones(3)
    return value


def transpose_a_weight(training, value):
    training.net.head.weight.grad = None
    training.net.head.weight.data = torch.ones(8, 2).t()
    return value


def add_a_parameter(training, value):
    training.net.extra = nn.Parameter(torch.ones(3))
    training.optimizer.add_param_group({"params": [training.net.extra]})
    return value


def find_once_more(training, value):
    fault, training._fault = training._fault, None  # the fault must not strike in its own finder
    LRFinder(training.learner).find(max_iterations=3)
    LRFinder(TorchLearner(training.net, training.optimizer, training.loss_fn, training.loader)).compare([0.1], 3)
    training._fault = fault


def find_in_another_thread(training, value):
    errors = []

    def find():
        try:
            LRFinder(TorchLearner(training.net, training.optimizer, training.loss_fn, training.loader)).find()
        except BusyError as error:
            errors.append(error)

    thread = threading.Thread(target=find)
    thread.start()
    thread.join()
    assert "is being swept in the thread" in str(errors[0])


def raise_and_refuse(training, value):
    """Let the iteration raise, and then the restore."""
    training.refuses.value = True
    raise MyError("mine")


def only_inputs(batch):
    return {"inputs": batch[0]}


def one_sample(batch):
    return [part[:1] for part in batch]


def of_nan(batch):
    return [batch[0] * float("nan"), batch[1]]


def write_to_a_full_disk(training, record):
    Path("/dev/full").write_text(str(record), encoding="utf-8")


def optimizer_refuses_to_load():
    training = Training()
    training.optimizer.load_state_dict = lambda state: raising(MyError)(training, state)
    return training


def generator_refuses():
    training = Training()
    training.net.numbers = RefusingGenerator(1)
    return training


reading_again = partial(Training, replay_bytes=0)  # stores no batch, so the data are read again for each training


POINTS = {
    "the forward raises": "forward",
    "the loss function raises": "loss",
    "the backward raises": "backward",
    "the optimizer raises in the middle of its step": "step",
    "the callback raises": "callback",
}

FAULTS: dict[str, Fault] = {
    # exceptions of the user
    "the data raise": Fault("batch", raising(MyError), Raises(MyError), training=reading_again),
    **{name: Fault(point, raising(MyError), Raises(MyError)) for name, point in POINTS.items()},
    "the stopping criterion raises": Fault("criterion", raising(MyError), Raises(MyError), verbs=SWEEPS),
    "the forward runs out of memory": Fault("forward", raising(MemoryError), Raises(MemoryError)),
    "the forward runs out of an accelerator's memory": Fault(
        "forward", raising(torch.OutOfMemoryError), Raises(torch.OutOfMemoryError)
    ),
    "the forward raises StopIteration": Fault("forward", raising(StopIteration), Raises(StopIteration)),
    "the callback writes to a full disk": Fault("callback", write_to_a_full_disk, Raises(OSError, "No space left")),
    # the data
    "the data are an empty list": given(Raises(EmptyDataError, "gave no batch"), verbs=ALONE, data=nothing),
    "the loader is empty": given(Raises(EmptyDataError, "gave no batch"), verbs=ALONE, data=an_empty_loader),
    "the stream ends early": given(Ends(Stop.DATA_ENDED), data=three_batches_and_no_more),
    "the loader has 1 batch": given(Finishes(), data=one_batch),
    "the loader has 3 batches": given(Finishes(), data=three_batches),
    "the data get shorter": given(Finishes(), data=shrinking),
    "the data get longer": given(Finishes(), data=growing),
    "the data get shorter and no batch is stored": given(
        Raises(RestoreError, "gave only 2 batches"), verbs=COMPARISONS, data=shrinking, replay_bytes=0
    ),
    "the loader cannot be opened": Fault(
        "opening", raising(MyError), Raises(MyError), OPENINGS, training=partial(Training, data=Opened, replay_bytes=0)
    ),
    "a batch is not a pair": Fault("batch", changing(only_inputs), Raises(BatchError, "forward="), training=reading_again),
    "a batch has one sample": Fault(
        "batch", changing(one_sample), Raises(ValueError, "more than 1"), training=reading_again
    ),
    "a batch holds NaN": Fault("batch", changing(of_nan), Ends(Stop.NOT_FINITE), training=reading_again),
    "a worker raises": in_worker(raise_mine, Raises(MyError, "worker process 0"), {MIDDLE: 3}, ALONE),
    "a worker exits": in_worker(exit_at_once, LosesItsWorker()),
    "a worker is killed": in_worker(be_killed, LosesItsWorker(), {MIDDLE: 3}),
    "a worker hangs longer than the loader's timeout": in_worker(
        hang, Raises(RuntimeError, "timed out after 1 s"), {MIDDLE: 3}, ALONE, timeout=1
    ),
    "Ctrl-C while a worker hangs": in_worker(press_and_hang, Interrupts(KeyboardInterrupt), {MIDDLE: 3}, ALONE),
    # leaving
    "Ctrl-C in the data": Fault("batch", sending(signal.SIGINT), Interrupts(KeyboardInterrupt), training=reading_again),
    "Ctrl-C in the forward": Fault("forward", sending(signal.SIGINT), Interrupts(KeyboardInterrupt)),
    "Ctrl-C in the backward": Fault("backward", sending(signal.SIGINT), Interrupts(KeyboardInterrupt)),
    "Ctrl-C in the optimizer's step": Fault("step", sending(signal.SIGINT), Interrupts(KeyboardInterrupt), RANDOM),
    "Ctrl-C in the callback": Fault("callback", sending(signal.SIGINT), Interrupts(KeyboardInterrupt)),
    "Ctrl-C in the snapshot": Fault("snapshot", sending(signal.SIGINT), Interrupts(KeyboardInterrupt), SNAPSHOT),
    "Ctrl-C in the restore": Fault("restore", sending(signal.SIGINT), Interrupts(KeyboardInterrupt), RESTORE),
    "a SIGTERM that the script turns into an exit": Fault("step", sending(signal.SIGTERM), Interrupts(SystemExit)),
    "a SIGTERM that the script turns into an exit, in the restore": Fault(
        "restore", sending(signal.SIGTERM), Interrupts(SystemExit), RESTORE
    ),
    "the callback exits": Fault("callback", raising(SystemExit), Interrupts(SystemExit)),
    # numbers
    "the loss is NaN": Fault("loss", changing(lambda loss: loss * float("nan")), Ends(Stop.NOT_FINITE)),
    "the loss is infinite": Fault("loss", changing(lambda loss: loss + float("inf")), Ends(Stop.NOT_FINITE)),
    "the loss is minus infinity": Fault("loss", changing(lambda loss: loss - float("inf")), Ends(Stop.NOT_FINITE)),
    "a gradient is NaN": Fault("backward", changing(lambda grad: grad * float("nan")), Ends(Stop.NOT_FINITE), BUT_LAST),
    "a gradient is infinite": Fault("backward", changing(lambda grad: grad + float("inf")), Ends(Stop.NOT_FINITE), BUT_LAST),
    "a parameter becomes NaN": Fault("step", spoil_a_parameter, Ends(Stop.NOT_FINITE), BUT_LAST),
    "a gradient is NaN and no loss follows": Fault(
        "backward", changing(lambda grad: grad * float("nan")), Undisturbed(), {LAST: ITERATIONS}
    ),
    "the loss is constant": Fault("loss", changing(lambda loss: 0 * loss + 0.5), Finishes(), THROUGHOUT, stays=True),
    "the loss is zero": Fault("loss", changing(lambda loss: 0 * loss), Finishes(), THROUGHOUT, stays=True),
    "the loss is negative": Fault("loss", changing(lambda loss: loss - 100), Finishes(), THROUGHOUT, stays=True),
    "the loss crosses zero": Fault("loss", to_and_fro, Finishes(), THROUGHOUT, stays=True),
    "the loss is huge, 1e30": Fault("loss", changing(lambda loss: loss * 1e30), Finishes(), THROUGHOUT, stays=True),
    "the loss is denormal, 1e-42": Fault("loss", changing(lambda loss: loss * 1e-42), Finishes(), THROUGHOUT, stays=True),
    "the loss is a vector": Fault("loss", changing(lambda loss: loss.expand(3)), Raises(LossError, r"shape \(3,\)")),
    "the loss is empty": Fault("loss", changing(lambda loss: loss[None][:0]), Raises(LossError, r"shape \(0,\)")),
    "the loss is not a tensor": Fault("loss", changing(torch.Tensor.item), Raises(LossError, "float")),
    "the loss needs no gradient": Fault("loss", changing(torch.Tensor.detach), Raises(LossError, "no gradient")),
    # the model changes under the finder
    "the model gets another head": Fault("forward", replace_the_head, Finishes(), BUT_LAST),
    "a weight gets another shape": Fault("forward", widen_the_head, Raises(RuntimeError, "size of tensor")),
    "a weight gets another memory layout": Fault(
        "forward", transpose_a_weight, Finishes(), BUT_LAST, around=without_a_warning
    ),
    "a parameter and a group are added": Fault(
        "step", add_a_parameter, Raises(OptimizerError, "create a new learner"), BUT_LAST
    ),
    # the snapshot
    "memory runs out in the middle of the snapshot": Fault(
        "snapshot", raising(MemoryError), Raises(MemoryError, note="raised while the snapshot was taken"), SNAPSHOT
    ),
    # the restore
    "memory runs out in the middle of the restore": Fault(
        "restore", raising(MemoryError), Loses({"history"}, r"History \(MemoryError: mine\)"), RESTORE, stays=True
    ),
    "an iteration raises and then the restore does": Fault(
        "forward", raise_and_refuse, Loses({"history"}, r"History \(MemoryError: mine\)", MyError)
    ),
    "a restore between two rates fails": Fault(
        "restore", raising(MemoryError), LosesForAWhile("History"), {"the restore between two rates": 1}, COMPARISONS
    ),
    "a stateful object refuses its state": given(
        Loses({"Refusing"}, r"Refusing \(MyError: mine\)"), moments=RESTORE, verbs=ALONE, stateful=[Refusing()]
    ),
    "a generator of the model refuses its state": Fault(
        None,
        None,
        Raises(SnapshotError, "numbers.*MyError: mine", note=None),
        SNAPSHOT,
        ALONE,
        training=generator_refuses,
    ),
    "the optimizer refuses to load a state": Fault(
        None, None, Undisturbed(), THROUGHOUT, training=optimizer_refuses_to_load
    ),
    # surroundings
    "deterministic algorithms are required": given(Undisturbed(), around=deterministic),
    "gradients are switched off": given(Raises(LossError, "no_grad"), around=torch.no_grad),
    "inference mode is on": given(Raises(LossError, "no_grad"), around=torch.inference_mode),
    "the working directory is read-only": given(Undisturbed(), around=in_a_read_only_folder),
    "the working directory is gone": given(Undisturbed(), around=in_a_folder_that_is_gone),
    "the temporary directory is read-only": given(Undisturbed(), around=without_a_temporary_folder),
    # other finders
    "the callback starts another finder": Fault("callback", find_once_more, Undisturbed()),
    "another thread starts a finder on the same model": Fault("callback", find_in_another_thread, Undisturbed()),
}

# --- the same in `suggest`: in the sweep, and in a probe --------------------------------------------------

IN_PROBE = r"raised in the probe at the learning rate [\d.e-]+, at iteration \d"
RAISING = (
    "the data raise",
    *POINTS,
    "the forward runs out of memory",
    "the forward raises StopIteration",
    "the callback writes to a full disk",
    "a batch is not a pair",
    "the loss is a vector",
    "the loss needs no gradient",
    "a weight gets another shape",
)
OTHERS = (
    "Ctrl-C in the data",
    "Ctrl-C in the forward",
    "Ctrl-C in the optimizer's step",
    "a SIGTERM that the script turns into an exit",
    "the callback exits",
    "the loss is NaN",
    "a gradient is infinite",
    "the callback starts another finder",
    "another thread starts a finder on the same model",
)


def in_suggest(name, moments, outcome=None):
    fault = FAULTS[name]
    return fault._replace(verbs=("suggest",), moments=moments, outcome=outcome or fault.outcome)


FAULTS |= {f"{name}, in the sweep of suggest": in_suggest(name, SWEEP) for name in (*RAISING, *OTHERS)}
FAULTS |= {f"{name}, in a probe": in_suggest(name, PROBE, FAULTS[name].outcome.noted(IN_PROBE)) for name in RAISING}
FAULTS |= {f"{name}, in a probe": in_suggest(name, PROBE) for name in OTHERS}
FAULTS |= {
    "memory runs out while the end of a probe is stored": Fault(
        "snapshot", raising(MemoryError), Raises(MemoryError, note=None), {"a probe": 2}, ("suggest",)
    ),
    "a restore between two probes fails": Fault(
        "restore", raising(MemoryError), LosesForAWhile("History"), {"the restore between two probes": 2}, ("suggest",)
    ),
    "the stream ends early, in suggest": given(Ends(Stop.DATA_ENDED), verbs=("suggest",), data=three_batches_and_no_more),
}
