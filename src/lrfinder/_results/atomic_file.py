"""Files that are whole or not there: each is written under the name ``.lrfinder-….tmp`` and then renamed."""

from __future__ import annotations

import errno
import os
import secrets
import stat
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from lrfinder._arguments import file_path

if TYPE_CHECKING:
    from collections.abc import Iterable
    from os import PathLike

MOST_LINKS = 40  # that lead to one file; Linux follows as many


def write_atomically(content: bytes | Iterable[bytes], path: str | PathLike[str]) -> None:
    """Write a file so that a full disk, a crash or Ctrl-C leaves the old one unchanged and no other file behind.

    A symbolic link keeps its target, and an existing file keeps its permissions. The folder of a file must allow new files.
    What is not a plain file, such as a pipe, is opened only now and written to directly. A name of an open descriptor, such
    as ``/dev/stdout``, stands for that descriptor.
    """
    file_path(path)
    parts = [content] if isinstance(content, bytes) else content
    descriptor = open_descriptor(path)
    if descriptor is not None:
        with os.fdopen(os.dup(descriptor), "wb") as file:
            file.writelines(parts)
    elif is_special(path):
        with Path(path).open("wb") as file:
            file.writelines(parts)
    else:
        _replace(parts, Path(os.path.realpath(path)))


def append(content: bytes, path: str | PathLike[str]) -> None:
    """Add ``content`` at the end of a file; a crash leaves everything before it unchanged."""
    with Path(path).open("ab") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def open_descriptor(path: str | PathLike[str]) -> int | None:
    """Return the descriptor of this process that a name such as ``/dev/stdout`` or ``/dev/fd/63`` stands for."""
    own, link = os.path.realpath("/dev/fd"), Path(path)
    for _ in range(MOST_LINKS):
        if link.name.isdecimal() and os.path.realpath(link.parent) == own:
            return int(link.name)
        if not link.is_symlink():
            break
        link = link.parent / link.readlink()
    return None


def is_special(path: str | PathLike[str]) -> bool:
    """Return True for a pipe, a device or an open descriptor: what can be written to, but not replaced."""
    if open_descriptor(path) is not None:
        return True
    place = Path(path)
    return place.exists() and not place.is_file() and not place.is_dir()


def obstacle(path: str | PathLike[str]) -> str | None:
    """Return why ``path`` cannot be written, or None. Nothing is opened: opening a pipe would wait for its reader."""
    descriptor, place = open_descriptor(path), Path(path)
    if descriptor is not None:
        return _obstacle_of(descriptor)
    folder = Path(os.path.realpath(place)).parent
    obstacles = {
        "it is a folder": place.is_dir(),
        "it is write-protected": place.exists() and not os.access(place, os.W_OK),
        f"there is no folder {folder}": not folder.is_dir(),
        f"its folder {folder} is write-protected": not is_special(place) and not os.access(folder, os.W_OK | os.X_OK),
    }
    return next((reason for reason, holds in obstacles.items() if holds), None)


def _obstacle_of(descriptor: int) -> str | None:
    try:
        os.write(descriptor, b"")
    except OSError as error:
        return f"it is not open for writing ({error.strerror})"
    return None


def _replace(parts: Iterable[bytes], target: Path) -> None:
    if not target.parent.is_dir():
        raise FileNotFoundError(errno.ENOENT, "There is no folder to write the file to", str(target.parent))
    temporary = target.with_name(f".lrfinder-{secrets.token_hex(8)}.tmp")
    try:
        with temporary.open("xb") as file:
            file.writelines(parts)
            file.flush()
            os.fsync(file.fileno())  # some full disks report the error only here
        if target.exists():
            temporary.chmod(stat.S_IMODE(target.stat().st_mode))
        temporary.replace(target)
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise
