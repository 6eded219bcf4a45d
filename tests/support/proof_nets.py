"""Nets from 6 inputs to 2 outputs, each with its own kind of state."""

# These tests add attributes to the objects of frameworks.
# pyright: reportAttributeAccessIssue=false

import copy
import random

import numpy as np
import torch
from torch import nn
from torch.nn.utils import parametrizations, prune


class Words(nn.Module):
    """Convert numbers to indices into a vocabulary of 20, shape (batch, 6)."""

    def forward(self, x):
        return (x.detach().abs() * 7).long() % 20


class Lambda(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


def mlp(*middle, first=None, width=12):
    return nn.Sequential(first or nn.Linear(6, width), *middle, nn.ReLU(), nn.Linear(width, 2))


def conv():
    return nn.Sequential(
        nn.Unflatten(1, (1, 2, 3)),
        nn.Conv2d(1, 4, 2),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.Dropout2d(0.2),
        nn.Flatten(),
        nn.Linear(8, 2),
    )


def instance_norm():
    norm = nn.InstanceNorm1d(3, affine=True, track_running_stats=True)
    return nn.Sequential(nn.Linear(6, 12), nn.Unflatten(1, (3, 4)), norm, nn.Flatten(), nn.Linear(12, 2))


def group_norm():
    return nn.Sequential(nn.Linear(6, 12), nn.Unflatten(1, (4, 3)), nn.GroupNorm(2, 4), nn.Flatten(), nn.Linear(12, 2))


def tied():
    model = nn.Sequential(nn.Linear(6, 6, bias=False), nn.Tanh(), nn.Linear(6, 6, bias=False), nn.Linear(6, 2))
    model[2].weight = model[0].weight
    return model


class SharedStorage(nn.Module):
    """Two parameters that are halves of one flat tensor, as in sharded and flattened trainings."""

    def __init__(self):
        super().__init__()
        self.flat = torch.randn(24) * 0.3
        self.one = nn.Parameter(self.flat[:12].view(2, 6))
        self.other = nn.Parameter(self.flat[12:].view(2, 6))

    def forward(self, x):
        return x @ self.one.T + torch.tanh(x @ self.other.T)


class LSTM(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm, self.head = nn.LSTM(2, 5, num_layers=2, dropout=0.2, batch_first=True), nn.Linear(5, 2)

    def forward(self, x):
        return self.head(self.lstm(x.view(len(x), 3, 2))[0][:, -1])


class CarriesItsState(nn.Module):
    """A recurrent net that passes its hidden state from batch to batch, as a tensor in an attribute."""

    def __init__(self):
        super().__init__()
        self.cell, self.head, self.hidden = nn.GRUCell(6, 5), nn.Linear(5, 2), None

    def forward(self, x):
        start = torch.zeros(5, device=x.device) if self.hidden is None else self.hidden
        hidden = self.cell(x, start.expand(len(x), 5))
        self.hidden = hidden.detach().float().mean(0)
        return self.head(hidden)


class Buffers(nn.Module):
    """Three buffers: a persistent one that is replaced, one that is not persistent, and one that is None at first."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(6, 2)
        self.register_buffer("mean", torch.zeros(6))
        self.register_buffer("calls", torch.zeros(()), persistent=False)
        self.register_buffer("last", None, persistent=False)

    def forward(self, x):
        self.mean = 0.9 * self.mean + 0.1 * x.detach().mean(0)
        self.calls += 1
        out = self.linear(x - self.mean) + 0.01 * self.calls
        out = out if self.last is None else out + 0.1 * self.last
        self.last = out.detach().mean(0)
        return out


class Remembers(nn.Module):
    """Attributes that are not tensors, ``get_extra_state``, and its own random generators."""

    def __init__(self):
        super().__init__()
        self.linear, self.calls, self.history, self.table = nn.Linear(6, 2), 0, [], {"seen": {}}
        self.generator = torch.Generator().manual_seed(5)
        self.numpy, self.python = np.random.default_rng(5), random.Random(5)

    def get_extra_state(self):
        return {"calls": self.calls, "history": list(self.history)}

    def set_extra_state(self, state):
        self.calls, self.history = state["calls"], state["history"]

    def forward(self, x):
        self.calls += 1
        self.history.append(self.calls)
        self.table["seen"][self.calls % 4] = len(x)
        self.created = torch.ones(())
        noise = torch.randn(2, generator=self.generator).to(x.device) + self.numpy.random() + self.python.random()
        return self.linear(x) + 0.01 * noise + 0.001 * self.calls


class Unused(nn.Module):
    """An unused parameter and one used in every other forward: its gradients are absent, then present, then stale."""

    def __init__(self):
        super().__init__()
        self.linear, self.idle, self.at_times, self.calls = nn.Linear(6, 2), nn.Parameter(torch.ones(3)), nn.Linear(2, 2), 0

    def forward(self, x):
        self.calls += 1
        out = self.linear(x)
        return self.at_times(out) if self.calls % 2 else out


class GrowsANote(nn.Module):
    """Attributes on a parameter, such as the ``main_grad`` of distributed trainings."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(6, 2)
        self.linear.weight.mean_of_inputs = torch.zeros(6)
        self.linear.weight.uses = 0

    def forward(self, x):
        weight = self.linear.weight
        weight.mean_of_inputs.add_(0.1 * x.detach().mean(0))
        weight.uses += 1
        return self.linear(x + weight.mean_of_inputs) + 0.001 * weight.uses


class Frozen(nn.Module):
    """A frozen body, and from the fifth call on a layer that is frozen as well and another one in evaluation mode.

    What changes stays so: a finder that forgets to put it back is found whatever the number of its calls.
    """

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(6, 12), nn.BatchNorm1d(12), nn.Dropout(0.3)).requires_grad_(requires_grad=False)
        self.turns, self.head, self.calls = nn.Linear(12, 12), nn.Linear(12, 2), 0

    def forward(self, x):
        self.calls += 1
        self.turns.requires_grad_(self.calls < 5)
        self.body[2].train(self.calls < 5)
        return self.head(torch.relu(self.turns(self.body(x))))


class Averages(nn.Module):
    """A teacher that follows the student inside the forward, as in self-supervised training."""

    def __init__(self):
        super().__init__()
        self.student = nn.Linear(6, 2)
        self.teacher = copy.deepcopy(self.student).requires_grad_(requires_grad=False)

    @torch.no_grad()
    def follow(self):
        for slow, fast in zip(self.teacher.parameters(), self.student.parameters(), strict=True):
            slow.lerp_(fast, 0.1)

    def forward(self, x):
        self.follow()
        return self.student(x) - 0.1 * self.teacher(x)


def pruned():
    model = mlp()
    prune.l1_unstructured(model[0], "weight", amount=0.3)
    return model


def old_weight_norm():
    return mlp(first=nn.utils.weight_norm(nn.Linear(6, 12)))


def transformer():
    layer = nn.TransformerEncoderLayer(4, 2, 8, dropout=0.1, batch_first=True)
    return nn.Sequential(nn.Linear(6, 12), nn.Unflatten(1, (3, 4)), layer, nn.Flatten(), nn.Linear(12, 2))


def containers():
    class Containers(nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = nn.ModuleDict({"one": nn.Linear(6, 4), "two": nn.Linear(4, 2)})
            self.shifts = nn.ParameterList([torch.zeros(4), torch.zeros(2)])

        def forward(self, x):
            return self.layers["two"](torch.tanh(self.layers["one"](x) + self.shifts[0])) + self.shifts[1]

    return Containers()


def quantized():
    fake = torch.ao.quantization.FakeQuantize.with_args(
        observer=torch.ao.quantization.MovingAverageMinMaxObserver, quant_min=0, quant_max=255
    )
    return mlp(fake())


def bfloat16():
    return nn.Sequential(Lambda(torch.Tensor.bfloat16), mlp().bfloat16(), Lambda(torch.Tensor.float))


def float64():
    return nn.Sequential(Lambda(torch.Tensor.double), mlp().double())


def embedding(sparse, max_norm=None):
    return nn.Sequential(Words(), nn.Embedding(20, 4, sparse=sparse, max_norm=max_norm), nn.Flatten(), nn.Linear(24, 2))


NETS = {
    "linear": lambda: mlp(),
    "conv with batch norm": conv,
    "batch norm": lambda: mlp(nn.BatchNorm1d(12)),
    "batch norm without momentum": lambda: mlp(nn.BatchNorm1d(12, momentum=None)),
    "layer norm": lambda: mlp(nn.LayerNorm(12)),
    "group norm": group_norm,
    "instance norm": instance_norm,
    "dropout": lambda: mlp(nn.Dropout(0.3), nn.AlphaDropout(0.1)),
    "random slopes": lambda: mlp(nn.RReLU()),
    "spectral norm": lambda: mlp(first=parametrizations.spectral_norm(nn.Linear(6, 12))),
    "spectral norm by a hook": lambda: mlp(first=nn.utils.spectral_norm(nn.Linear(6, 12))),
    "weight norm": lambda: mlp(first=parametrizations.weight_norm(nn.Linear(6, 12))),
    "weight norm by a hook": old_weight_norm,
    "orthogonal weights": lambda: mlp(first=parametrizations.orthogonal(nn.Linear(6, 12))),
    "pruned": pruned,
    "tied weights": tied,
    "parameters in one storage": SharedStorage,
    "embedding": lambda: embedding(sparse=False),
    "embedding with a largest norm": lambda: embedding(sparse=False, max_norm=1.0),
    "sparse embedding and linear": lambda: embedding(sparse=True),
    "sparse embedding alone": lambda: nn.Sequential(Words(), nn.EmbeddingBag(20, 2, sparse=True)),
    "LSTM": LSTM,
    "GRU that carries its state": CarriesItsState,
    "transformer": transformer,
    "buffers": Buffers,
    "attributes and generators": Remembers,
    "attributes of a parameter": GrowsANote,
    "unused parameters": Unused,
    "frozen and mixed modes": Frozen,
    "teacher inside": Averages,
    "containers of modules and parameters": containers,
    "fake quantization": quantized,
    "lazy": lambda: nn.Sequential(nn.LazyLinear(12), nn.LazyBatchNorm1d(), nn.ReLU(), nn.Dropout(0.3), nn.LazyLinear(2)),
    "bfloat16 weights": bfloat16,
    "float64 weights": float64,
}
SPARSE = {"sparse embedding and linear", "sparse embedding alone"}
