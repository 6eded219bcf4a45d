"""Restoring many pieces, even where some of them fail."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lrfinder.errors import RestoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_MOST_NAMED = 10  # failures
_MOST_CHARACTERS = 200  # of what one failure says


def restore_all(pieces: Iterable[tuple[object, Callable[[], object]]]) -> None:
    """Restore every piece, given by its name (``str()`` reads it only on failure) and the function that restores it.

    Raises:
        RestoreError: some raised, which did not prevent the others; it names them all. A ``BaseException`` that is not an
            ``Exception``, such as an exit, is raised instead, with the same sentence as its note.
    """
    failures: list[tuple[str, BaseException]] = []
    for name, restore in pieces:
        try:
            restore()
        except RestoreError as error:
            failures.extend(error.failures or [(str(name), error)])
        except BaseException as error:  # noqa: BLE001  (raised below, after the remaining pieces)
            failures.append((str(name), error))
    if not failures:
        return
    failed = RestoreError(_sentence(failures), failures)
    for _, error in failures:
        if not isinstance(error, Exception):
            error.add_note(f"lrfinder: {failed}")
            raise error
    raise failed from failures[0][1]


def _sentence(failures: list[tuple[str, BaseException]]) -> str:
    reasons = [(name, type(error).__name__, " ".join(str(error).split())) for name, error in failures[:_MOST_NAMED]]
    named = [f"{name} ({kind}{f': {text:.{_MOST_CHARACTERS}}' if text else ''})" for name, kind, text in reasons]
    if len(failures) > _MOST_NAMED:
        named.append(f"{len(failures) - _MOST_NAMED} more")
    return (
        f"{', '.join(named)} could not be restored; everything else is as it was at the snapshot. Load what is named from a "
        "checkpoint, or create it again."
    )
