"""Objects next to a training, reached from its loss: some hold state, some refuse, some must not be touched."""

# These tests add attributes to the objects of frameworks.
# pyright: reportAttributeAccessIssue=false

import logging
import queue
import socket
import tempfile
import threading
import warnings
import weakref
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from faulty_surroundings import MyError

from lrfinder import LRFinderWarning

MANY, DEEP = 100_001, 5_000


class Watched:
    """An object that the loss calls with each output, and what of it must come back."""

    def __init__(self, held, see=lambda held: None, seen=lambda held: None):
        self.held, self.see_held, self.seen_held = held, see, seen

    def see(self):
        self.see_held(self.held)

    def seen(self):
        return id(self.held), self.seen_held(self.held)


def watched(make, see=lambda held: None, seen=lambda held: None):
    """Return a function that attaches a :class:`Watched` to a training."""
    return lambda training: Watched(make(), see, seen)


# --- tensors of every kind ------------------------------------------------------------------------------------------


class Unwritable(torch.Tensor):
    """A tensor that refuses to be written."""

    @classmethod
    def __torch_function__(cls, function, types, args=(), kwargs=None):
        if function is torch.Tensor.copy_:
            raise MyError("mine")
        return super().__torch_function__(function, types, args, kwargs or {})


class Uncopyable(torch.Tensor):
    """A tensor that refuses to be copied."""

    @classmethod
    def __torch_function__(cls, function, types, args=(), kwargs=None):
        if function in {torch.Tensor.to, torch.Tensor.clone, torch.Tensor.cpu, torch.Tensor.detach}:
            raise MyError("mine")
        return super().__torch_function__(function, types, args, kwargs or {})


class Closed(torch.Tensor):
    """A wrapper that does not say what it wraps."""

    @staticmethod
    def __new__(cls):
        return torch.Tensor._make_wrapper_subclass(cls, (2,), dtype=torch.float32)

    def __repr__(self):
        return "Closed()"

    def __tensor_flatten__(self):
        raise MyError("mine")

    @classmethod
    def __torch_dispatch__(cls, function, types, args=(), kwargs=None):
        raise MyError("mine")


def of_class(cls):
    return lambda training: SimpleNamespace(tensor=torch.zeros(2).as_subclass(cls))


def closed(training):
    return SimpleNamespace(tensor=Closed())


@torch.inference_mode()
def of_inference():
    return torch.ones(3)


def add_in_inference(tensor):
    with torch.inference_mode():
        tensor.add_(1)


def add(tensor):
    tensor.add_(1)


def numbers_of(tensor):
    return (
        str(tensor.dtype),
        str(tensor.layout),
        tensor.detach().clone().to_dense().to(torch.complex64).resolve_conj().tolist(),
    )


def quantized(number=1.0):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # they are deprecated
        return torch.quantize_per_tensor(torch.full((3,), number), 0.1, 0, torch.qint8)


def write_quantized(tensor):
    tensor.copy_(quantized(2.0))


def numbers_of_quantized(tensor):
    return tensor.int_repr().tolist()


def write_into_a_float8(tensor):
    tensor.copy_(torch.full((3,), 2.0).to(torch.float8_e4m3fn))


def numbers_of_float8(tensor):
    return tensor.clone().view(torch.uint8).tolist()


def resize(tensor):
    tensor.resize_(len(tensor) + 1).fill_(1)


def free(tensor):
    tensor.untyped_storage().resize_(0)


def length_of(tensor):
    return len(tensor), tensor.tolist() if tensor.untyped_storage().nbytes() else "freed"


def share_a_view(training):
    view = training.net.head.weight.detach().view(-1)
    return Watched(view, seen=lambda held: (held.tolist(), held.data_ptr() == training.net.head.weight.data_ptr()))


def without_data():
    return [torch.empty(3, device="meta")]


def replace_without_data(held):
    held[0] = torch.empty(5, device="meta")


# --- containers and arrays whose own methods raise ------------------------------------------------------------------


def refusing(base, *names):
    """Return a subclass of ``base`` in which the methods of these names raise."""

    def refuse(*_, **__):
        raise MyError("mine")

    return type(f"Refusing{base.__name__.title()}", (base,), dict.fromkeys(names, refuse))


OF_A_DICT = (
    "update",
    "clear",
    "__setitem__",
    "__iter__",
    "keys",
    "items",
    "values",
    "copy",
    "__copy__",
    "__eq__",
    "__len__",
)
OF_A_LIST = ("extend", "clear", "append", "__setitem__", "__iter__", "copy", "__copy__", "__eq__", "__len__")
OF_A_SET = ("update", "clear", "add", "__iter__", "copy", "__copy__", "__eq__", "__len__")
OF_ANY = (
    "__eq__",
    "__bool__",
    "__len__",
    "__getattr__",
    "__setattr__",
    "__delattr__",
    "__copy__",
    "__deepcopy__",
    "__reduce_ex__",
)


def items_of(held):
    return [(key, value.tolist()) for key, value in dict.items(held)]


def write_an_item(held):
    dict.__setitem__(held, f"{dict.__len__(held)}", torch.ones(1))
    next(iter(dict.values(held))).add_(1)


def write_into_a_list(held):
    list.__setitem__(held, 0, torch.ones(1))
    list.append(held, torch.ones(1))


def write_into_a_set(held):
    set.add(held, set.__len__(held))


def full_of_itself():
    held = [torch.zeros(1), {}]
    held[1]["again"] = (held, deque([held]))
    return held


def write_deep(held):
    held[0].add_(1)
    held.append(held)


def deep():
    held = [torch.zeros(1)]
    for level in range(DEEP):
        held = [held] if level % 2 else {"inside": held}
    return held


def bottom(held):
    while not isinstance(held, torch.Tensor):
        held = held["inside"] if isinstance(held, dict) else held[0]
    return held


def raise_the_bottom(held):
    bottom(held).add_(1)


def many():
    return [[torch.zeros(1)], *([k] for k in range(MANY))]


def read_only():
    array = np.zeros(2)
    array.setflags(write=False)
    return array


def of_array(array):
    return array.tolist(), array.flags.writeable, array.__array_interface__["data"][0]


def structured():
    return np.zeros(3, [("calls", int), ("mean", float, 2)])


def write_structured(array):
    array["calls"] += 1
    array["mean"] = 3


def of_objects():
    return np.array([[1], None, {"a": 2}], object)


def write_objects(array):
    array[0].append(2)
    array[1] = "written"


# --- objects --------------------------------------------------------------------------------------------------------


class Properties:
    """An object whose properties raise, with state behind them."""

    def __init__(self):
        self._tensor, self._calls = torch.zeros(1), 0

    @property
    def tensor(self):
        raise MyError("mine")

    @property
    def calls(self):
        raise MyError("mine")


def use_behind(held):
    held._tensor.add_(1)
    held._calls += 1


def behind(held):
    return held._tensor.tolist(), held._calls


class Half:
    """An object with slots, of which only one is set."""

    __slots__ = ("first", "second", "third")


def half():
    held = Half()
    held.first = torch.zeros(1)
    return held


def set_the_others(held):
    held.first, held.second = held.first + 1, [1]


def set_slots(held):
    return [(name, str(getattr(held, name, "unset"))) for name in Half.__slots__]


def stubborn():
    """Return an object whose class refuses nearly every use, and its dict."""
    held = refusing(object, *OF_ANY)()
    object.__getattribute__(held, "__dict__").update(tensor=torch.zeros(1), calls=0)
    return held


def use_stubborn(held):
    inside = object.__getattribute__(held, "__dict__")
    inside["tensor"].add_(1)
    inside["calls"] += 1


def of_stubborn(held):
    inside = object.__getattribute__(held, "__dict__")
    return inside["tensor"].tolist(), inside["calls"], sorted(inside)


@dataclass(frozen=True)
class Frozen:
    tensor: torch.Tensor
    calls: int = 0


def use_frozen(held):
    held.tensor.add_(1)
    object.__setattr__(held, "calls", held.calls + 1)


def of_frozen(held):
    return held.tensor.tolist(), held.calls


class Plain:
    def __init__(self):
        self.tensor, self.calls = torch.zeros(1), 1


def lose_attributes(held):
    held.__dict__ = {"tensor": torch.ones(1)}


def of_namespace(held):
    return sorted((name, str(value)) for name, value in vars(held).items())


def dead():
    class Gone:
        pass

    gone = Gone()
    return SimpleNamespace(proxy=weakref.proxy(gone), reference=weakref.ref(gone), tensor=torch.zeros(1))


def use_tensor(held):
    held.tensor.add_(1)


def of_tensor(held):
    return held.tensor.tolist()


class RefusingState:
    """An object that has only a state, and refuses to give it."""

    __slots__ = ()

    def state_dict(self):
        raise MyError("mine")

    def load_state_dict(self, state):
        raise MyError("mine")


class UncopyableState(RefusingState):
    __slots__ = ()

    def state_dict(self):
        return {"lock": threading.Lock()}


class Exploding:
    """A center that each call doubles, and that becomes infinite within a sweep."""

    def __init__(self, training):
        self.center, self.array, self.rows = torch.ones(2), np.ones(2), [torch.ones(1)]
        self.training = training

    def see(self):
        with np.errstate(all="ignore"):
            self.center *= 1e30
            self.center -= self.center / 2
            self.array = self.array * 1e200
        self.rows.append(self.center.clone())

    def seen(self):
        return self.center.tolist(), self.array.tolist(), list(map(id, self.rows))


# --- what belongs to the process ------------------------------------------------------------------------------------


def _close(end, file, pool, sockets):
    end.set()
    file.close()
    pool.shutdown(wait=False)
    for one in sockets:
        one.close()


class OfTheProcess:
    """A loss with a logger, locks, files, threads and sockets, which it uses, and which stay as they are."""

    def __init__(self, training):
        self.tensor = torch.zeros(1)
        self.logger = logging.getLogger("of the process")
        self.logger.addHandler(logging.NullHandler())
        self.lock, self.again, self.event = threading.Lock(), threading.RLock(), threading.Event()
        self.queue, self.error = queue.Queue(), MyError("held")
        self.file = tempfile.TemporaryFile("w+")  # noqa: SIM115  (open for as long as the loss)
        self.end = threading.Event()
        self.thread = threading.Thread(target=self.end.wait, daemon=True)
        self.thread.start()
        self.pool, self.sockets = ThreadPoolExecutor(1), socket.socketpair()
        self.used = self.file.fileno(), id(self.lock), self.logger.handlers[:]
        training.closing = weakref.finalize(self, _close, self.end, self.file, self.pool, self.sockets)

    def see(self):
        self.tensor.add_(1)
        with self.lock, self.again:
            self.file.write("x")
            self.queue.put(1)
        self.pool.submit(int).result()
        self.sockets[0].send(b"x")

    def seen(self):
        assert self.used == (self.file.fileno(), id(self.lock), self.logger.handlers)
        assert self.thread.is_alive()
        assert not self.lock.locked()
        assert not self.event.is_set()
        assert self.file.tell() == self.queue.qsize()  # neither went back
        return self.tensor.tolist()


class KnowsAll:
    """A loss that refers to the training, its learner, its finder, its open pass and the module of this class."""

    def __init__(self, training):
        self.training, self.learner, self.finder = training, training.learner, training.finder
        self.open, self.module, self.kind = training._batches, torch, KnowsAll
        self.calls = torch.zeros(1)

    def see(self):
        self.calls += 1

    def seen(self):
        return self.calls.tolist(), self.learner is self.training.learner, self.finder is self.training.finder


def holding_a_lock():
    """Return an object whose lock is held by somebody else."""
    held = SimpleNamespace(lock=threading.Lock(), tensor=torch.zeros(1))
    held.lock.acquire()
    return held


def of_lock(held):
    return held.lock.locked(), held.tensor.tolist()


# --- batches --------------------------------------------------------------------------------------------------------


class CopyRaises(list):
    """A pair whose copy raises."""

    def __copy__(self):
        raise MyError("mine")

    def __deepcopy__(self, memo):
        raise MyError("mine")


def in_pairs_that_refuse(training):
    """Return the loader of the script, with batches that refuse to be copied."""
    collate = training.loader.collate_fn
    training.loader.collate_fn = lambda samples: CopyRaises(collate(samples))
    return training.loader


class InOneMemory:
    """The loader of the script, whose batches are all in the same memory."""

    def __init__(self, training):
        self.loader = training.loader

    def __iter__(self):
        memory = None
        for batch in self.loader:
            memory = [part.clone() for part in batch] if memory is None else memory
            for target, part in zip(memory, batch, strict=True):
                target.copy_(part)
            yield memory


class Spoiled(InOneMemory):
    """The loader of the script; it overwrites each batch as soon as the next is asked for."""

    def __iter__(self):
        for batch in self.loader:
            yield batch
            for part in batch:
                part.zero_()


def named_as_too_large():
    return pytest.warns(LRFinderWarning, match="leads to more than 100,000 objects")
