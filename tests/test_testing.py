"""The law as functions: the fakes pass, and a learner that forgets something fails the check for it."""

import math

import pytest
from fake_learners import Bowl, Scripted

import lrfinder.testing
from lrfinder.errors import LawError


def seen(bowl):
    return lambda: {"position": bowl.position, "velocity": bowl.velocity}


def test_a_bowl_obeys_the_law():
    bowl = Bowl(momentum=0.9, noise=0.1)
    lrfinder.testing.check(bowl, observe=seen(bowl))
    assert bowl.position == 1.0


def test_a_script_that_ends_obeys_the_law():
    lrfinder.testing.check(Scripted([3.0, 2.0, math.nan, 1.0]))


def test_a_script_that_ends_obeys_the_law_also_if_the_rate_is_observed():
    class LastRate(Scripted):
        lr = 0.1

        def iteration(self, lr):
            self.lr = lr
            return super().iteration(lr)

        def snapshot(self):
            return super().snapshot(), self.lr

        def restore(self, state):
            before, self.lr = state
            super().restore(before)

    learner = LastRate([3.0, 2.0, 1.0])
    lrfinder.testing.check(learner, observe=lambda: {"lr": learner.lr})


class ForgetsVelocity(Bowl):
    def restore(self, state):
        super().restore(state._replace(velocity=self.velocity))


class ForgetsGenerator(Bowl):
    def restore(self, state):
        super().restore(state._replace(generator=self.generator.bit_generator.state))


class ForgetsPosition(Bowl):
    def restore(self, state):
        super().restore(state._replace(position=self.position))


@pytest.mark.parametrize("broken", [ForgetsVelocity, ForgetsGenerator, ForgetsPosition])
def test_a_learner_that_forgets_a_part_of_its_state_fails(broken):
    with pytest.raises(LawError, match="loss of iteration"):
        lrfinder.testing.check_time_repeats(broken(momentum=0.9, noise=0.1))


def test_a_lost_value_that_no_loss_shows_is_found_by_observe():
    class LastRate(Bowl):
        lr = 0.1

        def iteration(self, lr):
            self.lr = lr
            return super().iteration(lr)

    lrfinder.testing.check(LastRate())
    learner = LastRate()
    with pytest.raises(LawError, match="lr is not restored"):
        lrfinder.testing.check_time_repeats(learner, observe=lambda: {"lr": learner.lr})


def test_a_snapshot_that_draws_a_random_number_fails():
    class Draws(Bowl):
        def snapshot(self):
            self.generator.random()
            return super().snapshot()

    with pytest.raises(LawError, match="snapshot before each"):
        lrfinder.testing.check_snapshot_changes_nothing(Draws(noise=0.1))


def test_a_learner_with_a_single_state_fails():
    class OneState(Bowl):
        def snapshot(self):
            self.saved = super().snapshot()

        def restore(self, _):
            super().restore(self.saved)

    with pytest.raises(LawError):
        lrfinder.testing.check_old_states_live(OneState(noise=0.1))


def test_a_learner_that_is_not_restored_from_infinity_fails():
    class Scales(Bowl):
        """Restores by adding a difference, which infinity absorbs."""

        def restore(self, state):
            self.position += state.position - self.position
            self.velocity, self.generator.bit_generator.state = state.velocity, state.generator

    with pytest.raises(LawError, match="absurd"):
        lrfinder.testing.check_comes_back_from_divergence(Scales(momentum=0.9))


def test_a_loss_that_is_overwritten_fails():
    class Reuses(Bowl):
        def iteration(self, lr):
            self.shared = getattr(self, "shared", Loss())
            self.shared.value = super().iteration(lr)
            return self.shared

    class Loss:
        value = 0.0

        def __float__(self):
            return self.value

    with pytest.raises(LawError, match="read at the end"):
        lrfinder.testing.check_losses_are_kept(Reuses())


class AtOnce(Bowl):
    """A bowl that trains iterations in chunks."""

    def iterations(self, lrs):
        lrs = list(lrs)
        while lrs:
            losses = [self.iteration(lr) for lr in lrs[:7]]
            lrs = lrs[7:]
            yield from losses


def test_iterations_in_chunks_obey_the_law():
    bowl = AtOnce(momentum=0.9, noise=0.1)
    lrfinder.testing.check(bowl, observe=seen(bowl))
    assert bowl.position == 1.0


def test_iterations_at_once_that_train_differently_fail():
    class Lower(AtOnce):
        def iterations(self, lrs):
            return super().iterations([0.9 * lr for lr in lrs])

    with pytest.raises(LawError, match="by iterations"):
        lrfinder.testing.check_many_at_once(Lower(momentum=0.9))


def test_iterations_at_once_that_go_too_far_fail():
    class Far(AtOnce):
        def iterations(self, lrs):
            return super().iterations([*lrs, 0.0])

    with pytest.raises(LawError, match="26 iterations were possible, 25 before"):
        lrfinder.testing.check_many_at_once(Far(momentum=0.9))


def test_iterations_at_once_with_another_end_state_fail():
    class Elsewhere(AtOnce):
        def iterations(self, lrs):
            yield from super().iterations(lrs)
            self.velocity = 0.0

    bowl = Elsewhere(momentum=0.9)
    with pytest.raises(LawError, match="velocity is not restored"):
        lrfinder.testing.check_many_at_once(bowl, observe=seen(bowl))


def test_iterations_at_once_that_a_restore_does_not_end_fail():
    class Remembers(AtOnce):
        left = ()

        def iterations(self, lrs):
            self.left = list(lrs)
            while self.left:
                yield super().iteration(self.left.pop(0))

        def iteration(self, lr):
            return super().iteration(self.left[-1] if self.left else lr)

    with pytest.raises(LawError, match="in the middle"):
        lrfinder.testing.check_many_at_once(Remembers(momentum=0.9))
