"""The range test in a loop of one's own."""

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
    """A script's own loop, with a place in its middle for something else."""

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
    with lrfinder.torch.sweep(loop.model, loop.optimizer) as sweep:
        for batch in sweep(loop.loader):
            sweep.record(loop.train(batch))
    assert len(sweep.result) > 20


def a_loop_that_breaks_off(loop):
    with lrfinder.torch.sweep(loop.model, loop.optimizer, rates=RATES) as sweep:
        for batch in sweep(loop.loader):
            sweep.record(loop.train(batch))
            if len(sweep.result) == 5:
                break
    assert (len(sweep.result), sweep.result.stop) == (5, Stop.LEFT)


def a_loop_that_raises(loop):
    with pytest.raises(RuntimeError, match="mine"), lrfinder.torch.sweep(loop.model, loop.optimizer) as sweep:
        for batch in sweep(loop.loader):
            sweep.record(loop.train(batch))
            if len(sweep.result) == 5:
                raise RuntimeError("mine")


def an_interrupt(loop):
    with pytest.raises(KeyboardInterrupt), lrfinder.torch.sweep(loop.model, loop.optimizer) as sweep:
        for batch in sweep(loop.loader):
            sweep.record(loop.train(batch))
            raise KeyboardInterrupt


@pytest.mark.parametrize("workers", [{}, {"num_workers": 1, "persistent_workers": True}], ids=["no workers", "workers"])
@pytest.mark.parametrize("what", [a_whole_sweep, a_loop_that_breaks_off, a_loop_that_raises, an_interrupt])
def test_the_loop_goes_on_as_if_there_had_been_no_sweep(what, workers):
    of_loader = {**workers, "generator": torch.Generator().manual_seed(3)}
    plain = Loop(**of_loader)
    with_sweep = Loop(in_the_middle=what, **{**of_loader, "generator": torch.Generator().manual_seed(3)})
    assert with_sweep.losses == plain.losses
    assert with_sweep.seen() == plain.seen()


def test_the_curve_is_the_one_that_a_learner_finds():
    loop = Loop()
    found = LRFinder(TorchLearner(loop.model, loop.optimizer, nn.functional.cross_entropy, loop.loader)).find()
    with lrfinder.torch.sweep(loop.model, loop.optimizer) as sweep:
        for batch in sweep(loop.loader):
            sweep.record(loop.train(batch))
    assert sweep.result == found


def test_parameter_groups_keep_their_ratio():
    model = net()
    optimizer = torch.optim.SGD([{"params": model[0].parameters(), "lr": 0.05}, {"params": model[4].parameters()}], lr=0.1)
    seen = []
    with lrfinder.torch.sweep(model, optimizer, rates=[1.0, 2.0]) as sweep:
        for _ in sweep(loader()):
            seen.append(([group["lr"] for group in optimizer.param_groups], sweep.lr))
            sweep.record(1.0)
    assert seen == [([0.5, 1.0], 1.0), ([1.0, 2.0], 2.0)]
    assert [group["lr"] for group in optimizer.param_groups] == [0.05, 0.1]


def test_a_rate_stays_until_a_loss_is_recorded():
    loop = Loop()
    seen = []
    with lrfinder.torch.sweep(loop.model, loop.optimizer, rates=[1.0, 2.0]) as sweep:
        for k, _ in enumerate(sweep(loop.loader)):
            seen.append(loop.optimizer.param_groups[0]["lr"])
            if k % 3 == 2:
                sweep.record(0.5)
    assert seen == [1.0, 1.0, 1.0, 2.0, 2.0, 2.0]
    assert (len(sweep.result), sweep.result.stop) == (2, Stop.LAST_RATE)


def test_an_exception_is_told_where_it_was_raised():
    loop = Loop()
    with pytest.raises(RuntimeError) as caught, lrfinder.torch.sweep(loop.model, loop.optimizer, rates=[0.5]) as sweep:
        for _ in sweep(loop.loader):
            raise RuntimeError
    assert caught.value.__notes__ == ["lrfinder: raised at iteration 0, learning rate 0.5."]


def test_an_objects_attributes_come_back_where_it_is_named():
    loop = Loop()
    scheduler = torch.optim.lr_scheduler.StepLR(loop.optimizer, 3)
    with lrfinder.torch.sweep(loop.model, loop.optimizer, stateful=[scheduler], rates=RATES) as sweep:
        for batch in sweep(loop.loader):
            sweep.record(loop.train(batch))
            scheduler.step()
    assert len(sweep.result) > 20
    assert (scheduler.last_epoch, loop.optimizer.param_groups[0]["lr"]) == (0, 0.01)


def test_a_second_block_of_one_sweep_finds_the_same():
    loop = Loop()
    sweep = lrfinder.torch.sweep(loop.model, loop.optimizer, rates=RATES)
    results = []
    for _ in range(2):
        with sweep:
            for batch in sweep(loop.loader):
                sweep.record(loop.train(batch))
        results.append(sweep.result)
    assert results[0] == results[1]


def test_an_iterator_ends_the_sweep():
    loop = Loop()
    with lrfinder.torch.sweep(loop.model, loop.optimizer) as sweep:
        for batch in sweep(iter(loop.loader)):
            sweep.record(loop.train(batch))
    assert (len(sweep.result), sweep.result.stop) == (12, Stop.DATA_ENDED)


def test_a_loop_that_records_no_loss_is_ended_with_an_error():
    loop = Loop()
    with (
        pytest.raises(LRFinderError, match=r"call record\(loss\)"),
        lrfinder.torch.sweep(loop.model, loop.optimizer) as sweep,
    ):
        for _ in sweep(loop.loader):
            pass


def test_what_cannot_be_a_loss_is_refused():
    loop = Loop()
    with lrfinder.torch.sweep(loop.model, loop.optimizer) as sweep:
        with pytest.raises(LRFinderError, match="without a batch"):
            sweep.record(1.0)
        with pytest.raises(LRFinderError, match="no range test"):
            sweep.result
        for _ in sweep(loop.loader):
            with pytest.raises(LossError, match=r"the shape \(2,\)"):
                sweep.record(torch.ones(2))
            sweep.record(1.0)
            with pytest.raises(LRFinderError, match="once for each update"):
                sweep.record(1.0)
            break


def test_what_makes_no_sweep_is_refused_before_anything_happens():
    loop = Loop()
    with pytest.raises(RatesError, match="lr_multiplier"):
        lrfinder.torch.sweep(loop.model, loop.optimizer, lr_multiplier=0.5)
    lazy = nn.LazyLinear(2)
    with pytest.raises(ModelError, match="call it on a batch first"):
        lrfinder.torch.sweep(lazy, torch.optim.SGD(lazy.parameters(), lr=0.1))
    sweep = lrfinder.torch.sweep(loop.model, loop.optimizer)
    with pytest.raises(LRFinderError, match="outside the block"):
        next(sweep(loop.loader))
    with pytest.raises(EmptyDataError), sweep:
        next(sweep([]))


def test_rates_that_can_be_iterated_only_once_are_those_of_the_block():
    loop = Loop()
    with lrfinder.torch.sweep(loop.model, loop.optimizer, rates=iter(RATES)) as sweep:
        for batch in sweep(loop.loader):
            sweep.record(loop.train(batch))
    assert sweep.result.lrs.tolist() == list(RATES)[: len(sweep.result)]
