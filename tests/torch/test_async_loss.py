"""Losses that arrive late, as from an accelerator: the same records, and a learner that is where it should be."""

from itertools import count

import pytest
import torch
from torch import nn
from torch_nets import loader, net

import lrfinder.testing
from lrfinder import LRFinder
from lrfinder.torch import TorchLearner
from lrfinder.torch._async_loss import LATE, Pinned, in_order
from lrfinder.torch.testing import fingerprint


class Device:
    """A device whose clock goes on by one with each iteration; what is sent arrives ``takes`` ticks later."""

    def __init__(self, takes):
        self.takes = takes
        self.now = 0
        self.waited = 0

    def __call__(self, loss):
        self.now += 1
        return Sent(self, loss)


class Sent:
    def __init__(self, device, loss):
        self.device, self.loss, self.due = device, loss, device.now + device.takes

    def has_arrived(self):
        return self.device.now >= self.due

    def value(self):
        if not self.has_arrived():
            self.device.waited += 1
            self.device.now = self.due
        return float(self.loss)


def trained(lrs, fail_at=None):
    """An iteration that gives its number and notes its rate down."""
    numbers = count()

    def train(lr):
        lrs.append(lr)
        number = next(numbers)
        if number == fail_at:
            raise KeyError("mine")
        return torch.tensor(float(number))

    return train


@pytest.mark.parametrize("takes", [0, 1, 3, LATE, 50])
def test_all_losses_come_in_their_order_and_no_iteration_beside(takes):
    made = []
    rates = [float(k) for k in range(30)]
    assert list(in_order(trained(made), rates, Device(takes))) == rates
    assert made == rates


def test_no_loss_is_waited_for_while_the_device_is_a_few_iterations_behind():
    device = Device(takes=LATE - 1)
    losses = in_order(trained([]), range(100), device)
    for _ in range(90):
        next(losses)
    assert device.waited == 0


@pytest.mark.parametrize("takes", [0, 3, 50])
def test_iterations_run_ahead_by_a_few_at_most(takes):
    made = []
    for k, _ in enumerate(in_order(trained(made), range(100), Device(takes))):
        assert len(made) <= k + 1 + LATE


@pytest.mark.parametrize("takes", [0, 3, 50])
def test_losses_before_an_exception_are_given_out_and_then_it_is_raised(takes):
    taken = []
    with pytest.raises(KeyError, match="mine"):
        taken.extend(in_order(trained([], fail_at=12), range(30), Device(takes)))
    taken = []
    losses = in_order(trained([], fail_at=12), range(30), Device(takes))
    with pytest.raises(KeyError):
        while True:
            taken.append(next(losses))
    assert taken == list(range(12))


def test_what_is_dropped_midway_closes_and_makes_no_further_iteration():
    made = []
    losses = in_order(trained(made), range(100), Device(3))
    next(losses)
    before = len(made)
    losses.close()
    assert len(made) == before
    assert list(losses) == []


class Event:
    """Of a device that has done all at once."""

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


def test_slots_are_used_again_and_a_loss_keeps_its_value_for_as_long_as_it_may_be_under_way():
    send = Pinned(Module, torch.device("cpu"), late=3)
    sent = []
    for k in range(20):
        sent.append(send(torch.tensor([k + 0.5], dtype=torch.float16)))
        assert [one.value() for one in sent[-4:]] == [j + 0.5 for j in range(max(0, k - 3), k + 1)]


def test_a_loss_that_is_a_number_already_is_sent_too():
    assert Pinned(Module, torch.device("cpu"))(0.1).value() == 0.1


class OnDevice(TorchLearner):
    """Trains on the processor, and its losses arrive as from an accelerator."""

    def late_by(self, takes):
        self._sender = lambda: Device(takes)
        return self


def training(cls=TorchLearner):
    torch.manual_seed(0)
    model = net()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    return model, optimizer, cls(model, optimizer, nn.CrossEntropyLoss(), loader())


def test_a_learner_on_the_cpu_has_no_late_losses():
    assert training()[2].iterations is None


@pytest.mark.parametrize("takes", [0, 3, 50])
def test_a_range_test_with_late_losses_has_the_same_records_and_leaves_no_trace(takes):
    model, optimizer, learner = training()
    plain = LRFinder(learner).find()
    model, optimizer, learner = training(OnDevice)
    before = fingerprint(model, optimizer)
    late = LRFinder(learner.late_by(takes)).find()
    assert late.records == plain.records
    assert late.stop is plain.stop
    assert len(late) < 150, "it is stopped, not run to the end"
    assert fingerprint(model, optimizer) == before


@pytest.mark.parametrize("takes", [0, 3, 50])
def test_when_all_losses_were_taken_the_learner_is_where_single_iterations_leave_it(takes):
    rates = [0.01 * k for k in range(1, 25)]
    model, optimizer, learner = training()
    losses = [float(learner.iteration(lr)) for lr in rates]
    single = fingerprint(model, optimizer), float(learner.iteration(0.1))
    model, optimizer, learner = training(OnDevice)
    assert list(learner.late_by(takes).iterations(rates)) == losses
    assert (fingerprint(model, optimizer), float(learner.iteration(0.1))) == single


@pytest.mark.parametrize("takes", [0, 3, 50])
def test_a_learner_with_late_losses_obeys_the_law(takes):
    model, optimizer, learner = training(OnDevice)
    lrfinder.testing.check(learner.late_by(takes), observe=lambda: fingerprint(model, optimizer))


def test_a_restore_after_late_losses_were_dropped_midway_brings_everything_back():
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
