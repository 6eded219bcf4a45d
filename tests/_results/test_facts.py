import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lrfinder import RangeTest, Record, Settings, Stop, load
from lrfinder._results.facts import TrainingFacts, optimizer_family
from lrfinder.errors import ResultFileError

SETTINGS = Settings(1e-6, 1.1, 10.0, 1000, 0.3, "None")


def written(path, facts):
    result = RangeTest((Record(0.1, 1.0),), Stop.LAST_RATE, replace(SETTINGS, facts=facts))
    result.to_json(path)
    return result


def read(path):
    result = load(path)
    assert isinstance(result, RangeTest)
    return result


@pytest.mark.parametrize(("name", "family"), [
    ("SGD", "sgd"), ("NAG", "momentum"), ("Adam", "adaptive"), ("AdamW", "adaptive"), ("NAdam", "adaptive"),
    ("RMSprop", "adaptive"), ("Adafactor", "adaptive"), ("LAMB", "adaptive"), ("Lion", "sign"), ("SignSGD", "sign"),
    ("Signum", "sign"), ("Adagrad", "adagrad"),
])  # fmt: skip
def test_the_family_of_an_optimizer_follows_from_the_name_of_its_class(name, family):
    assert optimizer_family(name) == family


@pytest.mark.parametrize(("name", "family"), [
    ("Adam8bit", "adaptive"), ("AdamW_8bit", "adaptive"), ("AdamW4bit", "adaptive"), ("Lion8bit", "sign"),
    ("SGD8bit", "sgd"), ("adam_w", "adaptive"), ("RMS_Prop", "adaptive"),
])  # fmt: skip
def test_spelling_and_bits_do_not_count(name, family):
    assert optimizer_family(name) == family


def test_momentum_is_a_family_of_its_own_for_plain_descent_alone():
    assert optimizer_family("SGD", momentum=True) == "momentum"
    assert optimizer_family("RMSprop", momentum=True) == "adaptive"


@pytest.mark.parametrize("name", ["", "Adadelta", "Rprop", "LBFGS", "Prodigy", "MyAdam", "Muon", "8bit"])
def test_other_names_have_no_family(name):
    assert optimizer_family(name) is None


@given(st.text(), st.booleans())
def test_any_name_has_a_family_or_none(name, momentum):
    assert optimizer_family(name, momentum=momentum) in {None, "sgd", "momentum", "adaptive", "sign", "adagrad"}


@pytest.mark.parametrize(
    "facts", [None, TrainingFacts(), TrainingFacts("sgd", 32), TrainingFacts("adaptive", None, trained=True)]
)
def test_facts_are_read_back_from_a_file(tmp_path, facts):
    result = written(tmp_path / "result.json", facts)
    assert read(tmp_path / "result.json") == result
    assert read(tmp_path / "result.json").settings.facts == facts


def test_a_file_from_before_facts_were_recorded_is_read(tmp_path):
    path = tmp_path / "result.json"
    written(path, None)
    document = json.loads(path.read_text())
    del document["settings"]["facts"]
    path.write_text(json.dumps(document))
    assert read(path).settings == SETTINGS


def test_an_optimizer_of_a_later_version_is_read(tmp_path):
    path = tmp_path / "result.json"
    written(path, TrainingFacts("a new family", 8))
    assert read(path).settings.facts == TrainingFacts("a new family", 8)
    assert read(path).suggestion.status == "too few points"


@pytest.mark.parametrize("facts", [{"batch_size": "many"}, {"trained": 3}, ["sgd"], {"optimizer": 1}])
def test_facts_that_are_none_are_refused(tmp_path, facts):
    path = tmp_path / "result.json"
    written(path, None)
    document = json.loads(path.read_text())
    document["settings"]["facts"] = facts
    path.write_text(json.dumps(document))
    with pytest.raises(ResultFileError):
        read(path)
