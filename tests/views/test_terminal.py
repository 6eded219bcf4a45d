import io
import math
import re

import pytest
from example_curves import suggested, swept, usual
from fake_learners import Bowl, Level
from rich.console import Console

from lrfinder import LRFinder
from lrfinder.views.describe import describe
from lrfinder.views.describe.description import Table
from lrfinder.views.terminal import FigureView, table_view, terminal_view


def printed(renderable, width=80, encoding="utf-8"):
    file = io.TextIOWrapper(io.BytesIO(), encoding=encoding, newline="\n")
    Console(file=file, width=width, color_system=None).print(renderable)
    file.flush()
    return file.buffer.getvalue().decode(encoding)


def comparison(iterations):
    return LRFinder(Bowl(curvature=1.0, noise=0.01)).compare([0.01, 0.5, 3.0], iterations=iterations)


def test_the_table_shows_the_losses_at_0_100_200_and_the_mean_of_the_last_tenth():
    result = comparison(250)
    text = printed(terminal_view(result))
    first = next(line for line in text.splitlines() if line.split()[:1] == ["0.01"])
    expected = [*result.losses[0][[0, 100, 200]], result.final()[0]]
    assert first.split()[1:5] == [f"{loss:.4g}" for loss in expected]
    assert "lowest" in next(line for line in text.splitlines() if line.split()[:1] == ["0.5"])


def test_the_table_omits_iterations_beyond_the_end():
    assert "at 100" not in printed(terminal_view(comparison(100)))


def test_the_table_names_a_training_that_diverged():
    text = printed(terminal_view(LRFinder(Bowl(curvature=1.0)).compare([0.5, 100.0], iterations=60)), width=120)
    assert next(line for line in text.splitlines() if line.split()[:1] == ["100"]).rstrip().endswith("above where it began")


def row(text, rate):
    return next(line for line in text.splitlines() if line.split()[:1] == [rate])


def test_the_table_gives_the_distance_from_the_lowest_and_ties():
    text = printed(terminal_view(LRFinder(Bowl(curvature=1.0)).compare([0.02, 0.5], iterations=100)))
    assert re.search(r"\+\S+ ± \S+$", row(text, "0.02").rstrip())
    flat = LRFinder(Level()).compare([0.02, 0.5], iterations=100)
    assert row(printed(terminal_view(flat)), "0.02").rstrip().endswith("a tie")


def test_a_suggestion_is_a_table_of_its_probes():
    text = printed(terminal_view(suggested()))
    assert "0.03 suggested for 300 iterations" in text
    assert text.count("●") == 3 + 1  # and in the legend
    assert text.count("◆") == 2 + 1
    table = text[text.index("learning  ") :]
    assert row(table, "0.01").split() == ["0.01", "40", "2.3", "1.2"]
    assert "lowest, in the interval" in row(text, "0.04")
    assert "diverged at iteration 8" in row(text, "1.28")


def test_a_suggestion_without_probes_is_the_curve_with_its_own_rate():
    text = printed(terminal_view(suggested(())))
    assert "suggested 0.03" in text
    assert "interval 0.02 to 0.1" in text


@pytest.mark.parametrize("width", [20, 60, 300])
def test_no_line_of_a_suggestion_is_wider_than_the_console(width):
    assert max(map(len, printed(terminal_view(suggested()), width).splitlines())) <= width


@pytest.mark.parametrize("width", [20, 60, 80, 120, 300])
def test_no_line_is_wider_than_the_console(width):
    assert max(map(len, printed(terminal_view(usual()), width).splitlines())) <= width


def test_the_suggestion_and_the_limits_are_labeled():
    result = usual()
    text = printed(terminal_view(result))
    assert f"suggested {result.suggestion.lr:.3g}" in text
    assert f"{4 * result.first_loss:.3g}" in text
    assert result.stop.value in text


def test_the_curve_falls_and_rises_from_left_to_right():
    rows = [line.split("│", 1)[1] for line in printed(terminal_view(usual(noise=0)), 80).splitlines() if "│" in line]
    drawn = [(row, column) for row, text in enumerate(rows) for column, sign in enumerate(text) if "⠀" < sign <= "⣿"]
    rows_in = {column: row for row, column in drawn}  # the lowest row of each column
    left, middle = rows_in[min(rows_in)], max(rows_in.values())
    right = min(row for row, column in drawn if column >= max(rows_in) - 1)
    assert left < middle
    assert right < middle


def test_a_console_without_unicode_gets_ascii():
    text = printed(terminal_view(usual()), encoding="ascii")
    assert "^ suggested" in text
    assert text.isascii()


@pytest.mark.parametrize("losses", [[1.0], [0.0] * 30, [-5.0] * 30, [1e308] * 30, [1e308, -1e308] * 10])
def test_any_losses_have_a_view(losses):
    assert "learning rate" in printed(terminal_view(swept(losses)))


def test_any_figure_can_be_drawn_not_only_that_of_a_sweep():
    (figure,) = describe(LRFinder(Bowl(curvature=1.0)).compare([0.01, 0.5], iterations=60)).figures()
    text = printed(FigureView(figure))
    assert "iteration" in text
    assert "50" in text


@pytest.mark.parametrize("axes", [1, 2, 3, 5])
def test_a_table_fits_80_columns_and_breaks_no_number(axes):
    header = (*(f"setting_{k}" for k in range(axes)), "cells", "rate", "lowest to highest", "lowest loss", "outcome")
    row = (*["0.00123456"] * axes, "2", "0.00121", "0.00121 to 0.00122", "-0.02086", "recommended")
    shown = printed(table_view(Table(header, (row, row), best=1)))
    assert max(map(len, shown.splitlines())) <= 80
    words = shown.replace(":", " ").replace(",", " ").split()
    assert words.count("0.00123456") == 2 * axes
    for value in ("0.00121", "-0.02086", "0.00122", "recommended"):
        assert words.count(value) >= 2


@pytest.mark.parametrize("losses", [[], [math.nan]])
def test_a_sweep_without_a_loss_to_draw_takes_two_lines(losses):
    lines = printed(terminal_view(swept(losses)), width=100).rstrip().splitlines()
    assert len(lines) == 2
    assert lines[-1] == "no loss to draw"
