import numpy as np

from lrfinder.views.describe.training import curves_by_rate, running_mean


def test_a_running_mean_of_a_straight_line_is_the_line():
    line = np.arange(20.0)
    assert np.allclose(running_mean(line, 5), line)


def test_a_running_mean_of_huge_losses_does_not_overflow():
    assert np.isfinite(running_mean(np.full(20, 1.7e308), 5)).all()


def test_every_training_has_a_name_of_its_own_though_rates_repeat():
    names = list(curves_by_rate("loss", [(rate, [1.0]) for rate in (0.1, 0.2, 0.1, 0.1)]))
    assert names == ["loss_at_0.1", "loss_at_0.2", "loss_at_0.1_again_1", "loss_at_0.1_again_2"]
