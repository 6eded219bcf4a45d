"""The objects that the texts of options stand for."""

from pathlib import Path

import pytest
import typer

from lrfinder import LRFinder
from lrfinder._cli import options
from lrfinder.executors import Ray


@pytest.mark.parametrize(
    ("text", "value"),
    [("3", 3), ("3.0", 3.0), ("1e-4", 1e-4), ("true", True), ("False", False), ("None", None), ("tanh", "tanh"), ("", "")],
)
def test_a_value_of_an_axis_is_a_number_a_boolean_none_or_text(text, value):
    (parsed, other) = options.grid_axes([f"axis={text}, 1"], None)["axis"]
    assert (type(parsed), parsed, other) == (type(value), value, 1)


def test_seeds_are_an_axis_of_their_own():
    assert options.grid_axes(["batch=8,16"], 3) == {"batch": [8, 16], "seed": [0, 1, 2]}


@pytest.mark.parametrize("text", ["weight_decay", "weight_decay=", "=1", "weight decay=1", "1st=1"])
def test_an_axis_without_a_name_and_values_is_refused(text):
    with pytest.raises(typer.BadParameter, match="give a name and its values"):
        options.grid_axes([text], None)


def test_rates_are_numbers_separated_by_commas():
    assert options.rates("0.005, 0.05,5e-1") == [0.005, 0.05, 0.5]
    with pytest.raises(typer.BadParameter, match="separated by commas"):
        options.rates("0.1;0.2")


def test_settings_that_are_not_given_stay_those_of_the_experiment():
    assert options.experiment(None, None, suggest=False) is LRFinder.find
    assert options.experiment(None, None, suggest=True) is LRFinder.suggest
    assert options.experiment(100, None, suggest=True).keywords == {"horizon": 100}


@pytest.mark.parametrize(("address", "of_ray"), [("local", None), ("auto", "auto"), ("head:6379", "head:6379")])
def test_an_address_of_ray_gives_an_executor_with_its_resources(address, of_ray):
    assert options.executor(address, 2, 0.5) == Ray(address=of_ray, num_cpus=2, num_gpus=0.5)


def test_without_an_address_everything_runs_in_this_process():
    assert options.executor(None, 1, 0) is None


def test_an_unfinished_search_is_stored_next_to_its_result(tmp_path):
    assert options.search_checkpoint(None, resume=False) is None
    assert options.search_checkpoint(tmp_path / "s.json", resume=False) == tmp_path / "s.json.part"
    with pytest.raises(typer.BadParameter, match="--resume needs -o"):
        options.search_checkpoint(None, resume=True)


def test_an_interrupted_search_is_continued_only_on_request(tmp_path):
    part = tmp_path / "s.json.part"
    part.touch()
    with pytest.raises(typer.BadParameter, match="continue it with --resume"):
        options.search_checkpoint(tmp_path / "s.json", resume=False)
    assert options.search_checkpoint(tmp_path / "s.json", resume=True) == part


def test_a_grid_continues_only_in_a_file_that_is_given(tmp_path):
    assert options.grid_file(None, resume=False) is None
    assert options.grid_file(tmp_path / "new.json", resume=True) == tmp_path / "new.json"
    with pytest.raises(typer.BadParameter, match="--resume needs -o"):
        options.grid_file(None, resume=True)
    with pytest.raises(typer.BadParameter, match="exists already"):
        options.grid_file(Path(__file__), resume=False)


def test_nothing_that_can_be_resumed_is_stored_next_to_a_pipe():
    for stored in (options.grid_file, options.search_checkpoint):
        assert stored(Path("/dev/stderr"), resume=False) is None
        with pytest.raises(typer.BadParameter, match="--resume needs -o"):
            stored(Path("/dev/null"), resume=True)
