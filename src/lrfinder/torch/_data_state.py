"""State of the data that changes as batches are drawn: random generators, and plain attributes of loaders and samplers."""

from __future__ import annotations

import operator
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from torch.utils.data import DataLoader, Dataset, Sampler

from lrfinder._state.mersenne_twister import cached_reader
from lrfinder._state.rollback import restore_all
from lrfinder.randomness import RandomGenerator
from lrfinder.torch._randomness import own_generator

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_KINDS = (DataLoader, Dataset, Sampler)
_PLAIN = (type(None), bool, int, float, str, bytes)
_NOT_PLAIN = object()

Values = tuple[list[str], list[object]]


def data_generators(data: object) -> tuple[RandomGenerator, ...]:
    """Return the random generators in ``data``, and in its loaders, samplers and data sets.

    Attributes with plain values (an epoch number, an index, a counter) count as one more generator: replaying a batch
    leaves them as drawing it did. Other attributes are not included, since a copy of each at every batch could hold as much
    memory as the data set.
    """
    parts = [(part, own_generator(part)) for part in _parts(data)]
    owners = [part for part, generator in parts if generator is None]
    found = [generator for _, generator in parts if generator is not None]
    return (*found, _attributes(owners)) if owners else tuple(found)


def _parts(data: object) -> Iterator[object]:
    pending, seen = [data], set[int]()
    while pending:
        value = pending.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        if own_generator(value) is not None:
            yield value
        elif hasattr(value, "__dict__") and (value is data or isinstance(value, _KINDS)):
            yield value
            pending.extend(vars(value).values())
        else:
            pending.extend(_members(value))


def _members(value: object) -> Iterable[object]:
    """Return the data sets in a list, a tuple or a dict, as ``ConcatDataset`` and similar classes hold them."""
    items: Any = cast("dict[object, object]", value).values() if isinstance(value, dict) else value
    first = next(iter(items), None) if isinstance(value, list | tuple | dict) else None
    return items if isinstance(first, _KINDS) else ()


def _attributes(owners: list[object]) -> RandomGenerator:
    """Return the plain attributes of all owners as one generator, which costs one comparison per batch."""
    names = ", ".join(type(owner).__name__ for owner in owners)
    read = cached_reader(lambda: [_plain(owner) for owner in owners], partial(_values, owners), _are_identical)
    return RandomGenerator(f"attributes of {names}", read, partial(_restore_all_plain, owners))


def _values(owners: list[object]) -> Values:
    names: list[str] = []
    values: list[object] = []
    for owner in owners:
        now = vars(owner)
        if now.get("_iterator") is not None:  # of a loader: a pass that other users have open, and will close
            now = {name: value for name, value in now.items() if name != "_iterator"}
        names += now
        values += now.values()
    return names, values


def _are_identical(one: Values, other: Values) -> bool:
    """Return whether both hold the same objects; plain values cannot change, and the content of others does not matter."""
    return one[0] == other[0] and all(map(operator.is_, one[1], other[1]))


def _restore_all_plain(owners: list[object], states: list[dict[str, object]]) -> None:
    restore_all(
        (f"attributes of {type(owner).__name__}", partial(_restore_plain, owner, state))
        for owner, state in zip(owners, states, strict=True)
    )


def _plain(owner: object) -> dict[str, object]:
    return {
        name: value if isinstance(value, _PLAIN) else _NOT_PLAIN
        for name, value in vars(owner).items()
        if name != "_iterator"  # as above
    }


def _restore_plain(owner: object, state: dict[str, object]) -> None:
    now = vars(owner)
    for name in now.keys() - state.keys() - {"_iterator"}:
        del now[name]
    now.update((name, value) for name, value in state.items() if value is not _NOT_PLAIN)
