"""Rules side by side in the picture of a range test."""

from functools import partial

import pytest
from example_curves import swept, usual
from fake_learners import Bowl

import lrfinder
from lrfinder import LRFinder, rules
from lrfinder.analysis.rules import RULES


def drawn(result, **options):
    """Return the labels of the vertical lines and their rates."""
    lines = [line for line in result.plot(**options).get_lines() if len(set(line.get_xdata())) == 1 and line.get_label()]
    return {line.get_label(): float(line.get_xdata()[0]) for line in lines if "stopped" not in line.get_label()}


def shown_rates(result, **options):
    return {name.rpartition(" ")[0]: lr for name, lr in drawn(result, **options).items()}


@pytest.fixture(scope="module")
def curve():
    return usual()


def test_all_rules_are_marked_and_named(curve):
    expected = rules.answers(curve.lrs, curve.losses)
    assert shown_rates(curve, rules=True) == {"suggested": curve.suggestion.lr, **expected}
    assert set(expected) == set(RULES)


def test_rules_of_a_list_are_marked_under_their_names_and_rules_of_ones_own_too(curve):
    def my_rule(lrs, losses):
        return lrs[losses.argmin()] / 3

    own = partial(rules.slide, window=5)
    found = shown_rates(curve, rules=[rules.steepest, my_rule, own, lambda lrs, losses: lrs[7]], suggestion=False)
    assert found == {
        "steepest": rules.steepest(curve.lrs, curve.losses),
        "my rule": my_rule(curve.lrs, curve.losses),
        "slide, window=5": own(curve.lrs, curve.losses),
        "rule 4": curve.lrs[7],
    }


def test_rules_of_a_mapping_have_its_names(curve):
    assert shown_rates(curve, rules={"mine": rules.valley}, suggestion=False) == {
        "mine": rules.valley(curve.lrs, curve.losses)
    }


def test_without_the_suggestion_neither_rate_nor_interval_nor_title_show_it(curve):
    axes = curve.plot(suggestion=False)
    texts = [text.get_text() for text in axes.get_legend().get_texts()]
    assert not [text for text in texts if "suggested" in text or "interval" in text]
    assert axes.get_title() == "Learning-rate range test"
    assert "suggested" in curve.plot().get_title()


def test_a_rule_that_cannot_read_the_curve_is_named_without_a_rate():
    short = swept([2.0, 1.9, 1.8])
    labels = [text.get_text() for text in short.plot(rules=[rules.steepest, lambda *_: None]).get_legend().get_texts()]
    assert {"steepest: no rate", "rule 2: no rate"} <= set(labels)
    short.plot(rules=True).figure.canvas.draw()


def test_an_exception_of_a_rule_of_ones_own_passes_through(curve):
    with pytest.raises(ZeroDivisionError):
        curve.plot(rules=[lambda *_: 1 / 0])


def test_axes_and_finder_take_the_same_options(curve):
    axes = curve.plot().figure.add_subplot()
    assert curve.plot(axes, rules=[rules.minimum]) is axes
    finder = LRFinder(Bowl())
    finder._results = curve
    assert len(finder.plot(rules=True, suggestion=False).get_lines()) == len(curve.plot(suggestion=False).get_lines()) + 5


def test_the_rules_are_a_public_module():
    from lrfinder.rules import steepest

    assert lrfinder.rules.steepest is steepest is RULES["steepest"]
