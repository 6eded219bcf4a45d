"""The schedulers that hold an optimizer: an optimizer does not know them, and their marks on it outlive them."""

from __future__ import annotations

import gc
import re
from dis import get_instructions
from itertools import compress
from types import CodeType
from typing import TYPE_CHECKING, Any
from weakref import ref

from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau

from lrfinder._state.attributes import attributes_of
from lrfinder.torch._scheduler_length import held_by, nested
from lrfinder.torch.rates import inner_optimizer, share_groups

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

Scheduler = Any  # one of torch.optim.lr_scheduler, or of another package

NAMES = re.compile("schedul|warm|anneal|decay", re.IGNORECASE)  # of classes that need no method "step"
RATE = "lr"  # the entry of a parameter group


def live_schedulers(optimizer: Optimizer, known: Sequence[Scheduler] = ()) -> list[Scheduler]:
    """Return the schedulers that hold the optimizer, without the known ones and those that are a part of another one."""
    holders = [ref(one) for one in _holders(optimizer, known)]
    if not holders:
        return []
    gc.collect()  # with weak references alone here: of those that nobody else holds
    return _wholes([one for holder in holders if (one := holder()) is not None], known)


def names_of(schedulers: Iterable[Scheduler]) -> str:
    """Return the names of their classes."""
    return " and ".join(sorted({type(one).__name__ for one in schedulers}))


def note_on_schedulers(optimizers: Iterable[Optimizer], given: Iterable[object]) -> str | None:
    """Return a remark on schedulers of the optimizers; ``None`` where there are none.

    Only optimizers that bear the mark of a scheduler are looked at: the look takes as long as a short range test. Some, such
    as ``ReduceLROnPlateau``, leave no mark, and are named if they are given. A scheduler that nobody can use any longer
    counts until the garbage is collected, which would take longer still.

    Args:
        optimizers: the optimizers that are searched for.
        given: objects that the learner was given, among which schedulers count.
    """
    inner = list(map(inner_optimizer, optimizers))
    found: list[Scheduler] = [one for one in given if isinstance(one, LRScheduler) or _schedules_any(one, inner)]
    found += [one for optimizer in filter(_is_marked, inner) for one in _wholes(_holders(optimizer))]
    if not found:
        return None
    note = f"the search left out the {names_of(found)} of the optimizer, so the rate is for a constant one"
    if any(isinstance(one, ReduceLROnPlateau) or not isinstance(one, LRScheduler) for one in found):
        return note
    return f"{note}; with its shape: suggest(horizon, schedule=lrfinder.torch.schedules.shape_of(scheduler, horizon))"


def _schedules_any(one: object, optimizers: Iterable[Optimizer]) -> bool:
    return _may_schedule(type(one)) and any(_holds(one, optimizer) for optimizer in optimizers) and _writes_rates(one)


def _is_marked(optimizer: Optimizer) -> bool:
    return hasattr(optimizer.step, "_wrapped_by_lr_sched") or any("initial_lr" in group for group in optimizer.param_groups)


def _wholes(found: Sequence[Scheduler], known: Sequence[Scheduler] = ()) -> list[Scheduler]:
    parts = {id(part) for one in (*found, *known) for part in nested(one) if part is not one}
    return [one for one in found if id(one) not in parts]


class _Kinds(dict[type, bool]):
    """By class, the answer of :func:`_may_schedule`, which is computed at the first look-up."""

    def __missing__(self, kind: type) -> bool:
        self[kind] = _may_schedule(kind)
        return self[kind]


def _holders(optimizer: Optimizer, known: Sequence[Scheduler] = ()) -> list[Scheduler]:
    objects = gc.get_objects()
    candidates = compress(objects, map(_Kinds().__getitem__, map(type, objects)))  # a lazy module's __class__ imports it
    holders = [one for one in candidates if _holds(one, optimizer) and _writes_rates(one)]
    holders = [one for one in holders if isinstance(one, LRScheduler) or not _holds_any(one, holders)]
    return [one for one in holders if all(one is not part for whole in known for part in nested(whole))]


def _may_schedule(kind: type) -> bool:
    if issubclass(kind, type | Optimizer | nn.Module):
        return False
    has_step = any("step" in vars(base) for base in kind.__mro__)
    return issubclass(kind, LRScheduler) or has_step or NAMES.search(kind.__name__) is not None


def _holds(one: object, optimizer: Optimizer) -> bool:
    others = (held for held in held_by(one) if type(held).__module__ != "builtins")  # there may be millions of numbers
    return any(share_groups(held, optimizer) for held in others)


def _holds_any(wrapper: object, schedulers: Sequence[Scheduler]) -> bool:
    of_pytorch = {id(one) for one in schedulers if isinstance(one, LRScheduler)}
    return any(id(value) in of_pytorch for value in attributes_of(wrapper).values())


def _writes_rates(one: Scheduler) -> bool:
    """Return whether an object that holds an optimizer writes its rates, as far as the code of its class shows it.

    A class of a trainer, which holds the model as well, does not count, nor does one that never names the rate: such as a
    scheduler of the momentum.
    """
    if isinstance(one, LRScheduler):
        return True
    if any(issubclass(type(value), nn.Module) for value in attributes_of(one).values()):
        return False
    codes = [code for base in type(one).__mro__ for value in vars(base).values() for code in _codes(value)]
    texts = [value for value in attributes_of(one).values() if type(value) is str]
    return (RATE in texts or any(RATE in _constants(code) for code in codes)) and any(map(_writes, codes))


def _writes(code: CodeType) -> bool:
    """Return whether a code can change a dictionary, such as a parameter group, or a tensor in it."""
    return bool({"update", "fill_"} & {*code.co_names}) or any(
        one.opname == "STORE_SUBSCR" for one in get_instructions(code)
    )


def _codes(member: Any) -> Iterator[CodeType]:
    """Yield the code of a method, and of the functions in it."""
    code = getattr(getattr(member, "__func__", getattr(member, "fget", member)), "__code__", member)
    if isinstance(code, CodeType):
        yield code
        for constant in code.co_consts:
            yield from _codes(constant)


def _constants(code: CodeType) -> Iterator[object]:
    """Yield the constants of a code, and those in its tuples: names of keyword arguments are among them."""
    for constant in code.co_consts:
        yield from constant if isinstance(constant, tuple) else (constant,)
