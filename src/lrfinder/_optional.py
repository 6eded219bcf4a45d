"""Packages that only some need: asked for where they are used."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from lrfinder.errors import MissingExtraError


def required(package: str, extra: str) -> Any:
    """The package, which the extra ``extra`` installs.

    Raises:
        MissingExtraError: it is not installed, or something that it needs is not.
    """
    try:
        return import_module(package)
    except ModuleNotFoundError as error:
        raise MissingExtraError.of(error.name or package, extra) from error
