import io
import math

import pytest
from example_curves import swept, usual
from fake_learners import Bowl
from rich.console import Console

from lrfinder import LRFinder
from lrfinder.views.describe import describe
from lrfinder.views.terminal import terminal_view
from lrfinder.views.terminal_figure import FigureView


def printed(renderable, width=80, encoding="utf-8"):
    file = io.TextIOWrapper(io.BytesIO(), encoding=encoding, newline="\n")
    Console(file=file, width=width, color_system=None).print(renderable)
    file.flush()
    return file.buffer.getvalue().decode(encoding)


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


@pytest.mark.parametrize("losses", [[], [math.nan], [1.0], [0.0] * 30, [-5.0] * 30, [1e308] * 30, [1e308, -1e308] * 10])
def test_any_losses_have_a_view(losses):
    assert "learning rate" in printed(terminal_view(swept(losses)))


def test_any_figure_can_be_drawn_not_only_that_of_a_sweep():
    (figure,) = describe(LRFinder(Bowl(curvature=1.0)).compare([0.01, 0.5], iterations=60)).figures()
    text = printed(FigureView(figure))
    assert "iteration" in text
    assert "59" in text
