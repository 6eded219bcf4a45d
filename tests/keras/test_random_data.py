"""Random numbers that make the batches: of layers in loaders and functions, and of what a tf.data.Dataset maps."""

import random

import keras_nets
import numpy as np
import pytest
from keras_nets import batches, keras, layers

from lrfinder import LRFinder
from lrfinder.keras import KerasLearner


def noisy():
    return layers.GaussianNoise(0.1, seed=3)


def added(noise, inputs):
    return keras.ops.convert_to_numpy(noise(inputs, training=True))


def generated():
    """Return noise from a generator of Keras that no layer has."""
    seed = keras.random.SeedGenerator(4)
    return lambda inputs, training: inputs + keras.ops.convert_to_numpy(keras.random.normal((6,), seed=seed))


class Loader:
    def __init__(self, noise):
        self.noise, self.passes, self.order = noise, 0, list(range(12))

    def __iter__(self):
        self.passes += 1
        for inputs, labels in batches():
            yield added(self.noise, inputs) + self.passes, labels


class Around:
    """A loader around another, which shuffles its order in place."""

    def __init__(self, noise):
        self.inside = Loader(noise)

    def __iter__(self):
        random.shuffle(self.inside.order)
        data = list(self.inside)
        return iter([data[k] for k in self.inside.order])


class Indexed(keras.utils.PyDataset):
    def __init__(self, noise):
        super().__init__()
        self.noise = noise

    def __len__(self):
        return 12

    def __getitem__(self, index):
        inputs, labels = batches()[index]
        return added(self.noise, inputs), labels


def function(noise):
    def get_batch():
        inputs, labels = random.choice(batches())
        return added(noise, inputs), labels

    return get_batch


NOISE = {
    "a layer": noisy,
    "a model": lambda: keras.Sequential([keras.Input((6,)), noisy(), layers.Dropout(0.2, seed=2)]),
    "a seed": generated,
}
DATA = {"a loader": Loader, "a loader around another": Around, "a PyDataset": Indexed, "a function": function}


def first_batches(data):
    if isinstance(data, keras.utils.PyDataset):
        return [data[k][0].tolist() for k in range(5)]
    drawn = iter(data) if hasattr(data, "__iter__") else iter(data, None)
    return [np.asarray(next(drawn)[0]).tolist() for _ in range(5)]


def after(make, search):
    keras.utils.set_random_seed(2)
    data = make()
    learner = KerasLearner(keras_nets.net(), data, replay_bytes=1000)
    keras.utils.set_random_seed(2)
    search(LRFinder(learner))
    return first_batches(data)


def find_and_compare(finder):
    finder.find(rates=[1e-3] * 14, stopping=keras_nets.nothing)
    finder.compare([1e-3, 1e-2], iterations=4)


@pytest.mark.parametrize(
    ("data", "noise"), [*((data, "a layer") for data in DATA), *(("a loader", noise) for noise in NOISE)][1:]
)
def test_the_data_after_a_search_are_those_of_the_twin(data, noise):
    def make():
        return DATA[data](NOISE[noise]())

    assert after(make, find_and_compare) == after(make, keras_nets.nothing)


def sliced(tf):
    return tf.data.Dataset.from_tensor_slices(tuple(np.concatenate(parts) for parts in zip(*batches(), strict=True))).batch(
        8
    )


def of_layer(tf):
    turn = layers.RandomFlip(seed=3)
    return (
        sliced(tf).map(lambda x, y: (tf.reshape(turn(tf.reshape(x, (-1, 2, 3, 1)), training=True), (-1, 6)), y)).prefetch(2)
    )


def of_generator(tf):
    generator = tf.random.Generator.from_seed(3)
    return sliced(tf).map(lambda x, y: (x + generator.normal((6,)), y))


def of_numpy(tf):
    generator = np.random.default_rng(3)

    def change(x):
        return (x + generator.standard_normal(6)).astype("float32")

    return sliced(tf).map(lambda x, y: (tf.ensure_shape(tf.numpy_function(change, [x], tf.float32), (None, 6)), y))


def of_python(tf):
    class Generates:
        def __init__(self):
            self.generator, self.passes, self.order = np.random.default_rng(3), 0, list(range(12))

        def __call__(self):
            self.passes += 1
            self.generator.shuffle(self.order)
            for k in self.order:
                inputs, labels = batches()[k]
                yield inputs + self.passes, labels

    signature = tf.TensorSpec((None, 6), tf.float32), tf.TensorSpec((None,), tf.int32)
    return tf.data.Dataset.from_generator(Generates(), output_signature=signature).map(lambda x, y: (2 * x, y))


@pytest.mark.parametrize("make", [of_layer, of_generator, of_numpy, of_python])
def test_a_data_set_of_tensorflow_after_a_search_is_that_of_its_twin(make):
    tf = pytest.importorskip("tensorflow", reason="the session jax_and_keras has it")
    assert after(lambda: make(tf), find_and_compare) == after(lambda: make(tf), keras_nets.nothing)
