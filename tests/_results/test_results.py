"""Parts of a curve, which are curves."""

import math

import pytest
from example_curves import suggested, swept, usual
from fake_learners import Scripted

from lrfinder import LRFinder, RangeTest, Record, Status, Stop, load
from lrfinder.errors import CurveError, RatesError


@pytest.fixture(scope="module")
def curve():
    return usual()


@pytest.mark.parametrize("part", [slice(10, -5), slice(None, 20), slice(-3, None), slice(5, 5), slice(200, None)], ids=str)
def test_a_part_of_a_curve_has_the_rates_and_losses_of_that_part(curve, part):
    assert isinstance(curve[part], RangeTest)
    assert tuple(curve[part]) == curve.records[part]
    assert curve[part].lrs.tolist() == curve.lrs[part].tolist()
    assert curve[part].settings == curve.settings


def test_one_index_gives_one_pair(curve):
    assert curve[3] == curve[3 - len(curve)] == Record(curve.lrs[3], curve.losses[3])


def test_landmarks_and_suggestion_of_a_part_are_read_from_that_part_alone(curve):
    falling = curve[:-30]
    assert curve.landmarks.diverges is not None
    assert falling.landmarks.diverges is None
    assert falling.suggestion == RangeTest(falling.records, Stop.PART, curve.settings).suggestion
    assert falling.suggestion.curve is falling


def test_a_part_of_a_part_is_the_part_of_the_whole(curve):
    assert curve[10:-5][2:-1] == curve[12:-6]


def test_the_whole_is_equal_to_the_curve(curve):
    assert curve[:] == curve[0 : len(curve) : 1] == curve


def test_a_part_is_drawn_explained_and_stored_as_any_curve_is(curve, tmp_path):
    part = curve[10:-5]
    axes = part.plot()
    assert len(axes.get_lines()[0].get_xdata()) == len(part)
    assert f"{len(part)} learning rates" in part.explain()
    part.to_json(tmp_path / "part.json")
    assert load(tmp_path / "part.json") == part


def test_a_part_without_the_end_says_nothing_of_how_the_sweep_ended():
    ended = swept([2.0] * 12 + [math.inf])
    assert (ended[3:].stop, ended[:-1].stop) == (Stop.NOT_FINITE, Stop.PART)
    assert not [line for line in ended[:-1].plot().get_lines() if "stopped" in line.get_label()]
    assert [line for line in ended[3:].plot().get_lines() if "stopped" in line.get_label()]


def test_a_last_loss_alone_is_no_batch_that_was_not_finite_untrained():
    ended = LRFinder(Scripted([2.0, 2.0, math.nan])).find()
    assert ended[-1:].suggestion.status is Status.UNSTABLE
    assert not ended[-1:].suggestion.notes
    assert LRFinder(Scripted([math.nan])).find()[:].suggestion.status is Status.NOT_FINITE_UNTRAINED


@pytest.mark.parametrize("step", [2, -1, -3])
def test_a_step_is_refused_with_the_arrays_to_use(curve, step):
    with pytest.raises(CurveError, match=rf"step {step};.*result\[10:-5\].*result\.losses"):
        curve[::step]


def test_a_suggestion_is_its_rate_as_a_number():
    assert float(suggested()) == suggested().lr
    assert math.sqrt(usual().suggestion) == math.sqrt(usual().suggestion.lr)


@pytest.mark.parametrize("status", [status for status in Status if status is not Status.OK])
def test_without_a_rate_there_is_no_number_but_the_reason(status):
    with pytest.raises(RatesError, match=rf"no rate \({status}\)"):
        float(suggested(lr=None, low=None, high=None, status=status))


@pytest.mark.parametrize("result", [usual(), suggested(), LRFinder(Scripted([1.0] * 40)).compare([0.1, 0.2], 20)])
def test_a_result_prints_in_words(result):
    assert str(result) == result.explain()


@pytest.mark.parametrize(
    ("result", "shown"), [(usual()[:4], "4 iterations, 1e-05 to 1.52e-05; "), (usual()[:0], "0 iterations; ")]
)
def test_a_curve_is_shown_by_its_length_and_ends(result, shown):
    assert repr(result) == f"<RangeTest: {shown}{result.stop.value}>"
