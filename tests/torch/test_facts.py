"""The facts that a PyTorch learner knows about its training."""

import pytest
import torch
from facts_cases import check_updates_are_seen
from torch_nets import cross_entropy, loader, net, pairs, sgd

from lrfinder import Averaged, LRFinder
from lrfinder._results.facts import TrainingFacts
from lrfinder.torch import TorchLearner

pytestmark = pytest.mark.usefixtures("seed")


def learner(optimizer=torch.optim.Adam, data=None, **settings):
    model = net()
    return TorchLearner(
        model, optimizer(model.parameters(), lr=0.01), cross_entropy, loader() if data is None else data, **settings
    )


class Adam8bit(torch.optim.Adam):
    """Named as that of bitsandbytes."""


class Lion(torch.optim.SGD):
    """Named as that of many packages."""


class Unheard(torch.optim.Adam):
    """An optimizer of no known family."""


def momentum(parameters, lr):
    return torch.optim.SGD(parameters, lr=lr, momentum=0.9)


@pytest.mark.parametrize(("optimizer", "family"), [
    (torch.optim.SGD, "sgd"), (momentum, "momentum"), (torch.optim.Adam, "adaptive"), (torch.optim.AdamW, "adaptive"),
    (torch.optim.RMSprop, "adaptive"), (torch.optim.Adagrad, "adagrad"), (Adam8bit, "adaptive"), (Lion, "sign"),
    (torch.optim.Adadelta, None), (Unheard, None),
])  # fmt: skip
def test_the_family_is_that_of_the_optimizer(optimizer, family):
    assert learner(optimizer).facts().optimizer == family


@pytest.mark.parametrize("optimizer", [torch.optim.Adam, momentum])
def test_updates_are_seen_once_there_were_some_and_not_after_a_restore(optimizer):
    check_updates_are_seen(learner(optimizer))


def test_updates_of_the_script_are_seen():
    model = net()
    optimizer = torch.optim.Adam(model.parameters())
    cross_entropy(model(torch.randn(8, 6)), torch.zeros(8, dtype=torch.long)).backward()
    optimizer.step()
    assert TorchLearner(model, optimizer, cross_entropy, loader()).facts().trained


@pytest.mark.parametrize(("data", "size"), [
    (lambda: loader(8), 8),
    (lambda: loader(96), 96),
    (lambda: [pairs(5)[:]], 5),
    (lambda: iter([pairs(5)[:]] * 3), 5),
])  # fmt: skip
def test_the_batch_size_is_that_of_the_first_batch(data, size):
    one = learner(data=data())
    one.iteration(0.01)
    assert one.facts().batch_size == size


def test_the_batch_size_of_a_dict_is_that_of_its_first_tensor():
    inputs, target = pairs(6)[:]
    model = net()
    one = TorchLearner(
        model, sgd(model), None, [{"x": inputs, "y": target}], forward=lambda m, b: cross_entropy(m(b["x"]), b["y"])
    )
    one.iteration(0.01)
    assert one.facts() == TrainingFacts("sgd", 6)


def test_a_loader_is_not_asked_for_the_batch_size():
    assert learner().facts().batch_size is None


def test_accumulated_batches_are_one():
    one = learner(accumulate=3)
    one.iteration(0.01)
    assert one.facts().batch_size == 24


def test_a_range_test_has_the_facts_from_before_it_and_the_batch_size():
    one = learner()
    finder = LRFinder(one)
    assert finder.find(max_iterations=30).settings.facts == TrainingFacts("adaptive", 8)
    assert finder.suggest(max_iterations=50).curve.settings.facts == TrainingFacts("adaptive", 8)
    one.iteration(0.01)
    assert finder.find(max_iterations=30).settings.facts == TrainingFacts("adaptive", 8, trained=True)


def test_a_wrapper_knows_what_its_learner_knows():
    one = learner()
    one.iteration(0.01)
    assert Averaged(one, 2).facts() == one.facts()
