"""Twins: a training interrupted by a finder equals, bit for bit, the training without it, on each backend."""

import random

import numpy as np
import pytest
from keras_nets import BACKEND, batches, compiled, evaluated, keras, layers, net, nothing

import lrfinder
from lrfinder import LRFinder, restored
from lrfinder.keras import KerasLearner, LRRangeTest
from lrfinder.keras.testing import fingerprint

RATES = [1e-4 * 2**k for k in range(10)]


def images():
    generator = np.random.default_rng(1)
    pictures = generator.standard_normal((6, 8, 8, 8, 3)).astype("float32")
    return [(x, (x.mean((1, 2, 3)) > 0).astype("int32")) for x in pictures]


def words():
    generator = np.random.default_rng(2)
    return [(x, (x.sum(1) % 2).astype("int32")) for x in generator.integers(0, 12, (6, 8, 5))]


def weighted():
    return [(x, y, np.linspace(0.5, 1.5, len(x), dtype="float32")) for x, y in batches()]


def sequential(*inside):
    return lambda: keras.Sequential([*(layer() for layer in inside), layers.Dense(2)])


class WithHead(keras.Model):
    """A model without variables before its first call."""

    def __init__(self):
        super().__init__()
        self.body = layers.Dense(8, activation="relu", kernel_regularizer="l2")
        self.drop = layers.Dropout(0.3)
        self.head = layers.Dense(2)

    def call(self, x, training=False):
        return self.head(self.drop(self.body(x), training=training))


def attention():
    tokens = keras.Input((5,))
    x = layers.Embedding(12, 8)(tokens)
    x = layers.LayerNormalization()(x + layers.MultiHeadAttention(2, 4, dropout=0.2)(x, x))
    return keras.Model(tokens, layers.Dense(2)(layers.GlobalAveragePooling1D()(x)))


NETS = {
    "dense, noise and dropout": (
        sequential(
            lambda: layers.Dense(8, activation="relu"),
            lambda: layers.GaussianNoise(0.3),
            layers.BatchNormalization,
            lambda: layers.Dropout(0.3),
            layers.LayerNormalization,
            lambda: layers.Dropout(0.2, seed=3),
            lambda: layers.GaussianDropout(0.1),
        ),
        batches,
    ),
    "convolutions and pictures moved at random": (
        sequential(
            layers.RandomFlip,
            lambda: layers.Conv2D(4, 3),
            layers.BatchNormalization,
            layers.ReLU,
            lambda: layers.SpatialDropout2D(0.2),
            layers.MaxPooling2D,
            lambda: layers.SeparableConv2D(4, 2),
            lambda: layers.GroupNormalization(2),
            layers.Flatten,
        ),
        images,
    ),
    "LSTM and GRU": (
        sequential(
            lambda: layers.Embedding(12, 6),
            lambda: layers.LSTM(6, dropout=0.2, recurrent_dropout=0.2, return_sequences=True),
            lambda: layers.Bidirectional(layers.GRU(4)),
        ),
        words,
    ),
    "attention": (attention, words),
    "a subclass, weighted samples": (WithHead, weighted),
}
OPTIMIZERS = {
    "SGD": lambda: keras.optimizers.SGD(0.1, momentum=0.9),
    "Adam": lambda: keras.optimizers.Adam(0.01, amsgrad=True, clipnorm=1.0),
    "a schedule": lambda: keras.optimizers.AdamW(keras.optimizers.schedules.CosineDecay(0.02, 30), use_ema=True),
}


class Training:
    """The loop of a script, interrupted before it begins and in the middle."""

    def __init__(self, name, optimizer, in_the_middle, before=nothing):
        keras.utils.set_random_seed(7)
        make, data = NETS[name]
        self.data = data()
        self.model = compiled(make(), OPTIMIZERS[optimizer]())
        self.losses = []
        before(self)
        self.train(8)
        in_the_middle(self)
        self.train(8)

    def train(self, iterations):
        for _ in range(iterations):
            batch = random.choice(self.data)
            self.losses.append(self.model.train_on_batch(*batch, return_dict=True))

    def learner(self):
        return KerasLearner(self.model, self.data)


def find_and_compare(training):
    finder = LRFinder(training.learner())
    assert len(finder.find(rates=RATES, stopping=nothing)) == len(RATES)
    finder.compare([0.01, 100.0], iterations=4)


@pytest.mark.parametrize(
    ("name", "optimizer"),
    [*((name, "SGD") for name in NETS), *(("dense, noise and dropout", optimizer) for optimizer in OPTIMIZERS)][1:],
)
def test_a_training_continues_as_if_the_finder_had_never_run(name, optimizer):
    plain = Training(name, optimizer, nothing)
    with_finder = Training(name, optimizer, find_and_compare)
    assert with_finder.losses == plain.losses
    found, expected = fingerprint(with_finder.model), fingerprint(plain.model)
    assert [*found.values()][7:] == [*expected.values()][7:]  # names count all layers of the process


def test_a_training_continues_likewise_where_the_finder_created_the_variables():
    plain = Training("a subclass, weighted samples", "a schedule", nothing)
    with_finder = Training("a subclass, weighted samples", "a schedule", nothing, before=find_and_compare)
    assert with_finder.losses == plain.losses


def test_a_training_continues_likewise_after_weights_have_become_nan():
    def into_nan(training):
        with restored(training.learner()) as _:
            learner = training.learner()
            for _ in range(10):
                learner.iteration(1e30)
            assert not np.isfinite(training.model.get_weights()[-1]).all()

    plain, broken = (Training("dense, noise and dropout", "Adam", middle) for middle in (nothing, into_nan))
    assert broken.losses == plain.losses


def test_the_comparison_detects_one_more_batch():
    def one_more(training):
        training.model.train_on_batch(*training.data[0])

    plain = Training("dense, noise and dropout", "SGD", nothing)
    assert Training("dense, noise and dropout", "SGD", one_more).losses != plain.losses


# on TensorFlow, shuffling draws from tf.random's global state, which cannot be restored
FIT = {"verbose": 0, "shuffle": BACKEND != "tensorflow"}


def fitted(in_the_middle):
    model = net("adam", inside=[layers.Dropout, layers.BatchNormalization])
    x, y = (np.concatenate(parts) for parts in zip(*batches(), strict=True))
    history = model.fit(x, y, epochs=2, **FIT).history["loss"]
    in_the_middle(model, x, y)
    return history + model.fit(x, y, epochs=2, **FIT).history["loss"]


def test_fit_continues_as_if_the_finder_had_never_run():
    def find(model, x, y):
        LRFinder(KerasLearner(model, batches())).find(rates=RATES, stopping=nothing)

    assert fitted(find) == fitted(nothing)


def test_fit_continues_as_if_the_callback_had_never_run():
    def find(model, x, y):
        with LRRangeTest(rates=RATES, stopping=nothing) as test:
            model.fit(x, y, epochs=9, callbacks=[test], **FIT)
        assert len(test.result) == len(RATES)

    assert fitted(find) == fitted(nothing)


def test_the_losses_of_the_finder_are_those_of_the_batches():
    model = net("sgd", inside=[])
    (x, y), *_ = batches()
    expected = evaluated(model, (x, y))
    result = LRFinder(KerasLearner(model, [(x, y)])).find(rates=[0.0, 0.0, 0.5, 0.5], stopping=nothing)
    assert result.losses[:3].tolist() == pytest.approx([expected] * 3, rel=1e-6)
    assert result.losses[3] < expected
    assert isinstance(result, lrfinder.RangeTest)
