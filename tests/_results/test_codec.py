import json
import math
import sys
from dataclasses import replace

import numpy as np
import pytest
from example_curves import fallen, suggested
from fake_learners import Bowl, Scripted
from hypothesis import given
from hypothesis import strategies as st

from lrfinder import Comparison, LRFinder, RangeTest, Record, Settings, Status, Stop, Suggestion, load
from lrfinder._results.codec import save
from lrfinder.errors import ResultFileError

SETTINGS = Settings(1e-6, 1.1, 10.0, 1000, 0.3, "LRFinderStoppingCriteria(smoothing=0.3, min_iter=20)")


@given(
    st.lists(st.tuples(st.floats(0, 1e300), st.floats())),
    st.sampled_from(Stop),
    st.one_of(st.none(), st.floats(1e-9, 1)),
)
def test_a_range_test_is_read_back_bit_for_bit(tmp_path_factory, pairs, stop, lr_start):
    result = RangeTest(tuple(Record(*pair) for pair in pairs), stop, Settings(lr_start, None, 1.0, 7, 0.3, "mine <&>"))
    path = tmp_path_factory.mktemp("results") / "result.json"
    result.to_json(path)
    back = load(path)
    assert isinstance(back, RangeTest)
    assert back == result
    assert [(repr(lr), repr(loss)) for lr, loss in back] == [(repr(lr), repr(loss)) for lr, loss in pairs]


def test_a_comparison_is_read_back_bit_for_bit(tmp_path):
    comparison = LRFinder(Scripted([1.0, 0.1, math.inf])).compare([0.1, 0.3], iterations=5)
    comparison.to_json(tmp_path / "result.json")
    assert load(tmp_path / "result.json") == comparison


def test_results_that_differ_in_one_bit_are_not_equal():
    one = RangeTest((Record(0.1, 1.0),), Stop.DIVERGED, SETTINGS)
    assert one != RangeTest((Record(0.1, math.nextafter(1.0, 2.0)),), Stop.DIVERGED, SETTINGS)
    assert one != RangeTest((Record(0.1, 1.0),), Stop.NOT_FINITE, SETTINGS)


def test_the_file_is_json_that_any_reader_accepts(tmp_path):
    RangeTest((Record(0.1, math.nan), Record(0.2, -math.inf)), Stop.NOT_FINITE, SETTINGS).to_json(tmp_path / "r.json")

    def refuse(name):
        raise AssertionError(name)

    document = json.loads((tmp_path / "r.json").read_text(), parse_constant=refuse)
    assert document["schema"] == 1
    assert document["losses"] == ["nan", "-inf"]


def test_a_table_in_csv_reads_back_exactly(tmp_path):
    RangeTest((Record(0.1, 1 / 3), Record(0.2, math.nan)), Stop.NOT_FINITE, SETTINGS).to_csv(tmp_path / "r.csv")
    lines = (tmp_path / "r.csv").read_text().splitlines()
    assert lines == ["iteration,lr,loss", f"0,0.1,{1 / 3!r}", "1,0.2,nan"]


def test_a_table_of_a_comparison_is_tidy(tmp_path):
    comparison = LRFinder(Scripted([1.0, 0.5])).compare([0.1, 0.3], iterations=2)
    comparison.to_csv(tmp_path / "c.csv")
    assert (tmp_path / "c.csv").read_text().splitlines()[1:] == ["0,0.1,1.0", "1,0.1,0.5", "0,0.3,1.0", "1,0.3,0.5"]


def test_a_frame_has_the_columns_of_the_table():
    pytest.importorskip("pandas")
    frame = RangeTest((Record(0.1, 1.0),), Stop.DIVERGED, SETTINGS).to_frame()
    assert frame.to_dict("list") == {"iteration": [0], "lr": [0.1], "loss": [1.0]}


GOOD = {
    "format": "lrfinder",
    "schema": 1,
    "result": "RangeTest",
    "stop": "DIVERGED",
    "settings": {
        "lr_start": 1.0, "lr_multiplier": 1.1, "lr_end": 2.0, "max_iterations": 3, "smoothing": 0.3, "stopping": "x",
    },
    "lrs": [0.1],
    "losses": [1.0],
}  # fmt: skip


def test_the_good_document_is_read(tmp_path):
    (tmp_path / "r.json").write_text(json.dumps(GOOD))
    assert len(load(tmp_path / "r.json")) == 1


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no json",
        "[]",
        "{}",
        "null",
        "[" * 100_000,
        '{"format": "lrfinder"',
        json.dumps({**GOOD, "format": "other"}),
        json.dumps({**GOOD, "schema": 2}),
        json.dumps({**GOOD, "schema": "1"}),
        json.dumps({**GOOD, "result": "Pickle"}),
        json.dumps({**GOOD, "result": ["RangeTest"]}),
        json.dumps({**GOOD, "result": {}}),
        json.dumps({**GOOD, "stop": "BORED"}),
        json.dumps({**GOOD, "stop": []}),
        json.dumps({**GOOD, "settings": None}),
        json.dumps({**GOOD, "settings": [1]}),
        json.dumps({**GOOD, "settings": {}}),
        json.dumps({**GOOD, "settings": {**GOOD["settings"], "max_iterations": {}}}),
        json.dumps({**GOOD, "lrs": 3}),
        json.dumps({**GOOD, "lrs": "0.1"}),
        json.dumps({**GOOD, "lrs": [0.1, 0.2]}),
        json.dumps({**GOOD, "lrs": [True]}),
        json.dumps({**GOOD, "losses": ["1.0"]}),
        json.dumps({**GOOD, "losses": [[1.0]]}),
        json.dumps({**GOOD, "losses": [None]}),
        json.dumps({**GOOD, "losses": [0]}).replace("[0]", "[1" + "0" * 400 + "]"),
        json.dumps({**GOOD, "losses": [0]}).replace("[0]", "[1" + "0" * 5000 + "]"),
        json.dumps({key: value for key, value in GOOD.items() if key != "stop"}),
        json.dumps({**GOOD, "result": "Comparison"}),
        json.dumps({**GOOD, "result": "Comparison", "stops": ["DIVERGED"], "losses": [[1.0], [2.0]]}),
        json.dumps({**GOOD, "result": "Comparison", "stops": ["DIVERGED"] * 2, "lrs": [1, 2], "losses": [[1.0], [2, 3]]}),
    ],
)
def test_a_foreign_file_is_refused_by_name(tmp_path, text):
    path = tmp_path / "stranger.json"
    path.write_text(text)
    with pytest.raises(ResultFileError, match=r"stranger\.json"):
        load(path)


def test_a_file_that_is_not_text_is_refused(tmp_path):
    (tmp_path / "r.json").write_bytes(b"\x80\x81\xff")
    with pytest.raises(ResultFileError):
        load(tmp_path / "r.json")


def test_a_missing_file_is_an_error_of_the_operating_system(tmp_path):
    with pytest.raises(FileNotFoundError):
        load(tmp_path / "nothing.json")


def test_a_result_that_json_cannot_hold_leaves_the_old_file(tmp_path):
    path = tmp_path / "r.json"
    path.write_text("old")
    broken = RangeTest((Record(0.1, 1.0),), Stop.DIVERGED, Settings(1.0, 1.1, 2.0, 3, 0.3, sys))  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        save(broken, path)
    assert path.read_text() == "old"


def test_a_comparison_does_not_equal_a_number():
    assert Comparison(np.array([1.0]), np.array([[1.0]]), (Stop.DIVERGED,)) != 3


@pytest.mark.parametrize(
    "suggestion",
    [
        suggested(),
        suggested(lr=None, low=None, high=None, status=Status.LOW_SIGNAL, notes=()),
        suggested((), horizon=None, schedule="mine"),
        replace(suggested((fallen(0.1, 3, math.nan), fallen(0.2, 3, 1 / 3))), curve=None),
        LRFinder(Bowl(curvature=10, noise=0.01)).suggest(100),
        LRFinder(Bowl(curvature=10, noise=0.01)).find().suggestion,
    ],
)
def test_a_suggestion_is_read_back_bit_for_bit(tmp_path, suggestion):
    suggestion.to_json(tmp_path / "result.json")
    back = load(tmp_path / "result.json")
    assert isinstance(back, Suggestion)
    assert back == suggestion
    assert back.max_lr == suggestion.max_lr


def test_the_table_of_a_suggestion_has_a_row_for_each_iteration_of_each_probe(tmp_path):
    suggestion = suggested((fallen(0.1, 2, 1.0), fallen(0.2, 1, 1.0)))
    suggestion.to_csv(tmp_path / "s.csv")
    assert (tmp_path / "s.csv").read_text().splitlines() == ["iteration,lr,loss", "0,0.1,2.3", "1,0.1,1.0", "0,0.2,2.3"]


def test_a_suggestion_without_probes_has_an_empty_table(tmp_path):
    suggested(()).to_csv(tmp_path / "s.csv")
    assert (tmp_path / "s.csv").read_text().splitlines() == ["iteration,lr,loss"]


def test_a_frame_of_a_suggestion_has_the_columns_of_its_table():
    pytest.importorskip("pandas")
    frame = suggested().to_frame()
    assert frame.columns.tolist() == ["iteration", "lr", "loss"]
    assert len(frame) == 40 + 100 + 100 + 9
