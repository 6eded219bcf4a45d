"""Tests of the batch sampler of the tutorial."""

import random

import numpy as np
import pytest

import lrfinder.testing
from lrfinder import LRFinder
from lrfinder.errors import DataError, EmptyDataError

pytest.importorskip("mxnet", reason="the session oldest has it")
from gluon_nets import X, Y, make_net, make_trainer, mx, seeded

from lrfinder.gluon import ContinuousBatchSampler, GluonLearner


def test_a_batch_spans_the_end_of_a_pass():
    batches = iter(ContinuousBatchSampler([0, 1, 2], 2))
    assert [next(batches) for _ in range(4)] == [[0, 1], [2, 0], [1, 2], [0, 1]]


def test_the_sampler_is_iterated_again_for_each_pass():
    class Sampler:
        passes = 0

        def __iter__(self):
            self.passes += 1
            return iter([self.passes] * 2)

    batches = iter(ContinuousBatchSampler(Sampler(), 4))
    assert [next(batches), next(batches)] == [[1, 1, 2, 2], [3, 3, 4, 4]]


def test_a_batch_may_be_larger_than_the_data():
    assert next(iter(ContinuousBatchSampler([0, 1], 5))) == [0, 1, 0, 1, 0]


def test_an_empty_sampler_and_a_batch_size_of_zero_are_refused():
    with pytest.raises(EmptyDataError, match="no index"):
        next(iter(ContinuousBatchSampler([], 2)))
    with pytest.raises(DataError, match="at least 1"):
        ContinuousBatchSampler([0], 0)


def test_a_loader_accepts_the_sampler():
    data = mx.gluon.data.ArrayDataset(X, Y)
    sampler = ContinuousBatchSampler(mx.gluon.data.RandomSampler(len(data)), 32)
    learner = GluonLearner(make_net(), mx.gluon.data.DataLoader(data, batch_sampler=sampler))
    assert len(LRFinder(learner).find(rates=[1e-3] * 12)) == 12


class ShufflingInPlace:
    """A batch sampler that shuffles its own list of batches in place, and an array in it."""

    def __init__(self):
        self.batches = [list(range(k, k + 30)) for k in range(0, 150, 30)]
        self.order = np.arange(30)

    def __iter__(self):
        random.shuffle(self.batches)
        np.random.shuffle(self.order)
        for batch in self.batches:
            yield [batch[k] for k in self.order[:20]]

    def __len__(self):
        return len(self.batches)


@pytest.mark.parametrize("replay_bytes", [1 << 30, 10_000])
def test_a_sampler_that_shuffles_its_lists_in_place_comes_back(replay_bytes):
    random.seed(0)
    seeded()
    sampler = ShufflingInPlace()
    data = mx.gluon.data.DataLoader(mx.gluon.data.ArrayDataset(X, Y), batch_sampler=sampler)
    net = make_net()
    learner = GluonLearner(net, data, trainer=make_trainer(net), replay_bytes=replay_bytes)
    lrfinder.testing.check_time_repeats(learner, [1e-3] * 12)
    before = [list(batch) for batch in sampler.batches], sampler.order.tolist()
    LRFinder(learner).find(rates=[1e-3] * 12)
    assert (sampler.batches, sampler.order.tolist()) == before


class SameMemory:
    """Data that write each batch into the same arrays."""

    def __iter__(self):
        x, y = mx.np.zeros((30, *X.shape[1:])), mx.np.zeros(30, dtype="int32")
        for k in range(0, 150, 30):
            x[:], y[:] = mx.np.array(X[k : k + 30]), mx.np.array(Y[k : k + 30])
            yield x, y


class InPlace(GluonLearner):
    """A learner whose step changes its batch in place."""

    def _backward(self, data, label):
        losses = super()._backward(data, label)
        data[:] = 0
        return losses


@pytest.mark.parametrize("kind", [GluonLearner, InPlace])
def test_memory_that_is_used_again_and_batches_changed_in_place_change_nothing(kind):
    found = []
    own = [(mx.np.array(X[k : k + 30]), mx.np.array(Y[k : k + 30])) for k in range(0, 150, 30)]
    for data, one in ((own, GluonLearner), (SameMemory(), kind), (own, kind)):
        seeded()
        net = make_net()
        learner = one(net, data, trainer=make_trainer(net))
        compared = LRFinder(learner).compare([0.01, 0.01, 0.1], 8)
        found.append(compared.losses.tolist())
    assert found[0] == found[1] == found[2]
