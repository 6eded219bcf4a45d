"""Losses that arrive late, as from an accelerator: the same records and the same state of the learner."""

# These tests add attributes to the objects of frameworks.
# pyright: reportAttributeAccessIssue=false

from itertools import count

import pytest
import torch
from torch import nn
from torch_nets import loader, net

import lrfinder.testing
from lrfinder import LRFinder
from lrfinder.torch import TorchLearner
from lrfinder.torch._async_loss import MAX_LATE_ITERATIONS, LossTransfer, losses_in_order
from lrfinder.torch.inspection import fingerprint


class Device:
    """A device whose clock advances by one per iteration; a loss arrives ``delay`` ticks after it was sent."""

    def __init__(self, delay):
        self.delay = delay
        self.now = 0
        self.waited = 0

    def __call__(self, loss):
        self.now += 1
        return Sent(self, loss)


class Sent:
    def __init__(self, device, loss):
        self.device, self.loss, self.due = device, loss, device.now + device.delay

    def has_arrived(self):
        return self.device.now >= self.due

    def value(self):
        if not self.has_arrived():
            self.device.waited += 1
            self.device.now = self.due
        return float(self.loss)


def numbered(lrs, fail_at=None):
    """Return an iteration whose loss is its number, and which appends its rate to ``lrs``."""
    numbers = count()

    def train(lr):
        lrs.append(lr)
        number = next(numbers)
        if number == fail_at:
            raise KeyError("mine")
        return torch.tensor(float(number))

    return train


@pytest.mark.parametrize("delay", [0, 1, 3, MAX_LATE_ITERATIONS, 50])
def test_all_losses_come_in_order_and_no_further_iteration_runs(delay):
    trained = []
    rates = [float(k) for k in range(30)]
    assert list(losses_in_order(numbered(trained), rates, Device(delay))) == rates
    assert trained == rates


def test_no_loss_is_waited_for_while_the_device_is_a_few_iterations_behind():
    device = Device(delay=MAX_LATE_ITERATIONS - 1)
    losses = losses_in_order(numbered([]), range(100), device)
    for _ in range(90):
        next(losses)
    assert device.waited == 0


@pytest.mark.parametrize("delay", [0, 3, 50])
def test_iterations_run_ahead_by_a_few_at_most(delay):
    trained = []
    for k, _ in enumerate(losses_in_order(numbered(trained), range(100), Device(delay))):
        assert len(trained) <= k + 1 + MAX_LATE_ITERATIONS


@pytest.mark.parametrize("delay", [0, 3, 50])
def test_losses_before_an_exception_are_yielded_and_then_it_is_raised(delay):
    losses_read = []
    with pytest.raises(KeyError, match="mine"):
        losses_read.extend(losses_in_order(numbered([], fail_at=12), range(30), Device(delay)))
    losses_read = []
    losses = losses_in_order(numbered([], fail_at=12), range(30), Device(delay))
    with pytest.raises(KeyError):
        while True:
            losses_read.append(next(losses))
    assert losses_read == list(range(12))


def test_a_generator_that_is_closed_midway_trains_no_further_iteration():
    trained = []
    losses = losses_in_order(numbered(trained), range(100), Device(3))
    next(losses)
    before = len(trained)
    losses.close()
    assert len(trained) == before
    assert list(losses) == []


class Event:
    """An event of a device that finishes everything at once."""

    def record(self, stream):
        self.recorded = stream

    def query(self):
        return True

    def synchronize(self):
        assert self.recorded == "stream"


class Module:
    Event = Event

    @staticmethod
    def current_stream(device):
        return "stream"


def test_a_reused_slot_does_not_change_a_loss_that_may_still_be_pending():
    send = LossTransfer(Module, torch.device("cpu"), max_late=3)
    sent = []
    for k in range(20):
        sent.append(send(torch.tensor([k + 0.5], dtype=torch.float16)))
        assert [one.value() for one in sent[-4:]] == [j + 0.5 for j in range(max(0, k - 3), k + 1)]


def test_a_loss_that_is_a_float_is_sent_too():
    assert LossTransfer(Module, torch.device("cpu"))(0.1).value() == 0.1


class OnDevice(TorchLearner):
    """Learner on the CPU whose losses arrive as from an accelerator."""

    def late_by(self, delay):
        self._loss_sender = lambda: Device(delay)
        return self


def training(cls=TorchLearner):
    torch.manual_seed(0)
    model = net()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    return model, optimizer, cls(model, optimizer, nn.CrossEntropyLoss(), loader())


def test_a_learner_on_the_cpu_has_no_late_losses():
    assert training()[2].iterations([0.1]) is None


@pytest.mark.parametrize("delay", [0, 3, 50])
def test_a_range_test_with_late_losses_has_the_same_records_and_leaves_no_trace(delay):
    model, optimizer, learner = training()
    plain = LRFinder(learner).find()
    model, optimizer, learner = training(OnDevice)
    before = fingerprint(model, optimizer)
    late = LRFinder(learner.late_by(delay)).find()
    assert late.records == plain.records
    assert late.stop is plain.stop
    assert len(late) < 150, "it is stopped, not run to the end"
    assert fingerprint(model, optimizer) == before


@pytest.mark.parametrize("delay", [0, 3, 50])
def test_after_the_last_loss_the_learner_is_in_the_state_that_single_iterations_reach(delay):
    rates = [0.01 * k for k in range(1, 25)]
    model, optimizer, learner = training()
    losses = [float(learner.iteration(lr)) for lr in rates]
    single = fingerprint(model, optimizer), float(learner.iteration(0.1))
    model, optimizer, learner = training(OnDevice)
    assert list(learner.late_by(delay).iterations(rates)) == losses
    assert (fingerprint(model, optimizer), float(learner.iteration(0.1))) == single


@pytest.mark.parametrize("delay", [0, 3, 50])
def test_a_learner_with_late_losses_obeys_the_law(delay):
    model, optimizer, learner = training(OnDevice)
    lrfinder.testing.check(learner.late_by(delay), observe=lambda: fingerprint(model, optimizer))


def test_a_restore_in_the_middle_of_late_losses_restores_everything():
    model, optimizer, learner = training(OnDevice)
    learner.late_by(5)
    learner.iteration(0.1)
    state, before = learner.snapshot(), fingerprint(model, optimizer)
    losses = learner.iterations([0.1] * 20)
    first = [next(losses) for _ in range(4)]
    del losses
    learner.restore(state)
    assert fingerprint(model, optimizer) == before
    assert [float(learner.iteration(0.1)) for _ in range(4)] == first
