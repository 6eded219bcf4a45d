"""Feeds: objects that a script iterates for batches, 5 batches of 8 pairs per pass."""

import random

import numpy as np
import torch
from torch.utils.data import (
    BatchSampler,
    DataLoader,
    Dataset,
    IterableDataset,
    RandomSampler,
    Sampler,
    StackDataset,
    SubsetRandomSampler,
    TensorDataset,
    WeightedRandomSampler,
)

COUNT, BATCH = 40, 8


def numbers(seed=11):
    inputs = torch.randn(COUNT, 6, generator=torch.Generator().manual_seed(seed))
    return inputs, (inputs.sum(1) > 0).long()


def pairs():
    return TensorDataset(*numbers())


class Augmented(Dataset):
    """A data set that draws from every global generator for each item, and from one of its own."""

    def __init__(self):
        self.inputs, self.targets = numbers()
        self.generator = np.random.default_rng(3)

    def __len__(self):
        return COUNT

    def __getitem__(self, k):
        noise = random.random() + np.random.random() + torch.rand(()) + self.generator.random()
        return self.inputs[k] + 0.1 * noise, self.targets[k]


class Counts(Dataset):
    """A data set that counts the items it returned in an attribute; they depend on the count."""

    def __init__(self):
        self.inputs, self.targets = numbers()
        self.returned = 0

    def __len__(self):
        return COUNT

    def __getitem__(self, k):
        self.returned += 1
        return self.inputs[k] + 0.001 * self.returned, self.targets[k]


class Drawn(IterableDataset):
    """A stream that draws its numbers while it is iterated, and counts its passes."""

    passes = 0

    def __iter__(self):
        self.passes += 1
        for _ in range(COUNT):
            inputs = torch.randn(6) + random.random() + 0.01 * self.passes
            yield inputs, (inputs.sum() > 0).long()


class ByEpoch(Sampler):
    """A sampler that counts its passes and shuffles by their number."""

    def __init__(self):
        self.epoch = 0

    def __len__(self):
        return COUNT

    def __iter__(self):
        self.epoch += 1
        return iter(torch.randperm(COUNT, generator=torch.Generator().manual_seed(self.epoch)).tolist())


class Resumes:
    """A loader with ``state_dict()``, which resumes in the middle of a pass."""

    def __init__(self):
        self.inputs, self.targets = numbers()
        self.position, self.epoch = 0, 0

    def __iter__(self):
        order = torch.randperm(COUNT, generator=torch.Generator().manual_seed(self.epoch))
        while self.position < COUNT:
            chosen = order[self.position : self.position + BATCH]
            self.position += BATCH
            yield self.inputs[chosen], self.targets[chosen]
        self.position, self.epoch = 0, self.epoch + 1

    def state_dict(self):
        return {"position": self.position, "epoch": self.epoch}

    def load_state_dict(self, state):
        self.position, self.epoch = state["position"], state["epoch"]


class CountsItsPasses(DataLoader):
    """A loader of the user's own class, with an attribute that changes with each pass."""

    passes = 0

    def __iter__(self):
        self.passes += 1
        for inputs, targets in super().__iter__():
            yield inputs + 0.01 * self.passes, targets


class Calls:
    """A feed whose passes are the results of a generator function."""

    def __iter__(self):
        inputs, targets = numbers()
        for _ in range(COUNT // BATCH):
            chosen = torch.randint(COUNT, (BATCH,))
            yield inputs[chosen] + 0.01 * np.random.random(), targets[chosen]


def batches():
    inputs, targets = numbers()
    return [(inputs[k : k + BATCH], targets[k : k + BATCH]) for k in range(0, COUNT, BATCH)]


def sampled(sampler, data=None):
    return DataLoader(data or pairs(), BATCH, sampler=sampler)


def generator():
    return torch.Generator().manual_seed(9)


FEEDS = {
    "list": batches,
    "tuple": lambda: tuple(batches()),
    "loader in order": lambda: DataLoader(pairs(), BATCH),
    "loader that shuffles": lambda: DataLoader(pairs(), BATCH, shuffle=True),
    "loader that shuffles by its own generator": lambda: DataLoader(pairs(), BATCH, shuffle=True, generator=generator()),
    "loader that drops the last": lambda: DataLoader(pairs(), 7, shuffle=True, drop_last=True),
    "loader of one batch": lambda: DataLoader(pairs(), COUNT, shuffle=True),
    "loader of an own class": lambda: CountsItsPasses(pairs(), BATCH, shuffle=True),
    "sampler with replacement": lambda: sampled(RandomSampler(pairs(), replacement=True, num_samples=COUNT)),
    "sampler with its own generator": lambda: sampled(
        RandomSampler(pairs(), replacement=True, num_samples=COUNT, generator=generator())
    ),
    "weighted sampler": lambda: sampled(WeightedRandomSampler([1.0] * 20 + [3.0] * 20, COUNT, generator=generator())),
    "subset sampler": lambda: sampled(SubsetRandomSampler(range(33))),
    "batch sampler": lambda: DataLoader(pairs(), batch_sampler=BatchSampler(RandomSampler(pairs()), BATCH, drop_last=False)),
    "sampler that counts its passes": lambda: sampled(ByEpoch()),
    "data set that draws": lambda: DataLoader(Augmented(), BATCH, shuffle=True),
    "data set that counts": lambda: DataLoader(Counts(), BATCH, shuffle=True),
    "data sets stacked": lambda: DataLoader(StackDataset(*numbers()), BATCH, shuffle=True),
    "iterable data set": lambda: DataLoader(Drawn(), BATCH),
    "generator function": Calls,
    "stateful loader": Resumes,
}
WITH_WORKERS = {
    "workers": lambda: DataLoader(Augmented(), BATCH, shuffle=True, num_workers=2),
    "a worker": lambda: DataLoader(pairs(), BATCH, shuffle=True, num_workers=1, generator=generator()),
    "persistent worker": lambda: DataLoader(pairs(), BATCH, shuffle=True, num_workers=1, persistent_workers=True),
    "iterable data set with a worker": lambda: DataLoader(Drawn(), BATCH, num_workers=1),
}
ALL = FEEDS | WITH_WORKERS
