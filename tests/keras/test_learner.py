"""A Keras learner beyond the law: losses, rates, updates, restored objects, refused arguments."""

import numpy as np
import pytest
from keras_nets import BACKEND, batches, compiled, evaluated, keras, layers, net, nothing

import lrfinder
from lrfinder import LRFinder, Stop, restored
from lrfinder.errors import BatchError, DataError, EmptyDataError, LossError, ModelError, OptimizerError
from lrfinder.keras import KerasLearner
from lrfinder.keras.testing import fingerprint

schedules = keras.optimizers.schedules


def weights(model):
    return [array.tobytes() for array in model.get_weights()]


def test_a_loss_is_a_float_of_its_batch_before_the_update():
    model = net("sgd", inside=[])
    learner = KerasLearner(model, batches(2))
    expected = [evaluated(model, batch) for batch in batches(2)]
    losses = [learner.iteration(0.0) for _ in range(4)]
    assert losses == pytest.approx(expected * 2, rel=1e-6)
    assert {type(loss) for loss in losses} == {float}


def test_regularization_is_part_of_the_loss():
    keras.utils.set_random_seed(0)
    model = compiled(keras.Sequential([keras.Input((6,)), layers.Dense(2, kernel_regularizer="l2")]))
    ((x, y),) = batches(1)
    plain = float(keras.ops.convert_to_numpy(model._compile_loss(y, model(x))))
    penalty = float(keras.ops.convert_to_numpy(model.losses[0]))
    assert KerasLearner(model, [(x, y)]).iteration(0.1) == pytest.approx(plain + penalty, rel=1e-5)
    assert penalty > 0.001


def test_sample_weights_are_used():
    model = net("sgd", inside=[])
    ((x, y),) = batches(1)
    learner = KerasLearner(model, [(x, y), (x, y, np.full(len(x), 2.0, dtype="float32"))])
    once, twice = learner.iteration(0.0), learner.iteration(0.0)
    assert twice == pytest.approx(2 * once, rel=1e-6)


def test_models_of_several_inputs_are_trained():
    keras.utils.set_random_seed(0)
    first, second = keras.Input((6,), name="first"), keras.Input((6,), name="second")
    model = compiled(keras.Model({"first": first, "second": second}, layers.Dense(2)(first + second)))
    data = [({"first": x, "second": x}, y) for x, y in batches()]
    assert len(LRFinder(KerasLearner(model, data)).find(max_iterations=5, stopping=nothing)) == 5


@pytest.mark.parametrize(
    "rate", [0.5, lambda: 0.5, schedules.ExponentialDecay(0.5, 10, 0.5)], ids=["number", "callable", "schedule"]
)
def test_the_rate_reaches_the_weights(rate):
    def moved(lr):
        model = net(keras.optimizers.SGD(rate), inside=[])
        before = model.get_weights()
        KerasLearner(model, batches()).iteration(lr)
        return sum(float(np.abs(now - then).sum()) for now, then in zip(model.get_weights(), before, strict=True))

    assert moved(0.0) == 0
    assert moved(0.2) == pytest.approx(2 * moved(0.1), rel=1e-3)


def test_a_schedule_is_restored_with_the_step_that_was_compiled_for_it():
    schedule = schedules.CosineDecay(0.1, 100)
    model = net(keras.optimizers.Adam(schedule))
    model.train_on_batch(*batches()[0])
    step, variables = model.train_function, len(model.optimizer.variables)
    finder = LRFinder(KerasLearner(model, batches()))
    for _ in range(2):
        finder.find(max_iterations=5, stopping=nothing)
        assert model.optimizer._learning_rate is schedule
        assert model.train_function is step
        assert len(model.optimizer.variables) == variables


def test_nothing_is_compiled_again_after_a_restore():
    calls = []

    class Traced(layers.Layer):
        def call(self, x):
            calls.append(1)
            return x

    model = net(keras.optimizers.Adam(schedules.CosineDecay(0.1, 100)), inside=[Traced])
    finder = LRFinder(KerasLearner(model, batches(), stateful=[]))
    finder.compare([0.1, 0.2], 2)
    first = len(calls)
    finder.compare([0.1, 0.2, 0.3, 0.4], 1)
    assert len(calls) - first == (4 if BACKEND == "torch" else 0)  # torch compiles nothing, so it calls the layer


def test_an_iteration_is_one_update_where_gradients_are_accumulated():
    model = net(keras.optimizers.SGD(0.1, gradient_accumulation_steps=3), inside=[])
    expected = [evaluated(model, batch) for batch in batches()[:3]]
    loss = KerasLearner(model, batches()).iteration(0.1)
    assert int(model.optimizer.iterations) == 1
    assert loss == pytest.approx(sum(expected) / 3, rel=1e-5)


def test_another_batch_follows_one_on_which_the_loss_scale_overflows():
    model = net(keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.1), initial_scale=2.0**127), inside=[])
    KerasLearner(model, [(1000 * x, y) for x, y in batches()]).iteration(1e-6)
    assert int(model.optimizer.inner_optimizer.iterations) == 1
    assert float(model.optimizer.dynamic_scale) < 2.0**127


def test_a_snapshot_creates_variables_for_the_next_batch_which_stays_the_next():
    keras.utils.set_random_seed(0)
    model = compiled(keras.Sequential([layers.Dense(3), layers.BatchNormalization(), layers.Dense(2)]))
    drawn = []

    def data():
        for k, batch in enumerate(batches()):
            drawn.append(k)
            yield batch

    learner = KerasLearner(model, data())
    assert not drawn
    learner.snapshot()
    assert drawn == [0]
    assert model.built
    expected = evaluated(model, batches()[0])
    assert 0.3 * expected < learner.iteration(0.0) < 3 * expected
    assert drawn == [0]


def test_trainable_flags_and_stop_training_are_restored():
    model = net("sgd")
    with restored(KerasLearner(model, batches())):
        model.layers[0].trainable = False
        model.stop_training = True
    assert model.layers[0].trainable
    assert all(variable.trainable for variable in model.layers[0].variables)
    assert model.stop_training is False


def test_variables_stay_the_same_objects():
    model = net("adam")
    learner = KerasLearner(model, batches())
    with restored(learner):
        before = [*map(id, model.variables), *map(id, model.optimizer.variables)]
        learner.iteration(0.1)
    assert [*map(id, model.variables), *map(id, model.optimizer.variables)] == before


def test_an_object_named_as_stateful_is_restored():
    class Counter:
        steps = 0

    counter = Counter()
    counter.steps = 3

    def counting(y, y_pred):
        return keras.losses.sparse_categorical_crossentropy(y, y_pred, from_logits=True)

    learner = KerasLearner(net("sgd", loss=counting), batches(), stateful=[counter])
    with restored(learner):
        counter.steps += 1
    assert counter.steps == 3


def test_the_model_is_restored_when_the_data_raise():
    model = net("adam")

    def data():
        yield from batches(5)
        raise OSError("mine")

    learner = KerasLearner(model, data())
    learner.snapshot()
    before = fingerprint(model)
    with pytest.raises(OSError, match="mine") as raised:
        LRFinder(learner).find(stopping=nothing)
    assert "iteration 5" in raised.value.__notes__[0]
    assert fingerprint(model) == before


def test_a_sweep_ends_where_the_data_do():
    result = LRFinder(KerasLearner(net(), iter(batches(7)))).find(stopping=nothing)
    assert (len(result), result.stop) == (7, Stop.DATA_ENDED)


def test_a_loss_that_becomes_nan_ends_the_sweep():
    x, y = batches(1)[0]
    ones = np.ones(len(x), dtype="float32")
    data = [(x, y, ones), (x, y, ones * np.float32("nan"))]  # not in x: on tensorflow, ReLU turns them into zeros
    result = LRFinder(KerasLearner(net(), data)).find(stopping=nothing)
    assert (len(result), result.stop) == (2, Stop.NOT_FINITE)


# --- refused arguments; each leaves the state as it was ---


class WithStep(keras.Model):
    """A model whose own training step returns given logs."""

    def __init__(self, returned):
        super().__init__()
        self.body = layers.Dense(2)
        self.returned = returned

    def call(self, x):
        return self.body(x)

    def train_step(self, *args):
        logs = super().train_step(*args)
        if BACKEND == "jax":
            return self.returned(logs[0]), logs[1]
        return self.returned(logs)


class WithLoss(keras.Model):
    """A model whose loss has one number for each sample."""

    def __init__(self):
        super().__init__()
        self.body = layers.Dense(2)

    def call(self, x):
        return self.body(x)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        return keras.ops.sum(y_pred, axis=1)


@pytest.mark.parametrize(
    ("make", "error", "reason"),
    [
        (lambda: KerasLearner(print, batches()), ModelError, "builtin_function_or_method"),
        (lambda: KerasLearner(keras.Sequential([layers.Dense(2)]), batches()), ModelError, "not compiled"),
        (lambda: KerasLearner(net(None), batches()), OptimizerError, "without an optimizer"),
        (lambda: KerasLearner(net(), 3), lrfinder.errors.DataError, "int"),
    ],
    ids=["no model", "not compiled", "no optimizer", "no data"],
)
def test_arguments_that_give_no_learner_are_refused(make, error, reason):
    with pytest.raises(error, match=reason):
        make()


@pytest.mark.parametrize(
    ("make", "error", "reason"),
    [
        (lambda: KerasLearner(net(), []), EmptyDataError, "no batch"),
        (lambda: KerasLearner(net(), iter(())), EmptyDataError, "no batch"),
        (lambda: KerasLearner(net(), [batches()[0][0]]), BatchError, "ndarray"),
        (lambda: KerasLearner(net(), [{"x": 1}]), BatchError, "keys"),
        (lambda: KerasLearner(net(), [(1, 2, 3, 4)]), BatchError, "tuple of 4"),
        (lambda: KerasLearner(net(loss=None), batches()), LossError, "without a loss"),
        (lambda: KerasLearner(compiled(WithLoss()), batches()), LossError, r"shape \(8,\)"),
        (lambda: KerasLearner(compiled(WithStep(lambda logs: {"other": logs["loss"]})), batches()), LossError, "other"),
        (
            lambda: KerasLearner(compiled(WithStep(lambda logs: {"loss": keras.ops.stack([logs["loss"]] * 2)})), batches()),
            LossError,
            "one number",
        ),
    ],
    ids=[
        "no batch",
        "an iterator at its end",
        "an array",
        "a mapping",
        "four",
        "no loss",
        "a loss for each sample",
        "no loss in logs",
        "two losses",
    ],
)
def test_a_batch_or_loss_that_cannot_be_trained_is_refused_and_leaves_the_state(make, error, reason):
    learner = make()
    model = learner._model
    before = weights(model)
    with pytest.raises(error, match=reason) as raised:
        LRFinder(learner).find()
    assert str(raised.value).count(". ") == 0
    assert not before or weights(model) == before


def test_a_loss_that_a_layer_adds_is_a_loss():
    class Adds(layers.Layer):
        def call(self, x):
            self.add_loss(keras.ops.mean(x**2))
            return x

    model = compiled(keras.Sequential([keras.Input((6,)), layers.Dense(2), Adds()]), loss=None, metrics=None)
    assert KerasLearner(model, batches()).iteration(0.1) > 0


def test_an_epoch_has_the_updates_of_one_pass_over_the_data():
    data = batches()
    model = net(keras.optimizers.SGD(0.1), inside=[])
    assert KerasLearner(model, data).iterations_per_epoch() == len(data)
    assert KerasLearner(model, iter(data)).iterations_per_epoch() is None
    accumulating = net(keras.optimizers.SGD(0.1, gradient_accumulation_steps=3), inside=[])
    assert KerasLearner(accumulating, data).iterations_per_epoch() == len(data) / 3
    assert LRFinder(KerasLearner(model, data)).suggest(epochs=2, max_iterations=60).horizon == 2 * len(data)


ARRAYS = tuple(np.concatenate(parts) for parts in zip(*batches(), strict=True))


def test_arrays_are_data_as_fit_takes_them_with_its_batch_size():
    def trained(data, **settings):
        learner = KerasLearner(net("sgd", inside=[]), data, **settings)
        return [learner.iteration(0.1) for _ in range(6)], learner.iterations_per_epoch()

    def by_hand(size):
        while True:
            order = np.random.permutation(len(ARRAYS[0]))
            for k in range(0, len(order), size):
                yield ARRAYS[0][order[k : k + size]], ARRAYS[1][order[k : k + size]]

    assert trained(ARRAYS) == (trained(by_hand(32))[0], 3)
    assert trained(ARRAYS, batch_size=40) == (trained(by_hand(40))[0], 3)


def test_arrays_with_sample_weights_and_of_several_inputs_are_data():
    x, y = ARRAYS
    weighted = KerasLearner(net("sgd", inside=[]), (x, y, np.full(len(x), 2.0, "float32")), batch_size=96)
    once = KerasLearner(net("sgd", inside=[]), (x, y), batch_size=96).iteration(0.0)
    assert weighted.iteration(0.0) == pytest.approx(2 * once, rel=1e-5)
    keras.utils.set_random_seed(0)
    first, second = keras.Input((6,), name="first"), keras.Input((6,), name="second")
    model = compiled(keras.Model({"first": first, "second": second}, layers.Dense(2)(first + second)))
    assert len(LRFinder(KerasLearner(model, ({"first": x, "second": x}, y))).find(max_iterations=4)) == 4


def test_arrays_that_do_not_fit_are_refused():
    x, y = ARRAYS
    with pytest.raises(DataError, match="96, 95 examples"):
        KerasLearner(net("sgd"), (x, y[:95]))
    with pytest.raises(DataError, match="batch_size is 0"):
        KerasLearner(net("sgd"), (x, y), batch_size=0)
    with pytest.raises(DataError, match=r"it is for arrays: data=\(x, y\)"):
        KerasLearner(net("sgd"), batches(), batch_size=32)


def test_class_weights_count_as_in_fit():
    x, y = ARRAYS
    weight = {0: 1.0, 1: 3.0}
    model = net("sgd", inside=[])
    learner = KerasLearner(model, [(x, y)], class_weight=weight)
    losses = [learner.iteration(0.1) for _ in range(3)]
    twin = net(keras.optimizers.SGD(0.1), inside=[])
    history = twin.fit(x, y, batch_size=len(x), epochs=3, class_weight=weight, shuffle=False, verbose=0).history
    assert losses == pytest.approx(history["loss"], rel=1e-5)
    assert losses != [KerasLearner(net("sgd", inside=[]), [(x, y)]).iteration(0.1)] * 3


def test_class_weights_and_sample_weights_together_are_refused():
    x, y = ARRAYS
    with pytest.raises(BatchError, match="give one of the two"):
        KerasLearner(net("sgd"), [(x, y, y)], class_weight={0: 1.0, 1: 2.0}).iteration(0.1)
