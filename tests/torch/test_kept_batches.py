"""Batches of any kind, changed in place by the step or written by the loader into the same memory: nothing shows."""

# These tests set and read attributes that no type declares.
# pyright: reportAttributeAccessIssue=false

import warnings
from collections import Counter, OrderedDict, UserDict, UserList, defaultdict, deque
from dataclasses import dataclass
from types import MappingProxyType, SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import PackedSequence, pack_sequence
from torch.utils.data import DataLoader
from torch_nets import cross_entropy, pairs

from lrfinder import LRFinderWarning
from lrfinder.torch import TorchLearner
from lrfinder.torch.batches import own_copy, to_device


class Pair(NamedTuple):
    x: Any
    y: Any


CPU = torch.device("cpu")


@dataclass
class Sample:
    x: torch.Tensor
    y: torch.Tensor


@dataclass(slots=True)
class Slotted:
    x: torch.Tensor
    y: torch.Tensor


class Moving:
    """A batch that moves itself in place, as those of graph networks do."""

    def __init__(self, x, y):
        self.store = {"x": x, "y": y}
        self.moves = 0

    def to(self, device):
        self.store = {name: value.to(device) for name, value in self.store.items()}
        self.moves += 1
        return self


CONTAINERS = {
    "dict": lambda x, y: {"x": x, "y": y},
    "OrderedDict": lambda x, y: OrderedDict(x=x, y=y),
    "defaultdict": lambda x, y: defaultdict(list, x=x, y=y),
    "Counter": lambda x, y: Counter({"x": x, "y": y}),
    "UserDict": lambda x, y: UserDict(x=x, y=y),
    "UserList": lambda x, y: UserList([x, y]),
    "list": lambda x, y: [x, y],
    "deque": lambda x, y: deque([x, y]),
    "named tuple": Pair,
    "mapping proxy": lambda x, y: MappingProxyType({"x": x, "y": y}),
    "dataclass": Sample,
    "slots": Slotted,
    "object": lambda x, y: SimpleNamespace(x=x, y=y),
    "moves itself": Moving,
}


def parts(batch):
    """Return the input and the target of a batch in any of the containers."""
    batch = batch.store if isinstance(batch, Moving) else batch
    if hasattr(batch, "x"):
        return batch.x, batch.y
    return (batch["x"], batch["y"]) if hasattr(batch, "keys") else (batch[0], batch[1])


def refilled(x, y):
    x.mul_(0.5)
    y.zero_()


def emptied(batch):
    batch = batch.store if isinstance(batch, Moving) else batch
    for name in ("x", "y"):
        if hasattr(batch, "keys"):
            batch.pop(name)
        elif hasattr(batch, "pop"):
            batch.pop()
        else:
            delattr(batch, name)


def counted(batch):
    x, _ = parts(batch)
    x[0] += 1
    x.data = x.data + 1  # where the container holds the same tensor, it holds another value


CANNOT_BE_EMPTIED = {"named tuple", "mapping proxy"}
WAYS = {"tensors in place": lambda batch: refilled(*parts(batch)), "contents removed": emptied, "rows and data": counted}


class Stored:
    """Data that return batches that they hold, each in a container; ``once`` as a generator."""

    def __init__(self, batches):
        self.batches = batches

    def __iter__(self):
        return iter(self.batches)


def batches_in(container):
    whole = pairs()
    return [
        CONTAINERS[container](whole.tensors[0][k : k + 8].clone(), whole.tensors[1][k : k + 8].clone())
        for k in range(0, 96, 8)
    ]


def learner_of(data, change=lambda _: None):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 16), nn.Tanh(), nn.Linear(16, 2))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)

    def step(batch):
        optimizer.zero_grad()
        x, y = parts(batch)
        loss = cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        change(batch)
        return loss

    return TorchLearner.from_step(step, data, modules=[model], optimizers=[optimizer])


def answers(learner):
    """Return what ``find``, ``suggest`` and ``compare`` give, and the losses of a training after them."""
    found = learner.find(rates=[1e-3] * 30)
    suggested = learner.suggest(horizon=24, max_iterations=250)
    compared = learner.compare([0.05, 0.05, 0.5], 30)
    np.testing.assert_array_equal(compared.losses[0], compared.losses[1])
    after = [float(learner.iteration(0.05)) for _ in range(20)]
    probes = [probe.losses for probe in suggested.probes]
    assert not [note for note in suggested.notes if "repeat" in note]
    return found.losses.tolist(), suggested.lr, probes, compared.losses.tolist(), after


@pytest.fixture(scope="module")
def expected():
    """Return the answers without any change in place, on batches in memory of their own."""
    return answers(learner_of(SameMemory("own")))


@pytest.mark.parametrize(
    ("container", "way"),
    [(one, way) for one in CONTAINERS for way in WAYS if way != "contents removed" or one not in CANNOT_BE_EMPTIED],
)
def test_a_step_that_changes_its_batch_in_place_changes_nothing_that_is_replayed(container, way, expected):
    data = batches_in(container)
    for feed in (data, Stored(data), iter([batch for _ in range(80) for batch in data])):
        assert answers(learner_of(feed, WAYS[way])) == expected
    for batch, before in zip(data, batches_in(container), strict=True):
        assert all(map(torch.equal, parts(batch), parts(before)))


class SameMemory:
    """Data that write every batch into the same memory, in one of three ways."""

    def __init__(self, way):
        whole = pairs()
        self.way, self.x, self.y = way, *whole.tensors

    def __iter__(self):
        return getattr(self, self.way)()

    def tensor(self):
        x, y = torch.empty(8, 6), torch.empty(8, dtype=torch.long)
        for k in range(0, 96, 8):
            x.copy_(self.x[k : k + 8])
            y.copy_(self.y[k : k + 8])
            yield x, y

    def numpy(self):
        x, y = np.empty((8, 6), np.float32), np.empty(8, np.int64)
        for k in range(0, 96, 8):
            x[:], y[:] = self.x[k : k + 8], self.y[k : k + 8]
            yield torch.from_numpy(x), torch.from_numpy(y)

    def ring(self):
        x, y = torch.empty(24, 6), torch.empty(24, dtype=torch.long)
        for k in range(0, 96, 8):
            place = slice(k % 24, k % 24 + 8)
            x[place], y[place] = self.x[k : k + 8], self.y[k : k + 8]
            yield x[place], y[place]

    def own(self):
        for x, y in self.tensor():
            yield x.clone(), y.clone()


@pytest.mark.parametrize("way", ["tensor", "numpy", "ring"])
def test_a_loader_that_writes_each_batch_into_the_same_memory_gives_the_answers_of_one_that_does_not(way, expected):
    assert answers(learner_of(SameMemory(way))) == expected
    assert answers(learner_of(DataLoader(pairs(), batch_size=8))) == expected
    collating = DataLoader(pairs(), batch_size=8, collate_fn=_collate_into_one)
    assert answers(learner_of(collating)) == expected


MEMORY = torch.empty(8, 6), torch.empty(8, dtype=torch.long)


def _collate_into_one(samples):
    for k, (x, y) in enumerate(samples):
        MEMORY[0][k], MEMORY[1][k] = x, y
    return MEMORY


def test_a_batch_that_moves_itself_is_moved_as_a_whole_and_the_original_stays():
    batch = Moving(torch.ones(3), torch.ones(2))
    moved = to_device([batch], CPU)[0]
    assert (batch.moves, moved.moves) == (0, 1)
    assert moved.store["x"] is not batch.store["x"]


def test_a_packed_sequence_is_copied_and_moved():
    packed = pack_sequence([torch.ones(3, 2), torch.ones(2, 2)])
    for new in (own_copy(packed), to_device(packed, CPU)):
        assert isinstance(new, PackedSequence)
        assert torch.equal(new.data, packed.data)
        assert new.data.data_ptr() != packed.data.data_ptr()
        assert new.batch_sizes.tolist() == packed.batch_sizes.tolist()


def test_a_batch_may_refer_to_its_data_set_and_to_the_model():
    batch = SimpleNamespace(x=torch.ones(2), data=pairs(), model=nn.Linear(2, 2), generator=(k for k in "a"))
    new = to_device(batch, CPU)
    assert new.x is not batch.x
    assert all(getattr(new, name) is getattr(batch, name) for name in ("data", "model", "generator"))


class Remembering:
    """Data that change a batch long after it was drawn, one that copies itself badly."""

    def __init__(self):
        self.drawn = []

    def __iter__(self):
        for x, y in SameMemory("own"):
            self.drawn.append(Shallow(x, y))
            yield self.drawn[-1]


class Shallow(Moving):
    def __deepcopy__(self, memo):
        return Shallow(*self.store.values())

    def to(self, device):
        return self


@pytest.mark.parametrize("call", ["find", "suggest", "compare"])
def test_a_stored_batch_that_somebody_changes_is_reported_by_every_call(call):
    data = Remembering()
    learner = learner_of(data, lambda _: data.drawn[0].store["x"].add_(1))
    arguments = {"find": {"rates": [1e-3] * 5}, "suggest": {"max_iterations": 200}, "compare": {"lrs": [0.1, 0.2]}}
    with pytest.warns(LRFinderWarning, match="Not repeatable") as found:
        getattr(learner, call)(**arguments[call])
    assert "Not repeatable: a batch" in str(found[0].message)


def test_an_undisturbed_search_warns_of_nothing():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        answers(learner_of(SameMemory("own")))
