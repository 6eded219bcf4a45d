"""The validation loss of a PyTorch model."""

import random

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader
from torch_nets import cross_entropy, equal, loader, net, pairs, seed_everything, sgd, weights

from lrfinder import LRFinder, Validated
from lrfinder.errors import BatchError, DataError, EmptyDataError, LossError
from lrfinder.torch import TorchLearner, mean_loss
from lrfinder.torch._randomness import global_generators


@pytest.fixture
def model():
    seed_everything()
    return net()


def whole(model, loss_fn=cross_entropy):
    """Return the loss of all validation examples as one batch, in evaluation mode."""
    inputs, targets = pairs().tensors
    model.eval()
    with torch.no_grad():
        loss = loss_fn(model(inputs), targets).item()
    model.train()
    return loss


@pytest.mark.parametrize("size", [96, 32, 40, 95, 1], ids="batches of {}".format)
def test_it_is_the_mean_over_the_examples_whatever_the_size_of_the_last_batch(model, size):
    assert mean_loss(model, cross_entropy, loader(size))() == pytest.approx(whole(model), rel=1e-6)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_it_is_the_mean_whatever_the_reduction_of_the_loss(model, reduction):
    loss_fn = nn.CrossEntropyLoss(reduction=reduction)
    assert mean_loss(model, loss_fn, loader(40))() == pytest.approx(whole(model), rel=1e-6)


def test_it_reads_the_first_batches_where_a_number_is_given(model):
    given, targets = pairs()[:16]
    model.eval()
    expected = cross_entropy(model(given), targets).item()
    assert mean_loss(model, cross_entropy, loader(8, shuffle=False), 2)() == pytest.approx(expected, rel=1e-6)


def test_another_kind_of_batch_is_given_to_forward(model):
    data = [{"x": x, "y": y} for x, y in loader(40)]
    evaluate = mean_loss(model, None, data, forward=lambda model, batch: cross_entropy(model(batch["x"]), batch["y"]))
    assert evaluate() == pytest.approx(whole(model), rel=1e-6)


@pytest.mark.parametrize("workers", [0, 1])
def test_modes_random_numbers_weights_and_gradients_stay_as_they_were(model, workers):
    model[1].eval()
    modes, before = [part.training for part in model.modules()], weights(model)
    statistics = model[1].running_mean.clone()
    states = [generator.get() for generator in global_generators()]
    mean_loss(model, cross_entropy, loader(8, num_workers=workers), 2)()
    assert [part.training for part in model.modules()] == modes
    assert [generator.get() for generator in global_generators()] == states
    assert equal(weights(model), before)
    assert torch.equal(model[1].running_mean, statistics)
    assert all(parameter.grad is None for parameter in model.parameters())


def test_modes_and_random_numbers_come_back_after_an_exception(model):
    modes, drawn = [part.training for part in model.modules()], random.getstate()

    def broken(output, target):
        random.random()
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        mean_loss(model, broken, loader())()
    assert [part.training for part in model.modules()] == modes
    assert random.getstate() == drawn


def test_every_call_reads_the_same_batches_of_a_loader_that_shuffles(model):
    evaluate = mean_loss(model, cross_entropy, loader(), 2)
    first = evaluate()
    torch.rand(5), np.random.rand(5)
    assert evaluate() == first
    assert mean_loss(model, cross_entropy, loader(), 2)() != first


def test_a_training_with_a_validation_loss_leaves_no_trace(model):
    optimizer, data = sgd(model, momentum=0.9), loader()
    before, states = weights(model), [generator.get() for generator in global_generators()]
    validated = Validated(TorchLearner(model, optimizer, cross_entropy, data), mean_loss(model, cross_entropy, loader(40)))
    curve = LRFinder(validated).find(max_iterations=12)
    assert curve.losses[0] == pytest.approx(whole(model), rel=1e-6)
    assert len(set(curve.losses.tolist())) > 6
    assert equal(weights(model), before)
    assert [generator.get() for generator in global_generators()] == states


def test_the_training_is_the_same_with_a_validation_loss_as_without(model):
    def trained(wrap):
        seed_everything()
        own = net()
        learner = wrap(own, TorchLearner(own, sgd(own), cross_entropy, loader()))
        for _ in range(5):
            learner.iteration(0.1)
        return weights(own)

    plain = trained(lambda model, learner: learner)
    assert equal(trained(lambda model, learner: Validated(learner, mean_loss(model, cross_entropy, loader(32), 2))), plain)


@pytest.mark.parametrize("data", [iter([]), (pair for pair in ()), 5], ids=["iterator", "generator", "number"])
def test_data_that_can_be_read_once_are_refused_at_once(model, data):
    with pytest.raises(DataError, match="cannot be read at every rate; give a DataLoader"):
        mean_loss(model, cross_entropy, data)


def test_what_cannot_be_evaluated_is_refused_with_a_reason(model):
    with pytest.raises(DataError, match="batches is 0"):
        mean_loss(model, cross_entropy, loader(), 0)
    with pytest.raises(LossError, match="no forward"):
        mean_loss(model, None, loader())
    with pytest.raises(EmptyDataError, match="hold no batch"):
        mean_loss(model, cross_entropy, [])()
    with pytest.raises(BatchError, match="a tuple of 3"):
        mean_loss(model, cross_entropy, [(1, 2, 3)])()
    with pytest.raises(LossError, match="is a NoneType"):
        mean_loss(model, lambda *_: None, DataLoader(pairs(), 8))()
