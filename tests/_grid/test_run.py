"""lrfinder.grid: an experiment in each cell, in this process."""

import functools
import json

import numpy as np
import pytest
from example_grids import bowl, breaking, noted
from fake_learners import Bowl

import lrfinder
from lrfinder import Grid, LRFinder, RangeTest, Suggestion
from lrfinder._results.decoding import LARGEST_LINE_BYTES
from lrfinder.errors import FactoryError, GridError, ResultFileError


def calls(folder):
    return {path.name: len(path.read_text().splitlines()) for path in folder.iterdir()}


def loaded_grid(path):
    grid = lrfinder.load(path)
    assert isinstance(grid, lrfinder.Grid)
    return grid


def test_each_cell_is_the_range_test_of_a_learner_with_its_settings():
    grid = lrfinder.grid(bowl, weight_decay=[0.0, 0.1], seed=range(2))
    assert [dict(cell.settings) for cell in grid.cells] == [
        {"weight_decay": decay, "seed": seed} for decay in (0.0, 0.1) for seed in (0, 1)
    ]
    for cell in grid.cells:
        assert cell.result == LRFinder(bowl(**cell.settings)).find()


def test_each_cell_can_be_any_experiment_of_a_finder():
    grid = lrfinder.grid(bowl, momentum=[0.0, 0.5], each=functools.partial(LRFinder.suggest, horizon=100))
    assert [cell.result for cell in grid.cells] == [LRFinder(bowl(momentum=m)).suggest(100) for m in (0.0, 0.5)]
    assert grid.each == "LRFinder.suggest(horizon=100)"


def test_an_axis_with_the_name_of_an_argument_goes_into_the_mapping():
    grid = lrfinder.grid(lambda path: Bowl(curvature=path), {"path": [1.0, 10.0]})
    assert grid.axes == {"path": (1.0, 10.0)}


def test_learners_are_closed():
    learners = []

    def factory(seed):
        learners.append(Bowl())
        return learners[-1]

    lrfinder.grid(factory, seed=range(2))
    assert [learner.closed for learner in learners] == [True, True]


def test_on_cell_is_called_with_each_cell_as_it_finishes():
    finished = []
    grid = lrfinder.grid(bowl, seed=range(3), on_cell=finished.append)
    assert finished == list(grid.cells)


def test_a_cell_that_fails_has_its_error_and_the_others_continue():
    grid = lrfinder.grid(breaking, seed=range(3))
    assert [cell.error is None for cell in grid.cells] == [True, False, True]
    assert "OSError: no images" in grid.cells[1].error
    assert grid.cells[1].result is None


@pytest.mark.parametrize("factory", [lambda seed: 3, lambda seed: None])
def test_a_factory_that_does_not_return_a_learner_is_the_error_of_its_cell(factory):
    assert "not a learner" in lrfinder.grid(factory, seed=[0]).cells[0].error


def test_an_experiment_without_a_result_is_the_error_of_its_cell():
    assert "returned a NoneType" in lrfinder.grid(bowl, seed=[0], each=lambda finder: None).cells[0].error


def test_an_interrupt_ends_the_grid_and_leaves_the_finished_cells_in_the_file(tmp_path):
    def interrupted(seed):
        if seed == 2:
            raise KeyboardInterrupt
        return bowl(seed=seed)

    with pytest.raises(KeyboardInterrupt):
        lrfinder.grid(interrupted, seed=range(4), path=tmp_path / "grid.json")
    loaded = loaded_grid(tmp_path / "grid.json")
    assert [cell.seed for cell in loaded.cells] == [0, 1]
    assert [settings["seed"] for settings in loaded.pending] == [2, 3]


@pytest.mark.parametrize("each", [LRFinder.find, LRFinder.suggest])
def test_the_file_is_read_back_as_the_grid(tmp_path, each):
    axes = {"weight_decay": [0, 0.1], "seed": range(2)}
    grid = lrfinder.grid(breaking, axes, each=each, path=tmp_path / "grown.json")
    grid.to_json(tmp_path / "whole.json")
    assert lrfinder.load(tmp_path / "grown.json") == lrfinder.load(tmp_path / "whole.json") == grid
    assert isinstance(grid.cells[0].result, RangeTest if each is LRFinder.find else Suggestion)


def test_values_of_any_kind_are_read_back_with_their_type(tmp_path):
    values = [1, 0.5, "tanh", True, None]
    lrfinder.grid(lambda kind: bowl(), kind=[2, *values[1:]], path=tmp_path / "grid.json")
    assert loaded_grid(tmp_path / "grid.json").axes["kind"] == (2, 0.5, "tanh", True, None)


def test_a_repeated_call_runs_no_cell_twice(tmp_path):
    folder = tmp_path / "calls"
    folder.mkdir()
    factory = functools.partial(noted, str(folder))
    first = lrfinder.grid(factory, seed=range(3), path=tmp_path / "grid.json")
    again = lrfinder.grid(factory, seed=range(3), path=tmp_path / "grid.json")
    assert again == first
    assert set(calls(folder).values()) == {1}


def test_failed_cells_run_again(tmp_path):
    healthy = []

    def factory(seed):
        if seed == 1 and not healthy:
            raise OSError
        return bowl(seed=seed)

    path = tmp_path / "grid.json"
    assert len(lrfinder.grid(factory, seed=range(2), path=path).pending) == 1
    healthy.append(True)
    assert lrfinder.grid(factory, seed=range(2), path=path) == lrfinder.load(path)
    assert not loaded_grid(path).pending


def test_a_grid_can_be_extended(tmp_path):
    path = tmp_path / "grid.json"
    lrfinder.grid(bowl, seed=range(2), path=path)
    assert lrfinder.grid(bowl, seed=range(3), path=path) == lrfinder.grid(bowl, seed=range(3))


@pytest.mark.parametrize("cut", [1, 40, 4000])
def test_a_file_with_a_cut_last_line_is_read_without_it_and_continued(tmp_path, cut):
    path = tmp_path / "grid.json"
    whole = lrfinder.grid(bowl, seed=range(3), path=path)
    path.write_bytes(path.read_bytes()[:-cut])
    assert [cell.seed for cell in loaded_grid(path).cells] == [0, 1]
    assert lrfinder.grid(bowl, seed=range(3), path=path) == whole
    assert lrfinder.load(path) == whole


def test_a_grid_larger_than_a_file_of_a_stranger_may_be_is_read_and_continued(tmp_path):
    path = tmp_path / "grid.json"
    whole = lrfinder.grid(bowl, seed=range(2), path=path)
    head, *cells = path.read_bytes().splitlines()
    with path.open("wb") as file:
        file.write(head + b"\n")
        for cell in cells * 70:
            file.write(cell[:-1] + b" " * (1 << 20) + b"}\n")  # as large as a search of many probes
    assert path.stat().st_size > LARGEST_LINE_BYTES
    assert lrfinder.load(path) == whole
    assert lrfinder.grid(bowl, seed=range(3), path=path) == lrfinder.load(path)
    assert path.stat().st_size < 1 << 20


def test_what_follows_a_result_that_is_no_grid_is_refused(tmp_path):
    path = tmp_path / "curve.json"
    LRFinder(Bowl()).find().to_json(path)
    path.write_bytes(path.read_bytes() * 2)
    with pytest.raises(ResultFileError, match="more follows"):
        lrfinder.load(path)


@pytest.mark.parametrize("other", [
    {"seed": [5]},
    {"momentum": [0.5]},
    {"seed": range(2), "each": LRFinder.suggest},
    {"seed": range(2), "factory": breaking},
])  # fmt: skip
def test_the_file_of_another_grid_is_refused_and_unchanged(tmp_path, other):
    path = tmp_path / "grid.json"
    lrfinder.grid(bowl, seed=range(2), path=path)
    before = path.read_bytes()
    with pytest.raises(GridError, match="another grid"):
        lrfinder.grid(other.pop("factory", bowl), path=path, **other)
    assert path.read_bytes() == before


def test_a_file_of_another_result_is_refused_and_unchanged(tmp_path):
    path = tmp_path / "curve.json"
    curve = LRFinder(Bowl()).find()
    curve.to_json(path)
    with pytest.raises(ResultFileError, match="not a grid"):
        lrfinder.grid(bowl, seed=[0], path=path)
    assert lrfinder.load(path) == curve


@pytest.mark.parametrize("change", [
    lambda lines: lines[0].update(axes=[]),
    lambda lines: lines[0].update(axes=[["seed", []]]),
    lambda lines: lines[0].update(axes=[["seed", [[1]]]]),
    lambda lines: lines[0].update(axes=[[f"a{k}", list(range(100))] for k in range(9)]),
    lambda lines: lines[0].pop("each"),
    lambda lines: lines[1].update(result=None),
    lambda lines: lines[1].update(attempts=0),
    lambda lines: lines[1].update(settings={"seed": 7}),
    lambda lines: lines[1].update(settings=3),
    lambda lines: lines[1]["result"].update(result="Grid"),
])  # fmt: skip
def test_an_inconsistent_file_is_refused(tmp_path, change):
    path = tmp_path / "grid.json"
    lrfinder.grid(bowl, seed=range(2), path=path)
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    change(lines)
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    with pytest.raises(ResultFileError):
        lrfinder.load(path)


@pytest.mark.parametrize(("axes", "said"), [
    ({}, "at least one axis"),
    ({"seed": []}, "seed has no value"),
    ({"momentum": 0.9}, r"momentum=\[0.9\]"),
    ({"momentum": "0.9"}, r"momentum=\['0.9'\]"),
    ({"momentum": [0.9, 0.5, 0.9]}, "twice"),
    ({"momentum": [float("nan")]}, "finite"),
    ({"momentum": [[0.9]]}, "finite numbers, strings"),
])  # fmt: skip
def test_invalid_axes_are_refused(axes, said):
    with pytest.raises(GridError, match=said):
        lrfinder.grid(bowl, axes)


def test_numbers_of_numpy_become_numbers_of_python():
    grid = lrfinder.grid(bowl, weight_decay=np.array([0.0, 0.1]), seed=np.arange(1))
    assert [type(value) for values in grid.axes.values() for value in values] == [float, float, int]


def test_a_factory_with_other_keywords_is_refused_before_any_cell_runs():
    with pytest.raises(FactoryError, match="takes weight_decay, seed, and the grid gives weight_decay, momentum"):
        lrfinder.grid(breaking, weight_decay=[0.0], momentum=[0.9])


def test_the_table_has_a_row_for_each_cell(tmp_path):
    grid = lrfinder.grid(breaking, weight_decay=[0.0, 0.1], seed=range(2))
    grid.to_csv(tmp_path / "grid.csv")
    header, *rows = (tmp_path / "grid.csv").read_text().splitlines()
    assert header == "weight_decay,seed,lr,low,high,status,error"
    assert len(rows) == len(grid) == grid.size == 4


def test_grids_are_equal_where_their_cells_are():
    assert lrfinder.grid(bowl, seed=[0]) == lrfinder.grid(bowl, seed=[0])
    assert lrfinder.grid(bowl, seed=[0]) != lrfinder.grid(bowl, seed=[1])
    assert isinstance(lrfinder.grid(bowl, seed=[0]), Grid)
