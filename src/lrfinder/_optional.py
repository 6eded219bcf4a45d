"""Imports of packages that only some users need."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from lrfinder.errors import MissingExtraError

if TYPE_CHECKING:
    from types import ModuleType


def require(module: str, extra: str) -> ModuleType:
    """Import and return an optional module, such as ``"IPython.display"``.

    Args:
        module: its dotted name.
        extra: the extra of lrfinder that installs it.

    Raises:
        MissingExtraError: the module, or one that it imports, is not installed.
    """
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        raise MissingExtraError.of(error.name or module, extra) from error
