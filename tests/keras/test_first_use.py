"""A search before a training has begun: it leaves a model that was never trained."""

import random

import numpy as np
import pytest
from keras_nets import BACKEND, batches, compiled, keras, layers, nothing

from lrfinder import LRFinder
from lrfinder.keras import KerasLearner


def dense(*, built, inside=()):
    first = [keras.Input((6,))] if built else []
    return keras.Sequential([*first, layers.Dense(8, activation="relu"), *(one() for one in inside), layers.Dense(2)])


def adapted():
    normalization = layers.Normalization()
    normalization.adapt(np.random.default_rng(0).standard_normal((20, 6)))
    return keras.Sequential([normalization, layers.Dense(2)])


class Drawing(layers.Layer):
    """A layer that draws from a generator of its own, or else from Keras's global one, which the first draw creates."""

    def __init__(self, generator=None):
        super().__init__()
        self.generator = generator

    def call(self, x, training=False):
        return x + 0.1 * keras.random.normal((8,), seed=self.generator) if training else x


averaged = {"clipnorm": 1.0, "use_ema": True}
schedule = keras.optimizers.schedules.CosineDecay(0.02, 30)
MODELS = {
    "built": lambda: compiled(dense(built=True), keras.optimizers.Adam(0.01, **averaged)),
    "unbuilt": lambda: compiled(dense(built=False, inside=[layers.BatchNormalization, lambda: layers.Dropout(0.3)]), "adam"),
    "a schedule": lambda: compiled(dense(built=True), keras.optimizers.AdamW(schedule)),
    "a scaled loss": lambda: compiled(
        dense(built=True), keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.1, 0.9))
    ),
    "metrics": lambda: compiled(
        dense(built=True),
        metrics=["accuracy", keras.metrics.SparseTopKCategoricalAccuracy(1)],
        weighted_metrics=["accuracy"],
    ),
    "adapted": lambda: compiled(adapted(), "ftrl"),
    "a generator": lambda: compiled(dense(built=False, inside=[lambda: Drawing(keras.random.SeedGenerator(3))])),
}
if BACKEND != "jax":  # there, a global generator cannot be drawn from inside of a step
    MODELS["the global generator"] = lambda: compiled(dense(built=True, inside=[Drawing]))


def find(model):
    LRFinder(KerasLearner(model, batches())).find(max_iterations=6, stopping=nothing)


def trained(make, search, before=nothing, *, trained_before=0):
    """Return the losses and weights of a training, and the values of its optimizer."""
    keras.utils.set_random_seed(5)
    model, data = make(), batches()
    losses = [model.train_on_batch(*random.choice(data)) for _ in range(trained_before)]
    search(model)
    before(model)
    losses += [model.train_on_batch(*random.choice(data)) for _ in range(4)]
    values = [np.array(keras.ops.convert_to_numpy(one.value)).tobytes() for one in model.optimizer.variables]
    return losses, [weight.tobytes() for weight in model.get_weights()], values


@pytest.mark.parametrize("name", MODELS)
def test_a_training_that_begins_after_a_search_equals_its_twin(name):
    assert trained(MODELS[name], find) == trained(MODELS[name], nothing)


@pytest.mark.parametrize("name", MODELS)
def test_a_training_goes_on_after_a_search_as_its_twin(name):
    assert trained(MODELS[name], find, trained_before=3) == trained(MODELS[name], nothing, trained_before=3)


def freeze(model):
    model.layers[0].trainable = False


def compile_again(model):
    model.compile(keras.optimizers.SGD(0.1, momentum=0.9), "sparse_categorical_crossentropy", run_eagerly=True)


def frozen():
    model = MODELS["built"]()
    freeze(model)
    return model


def unfreeze(model):
    model.layers[0].trainable = True


@pytest.mark.parametrize(
    ("make", "change"),
    [(MODELS["built"], freeze), (frozen, unfreeze), (MODELS["built"], compile_again), (MODELS["a schedule"], freeze)],
    ids=["freeze", "unfreeze", "compile again", "freeze, with a schedule"],
)
def test_what_is_changed_between_the_search_and_the_first_step_counts(make, change):
    def find_twice(model):
        learner = KerasLearner(model, batches())
        learner.find(max_iterations=4, stopping=nothing)
        learner.compare([0.1, 0.2], 3)

    assert trained(make, find_twice, change) == trained(make, nothing, change)


def test_a_search_leaves_a_model_that_was_never_trained():
    model = MODELS["built"]()
    find(model)
    assert model.train_function is None
    assert not model.optimizer.built


def test_a_learner_searches_on_after_the_users_own_training():
    def find_again(model):
        learner = KerasLearner(model, batches())
        learner.find(max_iterations=4, stopping=nothing)
        freeze(model)
        model.train_on_batch(*batches()[0])
        learner.find(max_iterations=4, stopping=nothing)

    def the_same_without(model):
        freeze(model)
        model.train_on_batch(*batches()[0])

    assert trained(MODELS["built"], find_again) == trained(MODELS["built"], the_same_without)


def test_nothing_is_compiled_again_in_a_search_before_the_first_step():
    calls = []

    class Traced(layers.Layer):
        def call(self, x):
            calls.append(1)
            return x

    model = compiled(dense(built=True, inside=[Traced]), "adam")
    learner = KerasLearner(model, batches())
    learner.compare([0.1, 0.2], 2)
    first = len(calls)
    learner.compare([0.1, 0.2, 0.3, 0.4], 1)
    assert len(calls) - first == (4 if BACKEND == "torch" else 0)  # torch compiles nothing, so it calls the layer
