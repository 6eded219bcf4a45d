"""Inspection of a PyTorch training: its state as values that compare with ``==``, under names that a user knows.

:func:`observe` serves :func:`lrfinder.check`. It looks at everything that the snapshot should restore, and further. It finds
what the loss and the step keep too. :func:`fingerprint` is the ``observe`` of :mod:`lrfinder.testing` for modules and
optimizers. Neither shares code with the snapshot, so that the one cannot hide a fault of the other.
"""

from __future__ import annotations

import sys
from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from types import FunctionType, MappingProxyType, MethodType
from typing import TYPE_CHECKING, Any

from torch import Tensor, nn
from torch.optim import Optimizer

from lrfinder._check.objects import attributes_of, dictionary_of
from lrfinder.torch._inspection.callables import FUNCTIONS, reached
from lrfinder.torch._inspection.objects import DATA, Path, has_state_dict
from lrfinder.torch._inspection.training_walk import TrainingWalk
from lrfinder.torch._inspection.values import PLAIN, digest, global_generators
from lrfinder.torch._inspection.walk import MAX_OBJECTS, Found, Part, Visit

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

__all__ = ["Inspection", "digest", "fingerprint", "observe"]

NONE: Mapping[str, object] = MappingProxyType({})


class Inspection:
    """The look at one training; of what functions reach, the first look decides what counts as state.

    An object counts that was given itself, or that holds a tensor, an array or a generator at the first look, or has a
    ``state_dict()``. A list that was empty then, or held numbers, is a record of the user.

    Args:
        modules: the modules.
        optimizers: the optimizers.
        others: further objects that the training changes.
        data: the data. Of a data set, generators, numbers, texts and indices are included: its tensors are not trained.
        callables: the functions of the training by the names of their arguments (``"loss_fn"``); None for one not given.
    """

    def __init__(
        self,
        modules: Sequence[nn.Module],
        optimizers: Sequence[Optimizer],
        others: Iterable[object] = (),
        data: object = (),
        callables: Mapping[str, object] = NONE,
    ) -> None:
        self._modules, self._optimizers, self._others = modules, optimizers, list(others)
        self._data, self._callables = data, callables
        self._first = _FirstLook()

    def observe(self) -> dict[str, object]:
        """Return everything that the training could change and a restore should bring back; names are ``"kind: name"``."""
        look = self._look()
        return global_generators() | _named(look.found)

    def unrestored(self) -> dict[str, object]:
        """Return what the functions reach and a restore leaves as it is: nothing in it was state at the first look."""
        look = self._look()
        too_large: dict[str, object] = {
            f"more than {MAX_OBJECTS:,} objects: {name}": object() for name in look.walk.too_large
        }  # equal to nothing, since nobody knows
        return _named(look.beside) | too_large

    def visited(self) -> list[tuple[str, object]]:
        """Return the mutable objects of the training that a look visits, each with its name, without those of the data."""
        visits = [visit for _, visit in self._look().walk.visited.values() if visit is not None and _is_restored(visit)]
        objects_with_attributes = [visit for visit in visits if not isinstance(visit.value, Tensor)]
        dictionaries = [(str(visit.path), dictionary_of(visit.value)) for visit in objects_with_attributes]
        objects = [(str(visit.path), visit.value) for visit in visits]
        return objects + [(name, one) for name, one in dictionaries if one is not None]

    def _look(self) -> _Look:
        look = _Look(self._first)
        look.at_modules(self._modules)
        look.at_optimizers(self._optimizers)
        look.at_others(self._others)
        look.at_data(self._data)
        look.at_callables(self._callables, self._data)
        self._first.is_over = True
        return look


def observe(
    modules: Sequence[nn.Module],
    optimizers: Sequence[Optimizer],
    others: Iterable[object] = (),
    data: object = (),
    callables: Mapping[str, object] = NONE,
) -> dict[str, object]:
    """Return the first look of an :class:`Inspection`."""
    return Inspection(modules, optimizers, others, data, callables).observe()


def fingerprint(*objects: Any) -> dict[str, object]:
    """Return the state of modules, optimizers and other objects with a ``state_dict()``, and of the random generators.

    With the modules included, two trainings in the same state have the same fingerprint. Attributes of modules that are
    neither parameters nor buffers do not count.
    """
    look = _Look(_FirstLook())
    look.at_state_of([one for one in objects if isinstance(one, nn.Module)])
    look.at_optimizers([one for one in objects if isinstance(one, Optimizer)])
    for k, one in enumerate(objects):
        if not isinstance(one, nn.Module | Optimizer):
            look.found += look.walk.tree(Visit(one.state_dict(), Path(f"{type(one).__name__} {k}")))
    return global_generators() | _named(look.found)


@dataclass
class _FirstLook:
    """Decisions of the first look: whether what functions reach counts, by its name."""

    counts: dict[str, bool] = field(default_factory=dict)
    is_over: bool = False


class _Look:
    """One look: what it found, and what it found beside that, which no restore brings back."""

    def __init__(self, first: _FirstLook) -> None:
        self.walk = TrainingWalk()
        self.found: list[Found] = []
        self.beside: list[Found] = []
        self._first = first
        self._followed: dict[int, object] = {}
        self._times = Counter[str]()

    def at_state_of(self, modules: Sequence[nn.Module]) -> list[Visit]:
        """Look at parameters, buffers and modes; return the modules to look at further."""
        inside: list[Visit] = []
        for k, module in enumerate(modules):
            before = "" if len(modules) == 1 else f"{type(module).__name__} {k}: "
            for name, one in module.named_modules():
                attributes = Path(before + (name or type(module).__name__))
                inside.append(Visit(one, attributes))
                self.walk.mark(inside[-1])
                for step in self.walk.module_state(one, Path(before + name), attributes):
                    self.found += [step] if isinstance(step, Found) else self.walk.tree(step)
        return inside

    def at_modules(self, modules: Sequence[nn.Module]) -> None:
        for name, hooks in vars(sys.modules[nn.Module.__module__]).items():
            if name.startswith("_global_") and name.endswith("_hooks"):
                self.walk.functions += [Visit(hook, Path("hook", " of all modules")) for hook in hooks.values()]
        for module in self.at_state_of(modules):
            for visit in self.walk.module_attributes(module):
                self.found += self.walk.tree(visit)

    def at_optimizers(self, optimizers: Sequence[Optimizer]) -> None:
        for k, optimizer in enumerate(optimizers):
            path = Path("") if len(optimizers) == 1 else Path(f"{type(optimizer).__name__} {k}")
            self.found += self.walk.tree(Visit(optimizer, path))

    def at_others(self, others: Sequence[object]) -> None:
        for k, one in enumerate(others):
            path = Path(f"{type(one).__name__} {k}")
            if isinstance(one, DATA):  # the user lists it, so its tensors count
                roots = [Visit(value, path.attribute(name)) for name, value in attributes_of(one).items()]
            else:
                roots = [Visit(one, path)]
            self.found += self.walk.tree(*roots)

    def at_callables(self, callables: Mapping[str, object], data: object) -> None:
        """Look at what functions reach: those given, and those found so far."""
        self.walk.enters_data = False
        given = [Visit(one, Path(name)) for name, one in callables.items() if one is not None]
        owners = [_owner(visit) for visit in given]
        self.found += self.walk.tree(*(visit for visit in owners if not isinstance(visit.value, (*FUNCTIONS, type))))
        found, self.walk.functions = self.walk.functions, []
        self._follow([*given, *found], {id(data)})

    def at_data(self, data: object) -> None:
        self.found += self.walk.tree(
            Visit(data, Path("data"), part=Part.SAMPLES if isinstance(data, list | tuple) else Part.DATA_SET)
        )

    def _follow(self, functions: list[Visit], never: set[int]) -> None:
        while functions:
            function = functions.pop(0)
            for path, value in reached(function.value, _name_of(function), self._followed):
                if id(value) not in never:
                    self._consider(function._replace(value=value, path=path, kind="attribute"))
            functions += self.walk.functions
            self.walk.functions = []

    def _consider(self, visit: Visit) -> None:
        """Look at one value that a function reaches; it counts only if it is state."""
        if visit.part is Part.COLLATOR:  # what makes the batches counts as attributes of data do
            self.found += self.walk.tree(visit)
            return
        walk, first, name = self.walk, self._first, str(visit.path)
        self._times[name] += 1
        if self._times[name] > 1:  # of another function with the same name
            name += f" ({self._times[name]})"
        is_known, before = id(visit.value) in walk.visited, len(walk.visited)
        found = walk.tree(visit)
        if not first.is_over and name not in first.counts:
            is_state = is_known or any(one.is_state for one in found)
            first.counts[name] = is_state or (not isinstance(visit.value, PLAIN) and has_state_dict(visit.value))
        if first.counts.get(name, False):
            self.found += found
        else:
            self.beside += found
            walk.forget_since(before)


def _owner(given: Visit) -> Visit:
    """Return the object whose method was given, that of a partial too; the callable itself otherwise."""
    function: Any = given.value
    while isinstance(function, partial):
        function = function.func
    if not (isinstance(function, MethodType) and isinstance(function.__func__, FunctionType)):
        return given._replace(value=function)
    owner = function.__self__
    return Visit(owner, Path(type(owner).__name__, f" of {given.path}"))


def _name_of(function: Visit) -> str:
    own_name = getattr(function.value, "__name__", "") if isinstance(function.value, FUNCTIONS) else ""
    is_argument = not function.path.of and "." not in function.path.text
    return str(function.path) if is_argument or own_name in {"", "<lambda>"} else own_name


def _is_restored(visit: Visit) -> bool:
    return visit.part is Part.TRAINING and not isinstance(visit.value, tuple | frozenset)


def _named(found: Iterable[Found]) -> dict[str, object]:
    """Return the values by their names; things that would have the same name are numbered."""
    named: dict[str, object] = {}
    for name, value, _ in found:
        unique, number = name, 2
        while unique in named:
            unique, number = f"{name} ({number})", number + 1
        named[unique] = value
    return named
