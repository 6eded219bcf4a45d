"""The look of the check at objects of any class, which shares no code with the snapshot."""

import numpy as np
import pytest

from lrfinder._check.objects import observed


def seen(value):
    return observed({"it": value}, {}, lambda _: None, frozenset())


class Sealed:
    __slots__ = ("__hidden",)

    def __init__(self, value):
        self.__hidden = value

    def change(self):
        self.__hidden += 1


def draw_from(generator):
    generator.random()


def write_into(array):
    array[0] = array[1]


@pytest.mark.parametrize(
    ("value", "change"),
    [
        (Sealed(1), Sealed.change),
        (np.random.Generator(np.random.MT19937(0)), draw_from),
        (np.random.RandomState(0), draw_from),
        (np.array(["2026-01-01", "2026-01-02"], "M8[D]"), write_into),
        (np.array([(1, 2.0), (3, 4.0)], "i4, f8"), write_into),
        (bytearray(b"ab"), write_into),
    ],
    ids=["a slot with a private name", "bits", "a legacy generator", "dates", "records", "bytes"],
)
def test_a_change_is_seen(value, change):
    with np.printoptions(threshold=2):  # which shortens what numpy prints
        before = seen(value)
        assert seen(value) == before
        change(value)
        assert seen(value) != before
