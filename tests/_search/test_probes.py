"""Runners: they train the trials of a search from one snapshot."""

import math

import numpy as np
import pytest
from fake_learners import Bowl, Scripted

from lrfinder import Record, constant, one_cycle
from lrfinder._search.probes import LocalRunner, VerifiedRunner
from lrfinder._search.trial import Trial
from lrfinder.errors import FactoryError
from lrfinder.learner import adapted


def runner(learner, schedule=constant, on_record=None):
    learner = adapted(learner)
    return LocalRunner(learner, learner.snapshot(), schedule, on_record)


def noisy():
    return Bowl(noise=0.1, momentum=0.9)


class Counted(Bowl):
    """Counts its iterations."""

    count = 0

    def iteration(self, lr):
        self.count += 1
        return super().iteration(lr)


def test_a_lengthened_trial_equals_the_one_trained_at_once():
    lengthened, at_once = runner(noisy()), runner(noisy())
    lengthened.run([Trial(0.1, 25)])
    assert lengthened.run([Trial(0.1, 60, done=25)]) == at_once.run([Trial(0.1, 60)])


def test_a_lengthened_trial_equals_the_one_trained_at_once_even_if_others_were_trained_in_between():
    between, at_once = runner(noisy()), runner(noisy())
    for trial in (Trial(0.1, 25), Trial(0.3, 40), Trial(0.01, 10)):
        between.run([trial])
    assert between.run([Trial(0.1, 60, done=25)]) == at_once.run([Trial(0.1, 60)])


def test_lengthening_trains_only_the_new_iterations():
    learner = Counted()
    trials = runner(learner)
    trials.run([Trial(0.1, 25)])
    trials.run([Trial(0.1, 60, done=25)])
    assert (learner.count, trials.extra_iterations) == (60, 0)


def test_a_trial_that_is_not_resumed_starts_from_the_snapshot():
    trials, at_once = runner(noisy(), one_cycle), runner(noisy(), one_cycle)
    trials.run([Trial(0.1, 25)])
    assert trials.run([Trial(0.1, 60)]) == at_once.run([Trial(0.1, 60)])


def test_every_trial_starts_from_the_snapshot():
    learner = noisy()
    trials = runner(learner)
    learner.iteration(0.1)
    assert trials.run([Trial(0.1, 5)])[0] == trials.run([Trial(0.4, 5)])[0] == noisy().iteration(0.1)


def test_two_trials_see_the_same_noise():
    trials = runner(Bowl(noise=0.1, position=0.0))
    assert trials.run([Trial(0.1, 20)]) == trials.run([Trial(0.4, 20)])


def test_a_trial_whose_end_was_released_is_trained_from_the_start_and_the_repetition_is_counted():
    learner = Counted(noise=0.1, momentum=0.9)
    trials = runner(learner)
    trials.run([Trial(0.1, 25)])
    trials.keep([])
    assert trials.run([Trial(0.1, 60, done=25)]) == runner(noisy()).run([Trial(0.1, 60)])
    assert (learner.count, trials.extra_iterations) == (85, 25)


def test_only_the_ends_to_keep_are_kept():
    learner = Counted()
    trials = runner(learner)
    trials.run([Trial(0.1, 25)])
    trials.run([Trial(0.2, 25)])
    trials.keep([0.2])
    trials.run([Trial(0.2, 60, done=25)])
    assert learner.count == 85


def test_a_restored_learner_shows_no_trace_of_its_trials():
    learner = noisy()
    before = learner.snapshot()
    trials = runner(learner)
    trials.run([Trial(0.1, 25)])
    trials.run([Trial(0.1, 60, done=25)])
    learner.restore(before)
    assert learner.snapshot() == before
    assert learner.iteration(0.1) == noisy().iteration(0.1)


def test_the_schedule_is_stretched_over_the_length_of_the_trial():
    scripted = Scripted([1.0] * 100)
    runner(scripted, one_cycle).run([Trial(0.5, 40)])
    assert scripted.lrs == [0.5 * one_cycle(k / 40) for k in range(40)]


def test_a_loss_that_is_not_finite_ends_a_trial():
    assert runner(Scripted([1.0, 2.0, math.inf, 1.0])).run([Trial(0.1, 10)]) == (1.0, 2.0, math.inf)


def test_the_end_of_the_data_ends_a_trial():
    assert runner(Scripted([1.0, 0.5])).run([Trial(0.1, 10)]) == (1.0, 0.5)


def test_records_are_passed_on_with_their_rates():
    records = []
    runner(Scripted([3.0, 2.0]), on_record=records.append).run([Trial(0.1, 2)])
    assert records == [Record(0.1, 3.0), Record(0.1, 2.0)]


def test_iterations_that_are_repeated_are_not_recorded_again():
    records = []
    runner(Scripted([3.0, 2.0, 1.0]), on_record=records.append).run([Trial(0.1, 3, done=2)])
    assert records == [Record(0.1, 1.0)]


def test_an_exception_of_an_iteration_passes_with_a_note_and_the_trial_can_be_run_again():
    raised = RuntimeError("mine")
    learner = Scripted([1.0, raised, 1.0])
    trials = runner(learner)
    with pytest.raises(RuntimeError) as caught:
        trials.run([Trial(0.1, 3)])
    assert caught.value is raised
    assert raised.__notes__ == ["lrfinder: raised in the probe at the learning rate 0.1, at iteration 1."]
    learner.losses = [1.0, 1.0, 1.0]
    assert trials.run([Trial(0.1, 3)]) == (1.0, 1.0, 1.0)


def test_a_trial_can_be_lengthened_after_an_exception_while_it_was_lengthened():
    raised = RuntimeError("mine")
    learner = Scripted([1.0, 0.9, raised, 0.7])
    trials = runner(learner)
    trials.run([Trial(0.1, 2)])
    with pytest.raises(RuntimeError):
        trials.run([Trial(0.1, 4, done=2)])
    assert raised.__notes__ == ["lrfinder: raised in the probe at the learning rate 0.1, at iteration 2."]
    learner.losses = [1.0, 0.9, 0.8, 0.7]
    assert trials.run([Trial(0.1, 4, done=2)]) == (1.0, 0.9, 0.8, 0.7)


class Together(Counted):
    """Trains many trainings at once, and counts the iterations that it trains one by one."""

    groups = ()

    def trainings(self, states, lrs):
        self.groups = (*self.groups, tuple(row[0] for row in lrs))
        losses, ends = [], []
        for state, row in zip(states, lrs, strict=True):
            self.restore(state)
            losses.append([Bowl.iteration(self, lr) for lr in row])
            ends.append(self.snapshot())
        return np.array(losses), ends


def test_trials_trained_together_equal_those_trained_one_after_the_other():
    learner = Together(noise=0.1, momentum=0.9)
    together, alone = runner(learner), runner(noisy())
    for length, done in ((25, 0), (60, 25)):
        trials = [Trial(lr, length, done) for lr in (0.1, 0.2, 0.4)]
        for k, trial in enumerate(trials):
            assert together.run(trials[k:]) == alone.run([trial])
    assert (learner.count, learner.groups) == (0, ((0.1, 0.2, 0.4),) * 2)


def test_trials_that_start_at_different_iterations_are_not_trained_together():
    learner = Together()
    trials = runner(learner)
    trials.run([Trial(0.1, 25)])
    trials.run([Trial(0.1, 60, done=25), Trial(0.2, 60), Trial(0.4, 60)])
    assert learner.groups == ()
    trials.run([Trial(0.2, 60), Trial(0.1, 80, done=60), Trial(0.4, 60)])
    assert learner.groups == ((0.2, 0.4),)


def test_a_trial_that_was_trained_together_with_others_but_from_another_start_is_trained_again():
    learner = Together(noise=0.1, momentum=0.9)
    trials = runner(learner)
    for lr in (0.1, 0.2):
        trials.run([Trial(lr, 25)])
    trials.run([Trial(0.1, 60, done=25), Trial(0.2, 60, done=25)])
    trials.keep([0.1])
    assert trials.run([Trial(0.2, 60)]) == runner(noisy()).run([Trial(0.2, 60)])


def test_a_trial_trained_together_with_others_and_never_requested_leaves_no_record():
    records = []
    trials = runner(Together(), on_record=records.append)
    trials.run([Trial(0.2, 25), Trial(0.1, 25)])
    assert {record.lr for record in records} == {0.2}


def test_a_trial_of_another_learner_is_refused():
    with pytest.raises(FactoryError, match="same learner"):
        VerifiedRunner(runner(Bowl(position=2.0)), Bowl().iteration(0.1)).run([Trial(0.1, 5)])


@pytest.mark.parametrize("loss", [1.0, math.nan])
def test_a_trial_of_the_same_learner_passes_the_verification(loss):
    assert len(VerifiedRunner(runner(Scripted([loss])), loss).run([Trial(0.1, 1)])) == 1


class Untrained(Counted):
    """Gives untrained losses without iterations, and counts how often it is trimmed."""

    trims = 0

    def untrained(self, count):
        for _ in range(count):
            yield self.curvature / 2 * self.position**2 + self.noise * self.generator.standard_normal()

    def trim(self):
        self.trims += 1


def test_untrained_losses_come_from_the_learner_where_it_can_give_them():
    learner, trains = Untrained(noise=0.1), Counted(noise=0.1)
    assert runner(learner).run([Trial(0.0, 30)]) == runner(trains).run([Trial(0.0, 30)])
    assert (learner.count, trains.count) == (0, 30)


@pytest.mark.parametrize("kept", [(0.0,), ()], ids=["kept", "released"])
def test_untrained_losses_are_lengthened_as_a_trial_is(kept):
    learner = Untrained(noise=0.1)
    trials = runner(learner)
    trials.run([Trial(0.0, 30)])
    trials.keep(kept)
    assert trials.run([Trial(0.0, 70, done=30)]) == runner(Counted(noise=0.1)).run([Trial(0.0, 70)])
    assert learner.count == 0


def test_a_learner_is_trimmed_before_the_end_of_a_trial_is_copied_and_not_before_the_start_is():
    learner = Untrained()
    trials = runner(learner)
    assert learner.trims == 0
    trials.run([Trial(0.1, 5)])
    trials.run([Trial(0.2, 5)])
    assert learner.trims == 2
