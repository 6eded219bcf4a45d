"""Putting many things back, also when some of them refuse."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lrfinder.errors import RestoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_NAMED_AT_MOST = 10
_CHARACTERS = 200


def put_back_all(pieces: Iterable[tuple[object, Callable[[], object]]]) -> None:
    """Put every piece back; one that raises does not keep the others from it.

    Args:
        pieces: what is put back, named by its ``str()`` (asked for only when it fails), and how.

    Raises:
        RestoreError: some raised; it names them all. An exception that is no ``Exception``, an exit say, is raised itself
            once all has been tried, with that sentence for its note.
    """
    failures: list[tuple[str, BaseException]] = []
    for name, put_back in pieces:
        try:
            put_back()
        except RestoreError as error:
            failures.extend(error.failures or [(str(name), error)])
        except BaseException as error:  # noqa: BLE001  (raised below; what comes after must be put back all the same)
            failures.append((str(name), error))
    if not failures:
        return
    errors = [error for _, error in failures]
    failed = RestoreError(_sentence(failures), failures)
    for error in errors:
        if not isinstance(error, Exception):
            error.add_note(f"lrfinder: {failed}")
            raise error
    raise failed from errors[0]


def _sentence(failures: list[tuple[str, BaseException]]) -> str:
    named = [f"{name} ({_reason(error)})" for name, error in failures[:_NAMED_AT_MOST]]
    if len(failures) > _NAMED_AT_MOST:
        named.append(f"{len(failures) - _NAMED_AT_MOST} more")
    return (
        f"{', '.join(named)} could not be put back; all else is as it was at the snapshot. Load what is named from a "
        "checkpoint, or make it anew."
    )


def _reason(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text:.{_CHARACTERS}}" if text else type(error).__name__
