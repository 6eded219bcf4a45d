"""The check that users run: correct learners pass, and what a faulty one forgets is named."""

import os
import random

import numpy as np
import pytest
from fake_learners import Bowl, Scripted

import lrfinder
from lrfinder import Averaged, Outcome, RestoreError


class Seen(Bowl):
    """A bowl that can be observed."""

    def observe(self):
        generator = repr(self.generator.bit_generator.state)
        return {"position": self.position, "velocity": self.velocity, "generator": generator, "curvature": self.curvature}


def seen(cls=Seen):
    return cls(momentum=0.9, noise=0.1)


def outcomes(findings):
    return {finding.what: finding.outcome for finding in findings}


def test_a_correct_learner_passes_with_a_finding_for_each_value_and_each_part_of_the_law():
    check = lrfinder.check(seen())
    assert check.ok
    assert check.lost == ()
    assert [finding.what for finding in check.state] == ["position", "velocity", "generator", "curvature"]
    assert {finding.outcome for finding in (*check.state, check.deterministic, *check.law)} == {Outcome.HOLDS}
    assert len(check.law) == 5


def test_many_iterations_at_once_are_compared_with_single_ones():
    class Elsewhere(Seen):
        def iterations(self, lrs):
            yield from (self.iteration(2 * lr) for lr in lrs)

    asked = outcomes(lrfinder.check(seen(Elsewhere)).law)
    assert asked.pop("many iterations at once equal those one by one") is Outcome.BROKEN
    assert set(asked.values()) == {Outcome.HOLDS}


def test_a_finding_says_whether_the_training_changes_the_value():
    changed = {finding.what: finding.changed for finding in lrfinder.check(seen()).state}
    assert changed == {"position": True, "velocity": True, "generator": True, "curvature": False}


@pytest.mark.parametrize("name", ["position", "velocity", "generator"])
def test_a_value_that_a_learner_forgets_is_named(name):
    class Forgets(Seen):
        def restore(self, state):
            kept = self.generator.bit_generator.state if name == "generator" else getattr(self, name)
            super().restore(state._replace(**{name: kept}))

    check = lrfinder.check(seen(Forgets))
    assert not check.ok
    assert check.lost == (name,)
    assert check.deterministic.outcome is Outcome.NOT_ASKED
    assert check.law[0].outcome is Outcome.BROKEN


def test_a_lost_value_that_no_loss_shows_is_named_and_the_law_is_checked_for_the_others():
    class LastRate(Seen):
        lr = 0.1

        def iteration(self, lr):
            self.lr = lr
            return super().iteration(lr)

        def observe(self):
            return super().observe() | {"lr": self.lr}

    check = lrfinder.check(seen(LastRate))
    assert check.lost == ("lr",)
    assert set(outcomes(check.law).values()) == {Outcome.HOLDS}


def test_a_value_that_is_lost_only_after_divergence_is_reported_so():
    class Scales(Seen):
        def restore(self, state):
            self.position += state.position - self.position
            self.velocity, self.generator.bit_generator.state = state.velocity, state.generator

    (position,) = (finding for finding in lrfinder.check(Scales()).state if finding.what == "position")
    assert position.outcome is Outcome.BROKEN
    assert "diverged" in position.detail


def test_a_value_that_appears_during_training_is_reported():
    class Grows(Seen):
        count = 0

        def iteration(self, lr):
            self.count = 1
            return super().iteration(lr)

        def observe(self):
            return super().observe() | ({"count": 1} if self.count else {})

    check = lrfinder.check(seen(Grows))
    assert check.lost == ("count",)
    assert check.state[-1].detail == "not there before"


class Chance(Seen):
    """Not deterministic, although everything observed is restored."""

    def iteration(self, lr):
        return super().iteration(lr) + int.from_bytes(os.urandom(6), "big") * 1e-9


def test_a_training_that_is_not_deterministic_is_reported_as_such():
    check = lrfinder.check(seen(Chance))
    assert not check.ok
    assert check.lost == ()
    assert check.deterministic.outcome is Outcome.BROKEN
    assert "the loss of iteration 0" in check.deterministic.detail
    assert set(outcomes(check.law).values()) == {Outcome.NOT_ASKED}


class Noted(Seen):
    """A bowl whose loss depends on something that ``observe()`` does not hold."""

    def __init__(self, **settings):
        super().__init__(**settings)
        self.calls, self.history, self.note = 0, [], ""

    def iteration(self, lr):
        self.calls += 1
        self.history.append(self.calls)
        self.note = f"call {self.calls}"
        return super().iteration(lr) + self.hidden()

    def hidden(self):
        return 0.0


class OfANumber(Noted):
    def hidden(self):
        return 0.01 * self.calls

    def unrestored(self):
        return {"attribute: global calls of step": self.calls, "attribute: global limit of step": 7}


class OfAList(Noted):
    def hidden(self):
        return 0.01 * len(self.history)

    def unrestored(self):
        return {f"attribute: closure history[{k}] of step": one for k, one in enumerate(self.history)}


class OfAText(Noted):
    def hidden(self):
        return 0.01 * len(self.note)

    def unrestored(self):
        return {"attribute: note of step": self.note}


@pytest.mark.parametrize(
    ("cls", "name"),
    [
        (OfANumber, "attribute: global calls of step"),
        (OfAList, "attribute: closure history[0] of step"),
        (OfAText, "attribute: note of step"),
    ],
)
def test_a_value_that_no_restore_brings_back_is_named_and_the_training_is_not_blamed(cls, name):
    check = lrfinder.check(seen(cls))
    assert name in check.lost
    assert "attribute: global limit of step" not in check.lost
    assert check.deterministic.outcome is Outcome.NOT_ASKED
    assert "draws" not in str(check)
    assert "not deterministic" not in str(check)
    assert "listed in stateful" in " ".join(str(check).split())


def test_a_value_that_no_restore_brings_back_is_not_named_where_the_losses_repeat():
    class Counts(OfANumber):
        def hidden(self):
            return 0.0

    assert lrfinder.check(seen(Counts)).ok


def test_a_training_that_depends_on_what_nobody_sees_is_not_called_indeterminate():
    class Hidden(OfANumber):
        def unrestored(self):
            return {}

    check = lrfinder.check(seen(Hidden))
    assert "either the training depends on something that is not observed" in check.deterministic.detail
    assert "not deterministic" not in str(check)


def test_what_is_beside_the_state_of_a_learner_inside_a_wrapper_is_named():
    assert "attribute: global calls of step" in lrfinder.check(Averaged(seen(OfANumber), 2)).lost


def test_the_values_that_differ_first_are_named():
    class Jumps(Seen):
        def iteration(self, lr):
            self.position += int.from_bytes(os.urandom(6), "big") * 1e-15
            return super().iteration(lr)

    assert "after 1 iteration: position, velocity" in lrfinder.check(seen(Jumps)).deterministic.detail


def test_only_losses_are_compared_of_a_learner_that_cannot_be_observed():
    check = lrfinder.check(Bowl(momentum=0.9, noise=0.1))
    assert check.ok
    assert check.state == ()


def test_a_learner_that_cannot_be_observed_is_not_reported_as_indeterminate():
    class Forgets(Bowl):
        def restore(self, state):
            super().restore(state._replace(velocity=self.velocity))

    check = lrfinder.check(Forgets(momentum=0.9))
    assert check.deterministic.outcome is Outcome.NOT_ASKED
    assert "observe" in check.deterministic.detail
    assert check.law[0].outcome is Outcome.BROKEN
    assert "the loss of iteration 1" in check.law[0].detail


def test_observe_can_be_passed():
    bowl = Bowl(momentum=0.9)
    check = lrfinder.check(bowl, observe=lambda: {"position": bowl.position})
    assert [finding.what for finding in check.state] == ["position"]


def test_the_learner_inside_a_wrapper_is_observed():
    assert len(lrfinder.check(Averaged(seen(), 2)).state) == 4
    assert lrfinder.check(Averaged(Bowl(), 2)).state == ()


def test_each_part_of_the_law_has_its_own_finding():
    class Draws(Seen):
        snapshots = 0

        def snapshot(self):
            self.snapshots += 1
            if self.snapshots > 1:
                self.generator.random()
            return super().snapshot()

        def observe(self):
            return {}

    law = outcomes(lrfinder.check(seen(Draws)).law)
    assert law["a snapshot changes nothing"] is Outcome.BROKEN
    assert law["a loss that was returned is not overwritten"] is Outcome.HOLDS


def test_a_stream_that_ends_is_checked_as_far_as_it_goes():
    assert lrfinder.check(Scripted([3.0, 2.0, 1.0])).ok


def test_a_restore_that_fails_is_reported_and_not_raised():
    class Refuses(Seen):
        def restore(self, state):
            raise RestoreError("the velocity is gone")

    check = lrfinder.check(seen(Refuses))
    assert not check.ok
    assert "the velocity is gone" in check.law[0].detail
    assert set(outcomes(check.state).values()) == {Outcome.NOT_ASKED}


def test_the_learner_is_unchanged_afterwards():
    bowl = seen()
    before = bowl.observe()
    lrfinder.check(bowl)
    assert bowl.observe() == before


def test_global_generators_are_restored_for_a_learner_that_forgets_them():
    class Draws(Bowl):
        def iteration(self, lr):
            return super().iteration(lr) + random.random() + np.random.random()

    random.seed(1)
    np.random.seed(1)
    expected = random.random(), np.random.random()
    random.seed(1)
    np.random.seed(1)
    assert not lrfinder.check(Draws()).ok
    assert (random.random(), np.random.random()) == expected


def test_an_exception_of_user_code_passes_through_with_a_note():
    learner = Scripted([1.0, ZeroDivisionError("mine")])
    with pytest.raises(ZeroDivisionError, match="mine") as caught:
        lrfinder.check(learner)
    assert any("checked" in note for note in caught.value.__notes__)
    assert learner.here == 0
