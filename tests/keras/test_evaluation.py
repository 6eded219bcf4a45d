"""The validation loss of a Keras model."""

import numpy as np
import pytest
from keras_nets import batches, evaluated, keras, layers, net

from lrfinder import LRFinder, Validated
from lrfinder.errors import BatchError, DataError, ModelError
from lrfinder.keras import KerasLearner, mean_loss
from lrfinder.keras.testing import fingerprint

X, Y = (np.concatenate(parts) for parts in zip(*batches(), strict=True))


def of_size(size):
    return [(X[k : k + size], Y[k : k + size]) for k in range(0, len(X), size)]


@pytest.mark.parametrize("size", [96, 40, 95])
def test_it_is_the_mean_over_the_examples_whatever_the_size_of_the_last_batch(size):
    model = net("sgd", inside=[layers.Dropout, layers.BatchNormalization])
    assert mean_loss(model, of_size(size))() == pytest.approx(evaluated(model, (X, Y)), rel=1e-5)


def test_metrics_random_numbers_and_the_compiled_step_stay_as_they_were():
    model = net("sgd")
    model(X)
    before, numbers = fingerprint(model), np.random.get_state()[1].tolist()
    metrics = [np.array(keras.ops.convert_to_numpy(one)) for one in model.metrics_variables]
    mean_loss(model, of_size(40))()
    assert fingerprint(model) == before
    assert np.random.get_state()[1].tolist() == numbers
    assert all((a == keras.ops.convert_to_numpy(b)).all() for a, b in zip(metrics, model.metrics_variables, strict=True))
    assert model.test_function is None
    assert not model.optimizer.built


def test_the_step_of_the_user_stays_and_is_used():
    model = net("sgd")
    model.test_on_batch(X, Y)
    own = model.test_function
    evaluate = mean_loss(model, of_size(40))
    evaluate()
    assert model.test_function is own


def test_a_step_is_compiled_once_and_again_after_compile():
    model = net("sgd")
    evaluate = mean_loss(model, of_size(96))
    first = evaluate()
    step = id(evaluate._evaluating._compiled[1])
    assert evaluate() == first
    assert id(evaluate._evaluating._compiled[1]) == step
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=False))
    assert evaluate() != first


def test_it_is_the_curve_of_a_validated_learner_and_leaves_no_trace():
    model = net("adam")
    expected, before = evaluated(net("adam"), (X, Y)), [array.tobytes() for array in model.get_weights()]
    curve = LRFinder(Validated(KerasLearner(model, batches()), mean_loss(model, of_size(40)))).find(max_iterations=5)
    assert curve.losses[0] == pytest.approx(expected, rel=1e-5)
    assert [array.tobytes() for array in model.get_weights()] == before
    assert not model.optimizer.built


def test_what_cannot_be_evaluated_is_refused_with_a_reason():
    with pytest.raises(DataError, match="at every rate"):
        mean_loss(net("sgd"), iter(batches()))
    with pytest.raises(ModelError, match="not compiled"):
        mean_loss(keras.Sequential([layers.Dense(1)]), batches())
    with pytest.raises(BatchError, match="of 4"):
        mean_loss(net("sgd"), [(1, 2, 3, 4)])()
