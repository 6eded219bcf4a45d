"""The law of :mod:`lrfinder.learner` as plain functions, for tests of learners of any framework.

::

    import lrfinder.testing

    def test_my_learner_obeys_the_law():
        lrfinder.testing.check(make_my_learner())

:func:`lrfinder.check` runs the same functions and reports every result instead of raising at the first.

Each function leaves a learner that obeys the law as it was, and otherwise raises :class:`lrfinder.errors.LawError`, which
says where time does not repeat. It compares what a finder sees: losses. To compare more (a gradient, the rate in the
optimizer), pass ``observe``: a function that returns names and values that compare with ``==``, for example
``lrfinder.torch.inspection.fingerprint`` of PyTorch objects.

The learner trains a few iterations at rates that should make it learn; pass lower ones where these make it diverge at once.
"""

from __future__ import annotations

import random
import struct
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any, SupportsFloat, cast

import numpy as np

from lrfinder.errors import DataEndedError, LawError
from lrfinder.learner import Learner, adapted, require_methods, restored

Observe = Callable[[], Mapping[str, object]]

LRS: tuple[float, ...] = tuple(1e-4 * 1.3**k for k in range(25))
"""Rising rates like those of a sweep, up to about 0.05."""

DIVERGING_LRS = (1e3, 1e6, 1e12, 1e18, 1e24)
"""Rates at which any training diverges."""

MOST_NAMED = 5  # differing values in one message
ABSENT = object()  # equals no observed value


def _nothing() -> Mapping[str, object]:
    return {}


def check(learner: Learner[Any], lrs: Sequence[float] = LRS, observe: Observe = _nothing) -> None:
    """Run every check of :data:`LAWS`.

    Raises:
        LawError: the learner breaks the law.
        LearnerError: it is no learner.
    """
    require_methods(learner)
    for _, law in LAWS:
        law(learner, lrs, observe)


def check_time_repeats(learner: Learner[Any], lrs: Sequence[float] = LRS, observe: Observe = _nothing) -> None:
    """Check that the same losses follow a restore, and again a second restore of the same state."""
    with restored(learner) as state:
        start = observe()
        first, first_end = losses(learner, lrs), observe()
        for time in ("first", "second"):
            learner.restore(state)
            _require_same(observe(), start, f"after the {time} restore")
            again, again_end = losses(learner, lrs), observe()
            _require_same_losses(again, first, f"after the {time} restore")
            _require_same(again_end, first_end, f"after {len(again)} iterations that followed the {time} restore")
    _require_same(observe(), start, "after the last restore")


def check_snapshot_changes_nothing(learner: Learner[Any], lrs: Sequence[float] = LRS, observe: Observe = _nothing) -> None:
    """Check that a training with a snapshot before each iteration equals one without."""
    with restored(learner) as state:
        without = losses(learner, lrs)
        end = observe()
        learner.restore(state)
        with_snapshots: list[float] = []
        for lr in lrs:
            learner.snapshot()
            loss = losses(learner, [lr])
            if not loss:  # the stream of data has ended
                break
            with_snapshots += loss
        _require_same_losses(with_snapshots, without, "with a snapshot before each iteration")
        _require_same(observe(), end, "after a training with a snapshot before each iteration")


def check_old_states_live(learner: Learner[Any], lrs: Sequence[float] = LRS, observe: Observe = _nothing) -> None:
    """Check that a state stays valid after later snapshots, iterations and restores."""
    half = len(lrs) // 2
    with restored(learner) as early:
        first = losses(learner, lrs[:half])
        late = learner.snapshot()
        middle = observe()
        second = losses(learner, lrs[half:])
        learner.restore(early)
        _require_same_losses(
            losses(learner, lrs), first + second, "after restoring an earlier state, with a later one alive"
        )
        learner.restore(late)
        _require_same(observe(), middle, "after restoring a later state, an earlier one having been restored before")
        _require_same_losses(losses(learner, lrs[half:]), second, "after restoring a later state")


def check_comes_back_from_divergence(learner: Learner[Any], lrs: Sequence[float] = LRS, observe: Observe = _nothing) -> None:
    """Check that a restore undoes a training that diverged, to NaN where that is possible.

    An exception of the diverging training is suppressed: some optimizers and losses refuse such numbers.
    """
    with restored(learner) as state:
        start = observe()
        expected = losses(learner, lrs)
        learner.restore(state)
        diverge(learner)
        learner.restore(state)
        _require_same(observe(), start, "after a training at absurd rates")
        _require_same_losses(losses(learner, lrs), expected, "after a training at absurd rates")


def check_losses_are_kept(learner: Learner[Any], lrs: Sequence[float] = LRS, _: Observe = _nothing) -> None:
    """Check that later iterations do not overwrite a loss that ``iteration`` returned."""
    with restored(learner):
        returned: list[SupportsFloat] = []
        at_once: list[float] = []
        with suppress(DataEndedError):
            for lr in lrs:
                returned.append(learner.iteration(lr))
                at_once.append(float(returned[-1]))
        _require_same_losses(list(map(float, returned)), at_once, "when read at the end, not at once")


def check_many_at_once(learner: Learner[Any], lrs: Sequence[float] = LRS, observe: Observe = _nothing) -> None:
    """Check that ``iterations``, where the learner has it, trains as ``iteration`` does, and may be left before its end."""
    many: Any = adapted(learner).iterations
    with restored(learner) as state:
        if many(lrs) is None:
            return
        learner.restore(state)
        one_by_one, end = losses(learner, lrs), observe()
        learner.restore(state)
        at_once: list[float] = []
        with suppress(DataEndedError):
            at_once.extend(map(float, many(lrs)))
        _require_same_losses(at_once, one_by_one, "by iterations(), which trains many at once")
        _require_same(observe(), end, "after all losses of iterations() were read")
        learner.restore(state)
        with suppress(DataEndedError):
            next(iter(many(lrs)), None)
        learner.restore(state)
        _require_same_losses(losses(learner, lrs), one_by_one, "after a restore in the middle of iterations()")


LAWS: tuple[tuple[str, Callable[[Learner[Any], Sequence[float], Observe], None]], ...] = (
    ("time repeats, as often as it is restored", check_time_repeats),
    ("a snapshot changes nothing", check_snapshot_changes_nothing),
    ("an old state stays valid, whatever was done since", check_old_states_live),
    ("a training that diverged to NaN is undone", check_comes_back_from_divergence),
    ("a loss that was returned is not overwritten", check_losses_are_kept),
    ("many iterations at once equal those one by one", check_many_at_once),
)
"""Each part of the law: a sentence, and the function that checks it. The last is for learners with ``iterations``."""


def losses(learner: Learner[Any], lrs: Iterable[float]) -> list[float]:
    """Train an iteration at each of ``lrs`` and return the losses; fewer where the stream of data ends."""
    found: list[float] = []
    with suppress(DataEndedError):
        for lr in lrs:
            found.append(float(learner.iteration(lr)))  # noqa: PERF401  (those before the end count)
    return found


def diverge(learner: Learner[Any]) -> None:
    """Train at :data:`DIVERGING_LRS`, up to the first exception of an optimizer or a loss that refuses such numbers."""
    with suppress(ArithmeticError, RuntimeError, ValueError):
        losses(learner, DIVERGING_LRS)


def random_states() -> dict[str, object]:
    """Return the states of the global generators of Python and NumPy, by code that snapshots do not share."""
    keys = cast("Any", np.random.get_state())[1]  # noqa: NPY002  (users draw from the legacy generator)
    return {
        "python's generator": random.getstate(),
        "numpy's generator": repr(np.random.get_state(legacy=False)),  # noqa: NPY002  (as above)
        "numpy's generator, keys": keys.tobytes(),
    }


def first_difference(found: Sequence[float], expected: Sequence[float]) -> str | None:
    """Return where losses first differ from others, in words; ``None`` where they are the same bit for bit."""
    if len(found) != len(expected):
        return f"{len(found)} iterations were possible, {len(expected)} before"
    for k, (loss, other) in enumerate(zip(found, expected, strict=True)):
        if struct.pack("d", loss) != struct.pack("d", other):
            return f"the loss of iteration {k} is {loss!r}, it was {other!r}"
    return None


def differing(found: Mapping[str, object], expected: Mapping[str, object]) -> list[str]:
    """Return the names of the observed values that differ."""
    return [name for name in {**expected, **found} if found.get(name, ABSENT) != expected.get(name, ABSENT)]


def _require_same_losses(found: Sequence[float], expected: Sequence[float], when: str) -> None:
    different = first_difference(found, expected)
    if different is not None:
        message = f"The law is broken {when}: {different}."
        raise LawError(message)


def _require_same(found: Mapping[str, object], expected: Mapping[str, object], when: str) -> None:
    names = differing(found, expected)
    if names:
        more = f", nor are {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
        verb = "is" if len(names) == 1 else "are"
        message = f"The law is broken {when}: {', '.join(names[:MOST_NAMED])} {verb} not restored{more}."
        raise LawError(message)
