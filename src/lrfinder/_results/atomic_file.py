"""Files that are whole or not there: each is written under the name ``.lrfinder-….tmp`` and then renamed."""

from __future__ import annotations

import os
import secrets
import stat
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from os import PathLike


def write_atomically(content: bytes, path: str | PathLike[str]) -> None:
    """Write a file so that a full disk, a crash or Ctrl-C leaves the old one unchanged and no other file behind.

    A symbolic link keeps its target, and an existing file keeps its permissions. What is not a plain file
    (``/dev/stdout``) is written to directly. The folder of any other file must allow new files.
    """
    target = Path(os.path.realpath(path))
    if target.exists() and not target.is_file():
        target.write_bytes(content)
        return
    temporary = target.with_name(f".lrfinder-{secrets.token_hex(8)}.tmp")
    try:
        with temporary.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())  # some full disks report the error only here
        if target.exists():
            temporary.chmod(stat.S_IMODE(target.stat().st_mode))
        temporary.replace(target)
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise


def append(content: bytes, path: str | PathLike[str]) -> None:
    """Add ``content`` at the end of a file; a crash leaves everything before it unchanged."""
    with Path(path).open("ab") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
