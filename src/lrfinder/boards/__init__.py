"""Results on the boards where trainings are logged: a module per board, each with the function ``log(result, board)``.

``board`` is the user's own writer or run; apart from what is logged, under names of its own, it does not change. The package
of a board is imported when its module logs.
"""

from __future__ import annotations

from lrfinder.errors import BoardError


def require_methods(board: object, *methods: str, expected: str) -> None:
    """Refuse an object that is not a board, before anything is logged.

    Raises:
        BoardError: one of the methods is missing.
    """
    if not all(hasattr(board, method) for method in methods):
        message = f"log() was given {board!r:.60}; give {expected}."
        raise BoardError(message)
