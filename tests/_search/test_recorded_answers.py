"""The answers of the search are those recorded: every loss bit for bit, every rate to rounding."""

import json
from pathlib import Path

import pytest
from recorded_searches import SETTINGS, TRAININGS, curve_alone, search

RECORDED = json.loads(Path(__file__).with_name("recorded_answers.json").read_text(encoding="utf-8"))


RATES = ("lr", "low", "high")  # exponentials of another machine may differ in the last bit


def equal(answer, recorded):
    rates, others = [answer.pop(name) for name in RATES], [recorded[name] for name in RATES]
    return rates == pytest.approx(others, rel=1e-6) and answer == {k: v for k, v in recorded.items() if k not in RATES}


@pytest.mark.parametrize("settings", SETTINGS)
@pytest.mark.parametrize("training", TRAININGS)
def test_a_search_gives_the_recorded_answer(training, settings):
    assert equal(search(training, settings), RECORDED[training][settings])


@pytest.mark.parametrize("training", TRAININGS)
def test_a_range_test_gives_the_recorded_answer(training):
    assert equal(curve_alone(training), RECORDED[training]["curve alone"])
