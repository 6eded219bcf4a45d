"""Grids in figures, tables and words."""

import re
from io import BytesIO, StringIO

import matplotlib as mpl
import matplotlib.pyplot as plt
import pytest
from example_grids import bowl, breaking
from rich.console import Console

import lrfinder
from lrfinder import Cell, Grid, LRFinder
from lrfinder.views.describe import describe, verdict
from lrfinder.views.describe.grid import cells_in_words
from lrfinder.views.html import html
from lrfinder.views.matplotlib import picture
from lrfinder.views.terminal import terminal_view


@pytest.fixture(scope="module")
def grid():
    return lrfinder.grid(bowl, weight_decay=[0.0, 0.1], momentum=[0.0, 0.5, 0.9], seed=range(3))


def in_terminal(result, width=100):
    console = Console(width=width, record=True, file=StringIO())
    console.print(terminal_view(result))
    return console.export_text()


def test_there_is_a_panel_for_each_value_of_one_axis_and_in_it_a_line_for_each_value_of_the_other(grid):
    panels = describe(grid).figures()
    assert [panel.title for panel in panels] == ["momentum 0", "momentum 0.5", "momentum 0.9"]
    assert [panel.groups for panel in panels] == [["weight_decay 0", "weight_decay 0.1"]] * 3


def test_the_band_holds_the_mean(grid):
    for panel in describe(grid).figures():
        for group in panel.groups:
            low, high, mean = (series.y for series in panel.series if series.group == group)
            assert (low <= mean).all()
            assert (mean <= high).all()
            assert (low < high).any()


def test_with_one_seed_there_is_no_band():
    (panel,) = describe(lrfinder.grid(bowl, weight_decay=[0.0, 0.1], seed=[0])).figures()
    assert panel.layers == ["smoothed"]


def test_the_recommended_line_alone_is_marked_and_strong(grid):
    marks = [mark for panel in describe(grid).figures() for mark in panel.marks if mark.kind == "rate"]
    assert [mark.x for mark in marks] == [grid.recommended.lr]
    strong = [series.group for panel in describe(grid).figures() for series in panel.series if series.look.width == 3.0]
    assert strong == [marks[0].group]


def test_panels_share_their_axes(grid):
    panels = grid.plot().child_axes
    assert len(panels) == 3
    assert len({(panel.get_xlim(), panel.get_ylim(), panel.get_yscale()) for panel in panels}) == 1
    plt.close("all")


def test_it_is_drawn_within_axes_that_are_given(grid):
    figure, axes = plt.subplots(1, 2)
    assert grid.plot(axes[1]) is axes[1]
    assert figure.axes[:2] == list(axes)
    plt.close("all")


def test_the_figure_needs_no_pyplot(grid):
    before = plt.get_fignums()
    assert mpl.image.imread(BytesIO(picture(grid, "png"))).shape[2] == 4  # pyright: ignore[reportAttributeAccessIssue]
    assert plt.get_fignums() == before


def failing_at(momentum):
    if momentum:
        raise ValueError("none with momentum")
    return bowl()


def wordy(weight_decay_of_all_groups, momentum_of_the_optimizer, seed_of_the_initial_weights):
    return bowl(weight_decay_of_all_groups, momentum_of_the_optimizer, seed_of_the_initial_weights)


EMPTY = Grid({"weight_decay": (0.0, 0.1), "seed": (0,)}, "LRFinder.find", "make", ())
FAILED = lrfinder.grid(breaking, seed=[1])
OTHERS = {
    "nothing": EMPTY,
    "only failures": FAILED,
    "suggestions": lrfinder.grid(bowl, momentum=[0.0, 0.5], each=LRFinder.suggest),
    "seeds alone": lrfinder.grid(bowl, seed=range(2)),
    "three axes": lrfinder.grid(bowl, weight_decay=[0.0, 0.1], momentum=[0.0, 0.5], seed=[0]),
}


@pytest.mark.parametrize("grid", OTHERS.values(), ids=OTHERS)
def test_an_incomplete_grid_is_shown(grid):
    assert picture(grid, "png")
    assert cells_in_words(grid) in in_terminal(grid)
    assert verdict(grid)
    assert "<table>" in html(grid)


@pytest.mark.parametrize("grid", OTHERS.values(), ids=OTHERS)
def test_an_incomplete_grid_has_a_report(grid, tmp_path):
    grid.report(tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text()
    assert cells_in_words(grid) in page
    assert grid.factory in page


def test_failed_cells_are_counted_and_have_no_line():
    half = lrfinder.grid(failing_at, momentum=[0.0, 0.5])
    assert cells_in_words(half) == "1 of 2 cells, 1 failed"
    assert [one.settings for one in half.combinations] == [{"momentum": 0.0}, {"momentum": 0.5}]
    assert [panel.groups for panel in describe(half).figures()] == [["momentum 0"]]


def test_a_grid_of_seeds_alone_recommends_a_rate():
    assert "Recommended: a rate of" in verdict(OTHERS["seeds alone"])
    assert describe(OTHERS["seeds alone"]).title.startswith("2 of 2 cells: a rate of")


def test_a_long_title_stays_on_its_figure():
    decays, momenta, seeds = [0.0, 0.0625], [0.0, 0.0625], [1, 2]
    axes = lrfinder.grid(
        wordy, weight_decay_of_all_groups=decays, momentum_of_the_optimizer=momenta, seed_of_the_initial_weights=seeds
    ).plot()
    axes.figure.draw_without_rendering()  # pyright: ignore[reportAttributeAccessIssue]
    title, whole = axes.title.get_window_extent(), axes.figure.bbox
    assert whole.x0 <= title.x0 < title.x1 <= whole.x1
    plt.close("all")


@pytest.mark.parametrize("width", [40, 80, 120])
def test_the_table_is_no_wider_than_the_console(grid, width):
    assert max(map(len, in_terminal(grid, width).splitlines())) <= width


def test_the_recommended_row_says_so_in_words(grid):
    (row,) = [line for line in in_terminal(grid).splitlines() if "recommended" in line]
    assert re.findall(r"[\d.]+", row)[:2] == [f"{value:g}" for value in grid.recommended.settings.values()]


def test_the_verdict_gives_the_settings_the_rate_its_range_and_the_reason(grid):
    words = verdict(grid)
    best = grid.recommended
    assert f"a rate of {best.lr:.3g} ({best.low:.3g} to {best.high:.3g} over 3 seeds)" in words
    assert "the largest weight_decay" in words


def test_a_combination_without_others_is_compared_with_none():
    words = verdict(lrfinder.grid(bowl, seed=range(2)))
    assert "Recommended" in words
    assert "other combination" not in words
    assert "  " not in words


def test_an_error_of_several_cells_is_given_once():
    words = verdict(lrfinder.grid(breaking, weight_decay=[0.0, 0.1, 0.2], seed=[1]))
    assert "3 failed, the first at weight_decay 0, seed 1: OSError: no images" in words
    assert words.count("no images") == 1


def test_restarted_cells_are_counted():
    cell = lrfinder.grid(bowl, seed=[0]).cells[0]
    again = Grid({"seed": (0,)}, "LRFinder.find", "make", (Cell(cell.settings, cell.result, None, 2),))
    assert "1 of them was restarted" in verdict(again)


def test_control_characters_and_markup_are_shown_as_text():
    cell = Cell({"kind": "\x1b[2J[red]"}, None, "\x1b[2J")
    grid = Grid({"kind": ("\x1b[2J[red]",)}, "LRFinder.find", "make", (cell,))
    assert "\x1b" not in in_terminal(grid) + verdict(grid)
    assert "[red]" in in_terminal(grid)


def test_a_recommendation_that_is_not_the_lowest_names_what_that_costs_against_its_neighbors():
    found = lrfinder.grid(bowl, weight_decay=[0.0, 0.1, 0.2], momentum=[0.0, 0.5, 0.9], seed=range(2))
    best, lowest = found.recommended, {tuple(one.settings.values()): one.lowest for one in found.combinations}
    own = tuple(best.settings.values())
    place = sorted(lowest.values()).index(best.combination.lowest) + 1
    assert own == (0.2, 0.9)
    assert place > 1
    near = f"{lowest[0.2, 0.5]:.4g} with momentum 0.5", f"{lowest[0.1, 0.9]:.4g} with weight_decay 0.1"
    words = verdict(found)
    assert f"by its loss, {lowest[own]:.4g}, it has place {place} of 9; one step away, it is" in words
    assert all(one in words for one in near)
    assert f"{lowest[0.0, 0.9]:.4g} with weight_decay 0," not in words


def test_a_recommendation_that_is_the_lowest_costs_nothing():
    assert "What that costs" not in verdict(lrfinder.grid(bowl, momentum=[0.0], seed=range(2)))
