"""A snapshot of everything reachable from given objects, restored into the same objects; every framework package uses it."""

from __future__ import annotations

import warnings
from types import MappingProxyType
from typing import TYPE_CHECKING

from lrfinder._state.data_contents import contents_among
from lrfinder._state.framework import MAX_OBJECTS
from lrfinder._state.garbage import collector_paused
from lrfinder._state.rollback import restore_all
from lrfinder._state.walk import Walk, named
from lrfinder.errors import LRFinderWarning

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from lrfinder._state.framework import Framework
    from lrfinder.randomness import RandomGenerator


class GraphSnapshot:
    """A copy of everything that can be reached from ``roots`` and that training changes.

    Containers, arrays of numpy and objects of any class are restored as the same objects with the same contents and
    attributes; ``framework`` says which are not entered. What ``callables`` reach by their own names is restored if it holds
    state at the snapshot or at the restore: values of the framework, an array, or a ``state_dict()``.

    Args:
        roots: the objects.
        framework: what the walk knows of the framework.
        callables: functions and callable objects, by names for messages; None for one that was not given.
        data: objects that belong to the data. Of these, attributes that code of the training names are copied, up to a size.
        of_data: generators of the data, which are told what belongs to the training.

    A warning names what was not copied because it leads to more than :data:`MAX_OBJECTS` objects: what the entries of a
    long container hold, or all of an object without one. It also names iterators that ``callables`` reach, which cannot
    return to where they were.
    """

    def __init__(
        self,
        roots: Iterable[object],
        framework: Framework,
        callables: Mapping[str, object] = MappingProxyType({}),
        data: Iterable[object] = (),
        of_data: Iterable[RandomGenerator] = (),
    ) -> None:
        walk = Walk(framework, data)
        with collector_paused():
            walk.visit_roots(roots)
            walk.visit_callables(callables)
        self._pieces = walk.pieces
        for contents in contents_among(of_data):
            contents.claim(walk.of_code)
        _warn(walk)

    def restore(self) -> None:
        """Restore everything, or raise a :class:`RestoreError` that names the parts that failed."""
        restore_all(named(self._pieces))


def _warn(walk: Walk) -> None:
    too_many = f"leads to more than {MAX_OBJECTS:,} objects; list those that the training changes in stateful"
    once = "is an iterator, which cannot return to where it was; draw from the learner's data instead"
    for name, reason in (dict.fromkeys(walk.skipped, too_many) | dict.fromkeys(walk.iterators, once)).items():
        warnings.warn(f"The {name} is not restored: it {reason}.", LRFinderWarning, stacklevel=2)
    for name, count in walk.closed.items():
        message = (
            f"The {name} leads to more than {MAX_OBJECTS:,} objects: a restore puts its {count:,} entries back, but not "
            "what these hold. What is beside it is restored. List those that the training changes in stateful."
        )
        warnings.warn(message, LRFinderWarning, stacklevel=2)
