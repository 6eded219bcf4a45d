import io

import pytest
from rich.console import Console

from lrfinder import Check, Finding, Outcome
from lrfinder.views.diagnosis import answer, check_view

HOLDS = Finding("two trainings agree", Outcome.HOLDS)
GOOD = tuple(Finding(f"parameter: {k}.weight", Outcome.HOLDS, changed=True) for k in range(9))
LAW = (Finding("time repeats", Outcome.HOLDS),)


def text(check, width=200):
    console = Console(file=io.StringIO(), width=width)
    console.print(check_view(check))
    return console.file.getvalue()  # pyright: ignore[reportAttributeAccessIssue]


def test_restored_things_are_counted_by_kind_and_lost_ones_named():
    shown = text(Check((*GOOD, Finding("generator: mine", Outcome.BROKEN, detail="after a while")), HOLDS, LAW))
    assert "NO   generator: mine  after a while" in shown
    assert "yes  parameter: 9" in shown
    assert "3.weight" not in shown
    assert "changed by the training" in shown


def test_a_few_restored_things_are_named():
    assert "parameter: 0.weight, 1.weight" in text(Check(GOOD[:2], HOLDS, LAW))


def test_names_are_shown_as_they_are_and_move_no_cursor():
    shown = text(Check((Finding("attribute: [red]\x1b[2J", Outcome.BROKEN, detail="[/]"),), HOLDS, LAW))
    assert "attribute: [red]\\x1b[2J" in shown
    assert "\x1b" not in shown


@pytest.mark.parametrize(
    ("check", "sentence"),
    [
        (Check(GOOD, HOLDS, LAW), "no trace"),
        (Check((), HOLDS, LAW), "As far as the losses show"),
        (Check((Finding("x", Outcome.BROKEN),), HOLDS, LAW), "1 thing is not restored: x."),
        (Check((Finding("x", Outcome.BROKEN),) * 9, HOLDS, LAW), "9 things are not restored: x, x, x, x, …."),
        (Check(GOOD, Finding("x", Outcome.BROKEN), LAW), "is not deterministic"),
        (Check((), Finding("x", Outcome.NOT_ASKED), LAW), "Not everything is restored"),
        (Check(GOOD, HOLDS, (Finding("x", Outcome.BROKEN),)), "Not everything is restored"),
    ],
)
def test_the_answer_is_one_sentence(check, sentence):
    assert sentence in answer(check)
    assert sentence in text(check)
