"""What can be reached from some objects, copied and put back into the same objects; written once, for every wing."""

from __future__ import annotations

import copy
import operator
from collections import deque
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple, cast

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator


def _nothing() -> None:
    pass


class Taken(NamedTuple):
    """What a wing knows about a value: how to put it back, and where to look further."""

    put_back: Callable[[], object] = _nothing
    further: Iterable[object] = ()


class Memory:
    """A copy of everything that can be reached from ``roots`` and that training changes; ``restore()`` puts it back.

    The walk goes through dicts, lists, sets, deques and tuples by itself, and takes their contents; a container comes back
    as the same object with the same contents. Everything else is asked of ``take``, which says for a value of its framework
    how to put it back and what to walk into, and gives ``None`` for what it does not know. Other objects come back as the
    objects that they were; what they hold inside is not looked at.
    """

    def __init__(self, roots: Iterable[object], take: Callable[[object], Taken | None]) -> None:
        self._puts: list[Callable[[], object]] = []
        pending = list(roots)
        seen: set[int] = set()
        while pending:
            value = pending.pop()
            if id(value) in seen:
                continue
            seen.add(id(value))
            taken = take(value) or _of_container(value)
            if taken is not None:
                self._puts.append(taken.put_back)
                pending.extend(taken.further)

    def restore(self) -> None:
        """Put everything back."""
        for put_back in self._puts:
            put_back()


def _of_container(value: object) -> Taken | None:
    if isinstance(value, tuple):
        return Taken(further=cast("tuple[object, ...]", value))
    if not isinstance(value, dict | list | set | deque):
        return None
    contents = copy.copy(cast("list[object]", value))
    further = cast("dict[object, object]", value).values() if isinstance(value, dict) else contents
    return Taken(partial(_put_contents, value, contents), list(further))


def _put_contents(container: Any, contents: Any) -> None:
    if isinstance(container, dict):
        now = cast("dict[object, object]", container)
        if len(now) != len(contents) or any(map(operator.is_not, _flat(now), _flat(contents))):
            now.clear()
            now.update(contents)
    elif isinstance(container, list):
        cast("list[object]", container)[:] = contents
    else:
        container.clear()
        (container.update if isinstance(container, set) else container.extend)(contents)


def _flat(mapping: dict[object, object]) -> Iterator[object]:
    """Keys and values in their order."""
    return chain(mapping, mapping.values())
