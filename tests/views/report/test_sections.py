import math
import re

import numpy as np
from example_curves import suggested, swept, usual
from example_grids import bowl
from fake_learners import Bowl, Level, Scripted

from lrfinder import LRFinder, grid
from lrfinder.views.describe import describe
from lrfinder.views.report.sections import HEADER, differences, frame, overlay


def legend(figure):
    entries = re.findall(r"<li>(.*?)</li>", frame(figure, 0))
    return [re.sub(r"<[^>]+>", "", entry) for entry in entries]


def test_the_legend_of_a_single_group_lists_its_series_and_the_marks():
    (figure,) = describe(usual()).figures()
    lr = usual().suggestion.lr
    assert legend(figure)[:3] == ["loss of a batch", "smoothed", f"suggested {lr:.3g}"]


def test_the_legend_of_several_groups_has_a_button_for_each_and_a_label_once():
    figure = describe(suggested()).figures()[0]
    assert legend(figure) == [
        "after 40 iterations", "after 100 iterations", "suggested 0.03", "interval 0.02 to 0.1", "diverged",
    ]  # fmt: skip
    assert frame(figure, 0).count("data-group=") == 2


def test_an_axis_with_one_scale_has_no_button():
    figure = describe(suggested()).figures()[2]
    assert "logarithmic iteration" not in frame(figure, 0)
    assert "logarithmic loss" in frame(figure, 0)


def rows_of(runs):
    return differences({name: describe(run) for name, run in runs.items()}).rows


def overlaid(runs):
    return overlay(runs, {name: describe(run) for name, run in runs.items()})


def test_a_row_gives_the_ratio_to_the_first_rate_and_says_if_the_intervals_overlap():
    near, far = suggested(lr=0.06, low=0.05, high=0.2), suggested(lr=3.0, low=1.0, high=4.0)
    rows = rows_of({"first": suggested(), "near": near, "far": far})
    column = HEADER.index("ratio to the first")
    assert [row[column] for row in rows] == ["-", "2 times, intervals overlap", "100 times, intervals do not overlap"]


def test_the_row_of_a_run_without_a_rate_gives_the_reason():
    rows = rows_of({"flat": swept([1.0] * 40), "good": usual()})
    assert rows[0][1:4] == ("none", swept([1.0] * 40).suggestion.status, "-")
    assert rows[1][3] == "-"


def test_the_row_of_a_comparison_names_the_lowest_and_the_ties():
    tie = LRFinder(Level()).compare([0.1, 0.2], iterations=100)
    assert rows_of({"tie": tie})[0][1:3] == (f"{tie.best:.3g} ended lowest", f"ties with {tie.tied[0]:.3g}")
    diverged = LRFinder(Scripted([1.0, math.nan])).compare([1.0], iterations=10)
    assert rows_of({"diverged": diverged})[0][1] == "none reached its end"


def test_the_row_of_a_grid_names_its_recommendation():
    result = grid(bowl, weight_decay=[0.0, 0.01])
    (row,) = rows_of({"grid": result})
    assert row[1] == f"{result.recommended.lr:.3g} with weight_decay 0.01"


def test_sweeps_share_axes_that_hold_all_of_them():
    one, other = usual(), swept(np.array(usual().losses) * 1.3, usual().lrs * 3)
    (figure,) = overlaid({"adam": one, "sgd": other, "tie": LRFinder(Bowl()).compare([0.1], 10)})
    assert figure.groups == ["adam", "sgd"]
    assert figure.x.limits == (one.lrs[0], other.lrs[-1])
    assert [mark.group for mark in figure.marks] == ["adam", "sgd"]


def test_ends_of_comparisons_are_the_means_that_decided_them():
    runs = {name: LRFinder(Bowl()).compare(rates, 60) for name, rates in {"one": [0.5, 0.1], "other": [0.2]}.items()}
    (figure,) = overlaid(runs)
    assert figure.title == "Where the trainings ended"
    assert figure.series[0].x.tolist() == [0.1, 0.5]
    assert figure.series[0].y.tolist() == runs["one"].final()[::-1].tolist()
