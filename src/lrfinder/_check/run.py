"""``lrfinder.check``: what of a learner is restored, whether its training repeats, and whether a finder can rely on it."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple

from lrfinder._check.report import Check, Finding, Outcome
from lrfinder.errors import LawError, RestoreError
from lrfinder.learner import Learner, adapted, require_methods, restored
from lrfinder.randomness import capture, global_generators, restore_states
from lrfinder.rates import checked
from lrfinder.testing import ABSENT, LAWS, LRS, differing, diverge, first_difference, losses

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping, Sequence

    from lrfinder.testing import Observe

DETERMINISTIC = "two trainings from one state give the same losses"
MOST_NAMED = 3  # values that differ first
LEFT_ALONE = "never part of a restore"
WHAT_TO_DO = "if the training reads what is not restored, keep it in an object that is listed in stateful"


def check(learner: Learner[Any], lrs: Sequence[float] = LRS, observe: Observe | None = None) -> Check:
    """Check by short trainings whether everything is restored, and report by name what is not.

    It does not raise where something is not restored (:func:`lrfinder.testing.check` does). An exception of the user's own
    code passes through, with a note. Afterwards the learner is as it was, as far as its ``restore()`` allows.

    Args:
        learner: the learner.
        lrs: the rates of each training; about 20 trainings run.
        observe: returns what is compared in addition to the losses: names to values that compare with ``==``. The default is
            the learner's own ``observe()``, which ``TorchLearner`` for example has.
    """
    require_methods(learner)
    lrs = checked(lrs, sys.maxsize)
    full = adapted(learner)
    look: Observe = observe or full.observe
    with _undone(learner) as state:
        trial = _try_restores(learner, state, lrs, look, full.unrestored)
        found = _state_findings(trial)
        if trial.difference is not None and all(finding.outcome is Outcome.HOLDS for finding in found):
            found += _left_alone(trial)
        deterministic = _determinism(trial, found, lambda: _first_to_differ(learner, state, lrs, look))
        if trial.difference is None:
            broken = {finding.what for finding in found if finding.outcome is not Outcome.HOLDS}
            law = _law_findings(learner, lrs, lambda: {k: value for k, value in look().items() if k not in broken})
        else:
            law = _law_of_different_losses(trial.difference, deterministic)
    return Check(found, deterministic, law)


class _Trial(NamedTuple):
    """Observations of two trainings from one state, and of one that diverged."""

    start: Mapping[str, object]
    trained: Mapping[str, object]
    restored: tuple[Mapping[str, object], ...]  # after each restore
    difference: str | None  # between the losses of the two
    beside: tuple[Mapping[str, object], ...]  # what no restore brings back, at the start and after each restore


@contextmanager
def _undone(learner: Learner[Any]) -> Generator[Any]:
    """Restore the learner, and the global generators that it may forget."""
    randomness = capture(global_generators())
    finished = False
    try:
        with restored(learner) as state:
            yield state
            finished = True
    except RestoreError:
        if not finished:  # otherwise the findings report it already
            raise
    except Exception as error:
        error.add_note("lrfinder: raised while the learner was checked; it is restored as far as its restore() allows.")
        raise
    finally:
        restore_states(randomness)


def _try_restores(
    learner: Learner[Any], state: Any, lrs: Sequence[float], observe: Observe, observe_beside: Observe
) -> _Trial:
    start, beside = observe(), [observe_beside()]
    first, trained = losses(learner, lrs), observe()
    after: list[Mapping[str, object]] = []
    difference: str | None = None
    try:
        learner.restore(state)
        after.append(observe())
        beside.append(observe_beside())
        difference = first_difference(losses(learner, lrs), first)
        learner.restore(state)
        diverge(learner)
        learner.restore(state)
        after.append(observe())
    except RestoreError as error:
        difference = f"restore() failed: {error}"
    return _Trial(start, trained, tuple(after), difference, tuple(beside))


def _state_findings(trial: _Trial) -> tuple[Finding, ...]:
    if not trial.restored:
        return tuple(Finding(name, Outcome.NOT_ASKED, detail="restore() failed") for name in trial.start)
    observed = (trial.start, trial.trained, trial.restored[0], trial.restored[-1])
    names = dict.fromkeys(chain(*observed))
    return tuple(_finding(name, *(values.get(name, ABSENT) for values in observed)) for name in names)


def _finding(name: str, start: object, trained: object, first: object, last: object) -> Finding:
    if first != start:
        return Finding(name, Outcome.BROKEN, trained != start, "not there before" if start is ABSENT else "")
    if last != start:
        return Finding(name, Outcome.BROKEN, trained != start, "after a training that diverged")
    return Finding(name, Outcome.HOLDS, trained != start)


def _left_alone(trial: _Trial) -> tuple[Finding, ...]:
    """Return a finding for each value that no restore brings back and that the first training changed."""
    start, *after = trial.beside
    changed = dict.fromkeys(chain.from_iterable(differing(one, start) for one in after))
    return tuple(Finding(name, Outcome.BROKEN, changed=True, detail=LEFT_ALONE) for name in changed)


def _determinism(trial: _Trial, found: Sequence[Finding], first_to_differ: Callable[[], str]) -> Finding:
    if trial.difference is None:
        return Finding(DETERMINISTIC, Outcome.HOLDS)
    if not found:
        detail = "this learner cannot be inspected: give it a method observe(), or pass check(observe=...)"
        return Finding(DETERMINISTIC, Outcome.NOT_ASKED, detail=detail)
    if any(finding.outcome is not Outcome.HOLDS for finding in found):
        alone = any(finding.detail == LEFT_ALONE for finding in found)
        return Finding(
            DETERMINISTIC, Outcome.NOT_ASKED, detail=WHAT_TO_DO if alone else "what is not restored may be the reason"
        )
    detail = (
        f"everything observed is restored, and yet {trial.difference}{first_to_differ()}; either the training depends on "
        "something that is not observed, or it draws or computes differently each time"
    )
    return Finding(DETERMINISTIC, Outcome.BROKEN, detail=detail)


def _first_to_differ(learner: Learner[Any], state: Any, lrs: Sequence[float], observe: Observe) -> str:
    """Return what differs after one iteration, or else after all, as a clue to the reason."""
    for some in (lrs[:1], lrs):
        observed: list[Mapping[str, object]] = []
        for _ in range(2):
            learner.restore(state)
            losses(learner, some)
            observed.append(observe())
        names = differing(*observed)
        if names:
            after = "1 iteration" if len(some) == 1 else f"{len(some)} iterations"
            return f" (the first to differ, after {after}: {', '.join(names[:MOST_NAMED])})"
    return ""


def _law_findings(learner: Learner[Any], lrs: Sequence[float], observe: Observe) -> tuple[Finding, ...]:
    findings: list[Finding] = []
    for sentence, law in LAWS if adapted(learner).iterations(lrs) is not None else LAWS[:-1]:
        try:
            law(learner, lrs, observe)
            findings.append(Finding(sentence, Outcome.HOLDS))
        except (LawError, RestoreError) as error:
            detail = str(error).removeprefix("The law is broken ").rstrip(".")
            findings.append(Finding(sentence, Outcome.BROKEN, detail=detail))
    return tuple(findings)


def _law_of_different_losses(difference: str, deterministic: Finding) -> tuple[Finding, ...]:
    """Return the findings of the law where losses differ already, so that its other parts would only repeat it."""
    by_itself = deterministic.outcome is Outcome.BROKEN
    why = "two trainings from one state differ"
    findings = [Finding(sentence, Outcome.NOT_ASKED, detail=why) for sentence, _ in LAWS[:-1]]
    if not by_itself:
        findings[0] = Finding(findings[0].what, Outcome.BROKEN, detail=difference)
    return tuple(findings)
