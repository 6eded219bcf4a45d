"""Data sets that the training writes to, and data sets that store random samples."""

# The tests reach into data sets of their own through loaders of PyTorch.
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

import codecs
import ctypes
import io
import itertools
import operator
import random
import sqlite3
import warnings
import weakref
from collections import defaultdict, deque
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, IterableDataset, Subset, TensorDataset
from torch_nets import net, sgd

import lrfinder
from lrfinder import LRFinder, LRFinderWarning
from lrfinder._state import data_contents, reached_data
from lrfinder._state.walk import Walk
from lrfinder.torch import TorchLearner
from lrfinder.torch._randomness import data_objects
from lrfinder.torch._snapshot.snapshot import FRAMEWORK

COUNT = 40
cross_entropy = nn.CrossEntropyLoss(reduction="none")


def samples():
    generator = torch.Generator().manual_seed(3)
    return torch.randn(COUNT, 6, generator=generator), torch.arange(COUNT) % 2


class Numbered(Dataset):
    """Samples in tensors, each with its number."""

    def __init__(self):
        self.x, self.y = samples()
        self.weights = torch.ones(COUNT)
        self.seen = defaultdict(list)

    def __len__(self):
        return len(self.y)

    def __getitem__(self, k):
        return torch.as_tensor(self.x[k]), self.y[k], k

    def add(self, indices, amount):
        self.x[indices] += amount


class Arrays(Numbered):
    """The same in arrays of numpy."""

    def __init__(self):
        super().__init__()
        self.x = self.x.numpy()


class Buffer(Dataset):
    """Samples in a list or a deque."""

    def __init__(self, kind):
        self.buffer = kind(zip(*samples(), range(COUNT), strict=True))

    def __len__(self):
        return len(self.buffer)

    def __getitem__(self, k):
        return self.buffer[k]


class Pool(IterableDataset):
    def __init__(self):
        self.pool = list(zip(*samples(), range(COUNT), strict=True))

    def __iter__(self):
        return iter(list(self.pool))


class InAnObject(Numbered):
    """Samples in an object of another class."""

    def __init__(self):
        super().__init__()
        self.store = SimpleNamespace(x=self.x)

    def __getitem__(self, k):
        return self.store.x[k], self.y[k], k


class Helper:
    def __init__(self, data):
        self.data = data

    def write(self, _batch, _output, losses):
        self.data.x[:8] += 0.05 * losses.mean()


def appends(data):
    return lambda batch, _output, losses: data.buffer.append((0.9 * batch[0][0] + losses.mean(), batch[1][0], 0))


def adds_to_the_pool(data):
    return lambda batch, _output, losses: data.pool.append((0.9 * batch[0][0] + losses.mean(), batch[1][0], 0))


def adds(data):
    def write(batch, _output, losses):
        data.x[batch[2]] += 0.05 * float(losses.mean())

    return write


def calls_a_method(data):
    return lambda batch, _output, losses: data.add(batch[2], 0.05 * float(losses.mean()))


def calls_what_is_bound(data):
    add = data.add
    return lambda batch, _output, losses: add(batch[2], 0.05 * float(losses.mean()))


def weighs(data):
    def write(batch, _output, losses):
        data.weights[batch[2]] = losses
        data.x *= 1 + 0.05 * data.weights.mean()

    return write


def labels(data):
    def write(batch, output, _losses):
        data.y[batch[2]] = output.argmax(1)

    return write


def labels_anew(data):
    def write(batch, output, _losses):
        data.y = data.y.clone()
        data.y[batch[2]] = output.argmax(1)

    return write


def records(data):
    def write(batch, _output, losses):
        for k, loss in zip(batch[2].tolist(), losses.tolist(), strict=True):
            data.seen[k].append(loss)
        data.x[:, 0] = torch.tensor([sum(data.seen.get(k, [0])) for k in range(COUNT)])

    return write


def adds_to_tensors(data):
    def write(_batch, _output, losses):
        data.tensors[0].add_(0.05 * losses.mean())

    return write


def adds_in_an_object(data):
    def write(batch, _output, losses):
        data.store.x[batch[2]] += 0.05 * losses.mean()

    return write


def adds_behind_a_subset(data):
    return adds(data.dataset)


def adds_through_a_loader(data):
    loader = DataLoader(data)
    return lambda batch, _output, losses: loader.dataset.add(batch[2], 0.05 * float(losses.mean()))


def with_numbers():
    return TensorDataset(*samples(), torch.arange(COUNT))


WRITTEN = {
    "a list that grows": (lambda: Buffer(list), appends),
    "a deque with a limit": (lambda: Buffer(lambda pairs: deque(pairs, maxlen=COUNT + 4)), appends),
    "the list of an iterable data set": (Pool, adds_to_the_pool),
    "a tensor": (Numbered, adds),
    "an array": (Arrays, adds),
    "a tensor, by a method": (Numbered, calls_a_method),
    "a tensor, by a bound method": (Numbered, calls_what_is_bound),
    "weights of the samples": (Numbered, weighs),
    "labels": (Numbered, labels),
    "labels in a new tensor": (Numbered, labels_anew),
    "a dict of lists": (Numbered, records),
    "the tensors of PyTorch's data set": (with_numbers, adds_to_tensors),
    "a tensor in an object": (InAnObject, adds_in_an_object),
    "a data set behind a subset": (lambda: Subset(Numbered(), range(COUNT)), adds_behind_a_subset),
    "a data set behind a loader": (Numbered, adds_through_a_loader),
    "through an object": (Numbered, lambda data: Helper(data).write),
}


def training(make, writes, **settings):
    """Return a learner whose step writes to its data, with its step and its loader."""
    for seed in (torch.manual_seed, np.random.seed, random.seed):
        seed(1)
    model, data = net(), make()
    optimizer, write = sgd(model), writes(data)

    def step(batch):
        optimizer.zero_grad()
        output = model(batch[0])
        losses = cross_entropy(output, batch[1])
        losses.mean().backward()
        optimizer.step()
        write(batch, output.detach(), losses.detach())
        return losses.mean()

    loader = DataLoader(data, 8, drop_last=True, shuffle=not isinstance(data, IterableDataset))
    learner = TorchLearner.from_step(step, loader, modules=[model], optimizers=[optimizer], **settings)
    return learner, step, loader


def own_loop(step, loader, count):
    losses = []
    while len(losses) < count:
        losses += [step(batch).item() for batch, _ in zip(loader, range(count - len(losses)), strict=False)]
    return losses


def searched(learner):
    LRFinder(learner).find(1e-3, 2.0, max_iterations=15)
    LRFinder(learner).suggest(horizon=5, max_iterations=50)


def losses_of_the_own_loop(make, writes, *, search):
    learner, step, loader = training(make, writes)
    losses = own_loop(step, loader, 3)
    if search:
        searched(learner)
    return losses + own_loop(step, loader, 20)


def losses_of_the_learner(make, writes, *, search, **settings):
    learner, _, _ = training(make, writes, **settings)
    losses = [float(learner.iteration(0.05)) for _ in range(3)]
    if search:
        searched(learner)
    return losses + [float(learner.iteration(0.05)) for _ in range(40)]


@pytest.mark.parametrize("kind", WRITTEN)
def test_a_loop_goes_on_as_if_the_search_had_never_run_where_the_step_writes_to(kind):
    assert losses_of_the_own_loop(*WRITTEN[kind], search=True) == losses_of_the_own_loop(*WRITTEN[kind], search=False)


@pytest.mark.parametrize("kind", [kind for kind in WRITTEN if "iterable" not in kind])  # whose pass starts with what it held
def test_a_learner_that_reads_its_data_again_goes_on_as_its_twin_where_the_step_writes_to(kind):
    losses = [losses_of_the_learner(*WRITTEN[kind], search=search, replay_bytes=0) for search in (True, False)]
    assert losses[0] == losses[1]


@pytest.mark.parametrize("kind", WRITTEN)
def test_the_check_sees_and_accepts(kind):
    check = lrfinder.check(training(*WRITTEN[kind])[0])
    assert check.ok, str(check)
    assert any("data.dataset" in finding.what for finding in check.state if finding.changed)


def raising_at(count, write):
    """Return a function that writes as well, and raises at its last call."""
    calls = SimpleNamespace(left=count)

    def called(*args):
        write(*args)
        calls.left -= 1
        if not calls.left:
            raise ArithmeticError

    return called


@pytest.mark.parametrize("kind", ["a list that grows", "an array", "labels in a new tensor", "a dict of lists"])
def test_the_data_come_back_after_an_exception_in(kind):
    make, writes = WRITTEN[kind]
    learner, _, loader = training(make, lambda data: raising_at(5, writes(data)))
    before = tensors_of(loader.dataset)
    with pytest.raises(ArithmeticError):
        LRFinder(learner).find(1e-3, 2.0, max_iterations=15)
    after = tensors_of(loader.dataset)
    assert len(after) == len(before)
    assert all(map(torch.equal, after, before))


def tensors_of(data):
    return [torch.as_tensor(one).clone() for k in range(len(data)) for one in data[k]]


UNUSUAL = {
    "a masked array with NaN": lambda: np.ma.array([[1.0, np.nan], [2.0, 3.0]], mask=[[0, 0], [1, 0]]),
    "an array that is masked as a whole": lambda: np.ma.array(np.ones(3), mask=True),
    "a sparse tensor": lambda: torch.eye(3).to_sparse(),
    "a tensor that is sparse by rows": lambda: torch.eye(3).to_sparse_csr(),
    "a tuple with a sparse tensor": lambda: (torch.eye(3).to_sparse(), torch.eye(3)),
    "a nested tensor": lambda: torch.nested.nested_tensor([torch.ones(2), torch.ones(3)]),
    "a nested tensor in a list": lambda: [torch.nested.nested_tensor([torch.ones(2)])],
    "complex numbers of half precision": lambda: torch.ones(3, dtype=torch.int32).view(torch.complex32),
    "packed bits": lambda: torch.ones(3, dtype=torch.uint8).view(torch.bits8),
}


def shown(value):
    has_bits = isinstance(value, torch.Tensor) and value.dtype is torch.bits8  # which nothing prints
    return repr(value.view(torch.uint8) if has_bits else value)


@pytest.mark.filterwarnings("ignore:ComplexHalf support", "ignore:Sparse", "ignore:The PyTorch API of nested")
@pytest.mark.parametrize("kind", UNUSUAL)
def test_a_search_leaves_alone_what_nobody_writes_to(kind):
    learner, _, loader = training(Numbered, lambda _: lambda *_: None)
    loader.dataset.unusual = UNUSUAL[kind]()
    LRFinder(learner).find(1e-3, 2.0, max_iterations=15)
    assert shown(loader.dataset.unusual) == shown(UNUSUAL[kind]())


@pytest.mark.parametrize("hidden", [(0, 1), (1, 0), slice(None)])
def test_masks_come_back_where_the_step_hides_values(hidden):
    def hide(data):
        return lambda *_: operator.setitem(data.hidden, hidden, np.ma.masked)

    def make():
        data = Numbered()
        data.hidden = np.ma.array([[1.0, np.nan], [2.0, 3.0]], mask=[[0, 0], [1, 0]])
        return data

    learner, _, loader = training(make, hide)
    LRFinder(learner).find(1e-3, 2.0, max_iterations=15)
    assert repr(loader.dataset.hidden) == repr(make().hidden)


# --- data sets that store random samples ----------------------------------------------------------------------------------


def noisy(x):
    return x + 0.1 * torch.randn(6)


class WithADict(Numbered):
    def __init__(self):
        super().__init__()
        self.cache = {}

    def __getitem__(self, k):
        if k not in self.cache:
            self.cache[k] = noisy(self.x[k])
        return self.cache[k], self.y[k], k


class WithAList(WithADict):
    def __init__(self):
        super().__init__()
        self.cache = [None] * COUNT

    def __getitem__(self, k):
        if self.cache[k] is None:
            self.cache[k] = noisy(self.x[k])
        return self.cache[k], self.y[k], k


class WithATensor(WithADict):
    def __init__(self):
        super().__init__()
        self.cache = torch.full((COUNT, 6), float("nan"))

    def __getitem__(self, k):
        if self.cache[k].isnan().any():
            self.cache[k] = noisy(self.x[k])
        return self.cache[k].clone(), self.y[k], k


class WithAnArray(WithATensor):
    def __init__(self):
        super().__init__()
        self.cache = self.cache.numpy()

    def __getitem__(self, k):
        if np.isnan(self.cache[k]).any():
            self.cache[k] = noisy(self.x[k])
        return torch.tensor(self.cache[k]), self.y[k], k


class Store:
    """A cache of its own class."""

    def __init__(self):
        self.entries, self.misses = {}, 0

    def get(self, k, make):
        if k not in self.entries:
            self.misses += 1
            self.entries[k] = make() * (1 + 0.01 * self.misses)
        return self.entries[k]


class WithAnObject(WithADict):
    def __init__(self):
        super().__init__()
        self.cache = Store()

    def __getitem__(self, k):
        return self.cache.get(k, lambda: noisy(self.x[k])), self.y[k], k


class Emptied(WithADict):
    """A cache that is replaced whenever it is full."""

    def __getitem__(self, k):
        if len(self.cache) > COUNT // 2:
            self.cache = {}
        return super().__getitem__(k)


def writes_nothing(_data):
    return lambda *_: None


CACHES = [WithADict, WithAList, WithATensor, WithAnArray, WithAnObject, Emptied]


@pytest.mark.parametrize("make", CACHES)
def test_a_loop_goes_on_as_if_the_search_had_never_run_with_a_cache_of_random_samples(make):
    losses = [losses_of_the_own_loop(make, writes_nothing, search=search) for search in (True, False)]
    assert losses[0] == losses[1]


@pytest.mark.parametrize("make", CACHES)
def test_a_learner_goes_on_as_its_twin_with_a_cache_of_random_samples(make):
    losses = [losses_of_the_learner(make, writes_nothing, search=search) for search in (True, False)]
    assert losses[0] == losses[1]


@pytest.mark.parametrize("make", CACHES)
def test_the_check_sees_and_accepts_a_cache_of_random_samples(make):
    check = lrfinder.check(training(make, writes_nothing)[0])
    assert check.ok, str(check)
    assert any("cache" in finding.what for finding in check.state if finding.changed)


# --- what is too large ----------------------------------------------------------------------------------------------------


class Large(Numbered):
    """A tensor of more bytes than are copied unasked."""

    kind = staticmethod(lambda tensor: tensor)

    def __init__(self):
        super().__init__()
        rows = data_contents.MOST_ARRAY_BYTES // 24 + COUNT
        x = torch.zeros(rows, 6)
        x[:COUNT] = self.x
        self.x = self.kind(x)


class LargeArray(Large):
    kind = staticmethod(torch.Tensor.numpy)


class LargeBuffer(Buffer):
    """A list of more samples than are looked into."""

    def __init__(self):
        super().__init__(list)
        self.buffer += [self.buffer[0]] * reached_data.MOST_OBJECTS

    def __len__(self):
        return COUNT


def starts_with_another(data):
    def write(batch, _output, losses):
        data.buffer.insert(0, (batch[0][0] + losses.mean(), batch[1][0], 0))

    return write


LARGE = {
    "tensor": (Large, adds),
    "array": (LargeArray, adds),
    "array that a method writes to": (LargeArray, calls_a_method),
    "list": (LargeBuffer, starts_with_another),
}


@pytest.mark.parametrize("kind", LARGE)
def test_a_loop_goes_on_as_its_twin_where_the_step_writes_to_a_large(kind):
    assert losses_of_the_own_loop(*LARGE[kind], search=True) == losses_of_the_own_loop(*LARGE[kind], search=False)


def visited(learner):
    state = learner._state
    walk = Walk(FRAMEWORK, data_objects(state.data))
    walk.visit_roots([*state.modules, *state.optimizers])
    walk.visit_callables(state.callables)
    return walk.seen


def reads(data):
    return lambda batch, _output, _losses: (len(data), data[0], batch)


@pytest.mark.parametrize("make", [Large, LargeArray])
def test_a_large_data_set_that_the_step_only_reads_is_not_copied(make):
    learner, _, loader = training(make, reads)
    assert id(loader.dataset.x) not in visited(learner)
    assert sum(len(piece.shown) for piece in contents_of(learner).pieces if piece.shown is not None) <= 1000


def contents_of(learner):
    of_data = learner._state._of_data
    return next(one.get() for one in of_data if one.name.startswith("contents"))


def adds_behind_the_back(data):
    """Write to data in a way that no code names."""
    key = id(data)

    def write(batch, _output, losses):
        vars(ctypes.cast(key, ctypes.py_object).value)["x"][batch[2]] += 0.05 * float(losses.mean())

    return write


class LargeCache(WithATensor):
    def __init__(self):
        super().__init__()
        self.cache = torch.full((data_contents.MOST_ARRAY_BYTES // 24 + COUNT, 6), float("nan"))


NOT_RESTORED = {
    "tensor": (Large, adds_behind_the_back),
    "array": (LargeArray, adds_behind_the_back),
    "cache of random samples": (LargeCache, writes_nothing),
}


@pytest.mark.parametrize("kind", NOT_RESTORED)
def test_what_changes_and_is_not_restored_is_named_once_and_the_check_reports_a_large(kind):
    learner, _, loader = training(*NOT_RESTORED[kind])
    name = f"{type(loader.dataset).__name__}.{'cache' if 'cache' in kind else 'x'}"
    with pytest.warns(LRFinderWarning, match=rf"{name} was written to during a search, and is not restored") as warned:
        searched(learner)
    assert len(warned) == 1
    with pytest.warns(LRFinderWarning, match=name):
        check = lrfinder.check(training(*NOT_RESTORED[kind])[0])
    assert check.lost == (f"attribute: data.dataset.{name.partition('.')[2]}",)


@pytest.mark.parametrize("kind", NOT_RESTORED)
def test_a_data_set_in_stateful_is_restored_without_a_word_with_a_large(kind):
    learner, _, loader = training(*NOT_RESTORED[kind])
    learner._state.stateful.append(loader.dataset)
    before = torch.as_tensor(loader.dataset.x).clone()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        searched(learner)
    assert torch.equal(torch.as_tensor(loader.dataset.x), before)


# --- iterators in data sets -----------------------------------------------------------------------------------------------


class Cycling(Numbered):
    """Samples that an iterator moves, in an attribute of the data set."""

    def __init__(self, amounts):
        super().__init__()
        self.amounts = amounts

    def __getitem__(self, k):
        return self.x[k] + next(self.amounts), self.y[k], k


class ThroughAMethod(Cycling):
    def __getitem__(self, k):
        return self.x[k] + self._amount(), self.y[k], k

    def _amount(self):
        return next(self.amounts)


class InADict(Cycling):
    def __init__(self, amounts):
        super().__init__({"amounts": amounts})

    def __getitem__(self, k):
        return self.x[k] + next(self.amounts["amounts"]), self.y[k], k


class Moving:
    def __init__(self, amounts):
        self.amounts = amounts

    def __call__(self, x):
        return x + next(self.amounts)


class InATransform(Numbered):
    def __init__(self, amounts):
        super().__init__()
        self.transform = Moving(amounts)

    def __getitem__(self, k):
        return self.transform(self.x[k]), self.y[k], k


def amounts():
    yield from (0.01 * k for k in range(100_000))


ITERATORS = {
    "a cycle": lambda: itertools.cycle([0.1, 0.2, 0.3]),
    "a generator": amounts,
    "a map": lambda: map(float, range(100_000)),
}


@pytest.mark.parametrize("make", [Cycling, ThroughAMethod, InADict, InATransform])
@pytest.mark.parametrize("kind", ITERATORS)
def test_an_iterator_that_samples_come_from_is_named_at_once_and_by_the_check(kind, make):
    with pytest.warns(LRFinderWarning, match=r"holds \w+\.amounts, an iterator"):
        learner, _, _ = training(lambda: make(ITERATORS[kind]()), writes_nothing)
    check = lrfinder.check(learner)
    assert any(name.startswith("iterator: ") and "amounts" in name for name in check.lost), str(check)


class Restarting(IterableDataset):
    """An iterator that each pass starts again."""

    def __init__(self):
        self.samples = list(zip(*samples(), range(COUNT), strict=True))
        self.left = iter(self.samples)

    def __iter__(self):
        self.left = iter(self.samples)
        return self

    def __next__(self):
        return next(self.left)


class ReadingAFile(Numbered):
    def __init__(self):
        super().__init__()
        self.file = io.BytesIO(self.x.numpy().tobytes())

    def __getitem__(self, k):
        self.file.seek(24 * k)
        return torch.frombuffer(bytearray(self.file.read(24)), dtype=torch.float32), self.y[k], k


class ReadingADatabase(Numbered):
    def __init__(self):
        super().__init__()
        self.cursor = sqlite3.connect(":memory:").cursor()
        self.cursor.execute("CREATE TABLE samples (k INTEGER, x REAL)")
        self.cursor.executemany("INSERT INTO samples VALUES (?, ?)", [(k, 0.1 * k) for k in range(COUNT)])

    def __getitem__(self, k):
        (x,) = self.cursor.execute("SELECT x FROM samples WHERE k = ?", (int(k),)).fetchone()
        return self.x[k] + x, self.y[k], k


class ReadingText(Numbered):
    def __init__(self):
        super().__init__()
        self.file = codecs.getreader("ascii")(io.BytesIO(b"1"))

    def __getitem__(self, k):
        self.file.seek(0)
        return self.x[k] + float(self.file.read()), self.y[k], k


class WithAReferenceToNothing(Numbered):
    def __init__(self):
        super().__init__()
        self.owner = weakref.proxy(Numbered())


class WithHistory(Numbered):
    """An iterator that no sample comes from."""

    def __init__(self):
        super().__init__()
        self.names = iter("abc")


@pytest.mark.parametrize(
    "make", [Restarting, ReadingAFile, ReadingADatabase, ReadingText, WithAReferenceToNothing, WithHistory, Numbered]
)
def test_iterators_that_a_pass_starts_again_files_and_open_passes_give_no_warning(make):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        learner, step, loader = training(make, writes_nothing)
        own_loop(step, loader, 3)
        loader._iterator = iter(loader)  # as with persistent workers
        again = TorchLearner.from_step(step, loader, modules=learner._state.modules, optimizers=learner._state.optimizers)
        searched(again)
    assert not any(name.startswith("iterator") for name in lrfinder.check(learner).lost)
