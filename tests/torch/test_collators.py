"""Place in the data that collate functions keep: a restore and a replay return to it, or it is named."""

# These tests set and read attributes that no type declares.
# pyright: reportAttributeAccessIssue=false

import itertools
import multiprocessing
import warnings
from functools import partial

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, default_collate
from torch_nets import losses_of_pass, net, pairs, seed_everything, sgd

import lrfinder
from lrfinder import LRFinder, LRFinderWarning
from lrfinder.torch import TorchLearner

pytestmark = pytest.mark.usefixtures("seed")
COUNT = [0]
TOTAL = 0


def moved(samples, by):
    x, y = default_collate(samples)
    return x + 0.01 * float(by), y


def with_a_number():
    n = 0

    def collate(samples):
        nonlocal n
        n += 1
        return moved(samples, n)

    return collate


def with_a_dict():
    counts = {"n": 0}

    def collate(samples):
        counts["n"] += 1
        return moved(samples, counts["n"])

    return collate


def with_a_tensor_bound_again():
    mean = torch.zeros(2, 3)

    def collate(samples):
        nonlocal mean
        mean = 0.9 * mean + 1
        return moved(samples, mean.sum())

    return collate


def of_a_global(samples):
    global TOTAL  # noqa: PLW0603  (the point)
    TOTAL += 1
    COUNT[0] += 1
    return moved(samples, TOTAL + COUNT[0])


def of_an_argument(counts, samples):
    counts[0] += 1
    return moved(samples, counts[0])


def with_a_default(samples, counts=[0]):  # noqa: B006  (the point)
    counts[0] += 1
    return moved(samples, counts[0])


def with_an_attribute(samples):
    with_an_attribute.n = getattr(with_an_attribute, "n", 0) + 1
    return moved(samples, with_an_attribute.n)


def through_another():
    inner = with_a_number()
    return lambda samples: inner(samples)


class Helper:
    n = 0

    def next(self):
        self.n += 1
        return self.n


def with_an_object():
    helper = Helper()
    return lambda samples: moved(samples, helper.next())


class Collator:
    """A collator that counts in what it is made with."""

    def __init__(self, kept, count):
        self.kept, self.count = kept, count

    def __call__(self, samples):
        self.count(self)
        kept = self.kept
        return moved(samples, sum(kept.values()).sum() if isinstance(kept, dict) else kept.sum())

    collate = __call__


class CountingHelper(Collator):
    def __call__(self, samples):
        return moved(samples, self.kept.next())


def added(self):
    self.kept.add_(1)


def bound_again(self):
    self.kept = self.kept * 0.9 + 1


class Shared:
    def __init__(self, value):
        self.value = value

    def __call__(self, samples):
        self.value.value += 1
        return moved(samples, self.value.value)


class SharedData(TensorDataset):
    """A data set that counts for all processes."""

    def __init__(self, value):
        super().__init__(*pairs().tensors)
        self.value = value

    def __getitem__(self, index):
        self.value.value += 1
        x, y = super().__getitem__(index)
        return x + 0.001 * self.value.value, y


class SharedArrayData(SharedData):
    def __getitem__(self, index):
        self.value[1] += 1
        x, y = TensorDataset.__getitem__(self, index)
        return x + 0.001 * self.value[1], y


class SharedInAClosure:
    def __new__(cls):
        value = multiprocessing.Value("d", 0.0)

        def collate(samples):
            value.value += 1.5
            return moved(samples, value.value)

        return collate


def collated(collate):
    return lambda: DataLoader(pairs(), batch_size=8, collate_fn=collate())


def over(data_set):
    return lambda: DataLoader(data_set(), batch_size=8)


LOADERS = {
    "a number in a closure": collated(with_a_number),
    "a dict in a closure": collated(with_a_dict),
    "a tensor bound again in a closure": collated(with_a_tensor_bound_again),
    "globals": collated(lambda: of_a_global),
    "an argument": collated(lambda: partial(of_an_argument, [0])),
    "a default": collated(lambda: partial(with_a_default)),
    "an attribute of a function": collated(lambda: with_an_attribute),
    "a function in a closure": collated(through_another),
    "an object in a closure": collated(with_an_object),
    "a method": collated(lambda: Collator(torch.zeros(()), added).collate),
    "a tensor without axes": collated(lambda: Collator(torch.zeros(()), added)),
    "a tensor with axes": collated(lambda: Collator(torch.zeros(2, 3), added)),
    "a tensor bound again": collated(lambda: Collator(torch.zeros(2, 3), bound_again)),
    "tensors in a dict": collated(lambda: Collator({"a": torch.zeros(2)}, lambda self: self.kept["a"].add_(1))),
    "an object in an object": collated(lambda: CountingHelper(Helper(), None)),
    "a shared value": collated(lambda: Shared(multiprocessing.Value("i", 0))),
    "a shared value without a lock": collated(lambda: Shared(multiprocessing.Value("i", 0, lock=False))),
    "a shared value in a closure": collated(SharedInAClosure),
    "a shared value in a data set": over(lambda: SharedData(multiprocessing.Value("i", 0))),
    "a shared array in a data set": over(lambda: SharedArrayData(multiprocessing.Array("l", 3))),
}


def training(name, replay_bytes=1 << 30):
    """Return a training from the start, and its loader."""
    global TOTAL
    TOTAL, COUNT[0], with_a_default.__defaults__[0][0] = 0, 0, 0
    vars(with_an_attribute).clear()
    seed_everything()
    model, loader = net(), LOADERS[name]()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    learner = TorchLearner(model, optimizer, nn.CrossEntropyLoss(), loader, replay_bytes=replay_bytes)
    return model, optimizer, loader, learner


@pytest.mark.parametrize("name", LOADERS)
def test_a_training_goes_on_as_if_the_search_had_never_run(name):
    expected, losses = [], []
    for found in (expected, losses):
        model, optimizer, loader, learner = training(name)
        found.extend(losses_of_pass(model, optimizer, loader))
        if found is losses:
            LRFinder(learner).find(rates=[1e-3] * 30)
            LRFinder(learner).compare([0.01, 0.1], 15)
        found.extend(learner.iteration(0.05) for _ in range(3))
        found.extend(losses_of_pass(model, optimizer, loader))
    assert losses == expected


@pytest.mark.parametrize("replay_bytes", [1 << 30, 0])
@pytest.mark.parametrize("name", LOADERS)
def test_the_check_finds_no_fault_in(name, replay_bytes):
    *_, learner = training(name, replay_bytes)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check = lrfinder.check(learner)
    assert check.ok, str(check)


def in_a_closure(kept):
    return lambda samples: moved(samples, next(kept))


class Drawing:
    def __init__(self, kept):
        self.kept = kept

    def __call__(self, samples):
        return moved(samples, next(self.kept))


ITERATORS = {
    "a count in a closure": lambda: in_a_closure(itertools.count()),
    "a generator in a closure": lambda: in_a_closure(k for k in range(10_000)),
    "a count in an object": lambda: Drawing(itertools.count()),
    "a generator in an object": lambda: Drawing(k for k in range(10_000)),
    "a cycle in an argument": lambda: partial(lambda kept, samples: moved(samples, next(kept)), itertools.cycle([1, 2, 3])),
}


@pytest.mark.parametrize("name", ITERATORS)
def test_an_iterator_that_makes_batches_is_named_and_the_check_reports_it(name):
    model, data = net(), DataLoader(pairs(), batch_size=8, collate_fn=ITERATORS[name]())
    with pytest.warns(LRFinderWarning, match=r"holds .*(kept|argument).*, an iterator"):
        learner = TorchLearner(model, sgd(model), nn.CrossEntropyLoss(), data)
    check = lrfinder.check(learner)
    assert any("kept" in name or "argument" in name for name in check.lost), str(check)


class Held:
    """A collator that counts in another process."""

    def __init__(self, manager):
        self.kept = manager.Value("i", 0)

    def __call__(self, samples):
        self.kept.value += 1
        return moved(samples, self.kept.value)


def test_a_value_of_another_process_is_named_and_the_check_reports_it():
    with multiprocessing.Manager() as manager:
        model, data = net(), DataLoader(pairs(), batch_size=8, collate_fn=Held(manager))
        with pytest.warns(LRFinderWarning, match="holds kept, an iterator or an object of another process"):
            learner = TorchLearner(model, sgd(model), nn.CrossEntropyLoss(), data)
        assert any("kept" in name for name in lrfinder.check(learner).lost)


class Script:
    """A script as one object, whose collate function is one of its methods."""

    def __init__(self):
        self.seen = 0
        self.losses = iter([])  # of another method
        self.loader = DataLoader(pairs(), batch_size=8, collate_fn=self.collate)

    def collate(self, samples):
        self.seen += 1
        return default_collate(samples)


def test_an_iterator_that_other_methods_use_gives_no_warning():
    script = Script()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = net()
        script.learner = TorchLearner(model, sgd(model), nn.CrossEntropyLoss(), script.loader)
        script.learner.find(max_iterations=20)
    assert script.seen == 0
