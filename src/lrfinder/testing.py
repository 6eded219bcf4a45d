"""The law of :mod:`lrfinder.learner` as plain functions, for tests of learners of any framework.

::

    import lrfinder.testing

    def test_my_learner_obeys_the_law():
        lrfinder.testing.check(make_my_learner())

:func:`lrfinder.check` asks the same and tells the answers instead of raising at the first.

Each function leaves the learner as it found it, if the learner obeys the law, and raises :class:`lrfinder.errors.LawError`, which
says where time did not repeat, if it does not. They see what a finder sees, losses. What else must come back (a gradient,
the rate in the optimizer) is compared through ``observe``: a function that gives a dict from names to anything comparable
with ``==``; ``lrfinder.torch.inspection.fingerprint`` makes one of PyTorch objects.

A learner is put through short trainings at rates that should make it learn; give others where these make it diverge at once.
"""

from __future__ import annotations

import random
import struct
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any, SupportsFloat

import numpy as np

from lrfinder.errors import DataEndedError, LawError
from lrfinder.learner import Learner, adapted, restored

Observe = Callable[[], Mapping[str, object]]

LRS: tuple[float, ...] = tuple(1e-4 * 1.3**k for k in range(25))
"""Rising rates as a sweep has them, up to about 0.05."""

ABSURD = (1e3, 1e6, 1e12, 1e18, 1e24)
"""Rates at which any training runs away."""


def _nothing() -> Mapping[str, object]:
    return {}


def check(learner: Learner[Any], lrs: Sequence[float] = LRS, observe: Observe = _nothing) -> None:
    """Every check of this module, one after the other.

    Raises:
        LawError: the learner breaks the law.
    """
    for one in (
        check_time_repeats,
        check_snapshot_changes_nothing,
        check_old_states_live,
        check_comes_back_from_divergence,
        check_losses_are_kept,
        check_many_at_once,
    ):
        one(learner, lrs, observe)


def check_time_repeats(learner: Learner[Any], lrs: Sequence[float] = LRS, observe: Observe = _nothing) -> None:
    """After a restore the same losses come again, and the same once more after a second restore of the same state."""
    with restored(learner) as state:
        start = observe()
        first, first_end = losses(learner, lrs), observe()
        for time in ("first", "second"):
            learner.restore(state)
            _same(observe(), start, f"after the {time} restore")
            again, again_end = losses(learner, lrs), observe()
            _same_losses(again, first, f"after the {time} restore")
            _same(again_end, first_end, f"after {len(again)} iterations that followed the {time} restore")
    _same(observe(), start, "after the last restore")


def check_snapshot_changes_nothing(learner: Learner[Any], lrs: Sequence[float] = LRS, observe: Observe = _nothing) -> None:
    """A training with a snapshot before each iteration is the training without."""
    with restored(learner) as state:
        without = losses(learner, lrs)
        end = observe()
        learner.restore(state)
        with_snapshots: list[float] = []
        for lr in lrs:
            learner.snapshot()
            with_snapshots += losses(learner, [lr])
        _same_losses(with_snapshots, without, "with a snapshot before each iteration")
        _same(observe(), end, "after a training with a snapshot before each iteration")


def check_old_states_live(learner: Learner[Any], lrs: Sequence[float] = LRS, observe: Observe = _nothing) -> None:
    """A state stands for its moment whatever was snapshot, trained or restored since."""
    half = len(lrs) // 2
    with restored(learner) as early:
        first = losses(learner, lrs[:half])
        late = learner.snapshot()
        middle = observe()
        second = losses(learner, lrs[half:])
        learner.restore(early)
        _same_losses(losses(learner, lrs), first + second, "after restoring an earlier state, with a later one alive")
        learner.restore(late)
        _same(observe(), middle, "after restoring a later state, an earlier one having been restored before")
        _same_losses(losses(learner, lrs[half:]), second, "after restoring a later state")


def check_comes_back_from_divergence(learner: Learner[Any], lrs: Sequence[float] = LRS, observe: Observe = _nothing) -> None:
    """A training that was driven far off, to NaN where that is possible, is put back whole.

    An exception that the far-off training raises ends it and is dropped: some optimizers and losses refuse such numbers.
    """
    with restored(learner) as state:
        start = observe()
        expected = losses(learner, lrs)
        learner.restore(state)
        with suppress(ArithmeticError, RuntimeError, ValueError):
            losses(learner, ABSURD)
        learner.restore(state)
        _same(observe(), start, "after a training at absurd rates")
        _same_losses(losses(learner, lrs), expected, "after a training at absurd rates")


def check_losses_are_kept(learner: Learner[Any], lrs: Sequence[float] = LRS, _: Observe = _nothing) -> None:
    """What ``iteration`` returned is not overwritten by later iterations."""
    with restored(learner):
        returned: list[SupportsFloat] = []
        at_once: list[float] = []
        with suppress(DataEndedError):
            for lr in lrs:
                returned.append(learner.iteration(lr))
                at_once.append(float(returned[-1]))
        _same_losses(list(map(float, returned)), at_once, "when read at the end, not at once")


def check_many_at_once(learner: Learner[Any], lrs: Sequence[float] = LRS, observe: Observe = _nothing) -> None:
    """``iterations``, where the learner has it, trains as ``iteration`` does, and can be left in the middle."""
    many = adapted(learner).iterations
    with restored(learner) as state:
        if many(lrs) is None:
            return
        learner.restore(state)
        one_by_one, end = losses(learner, lrs), observe()
        learner.restore(state)
        at_once: list[float] = []
        with suppress(DataEndedError):
            at_once.extend(map(float, many(lrs)))
        _same_losses(at_once, one_by_one, "by iterations(), which makes many at once")
        _same(observe(), end, "once all losses of iterations() were taken")
        learner.restore(state)
        with suppress(DataEndedError):
            next(iter(many(lrs)), None)
        learner.restore(state)
        _same_losses(losses(learner, lrs), one_by_one, "after a restore in the middle of iterations()")


def losses(learner: Learner[Any], lrs: Iterable[float]) -> list[float]:
    """The losses of iterations at ``lrs``; fewer where the stream of data ends, as it must at the same place again."""
    found: list[float] = []
    with suppress(DataEndedError):
        for lr in lrs:
            found.append(float(learner.iteration(lr)))  # noqa: PERF401  (those before the end count)
    return found


def random_states() -> dict[str, object]:
    """Return the states of the global generators of Python and NumPy, by code that snapshots do not share."""
    keys: Any = np.random.get_state()[1]  # noqa: NPY002  (users draw from the legacy generator)
    return {
        "python's generator": random.getstate(),
        "numpy's generator": repr(np.random.get_state(legacy=False)),  # noqa: NPY002  (as above)
        "numpy's generator, keys": keys.tobytes(),
    }


def difference(found: Sequence[float], expected: Sequence[float]) -> str | None:
    """Where losses first differ from others, in words; None where they are the same bit for bit."""
    if len(found) != len(expected):
        return f"{len(found)} iterations were possible, {len(expected)} before"
    for k, (loss, other) in enumerate(zip(found, expected, strict=True)):
        if _bits(loss) != _bits(other):
            return f"the loss of iteration {k} is {loss!r}, it was {other!r}"
    return None


def _same_losses(found: Sequence[float], expected: Sequence[float], when: str) -> None:
    told = difference(found, expected)
    if told is not None:
        message = f"The law is broken {when}: {told}."
        raise LawError(message)


def _same(seen: Mapping[str, object], expected: Mapping[str, object], when: str) -> None:
    different = [name for name in {**expected, **seen} if seen.get(name, _nothing) != expected.get(name, _nothing)]
    if different:
        message = f"The law is broken {when}: {', '.join(different[:5])} did not come back" + (
            f", nor did {len(different) - 5} more." if len(different) > 5 else "."  # noqa: PLR2004  (a sentence's worth)
        )
        raise LawError(message)


def _bits(value: float) -> bytes:
    return struct.pack("d", value)
