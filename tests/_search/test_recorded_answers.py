"""The answers of the search, bit for bit those recorded before it was restructured."""

import json
from pathlib import Path

import pytest
from recorded_searches import SETTINGS, TRAININGS, curve_alone, search

RECORDED = json.loads(Path(__file__).with_name("recorded_answers.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("settings", SETTINGS)
@pytest.mark.parametrize("training", TRAININGS)
def test_a_search_gives_the_recorded_answer(training, settings):
    assert search(training, settings) == RECORDED[training][settings]


@pytest.mark.parametrize("training", TRAININGS)
def test_a_range_test_gives_the_recorded_answer(training):
    assert curve_alone(training) == RECORDED[training]["curve alone"]
