"""Objects that a function reaches by its own names: a step, a loss or a hook may keep state in them."""

from __future__ import annotations

import builtins
import sys
from functools import cache, partial
from itertools import count
from types import BuiltinFunctionType, CellType, CodeType, FunctionType, MethodType, ModuleType
from typing import TYPE_CHECKING, NamedTuple

from lrfinder._state.attributes import package_of
from lrfinder._state.nodes import PASSED_OVER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_EMPTY_CELL = object()


class Reached(NamedTuple):
    """A value that a function reaches.

    Attributes:
        name: its name in messages.
        value: the value at present.
        binding: how to read the name again, and to bind it to a value; None where the function cannot rebind it.
    """

    name: str
    value: object
    binding: tuple[Callable[[], object], Callable[[object], object]] | None = None


def is_function(value: object) -> bool:
    """Return whether a value is code that can reach objects: a function, a bound method or a partial."""
    return isinstance(value, FunctionType | MethodType | partial)


def reached(function: object, name: str, frameworks: frozenset[str]) -> Iterator[Reached]:
    """Yield what a function reaches, and what the functions that it reaches do; each function is followed once.

    These are the object of a method, the arguments of a ``partial``, default values, the cells of a closure, and the globals
    that the code names. Functions of lrfinder are not followed. Those of ``frameworks``, numpy and the standard library are
    followed into their closures alone, where a decorator keeps the function that it wraps.
    """
    pending: list[tuple[object, str]] = [(function, name)]
    followed: set[int] = set()
    while pending:
        function, name = pending.pop()
        if id(function) in followed:
            continue
        followed.add(id(function))
        for one in _directly(function, name, frameworks):
            if is_function(one.value):
                pending.append((one.value, one.name))
            elif isinstance(one.value, type):
                yield from class_values(one.value, frameworks)
            elif not isinstance(one.value, BuiltinFunctionType):
                yield one
            elif not isinstance(one.value.__self__, ModuleType):  # a method of a list or of a generator
                yield Reached(one.name, one.value.__self__)


def _directly(function: object, name: str, frameworks: frozenset[str]) -> Iterator[Reached]:
    if isinstance(function, partial):
        yield Reached(name, function.func)
        yield from (Reached(f"an argument of {name}", value) for value in (*function.args, *function.keywords.values()))
    elif isinstance(function, FunctionType):
        yield from _of_function(function, name, frameworks)
    else:
        owner = function.__self__ if isinstance(function, MethodType) else function
        yield Reached(name, owner)
        called = [function.__func__] if isinstance(function, MethodType) else _called(type(owner))
        yield from (Reached(name, code) for code in called)


def _called(kind: type) -> list[object]:
    """Return the functions that run when an object of a class is called."""
    return [getattr(kind, method) for method in ("__call__", "forward") if hasattr(kind, method)]


def _is_followed(package: str, frameworks: frozenset[str]) -> bool:
    """Return whether functions and classes of a package may keep state of a training."""
    standard = package in sys.stdlib_module_names and package != "__main__"
    return not (standard or package in {*frameworks, "numpy", "lrfinder"})


def class_values(kind: type, frameworks: frozenset[str]) -> Iterator[Reached]:
    """Yield the values that a class and its bases keep for all their objects, as far as they are the user's."""
    for one in kind.__mro__:
        if _is_followed(package_of(one), frameworks):
            for attribute, value in list(vars(one).items()):
                if type(value) in PASSED_OVER or isinstance(value, count):  # a count of a class numbers its objects
                    continue
                if not (attribute.startswith("__") or hasattr(type(value), "__get__")):
                    binding = partial(vars(one).get, attribute), partial(setattr, one, attribute)
                    yield Reached(f"{one.__name__}.{attribute}", value, binding)


def _of_function(function: FunctionType, name: str, frameworks: frozenset[str]) -> Iterator[Reached]:
    namespace = function.__globals__
    package = str(namespace.get("__name__")).partition(".")[0]
    if package == "lrfinder":
        return
    yield from _in_closure(function, name)
    if not _is_followed(package, frameworks):
        return
    defaults = (*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values())
    yield from (Reached(f"a default of {name}", value) for value in defaults)
    if vars(function):
        yield Reached(f"attributes of {name}", vars(function))
    for global_name in _names_in(function.__code__):
        if global_name in namespace and not hasattr(builtins, global_name):
            binding = partial(namespace.get, global_name), partial(namespace.__setitem__, global_name)
            yield Reached(f"global {global_name} of {name}", namespace[global_name], binding)


def _in_closure(function: FunctionType, name: str) -> Iterator[Reached]:
    for cell_name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        binding = partial(_contents, cell), partial(setattr, cell, "cell_contents")
        yield Reached(f"closure {cell_name} of {name}", _contents(cell), binding)


def _contents(cell: CellType) -> object:
    try:
        return cell.cell_contents
    except ValueError:  # not assigned yet
        return _EMPTY_CELL


@cache
def _names_in(code: CodeType) -> tuple[str, ...]:
    """Return the names of the globals that a code object and those nested in it read or bind."""
    import dis  # takes long to import, and few learners have a function that is followed

    own = [one.argval for one in dis.get_instructions(code) if one.opname.endswith("_GLOBAL")]
    nested = [name for one in code.co_consts if isinstance(one, CodeType) for name in _names_in(one)]
    return tuple(dict.fromkeys([*own, *nested]))
