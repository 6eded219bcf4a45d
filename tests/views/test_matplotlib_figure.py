import numpy as np
import pytest
from example_curves import LRS, suggested, swept, usual
from fake_learners import Bowl
from matplotlib import pyplot as plt

from lrfinder import LRFinder


@pytest.fixture(autouse=True)
def _no_figures_left():
    yield
    plt.close("all")


def line(ax, label):
    return next(one for one in ax.lines if one.get_label() == label)


def test_raw_losses_are_points_and_the_smoothed_curve_is_a_line():
    result = usual()
    ax = result.plot()
    points = line(ax, "loss of a batch")
    assert points.get_linestyle() == "None"
    assert np.array_equal(points.get_ydata(), result.losses)
    assert line(ax, "smoothed").get_linestyle() == "-"


def test_the_axes_are_logarithmic_and_limited_to_what_was_tried():
    result = usual()
    ax = result.plot()
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "log")
    assert ax.get_xlim() == pytest.approx((LRS[0], LRS[-1]))
    assert ax.get_ylim() == pytest.approx((0.8 * result.losses.min(), 4 * result.first_loss))


def test_negative_losses_are_drawn_on_an_axis_that_has_them():
    assert usual(shift=-1.5).plot().get_yscale() == "linear"
    assert swept([1e4, 1e3, 1e2, 1e1, 1.0, -1.0, -2.0]).plot().get_yscale() == "symlog"


@pytest.mark.parametrize("style", ["default", "dark_background", "grayscale"])
def test_points_have_the_color_of_the_styles_text(style):
    with plt.style.context(style):
        ax = usual().plot()
        assert line(ax, "loss of a batch").get_color() == plt.rcParams["text.color"]


def test_the_end_of_a_training_has_the_standard_error_of_its_difference():
    result = LRFinder(Bowl(curvature=1.0)).compare([0.01, 0.5], iterations=100)
    (bar,) = result.plot().containers
    assert bar[0].get_ydata() == pytest.approx([result.final()[0]])
    low, high = bar[2][0].get_segments()[0][:, 1]
    assert high - low == pytest.approx(2 * result.differences[0].standard_error)


def test_lines_between_the_points_of_probes_are_solid_since_their_markers_differ():
    ax = suggested().plot()
    lines = [line(ax, f"after {length} iterations") for length in (40, 100)]
    assert [one.get_linestyle() for one in lines] == ["-", "-"]
    assert len({one.get_marker() for one in lines}) == 2  # pyright: ignore[reportUnhashable]
