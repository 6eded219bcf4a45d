import numpy as np
import pytest

from lrfinder._search.valley import valley

TRAINED = pytest.mark.parametrize("trained", [False, True])
FRACTIONS = pytest.mark.parametrize("fraction", [0.02, 0.1, 0.4, 1.0])
OCTAVES = np.arange(-10, 6.5, 0.5)


@TRAINED
@FRACTIONS
def test_the_best_rate_has_regret_0_and_no_rate_more_than_1(trained, fraction):
    regrets = valley(trained=trained).regret(OCTAVES, fraction)
    assert regrets.shape == (3, len(OCTAVES))
    assert (regrets[:, OCTAVES == 0] == 0).all()
    assert ((regrets >= 0) & (regrets <= 1)).all()


@TRAINED
@FRACTIONS
def test_regret_grows_with_the_distance_from_the_best_rate_to_either_side(trained, fraction):
    regrets = valley(trained=trained).regret(OCTAVES, fraction)
    assert (np.diff(regrets[:, OCTAVES >= 0]) >= 0).all()
    assert (np.diff(regrets[:, OCTAVES <= 0]) <= 0).all()


@TRAINED
def test_in_a_usual_valley_four_octaves_too_high_are_worse_than_four_too_low(trained):
    low, high = valley(trained=trained).regret([-4, 4], 1.0)[1]
    assert high > low


@TRAINED
def test_the_three_valleys_go_from_wide_to_narrow(trained):
    assert (np.diff(valley(trained=trained).regret(OCTAVES, 1.0), axis=0) >= -0.02).all()


@TRAINED
def test_after_all_of_a_training_hardly_a_drift_is_left(trained):
    assert abs(valley(trained=trained).drift_at(1.0).mean) < 0.1


@TRAINED
def test_the_less_of_a_training_is_seen_the_less_is_known_about_its_best_rate(trained):
    deviations = [valley(trained=trained).drift_at(1 / 2**k).deviation for k in range(12)]
    assert deviations == sorted(deviations)


@TRAINED
def test_below_the_least_part_that_is_known_the_drift_goes_on_from_there(trained):
    known = valley(trained=trained)
    least = float(known.fractions[0])
    drifts = [known.drift_at(least / 2**k) for k in range(5)]
    assert drifts[0].mean == pytest.approx(known.drift[0, 0])
    steps = np.diff([drift.mean for drift in drifts])
    assert steps == pytest.approx([steps[0]] * 4)
    assert (steps > 0).all()
    assert drifts[4].deviation > drifts[0].deviation


@TRAINED
def test_probes_longer_than_the_training_drift_as_the_training_itself(trained):
    assert valley(trained=trained).drift_at(3.0) == valley(trained=trained).drift_at(1.0)
