"""Many pieces are restored, even where some of them fail."""

import pytest

from lrfinder import RestoreError
from lrfinder._state.rollback import restore_all
from lrfinder.randomness import RandomGenerator, restore_states


def refusing(error):
    def refuse():
        raise error

    return refuse


def test_pieces_after_one_that_fails_are_restored_too():
    restored = []
    with pytest.raises(RestoreError):
        restore_all([("a", refusing(ValueError())), ("b", lambda: restored.append("b"))])
    assert restored == ["b"]


def test_the_error_names_every_piece_that_failed_and_why():
    with pytest.raises(RestoreError, match=r"^a \(ValueError: too\s+hot\), b \(MemoryError\) could not be restored"):
        restore_all([("a", refusing(ValueError("too\nhot"))), ("b", refusing(MemoryError())), ("c", list)])


def test_the_error_has_the_names_and_the_exceptions():
    error = ValueError()
    with pytest.raises(RestoreError) as caught:
        restore_all([("a", refusing(error))])
    assert caught.value.failures == (("a", error),)
    assert caught.value.__cause__ is error


def test_each_piece_of_a_piece_is_named():
    inner = lambda: restore_all([("a", refusing(ValueError())), ("b", refusing(ValueError()))])
    with pytest.raises(RestoreError) as caught:
        restore_all([("all", inner), ("c", refusing(ValueError()))])
    assert [name for name, _ in caught.value.failures] == ["a", "b", "c"]


def test_ten_of_very_many_failures_are_named_and_the_others_counted():
    with pytest.raises(RestoreError, match=r"9 \(ValueError\), 15 more could not"):
        restore_all([(k, refusing(ValueError())) for k in range(25)])


def test_an_exit_is_raised_after_the_last_piece_with_the_names_as_its_note():
    restored, leaving = [], SystemExit(3)
    with pytest.raises(SystemExit) as caught:
        restore_all([("a", refusing(leaving)), ("b", lambda: restored.append("b"))])
    assert (caught.value, restored) == (leaving, ["b"])
    assert "a (SystemExit: 3) could not be restored" in leaving.__notes__[0]


def test_a_generator_that_rejects_its_state_is_named_and_the_others_are_restored():
    restored = []
    refuser = RandomGenerator("mine", list, lambda state: refusing(ValueError("no"))())
    with pytest.raises(RestoreError, match=r"generator mine \(ValueError: no\)"):
        restore_states(((refuser, 1), (RandomGenerator("other", list, restored.append), 2)))
    assert restored == [2]
