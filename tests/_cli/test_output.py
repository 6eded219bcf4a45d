"""The report of a failure: one sentence, an exit code, and the rank where several processes run."""

import re

import pytest
import typer
from fake_learners import Bowl, Scripted

from lrfinder import LRFinder, RankError, RatesError, load
from lrfinder._cli.destinations import destinations
from lrfinder._cli.output import exit_without_rate, leads, reporting_errors, show
from lrfinder._factories import FactoryCallError
from lrfinder.errors import FactoryError, GridError


class OfRank:
    def __init__(self, rank):
        self.rank = rank


def report(error, *, debug=False):
    """Return the exit code after an error."""
    with pytest.raises(typer.Exit) as ended, reporting_errors(debug=debug):
        raise error
    return ended.value.exit_code


@pytest.fixture
def as_rank(monkeypatch):
    def launch(rank):
        monkeypatch.setenv("RANK", str(rank))
        monkeypatch.setenv("WORLD_SIZE", "2")

    return launch


def test_an_error_of_lrfinder_is_its_message(capsys):
    assert report(RatesError("lr_start is -1.0")) == 2
    assert capsys.readouterr().err == "lr_start is -1.0\n"


def test_another_error_is_its_type_its_message_and_its_notes(capsys):
    error = ValueError("a bad batch")
    error.add_note("lrfinder: raised at iteration 3.")
    assert report(error) == 1
    said = re.sub(r"[^ (]+, line \d+", "here", capsys.readouterr().err)
    assert said == (
        "ValueError: a bad batch (here) lrfinder: raised at iteration 3. Run it with --debug for the traceback.\n"
    )


def test_what_a_terminal_would_obey_is_printed_as_an_escape(capsys):
    report(ValueError("\x1b[31mred"))
    assert capsys.readouterr().err.startswith("ValueError: \\x1b[31mred (")


def test_an_interrupt_is_reported_in_a_word(capsys):
    assert report(KeyboardInterrupt()) == 130
    assert capsys.readouterr().err == "Interrupted.\n"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (OSError("no disk"), 1),
        (GridError("no axes"), 2),
        (FactoryCallError("no such function"), 2),
        (FactoryError("raised"), 1),
    ],
)
def test_the_exit_code_tells_a_failure_from_a_wrong_call(error, code):
    assert report(error) == report(error, debug=True) == code


def test_with_debug_the_traceback_is_printed(capsys):
    assert report(ZeroDivisionError("mine"), debug=True) == 1
    said = capsys.readouterr().err
    assert said.startswith("Traceback")
    assert "ZeroDivisionError: mine" in said


def bowl_result():
    return LRFinder(Bowl(curvature=100, noise=0.05)).find()


def test_one_file_that_cannot_be_written_costs_neither_the_others_nor_the_printed_result(tmp_path, capsys):
    files = destinations([tmp_path / "gone" / "r.csv", tmp_path / "r.json"], None, None, None)
    with pytest.raises(typer.Exit) as ended:
        show(bowl_result(), files)
    assert ended.value.exit_code == 1
    assert load(tmp_path / "r.json") == bowl_result()
    printed = capsys.readouterr()
    assert "Suggested:" in printed.out
    assert f"written: {tmp_path / 'r.json'}" in printed.out
    assert "r.csv was not written: " in printed.err
    assert "written: " not in printed.out.replace(f"written: {tmp_path / 'r.json'}", "")


def test_a_result_without_a_rate_exits_with_1():
    flat = LRFinder(Scripted([1.0] * 200)).find()
    with pytest.raises(typer.Exit) as ended:
        exit_without_rate(flat)
    assert ended.value.exit_code == 1
    exit_without_rate(bowl_result())


def test_one_of_several_ranks_names_itself(as_rank, capsys):
    as_rank(1)
    report(ValueError("a bad batch"))
    assert capsys.readouterr().err.startswith("Rank 1: ValueError: a bad batch (")


@pytest.mark.parametrize(("rank", "reports"), [(0, True), (1, False)])
def test_the_failure_of_another_rank_is_reported_by_the_first_alone(as_rank, capsys, rank, reports):
    as_rank(rank)
    report(RankError("Rank 2 raised ValueError: a bad batch.", 2))
    assert bool(capsys.readouterr().err) is reports


def test_the_failure_of_the_first_rank_is_reported_by_the_others(as_rank, capsys):
    as_rank(1)
    report(RankError("Rank 0 did not answer in time.", 0))
    assert "Rank 0 did not answer" in capsys.readouterr().err


def test_the_first_rank_of_a_learner_leads():
    assert [leads(OfRank(rank)) for rank in (0, 1)] == [True, False]
    assert leads(object())
