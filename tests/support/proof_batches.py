"""Containers of a batch, and steps that take the batch apart in them."""

# These tests add attributes to the objects of others.
# pyright: reportAttributeAccessIssue=false

import functools
from collections import OrderedDict, UserDict, defaultdict, deque
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple

import torch
from torch.utils.data import DataLoader, default_collate


@dataclass
class Sample:
    given: torch.Tensor
    target: torch.Tensor


class Named(NamedTuple):
    given: torch.Tensor
    target: torch.Tensor


class Listed(list):
    pass


class Tupled(tuple):
    __slots__ = ()


class Encoding(UserDict):
    """A dict with ``to()``, as the batches of tokenizers."""

    def to(self, device):
        self.data = {key: value.to(device) for key, value in self.data.items()}
        return self


class Movable:
    """An object with ``to()`` that returns itself."""

    def __init__(self, given, target):
        self.given, self.target = given, target

    def to(self, device):
        self.given, self.target = self.given.to(device), self.target.to(device)
        return self


class InSlots:
    __slots__ = ("given", "target")

    def __init__(self, given, target):
        self.given, self.target = given, target


class Filled(dict):
    """A dict with an attribute."""


def filled(given, target):
    batch = Filled(given=given)
    batch.target = target
    return batch


def default(given, target):
    batch = defaultdict(list)
    batch["given"], batch["target"] = given, target
    return batch


def by_key(batch):
    return batch["given"], batch["target"]


def by_name(batch):
    return batch.given, batch.target


def nested(batch):
    return batch["inputs"]["given"][0], batch["target"]


def of_filled(batch):
    return batch["given"], batch.target


def pop_keys(batch):
    batch.pop("given")
    batch.pop("target")


def pop_nested(batch):
    batch["inputs"]["given"].pop()
    batch.pop("inputs")


def pop_names(batch):
    del batch.given
    del batch.target


def pop_filled(batch):
    batch.clear()
    del batch.target


def keep(batch):
    """Leave a batch of a fixed form as it is."""


# of each container: how a batch is made, read and emptied
CONTAINERS = {
    "pair": (lambda given, target: (given, target), tuple, keep),
    "list": (lambda given, target: [given, target], tuple, list.clear),
    "dict": (lambda given, target: {"given": given, "target": target}, by_key, pop_keys),
    "OrderedDict": (lambda given, target: OrderedDict(given=given, target=target), by_key, pop_keys),
    "defaultdict": (default, by_key, pop_keys),
    "UserDict": (lambda given, target: UserDict(given=given, target=target), by_key, pop_keys),
    "dict with an attribute": (filled, of_filled, pop_filled),
    "dataclass": (Sample, by_name, pop_names),
    "named tuple": (Named, tuple, keep),
    "list of an own class": (lambda given, target: Listed([given, target]), tuple, list.clear),
    "tuple of an own class": (lambda given, target: Tupled((given, target)), tuple, keep),
    "nested dict": (lambda given, target: {"inputs": {"given": [given]}, "target": target}, nested, pop_nested),
    "dict with to()": (lambda given, target: Encoding(given=given, target=target), by_key, pop_keys),
    "object with to()": (Movable, by_name, pop_names),
    "object with slots": (InSlots, by_name, pop_names),
    "read-only view": (lambda given, target: MappingProxyType({"given": given, "target": target}), by_key, keep),
    "deque": (lambda given, target: deque([given, target]), tuple, deque.clear),
    "arrays": (lambda given, target: {"given": given.clone().numpy(), "target": target.clone().numpy()}, by_key, pop_keys),
}
USES = ("reads", "empties", "changes in place")


def read(container, batch):
    return CONTAINERS[container][1](batch)


def take(container, use, batch):
    """Return input and target as a step takes them: it may empty the container, or change the input in place."""
    parts = read(container, batch)
    if len(parts) == 0 or isinstance(parts[0], list):  # emptied before; the default of a dict is a list
        message = "The batch is empty."
        raise KeyError(message)
    given, target = parts
    if use == "changes in place":
        given *= 1.1
        given -= 0.1 * given[:1]
    elif use == "empties":
        CONTAINERS[container][2](batch)
    return torch.as_tensor(given), torch.as_tensor(target)


def collate(container, samples):
    return CONTAINERS[container][0](*default_collate(samples))


def contained(feed, container):
    """Return the feed with its batches in the container; only lists and plain loaders can be changed so."""
    if container == "pair":
        return feed
    if isinstance(feed, DataLoader):
        feed.collate_fn = functools.partial(collate, container)
        return feed
    return type(feed)(CONTAINERS[container][0](*pair) for pair in feed)
