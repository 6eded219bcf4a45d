"""The check of a user's own learner: what comes back after a restore, what does not, and whether it repeats at all."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from lrfinder import testing
from lrfinder._check.report import Check, Finding, Outcome
from lrfinder.errors import LawError, RestoreError
from lrfinder.learner import Learner, adapted, restored
from lrfinder.randomness import capture, global_generators, restore_states

if TYPE_CHECKING:
    from lrfinder.testing import Observe

Laws = tuple[tuple[str, Callable[..., None]], ...]

LAWS: Laws = (
    ("time repeats, as often as it is restored", testing.check_time_repeats),
    ("a snapshot changes nothing", testing.check_snapshot_changes_nothing),
    ("an old state stays good, whatever was done since", testing.check_old_states_live),
    ("a training that ran away to NaN is put back whole", testing.check_comes_back_from_divergence),
    ("a loss that was returned is not overwritten", testing.check_losses_are_kept),
)
AT_ONCE: Laws = (("many iterations at once are those one by one", testing.check_many_at_once),)
DETERMINISTIC = "two trainings from one state give the same losses"


def check(learner: Learner[Any], lrs: Sequence[float] = testing.LRS, observe: Observe | None = None) -> Check:
    """Find out whether a learner obeys the law, by putting it through short trainings, and name what does not come back.

    It never raises for a learner that breaks the law (:func:`lrfinder.testing.check` does); an exception of the user's own
    code passes through, with a note. The learner is afterwards as it was, as far as it can be put back.

    Args:
        learner: what trains.
        lrs: the rates of each training; about 20 of them are made.
        observe: gives what must come back beside the losses: names to values that compare with ``==``. By default the
            learner's own ``observe()``, where it has one, as ``TorchLearner`` has.
    """
    look = observe or adapted(learner).observe
    with _as_it_was(learner) as state:
        seen = _seen(learner, state, lrs, look)
        found = _state(seen)
        deterministic = _deterministic(seen, found, lambda: _first_to_differ(learner, state, lrs, look))
        if seen.difference is None:
            rest = _but(found, look)
            laws = (*LAWS, *(AT_ONCE if adapted(learner).iterations(lrs) is not None else ()))
            law = tuple(_asked(what, partial(ask, learner, lrs, rest)) for what, ask in laws)
        else:
            law = _after_a_difference(seen.difference, deterministic)
    return Check(found, deterministic, law)


def _nothing() -> Mapping[str, object]:
    return {}


class _Seen(NamedTuple):
    """What two trainings from one state, and one that ran away, showed."""

    start: Mapping[str, object]
    trained: Mapping[str, object]
    back: tuple[Mapping[str, object], ...]  # after each restore
    difference: str | None  # between the losses of the two


@contextmanager
def _as_it_was(learner: Learner[Any]) -> Generator[Any]:
    """Put back what the learner puts back, and the generators that it may forget and that we know of."""
    randomness = capture(global_generators())
    told = False
    try:
        with restored(learner) as state:
            yield state
            told = True
    except RestoreError:
        if not told:  # what the learner said at its last restore, it said at the others too
            raise
    except Exception as error:
        error.add_note("lrfinder: raised while the learner was checked; it is put back as far as its restore() goes.")
        raise
    finally:
        restore_states(randomness)


def _seen(learner: Learner[Any], state: Any, lrs: Sequence[float], look: Observe) -> _Seen:
    start = look()
    first, trained = testing.losses(learner, lrs), look()
    back: list[Mapping[str, object]] = []
    different: str | None = None
    try:
        learner.restore(state)
        back.append(look())
        different = testing.difference(testing.losses(learner, lrs), first)
        learner.restore(state)
        with suppress(ArithmeticError, RuntimeError, ValueError):  # some optimizers and losses refuse such numbers
            testing.losses(learner, testing.ABSURD)
        learner.restore(state)
        back.append(look())
    except RestoreError as error:
        different = f"it could not be put back: {error}"
    return _Seen(start, trained, tuple(back), different)


def _state(seen: _Seen) -> tuple[Finding, ...]:
    if not seen.back:
        return tuple(Finding(name, Outcome.NOT_ASKED, detail="restore() did not come to its end") for name in seen.start)
    return tuple(_finding(name, seen) for name in {**seen.start, **seen.trained, **seen.back[0], **seen.back[-1]})


def _finding(name: str, seen: _Seen) -> Finding:
    def value(look: Mapping[str, object]) -> object:
        return look.get(name, _nothing)  # which equals nothing that can be seen

    changed = value(seen.trained) != value(seen.start)
    if value(seen.back[0]) != value(seen.start):
        return Finding(name, Outcome.BROKEN, changed, "not there before" if name not in seen.start else "")
    if value(seen.back[-1]) != value(seen.start):
        return Finding(name, Outcome.BROKEN, changed, "after a training that ran away")
    return Finding(name, Outcome.HOLDS, changed)


def _deterministic(seen: _Seen, found: Sequence[Finding], first_to_differ: Callable[[], str]) -> Finding:
    if seen.difference is None:
        return Finding(DETERMINISTIC, Outcome.HOLDS)
    if not found:
        told = "nothing of this learner can be looked into: give it a method observe(), or check(observe=...)"
        return Finding(DETERMINISTIC, Outcome.NOT_ASKED, detail=told)
    if any(finding.outcome is not Outcome.HOLDS for finding in found):
        return Finding(DETERMINISTIC, Outcome.NOT_ASKED, detail="what did not come back may be the reason")
    told = (
        f"all that can be looked into came back, and yet {seen.difference}{first_to_differ()}; "
        "something draws or computes differently each time, or depends on what cannot be looked into"
    )
    return Finding(DETERMINISTIC, Outcome.BROKEN, detail=told)


def _first_to_differ(learner: Learner[Any], state: Any, lrs: Sequence[float], look: Observe) -> str:
    """What differs after one iteration, or else after all: where to look for the reason."""
    for some in (lrs[:1], lrs):
        looks: list[Mapping[str, object]] = []
        for _ in range(2):
            learner.restore(state)
            testing.losses(learner, some)
            looks.append(look())
        names = [name for name in looks[0] if looks[0][name] != looks[1].get(name, _nothing)]
        if names:
            after = "1 iteration" if len(some) == 1 else f"{len(some)} iterations"
            return f" (the first to differ, after {after}: {', '.join(names[:3])})"
    return ""


def _after_a_difference(different: str, deterministic: Finding) -> tuple[Finding, ...]:
    """The law where the losses already differ: its other parts would only tell the same again."""
    by_itself = deterministic.outcome is Outcome.BROKEN
    why = "the training does not repeat by itself" if by_itself else "time does not repeat"
    first = Outcome.NOT_ASKED if by_itself else Outcome.BROKEN
    names = [what for what, _ in LAWS]
    return (
        Finding(names[0], first, detail=why if by_itself else different),
        *(Finding(what, Outcome.NOT_ASKED, detail=why) for what in names[1:]),
    )


def _asked(what: str, ask: Callable[[], None]) -> Finding:
    try:
        ask()
    except (LawError, RestoreError) as error:
        return Finding(what, Outcome.BROKEN, detail=str(error).removeprefix("The law is broken ").rstrip("."))
    return Finding(what, Outcome.HOLDS)


def _but(found: Sequence[Finding], look: Observe) -> Observe:
    """``look`` without what was already found not to come back."""
    lost = {finding.what for finding in found if finding.outcome is not Outcome.HOLDS}
    return lambda: {name: value for name, value in look().items() if name not in lost}
