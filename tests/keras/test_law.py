"""The law on Keras: learners of every kind obey it, and one that leaves out any one kind of state breaks it."""

# These tests add attributes to the objects of frameworks.
# pyright: reportAttributeAccessIssue=false

import random
import sys

import numpy as np
import pytest
from keras_nets import BACKEND, batches, keras, layers, net

import lrfinder.testing
from lrfinder.errors import LawError
from lrfinder.keras import KerasLearner
from lrfinder.keras.testing import fingerprint

FEW = lrfinder.testing.LRS[::4]


def test_dropout_and_batch_normalization_obey_the_law():
    model = net("adam", inside=[layers.Dropout, layers.BatchNormalization])
    lrfinder.testing.check(KerasLearner(model, batches()), observe=lambda: fingerprint(model))


def test_an_optimizer_with_a_schedule_obeys_the_law():
    model = net(keras.optimizers.SGD(keras.optimizers.schedules.CosineDecay(0.1, 100), momentum=0.9))
    lrfinder.testing.check(KerasLearner(model, batches()), FEW, lambda: fingerprint(model))


def test_mixed_precision_with_a_scaled_loss_obeys_the_law():
    keras.config.set_dtype_policy("mixed_float16")
    try:
        model = net("sgd")
    finally:
        keras.config.set_dtype_policy("float32")
    assert isinstance(model.optimizer, keras.optimizers.LossScaleOptimizer)
    lrfinder.testing.check(KerasLearner(model, batches()), FEW, lambda: fingerprint(model))


def test_accumulated_gradients_and_averaged_weights_obey_the_law():
    optimizer = keras.optimizers.SGD(0.1, gradient_accumulation_steps=3, use_ema=True)
    model = net(optimizer)
    lrfinder.testing.check(KerasLearner(model, batches()), FEW, lambda: fingerprint(model))


class Shuffled(keras.utils.PyDataset):
    """A data set that draws from a generator of its own."""

    def __init__(self):
        super().__init__()
        self.own = np.random.default_rng(3)

    def __len__(self):
        return 4

    def __getitem__(self, k):
        x = self.own.standard_normal((8, 6)).astype("float32") + k
        return x, (x.sum(1) > 0).astype("int32")


class Reordered(keras.utils.PyDataset):
    """A data set that shuffles its own indices in place after its last batch, and counts its passes."""

    def __init__(self):
        super().__init__()
        self.indices = np.arange(4)
        self.lists = [3, 1, 2, 0]
        self.passes = 0

    def __len__(self):
        return 4

    def __getitem__(self, k):
        x, y = batches(4)[self.indices[k]]
        shift = np.float32(self.lists[k] + 0.1 * self.passes)
        if k == 3:
            self.on_epoch_end()
        return x + shift, y

    def on_epoch_end(self):
        np.random.shuffle(self.indices)
        random.shuffle(self.lists)
        self.passes += 1


class SameMemory:
    """Data that write each batch into the same arrays."""

    def __iter__(self):
        x, y = (np.empty_like(one) for one in batches(5)[0])
        for one, target in batches(5):
            x[:], y[:] = one, target
            yield x, y


class Drawing:
    """Data that draw from every global generator."""

    def __iter__(self):
        for x, y in batches(5):
            shift = random.random() + np.random.random() + float(keras.random.uniform(()))
            yield (x + np.float32(shift), y)


def of_tensorflow():
    tensorflow = pytest.importorskip("tensorflow")
    x, y = (np.concatenate(parts) for parts in zip(*batches(), strict=True))
    return tensorflow.data.Dataset.from_tensor_slices((x, y)).batch(8)


def of_torch():
    torch = pytest.importorskip("torch.utils.data") and pytest.importorskip("torch")
    x, y = (torch.from_numpy(np.concatenate(parts)) for parts in zip(*batches(), strict=True))
    return torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x, y), batch_size=8, shuffle=True)


DATA = {
    "a tuple": lambda: tuple(batches(3)),
    "a generator": lambda: (batch for batch in batches(200)),
    "a generator that ends": lambda: (batch for batch in batches(9)),
    "a PyDataset": Shuffled,
    "a PyDataset that reorders itself": Reordered,
    "data in the same memory": SameMemory,
    "data that draw": Drawing,
    "a tf.data.Dataset": of_tensorflow,
    "a DataLoader": of_torch,
}


@pytest.mark.parametrize("replay_bytes", [1 << 30, 1000])
@pytest.mark.parametrize("name", DATA)
def test_every_kind_of_data_obeys_the_law(name, replay_bytes):
    if name.startswith("a generator") and replay_bytes == 1000:
        pytest.skip("an iterator past replay_bytes cannot obey the law, and warns")
    model = net("sgd")
    learner = KerasLearner(model, DATA[name](), replay_bytes=replay_bytes)
    for check in (lrfinder.testing.check_time_repeats, lrfinder.testing.check_old_states_live):
        check(learner, FEW, lambda: fingerprint(model))
    learner.close()


class Counted(layers.Layer):
    """A layer that counts its calls in a variable without training, and adds the count."""

    def build(self, shape):
        self.calls = self.add_weight(shape=(), initializer="zeros", trainable=False)

    def call(self, x, training=False):
        if training:
            self.calls.assign_add(1.0)
        return x + 0.01 * self.calls


class Everything:
    """A training in which every kind of state is changed by each iteration."""

    def __init__(self, cls=KerasLearner):
        seeded = lambda: layers.Dropout(0.2, seed=5)
        self.model = net("adam", inside=[layers.Dropout, seeded, layers.BatchNormalization, Counted])
        keras.random.uniform(())  # the first draw creates Keras's global generator
        self.learner = cls(self.model, Drawing())
        self.learner.training = self


def of_variables(choose):
    def read(training):
        return [(one, np.array(keras.ops.convert_to_numpy(one.value))) for one in choose(training)]

    def write(_, values):
        for variable, value in values:
            variable.assign(value)

    return read, write


def torch_state(_):
    return sys.modules["torch"].get_rng_state()


def keras_seeds(_):
    return keras.src.random.seed_generator.global_seed_generator().state


KINDS = {
    "trained weights": of_variables(lambda t: t.model.trainable_variables),
    "running statistics": of_variables(lambda t: t.model.layers[3].non_trainable_variables),
    "a layer's own variable": of_variables(lambda t: [t.model.layers[4].calls]),
    "seeds of a layer": of_variables(lambda t: [t.model.layers[2].seed_generator.state]),
    "Keras's global seeds": of_variables(lambda t: [keras_seeds(t)]),
    "moments of the optimizer": of_variables(lambda t: t.model.optimizer.variables[2:]),
    "count of iterations": of_variables(lambda t: t.model.optimizer.variables[:1]),
    "rate": of_variables(lambda t: t.model.optimizer.variables[1:2]),
    "metrics": of_variables(lambda t: t.model.metrics_variables),
    "python's generator": (lambda _: random.getstate(), lambda _, state: random.setstate(state)),
    "numpy's generator": (lambda _: np.random.get_state(), lambda _, state: np.random.set_state(state)),
    "position in the data": (lambda t: t.learner._batches.mark(), lambda t, mark: t.learner._batches.go(mark)),
}
if BACKEND == "torch":
    KINDS["torch's generator"] = (torch_state, lambda _, state: sys.modules["torch"].set_rng_state(state))


def forgetting(kind):
    """Return a learner class whose restore leaves out one kind of state."""
    read, write = KINDS[kind]

    class Forgetful(KerasLearner):
        def restore(self, state):
            unrestored = read(self.training)
            super().restore(state)
            write(self.training, unrestored)

    return Forgetful


def test_a_training_with_every_kind_of_state_obeys_the_law():
    training = Everything()
    lrfinder.testing.check(training.learner, FEW, lambda: fingerprint(training.model))


@pytest.mark.parametrize("kind", KINDS)
def test_a_learner_that_leaves_out_one_kind_of_state_breaks_the_law(kind):
    training = Everything(forgetting(kind))
    with pytest.raises(LawError):
        lrfinder.testing.check_time_repeats(training.learner, FEW[:3], lambda: fingerprint(training.model))


def test_a_data_set_that_shuffles_its_indices_in_place_is_as_it_was_after_a_search():
    random.seed(0)
    np.random.seed(0)
    data = Reordered()
    data.on_epoch_end()
    before = data.indices, data.indices.tolist(), list(data.lists), data.passes
    KerasLearner(net("sgd"), data).find(rates=[1e-3] * 10)
    assert (data.indices, data.indices.tolist(), data.lists, data.passes) == before
