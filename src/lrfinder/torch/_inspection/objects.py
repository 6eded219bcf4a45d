"""Objects as an inspection sees them: their attributes, their names, and which it looks into."""

from __future__ import annotations

import io
import logging
import sys
import threading
import types
import weakref
from argparse import Namespace
from collections import ChainMap, UserDict, UserList
from typing import Any, NamedTuple, cast

from torch import nn
from torch.distributions import Distribution
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler
from torch.utils.data import DataLoader, Dataset, Sampler

NOT_OWN = frozenset({*sys.stdlib_module_names, "torch", "numpy", "lrfinder"})
DATA = (DataLoader, Dataset, Sampler)
KNOWN = (nn.Module, Optimizer, LRScheduler, Distribution, *DATA)
OF_STANDARD_LIBRARY = (UserDict, UserList, ChainMap, types.SimpleNamespace, Namespace)
OF_THE_PROCESS = (
    *(type, types.ModuleType, types.CodeType, types.FrameType, BaseException),
    *(io.IOBase, logging.Logger, logging.Handler, threading.Thread, weakref.ref),
)


class Path(NamedTuple):
    """The name of a value: ``text``, and what it belongs to. Attributes are added to the text."""

    text: str
    of: str = ""

    def __str__(self) -> str:
        return f"{self.text}{self.of}"

    def attribute(self, name: str) -> Path:
        """Return the name of an attribute."""
        dot = "" if not self.text or self.text.endswith(" ") else "."
        return Path(f"{self.text}{dot}{name}", self.of)

    def item(self, key: object) -> Path:
        """Return the name of an item."""
        return Path(f"{self.text}[{key}]", self.of)


def library_of(kind: Any) -> str:
    """Return the top package that defines a class or a function."""
    return str(getattr(kind, "__module__", "")).partition(".")[0]


def is_own(kind: Any) -> bool:
    """Return whether a class or a function is from none of PyTorch, numpy, the standard library and lrfinder."""
    return library_of(kind) not in NOT_OWN


def has_contents(value: object) -> bool:
    """Return whether to look at the attributes of a value, which is no container."""
    if isinstance(value, OF_THE_PROCESS):
        return False
    return isinstance(value, (*KNOWN, *OF_STANDARD_LIBRARY)) or is_own(type(value))


def has_state_dict(value: object) -> bool:
    """Return whether the class of an object has a ``state_dict()``; no code of the object runs."""
    return any("state_dict" in vars(one) for one in type(value).__mro__)


def class_attributes(kind: type) -> dict[str, object]:
    """Return the values that a class of the user keeps for all its objects; methods and properties are not among them."""
    values = cast("dict[str, object]", dict(vars(kind)))
    return {
        name: value
        for name, value in values.items()
        if not name.startswith("__") and not hasattr(type(value), "__get__") and not isinstance(value, type | classmethod)
    }
