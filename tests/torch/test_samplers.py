"""Samplers that keep their place in lists and arrays: a restore and a replay return to it, and a training goes on."""

# These tests set and read attributes that no type declares.
# pyright: reportAttributeAccessIssue=false

import array
import itertools
import random
import warnings
from collections import deque

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import BatchSampler, DataLoader, IterableDataset, Sampler
from torch_nets import losses_of_pass, net, pairs, seed_everything

import lrfinder.testing
from lrfinder import LRFinder, LRFinderWarning
from lrfinder._state.place_bindings import Bindings
from lrfinder.torch import TorchLearner
from lrfinder.torch.inspection import fingerprint


class ShufflingInPlace:
    """A batch sampler, of no class of PyTorch, that shuffles its batches and the indices in them in place."""

    def __init__(self, count=96):
        self.batches = [list(range(k, k + 8)) for k in range(0, count, 8)]

    def __iter__(self):
        random.shuffle(self.batches)
        for batch in self.batches:
            random.shuffle(batch)
        return iter(self.batches)

    def __len__(self):
        return len(self.batches)


class Popping(Sampler):
    """A batch sampler that removes what it gives out, and fills its list when it is empty."""

    def __init__(self):
        self.left = []

    def __iter__(self):
        while True:
            if not self.left:
                self.left.extend(random.sample(range(96), 96))
            yield [self.left.pop() for _ in range(8)]

    def __len__(self):
        return 12


class Curriculum(Sampler):
    """A sampler that lowers the weight of what it has drawn, in an array of numpy or a tensor."""

    def __init__(self, weights):
        self.weights = weights

    def __iter__(self):
        for _ in range(12):
            total = np.asarray(self.weights.tolist())
            chosen = np.random.choice(96, 8, replace=False, p=total / total.sum())
            for index in chosen:
                self.weights[int(index)] *= 0.5
            yield chosen.tolist()

    def __len__(self):
        return 12


class Buckets(Sampler):
    """Buckets of indices by length: arrays in a dict of lists, shuffled in place."""

    def __init__(self):
        self.buckets = {length: [np.arange(48) + 48 * length] for length in range(2)}

    def __iter__(self):
        for arrays in self.buckets.values():
            for one in arrays:
                np.random.shuffle(one)
        for k in range(0, 48, 8):
            yield from (arrays[0][k : k + 8].tolist() for arrays in self.buckets.values())

    def __len__(self):
        return 12


class Rotating(Sampler):
    """A sampler that moves the indices of a deque or an array around within a pass."""

    def __init__(self, kind):
        self.indices = kind(range(96))

    def __iter__(self):
        for _ in range(96):
            first = self.indices.pop()
            yield first
            if isinstance(self.indices, deque):
                self.indices.appendleft(first)
            else:
                self.indices.insert(random.randrange(9), first)

    def __len__(self):
        return 96


class Without(Sampler):
    """A sampler that leaves out what a set holds, and adds to it."""

    def __init__(self):
        self.used = set()

    def __iter__(self):
        for _ in range(96):
            self.used = self.used if len(self.used) < 90 else set()
            index = random.choice(sorted(set(range(96)) - self.used))
            self.used.add(index)
            yield index

    def __len__(self):
        return 96


class ShufflingItself(IterableDataset):
    """An iterable data set that shuffles its own index tensor in place."""

    def __init__(self):
        self.order = torch.arange(96)
        self.names = [str(k) for k in range(96)]
        self.pairs = pairs()

    def __iter__(self):
        self.order[:] = self.order[torch.randperm(96)]
        random.shuffle(self.names)
        for k, name in zip(self.order.tolist(), self.names, strict=True):
            x, y = self.pairs[k]
            yield x + 0.1 * int(name), y


class FromMemory:
    """A loader that is its own iterator: ``iter()`` starts its pass again, and shuffles."""

    def __init__(self, shuffle, count=96):
        self.x, self.y = pairs(count).tensors
        self.shuffle = shuffle

    def __iter__(self):
        self.shuffle(self)
        self.start = 0
        return self

    def __next__(self):
        if self.start >= len(self.x):
            raise StopIteration
        part = slice(self.start, self.start + 8)
        self.start += 8
        return self.x[part], self.y[part]


class FromATuple(FromMemory):
    def __init__(self, shuffle):
        super().__init__(shuffle)
        self.tensors = self.x, self.y

    def __next__(self):
        self.x, self.y = self.tensors
        return super().__next__()


class OfIndices(FromMemory):
    def __next__(self):
        super().__next__()
        rows = self.order[self.start - 8 : self.start]
        return self.x[rows], self.y[rows]


def permuted(loader):
    order = torch.randperm(96)
    loader.x, loader.y = loader.x[order], loader.y[order]


def permuted_together(loader):
    order = torch.randperm(96)
    loader.tensors = tuple(tensor[order] for tensor in loader.tensors)


def drawn(loader):
    loader.order = torch.randperm(96)


def over(batch_sampler):
    return lambda: DataLoader(pairs(), batch_sampler=batch_sampler())


LOADERS = {
    "lists shuffled in place": over(ShufflingInPlace),
    "a list that is popped": over(Popping),
    "weights in an array": over(lambda: Curriculum(np.ones(96))),
    "weights in a tensor": over(lambda: Curriculum(torch.ones(96))),
    "arrays in lists in a dict": over(Buckets),
    "a deque, in a sampler in a sampler": over(lambda: BatchSampler(Rotating(deque), 8, drop_last=False)),
    "an array of Python": lambda: DataLoader(pairs(), batch_size=8, sampler=Rotating(lambda k: array.array("i", k))),
    "a set": lambda: DataLoader(pairs(), batch_size=8, sampler=Without()),
    "an iterable data set": lambda: DataLoader(ShufflingItself(), batch_size=8),
    "an iterator in order": lambda: FromMemory(id),
    "an iterator with shuffled tensors": lambda: FromMemory(permuted),
    "an iterator with a shuffled tuple of tensors": lambda: FromATuple(permuted_together),
    "an iterator with shuffled indices": lambda: OfIndices(drawn),
}


def training(loader, replay_bytes=1 << 30):
    seed_everything()
    model = net()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    return model, optimizer, TorchLearner(model, optimizer, nn.CrossEntropyLoss(), loader, replay_bytes=replay_bytes)


def own_loop(model, optimizer, loader, count):
    """Train as a script does, pass after pass; return the losses."""
    passes = (losses_of_pass(model, optimizer, loader) for _ in itertools.count())
    return list(itertools.islice(itertools.chain.from_iterable(passes), count))


@pytest.mark.parametrize("name", LOADERS)
def test_a_training_goes_on_as_if_the_search_had_never_run(name):
    expected, losses = [], []
    for found in (expected, losses):
        loader = LOADERS[name]()
        model, optimizer, learner = training(loader)
        found.extend(own_loop(model, optimizer, loader, 5))
        if found is losses:
            finder = LRFinder(learner)
            finder.find(rates=[1e-3] * 30)
            finder.suggest(horizon=20, max_iterations=200)
            finder.compare([0.01, 0.1], 15)
        found.extend(own_loop(model, optimizer, loader, 30))
    assert losses == expected


@pytest.mark.parametrize("replay_bytes", [1 << 30, 500, 0])
@pytest.mark.parametrize("name", LOADERS)
def test_a_sampler_with_a_place_in_containers_obeys_the_law(name, replay_bytes):
    model, optimizer, learner = training(LOADERS[name](), replay_bytes)
    lrfinder.testing.check(learner, observe=lambda: fingerprint(model, optimizer))


@pytest.mark.parametrize("name", LOADERS)
def test_a_training_with_the_learner_goes_on_beyond_what_is_replayed(name):
    expected, losses = [], []
    for found in (expected, losses):
        loader = LOADERS[name]()
        model, optimizer, learner = training(loader)
        found.extend(learner.iteration(0.05) for _ in range(5))
        if found is losses:
            LRFinder(learner).find(rates=[1e-3] * 17)
        found.extend(learner.iteration(0.05) for _ in range(30))
        found.extend(own_loop(model, optimizer, loader, 30))
    assert losses == expected


@pytest.mark.parametrize("name", LOADERS)
def test_the_check_of_a_sampler_with_a_place_in_containers_finds_no_fault(name):
    _, _, learner = training(LOADERS[name]())
    assert lrfinder.check(learner).ok


def test_arrays_of_earlier_passes_that_hold_too_much_are_named(recwarn):
    bindings, held = Bindings(most_bytes=1_000), []
    for k in range(3):
        bindings.begin()
        x, y = np.zeros(100), np.zeros(100)
        held.append([bindings.of(name, array) for name, array in (("Loader.x", x), ("Loader.y", y), ("Loader.x", x))])
        assert len(recwarn) == (k > 0)
    assert [one is None for one in held[1]] == [one is None for one in held[2]] == [True] * 3
    assert None not in held[0]
    assert "Loader.x is bound to other arrays" in str(recwarn.pop(LRFinderWarning).message)


class Large(Sampler):
    def __init__(self, count, change):
        self.order = list(range(count))
        self.change = change

    def __iter__(self):
        self.change(self.order)
        return (k % 96 for k in self.order)

    def __len__(self):
        return len(self.order)


@pytest.mark.parametrize("count", [8_000, 50_000])
@pytest.mark.parametrize("change", [random.shuffle, lambda order: order.insert(3, order.pop(9))])
def test_larger_lists_come_back_too(count, change):
    sampler = Large(count, change)
    _, _, learner = training(DataLoader(pairs(), batch_size=8, sampler=sampler))
    before = list(sampler.order)
    LRFinder(learner).find(rates=[1e-3] * 5)
    assert sampler.order == before


def test_a_list_beyond_the_limit_is_named_if_it_changes():
    _, _, learner = training(DataLoader(pairs(), batch_size=8, sampler=Large(120_000, random.shuffle)))
    with pytest.warns(LRFinderWarning, match=r"Large.order changes as batches are drawn, and holds 120,000 entries"):
        LRFinder(learner).find(rates=[1e-3] * 5)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        LRFinder(learner).find(rates=[1e-3] * 5)
        _, _, learner = training(DataLoader(pairs(), batch_size=8, sampler=Large(120_000, id)))
        LRFinder(learner).find(rates=[1e-3] * 5)
