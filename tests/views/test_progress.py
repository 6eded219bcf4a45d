import io
import re

import pytest
from example_grids import bowl, breaking
from rich.console import Console

import lrfinder
from lrfinder import Record
from lrfinder.views.progress import cells_progress, progress


def printed(draw, **terminal):
    file = io.StringIO()
    console = Console(file=file, width=80, height=40, **terminal)
    draw(console)
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", file.getvalue())


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
