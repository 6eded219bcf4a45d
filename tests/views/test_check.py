import io

import pytest
from rich.console import Console

from lrfinder import Check, Finding, Outcome
from lrfinder.views.check import answer, check_view

HOLDS = Finding("two trainings agree", Outcome.HOLDS)
GOOD = tuple(Finding(f"parameter: {k}.weight", Outcome.HOLDS, changed=True) for k in range(9))
LAW = (Finding("time repeats", Outcome.HOLDS),)


def text(check, width=200):
    console = Console(file=io.StringIO(), width=width)
    console.print(check_view(check))
    return console.file.getvalue()


def test_what_comes_back_is_told_by_kind_and_what_does_not_by_name():
    shown = text(Check((*GOOD, Finding("generator: mine", Outcome.BROKEN, detail="after a while")), HOLDS, LAW))
    assert "NO   generator: mine  after a while" in shown
    assert "yes  parameter: 9" in shown
    assert "3.weight" not in shown
    assert "changed by the training" in shown


def test_a_few_are_told_by_name():
    assert "parameter: 0.weight, 1.weight" in text(Check(GOOD[:2], HOLDS, LAW))


def test_names_are_shown_as_they_are_and_move_no_cursor():
    shown = text(Check((Finding("attribute: [red]\x1b[2J", Outcome.BROKEN, detail="[/]"),), HOLDS, LAW))
    assert "attribute: [red]\\x1b[2J" in shown
    assert "\x1b" not in shown


@pytest.mark.parametrize(
    ("check", "said"),
    [
        (Check(GOOD, HOLDS, LAW), "no trace"),
        (Check((), HOLDS, LAW), "As far as its losses show"),
        (Check((Finding("x", Outcome.BROKEN),), HOLDS, LAW), "1 thing does not come back: x."),
        (Check((Finding("x", Outcome.BROKEN),) * 9, HOLDS, LAW), "9 things do not come back: x, x, x, x, …."),
        (Check(GOOD, Finding("x", Outcome.BROKEN), LAW), "does not repeat by itself"),
        (Check((), Finding("x", Outcome.NOT_ASKED), LAW), "breaks the law"),
        (Check(GOOD, HOLDS, (Finding("x", Outcome.BROKEN),)), "breaks the law"),
    ],
)
def test_the_answer_is_one_sentence(check, said):
    assert said in answer(check)
    assert said in text(check)
