"""State that changes as random numbers and batches are drawn: generators, and plain attributes of loaders and samplers."""

from __future__ import annotations

import operator
from functools import cache, partial
from typing import TYPE_CHECKING, Any, cast

import torch
from torch.utils.data import DataLoader, Dataset, Sampler

from lrfinder import randomness
from lrfinder._state.mersenne_twister import cached_reader
from lrfinder._state.rollback import restore_all
from lrfinder.randomness import RandomGenerator

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from torch import Tensor

_KINDS = (DataLoader, Dataset, Sampler)
_PLAIN = (type(None), bool, int, float, str, bytes)
_NOT_PLAIN = object()

Values = tuple[list[str], list[object]]


def global_generators() -> tuple[RandomGenerator, ...]:
    """Return the global generators of Python, numpy and torch, the latter on the CPU and on accelerators in use."""
    # an accelerator that nothing has used yet has no generator, and a request for one would start it
    return _global_generators(cuda=torch.cuda.is_initialized(), xpu=torch.xpu.is_initialized())


@cache
def _global_generators(*, cuda: bool, xpu: bool) -> tuple[RandomGenerator, ...]:
    of_torch = [torch.default_generator]
    of_torch += torch.cuda.default_generators if cuda else ()
    of_torch += torch.xpu.default_generators if xpu else ()
    found = (*randomness.global_generators(), *map(_torch_generator, of_torch))
    mps = torch.backends.mps.is_available()
    return (*found, _with_bytes("mps", torch.mps.get_rng_state, torch.mps.set_rng_state)) if mps else found


def own_generator(value: object) -> RandomGenerator | None:
    """Return ``value`` as a :class:`RandomGenerator` if it is one of torch's, numpy's or Python's, or None."""
    return _torch_generator(value) if isinstance(value, torch.Generator) else randomness.own_generator(value)


def _torch_generator(generator: torch.Generator) -> RandomGenerator:
    return _with_bytes(f"torch {generator.device}", generator.get_state, generator.set_state)


def _with_bytes(name: str, get: Callable[[], Tensor], set_to: Callable[[Tensor], object]) -> RandomGenerator:
    """Return a generator whose states are bytes instead of tensors, so that they compare to one truth value."""
    as_tensor = partial(torch.frombuffer, dtype=torch.uint8)
    return RandomGenerator(name, lambda: get().numpy().tobytes(), lambda state: set_to(as_tensor(bytearray(state))))


def data_generators(data: object) -> tuple[RandomGenerator, ...]:
    """Return the random generators in ``data``, and in its loaders, samplers and data sets.

    Attributes with plain values (an epoch number, an index, a counter) count as one more generator: replaying a batch
    leaves them as drawing it did. Other attributes are not included, since a copy of each at every batch could hold as much
    memory as the data set.
    """
    found: list[RandomGenerator] = []
    owners: list[object] = []
    pending, seen = [data], set[int]()
    while pending:
        value = pending.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        generator = own_generator(value)
        if generator is not None:
            found.append(generator)
        elif hasattr(value, "__dict__") and (value is data or isinstance(value, _KINDS)):
            owners.append(value)
            pending.extend(vars(value).values())
        else:
            pending.extend(_members(value))
    return (*found, _attributes(owners)) if owners else tuple(found)


def _members(value: object) -> Iterable[object]:
    """Return the data sets in a list, a tuple or a dict, as ``ConcatDataset`` and similar classes hold them."""
    items: Any = cast("dict[object, object]", value).values() if isinstance(value, dict) else value
    first = next(iter(items), None) if isinstance(value, list | tuple | dict) else None
    return items if isinstance(first, _KINDS) else ()


def _attributes(owners: list[object]) -> RandomGenerator:
    """Return the plain attributes of all owners as one generator, which costs one comparison per batch."""
    names = [type(owner).__name__ for owner in owners]
    read = cached_reader(lambda: [_plain(owner) for owner in owners], partial(_values, owners), _are_identical)

    def write(states: list[dict[str, object]]) -> None:
        pieces = zip(names, owners, states, strict=True)
        restore_all((f"attributes of {name}", partial(_restore_plain, owner, state)) for name, owner, state in pieces)

    return RandomGenerator(f"attributes of {', '.join(names)}", read, write)


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


def _plain(owner: object) -> dict[str, object]:
    own = ((name, value) for name, value in vars(owner).items() if name != "_iterator")  # as above
    return {name: value if isinstance(value, _PLAIN) else _NOT_PLAIN for name, value in own}


def _restore_plain(owner: object, state: dict[str, object]) -> None:
    now = vars(owner)
    for name in now.keys() - state.keys() - {"_iterator"}:
        del now[name]
    now.update((name, value) for name, value in state.items() if value is not _NOT_PLAIN)
