"""Putting many things back, also when some of them refuse."""

import pytest

from lrfinder import RestoreError
from lrfinder._state.object_graph import Memory, Taken
from lrfinder._state.rollback import put_back_all
from lrfinder.randomness import Generator, put_back


def refusing(error):
    def refuse():
        raise error

    return refuse


def test_pieces_after_one_that_refuses_are_put_back_too():
    back = []
    with pytest.raises(RestoreError):
        put_back_all([("a", refusing(ValueError())), ("b", lambda: back.append("b"))])
    assert back == ["b"]


def test_the_error_names_every_piece_that_refused_and_why():
    with pytest.raises(RestoreError, match=r"^a \(ValueError: too\s+hot\), b \(MemoryError\) could not be put back"):
        put_back_all([("a", refusing(ValueError("too\nhot"))), ("b", refusing(MemoryError())), ("c", list)])


def test_the_error_holds_the_names_with_what_they_raised():
    error = ValueError()
    with pytest.raises(RestoreError) as caught:
        put_back_all([("a", refusing(error))])
    assert caught.value.failures == (("a", error),)
    assert caught.value.__cause__ is error


def test_pieces_of_pieces_are_named_each():
    inner = lambda: put_back_all([("a", refusing(ValueError())), ("b", refusing(ValueError()))])
    with pytest.raises(RestoreError) as caught:
        put_back_all([("all", inner), ("c", refusing(ValueError()))])
    assert [name for name, _ in caught.value.failures] == ["a", "b", "c"]


def test_of_very_many_pieces_ten_are_named_and_the_rest_counted():
    with pytest.raises(RestoreError, match=r"9 \(ValueError\), 15 more could not"):
        put_back_all([(k, refusing(ValueError())) for k in range(25)])


def test_an_exit_passes_through_once_all_is_tried_and_carries_the_names():
    back, leaving = [], SystemExit(3)
    with pytest.raises(SystemExit) as caught:
        put_back_all([("a", refusing(leaving)), ("b", lambda: back.append("b"))])
    assert (caught.value, back) == (leaving, ["b"])
    assert "a (SystemExit: 3) could not be put back" in leaving.__notes__[0]


def test_a_generator_that_refuses_its_state_is_named_and_the_others_have_theirs():
    back = []
    refuser = Generator("mine", list, lambda state: refusing(ValueError("no"))())
    with pytest.raises(RestoreError, match=r"generator mine \(ValueError: no\)"):
        put_back(((refuser, 1), (Generator("other", list, back.append), 2)))
    assert back == [2]


class Refuser:
    pass


def test_a_value_in_a_memory_is_named_by_the_way_to_it():
    def take(value):
        return Taken(refusing(ValueError("no"))) if isinstance(value, Refuser) else None

    memory = Memory([{"net": {"_parts": [0, {"weight": Refuser()}]}}], take)
    with pytest.raises(RestoreError, match=r"^net\.1\.weight \(ValueError: no\) could"):
        memory.restore()
