"""An argument by the name of another finder: the error says what stands here in its place."""

import inspect

import pytest
from fake_learners import Bowl

from lrfinder import Averaged, LRFinder
from lrfinder._arguments.other_names import ANSWERS

LEARNER, FINDER = Averaged(Bowl(), 1), LRFinder(Bowl())
CALLS = {
    "finder.find": FINDER.find,
    "suggest": FINDER.suggest,
    "learner.find": LEARNER.find,
    "learner.suggest": LEARNER.suggest,
}
SETTINGS = {
    "lr_start": ["start_lr", "min_lr"],
    "lr_end": ["end_lr", "max_lr"],
    "count": ["num_iter", "num_it", "num_training"],
    "linear": ["step_mode", "mode"],
    "raw losses": ["smooth_f", "beta"],
    "stopping": ["diverge_th", "early_stop_threshold", "stop_div"],
    r"result\[10:-5\]": ["skip_start", "skip_end", "skip_begin"],
    "rules": ["suggest_funcs"],
    "Validated": ["val_loader"],
    "accumulate": ["accumulation_steps"],
    "attr_name": ["update_attr"],
}


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize(("here", "name"), [(here, name) for here, names in SETTINGS.items() for name in names])
def test_a_setting_of_another_finder_is_answered(call, here, name):
    with pytest.raises(TypeError, match=rf"got an unexpected keyword argument '{name}'.*{here}"):
        CALLS[call](**{name: 1})


@pytest.mark.parametrize("name", ["device", "criterion", "optimizer", "memory_cache", "amp_backend"])
def test_what_belongs_to_a_learner_is_refused_by_name(name):
    with pytest.raises(TypeError, match=name):
        LRFinder(Bowl(), **{name: None})


@pytest.mark.parametrize(
    ("name", "meant"), [("lrstart", "lr_start"), ("max_iteration", "max_iterations"), ("lr_multipler", "lr_m")]
)
def test_a_misspelled_argument_is_answered_with_the_closest(name, meant):
    with pytest.raises(TypeError, match=f"Did you mean '{meant}"):
        FINDER.find(**{name: 1})


def test_an_unknown_argument_is_answered_with_those_that_there_are():
    with pytest.raises(TypeError, match=r"It has lrs, iterations, on_record\.$"):
        FINDER.compare([0.1], xyz=1)


def test_pictures_are_cut_and_scaled_by_what_the_error_says():
    result = FINDER.find()
    for name, here in {"skip_start": r"result\[10:-5\]", "log_lr": "set_xscale", "suggest_lr": "suggestion=False"}.items():
        with pytest.raises(TypeError, match=here):
            result.plot(**{name: 1})
        with pytest.raises(TypeError, match=here):
            FINDER.plot(**{name: 1})


def test_a_finder_of_a_model_in_place_of_a_learner_is_answered():
    with pytest.raises(
        TypeError, match=r"LRFinder\(learner\) got 3 .*\(TorchLearner\(model, optimizer, loss_fn, loader\)\)"
    ):
        LRFinder("model", "optimizer", "criterion")
    with pytest.raises(TypeError, match=r"suggest\(horizon\) got 2 arguments by position"):
        FINDER.suggest(300, 650)


def test_signatures_stay_those_of_the_functions():
    assert list(inspect.signature(LRFinder.find).parameters)[:3] == ["self", "lr_start", "lr_multiplier"]
    assert LRFinder.suggest.__doc__.startswith("Suggest")


def test_no_argument_of_the_finder_is_answered_as_if_it_were_another():
    methods = (LRFinder.find, LRFinder.suggest, LRFinder.compare)
    assert {name for method in methods for name in inspect.signature(method).parameters} & ANSWERS.keys() == set()
