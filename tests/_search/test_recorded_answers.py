"""The answers of the search are those recorded: every loss bit for bit, every rate to rounding."""

import json
from pathlib import Path

import pytest
from recorded_searches import SETTINGS, TRAININGS, curve_alone, search

RECORDED = json.loads(Path(__file__).with_name("recorded_answers.json").read_text(encoding="utf-8"))


RATES = ("lr", "low", "high")  # exponentials of another machine may differ in the last bit


def rounded(answer):
    return {name: float(f"{value:.6g}") if name in RATES and value else value for name, value in answer.items()}


@pytest.mark.parametrize("settings", SETTINGS)
@pytest.mark.parametrize("training", TRAININGS)
def test_a_search_gives_the_recorded_answer(training, settings):
    assert rounded(search(training, settings)) == rounded(RECORDED[training][settings])


@pytest.mark.parametrize("training", TRAININGS)
def test_a_range_test_gives_the_recorded_answer(training):
    assert rounded(curve_alone(training)) == rounded(RECORDED[training]["curve alone"])
