import pytest
from example_curves import suggested

from lrfinder import Status, Suggestion
from lrfinder.views.describe.rate import NOTES, REFUSALS, listed, rate_cells, rate_marks, suggestion_in_words


@pytest.mark.parametrize("status", [status for status in Status if status is not Status.OK])
def test_every_status_has_its_own_words(status):
    words = suggestion_in_words(Suggestion(None, None, None, "low", status, (), 5))
    assert words == REFUSALS[status]
    assert words.startswith("There is no suggestion")


@pytest.mark.parametrize("note", NOTES)
def test_every_note_is_explained(note):
    words = suggestion_in_words(Suggestion(0.1, 0.05, 0.2, "high", Status.OK, (note,), 5))
    assert NOTES[note] in words


def test_a_note_that_is_not_known_is_shown_as_it_is():
    assert "Mine." in suggestion_in_words(Suggestion(0.1, 0.05, 0.2, "low", Status.OK, ("mine",), 5))


def test_a_suggestion_without_a_rate_has_no_marks():
    assert rate_marks(suggested(lr=None, low=None, high=None, status=Status.NO_DESCENT)) == []


def test_the_ratio_to_the_first_rate_is_omitted_for_the_first_itself():
    first = suggested()
    assert rate_cells(first, first) == ("0.03", "0.02 to 0.1", "-")
    assert rate_cells(suggested(), first)[2] == "1 times, intervals overlap"


def test_parts_are_enumerated_with_commas_and_a_last_and():
    assert listed(["a"]) == "a"
    assert listed(["a", "b", "c"]) == "a, b and c"
