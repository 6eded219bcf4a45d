"""Feeds whose samplers keep lists, arrays and tensors of numbers, and feeds that write each batch into the same memory."""

import random
from collections import deque

import numpy as np
import torch
from proof_feeds import BATCH, COUNT, numbers, pairs
from torch.utils.data import DataLoader, IterableDataset, Sampler, default_collate


class Shuffles:
    """A batch sampler that shuffles its own list in place."""

    def __init__(self):
        self.order = list(range(COUNT))

    def __len__(self):
        return COUNT // BATCH

    def __iter__(self):
        random.shuffle(self.order)
        return (self.order[k : k + BATCH] for k in range(0, COUNT, BATCH))


class ShufflesAnArray(Sampler):
    """A sampler that permutes its array by a generator of its own."""

    def __init__(self):
        self.order, self.random = np.arange(COUNT), np.random.default_rng(6)

    def __len__(self):
        return COUNT

    def __iter__(self):
        self.random.shuffle(self.order)
        yield from self.order.tolist()


class ShufflesATensor(Sampler):
    """A sampler that permutes its tensor in place."""

    def __init__(self):
        self.order = torch.arange(COUNT)

    def __len__(self):
        return COUNT

    def __iter__(self):
        self.order.copy_(self.order[torch.randperm(COUNT)])
        return iter(self.order.tolist())


class Buckets:
    """A batch sampler of lists in a list, both of which are shuffled in place."""

    def __init__(self):
        self.buckets = [list(range(k, COUNT, COUNT // BATCH)) for k in range(COUNT // BATCH)]

    def __len__(self):
        return len(self.buckets)

    def __iter__(self):
        random.shuffle(self.buckets)
        for bucket in self.buckets:
            random.shuffle(bucket)
            yield bucket[:]


class ByClass(Sampler):
    """A sampler with a list of indices for each class, in a dict; it swaps two of a class at each draw."""

    def __init__(self):
        targets = numbers()[1].tolist()
        self.of_class = {kind: [k for k, one in enumerate(targets) if one == kind] for kind in (0, 1)}

    def __len__(self):
        return COUNT

    def __iter__(self):
        for k in range(COUNT):
            chosen = self.of_class[k % 2]
            chosen.append(chosen.pop(random.randrange(len(chosen))))
            yield chosen[-1]


class Pops(Sampler):
    """A sampler that pops from its list, and fills it again when it is empty."""

    def __init__(self):
        self.pool = []

    def __len__(self):
        return COUNT

    def __iter__(self):
        for _ in range(COUNT):
            if not self.pool:
                self.pool.extend(torch.randperm(COUNT).tolist())
            yield self.pool.pop()


class Rotates(Sampler):
    """A sampler that rotates a deque."""

    def __init__(self):
        self.order = deque(range(COUNT))

    def __len__(self):
        return COUNT

    def __iter__(self):
        for _ in range(COUNT):
            self.order.rotate(3)
            yield self.order[0]


class Weighs(Sampler):
    """A sampler whose array of weights sinks where an item was drawn."""

    def __init__(self):
        self.weights, self.random = np.ones(COUNT), np.random.default_rng(8)

    def __len__(self):
        return COUNT

    def __iter__(self):
        for _ in range(COUNT):
            chosen = self.random.choice(COUNT, p=self.weights / self.weights.sum())
            self.weights[chosen] *= 0.5
            yield int(chosen)


class ShuffledStream(IterableDataset):
    """A stream that shuffles the list of its shards at the start of each pass."""

    def __init__(self):
        self.inputs, self.targets = numbers()
        self.shards = list(range(COUNT // 4))

    def __iter__(self):
        random.shuffle(self.shards)
        for shard in self.shards:
            yield from zip(self.inputs[4 * shard : 4 * shard + 4], self.targets[4 * shard : 4 * shard + 4], strict=True)


class SameMemory:
    """A loader that writes each batch into the same tensors."""

    copies = staticmethod(lambda tensor: tensor)

    def __init__(self):
        self.inputs, self.targets = numbers()

    def __iter__(self):
        inputs, targets = torch.empty(BATCH, 6), torch.empty(BATCH, dtype=torch.long)
        for chosen in torch.randperm(COUNT).split(BATCH):
            torch.index_select(self.inputs, 0, chosen, out=inputs)
            torch.index_select(self.targets, 0, chosen, out=targets)
            yield self.copies(inputs), self.copies(targets)


class OwnMemory(SameMemory):
    """The same batches, in memory of their own."""

    copies = staticmethod(torch.clone)


class SameArrays:
    """A function that collates into the same arrays."""

    def __init__(self, copies=lambda tensor: tensor):
        self.scratch = np.empty((BATCH, 6), np.float32), np.empty(BATCH, np.int64)
        self.copies = copies

    def __call__(self, samples):
        for array, part in zip(self.scratch, default_collate(samples), strict=True):
            array[: len(part)] = part.numpy()
        return tuple(self.copies(torch.from_numpy(array)) for array in self.scratch)


def in_batches(sampler):
    return DataLoader(pairs(), batch_sampler=sampler)


def sampled(sampler):
    return DataLoader(pairs(), BATCH, sampler=sampler)


def collated(collate):
    return DataLoader(pairs(), BATCH, shuffle=True, collate_fn=collate)


WITH_LISTS = {
    "batch sampler that shuffles its list": lambda: in_batches(Shuffles()),
    "batch sampler with buckets": lambda: in_batches(Buckets()),
    "sampler that shuffles its array": lambda: sampled(ShufflesAnArray()),
    "sampler that shuffles its tensor": lambda: sampled(ShufflesATensor()),
    "sampler with a list of each class": lambda: sampled(ByClass()),
    "sampler that pops from its list": lambda: sampled(Pops()),
    "sampler that rotates a deque": lambda: sampled(Rotates()),
    "sampler whose weights sink": lambda: sampled(Weighs()),
    "stream that shuffles its shards": lambda: DataLoader(ShuffledStream(), BATCH),
}
IN_THE_SAME_MEMORY = {
    "batches in the same tensors": SameMemory,
    "batches in the same arrays": lambda: collated(SameArrays()),
}
IN_OWN_MEMORY = {  # the same batches
    "batches in the same tensors": OwnMemory,
    "batches in the same arrays": lambda: collated(SameArrays(torch.clone)),
}
