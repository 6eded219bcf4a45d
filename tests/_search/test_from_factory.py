"""lrfinder.suggest: the search of LRFinder.suggest with a factory, also after an interruption."""

import pytest
from fake_learners import Bowl, Scripted

import lrfinder
from lrfinder import LRFinder, one_cycle
from lrfinder._search.rounds import rounds_of
from lrfinder.analysis.shapes import shape_of_rates
from lrfinder.errors import FactoryError, ResultFileError


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
    {"rates": [1e-4, 1e-3, 1e-2, 1e-1]}, {"keep": 6},
])  # fmt: skip
def test_it_is_the_suggestion_of_a_finder(settings):
    suggestion = lrfinder.suggest(noisy, **settings)
    assert suggestion == LRFinder(noisy()).suggest(**settings)
    assert suggestion.extra_iterations == 0


def test_every_record_is_passed_on_once():
    records, by_finder = [], []
    lrfinder.suggest(noisy, on_record=records.append)
    LRFinder(noisy()).suggest(on_record=by_finder.append)
    assert records == by_finder


@pytest.mark.parametrize("at", [3, 31, 75, 200, 400, 480])
@pytest.mark.parametrize("schedule", [lrfinder.constant, one_cycle])
def test_after_an_interrupt_it_continues_to_the_same_answer(tmp_path, at, schedule):
    path, learners = tmp_path / "search", []

    def factory():
        learners.append(noisy() if learners else Interrupted(at))
        return learners[-1]

    with pytest.raises(KeyboardInterrupt):
        lrfinder.suggest(factory, path=path, schedule=schedule)
    records = []
    suggestion = lrfinder.suggest(factory, path=path, schedule=schedule, on_record=records.append)
    expected = []
    assert suggestion == LRFinder(noisy()).suggest(schedule=schedule, on_record=expected.append)
    assert records[-suggestion.iterations :] == expected[len(expected) - len(records) :]
    assert not path.exists()


def test_after_an_interrupt_neither_the_sweep_nor_a_finished_trial_is_trained_again_unless_it_is_lengthened(tmp_path):
    lrs = []

    class Noted(Bowl):
        def iteration(self, lr):
            lrs.append(lr)
            if len(lrs) == 300:
                raise KeyboardInterrupt
            return super().iteration(lr)

    def factory():
        return Noted(curvature=1.0, noise=0.05, momentum=0.5)

    with pytest.raises(KeyboardInterrupt):
        lrfinder.suggest(factory, path=tmp_path / "search")
    before = list(lrs)
    suggestion = lrfinder.suggest(factory, path=tmp_path / "search")
    again = set(lrs[len(before) :])
    lengthened = {probe.lr for probe in suggestion.probes if len(probe.losses) > rounds_of(300, 650)[0].length}
    assert again <= lengthened
    assert suggestion.extra_iterations > 0


def test_another_search_in_the_file_is_refused_and_the_file_unchanged(tmp_path):
    path = tmp_path / "search"
    with pytest.raises(KeyboardInterrupt):
        lrfinder.suggest(lambda: Interrupted(200), path=path)
    before = path.read_bytes()
    with pytest.raises(ResultFileError, match="horizon"):
        lrfinder.suggest(lambda: noisy(), 1000, path=path)
    assert path.read_bytes() == before


SAME_NAME = {
    "functions": (lambda progress: 1 - progress, lambda progress: (1 - progress) ** 2),
    "warm-ups": (lrfinder.warmup_cosine(0.1), lrfinder.warmup_cosine(0.1000004)),
    "shapes": tuple(shape_of_rates("StepLR", [1.0] * 90 + [factor] * 10) for factor in (0.5, 0.1)),
}


@pytest.mark.parametrize(("first", "second"), SAME_NAME.values(), ids=SAME_NAME)
def test_a_search_under_another_schedule_of_the_same_name_is_refused(tmp_path, first, second):
    path = tmp_path / "search"
    with pytest.raises(KeyboardInterrupt):
        lrfinder.suggest(lambda: Interrupted(200), schedule=first, path=path)
    with pytest.raises(ResultFileError, match="schedule;"):
        lrfinder.suggest(noisy, schedule=second, path=path)


def test_a_result_in_the_file_is_refused_and_the_file_unchanged(tmp_path):
    path = tmp_path / "curve.json"
    LRFinder(noisy()).find().to_json(path)
    before = path.read_bytes()
    with pytest.raises(ResultFileError, match="no part of a search"):
        lrfinder.suggest(noisy, path=path)
    assert path.read_bytes() == before


@pytest.mark.parametrize("cut", [1, 100])
def test_a_file_whose_last_line_was_cut_off_is_continued(tmp_path, cut):
    path, learners = tmp_path / "search", []

    def factory():
        learners.append(noisy() if learners else Interrupted(300))
        return learners[-1]

    with pytest.raises(KeyboardInterrupt):
        lrfinder.suggest(factory, path=path)
    path.write_bytes(path.read_bytes()[:-cut])
    assert lrfinder.suggest(factory, path=path) == LRFinder(noisy()).suggest()


def test_another_learner_than_before_the_interrupt_is_refused(tmp_path):
    path, learners = tmp_path / "search", []

    def factory():
        learners.append(Bowl(curvature=20.0) if learners else Interrupted(200))
        return learners[-1]

    with pytest.raises(KeyboardInterrupt):
        lrfinder.suggest(factory, path=path)
    with pytest.raises(FactoryError, match="same learner"):
        lrfinder.suggest(factory, path=path)


def test_an_exception_of_the_learner_passes_through():
    with pytest.raises(ZeroDivisionError):
        lrfinder.suggest(lambda: Scripted([1.0, ZeroDivisionError("mine")]))


def test_the_learner_is_closed():
    learners = []

    def factory():
        learners.append(noisy())
        return learners[-1]

    lrfinder.suggest(factory)
    assert [learner.closed for learner in learners] == [True]
