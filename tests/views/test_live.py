import io
import re
from itertools import pairwise

import pytest
from example_curves import usual
from example_grids import bowl, breaking
from fake_learners import Bowl
from rich.console import Console

import lrfinder
from lrfinder import LRFinder, Record
from lrfinder.views.live import Live, cells_progress, live_curve, progress


class Clock:
    """A clock that stands still until it is set."""

    def __init__(self):
        self.seconds = 0.0

    def __call__(self):
        return self.seconds


def drawn_at(gap, count, cost=0.0):
    """Return when a live curve draws ``count`` records that are ``gap`` seconds apart, if drawing takes ``cost`` seconds."""
    clock, times = Clock(), []

    def draw(records):
        times.append(clock.seconds)
        clock.seconds += cost

    live = Live(draw, clock)
    for _ in range(count):
        live(Record(0.1, 1.0))
        clock.seconds += gap
    return times


def test_it_draws_at_most_ten_times_a_second():
    times = drawn_at(gap=0.001, count=3000)
    assert 25 <= len(times) <= 31
    assert min(later - earlier for earlier, later in pairwise(times)) >= 0.1 - 1e-9


def test_it_draws_each_of_records_that_come_slowly():
    assert len(drawn_at(gap=0.2, count=50)) == 50


def test_where_drawing_is_slow_it_takes_a_twentieth_of_the_time():
    times = drawn_at(gap=0.01, count=3000, cost=0.5)
    assert 0.5 * len(times) <= 0.05 * (30 + 0.5 * len(times)) + 0.5


def test_at_the_end_all_is_drawn_and_nothing_twice():
    clock, seen = Clock(), []
    live = Live(lambda records: seen.append(len(records)), clock)
    for _ in range(5):
        live(Record(0.1, 1.0))
    live.draw()
    live.draw()
    assert seen == [1, 5]


def printed(draw, **terminal):
    file = io.StringIO()
    console = Console(file=file, width=80, height=40, **terminal)
    draw(console)
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", file.getvalue())


def live_find(console):
    with live_curve(console) as live:
        LRFinder(Bowl(curvature=100, noise=0.05)).find(on_record=live)


def test_in_a_terminal_the_curve_is_drawn_while_it_comes():
    text = printed(live_find, force_terminal=True)
    assert "learning rate" in text
    assert re.search(r"rate 1e-06, loss", text)


def test_where_there_is_no_terminal_nothing_is_drawn():
    assert printed(live_find, force_terminal=False) == ""


def test_rich_prints_a_result_as_the_command_line_does():
    assert "suggested" in printed(lambda console: console.print(usual()))


@pytest.mark.parametrize(("terminal", "drawn"), [(True, True), (False, False)])
def test_the_bar_has_a_view_above_it(terminal, drawn):
    def draw(console):
        with progress(console, "range test", 2, lambda records: f"{len(records)} so far") as advance:
            advance(Record(0.1, 1.0))
            advance(Record(0.2, 1.0))

    text = printed(draw, force_terminal=terminal)
    assert ("1 so far" in text) == drawn
    assert ("2/2" in text) == drawn


def test_a_bar_of_cells_names_the_last_one_and_whether_it_failed():
    done, failed = lrfinder.grid(bowl, seed=[0]).cells[0], lrfinder.grid(breaking, seed=[1]).cells[0]

    def draw(console):
        with cells_progress(console, 2) as advance:
            advance(done)
            advance(failed)

    text = printed(draw, force_terminal=True)
    assert "2/2" in text
    assert "seed 1: failed" in text
