"""Copies of batches: through every container and object, and what passes as it is."""

# These tests set and read attributes that no type declares.
# pyright: reportAttributeAccessIssue=false

import array
from collections import Counter, OrderedDict, UserDict, UserList, defaultdict, deque
from dataclasses import dataclass
from types import MappingProxyType, SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
import pytest

from lrfinder._state.batch_copies import copied, digest, examples_in, nbytes


class Pair(NamedTuple):
    x: Any
    y: Any


@dataclass(frozen=True)
class Frozen:
    x: np.ndarray
    y: np.ndarray


@dataclass(slots=True)
class Slotted:
    x: np.ndarray
    y: np.ndarray


class HandSlotted:
    __slots__ = ("__y", "unset", "x")

    def __init__(self, x, y):
        self.x, self.__y = x, y

    @property
    def y(self):
        return self.__y


class Refusing:
    """An object that refuses every change after its creation."""

    def __init__(self, x, y):
        self.__dict__.update(x=x, y=y)

    def __setattr__(self, name, value):
        raise TypeError(name)


class Row(dict):
    """A mapping with an attribute of its own."""

    def __init__(self, x, y):
        super().__init__(x=x)
        self.y = y


class Items(list):
    pass


class Numbers(tuple):  # noqa: SLOT001
    """A sequence with an attribute of its own."""


def numbers(x, y):
    new = Numbers([x])
    new.y = y
    return new


def default(x, y):
    return defaultdict(list, x=x, y=y)


X, Y = np.arange(4.0), np.arange(3)
KINDS = {
    "dict": lambda x, y: {"x": x, "y": [{"deep": (y,)}]},
    "OrderedDict": lambda x, y: OrderedDict(x=x, y=y),
    "defaultdict": default,
    "Counter": lambda x, y: Counter({"x": x, "y": y}),
    "UserDict": lambda x, y: UserDict(x=x, y=y),
    "mapping proxy": lambda x, y: MappingProxyType({"x": x, "y": y}),
    "dict with attributes": Row,
    "list": lambda x, y: [x, y],
    "list of a class of its own": lambda x, y: Items([x, y]),
    "UserList": lambda x, y: UserList([x, y]),
    "deque": lambda x, y: deque([x, y], maxlen=2),
    "tuple": lambda x, y: (x, y),
    "named tuple": Pair,
    "tuple with attributes": numbers,
    "frozen dataclass": Frozen,
    "dataclass with slots": Slotted,
    "slots by hand": HandSlotted,
    "object that refuses changes": Refusing,
    "namespace": lambda x, y: SimpleNamespace(x=x, y=y),
    "array of objects": lambda x, y: np.array([x, y, None], dtype=object),
}


@pytest.mark.parametrize("name", KINDS)
def test_a_copy_is_equal_in_kind_and_content_and_shares_no_memory(name):
    x, y = X.copy(), Y.copy()
    original = KINDS[name](x, y)
    new = copied(original)
    assert type(new) is type(original)
    assert digest(new) == digest(original) == digest(KINDS[name](X, Y))
    assert nbytes(new) == nbytes(original) == X.nbytes + Y.nbytes + (nbytes(None) if name == "array of objects" else 0)
    x += 1
    assert digest(new) != digest(original)
    y += 1
    assert digest(new) == digest(KINDS[name](X, Y))


def test_settings_of_a_container_are_those_of_the_original():
    assert copied(default(X, Y)).default_factory is list
    assert copied(deque([X], maxlen=3)).maxlen == 3
    assert list(copied(OrderedDict(b=1, a=2))) == ["b", "a"]
    assert copied(array.array("i", [1, 2])) == array.array("i", [1, 2])
    assert copied(np.asfortranarray(np.ones((2, 3)))).flags.f_contiguous


def test_an_object_that_is_in_a_batch_twice_is_one_object_in_the_copy():
    first, second = copied((X, X))
    assert first is second is not X


def test_a_batch_that_refers_to_itself_is_copied():
    batch = SimpleNamespace(x=X)
    batch.own = batch
    new = copied(batch)
    assert new.own is new is not batch
    assert nbytes(batch) == X.nbytes


def test_what_cannot_be_copied_passes_as_it_is(tmp_path):
    generator = (k for k in range(3))
    with (tmp_path / "file").open("w") as file:
        batch = {"file": file, "generator": generator, "x": X, "function": len, "class": dict, "module": np}
        new = copied(batch)
    assert new["x"] is not X
    assert all(new[name] is value for name, value in batch.items() if name != "x")
    assert nbytes(batch) > X.nbytes
    assert next(generator) == 0


def test_a_class_that_can_copy_itself_does():
    class Own:
        def __init__(self, copies=0):
            self.copies = copies

        def __deepcopy__(self, memo):
            return Own(self.copies + 1)

    assert copied([Own()])[0].copies == 1


def test_a_framework_may_copy_its_own_values():
    assert copied({"x": [1.5, "a"], "y": X}, lambda value: value + 1 if isinstance(value, np.ndarray) else None)["y"][0] == 1


def test_large_arrays_are_digested_at_their_ends():
    large = np.zeros(100_000)
    before = digest(large)
    large[-1] = 1
    assert digest(large) != before


class Framework:
    """An array of a framework."""

    shape = (5, 3)


@pytest.mark.parametrize(("batch", "count"), [
    (np.zeros((7, 2)), 7),
    ((np.zeros((7, 2)), np.zeros(3)), 7),
    ([["text", np.zeros(4)], np.zeros(9)], 4),
    ({"ids": np.zeros((6, 2)), "mask": np.zeros((6, 2))}, 6),
    (MappingProxyType({"name": "x", "x": np.zeros(2)}), 2),
    (Framework(), 5),
    (np.zeros((0, 3)), 0),
])  # fmt: skip
def test_the_examples_of_a_batch_are_the_length_of_its_first_array(batch, count):
    assert examples_in(batch) == count


@pytest.mark.parametrize("batch", [None, 3, "text", [], {}, np.float32(3), [1, "a", {"b": None}], {1, 2}, object()])
def test_a_batch_without_an_array_shows_no_number_of_examples(batch):
    assert examples_in(batch) is None
