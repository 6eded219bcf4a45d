"""What can be reached from some objects, copied and put back into the same objects; written once, for every wing."""

from __future__ import annotations

import copy
import operator
from collections import OrderedDict, deque
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from lrfinder._state.rollback import put_back_all

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator


_PLAIN = {type(None), bool, int, float, str, bytes}  # of which nothing can change
_PLAIN_CONTAINERS = {dict, OrderedDict, list, set, deque}
_EMPTY: dict[object, object] = {}


def _nothing() -> None:
    pass


class Taken(NamedTuple):
    """What a wing knows about a value: how to put it back, and where to look further."""

    put_back: Callable[[], object] = _nothing
    further: Iterable[object] = ()  # a dict's values go by their keys in what an error says


class _Path(NamedTuple):
    """Where a value was found: its key in what was found at ``parent``. Made into words only when something fails."""

    parent: _Path | None
    key: object

    def __str__(self) -> str:
        keys: list[object] = []
        path: _Path | None = self
        while path is not None:
            keys.insert(0, path.key)
            path = path.parent
        steps = [str(key) if isinstance(key, str | int) else type(key).__name__ for key in keys]
        return ".".join([step for step in steps[:-1] if not step.startswith("_")] + steps[-1:])


class Memory:
    """A copy of everything that can be reached from ``roots`` and that training changes; ``restore()`` puts it back.

    The walk goes through dicts, lists, sets, deques and tuples by itself, and takes their contents; a container comes back
    as the same object with the same contents. Everything else is asked of ``take``, which says for a value of its framework
    how to put it back and what to walk into, and gives ``None`` for what it does not know. Other objects come back as the
    objects that they were; what they hold inside is not looked at.
    """

    def __init__(self, roots: Iterable[object], take: Callable[[object], Taken | None]) -> None:
        self._pieces: list[tuple[object, Callable[[], object]]] = []
        pending: list[tuple[_Path | None, object]] = [(_named(root), root) for root in roots]
        seen: set[int] = set()
        while pending:
            path, value = pending.pop()
            if id(value) in seen:
                continue
            seen.add(id(value))
            taken = take(value) or _of_container(value)
            if taken is not None:
                self._pieces.append((path, taken.put_back))
                pending.extend(_found(path, taken.further))

    def restore(self) -> None:
        """Put everything back.

        Raises:
            RestoreError: some of it could not be; all else has been.
        """
        put_back_all(self._pieces)


def _named(root: object) -> _Path | None:
    """A root goes by its type, but for a container: what it holds has names of its own."""
    return None if isinstance(root, dict | list | set | deque | tuple) else _Path(None, type(root).__name__)


def _found(path: _Path | None, further: Iterable[object]) -> Iterable[tuple[_Path | None, object]]:
    if isinstance(further, dict):
        items = cast("dict[object, object]", further).items()
        return [(_Path(path, key), value) for key, value in items if type(value) not in _PLAIN]
    return [(path, value) for value in further]


def _of_container(value: object) -> Taken | None:
    if isinstance(value, tuple):
        return Taken(further=dict(enumerate(cast("tuple[object, ...]", value))))
    if not isinstance(value, dict | list | set | deque):
        return None
    if type(value) in _PLAIN_CONTAINERS and not value:  # as most of a module's are
        return Taken(partial(_put_contents, value, _EMPTY))
    contents = copy.copy(cast("list[object]", value))
    further = cast("dict[object, object]", value) if isinstance(value, dict) else enumerate(contents)
    return Taken(partial(_put_contents, value, contents), dict(further))


def _put_contents(container: Any, contents: Any) -> None:
    if contents is _EMPTY and not container:
        return
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
