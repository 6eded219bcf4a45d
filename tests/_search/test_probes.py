"""Probes: short trainings from one snapshot."""

import math

import numpy as np
import pytest
from fake_learners import Bowl, Scripted

from lrfinder import Record, Stop, constant, one_cycle
from lrfinder._search.probes import Probing
from lrfinder._search.search import Ask


def probing(learner, schedule=constant, on_record=None):
    return Probing(learner, learner.snapshot(), schedule, on_record)


def noisy():
    return Bowl(noise=0.1, momentum=0.9)


@pytest.mark.parametrize("schedule", [constant, one_cycle])
def test_a_lengthened_probe_is_the_one_trained_at_once(schedule):
    lengthened, at_once = probing(noisy(), schedule), probing(noisy(), schedule)
    lengthened.train(0.1, 25)
    assert lengthened.train(0.1, 60) == at_once.train(0.1, 60)


def test_a_lengthened_probe_is_the_one_trained_at_once_though_others_were_trained_between():
    between, at_once = probing(noisy()), probing(noisy())
    between.train(0.1, 25)
    between.train(0.3, 40)
    between.train(0.01, 10)
    assert between.train(0.1, 60) == at_once.train(0.1, 60)


def test_lengthening_costs_only_what_is_new():
    probes = probing(noisy())
    probes.train(0.1, 25)
    assert probes.cost(0.1, 60) == 35
    probes.train(0.1, 60)
    assert probes.iterations == 60


def test_under_a_schedule_a_longer_probe_is_trained_anew():
    probes = probing(noisy(), one_cycle)
    probes.train(0.1, 25)
    assert probes.cost(0.1, 60) == 60
    probes.train(0.1, 60)
    assert probes.iterations == 85


def test_every_probe_begins_where_the_snapshot_was_taken():
    learner = noisy()
    probes = probing(learner)
    learner.iteration(0.1)
    assert probes.train(0.1, 5).losses[0] == probes.train(0.4, 5).losses[0] == noisy().iteration(0.1)


def test_two_probes_see_the_same_noise():
    flat = Bowl(noise=0.1, position=0.0)
    probes = probing(flat)
    assert probes.train(0.1, 20).losses == probes.train(0.4, 20).losses


def test_the_end_of_a_probe_that_is_not_kept_is_forgotten_and_the_probe_begun_anew():
    probes = probing(noisy())
    probes.train(0.1, 25)
    probes.train(0.2, 25)
    probes.keep([0.2])
    assert (probes.cost(0.1, 60), probes.cost(0.2, 60)) == (60, 35)
    assert probes.train(0.1, 60) == probing(noisy()).train(0.1, 60)


def test_a_restored_learner_leaves_no_trace_of_its_probes():
    learner = noisy()
    before = learner.snapshot()
    probes = probing(learner)
    probes.train(0.1, 25)
    probes.train(0.1, 60)
    learner.restore(before)
    assert learner.snapshot() == before
    assert learner.iteration(0.1) == noisy().iteration(0.1)


def test_the_schedule_moves_the_rate_through_the_length_that_is_asked_for():
    scripted = Scripted([1.0] * 100)
    probing(scripted, one_cycle).train(0.5, 40)
    assert scripted.lrs == [0.5 * one_cycle(k / 40) for k in range(40)]


def test_a_loss_that_is_not_finite_ends_a_probe_and_no_longer_one_is_trained():
    probes = probing(Scripted([1.0, 2.0, math.inf, 1.0]))
    probe = probes.train(0.1, 10)
    assert (probe.losses, probe.stop) == ((1.0, 2.0, math.inf), Stop.NOT_FINITE)
    assert probes.cost(0.1, 20) == 0
    assert probes.train(0.1, 20) == probe
    assert probes.iterations == 3


def test_data_that_end_end_a_probe():
    probe = probing(Scripted([1.0, 0.5])).train(0.1, 10)
    assert (probe.losses, probe.stop) == ((1.0, 0.5), Stop.DATA_ENDED)


def test_losses_of_every_length_asked_for_are_there():
    probes = probing(noisy())
    short = probes.train(0.1, 25).losses
    long = probes.train(0.1, 60).losses
    assert probes.runs == {0.1: {25: short, 60: long}}
    assert long[:25] == short


def test_records_are_told_with_their_rates():
    told = []
    probes = probing(Scripted([3.0, 2.0]), on_record=told.append)
    probes.train(0.1, 2)
    assert told == [Record(0.1, 3.0), Record(0.1, 2.0)]


def test_what_an_iteration_raises_passes_with_a_note_and_the_probe_can_be_trained_again():
    raised = RuntimeError("mine")
    learner = Scripted([1.0, raised, 1.0])
    probes = probing(learner)
    with pytest.raises(RuntimeError) as caught:
        probes.train(0.1, 3)
    assert caught.value is raised
    assert raised.__notes__ == ["lrfinder: raised in the probe at the learning rate 0.1, at iteration 1."]
    learner.losses = [1.0, 1.0, 1.0]
    assert probes.train(0.1, 3).losses == (1.0, 1.0, 1.0)


def test_an_exception_while_a_probe_is_lengthened_loses_nothing_of_what_was_known():
    learner = Scripted([1.0, 0.9, RuntimeError("mine"), 0.7])
    probes = probing(learner)
    short = probes.train(0.1, 2)
    with pytest.raises(RuntimeError):
        probes.train(0.1, 4)
    assert probes.probes == {0.1: short}
    learner.losses = [1.0, 0.9, 0.8, 0.7]
    assert probes.train(0.1, 4).losses == (1.0, 0.9, 0.8, 0.7)


class Together(Bowl):
    """Makes trainings together, and counts the iterations that it makes one by one."""

    alone = 0
    groups = ()

    def iteration(self, lr):
        self.alone += 1
        return super().iteration(lr)

    def trainings(self, states, lrs):
        self.groups = (*self.groups, tuple(row[0] for row in lrs))
        losses, ends = [], []
        for state, row in zip(states, lrs, strict=True):
            self.restore(state)
            losses.append([super(Together, self).iteration(lr) for lr in row])
            ends.append(self.snapshot())
        return np.array(losses), ends


def test_probes_prepared_together_are_those_made_one_after_the_other():
    learner = Together(noise=0.1, momentum=0.9)
    together, alone = probing(learner), probing(noisy())
    for length in (25, 60):
        together.prepare([Ask(lr, length) for lr in (0.1, 0.2, 0.4)])
        for lr in (0.1, 0.2, 0.4):
            assert together.train(lr, length) == alone.train(lr, length)
    assert (learner.alone, learner.groups) == (0, ((0.1, 0.2, 0.4),) * 2)
    assert (together.runs, together.iterations) == (alone.runs, alone.iterations)


def test_probes_that_begin_at_different_iterations_are_not_prepared_together():
    learner = Together()
    probes = probing(learner)
    probes.train(0.1, 25)
    probes.prepare([Ask(0.1, 60), Ask(0.2, 60), Ask(0.4, 60)])
    assert learner.groups == ()
    probes.prepare([Ask(0.2, 60), Ask(0.1, 60), Ask(0.4, 60)])
    assert learner.groups == ((0.2, 0.4),)


def test_a_prepared_probe_whose_beginning_was_let_go_of_is_made_anew():
    learner = Together(noise=0.1, momentum=0.9)
    probes = probing(learner)
    for lr in (0.1, 0.2):
        probes.train(lr, 25)
    probes.prepare([Ask(0.1, 60), Ask(0.2, 60)])
    probes.keep([0.1])
    assert probes.train(0.2, 60) == probing(noisy()).train(0.2, 60)
    assert probes.iterations == 110


def test_a_prepared_probe_that_is_not_asked_for_does_not_count():
    probes = probing(Together())
    probes.prepare([Ask(0.1, 25), Ask(0.2, 25)])
    probes.train(0.2, 25)
    assert (probes.iterations, list(probes.runs)) == (25, [0.2])
