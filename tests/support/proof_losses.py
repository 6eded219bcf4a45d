"""Losses with state of their own: callables of output and target, each of which moves its state at every call."""

# These tests add attributes to the objects of frameworks.
# pyright: reportAttributeAccessIssue=false

import functools
import random
from collections import deque
from dataclasses import dataclass, field
from types import MappingProxyType, SimpleNamespace

import numpy as np
import torch
from torch import nn


def mean_of(output):
    return output.detach().float().mean(0).cpu()


def entropy(output, target, shift):
    return nn.functional.cross_entropy(output.float() - shift.to(output.device), target)


def follow(center, output):
    """Move a tensor towards the mean output, in place."""
    return center.lerp_(mean_of(output), 0.1)


class Center(nn.Module):
    """A module with a buffer that each call moves, as the center of DINO."""

    def __init__(self):
        super().__init__()
        self.register_buffer("center", torch.zeros(2))

    def forward(self, output, target):
        self.center = 0.9 * self.center + 0.1 * mean_of(output)
        return entropy(output, target, self.center)


class Running:
    """An object with a tensor that is moved in place, one that is replaced, and a number."""

    def __init__(self):
        self.center, self.last, self.calls = torch.zeros(2), torch.zeros(2), 0

    def __call__(self, output, target):
        self.calls += 1
        self.last = 0.5 * self.last + 0.5 * mean_of(output)
        return entropy(output, target, follow(self.center, output) + 0.1 * self.last + 0.001 * self.calls)


class Prototypes:
    """An object whose method computes the loss; one tensor for each class, in a dict that starts without some."""

    def __init__(self):
        self.of_class = {0: torch.zeros(2)}

    def loss(self, output, target):
        for kind in target.unique().tolist():
            self.of_class[kind] = 0.9 * self.of_class.get(kind, torch.zeros(2)) + 0.1 * mean_of(output[target == kind])
        return entropy(output, target, sum(self.of_class.values()))


class OfArrays:
    """An object with arrays of numpy: one changes in place, one is replaced."""

    def __init__(self):
        self.center, self.scale, self.count = np.zeros(2), np.ones(2), np.int64(0)

    def __call__(self, output, target):
        self.center *= 0.9
        self.center += 0.1 * mean_of(output).numpy()
        self.scale = 0.9 * self.scale + 0.1 * self.center
        self.count += 1
        return entropy(output, target, torch.tensor(self.center + 0.1 * self.scale + 0.001 * self.count).float())


class Bank:
    """A memory bank: a list of tensors, of which each call replaces the oldest."""

    def __init__(self):
        self.rows = [torch.full((2,), 0.1 * k) for k in range(4)]

    def __call__(self, output, target):
        self.rows.append(mean_of(output))
        self.rows.pop(0)
        return entropy(output, target, torch.stack(self.rows).mean(0))


class Window:
    """The last outputs in a deque."""

    def __init__(self):
        self.rows = deque([torch.zeros(2)], maxlen=3)

    def __call__(self, output, target):
        self.rows.append(mean_of(output))
        return entropy(output, target, torch.stack(tuple(self.rows)).mean(0))


class Smooths:
    """An object that draws the smoothing of the labels from generators of its own."""

    def __init__(self):
        self.torch, self.python = torch.Generator().manual_seed(4), random.Random(4)
        self.numpy, self.old = np.random.default_rng(4), np.random.RandomState(4)

    def __call__(self, output, target):
        drawn = torch.rand((), generator=self.torch).item() + self.python.random() + self.numpy.random() + self.old.rand()
        return nn.functional.cross_entropy(output.float(), target, label_smoothing=0.05 * drawn)


class Slots:
    """An object without a dict."""

    __slots__ = ("calls", "center", "unset")

    def __init__(self):
        self.center, self.calls = torch.zeros(2), 0

    def __call__(self, output, target):
        self.calls += 1
        self.center = 0.9 * self.center + 0.1 * mean_of(output)
        return entropy(output, target, self.center + 0.001 * self.calls)


class SlotsAndDict(Slots):
    """An object with a dict, whose base has slots."""

    def __init__(self):
        super().__init__()
        self.largest = torch.zeros(2)

    def __call__(self, output, target):
        torch.maximum(self.largest, mean_of(output), out=self.largest)
        return super().__call__(output, target) + 0.01 * self.largest.sum()


class Meters(dict):
    """A dict with attributes."""

    def __init__(self):
        super().__init__(first=torch.zeros(2))
        self.center, self.calls = torch.zeros(2), 0

    def loss(self, output, target):
        self.calls += 1
        self[f"{self.calls % 3}"] = mean_of(output)
        return entropy(output, target, follow(self.center, output) + 0.1 * sum(self.values()) + 0.001 * self.calls)


class Rows(list):
    """A list with attributes."""

    def __init__(self):
        super().__init__([torch.zeros(2)])
        self.total = torch.zeros(2)

    def __call__(self, output, target):
        self.total = 0.9 * self.total + mean_of(output)
        self[0].add_(0.01 * self.total)
        return entropy(output, target, self[0] + 0.1 * self.total)


class Metric:
    """An object with ``state_dict()``, whose attributes differ from it."""

    def __init__(self):
        self._sum, self._count = torch.zeros(2), 0

    def state_dict(self):
        return {"sum": self._sum, "count": self._count}

    def load_state_dict(self, state):
        self._sum, self._count = state["sum"].clone(), state["count"]

    def __call__(self, output, target):
        self._sum += mean_of(output)
        self._count += 1
        return entropy(output, target, self._sum / self._count)


@dataclass
class Inner:
    center: torch.Tensor = field(default_factory=lambda: torch.zeros(2))
    others: tuple = field(default_factory=lambda: (torch.zeros(2), [torch.zeros(2)]))


class Nested:
    """Objects in objects in containers."""

    def __init__(self):
        self.parts = {"first": SimpleNamespace(inner=Inner()), "second": [Inner()]}
        self.parts["first"].outer = self  # a cycle

    def __call__(self, output, target):
        first, second = self.parts["first"].inner, self.parts["second"][0]
        second.center = 0.5 * second.center + 0.1 * follow(first.center, output)
        return entropy(output, target, second.center + follow(first.others[1][0], output) + first.others[0].add_(0.001))


class Behind:
    """A read-only view of a dict."""

    def __init__(self):
        self.view = MappingProxyType({"center": torch.zeros(2)})

    def __call__(self, output, target):
        return entropy(output, target, follow(self.view["center"], output))


def with_state(state, output, target, *, scale):
    state["last"] = mean_of(output)
    return entropy(output, target, scale * follow(state["center"], output) + 0.1 * state["last"])


def closure():
    center, seen = torch.zeros(2), {"last": torch.zeros(2)}

    def loss(output, target):
        seen["last"] = 0.5 * seen["last"] + 0.1 * mean_of(output)
        return entropy(output, target, follow(center, output) + seen["last"])

    return loss


def rebound_closure():
    center = torch.zeros(2)

    def loss(output, target):
        nonlocal center
        center = 0.9 * center + 0.1 * mean_of(output)
        return entropy(output, target, center)

    return loss


def teacher():
    slow = nn.Linear(2, 2).requires_grad_(requires_grad=False)

    @torch.no_grad()
    def follows(output):
        slow.weight.lerp_(torch.outer(mean_of(output), mean_of(output)), 0.1)
        return slow(mean_of(output))

    def loss(output, target):
        return entropy(output, target, 0.1 * follows(output))

    return loss


def bank_in_a_closure():
    rows = [torch.full((2,), 0.1 * k) for k in range(3)]

    def loss(output, target):
        rows[:] = [*rows[1:], mean_of(output)]
        return entropy(output, target, sum(rows))

    return loss


def decorated():
    state = Running()

    def counting(function):
        @functools.wraps(function)
        def call(*arguments):
            state.last = 0.9 * state.last + 0.01
            return function(*arguments) + state.last.sum()

        return call

    @counting
    def loss(output, target):
        return entropy(output, target, torch.zeros(2))

    return loss


def with_a_default():
    def loss(output, target, state={"center": torch.zeros(2)}):  # noqa: B006, B008  (state, as scripts keep it)
        return entropy(output, target, follow(state["center"], output))

    return loss


def with_an_attribute():
    def loss(output, target):
        loss.center = 0.9 * loss.center + 0.1 * mean_of(output)
        return entropy(output, target, loss.center)

    loss.center = torch.zeros(2)
    return loss


CENTER = LAST = STATE = None


def of_globals(output, target):
    global LAST  # noqa: PLW0603  (as in a script)
    LAST = 0.5 * LAST + 0.1 * mean_of(output)
    return entropy(output, target, follow(CENTER, output) + LAST)


def set_globals():
    global CENTER, LAST
    CENTER, LAST = torch.zeros(2), torch.zeros(2)
    return of_globals


def calls_a_helper(output, target):
    return helper(output, target)


def helper(output, target):
    return STATE(output, target)


def set_the_global_of_a_helper():
    global STATE  # noqa: PLW0603
    STATE = Running()
    return calls_a_helper


LOSSES = {
    "none": lambda: nn.functional.cross_entropy,
    "module with a center": Center,
    "callable object": Running,
    "bound method": lambda: Prototypes().loss,
    "partial": lambda: functools.partial(with_state, {"center": torch.zeros(2)}, scale=torch.ones(2)),
    "closure": closure,
    "closure that rebinds": rebound_closure,
    "teacher in a closure": teacher,
    "bank in a closure": bank_in_a_closure,
    "decorated function": decorated,
    "default argument": with_a_default,
    "attribute of the function": with_an_attribute,
    "globals": set_globals,
    "global of a helper": set_the_global_of_a_helper,
    "arrays of numpy": OfArrays,
    "memory bank": Bank,
    "deque of tensors": Window,
    "generators": Smooths,
    "slots": Slots,
    "slots and a dict": SlotsAndDict,
    "dict with attributes": lambda: Meters().loss,
    "list with attributes": Rows,
    "object with state_dict": Metric,
    "objects in objects": Nested,
    "read-only view of a dict": Behind,
}


# --- clipping ---------------------------------------------------------------------------------------------------------


def clip_norm(parameters):
    nn.utils.clip_grad_norm_(parameters, 1.0)


class AutoClip:
    """Clips at the median of the last norms, which are in a tensor."""

    def __init__(self):
        self.norms, self.calls = torch.ones(5), 0

    def __call__(self, parameters):
        norm = nn.utils.clip_grad_norm_(parameters, self.norms.median().item())
        self.norms[self.calls % 5] = norm
        self.calls += 1


class ClipsInSlots:
    """Clips at a running mean, a tensor in a slot that is replaced."""

    __slots__ = ("mean",)

    def __init__(self):
        self.mean = torch.ones(())

    def clip(self, parameters):
        norm = nn.utils.clip_grad_norm_(parameters, self.mean.item())
        self.mean = 0.9 * self.mean + 0.1 * norm.detach().cpu()


def clip_with(norms, parameters):
    norm = nn.utils.clip_grad_norm_(parameters, float(np.median(norms)))
    norms[:] = [*norms[1:], float(norm)]


def clip_in_a_closure():
    largest = torch.ones(())

    def clip(parameters):
        nonlocal largest
        largest = 0.9 * largest + 0.1 * nn.utils.clip_grad_norm_(parameters, largest.item()).detach().cpu()

    return clip


CLIPS = {
    "no": lambda: None,
    "norm": lambda: clip_norm,
    "norms in a tensor": AutoClip,
    "norms in an array": lambda: functools.partial(clip_with, np.ones(5)),
    "mean in a slot": lambda: ClipsInSlots().clip,
    "mean in a closure": clip_in_a_closure,
}
