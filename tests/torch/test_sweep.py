"""The range test in a loop of the user's own."""

import random
from itertools import islice

import numpy as np
import pytest
import torch
from torch import nn
from torch_nets import OPTIMIZERS, loader, net

import lrfinder.torch
from lrfinder import LRFinder, LRFinderError, RatesError, Stop
from lrfinder.errors import EmptyDataError, LossError, ModelError
from lrfinder.torch import TorchLearner
from lrfinder.torch.inspection import fingerprint

RATES = [1e-3 * 1.2**k for k in range(40)]


class Loop:
    """A script's own loop, which calls a function in its middle."""

    def __init__(self, make_optimizer=OPTIMIZERS["Adam"], in_the_middle=None, **of_loader):
        torch.manual_seed(7)
        random.seed(7)
        np.random.seed(7)
        self.model = net()
        self.optimizer = make_optimizer(self.model.parameters())
        self.loader = loader(**of_loader)
        self.losses = []
        batches = iter(self.loader)
        for batch in islice(batches, 6):
            self.losses.append(self.train(batch).item())
        if in_the_middle is not None:
            in_the_middle(self)
        for batch in batches:
            self.losses.append(self.train(batch).item())
        for batch in self.loader:
            self.losses.append(self.train(batch).item())

    def train(self, batch):
        inputs, target = batch
        self.optimizer.zero_grad()
        loss = nn.functional.cross_entropy(self.model(inputs), target)
        loss.backward()
        self.optimizer.step()
        return loss

    def seen(self):
        return fingerprint(self.model, self.optimizer)


def a_whole_sweep(loop):
    with lrfinder.torch.sweep(loop.model, loop.optimizer) as test:
        for batch in test(loop.loader):
            test.record(loop.train(batch))
    assert len(test.result) > 20


def a_loop_that_breaks(loop):
    with lrfinder.torch.sweep(loop.model, loop.optimizer, rates=RATES) as test:
        for batch in test(loop.loader):
            test.record(loop.train(batch))
            if len(test.result) == 5:
                break
    assert (len(test.result), test.result.stop) == (5, Stop.LEFT)


def a_loop_that_raises(loop):
    with pytest.raises(RuntimeError, match="mine"), lrfinder.torch.sweep(loop.model, loop.optimizer) as test:
        for batch in test(loop.loader):
            test.record(loop.train(batch))
            if len(test.result) == 5:
                raise RuntimeError("mine")


def an_interrupt(loop):
    with pytest.raises(KeyboardInterrupt), lrfinder.torch.sweep(loop.model, loop.optimizer) as test:
        for batch in test(loop.loader):
            test.record(loop.train(batch))
            raise KeyboardInterrupt


@pytest.mark.parametrize("workers", [{}, {"num_workers": 1, "persistent_workers": True}], ids=["no workers", "workers"])
@pytest.mark.parametrize("what", [a_whole_sweep, a_loop_that_breaks, a_loop_that_raises, an_interrupt])
def test_the_loop_continues_as_if_there_had_been_no_sweep(what, workers):
    of_loader = {**workers, "generator": torch.Generator().manual_seed(3)}
    plain = Loop(**of_loader)
    with_sweep = Loop(in_the_middle=what, **{**of_loader, "generator": torch.Generator().manual_seed(3)})
    assert with_sweep.losses == plain.losses
    assert with_sweep.seen() == plain.seen()


def test_the_curve_is_that_of_a_learner():
    loop = Loop()
    found = LRFinder(TorchLearner(loop.model, loop.optimizer, nn.functional.cross_entropy, loop.loader)).find()
    with lrfinder.torch.sweep(loop.model, loop.optimizer) as test:
        for batch in test(loop.loader):
            test.record(loop.train(batch))
    assert test.result == found


def test_parameter_groups_keep_their_ratio():
    model = net()
    optimizer = torch.optim.SGD([{"params": model[0].parameters(), "lr": 0.05}, {"params": model[4].parameters()}], lr=0.1)
    seen = []
    with lrfinder.torch.sweep(model, optimizer, rates=[1.0, 2.0]) as test:
        for _ in test(loader()):
            seen.append(([group["lr"] for group in optimizer.param_groups], test.lr))
            test.record(1.0)
    assert seen == [([0.5, 1.0], 1.0), ([1.0, 2.0], 2.0)]
    assert [group["lr"] for group in optimizer.param_groups] == [0.05, 0.1]


def test_a_rate_stays_until_a_loss_is_recorded():
    loop = Loop()
    seen = []
    with lrfinder.torch.sweep(loop.model, loop.optimizer, rates=[1.0, 2.0]) as test:
        for k, _ in enumerate(test(loop.loader)):
            seen.append(loop.optimizer.param_groups[0]["lr"])
            if k % 3 == 2:
                test.record(0.5)
    assert seen == [1.0, 1.0, 1.0, 2.0, 2.0, 2.0]
    assert (len(test.result), test.result.stop) == (2, Stop.LAST_RATE)


def test_an_exception_gets_a_note_of_where_it_was_raised():
    loop = Loop()
    with pytest.raises(RuntimeError) as caught, lrfinder.torch.sweep(loop.model, loop.optimizer, rates=[0.5]) as test:
        for _ in test(loop.loader):
            raise RuntimeError
    assert caught.value.__notes__ == ["lrfinder: raised at iteration 0, learning rate 0.5."]


def test_the_attributes_of_a_stateful_object_are_restored():
    loop = Loop()
    scheduler = torch.optim.lr_scheduler.StepLR(loop.optimizer, 3)
    with lrfinder.torch.sweep(loop.model, loop.optimizer, stateful=[scheduler], rates=RATES) as test:
        for batch in test(loop.loader):
            test.record(loop.train(batch))
            scheduler.step()
    assert len(test.result) > 20
    assert (scheduler.last_epoch, loop.optimizer.param_groups[0]["lr"]) == (0, 0.01)


def test_a_second_block_of_one_sweep_has_the_same_result():
    loop = Loop()
    test = lrfinder.torch.sweep(loop.model, loop.optimizer, rates=RATES)
    results = []
    for _ in range(2):
        with test:
            for batch in test(loop.loader):
                test.record(loop.train(batch))
        results.append(test.result)
    assert results[0] == results[1]


def test_an_iterator_ends_the_sweep():
    loop = Loop()
    with lrfinder.torch.sweep(loop.model, loop.optimizer) as test:
        for batch in test(iter(loop.loader)):
            test.record(loop.train(batch))
    assert (len(test.result), test.result.stop) == (12, Stop.DATA_ENDED)


def test_a_loop_that_records_no_loss_ends_with_an_error():
    loop = Loop()
    with (
        pytest.raises(LRFinderError, match=r"call record\(loss\)"),
        lrfinder.torch.sweep(loop.model, loop.optimizer) as test,
    ):
        for _ in test(loop.loader):
            pass


def test_an_invalid_loss_is_refused():
    loop = Loop()
    with lrfinder.torch.sweep(loop.model, loop.optimizer) as test:
        with pytest.raises(LRFinderError, match="without a batch"):
            test.record(1.0)
        with pytest.raises(LRFinderError, match="no range test"):
            test.result
        for _ in test(loop.loader):
            with pytest.raises(LossError, match=r"the shape \(2,\)"):
                test.record(torch.ones(2))
            test.record(1.0)
            with pytest.raises(LRFinderError, match="once for each update"):
                test.record(1.0)
            break


def test_invalid_arguments_are_refused_before_the_block():
    loop = Loop()
    with pytest.raises(RatesError, match="lr_multiplier"):
        lrfinder.torch.sweep(loop.model, loop.optimizer, lr_multiplier=0.5)
    lazy = nn.LazyLinear(2)
    with pytest.raises(ModelError, match="call it on a batch first"):
        lrfinder.torch.sweep(lazy, torch.optim.SGD(lazy.parameters(), lr=0.1))
    test = lrfinder.torch.sweep(loop.model, loop.optimizer)
    with pytest.raises(LRFinderError, match="outside the block"):
        next(test(loop.loader))
    with pytest.raises(EmptyDataError), test:
        next(test([]))


def test_rates_from_an_iterator_are_those_of_the_block():
    loop = Loop()
    with lrfinder.torch.sweep(loop.model, loop.optimizer, rates=iter(RATES)) as test:
        for batch in test(loop.loader):
            test.record(loop.train(batch))
    assert test.result.lrs.tolist() == list(RATES)[: len(test.result)]


@pytest.mark.parametrize(
    ("name", "answer"), [("lr_strt", "lr_start"), ("min_lr", "lr_start"), ("nonsense", "lr_multiplier")]
)
def test_a_setting_of_another_name_is_refused_before_the_block(name, answer):
    model = nn.Linear(1, 1)
    with pytest.raises(TypeError, match=rf"sweep\(\) got an unexpected keyword argument '{name}'.*{answer}"):
        lrfinder.torch.sweep(model, torch.optim.SGD(model.parameters(), lr=0.1), **{name: 1.0})
