"""Attributes of objects of any class: which objects a walk enters, and how their attributes are restored."""

from __future__ import annotations

import sys
import types
import weakref
from functools import lru_cache
from typing import Any, NamedTuple, cast

_NEVER_ENTERED = (
    type,
    types.ModuleType,
    types.FunctionType,
    types.MethodType,
    types.CodeType,
    types.FrameType,
    types.TracebackType,
    BaseException,
)
_NEVER_ENTERED_MODULES = {  # of the standard library; what their classes hold belongs to the process, not to the training
    *("_io", "io", "logging", "tempfile", "sqlite3"),
    *("_thread", "threading", "concurrent", "asyncio", "multiprocessing", "subprocess", "_socket", "socket", "ssl"),
    *("weakref", "contextvars", "_contextvars", "enum"),
}
_NEVER_ENTERED_PACKAGES = {  # most show or record a training
    *("lrfinder", "numpy"),
    *("matplotlib", "plotly", "IPython", "ipywidgets", "tqdm", "rich", "loguru"),
    *("wandb", "mlflow", "tensorboard", "tensorboardX", "comet_ml", "neptune"),
}
_WEAK_TABLES = (weakref.WeakKeyDictionary, weakref.WeakValueDictionary, weakref.WeakSet)
_ENTERED_MODULES = {"__main__", "collections", "types", "argparse"}  # as UserDict and SimpleNamespace hold users' values


class Attributes(NamedTuple):
    """The attributes of an object: its dictionary, if it has one, and its slots that have a value."""

    dictionary: dict[str, Any] | None
    slots: dict[str, Any]

    def values(self) -> list[Any]:
        """Return the values of all attributes."""
        return [*(self.dictionary or {}).values(), *self.slots.values()]


def is_entered(kind: type, frameworks: frozenset[str]) -> bool:
    """Return whether to look into the attributes of objects of a class.

    Objects of ``frameworks`` (names of packages), of numpy and of packages that record a training are not entered. Of the
    standard library, only simple holders of values and tables of weak references are. Modules, classes, functions, files,
    loggers, threads, weak references and exceptions are never entered, subclasses of the user included.
    """
    package = package_of(kind)
    if issubclass(kind, _WEAK_TABLES):
        return True
    if package in frameworks or package in _NEVER_ENTERED_PACKAGES or issubclass(kind, _NEVER_ENTERED):
        return False
    if package in sys.stdlib_module_names and package not in _ENTERED_MODULES:
        return False
    return not any(package_of(base) in _NEVER_ENTERED_MODULES for base in kind.__mro__)


def package_of(kind: type) -> str:
    """Return the name of the top package that defines a class."""
    return str(kind.__module__).partition(".")[0]


def attributes_of(value: object) -> Attributes:
    """Return the attributes that are stored in an object, without calling any code of its class."""
    try:
        dictionary = object.__getattribute__(value, "__dict__")
    except AttributeError:
        dictionary = None
    return Attributes(dictionary if type(dictionary) is dict else None, _filled_slots(value))


def has_slots(value: object) -> bool:
    """Return whether the class of an object declares slots."""
    return bool(slots_of(type(value)))


def restore_dictionary(value: object, dictionary: dict[str, Any]) -> None:
    """Put back the dictionary of attributes itself, should another have replaced it."""
    if object.__getattribute__(value, "__dict__") is not dictionary:
        object.__setattr__(value, "__dict__", dictionary)


def restore_attributes(value: object, saved: Attributes) -> None:
    """Put back the dictionary itself and the values of slots; the dictionary's contents have a node of their own."""
    if saved.dictionary is not None:
        restore_dictionary(value, saved.dictionary)
    for name, slot in slots_of(type(value)).items():
        if name in saved.slots:
            slot.__set__(value, saved.slots[name])
        elif name in _filled_slots(value):
            slot.__delete__(value)


def _filled_slots(value: object) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, slot in slots_of(type(value)).items():
        try:
            found[name] = slot.__get__(value)
        except AttributeError:  # it has no value
            continue
    return found


@lru_cache(maxsize=1024)
def slots_of(kind: type) -> dict[str, Any]:
    """Return the descriptors of the slots that a class and its bases declare in Python, by name."""
    declaring = [one for one in reversed(kind.__mro__) if "__slots__" in vars(one)]  # a subclass replaces a slot of its base
    members = [(name, slot) for one in declaring for name, slot in vars(one).items()]
    return {name: cast("Any", slot) for name, slot in members if type(slot) is types.MemberDescriptorType}
