import pytest
from typer.testing import CliRunner

import lrfinder
import lrfinder.testing

pytest.importorskip("sklearn", reason="the demo's images are scikit-learn's")
from lrfinder._cli.commands import app
from lrfinder._cli.demo import digits_learner


def test_the_demo_finds_a_rate_checks_it_and_leaves_pictures_and_results(tmp_path):
    done = CliRunner().invoke(app, ["demo", "--out", str(tmp_path / "out"), "--iterations", "60"])
    assert done.exit_code == 0, done.output
    result, check = lrfinder.load(tmp_path / "out" / "range-test.json"), lrfinder.load(tmp_path / "out" / "check.json")
    assert isinstance(result, lrfinder.RangeTest)
    assert isinstance(check, lrfinder.Comparison)
    lr = result.suggestion.lr
    assert check.lrs.tolist() == [lr / 10, lr, lr * 10]
    assert check.losses.shape == (3, 60)
    assert f"Suggested: {lr:.3g}." in " ".join(done.output.split())
    suggestion = lrfinder.load(tmp_path / "out" / "suggestion.json")
    assert isinstance(suggestion, lrfinder.Suggestion)
    assert suggestion.horizon == 60
    assert suggestion.iterations <= 650
    for name in ("range-test.png", "check.png", "suggestion.png"):
        assert (tmp_path / "out" / name).read_bytes().startswith(b"\x89PNG")


def test_the_demos_learner_obeys_the_law():
    lrfinder.testing.check(digits_learner())


def test_the_suggested_rate_ends_lower_than_ten_times_less_and_ten_times_more():
    finder = lrfinder.LRFinder(digits_learner())
    lr = finder.suggest(150, max_iterations=350).lr
    assert finder.compare([lr / 10, lr, lr * 10], iterations=150).best == lr
