import math
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
from example_curves import LRS, fallen, suggested, swept, usual
from fake_learners import Bowl, Level
from matplotlib import pyplot as plt

from lrfinder import LRFinder, Status
from lrfinder.views.describe.description import ON_BLACK, ON_WHITE
from lrfinder.views.matplotlib import picture


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
    bar, in_legend = result.plot().containers
    assert in_legend.get_label().startswith("± standard error")
    assert bar[0].get_ydata() == pytest.approx([result.final()[0]])
    low, high = bar[2][0].get_segments()[0][:, 1]
    assert high - low == pytest.approx(2 * result.differences[0].standard_error)


@pytest.mark.parametrize("result", [usual(), suggested(), LRFinder(Bowl()).compare([0.1, 0.2], iterations=10)])
@pytest.mark.parametrize("wrong", ["curve.png", Path("curve.png"), [1, 2]])
def test_axes_that_are_none_are_refused_with_the_way_to_write_a_picture(result, wrong):
    with pytest.raises(TypeError, match=r"^ax is .*savefig\("):
        result.plot(wrong)
    assert not plt.get_fignums()


def test_lines_between_the_points_of_probes_are_solid_since_their_markers_differ():
    ax = suggested().plot()
    lines = [line(ax, f"after {length} iterations") for length in (40, 100)]
    assert [one.get_linestyle() for one in lines] == ["-", "-"]
    assert len({one.get_marker() for one in lines}) == 2  # pyright: ignore[reportUnhashable]


PNG = b"\x89PNG\r\n"


@pytest.fixture
def comparison():
    return LRFinder(Bowl(curvature=1.0, noise=0.01)).compare([0.01, 0.5, 3.0], iterations=60)


def labels(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def test_it_draws_on_the_axes_given_and_returns_them():
    _, ax = plt.subplots()
    assert usual().plot(ax) is ax


def test_without_axes_it_creates_new_ones_and_shows_nothing(monkeypatch):
    shown = []
    monkeypatch.setattr(plt, "show", lambda *_, **__: shown.append(1))
    ax = usual().plot()
    assert ax.figure.number in plt.get_fignums()  # pyright: ignore[reportAttributeAccessIssue]
    assert shown == []


def test_the_suggestion_its_interval_and_the_stop_are_in_the_legend():
    result = usual()
    legend = " / ".join(labels(result.plot()))
    for part in (f"{result.suggestion.lr:.3g}", f"{result.suggestion.low:.3g}", f"{result.suggestion.high:.3g}"):
        assert part in legend
    assert result.stop.value in legend


def test_a_curve_without_a_suggestion_marks_none():
    assert not any("suggested" in label for label in labels(swept([1.0] * 40).plot()))


@pytest.mark.parametrize(
    "losses", [[], [math.nan], [1.0], [0.0] * 30, [-5.0] * 30, [1e308] * 30, [1e-320] * 30, [1e308, -1e308] * 10]
)
def test_any_losses_give_a_picture_and_no_warning(losses):
    assert picture(swept(losses), "png").startswith(PNG)


@pytest.mark.parametrize("kind", ["png", "pdf", "svg"])
def test_the_same_result_gives_the_same_picture(kind):
    assert picture(usual(), kind) == picture(usual(), kind)


def test_a_picture_leaves_no_figure_open():
    picture(usual(), "png")
    assert plt.get_fignums() == []


def test_a_comparison_draws_a_line_for_each_rate_and_names_the_lowest(comparison):
    legend = labels(comparison.plot())
    assert len(legend) == 4
    assert "standard error" in legend[3]
    assert "lowest" in legend[1]
    assert "3" in legend[2]


def test_a_comparison_draws_on_the_axes_given(comparison):
    _, ax = plt.subplots()
    assert comparison.plot(ax) is ax
    assert picture(comparison, "png").startswith(PNG)


def test_finder_plot_draws_its_last_result():
    finder = LRFinder(Bowl(curvature=100, noise=0.05))
    result = finder.find()
    assert np.array_equal(line(finder.plot(), "loss of a batch").get_ydata(), result.losses)


def test_the_legend_of_a_comparison_gives_the_distance_from_the_lowest():
    learner = Bowl(curvature=1.0)
    legend = labels(LRFinder(learner).compare([0.01, 0.02, 0.5], iterations=100).plot())
    assert legend[0].startswith("0.01\n+0.")
    assert "±" in legend[0]


def test_a_tie_is_in_the_title():
    result = LRFinder(Level()).compare([0.1, 0.2], iterations=100)
    assert "tied with 1 other" in result.plot().get_title()


def test_a_suggestion_draws_its_probes_large_and_below_them_the_sweep():
    suggestion = suggested()
    ax = suggestion.plot()
    assert ax.get_title() == "Learning rate 0.03 suggested for 300 iterations"
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "log")
    assert {"suggested 0.03", "interval 0.02 to 0.1", "diverged"} <= set(labels(ax))
    probes, sweep = ax.figure.axes
    assert probes is ax
    assert sweep.get_xlim() == pytest.approx((LRS[0], LRS[-1]))
    assert line(sweep, "smoothed").get_linestyle() == "-"
    ax.figure.canvas.draw()
    assert probes.get_position().height > 1.5 * sweep.get_position().height


def test_on_given_axes_a_suggestion_draws_its_probes_alone():
    figure, (left, right) = plt.subplots(1, 2)
    assert suggested().plot(right) is right
    assert figure.axes == [left, right]
    assert not left.lines
    assert {"after 40 iterations", "suggested 0.03"} <= set(labels(right))


def test_the_title_can_be_read_from_afar():
    for result in (usual(), suggested()):
        assert result.plot().title.get_fontsize() >= 16


def test_pages_and_pictures_have_the_same_colors_on_white_and_on_black():
    css = files("lrfinder.views.report").joinpath("page.css").read_text(encoding="utf-8")
    light, dark = css.split("prefers-color-scheme: dark")
    for style, palette, sheet in (("default", ON_WHITE, light), ("dark_background", ON_BLACK, dark)):
        with plt.style.context(style):
            assert line(suggested().plot(), "after 100 iterations").get_color() == palette["2"]
        for name, color in palette.items():
            assert f"--c{name}: {color};" in sheet


def test_probes_are_joined_after_each_number_of_iterations_that_one_of_them_had():
    ax = suggested().plot()
    assert list(line(ax, "after 40 iterations").get_xdata()) == [0.01, 0.02, 0.04]
    assert list(line(ax, "after 100 iterations").get_xdata()) == [0.02, 0.04]
    assert line(ax, "after 100 iterations").get_ydata() == pytest.approx([0.5, 0.4])


def test_under_a_schedule_the_beginning_of_a_longer_probe_does_not_count_and_nothing_is_joined():
    ax = suggested(schedule="one_cycle").plot()
    assert list(line(ax, "after 40 iterations").get_xdata()) == [0.01]
    assert line(ax, "after 100 iterations").get_linestyle() == "None"
    assert ax.get_title().endswith("with the schedule one_cycle")


def test_a_mark_below_all_others_is_inside_the_axes():
    ax = suggested((fallen(0.01, 100, 1e-6),)).plot()
    assert ax.get_ylim()[0] < 1e-6


@pytest.mark.parametrize(
    "suggestion",
    [
        suggested(()),
        suggested((), swept([])),
        suggested((fallen(0.0, 3, 1.0), fallen(1e-320, 1, -1.0)), lr=5e-324, low=0.0, high=1e308),
        suggested((fallen(0.1, 3, 1e308), fallen(0.2, 3, -1e308))),
        suggested(lr=None, low=None, high=None, status=Status.NO_DESCENT),
        suggested(curve=swept([-1.0, -2.0, -3.0] * 10)),
        replace(suggested(), curve=None),
    ],
)
def test_any_suggestion_gives_a_picture_and_no_warning(suggestion):
    assert picture(suggestion, "png").startswith(PNG)


def test_a_suggestion_draws_on_the_axes_given():
    _, ax = plt.subplots()
    assert suggested().plot(ax) is ax


def test_a_comparison_of_one_rate_names_it():
    result = LRFinder(Bowl(curvature=1.0)).compare([0.5], iterations=60)
    assert labels(result.plot()) == ["0.5\nlowest"]
