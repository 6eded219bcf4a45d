"""The search in ask-and-tell form: no learner, only losses."""

import math

import pytest

from lrfinder import RangeTest, Record, Settings, Stop
from lrfinder._search.rounds import rounds_of
from lrfinder._search.search import Search, SearchSettings
from lrfinder._search.trial import Trial, rates_of, stop_of
from lrfinder.schedules import constant, one_cycle

SETTINGS = SearchSettings.checked(300, 650)
FIRST_LENGTH = rounds_of(300, 650)[0].length
NO_LADDER = Settings(None, None, None, 650, 0.3, "None")


def losses_of(trial, best=-3.0):
    """A loss that falls the faster the nearer the rate is to ``2**best``, and rises far above it."""
    away = math.inf if trial.lr == 0 else math.log2(trial.lr) - best
    speed = 0.0 if away == math.inf else -0.5 if away > 4 else 0.05 / (1 + away**2)
    return [2.0 * (1 - speed) ** k + 0.01 * (k % 3) for k in range(trial.length)]


def sweep():
    lrs = SETTINGS.lrs
    losses = [2.0 - 1.5 * math.exp(-((math.log2(lr) + 1) ** 2) / 20) for lr in lrs]
    return RangeTest(tuple(map(Record, lrs, losses)), Stop.LAST_RATE, NO_LADDER)


def run(search, train=losses_of):
    trials = []
    while asked := search.ask():
        trials.append(asked[0])
        search.tell(asked[0], train(asked[0]))
    return trials


def test_the_first_trial_is_untrained_and_as_long_as_the_first_round():
    assert Search(sweep(), SETTINGS).ask() == [Trial(0.0, FIRST_LENGTH)]


def test_asking_twice_gives_the_same_trials():
    search = Search(sweep(), SETTINGS)
    assert search.ask() is search.ask()


def test_the_suggestion_is_near_the_best_rate():
    search = Search(sweep(), SETTINGS)
    run(search)
    assert search.conclude().lr == pytest.approx(2.0**-3, rel=0.5)


def test_every_iteration_is_counted_and_the_budget_is_kept():
    search = Search(sweep(), SETTINGS)
    trials = run(search)
    assert search.iterations == 30 + sum(trial.length - trial.done for trial in trials) <= 650
    assert search.conclude().iterations == search.iterations


def test_a_longer_trial_continues_a_kept_shorter_one():
    lengthened = [trial for trial in run(Search(sweep(), SETTINGS)) if trial.done]
    assert lengthened
    assert all(trial.done < trial.length for trial in lengthened)


def test_under_a_schedule_a_longer_trial_starts_again():
    settings = SearchSettings.checked(300, 1050, schedule=one_cycle)
    assert not [trial for trial in run(Search(sweep(), settings)) if trial.done and trial.lr > 0]


@pytest.mark.parametrize("keep", [2, 3, 5])
@pytest.mark.parametrize("max_iterations", [200, 650, 2000])
def test_end_states_are_kept_for_all_but_one_of_the_copies_and_for_the_last_trial(keep, max_iterations):
    search = Search(sweep(), SearchSettings.checked(300, max_iterations, keep=keep))
    kept = []

    def train(trial):
        kept.append(len(search.kept - {trial.lr}))
        return losses_of(trial)

    run(search, train)
    assert max(kept) <= keep - 2


def test_with_more_copies_fewer_iterations_are_trained_again():
    def again(keep):
        done, spent, search = {}, 0, Search(sweep(), SearchSettings.checked(300, 1050, keep=keep))
        for trial in run(search):
            spent += max(0, done.get(trial.lr, 0) - trial.done)
            done[trial.lr] = trial.length
        return spent

    assert again(2) >= again(3) >= again(10) == 0


def test_a_sweep_that_shows_nothing_starts_the_search_in_the_middle_of_its_rates():
    flat = RangeTest(tuple(Record(lr, 2.0 + 0.01 * (k % 3)) for k, lr in enumerate(SETTINGS.lrs)), Stop.LAST_RATE, NO_LADDER)
    search = Search(flat, SETTINGS)
    search.tell(search.ask()[0], losses_of(search.ask()[0]))
    assert 1e-4 < search.ask()[0].lr < 0.1


def test_data_that_end_within_the_first_round_are_searched():
    search = Search(sweep(), SETTINGS)
    run(search, lambda trial: losses_of(trial)[:12])
    suggestion = search.conclude()
    assert suggestion.status == "ok"
    assert suggestion.confidence == "low"
    assert max(len(probe.losses) for probe in suggestion.probes) == 12


@pytest.mark.parametrize("rates", [[0.0, 0.01, 0.1], [0.0, 1e-3, 1e-2, 0.1, 1.0], [0.09, 0.1], [0.1, 0.1001], [1e-3, 1.0]])
def test_no_trial_leaves_the_rates_that_are_given(rates):
    settings = SearchSettings.checked(300, 650, rates)
    curve = RangeTest(tuple(Record(lr, 2.0 - lr) for lr in settings.lrs), Stop.LAST_RATE, NO_LADDER)
    search = Search(curve, settings)
    trials = [trial.lr for trial in run(search) if trial.lr]
    lowest, highest = min(lr for lr in rates if lr), max(rates)
    assert trials
    assert all(lowest <= lr <= highest for lr in trials)
    assert lowest * 0.999 <= search.conclude().lr <= highest * 1.001


def test_a_trial_that_stopped_early_is_not_requested_again():
    def train(trial):
        losses = losses_of(trial)
        return [*losses[:9], math.nan] if trial.lr > 2.0**-2 else losses

    trials = [trial.lr for trial in run(Search(sweep(), SETTINGS), train) if trial.lr > 2.0**-2]
    assert trials
    assert len(trials) == len(set(trials))


def test_untrained_losses_that_are_not_finite_end_the_search():
    search = Search(sweep(), SETTINGS)
    assert run(search, lambda trial: [math.nan]) == [Trial(0.0, FIRST_LENGTH)]
    assert search.conclude().status == "a batch is not finite before any update"


def test_where_the_rate_0_alone_is_not_finite_the_lowest_rate_takes_its_place():
    search = Search(sweep(), SETTINGS)
    run(search, lambda trial: losses_of(trial) if trial.lr else [1.0, math.nan])
    assert search.conclude().status == "ok"


def test_a_training_that_is_not_finite_above_the_rate_0_is_unstable():
    search = Search(sweep(), SETTINGS)
    run(search, lambda trial: [1.0, 1.0, math.nan] if trial.lr else [1.0, math.nan])
    assert search.conclude().status == "unstable from the start"


def test_data_that_have_ended_end_the_search():
    search = Search(sweep(), SETTINGS)
    run(search, lambda trial: losses_of(trial) if trial.lr == 0 else [])
    assert search.conclude().lr is None


def test_with_few_iterations_one_untrained_trial_is_as_long_as_the_sweep():
    assert run(Search(sweep(), SearchSettings.checked(300, 150))) == [Trial(0.0, 30)]


def test_a_sweep_without_records_is_concluded_at_once():
    search = Search(RangeTest((), Stop.DATA_ENDED, NO_LADDER), SearchSettings.checked(300, 100))
    assert not search.ask()
    assert search.conclude().lr is None


def test_rates_of_a_trial_follow_the_schedule():
    assert rates_of(Trial(0.5, 3), constant) == (0.5,) * 3
    assert rates_of(Trial(0.5, 4), one_cycle) == tuple(0.5 * one_cycle(k / 4) for k in range(4))


@pytest.mark.parametrize(
    ("losses", "stop"),
    [
        ((1.0, 2.0), Stop.MAX_ITERATIONS),
        ((1.0,), Stop.DATA_ENDED),
        ((), Stop.DATA_ENDED),
        ((1.0, math.nan), Stop.NOT_FINITE),
    ],
)
def test_the_losses_of_a_trial_say_why_it_ended(losses, stop):
    assert stop_of(losses, 2) is stop
