"""A fault on one rank ends the sweep on all; what is local is put back; nobody hangs."""

import pytest
import rank_faults
import rank_processes as ranks
import rank_trainings as trainings
from rank_faults import interrupt, kill, leave, raising, run_out_of_memory

import lrfinder

LIMIT = 60  # seconds, within which each run must have ended

INTACT = {
    "ddp": [
        ("data", raising),
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
}
BROKEN = [("ddp", "backward", raising), ("ddp", "backward", interrupt), ("fsdp", "forward", raising)]
KILLED = [("ddp", "loss", 1, 2), ("ddp", "backward", 0, 2), ("fsdp", "update", 1, 2), ("ddp", "data", 2, 4)]
RAISED = {raising: "MyError", interrupt: "KeyboardInterrupt", leave: "SystemExit", run_out_of_memory: "OutOfMemoryError"}


@pytest.fixture(scope="module")
def reports():
    """Of each fault that leaves the processes able to go on, what both ranks saw."""
    found = {}
    for kind, faults in INTACT.items():
        both = ranks.values(rank_faults.struck_by_each, kind, faults, limit=LIMIT + 10 * len(faults))
        found.update(((kind, *fault), of_both) for fault, of_both in zip(faults, zip(*both, strict=True), strict=True))
    return found


def name(value):
    return getattr(value, "__name__", str(value))


@pytest.mark.parametrize(
    ("kind", "place", "what"), [(kind, *fault) for kind, faults in INTACT.items() for fault in faults], ids=name
)
def test_what_one_rank_raises_ends_the_sweep_on_all_and_all_can_go_on(reports, kind, place, what):
    other, own = reports[kind, place, what]
    assert own.error == RAISED[what]
    assert (other.error, other.rank) == ("RankError", 1)
    assert f"Rank 1 raised {RAISED[what]}" in other.said
    assert other.restored
    assert own.restored
    assert other.again
    assert own.again


@pytest.mark.parametrize("kind", ["ddp", "fsdp"])
def test_a_loss_that_is_no_number_on_one_rank_ends_the_sweep_on_all(kind):
    every = ranks.values(rank_faults.struck, kind, "not a number", raising, 0, limit=LIMIT)
    assert [(one.stop, one.restored, one.again) for one in every] == [("NOT_FINITE", True, True)] * 2


@pytest.mark.parametrize(("kind", "place", "what"), BROKEN, ids=name)
def test_where_others_wait_inside_the_model_the_process_group_is_told_to_be_broken(kind, place, what):
    other, own = ranks.values(rank_faults.struck, kind, place, what, limit=LIMIT)
    assert (own.error, own.restored, own.broken) == (RAISED[what], True, True)
    assert (other.error, other.rank, other.restored, other.broken) == ("RankError", 1, True, True)


@pytest.mark.parametrize(("kind", "place", "who", "count"), KILLED, ids=name)
def test_a_rank_that_was_killed_is_named_by_all_others(kind, place, who, count):
    every = ranks.run(rank_faults.struck, kind, place, kill, who, ranks=count, limit=LIMIT)
    assert every[who].exit_code == -9
    for rank, one in enumerate(every):
        if rank != who:
            assert (one.value.error, one.value.rank, one.value.restored, one.value.broken) == ("RankError", who, True, True)
            assert f"Rank {who} did not answer in time" in one.value.said


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


def test_an_exception_that_is_handled_before_a_sweep_is_no_fault_of_the_sweep():
    assert ranks.values(inside_an_except_block) == [True, True]
