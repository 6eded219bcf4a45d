"""Expected outcomes of faults: each is a sentence, and a check that it holds."""

from __future__ import annotations

import re
from typing import NamedTuple

import numpy as np
from faulty_training import twin

from lrfinder import Comparison, Probe, RangeTest, RestoreError, Status, Suggestion

RESULTS = (RangeTest, Comparison, Suggestion)


class Outcome(NamedTuple):
    """The end of a finder, of which one part is None."""

    result: object
    raised: BaseException | None

    def of(self, kind):
        if self.raised is not None:
            raise self.raised
        assert isinstance(self.result, kind)
        return self.result


class Raises:
    """The exception passes through as it was raised, with a note."""

    lost = frozenset()

    def __init__(self, kind, words="mine", note="raised at iteration"):
        self.kind, self.words, self.note = kind, words, note

    def __str__(self):
        return f"everything is restored; `{self.kind.__name__}` passes through"

    def check(self, outcome):
        assert type(outcome.raised) is self.kind
        assert re.search(self.words, str(outcome.raised))
        assert self.note is None or re.search(self.note, "".join(outcome.raised.__notes__))

    def noted(self, note):
        """Return the same outcome with another note."""
        return type(self)(self.kind, self.words, note)


class Interrupts(Raises):
    """An exception that ends the process passes through as it was raised."""

    def check(self, outcome):
        assert type(outcome.raised) is self.kind


class LosesItsWorker:
    """PyTorch raises for what it notices first: the exit of the worker, or the end of its pipe."""

    lost = frozenset()

    def __str__(self):
        return "everything is restored; PyTorch's exception passes through: `RuntimeError`, `EOFError` or `ConnectionError`"

    def check(self, outcome):
        assert isinstance(outcome.raised, (RuntimeError, EOFError, ConnectionError))
        assert (
            not isinstance(outcome.raised, RuntimeError)
            or "exited unexpectedly" in str(outcome.raised)
            or "killed by signal" in str(outcome.raised)
        )


class Undisturbed:
    """The result is the same as without the fault, bit for bit."""

    lost = frozenset()

    def __str__(self):
        return "everything is restored; the result is the same as without the fault"

    def check(self, outcome):
        assert numbers(outcome.of(RESULTS)) == numbers(twin_of(outcome.result))


class Finishes:
    """There is a different result, and reading it raises nothing."""

    lost = frozenset()

    def __str__(self):
        return "everything is restored; there is a result for the changed numbers"

    def check(self, outcome):
        result = outcome.of(RESULTS)
        assert numbers(result) != numbers(twin_of(result))
        if isinstance(result, Comparison):
            result.best
        else:
            assert getattr(result, "suggestion", result).status in set(Status)


class Ends:
    """The sweep, or one of the trainings, ended early, and reports why."""

    lost = frozenset()

    def __init__(self, stop):
        self.stop = stop

    def __str__(self):
        return f"everything is restored; `{self.stop}`: {self.stop.value}"

    def check(self, outcome):
        assert self.stop in stops(outcome.of(RESULTS))


class Loses:
    """The error names what failed, and everything else is restored."""

    def __init__(self, lost, words, context=None):
        self.lost, self.words, self.context = frozenset(lost), words, context

    def __str__(self):
        both = "" if self.context is None else f"; `{self.context.__name__}` is its context"
        return f"`RestoreError` names what failed, everything else is restored{both}"

    def check(self, outcome):
        assert type(outcome.raised) is RestoreError
        assert re.search(self.words, str(outcome.raised))
        assert len(outcome.raised.failures) == len(self.lost)
        assert self.context is None or type(outcome.raised.__context__) is self.context


class LosesForAWhile(Loses):
    """A restore between two trainings fails, and the last one does not."""

    def __init__(self, words):
        super().__init__((), words)

    def __str__(self):
        return "everything is restored at the end; `RestoreError` names what failed, and notes this"

    def check(self, outcome):
        assert type(outcome.raised) is RestoreError
        assert re.search(self.words, str(outcome.raised))
        assert outcome.raised.__notes__[-1] == "lrfinder: the learner was restored at the end."


def twin_of(result):
    return next(one for one in twin().results if type(one) is type(result))


def stops(result):
    if isinstance(result, RangeTest):
        return (result.stop,)
    return result.stops if isinstance(result, Comparison) else (result.curve.stop, *(one.stop for one in result.probes))


def numbers(result):
    """Return everything that a result holds as bits, except the name of its criterion."""
    parts = (result.curve, *result.probes) if isinstance(result, Suggestion) else (result,)
    lrs = [part.lr if isinstance(part, Probe) else part.lrs for part in parts]
    return [np.array(one).tobytes() for one in [*lrs, *(part.losses for part in parts)]], stops(result)
