"""The range test inside ``model.fit``."""

import numpy as np
import pytest
from keras_nets import BACKEND, batches, compiled, keras, layers, net, nothing

from lrfinder import LRFinder, LRFinderError, RatesError, Stop
from lrfinder._results.facts import TrainingFacts
from lrfinder.errors import LearnerError
from lrfinder.keras import KerasLearner, LRRangeTest
from lrfinder.keras.testing import fingerprint

RATES = [1e-3 * 1.5**k for k in range(15)]
X, Y = (np.concatenate(parts) for parts in zip(*batches(), strict=True))
FIT = {"batch_size": 8, "epochs": 10, "shuffle": False, "verbose": 0}


def test_it_finds_the_curve_of_the_finder_on_the_same_batches():
    test = LRRangeTest(rates=RATES, stopping=nothing)
    net(inside=[]).fit(X, Y, callbacks=[test], **FIT)
    result = LRFinder(KerasLearner(net(inside=[]), batches())).find(rates=RATES, stopping=nothing)
    assert test.result.lrs.tolist() == result.lrs.tolist()
    assert test.result.losses.tolist() == pytest.approx(result.losses.tolist(), rel=1e-5)
    assert test.result.stop is result.stop is Stop.LAST_RATE


def test_the_curve_carries_what_is_known_about_the_training():
    model, test = net("adam", inside=[]), LRRangeTest(rates=RATES, stopping=nothing)
    model.fit(X, Y, callbacks=[test], **FIT)
    assert test.result.settings.facts == TrainingFacts("adaptive")
    model.fit(X, Y, **(FIT | {"epochs": 1}))
    model.fit(X, Y, callbacks=[test], **FIT)
    assert test.result.settings.facts == TrainingFacts("adaptive", trained=True)


@pytest.mark.parametrize("rate", [0.01, keras.optimizers.schedules.CosineDecay(0.1, 100)], ids=["number", "schedule"])
def test_everything_is_restored_after_the_fit(rate):
    model = net(keras.optimizers.Adam(rate), inside=[layers.Dropout, layers.BatchNormalization])
    model.fit(X, Y, batch_size=8, shuffle=False, verbose=0)
    before = fingerprint(model)
    with LRRangeTest(rates=RATES, stopping=nothing) as test:
        model.fit(X, Y, callbacks=[test], **FIT)
    after = fingerprint(model)
    assert {name for name in before if before[name] != after[name]} == set()


def test_a_model_that_was_never_trained_can_be_trained_afterwards():
    test = LRRangeTest(rates=RATES, stopping=nothing)
    model, twin = net("adam", inside=[]), net("adam", inside=[])
    model.fit(X, Y, callbacks=[test], **FIT)
    losses = [one.fit(X, Y, batch_size=8, shuffle=False, verbose=0).history["loss"] for one in (model, twin)]
    assert losses[0] == losses[1]


class Failing(keras.callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        if batch == 3:
            raise OSError("mine")


def test_the_block_restores_everything_when_fit_raises():
    model = net("adam")
    model.fit(X, Y, batch_size=8, shuffle=False, verbose=0)
    before = fingerprint(model)
    with pytest.raises(OSError, match="mine"), LRRangeTest() as test:
        model.fit(X, Y, callbacks=[test, Failing()], **FIT)
    assert fingerprint(model) == before
    with pytest.raises(LRFinderError, match="no range test yet"):
        _ = test.result


def test_restore_can_be_called_by_hand():
    model = net("adam", inside=[])
    model.fit(X, Y, batch_size=8, shuffle=False, verbose=0)
    before = model.get_weights()
    test = LRRangeTest()
    with pytest.raises(OSError, match="mine"):
        model.fit(X, Y, callbacks=[test, Failing()], **FIT)
    away = any(variable._value is None for variable in model.variables)  # as older Keras leaves them on JAX
    assert away or any((one != other).any() for one, other in zip(model.get_weights(), before, strict=True))
    test.restore()
    assert all((one == other).all() for one, other in zip(model.get_weights(), before, strict=True))


def test_the_stopping_criterion_ends_the_fit():
    losses = []
    test = LRRangeTest(stopping=lambda loss: losses.append(loss) or len(losses) == 4)
    net().fit(X, Y, callbacks=[test], **FIT)
    assert (len(test.result), test.result.stop) == (4, Stop.CRITERION)


def test_nan_ends_the_fit():
    weights = np.ones(len(X), dtype="float32")
    weights[16:] = np.nan
    test = LRRangeTest()
    net().fit(X, Y, sample_weight=weights, callbacks=[test], **FIT)
    assert (len(test.result), test.result.stop) == (3, Stop.NOT_FINITE)


def test_a_fit_that_ends_first_is_reported():
    test = LRRangeTest()
    net().fit(X, Y, callbacks=[test], **{**FIT, "epochs": 1})
    assert (len(test.result), test.result.stop) == (12, Stop.DATA_ENDED)


def test_it_stops_at_the_limit_on_iterations():
    test = LRRangeTest(max_iterations=5)
    net().fit(X, Y, callbacks=[test], **FIT)
    assert (len(test.result), test.result.stop) == (5, Stop.MAX_ITERATIONS)
    assert test.result.settings.lr_start == 1e-6


def test_the_settings_of_the_tutorial_are_accepted_by_position():
    test = LRRangeTest(1e-3, 2.0, 0.5, max_iterations=3)
    net().fit(X, Y, callbacks=[test], **FIT)
    assert test.result.lrs.tolist() == pytest.approx([1e-3, 2e-3, 4e-3])
    assert test.result.settings.smoothing == 0.5


def test_settings_that_give_no_rates_are_refused():
    with pytest.raises(RatesError):
        LRRangeTest(lr_multiplier=1.0)


@pytest.mark.skipif(BACKEND != "tensorflow", reason="on the others, fit creates the variables before training begins")
def test_a_model_without_variables_is_refused():
    model = compiled(keras.Sequential([layers.Dense(2)]))
    with pytest.raises(LearnerError, match="build it first"):
        model.fit(X, Y, callbacks=[LRRangeTest()], **FIT)


@pytest.mark.parametrize("name", ["lr_strt", "min_lr", "nonsense"])
def test_a_setting_of_another_name_is_refused(name):
    with pytest.raises(TypeError, match=rf"LRRangeTest\(\) got an unexpected keyword argument '{name}'.*lr_start"):
        LRRangeTest(**{name: 1.0})
