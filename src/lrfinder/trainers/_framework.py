"""The packages of trainers, imported with what can be said where one of them is missing."""

from __future__ import annotations

import importlib
from typing import Any

from lrfinder.errors import MissingExtraError


def framework(module: str, extra: str) -> Any:
    """The module, of a package that the extra ``extra`` installs.

    Raises:
        MissingExtraError: the package is not installed.
    """
    package = module.partition(".")[0]
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name != package:
            raise
        raise MissingExtraError.of(package, extra) from error
