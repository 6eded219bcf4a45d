import io
import os
import re
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest
from example_curves import usual
from example_grids import bowl, breaking
from fake_learners import Bowl
from rich.console import Console
from rich.progress import Progress

import lrfinder
from lrfinder import LRFinder, Record
from lrfinder.views.live import COLUMNS, LateBar, Live, cells_progress, live_curve, progress


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


def shown_bar(seconds, leads=lambda: True, records=10):
    """Return what a bar writes to a terminal for work that lasts so many seconds."""
    clock, text = Clock(), io.StringIO()
    console = Console(file=text, force_terminal=True, width=80)
    bar = Progress(*COLUMNS, console=console, auto_refresh=False)
    late = LateBar(bar, "range test", records, leads, clock)
    for _ in range(records):
        clock.seconds += seconds / records
        late(Record(0.1, 1.0))
    bar.stop()
    return text.getvalue()


def test_a_bar_is_shown_for_work_that_lasts_over_two_seconds_on_the_first_rank_alone():
    assert shown_bar(1.9) == ""
    assert "range test" in shown_bar(2.5)
    assert "10/10" in shown_bar(2.5)
    assert shown_bar(60, leads=lambda: False) == ""


SCRIPT = """
import sys, time
sys.path.insert(0, {support!r})
from fake_learners import Bowl
from lrfinder import LRFinder

class Slow(Bowl):
    def iteration(self, lr):
        time.sleep(0.12)
        return super().iteration(lr)

LRFinder(Slow()).find(max_iterations=20, **{options})
print("rich" in sys.modules)
"""


def on_terminal(options):
    """Return what a script with a slow range test writes to a terminal as stderr, and its standard output."""
    pty = pytest.importorskip("pty", reason="Windows has no pseudo terminals")
    main, terminal = pty.openpty()
    support = str(Path(__file__).parents[1] / "support")
    code = SCRIPT.format(support=support, options=options)
    with open(terminal, "wb", closefd=False) as stderr:
        done = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=stderr, text=True, check=True)
    os.write(terminal, b"end")
    written = b""
    while not written.endswith(b"end"):
        written += os.read(main, 4096)
    os.close(terminal)
    os.close(main)
    return written.decode().removesuffix("end"), done.stdout.strip()


def test_a_script_in_a_terminal_shows_a_bar_unless_it_asks_for_none():
    assert "range test" in on_terminal({})[0]
    assert on_terminal({"progress": False}) == ("", "False")


def test_without_a_terminal_nothing_is_shown_or_imported():
    support = str(Path(__file__).parents[1] / "support")
    code = SCRIPT.format(support=support, options={})
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (done.stdout.strip(), done.stderr) == ("False", "")
