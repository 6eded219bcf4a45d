"""The barrier of the ranks, with a fake channel in place of other processes."""

import pytest

from lrfinder.errors import DataEndedError, RankError
from lrfinder.torch._distributed.barrier import Message, Phase, RankBarrier, Stage
from lrfinder.torch._distributed.channel import FaultReport, Note

RAISED, DATA_ENDED = 1, 2


class Channel:
    """Rank 0 of two. ``other`` answers for rank 1; None if rank 1 does not answer."""

    ranks = (0, 1)
    rank = 0
    is_open = True

    def __init__(self, other):
        self.other = other
        self.notes = []

    def exchange(self, message):
        if self.other is None:
            raise RuntimeError("gloo: timed out")
        return [list(message), list(message[:1] + self.other[1:2] + message[2:])]

    def leave_note(self, error_text, *, is_consequence):
        self.notes.append(Note(1, 0, error_text, is_consequence))

    def read_notes(self, ranks):
        return FaultReport(
            tuple(note for note in (*self.notes, Note(2, 1, "ValueError: a bad batch", False)) if note.rank in ranks)
        )

    def wait_for_notes(self):
        return FaultReport(tuple(self.notes), missing=(1,))

    def drop_notes(self):
        self.notes.clear()

    def share(self, settings):
        return [settings, settings]


def entered(channel):
    barrier = RankBarrier(channel, dict)
    barrier.enter()
    return barrier


def test_all_ranks_pass_where_none_has_a_fault():
    barrier = entered(Channel(Message()))
    loss = Message(list(Stage).index(Stage.LOSS), 0, 0.1, 2.0, 8.0)
    assert barrier.wait(Stage.LOSS, lr=0.1, loss=2.0, size=8.0) == [loss] * 2
    assert barrier.phase is Phase.OPEN


def test_a_fault_of_another_rank_ends_the_sweep_and_the_next_call_starts_again():
    channel = Channel(Message(fault=RAISED))
    barrier = entered(channel)
    with pytest.raises(RankError, match=r"Rank 1 raised ValueError: a bad batch\.$") as raised:
        barrier.wait(Stage.LOSS)
    assert (raised.value.rank, barrier.phase) == (1, Phase.ENDED)
    channel.other = Message()
    barrier.enter()
    assert barrier.phase is Phase.OPEN


def test_data_that_end_on_another_rank_end_the_sweep():
    barrier = entered(Channel(Message(fault=DATA_ENDED)))
    with pytest.raises(DataEndedError, match="The data of rank 1 have ended"):
        barrier.wait(Stage.DRAW)
    assert barrier.phase is Phase.ENDED


def test_a_rank_that_does_not_answer_breaks_the_process_group_for_good():
    barrier = entered(Channel(None))
    with pytest.raises(RankError, match="Rank 1 did not answer in time"):
        barrier.wait(Stage.LOSS)
    assert barrier.phase is Phase.BROKEN
    with pytest.raises(RankError, match="end all processes and start them again"):
        barrier.enter()


def test_a_failure_is_announced_once_and_raised_as_it_is():
    channel = Channel(Message())
    barrier = entered(channel)
    with pytest.raises(KeyError), barrier.announcing(), barrier.announcing():
        raise KeyError("mine")
    assert [note.error_text for note in channel.notes] == ["KeyError: 'mine'"]
    assert barrier.phase is Phase.ENDED


def test_an_error_of_a_collective_becomes_the_error_of_the_rank_that_caused_it():
    barrier = entered(Channel(None))
    with pytest.raises(RankError, match="Rank 1 did not answer in time"), barrier.announcing():
        raise RuntimeError("[gloo] connection closed by peer")
