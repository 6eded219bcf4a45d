import math
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

import lrfinder
import lrfinder.testing
from lrfinder import Comparison, Status, Stop, Suggestion

pytest.importorskip("sklearn", reason="the demo's images are scikit-learn's")
from lrfinder._cli.commands import app
from lrfinder._cli.demo import check_in_words, check_table, curve_in_words, digits_learner, rates_to_check

SUGGESTED = Suggestion(0.1, 0.02, 0.4, "medium", Status.OK, (), 650)
ITERATIONS = 100


def checked(ends, of_curve=0.05):
    """Return the rates of a check, and a comparison whose trainings fall from 2 to these losses, but for noise."""
    rates = rates_to_check(0.1, of_curve)
    noise = 0.002 * np.random.default_rng(0).normal(size=(len(rates), ITERATIONS))
    falls = np.geomspace(2.0, [1.0 if math.isnan(ends[name]) else ends[name] for name in rates], ITERATIONS // 2).T
    flat = np.repeat(falls[:, -1:], ITERATIONS - falls.shape[1], axis=1)
    losses = np.concatenate([falls, flat], axis=1) * (1 + noise)
    losses[[math.isnan(ends[name]) for name in rates], 50:] = math.nan
    stops = tuple(Stop.NOT_FINITE if math.isnan(ends[name]) else Stop.MAX_ITERATIONS for name in rates)
    return rates, Comparison(np.array(list(rates.values())), losses, stops)


ENDS = {"a tenth": 1.0, "a third": 0.5, "curve alone": 0.3, "suggested": 0.2, "three times": 0.4, "ten times": math.nan}


def test_the_demo_tells_one_story_and_leaves_pictures_and_results(tmp_path):
    done = CliRunner().invoke(app, ["demo", "--out", str(tmp_path / "out"), "--iterations", "60"])
    assert done.exit_code == 0, done.output
    words = " ".join(done.output.split())
    result, check = lrfinder.load(tmp_path / "out" / "range-test.json"), lrfinder.load(tmp_path / "out" / "check.json")
    suggestion = lrfinder.load(tmp_path / "out" / "suggestion.json")
    assert isinstance(result, lrfinder.RangeTest)
    assert isinstance(check, lrfinder.Comparison)
    assert isinstance(suggestion, lrfinder.Suggestion)
    lr, of_curve = suggestion.lr, result.suggestion.lr
    assert suggestion.horizon == 60
    assert suggestion.iterations <= 650
    assert check.lrs.tolist() == sorted([lr * 0.1, lr * (1 / 3), lr, lr * 3.0, lr * 10.0, of_curve])
    assert check.losses.shape == (6, 60)
    assert words.count("Suggested:") == 1
    assert f"Suggested: {lr:.3g}." in words
    assert f"Read from this curve alone, the rate is {of_curve:.3g}" in words
    assert f"This rate takes the place of {of_curve:.3g}" in words
    assert words.count("mean of") == 1
    for name in ("range-test.png", "check.png", "suggestion.png"):
        assert (tmp_path / "out" / name).read_bytes().startswith(b"\x89PNG")
    assert words.index("range-test.png") < words.index("Suggested:") < words.index("check.png")


def test_the_check_says_what_the_curve_alone_would_have_cost():
    words = check_in_words(*checked(ENDS), SUGGESTED)
    assert words.startswith("The suggested rate, 0.1, ended lowest.")
    assert (
        "The rate of the curve alone, 0.05, would have cost more here: it ended at 0.3, the suggested one at 0.2." in words
    )
    assert "would have been better" in check_in_words(*checked(ENDS | {"curve alone": 0.1}), SUGGESTED)
    assert "cost nothing here that stands out" in check_in_words(*checked(ENDS | {"curve alone": 0.2}), SUGGESTED)
    assert "would have diverged" in check_in_words(*checked(ENDS | {"curve alone": math.nan}), SUGGESTED)


def test_the_check_names_a_bad_rate_within_the_interval():
    assert "0.0333 is in it, and ended 2.5 times as high as the lowest" in check_in_words(*checked(ENDS), SUGGESTED)
    assert "is in it" not in check_in_words(
        *checked(ENDS | {"a third": 0.21, "curve alone": 0.2, "three times": 0.21}), SUGGESTED
    )
    assert "0.3 is in it, and ended by diverging" in check_in_words(*checked(ENDS | {"three times": math.nan}), SUGGESTED)


def test_the_check_says_so_where_the_suggested_rate_is_not_the_lowest():
    better = check_in_words(*checked(ENDS | {"three times": 0.1}), SUGGESTED)
    assert better.startswith(
        "0.3 ended lowest; the suggested 0.1 ended higher by 0.1, which is 0.053 of the fall since the beginning."
    )
    assert "within the noise" in check_in_words(*checked(ENDS | {"three times": 0.1999}), SUGGESTED)
    assert "did not reach its end" in check_in_words(*checked(ENDS | {"suggested": math.nan}), SUGGESTED)
    assert check_in_words(*checked(dict.fromkeys(ENDS, math.nan)), SUGGESTED) == "No training reached its end."


def test_the_check_is_one_table_by_rising_rate():
    table = check_table(*checked(ENDS))
    assert [row[1] for row in table.rows] == ["a tenth", "a third", "curve alone", "suggested", "three times", "ten times"]
    assert table.rows[table.best][1] == "suggested"
    assert table.rows[-1][-1] == "diverged at iteration 50"


def test_a_curve_without_a_rate_is_said_to_have_none_and_leaves_five_rates_to_check():
    nothing = Suggestion(None, None, None, "low", Status.LOW_SIGNAL, (), 100)
    assert curve_in_words(nothing) == "From this curve alone there is no suggestion (low signal), so a search follows."
    assert list(rates_to_check(0.1, None)) == ["a tenth", "a third", "suggested", "three times", "ten times"]


def test_the_demos_learner_obeys_the_law():
    lrfinder.testing.check(digits_learner())


def test_the_demos_digits_are_those_of_scikit_learn():
    from sklearn.datasets import load_digits

    pixels, labels = load_digits(return_X_y=True)
    loader: Any = digits_learner()._state.data
    images, targets = loader.dataset.tensors
    assert np.array_equal(images.numpy().reshape(-1, 64) * 16, pixels)
    assert np.array_equal(targets.numpy(), labels)


def test_the_suggested_rate_ends_lower_than_ten_times_less_and_ten_times_more():
    finder = lrfinder.LRFinder(digits_learner())
    lr = finder.suggest(150, max_iterations=350).lr
    assert finder.compare([lr / 10, lr, lr * 10], iterations=150).best == lr
