from example_curves import suggested, swept, usual

from lrfinder.views.verdict import other_rules_in_words, verdict


def test_rates_of_other_rules_are_one_sentence_without_our_own_rule():
    words = other_rules_in_words(usual())
    assert words.count(".") >= 1
    for name in ("steepest", "minimum / 10", "valley", "slide"):
        assert name in words
    assert "half the edge" not in words


def test_rules_that_cannot_read_the_curve_suggest_nothing():
    assert other_rules_in_words(swept([1.0])).count("nothing") == 4


def test_every_sentence_ends_before_the_next_begins():
    for result in (usual(), suggested(), swept([1.0] * 40)):
        assert "  " not in verdict(result)
