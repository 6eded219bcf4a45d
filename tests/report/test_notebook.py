"""A notebook with a real kernel."""

import re
from pathlib import Path

import pytest

CELLS = (
    "import sys; sys.path[:0] = [{source!r}, {tests!r}]",
    """from fake_learners import Bowl
from lrfinder import LRFinder
from lrfinder.views.live import live_curve

finder = LRFinder(Bowl(curvature=100, noise=0.05))
with live_curve() as live:
    result = finder.find(on_record=live)""",
    "result",
    "finder.compare([0.001, 0.01], 30)",
)


@pytest.fixture(scope="module")
def outputs(tmp_path_factory):
    """The outputs of each cell."""
    nbformat = pytest.importorskip("nbformat", reason="the session docs has it")
    nbclient = pytest.importorskip("nbclient", reason="the session docs has it")
    tests = Path(__file__).parents[1] / "support"
    cells = [cell.format(source=str(tests.parents[1] / "src"), tests=str(tests)) for cell in CELLS]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    nbclient.NotebookClient(
        notebook, timeout=60, resources={"metadata": {"path": str(tmp_path_factory.mktemp("notebook"))}}
    ).execute()
    return [cell["outputs"] for cell in notebook["cells"]]


def test_a_live_curve_is_one_picture_that_stays(outputs):
    (shown,) = outputs[1]
    assert shown["output_type"] == "display_data"
    assert "image/png" in shown["data"]


def test_a_result_shows_itself_in_words_picture_and_tables(outputs):
    for cell in (2, 3):
        (shown,) = outputs[cell]
        html = shown["data"]["text/html"]
        assert re.search(r"learning rates? ", html)
        assert "data:image/png;base64," in html
        assert "<table>" in html
