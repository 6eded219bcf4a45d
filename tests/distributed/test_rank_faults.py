"""A fault on one rank ends the sweep on all: each restores what it holds, and none hangs."""

import pytest
import rank_faults
import rank_processes as ranks
import rank_trainings as trainings
from rank_faults import interrupt, kill, leave, raising, run_out_of_memory

import lrfinder

LIMIT_SECONDS = 60  # within which each run must end

INTACT = {
    "ddp": [
        ("data", raising),
        ("before the model", raising),
        ("forward", raising),
        ("loss", raising),
        ("loss", run_out_of_memory),
        ("loss", interrupt),
        ("loss", leave),
        ("update", raising),
        ("callback", raising),
        ("callback", interrupt),
    ],
    "fsdp": [("data", raising), ("loss", raising), ("update", raising), ("callback", interrupt)],
    "zero": [("data", raising), ("loss", raising)],
}
BROKEN = [
    ("ddp", "backward", raising),
    ("ddp", "backward", interrupt),
    ("fsdp", "forward", raising),
    ("zero", "update", raising),
]
KILLED = [("ddp", "loss", 1, 2), ("ddp", "backward", 0, 2), ("fsdp", "update", 1, 2), ("ddp", "data", 2, 4)]
RAISED = {raising: "MyError", interrupt: "KeyboardInterrupt", leave: "SystemExit", run_out_of_memory: "OutOfMemoryError"}


@pytest.fixture(scope="module")
def reports():
    """Return the reports of both ranks, by each fault after which the processes can continue."""
    reports = {}
    for kind, faults in INTACT.items():
        both = ranks.values(rank_faults.reports_of, kind, faults, limit=LIMIT_SECONDS + 10 * len(faults))
        reports.update(((kind, *fault), pair) for fault, pair in zip(faults, zip(*both, strict=True), strict=True))
    return reports


def name(value):
    return getattr(value, "__name__", str(value))


@pytest.mark.parametrize(
    ("kind", "place", "what"), [(kind, *fault) for kind, faults in INTACT.items() for fault in faults], ids=name
)
def test_an_exception_on_one_rank_ends_the_sweep_on_all_and_all_can_continue(reports, kind, place, what):
    other, own = reports[kind, place, what]
    assert own.error == RAISED[what]
    assert (other.error, other.rank) == ("RankError", 1)
    assert f"Rank 1 raised {RAISED[what]}" in other.error_text
    assert other.restored
    assert own.restored
    assert other.repeats
    assert own.repeats


@pytest.mark.parametrize("kind", ["ddp", "fsdp"])
def test_a_loss_that_is_not_a_number_on_one_rank_ends_the_sweep_on_all(kind):
    reports = ranks.values(rank_faults.report_of, kind, "not a number", raising, 0, limit=LIMIT_SECONDS)
    assert [(one.stop, one.restored, one.repeats) for one in reports] == [("NOT_FINITE", True, True)] * 2


@pytest.mark.parametrize(("kind", "place", "what"), BROKEN, ids=name)
def test_the_process_group_is_reported_as_broken_where_ranks_wait_inside_the_model(kind, place, what):
    other, own = ranks.values(rank_faults.report_of, kind, place, what, limit=LIMIT_SECONDS)
    assert (own.error, own.restored, own.broken) == (RAISED[what], True, True)
    assert (other.error, other.rank, other.restored, other.broken) == ("RankError", 1, True, True)


@pytest.mark.parametrize(("kind", "place", "who", "count"), KILLED, ids=name)
def test_a_rank_that_was_killed_is_named_by_all_others(kind, place, who, count):
    outcomes = ranks.run(rank_faults.report_of, kind, place, kill, who, ranks=count, limit=LIMIT_SECONDS)
    assert outcomes[who].exit_code == -9
    reports = [outcome.value for rank, outcome in enumerate(outcomes) if rank != who]
    for report in reports:
        assert (report.error, report.rank, report.restored, report.broken) == ("RankError", who, True, True)
        assert f"Rank {who} did not answer in time" in report.error_text


def inside_an_except_block(rank):
    """Compare two sweeps, of which rank 0 begins the first while it handles an older exception."""
    finder = lrfinder.LRFinder(trainings.learner("ddp", rank_timeout=16.0))
    try:
        if rank == 0:
            raise ValueError("older")
        first = finder.find(rates=trainings.LRS[:8])
    except ValueError:
        first = finder.find(rates=trainings.LRS[:8])
    return first.losses.tolist() == finder.find(rates=trainings.LRS[:8]).losses.tolist()


def test_an_exception_that_is_handled_before_a_sweep_is_not_a_fault_of_the_sweep():
    assert ranks.values(inside_an_except_block) == [True, True]
