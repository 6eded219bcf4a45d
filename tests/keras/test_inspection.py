"""Checks of a Keras learner, and threads that would train one model at once."""

import threading

import numpy as np
import pytest
from keras_nets import batches, compiled, keras, layers, net

import lrfinder
from lrfinder import BusyError, restored
from lrfinder.keras import KerasLearner

FEW = lrfinder.testing.LRS[::8]


def test_a_check_names_what_a_user_knows_and_all_of_it_is_restored():
    learner = KerasLearner(net("adam", inside=[layers.Dropout, layers.BatchNormalization]), batches())
    found = lrfinder.check(learner, FEW)
    assert found.ok, found.lost
    kinds = {one.what.partition(":")[0] for one in found.state}
    assert {"parameter", "variable", "optimizer state", "metric", "generator", "attribute", "mode"} <= kinds
    assert sum(one.changed for one in found.state) > 10


class Forgetful(KerasLearner):
    """A learner that does not restore one variable."""

    def restore(self, state):
        variable = self._model.layers[0].kernel
        value = np.array(keras.ops.convert_to_numpy(variable.value))
        super().restore(state)
        variable.assign(value)


def test_a_check_names_a_variable_that_is_not_restored():
    found = lrfinder.check(Forgetful(net("sgd", inside=[]), batches()), FEW)
    assert len(found.lost) == 1
    assert found.lost[0].startswith("parameter: ")
    assert found.lost[0].endswith("kernel")


def test_two_threads_may_not_search_on_one_model_or_on_layers_that_two_share():
    model = net("sgd", inside=[])
    other = compiled(keras.Sequential([keras.Input((6,)), model.layers[0], layers.Dense(2)]))
    raised = []

    def search(learner):
        with pytest.raises(BusyError), restored(learner):
            pass
        raised.append(1)

    with restored(KerasLearner(model, batches())):
        for one in (model, other):
            thread = threading.Thread(target=search, args=[KerasLearner(one, batches())])
            thread.start()
            thread.join()
    assert len(raised) == 2
