"""The report of a failure: one sentence, an exit code, and the rank where several processes run."""

import pytest
import typer

from lrfinder import RankError, RatesError
from lrfinder._cli.output import leads, reporting_errors


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
    assert capsys.readouterr().err == "ValueError: a bad batch lrfinder: raised at iteration 3.\n"


def test_what_a_terminal_would_obey_is_printed_as_an_escape(capsys):
    report(ValueError("\x1b[31mred"))
    assert capsys.readouterr().err == "ValueError: \\x1b[31mred\n"


def test_an_interrupt_is_reported_in_a_word(capsys):
    assert report(KeyboardInterrupt()) == 1
    assert capsys.readouterr().err == "Interrupted.\n"


def test_with_debug_the_error_itself_is_raised():
    with pytest.raises(ZeroDivisionError), reporting_errors(debug=True):
        raise ZeroDivisionError


def test_one_of_several_ranks_names_itself(as_rank, capsys):
    as_rank(1)
    report(ValueError("a bad batch"))
    assert capsys.readouterr().err == "Rank 1: ValueError: a bad batch\n"


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
