"""lrfinder.suggest: the search of LRFinder.suggest with a factory, and from where it was interrupted."""

import pytest
from fake_learners import Bowl, Scripted

import lrfinder
from lrfinder import FactoryError, LRFinder, ResultFileError, one_cycle


def noisy():
    return Bowl(curvature=10.0, noise=0.05, momentum=0.5)


class Interrupted(Bowl):
    """Is interrupted at an iteration."""

    def __init__(self, at):
        super().__init__(curvature=10.0, noise=0.05, momentum=0.5)
        self.left = at

    def iteration(self, lr):
        self.left -= 1
        if self.left < 0:
            raise KeyboardInterrupt
        return super().iteration(lr)


@pytest.mark.parametrize("settings", [
    {}, {"horizon": 1000, "max_iterations": 2000}, {"max_iterations": 100}, {"schedule": one_cycle},
    {"rates": [1e-4, 1e-3, 1e-2, 1e-1]},
])  # fmt: skip
def test_it_is_the_suggestion_of_a_finder(settings):
    told = lrfinder.suggest(noisy, **settings)
    assert told == LRFinder(noisy()).suggest(**settings)
    assert told.extra_iterations == 0


def test_every_record_is_told_once():
    told, by_finder = [], []
    lrfinder.suggest(noisy, on_record=told.append)
    LRFinder(noisy()).suggest(on_record=by_finder.append)
    assert told == by_finder


@pytest.mark.parametrize("at", [3, 31, 75, 200, 400, 550])
@pytest.mark.parametrize("schedule", [lrfinder.constant, one_cycle])
def test_after_an_interrupt_it_goes_on_to_the_same_answer(tmp_path, at, schedule):
    path, made = tmp_path / "search", []

    def factory():
        made.append(Interrupted(at) if not made else noisy())
        return made[-1]

    with pytest.raises(KeyboardInterrupt):
        lrfinder.suggest(factory, path=path, schedule=schedule)
    told = []
    suggestion = lrfinder.suggest(factory, path=path, schedule=schedule, on_record=told.append)
    assert suggestion == LRFinder(noisy()).suggest(schedule=schedule)
    assert not path.exists()


def test_after_an_interrupt_neither_the_sweep_nor_a_finished_probe_is_made_again(tmp_path):
    """But what is lengthened is: its end was in memory."""
    asked = []

    class Noted(Bowl):
        def iteration(self, lr):
            asked.append(lr)
            if len(asked) == 300:
                raise KeyboardInterrupt
            return super().iteration(lr)

    def factory():
        return Noted(curvature=10.0, noise=0.05, momentum=0.5)

    with pytest.raises(KeyboardInterrupt):
        lrfinder.suggest(factory, path=tmp_path / "search")
    before = list(asked)
    suggestion = lrfinder.suggest(factory, path=tmp_path / "search")
    again = set(asked[len(before) :])
    lengthened = {probe.lr for probe in suggestion.probes if len(probe.losses) > 40}
    assert again <= lengthened
    assert suggestion.extra_iterations > 0


def test_another_search_in_the_file_is_refused_and_left_as_it_is(tmp_path):
    path = tmp_path / "search"
    with pytest.raises(KeyboardInterrupt):
        lrfinder.suggest(lambda: Interrupted(200), path=path)
    before = path.read_bytes()
    with pytest.raises(ResultFileError, match="horizon"):
        lrfinder.suggest(lambda: noisy(), 1000, path=path)
    assert path.read_bytes() == before


def test_a_result_in_the_file_is_refused_and_left_as_it_is(tmp_path):
    path = tmp_path / "curve.json"
    LRFinder(noisy()).find().to_json(path)
    before = path.read_bytes()
    with pytest.raises(ResultFileError, match="no part of a search"):
        lrfinder.suggest(noisy, path=path)
    assert path.read_bytes() == before


@pytest.mark.parametrize("cut", [1, 100])
def test_a_file_whose_last_line_was_cut_off_is_gone_on_with(tmp_path, cut):
    path, made = tmp_path / "search", []

    def factory():
        made.append(Interrupted(300) if not made else noisy())
        return made[-1]

    with pytest.raises(KeyboardInterrupt):
        lrfinder.suggest(factory, path=path)
    path.write_bytes(path.read_bytes()[:-cut])
    assert lrfinder.suggest(factory, path=path) == LRFinder(noisy()).suggest()


def test_a_learner_that_is_another_one_than_before_the_interrupt_is_told(tmp_path):
    path, made = tmp_path / "search", []

    def factory():
        made.append(Interrupted(200) if not made else Bowl(curvature=20.0))
        return made[-1]

    with pytest.raises(KeyboardInterrupt):
        lrfinder.suggest(factory, path=path)
    with pytest.raises(FactoryError, match="same learner"):
        lrfinder.suggest(factory, path=path)


def test_an_exception_of_the_learner_passes_through():
    with pytest.raises(ZeroDivisionError):
        lrfinder.suggest(lambda: Scripted([1.0, ZeroDivisionError("mine")]))


def test_the_learner_is_closed():
    made = []

    def factory():
        made.append(noisy())
        return made[-1]

    lrfinder.suggest(factory)
    assert [learner.closed for learner in made] == [True]
