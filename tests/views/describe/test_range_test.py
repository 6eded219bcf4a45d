import math

import numpy as np
import pytest
from example_curves import LRS, swept, usual

from lrfinder import RangeTest, Record, Settings, Stop
from lrfinder.views.describe import describe, verdict
from lrfinder.views.describe.range_test import other_rules_in_words, sweep_cells, sweep_figure, sweep_lines, sweep_so_far


def test_the_verdict_is_one_paragraph_with_the_rate_its_interval_and_the_stop():
    result = usual()
    words = verdict(result)
    assert "\n" not in words
    for part in (result.suggestion.lr, result.suggestion.low, result.suggestion.high):
        assert f"{part:.3g}" in words
    assert result.stop.value in words
    assert f"{len(result)} learning rates" in words


@pytest.mark.parametrize("losses", [[], [math.nan], [1.0], [1.0, math.inf], [1.0] * 40, [float(k) for k in range(1, 60)]])
def test_a_curve_that_carries_no_rate_gets_a_reason_and_what_to_do(losses):
    result = swept(losses)
    words = verdict(result)
    assert result.suggestion.lr is None
    assert "Suggested" not in words
    assert words.endswith(".")


def test_a_sweep_without_records_says_so():
    assert "No learning rate was tried" in verdict(RangeTest((), Stop.DATA_ENDED, usual().settings))


def test_the_page_marks_the_landmarks_and_the_picture_does_not():
    description = describe(usual())
    kinds = [{mark.kind for mark in figure.marks} for figure in (*description.figures(), *description.picture())]
    assert kinds == [{"rate", "band", "cross", "place"}, {"rate", "band", "cross"}]


def test_the_tables_hold_the_landmarks_and_the_rates_of_all_rules():
    result = usual()
    landmarks, rules = describe(result).tables()
    assert ("is lowest", f"{result.landmarks.lowest:.3g}") in landmarks.rows
    assert rules.rows[0] == ("suggested", f"{result.suggestion.lr:.3g}")
    assert "valley" in {name for name, _ in rules.rows}


def drawn(result):
    """The figure, and its marks by their kind."""
    figure = sweep_figure(result, result.suggestion)
    return figure, {mark.kind: mark for mark in figure.marks}


def test_the_rate_axis_spans_the_rates_tried():
    assert sweep_lines(usual()).x.limits == (LRS[0], LRS[-1])


def test_positive_losses_get_the_tutorials_limits():
    result = usual()
    axis = sweep_lines(result).y
    assert axis.scale == "log"
    assert axis.limits == pytest.approx((0.8 * result.losses.min(), 4 * result.first_loss))


def test_losses_that_turn_negative_get_a_linear_axis_that_holds_them():
    result = usual(shift=-1.5)
    axis = sweep_lines(result).y
    assert axis.scale == "linear"
    assert axis.limits[0] < result.losses.min()
    assert axis.limits[1] > result.first_loss


def test_a_loss_that_falls_by_orders_of_magnitude_below_zero_gets_a_symlog_axis():
    axis = sweep_lines(swept([1e4, 1e3, 1e2, 1e1, 1.0, -1.0, -2.0])).y
    assert axis.scale == "symlog"
    assert axis.limits[0] < -2
    assert axis.limits[1] > 1e4


def test_an_explosion_at_the_end_leaves_the_line_before_it_where_it_was():
    calm = usual(noise=0)
    lrs, losses = [*calm.lrs, calm.lrs[-1] * 1.15], [*calm.losses, 1e30]
    exploded = sweep_lines(swept(losses, lrs))
    smoothed = exploded.series[-1].y
    assert smoothed.max() < 100
    assert np.allclose(smoothed[:-10], sweep_lines(calm).series[-1].y[: len(losses) - 10])


@pytest.mark.parametrize("factor", [1.3, 2.0, 10.0])
def test_the_line_of_a_coarse_sweep_passes_through_its_losses_and_says_so(factor):
    lrs = 1e-6 * factor ** np.arange(25)
    figure = sweep_lines(swept(2.3 - np.minimum(lrs, 1.0), lrs))
    raw, line = figure.series
    assert (line.layer, line.y.tolist()) == ("joined", raw.y.tolist())
    assert "smooth" not in figure.words.replace("too far apart to smooth", "")


def test_a_sweep_in_even_steps_lies_on_a_linear_axis_and_any_other_on_a_logarithmic_one():
    assert sweep_lines(swept(np.linspace(2, 1, 30), np.linspace(0.01, 1.0, 30))).x.scales == ("linear", "log")
    assert sweep_lines(usual()).x.scales == ("log", "linear")
    assert sweep_lines(swept([2.0, 1.0, 2.0], [0.3, 0.2, 0.1])).x.scales == ("log", "linear")


def test_the_lowest_loss_in_a_table_of_runs_is_at_the_rate_of_the_landmark():
    sweep = usual(noise=0.1)
    assert sweep_cells(sweep)[1] == f"{sweep.landmarks.lowest:.3g}"


def test_rates_in_any_order_are_drawn_rising():
    raw = sweep_lines(swept([1.0, 3.0, 2.0], [0.1, 0.3, 0.2])).series[0]
    assert raw.x.tolist() == [0.1, 0.2, 0.3]
    assert raw.y.tolist() == [1.0, 2.0, 3.0]
    assert raw.iterations.tolist() == [0, 2, 1]


def test_a_loss_that_is_not_finite_is_not_drawn_but_the_stop_is_at_the_top():
    figure, marks = drawn(swept([1.0, 2.0, math.inf]))
    assert len(figure.series[0].y) == 2
    assert marks["cross"].x == LRS[2]
    assert marks["cross"].y == figure.y.limits[1]
    assert marks["cross"].label == f"stopped: {Stop.NOT_FINITE.value}"


@pytest.mark.parametrize(
    "losses",
    [[], [math.nan], [1.0], [0.0], [0.0] * 30, [-5.0] * 30, [1e308] * 30, [1e-320] * 30, [1e308, -1e308] * 10, [math.inf]],
)
def test_every_curve_has_limits_that_can_be_drawn(losses):
    figure = sweep_lines(swept(losses))
    for low, high in (figure.x.limits, figure.y.limits):
        assert math.isfinite(low)
        assert math.isfinite(high)
        assert low < high
    raw, smoothed = figure.series
    assert len(raw.x) == len(raw.y) == len(smoothed.x) == len(smoothed.y)
    assert np.isfinite(figure.y.position(raw.y)).all()


def test_the_marks_are_the_suggestion_and_its_interval():
    result = usual()
    _, marks = drawn(result)
    suggestion = result.suggestion
    assert marks["rate"].x == suggestion.lr
    assert (marks["band"].x, marks["band"].to) == (suggestion.low, suggestion.high)


def test_a_curve_without_a_suggestion_has_no_band_and_its_title_gives_the_reason():
    result = swept([1.0] * 40)
    _, marks = drawn(result)
    assert marks.keys() == {"cross"}
    assert result.suggestion.status in describe(result).title


def test_a_range_test_without_records_can_be_drawn():
    figure, marks = drawn(RangeTest((), Stop.DATA_ENDED, usual().settings))
    assert (len(figure.series[0].x), marks) == (0, {})


@pytest.mark.parametrize("lrs", [[5e-324], [1e308], [5e-324, 1.0, 1e308], [0.0]])
def test_rates_that_no_axis_reaches_are_drawn_at_its_ends(lrs):
    settings = Settings(None, None, None, 3, 0.3, "x")
    low, high = sweep_lines(RangeTest(tuple(Record(lr, 1.0) for lr in lrs), Stop.LAST_RATE, settings)).x.limits
    assert 1e-101 < low < high < 1e101


def test_the_curve_so_far_of_a_search_is_its_sweep():
    records = [Record(lr, 1.0 + lr) for lr in (0.1, 0.2, 0.4, 0.2, 0.2, 0.1)]
    figure = sweep_so_far(records)
    assert figure.series[0].x.tolist() == [0.1, 0.2, 0.4]
    assert figure.title == "after the sweep, 3 iterations: rate 0.1, loss 1.1"
    assert sweep_so_far(records[:2]).title == "rate 0.2, loss 1.2"
    assert sweep_so_far([]).series[0].x.tolist() == []


def test_rates_of_other_rules_are_one_sentence_without_our_own_rule():
    words = other_rules_in_words(usual())
    assert words.count(".") >= 1
    for name in ("steepest", "minimum / 10", "valley", "slide"):
        assert name in words
    assert "half the edge" not in words


def test_rules_that_cannot_read_the_curve_suggest_nothing():
    assert other_rules_in_words(swept([1.0])) == "Other rules suggest nothing for this curve."


@pytest.mark.parametrize(("loss", "word"), [(math.nan, "NaN"), (math.inf, "infinite")])
def test_a_first_batch_that_is_not_finite_is_what_is_said_and_no_lower_rate_is_advised(loss, word):
    words = verdict(swept([loss]))
    assert f"The loss of the first batch is {word}." in words
    assert "no rate can change" in words
    assert "lower" not in words
    assert other_rules_in_words(swept([loss])) == "Other rules suggest nothing for this curve."


def test_a_part_of_a_sweep_claims_nothing_of_the_rest():
    whole = usual()
    assert whole.landmarks.diverges is not None
    part = whole[: int(np.searchsorted(whole.lrs, whole.landmarks.lowest)) + 2]
    explained = part.explain()
    assert part.suggestion.lr is not None
    assert "no divergence in this part" in part.suggestion.notes
    assert explained.startswith(f"This part of a sweep has {len(part)} learning rates from")
    assert "never diverged" not in explained
    assert "the sweep ended" not in explained
    assert "rates tried" not in explained


def test_a_slice_up_to_the_last_rate_says_why_the_sweep_ended():
    assert "the sweep ended because" in usual()[5:].explain()
