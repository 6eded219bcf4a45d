"""Tests of the batch sampler of the tutorial."""

import pytest

from lrfinder import LRFinder
from lrfinder.errors import DataError, EmptyDataError

pytest.importorskip("mxnet", reason="the session oldest has it")
from gluon_nets import X, Y, make_net, mx

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
