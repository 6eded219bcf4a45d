import io
import re

import pytest
from rich.console import Console

from lrfinder import Check, Finding, Outcome
from lrfinder.views.diagnosis import answer, check_view
from lrfinder.views.html import check_html

HOLDS = Finding("two trainings agree", Outcome.HOLDS)
GOOD = tuple(Finding(f"parameter: {k}.weight", Outcome.HOLDS, changed=True) for k in range(9))
LAW = (Finding("time repeats", Outcome.HOLDS),)


def of_a_resnet(lost=0):
    """Return the check of a net with the tensors of a ResNet-18, of whose parameters some are not restored."""
    kinds = {"parameter": 62, "gradient": 62, "buffer": 60, "mode": 68, "optimizer state": 186, "group value": 12}
    kinds |= {"attribute": 253, "generator": 4, "position in the data": 1}
    state = [
        Finding(
            f"{kind}: layer{k % 4 + 1}.{k}.downsample.weight",
            Outcome.BROKEN if kind == "parameter" and k < lost else Outcome.HOLDS,
            changed=kind != "mode",
            detail="after a training that diverged" if kind == "parameter" and k < lost else "",
        )
        for kind, count in kinds.items()
        for k in range(count)
    ]
    law = [Finding(f"a long sentence about the number {k} of all these", Outcome.HOLDS) for k in range(5)]
    asked = Outcome.NOT_ASKED if lost else Outcome.HOLDS
    return Check(
        tuple(state), Finding("two trainings from one state agree", asked, detail="lost things may be why"), tuple(law)
    )


@pytest.mark.parametrize("lost", [0, 1, 7, 62])
def test_a_check_is_printed_as_one_table_that_fits_a_screen(lost):
    shown = str(of_a_resnet(lost)).splitlines()
    assert len(shown) <= 25
    assert max(map(len, shown)) <= 80
    answer = (
        "Everything is restored" if not lost else f"{lost} thing{'s are' if lost > 1 else ' is'} not restored: parameter: "
    )
    assert shown[0].startswith(answer)
    assert sum("NO " in line for line in shown) == (8 if lost == 62 else lost)
    assert ("and 55 more" in str(of_a_resnet(lost))) == (lost == 62)


def test_the_representation_is_short():
    assert repr(of_a_resnet(3)) == "<Check: ok=False, 708 values observed, 3 of them not restored>"


def test_a_notebook_shows_the_same_rows_escaped():
    check = of_a_resnet(62)
    assert check._repr_html_() == check_html(check)
    assert check._repr_html_().count("<tr>") == 1 + 8 + 8 + 1
    named = check_html(Check((Finding("attribute: <b>", Outcome.BROKEN, detail="<i>"),), HOLDS, LAW))
    assert "<b>" not in named
    assert "&lt;b&gt;" in named


def test_rich_prints_a_check_as_the_command_line_does():
    console = Console(file=io.StringIO(), width=80)
    console.print(of_a_resnet(3))
    assert [line.rstrip() for line in console.file.getvalue().splitlines()] == str(of_a_resnet(3)).splitlines()  # pyright: ignore[reportAttributeAccessIssue]


def test_the_reason_why_two_trainings_differ_is_below_the_table():
    shown = text(Check(GOOD, Finding("x", Outcome.BROKEN, detail="everything, and yet 1 is not 2"), LAW))
    assert shown.rstrip().endswith("Everything, and yet 1 is not 2.")


def test_faults_of_the_learner_are_named_where_nothing_is_lost():
    broken = Finding("a snapshot changes nothing", Outcome.BROKEN, detail="the loss is 1")
    assert "a snapshot changes nothing" in text(Check(GOOD, HOLDS, (*LAW, broken)))
    assert "a snapshot changes nothing" not in text(Check((Finding("x", Outcome.BROKEN),), HOLDS, (*LAW, broken)))


def text(check, width=200):
    console = Console(file=io.StringIO(), width=width)
    console.print(check_view(check))
    return console.file.getvalue()  # pyright: ignore[reportAttributeAccessIssue]


def test_restored_things_are_counted_by_kind_and_lost_ones_named():
    shown = text(Check((*GOOD, Finding("generator: mine", Outcome.BROKEN, detail="after a while")), HOLDS, LAW))
    assert re.search(r"NO   generator: mine +after a while", shown)
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
        (Check((), HOLDS, LAW), "Everything is restored, as far as the losses show"),
        (Check((Finding("x", Outcome.BROKEN),), HOLDS, LAW), "1 thing is not restored: x."),
        (Check((Finding("x", Outcome.BROKEN),) * 9, HOLDS, LAW), "9 things are not restored: x, x, x, x, …."),
        (Check(GOOD, Finding("x", Outcome.BROKEN), LAW), "and yet two trainings from one state differ"),
        (Check((), Finding("x", Outcome.NOT_ASKED), LAW), "Not everything is restored"),
        (Check(GOOD, HOLDS, (Finding("x", Outcome.BROKEN),)), "Not everything is restored"),
    ],
)
def test_the_answer_is_one_sentence(check, sentence):
    assert sentence in answer(check)
    assert sentence in text(check)
