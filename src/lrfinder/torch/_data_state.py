"""What belongs to the data and changes as batches are drawn: random generators of their own, and attributes."""

from __future__ import annotations

import operator
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from torch.utils.data import DataLoader, Dataset, Sampler

from lrfinder._state.mersenne_twister import Remembered
from lrfinder._state.rollback import put_back_all
from lrfinder.randomness import Generator
from lrfinder.torch._randomness import own_generator

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_KINDS = (DataLoader, Dataset, Sampler)
_PLAIN = (type(None), bool, int, float, str, bytes)
_OTHER = object()

Values = tuple[list[str], list[object]]


def generators_of(data: object) -> tuple[Generator, ...]:
    """What comes back with the data's place: found in ``data``, and in its loaders, samplers and data sets.

    Attributes that are plain values (the number of the pass, a place, a counter) count as one generator: a
    replayed batch leaves them where the drawn one left them. Other attributes are left as they are: to keep what they held
    at each batch could keep a data set's worth of memory.
    """
    parts = [(part, own_generator(part)) for part in _parts(data)]
    plain = [part for part, generator in parts if generator is None]
    found = [generator for _, generator in parts if generator is not None]
    return (*found, _attributes(plain)) if plain else tuple(found)


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
            pending.extend(_joined(value))


def _joined(value: object) -> Iterable[object]:
    """The data sets of a ``ConcatDataset`` and its like, which hold them in a list, a tuple or a dict."""
    items: Any = cast("dict[object, object]", value).values() if isinstance(value, dict) else value
    first = next(iter(items), None) if isinstance(value, list | tuple | dict) else None
    return items if isinstance(first, _KINDS) else ()


def _attributes(parts: list[object]) -> Generator:
    """Those of all parts as one generator: at each batch, one look at all of them."""
    names = ", ".join(type(part).__name__ for part in parts)
    read = Remembered(lambda: [_plain(part) for part in parts], partial(_values, parts), _are_the_same)
    return Generator(f"attributes of {names}", read, partial(_put_all_plain, parts))


def _values(parts: list[object]) -> Values:
    names: list[str] = []
    values: list[object] = []
    for part in parts:
        now = vars(part)
        if now.get("_iterator") is not None:  # of a loader: the pass that its other users have open, and are to close
            now = {name: value for name, value in now.items() if name != "_iterator"}
        names += now
        values += now.values()
    return names, values


def _are_the_same(one: Values, other: Values) -> bool:
    """Whether both hold the very same objects; what these hold is asked by no one, and plain values do not change."""
    return one[0] == other[0] and all(map(operator.is_, one[1], other[1]))


def _put_all_plain(parts: list[object], states: list[dict[str, object]]) -> None:
    put_back_all(
        (f"attributes of {type(part).__name__}", partial(_put_plain, part, state))
        for part, state in zip(parts, states, strict=True)
    )


def _plain(part: object) -> dict[str, object]:
    return {
        name: value if isinstance(value, _PLAIN) else _OTHER
        for name, value in vars(part).items()
        if name != "_iterator"  # of a loader: the pass that its other users have open
    }


def _put_plain(part: object, state: dict[str, object]) -> None:
    now = vars(part)
    for name in now.keys() - state.keys() - {"_iterator"}:
        del now[name]
    now.update((name, value) for name, value in state.items() if value is not _OTHER)
