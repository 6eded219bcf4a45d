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
from lrfinder.views.describe.grid import cells_told, grid_title, multiples
from lrfinder.views.html import html
from lrfinder.views.matplotlib import figure_png
from lrfinder.views.terminal import terminal_view
from lrfinder.views.verdict import verdict


@pytest.fixture(scope="module")
def grid():
    return lrfinder.grid(bowl, weight_decay=[0.0, 0.1], momentum=[0.0, 0.5, 0.9], seed=range(3))


def in_terminal(result, width=100):
    console = Console(width=width, record=True, file=StringIO())
    console.print(terminal_view(result))
    return console.export_text()


def test_there_is_a_panel_for_each_value_of_one_axis_and_a_line_in_it_for_each_of_the_other(grid):
    drawn = multiples(grid)
    assert [panel.title for panel in drawn.panels] == ["momentum 0", "momentum 0.5", "momentum 0.9"]
    assert [[line.label for _, line in panel.lines] for panel in drawn.panels] == [
        ["weight_decay 0", "weight_decay 0.1"]
    ] * 3


def test_the_band_holds_the_mean(grid):
    for panel in multiples(grid).panels:
        for _, line in panel.lines:
            assert (line.low <= line.mean).all()
            assert (line.mean <= line.high).all()
            assert (line.low < line.high).any()


def test_with_one_seed_the_band_is_the_line():
    (panel,) = multiples(lrfinder.grid(bowl, weight_decay=[0.0, 0.1], seed=[0])).panels
    assert all((line.low == line.high).all() for _, line in panel.lines)


def test_one_line_is_the_recommended_one(grid):
    lines = [(panel.title, line) for panel in multiples(grid).panels for _, line in panel.lines if line.recommended]
    assert len(lines) == 1
    assert lines[0][1].lr == grid.recommended.lr


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


def test_the_figure_is_made_without_pyplot(grid):
    before = plt.get_fignums()
    assert mpl.image.imread(BytesIO(figure_png(grid))).shape[2] == 4
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
def test_whatever_there_is_of_a_grid_is_shown(grid):
    assert figure_png(grid)
    assert cells_told(grid) in in_terminal(grid)
    assert verdict(grid)
    assert "<table>" in html(grid)


@pytest.mark.parametrize("grid", OTHERS.values(), ids=OTHERS)
def test_whatever_there_is_of_a_grid_has_a_report(grid, tmp_path):
    grid.report(tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text()
    assert cells_told(grid) in page
    assert grid.factory in page


def test_cells_that_failed_are_counted_apart_and_have_no_line():
    half = lrfinder.grid(failing_at, momentum=[0.0, 0.5])
    assert cells_told(half) == "1 of 2 cells, 1 failed"
    assert [line.label for panel in multiples(half).panels for _, line in panel.lines] == ["momentum 0", "momentum 0.5"]
    legend = [text.get_text() for text in half.plot().get_legend().get_texts()]
    plt.close("all")
    assert "momentum 0" in legend
    assert "momentum 0.5" not in legend


def test_a_grid_of_seeds_alone_recommends_a_rate():
    told = verdict(OTHERS["seeds alone"])
    assert "Recommended: a rate of" in told
    assert grid_title(OTHERS["seeds alone"]).startswith("2 of 2 cells: a rate of")


def test_a_long_title_stays_on_its_figure():
    decays, momenta, seeds = [0.0, 0.0625], [0.0, 0.0625], [1, 2]
    axes = lrfinder.grid(
        wordy, weight_decay_of_all_groups=decays, momentum_of_the_optimizer=momenta, seed_of_the_initial_weights=seeds
    ).plot()
    axes.figure.draw_without_rendering()
    title, whole = axes.title.get_window_extent(), axes.figure.bbox
    assert whole.x0 <= title.x0 < title.x1 <= whole.x1
    plt.close("all")


@pytest.mark.parametrize("width", [40, 80, 120])
def test_the_table_is_no_wider_than_the_console(grid, width):
    assert max(map(len, in_terminal(grid, width).splitlines())) <= width


def test_the_recommended_row_says_so_in_words(grid):
    (row,) = [line for line in in_terminal(grid).splitlines() if "recommended" in line]
    assert re.findall(r"[\d.]+", row)[:2] == [f"{value:g}" for value in grid.recommended.settings.values()]


def test_the_words_tell_the_settings_the_rate_its_range_and_the_reason(grid):
    words = verdict(grid)
    told = grid.recommended
    assert f"a rate of {told.lr:.3g} ({told.low:.3g} to {told.high:.3g} over 3 seeds)" in words
    assert "the largest weight_decay" in words


def test_a_combination_without_others_is_compared_with_none():
    words = verdict(lrfinder.grid(bowl, seed=range(2)))
    assert "Recommended" in words
    assert "combination that came lowest" not in words
    assert "  " not in words


def test_cells_that_failed_alike_are_told_once():
    words = verdict(lrfinder.grid(breaking, weight_decay=[0.0, 0.1, 0.2], seed=[1]))
    assert "3 failed, the first at weight_decay 0, seed 1: OSError: no images" in words
    assert words.count("no images") == 1


def test_cells_that_were_begun_again_are_told():
    cell = lrfinder.grid(bowl, seed=[0]).cells[0]
    again = Grid({"seed": (0,)}, "LRFinder.find", "make", (Cell(cell.settings, cell.result, None, 2),))
    assert "1 of them were begun again" in verdict(again)


def test_what_a_terminal_would_obey_is_shown_as_text():
    cell = Cell({"kind": "\x1b[2J"}, None, "\x1b[2J")
    grid = Grid({"kind": ("\x1b[2J",)}, "LRFinder.find", "make", (cell,))
    assert "\x1b" not in in_terminal(grid) + verdict(grid)
