"""Data that the code of a training reaches: what that code names in it is state of the training, for it may write there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import numpy as np

from lrfinder._state.attributes import attributes_of
from lrfinder._state.nodes import CONTAINERS, PASSED_OVER, items

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator, Sized

    from lrfinder._state.framework import Framework

_MOST_BYTES = 1 << 28  # of arrays in all attributes that are copied
MOST_OBJECTS = 10_000  # in one of them


class ReachedData:
    """The data sets, loaders and samplers that the code of a training reaches, and their attributes that it names.

    Most code does not write to its data, and data can be large. So only attributes that the code names count, among them
    those that the methods of a data set name which the code calls; and of these only what is not too large.
    """

    def __init__(self, framework: Framework, data: Iterable[object]) -> None:
        self._framework = framework
        self._known = {id(one) for one in data if not framework.is_state(one)}
        self._found: dict[int, tuple[Any, object]] = {}
        self._yielded: set[tuple[int, str]] = set()
        self._bytes = 0

    def knows(self, value: object) -> bool:
        """Return whether a value belongs to the data."""
        return id(value) in self._known or isinstance(value, self._framework.data)

    def add(self, path: Any, value: object) -> bool:
        """Note data that were reached; return whether they are new."""
        is_new = id(value) not in self._found
        self._found.setdefault(id(value), (path, value))
        return is_new

    def take(self, named: Container[str]) -> Iterator[tuple[Any, dict[str, Any], str, object]]:
        """Yield once each attribute that is named or holds data: its owner's path and namespace, its name, its value."""
        for path, owner in list(self._found.values()):
            attributes = attributes_of(owner).dictionary or {}
            for name, value in list(attributes.items()):
                counts = name in named or self.knows(value)
                if counts and (id(owner), name) not in self._yielded and type(value) not in PASSED_OVER:
                    self._yielded.add((id(owner), name))
                    yield path, attributes, name, value

    def fits(self, value: object) -> bool:
        """Return whether a value leads to little enough to be copied, together with those that were asked for before."""
        pending, visited, size = [value], dict[int, object](), self._bytes
        while pending:
            value = pending.pop()
            if id(value) in visited or type(value) in PASSED_OVER:
                continue
            visited[id(value)] = value
            is_array = isinstance(value, np.ndarray) or self._framework.is_state(value)
            size += int(getattr(value, "nbytes", 0)) if is_array else 0
            entries = len(cast("Sized", value)) if isinstance(value, CONTAINERS) else 0
            if size > _MOST_BYTES or len(visited) + len(pending) + entries > MOST_OBJECTS:
                return False
            pending.extend(items(value))
            if self._framework.enters(value):
                pending.extend(attributes_of(value).values())
        self._bytes = size
        return True
