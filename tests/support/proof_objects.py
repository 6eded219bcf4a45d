"""Nets with state in objects of other classes, in tensors that wrap others or have no data, and in buffers that grow."""

# These tests add attributes to the objects of frameworks.
# pyright: reportAttributeAccessIssue=false

import weakref
from collections import Counter, OrderedDict, UserDict, defaultdict
from dataclasses import dataclass
from types import MappingProxyType, SimpleNamespace

import numpy as np
import torch
from proof_nets import NETS, mlp
from proof_wrappers import Codes, Passed
from torch import nn
from torch.ao.quantization import FakeQuantize, HistogramObserver, MovingAveragePerChannelMinMaxObserver

EMPTY = "meta"  # the device of tensors without data


class WithState(nn.Module):
    """A linear layer whose output is shifted by what ``move`` returns, which changes the state at each forward."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(6, 2)
        self.start()

    def forward(self, x):
        out = self.linear(x)
        return out + 0.1 * self.move(out.detach().float().mean(0).cpu()).to(out)


class Results(OrderedDict):
    """A dict with attributes, as the results of an epoch in a trainer."""

    def __init__(self):
        super().__init__(mean=torch.zeros(2))
        self.total, self.count, self.batch = torch.zeros(2), 0, None


class OfResults(WithState):
    def start(self):
        self.results = Results()

    def move(self, mean):
        results = self.results
        results.count += 1
        results.total, results.batch = 0.9 * results.total + mean, mean
        results["mean"].copy_(results.total / results.count)
        results[f"batch {results.count % 3}"] = mean
        return results["mean"] + results.total


class Rows(list):
    def __init__(self):
        super().__init__([torch.zeros(2)])
        self.last = None


class OfRows(WithState):
    def start(self):
        self.rows = Rows()

    def move(self, mean):
        self.rows.last = mean if self.rows.last is None else 0.5 * self.rows.last + 0.1 * mean
        self.rows[:] = [*self.rows[-2:], mean]
        return self.rows.last + sum(self.rows)


class Slots:
    __slots__ = ("calls", "generator", "mean", "unset")

    def __init__(self):
        self.calls, self.mean, self.generator = 0, torch.zeros(2), torch.Generator().manual_seed(1)


class OfSlots(WithState):
    def start(self):
        self.slots = Slots()

    def move(self, mean):
        self.slots.calls += 1
        self.slots.mean = 0.9 * self.slots.mean + mean
        return self.slots.mean + 0.01 * torch.randn(2, generator=self.slots.generator) + 0.001 * self.slots.calls


@dataclass(frozen=True)
class Frozen:
    mean: torch.Tensor
    seen: list


class Meter:
    """An object that refers to its parent, which refers to it."""

    def __init__(self, parent):
        self.parent, self.parts, self.frozen = parent, {"mean": torch.zeros(2)}, Frozen(torch.zeros(2), [0.0])


class OfObjects(WithState):
    def start(self):
        self.meter = SimpleNamespace()
        self.meter.inner = Meter(self.meter)

    def move(self, mean):
        inner = self.meter.inner.parent.inner
        inner.parts["mean"] = 0.9 * inner.parts["mean"] + mean
        inner.frozen.seen.append(len(inner.frozen.seen))
        inner.frozen.mean.lerp_(mean, 0.1)
        return inner.parts["mean"] + inner.frozen.mean + 0.001 * inner.frozen.seen[-1]


class OfArrays(WithState):
    def start(self):
        self.array, self.structured = np.zeros(2, np.float32), np.zeros((), [("calls", int), ("mean", np.float32, 2)])
        self.of_objects = np.array([None, None], object)

    def move(self, mean):
        self.array *= 0.9
        self.array += mean.numpy()
        self.structured["calls"] += 1
        self.structured["mean"] = self.array
        self.of_objects[int(self.structured["calls"]) % 2] = mean
        return torch.from_numpy(self.array + 0.1 * self.structured["mean"]) + 0.001 * int(self.structured["calls"])


class OfCollections(WithState):
    """Dicts of the standard library, and tables whose keys may vanish."""

    def start(self):
        self.counts, self.of_mean, self.user = Counter(), defaultdict(list), UserDict(mean=torch.zeros(2))
        self.weak = weakref.WeakKeyDictionary({self.linear: torch.zeros(2)})
        self.view = MappingProxyType({"mean": torch.zeros(2)})

    def move(self, mean):
        self.counts["calls"] += 1
        self.of_mean[self.counts["calls"] % 3].append(mean)
        self.user["mean"] = 0.9 * self.user["mean"] + mean
        self.weak[self.linear] = 0.9 * self.weak[self.linear] + 0.1 * mean
        self.view["mean"].lerp_(mean, 0.1)
        return self.user["mean"] + self.weak[self.linear] + self.view["mean"] + 0.001 * len(self.of_mean[0])


class WithoutData(WithState):
    """Tensors on the device "meta": a buffer, an attribute, and one in a list; and one that is replaced by another."""

    def start(self):
        self.register_buffer("template", torch.empty(3, 2, device=EMPTY), persistent=False)
        self.like, self.calls = [torch.empty(2, device=EMPTY)], 0
        self.shape = torch.empty(1, device=EMPTY)

    def move(self, mean):
        self.calls += 1
        self.shape = torch.empty(self.calls % 5, device=EMPTY)
        return mean.new_ones(self.like[0].shape) * 0.01 * self.calls


class Grows(WithState):
    """Two buffers that grow: one by ``resize_``, one as it is replaced."""

    def start(self):
        self.register_buffer("history", torch.zeros(0))
        self.history.grows = True  # in other memory
        self.register_buffer("rows", torch.zeros(1, 2), persistent=False)

    def move(self, mean):
        length = len(self.history)
        self.history.resize_(length + 1)
        self.history[length] = mean.sum()
        self.rows = torch.cat([self.rows[-6:], mean.to(self.rows)[None]])
        return self.rows.mean(0) + 0.1 * self.history[-4:].sum()


class Outside(WithState):
    """A tensor in an attribute, and one of an object, both of which grow by ``resize_``."""

    def start(self):
        self.tensor, self.held = torch.zeros(1), SimpleNamespace(tensor=torch.zeros(1))
        self.tensor.grows = self.held.tensor.grows = True  # in other memory

    def move(self, mean):
        for tensor in (self.tensor, self.held.tensor):
            tensor.resize_(len(tensor) + 1)
            tensor[-1] = mean.sum()
        return 0.1 * (self.tensor[-3:].sum() + self.held.tensor[-5:].sum()).expand(2)


class Quantized(WithState):
    """A buffer and an attribute in 8 bits."""

    def start(self):
        self.register_buffer("codes", Codes.of(torch.ones(2)))
        self.others = [Codes.of(torch.ones(2))]

    def move(self, mean):
        for codes in (self.codes, *self.others):
            codes.copy_(0.9 * codes.read() + 0.1 * mean)
        return self.codes.read() + self.others[0].read()


class LowBit(nn.Module):
    """A frozen weight in 8 bits, and a trained update of low rank."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(Codes.of(0.3 * torch.randn(4, 6)), requires_grad=False)
        self.down, self.up = nn.Linear(6, 2, bias=False), nn.Linear(2, 4)
        self.head = nn.Linear(4, 2)

    def forward(self, x):
        return self.head(torch.relu(x @ self.weight.read().T.to(x) + self.up(self.down(x))))


def trained_wrapper():
    model = mlp()
    model[0].weight = nn.Parameter(Passed(model[0].weight.detach()))
    return model


def per_channel():
    fake = FakeQuantize(
        MovingAveragePerChannelMinMaxObserver,
        quant_min=-128,
        quant_max=127,
        dtype=torch.qint8,
        qscheme=torch.per_channel_symmetric,
        ch_axis=1,
    )
    fake.scale.grows = fake.zero_point.grows = True  # in other memory
    return mlp(fake)


def histogram():
    return mlp(HistogramObserver(bins=16))


WITH_OBJECTS = {
    "dict with attributes": OfResults,
    "list with attributes": OfRows,
    "object with slots": OfSlots,
    "objects in objects": OfObjects,
    "arrays of numpy": OfArrays,
    "collections": OfCollections,
    "tensors without data": WithoutData,
    "buffers that grow": Grows,
    "tensors that grow": Outside,
    "quantization of channels": per_channel,
    "observer with a histogram": histogram,
    "state in 8 bits": Quantized,
    "weights in 8 bits": LowBit,
    "weights in a wrapper": trained_wrapper,
}
ALL = NETS | WITH_OBJECTS
