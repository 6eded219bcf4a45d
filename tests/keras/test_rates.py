"""The rate reaches every optimizer that a training step of Keras uses, or what stands in the way is named."""

import numpy as np
import pytest
from keras_nets import BACKEND, batches, compiled, keras, layers, net

import lrfinder.testing
from lrfinder import LRFinder
from lrfinder.errors import OptimizerError
from lrfinder.keras import KerasLearner, LRRangeTest, schedules
from lrfinder.keras.testing import fingerprint

SGD, Adam = keras.optimizers.SGD, keras.optimizers.Adam
Decay = keras.optimizers.schedules.ExponentialDecay
MULTIPLE = hasattr(keras.optimizers, "MultiOptimizer")
needs_multi = pytest.mark.skipif(not MULTIPLE, reason="older than Keras 3.15")
uncompiled = pytest.mark.skipif(BACKEND == "jax", reason="its compiled step is a function of the compiled optimizer alone")


def multi(first, second):
    """Return an optimizer of two: one for the last layer, one for the others."""
    optimizers = keras.optimizers
    return optimizers.MultiOptimizer(optimizers.OptimizerMap(first, {".*last/.*": second}))


def two_layers(optimizer, model=keras.Sequential):
    keras.utils.set_random_seed(0)
    return compiled(
        model([keras.Input((6,)), layers.Dense(8, name="first"), layers.Dense(2, name="last")]), optimizer, metrics=None
    )


class Own(keras.Sequential):
    """A model whose training step has optimizers of its own, one for each layer; ``place`` says where they are."""

    place = staticmethod(lambda first, second: {"first_optimizer": first, "last_optimizer": second})
    rates = (0.02, 0.01)
    make = SGD

    def compile(self, **settings):
        super().compile(**settings)
        for name, one in self.place(*(type(self).make(rate) for rate in self.rates)).items():
            setattr(self, name, one)

    def own(self):
        found = [vars(self).get("first_optimizer"), vars(self).get("last_optimizer")]
        kept = vars(self).get("optimizers")
        return list(kept.values() if isinstance(kept, dict) else kept) if kept else found

    def train_step(self, data):
        x, y = data[:2]
        first, last = self.layers
        variables = [*first.trainable_variables, *last.trainable_variables]
        if BACKEND == "torch":
            import torch

            self.zero_grad()
            loss = self.compute_loss(x, y, self(x, training=True))
            loss.backward()
            gradients = [one.value.grad for one in variables]
            with torch.no_grad():
                self.apply_own(gradients, variables)
        else:
            import tensorflow as tf

            with tf.GradientTape() as tape:
                loss = self.compute_loss(x, y, self(x, training=True))
            self.apply_own(tape.gradient(loss, variables), variables)
        return {"loss": loss}

    def apply_own(self, gradients, variables):
        one, other = self.own()
        one.apply(gradients[:2], variables[:2])
        other.apply(gradients[2:], variables[2:])


def own(name="attributes", optimizer="rmsprop", rates=(0.02, 0.01), make=SGD, base=Own):
    kind = type("Model", (base,), {"place": staticmethod(PLACES[name]), "rates": rates, "make": make})
    return two_layers(optimizer, kind)


PLACES = {
    "attributes": lambda first, last: {"first_optimizer": first, "last_optimizer": last},
    "a list": lambda first, last: {"optimizers": [first, last]},
    "a dictionary": lambda first, last: {"optimizers": {"first": first, "last": last}},
}


def moved(model, lr):
    """Return how far an iteration at a rate moves the weights of each layer, over the rate."""
    before = model.get_weights()
    learner = KerasLearner(model, batches())
    state = learner.snapshot()
    learner.iteration(lr)
    after = model.get_weights()
    learner.restore(state)
    return [float(np.abs(now - then).sum()) / lr for now, then in zip(after, before, strict=True)][::2]


@pytest.fixture
def plain():
    """The distances of a model with one SGD."""
    return np.array(moved(two_layers(SGD(0.1)), 0.5))


@needs_multi
@pytest.mark.parametrize(
    "make",
    [
        lambda: multi(SGD(0.02), SGD(0.01)),
        lambda: keras.optimizers.LossScaleOptimizer(multi(SGD(0.02), SGD(0.01)), initial_scale=1.0),
        lambda: keras.optimizers.MultiOptimizer(lambda variable: SGD(0.02 if "first" in variable.path else 0.01)),
        lambda: multi(SGD(Decay(0.02, 10, 0.5)), SGD(Decay(0.01, 10, 0.5))),
    ],
    ids=["a map", "inside a loss scale", "a function", "schedules of one shape"],
)
def test_every_optimizer_of_a_multi_optimizer_gets_the_rate_at_its_ratio(make, plain):
    np.testing.assert_allclose(moved(two_layers(make()), 0.5), plain * [1, 0.5], rtol=1e-4)


@uncompiled
@pytest.mark.parametrize("name", PLACES)
def test_every_optimizer_of_a_training_step_gets_the_rate_at_its_ratio(name, plain):
    np.testing.assert_allclose(moved(own(name), 0.5), plain * [1, 0.5], rtol=1e-4)


@uncompiled
def test_schedules_in_a_training_steps_optimizers_keep_their_ratio(plain):
    rates = (Decay(0.02, 10, 0.5), Decay(0.01, 10, 0.5))
    np.testing.assert_allclose(moved(own(rates=rates), 0.5), plain * [1, 0.5], rtol=1e-4)


@uncompiled
@pytest.mark.parametrize(("name", "trained"), [("attributes", False), ("a dictionary", True)])
def test_a_model_with_optimizers_of_its_own_obeys_the_law(name, trained):
    model = own(name, make=lambda rate: Adam(rate))
    if trained:
        model.train_on_batch(*batches()[0])
    lrfinder.testing.check(KerasLearner(model, batches()), observe=lambda: fingerprint(model))


@needs_multi
def test_a_model_with_a_multi_optimizer_obeys_the_law():
    model = two_layers(multi(Adam(0.02), SGD(0.01, momentum=0.9)))
    lrfinder.testing.check(KerasLearner(model, batches()), observe=lambda: fingerprint(model))


@uncompiled
def test_a_search_leaves_optimizers_of_a_training_step_as_if_it_had_never_been():
    def losses(search):
        model = own(make=lambda rate: Adam(rate))
        if search:
            LRFinder(KerasLearner(model, batches())).find(lr_start=1e-3, lr_multiplier=2.0)
            assert not model.first_optimizer.built
        found = [float(model.train_on_batch(*batch, return_dict=True)["loss"]) for batch in batches()[:4]]
        return found, int(model.first_optimizer.iterations), float(model.first_optimizer.learning_rate)

    assert losses(search=True) == losses(search=False)


@needs_multi
def test_an_iteration_is_one_update_where_the_optimizers_inside_accumulate():
    first, second = SGD(0.02, gradient_accumulation_steps=3), SGD(0.01, gradient_accumulation_steps=3)
    learner = KerasLearner(two_layers(multi(first, second)), batches())
    assert learner.iterations_per_epoch() == 4
    learner.iteration(0.1)
    assert (int(first._iterations), int(first.iterations)) == (3, 1)


class Warmed(SGD):
    """An optimizer that computes its own rate."""

    def _get_current_learning_rate(self):
        return super()._get_current_learning_rate() * 0.5


class WritesARate(keras.Sequential):
    def train_step(self, *arguments):
        self.optimizer._learning_rate.assign(0.001)
        return super().train_step(*arguments)


class ReplacesTheRate(keras.Sequential):
    def train_on_batch(self, *arguments, **others):
        found = super().train_on_batch(*arguments, **others)
        self.optimizer._learning_rate = Decay(0.1, 10, 0.5)
        return found


IN_THE_WAY = {
    "its own rate": (lambda: two_layers(Warmed(0.1)), r"optimizer \(Warmed\) computes its own rate: it is 0.25"),
    "a step that replaces it": (
        lambda: two_layers(SGD(0.1), ReplacesTheRate),
        r"has the schedule ExponentialDecay, and 0.5 was written",
    ),
    "a step that writes one": (lambda: two_layers(SGD(0.1), WritesARate), r"has 0.001, and 0.5 was written. The train_step"),
}


@pytest.mark.parametrize("name", IN_THE_WAY)
def test_what_changes_the_written_rate_is_named_at_the_first_iteration(name):
    if BACKEND == "jax" and name == "a step that writes one":
        pytest.skip("a step of JAX is a pure function")
    make, reason = IN_THE_WAY[name]
    with pytest.raises(OptimizerError, match=reason):
        KerasLearner(make(), batches()).iteration(0.5)


class WarmsUp(keras.Sequential):
    """A model that begins to set its rate after some steps."""

    def train_on_batch(self, *arguments, **others):
        found = super().train_on_batch(*arguments, **others)
        if int(self.optimizer.iterations) > 5:
            self.optimizer.learning_rate = 0.003
        return found


@pytest.mark.parametrize("search", ["find", "suggest", "compare"])
def test_what_begins_to_change_the_rate_later_is_named(search):
    finder = LRFinder(KerasLearner(two_layers(SGD(0.1), WarmsUp), batches()))
    searches = {"find": finder.find, "suggest": finder.suggest, "compare": lambda: finder.compare([1e-3, 1e-2], 9)}
    with pytest.raises(OptimizerError, match=r"has 0.003, and .* was written"):
        searches[search]()


@needs_multi
@pytest.mark.parametrize("rates", [(Decay(0.02, 10, 0.5), 0.01), (Decay(0.02, 10, 0.5), Decay(0.02, 20, 0.5))])
def test_optimizers_whose_ratio_changes_are_refused_by_name(rates):
    model = two_layers(multi(*map(SGD, rates)))
    with pytest.raises(OptimizerError, match=r"ratio between the rates of .*_inner_optimizers.* changes"):
        LRFinder(KerasLearner(model, batches())).find()


@pytest.mark.skipif(BACKEND != "jax", reason="the other backends read variables while they run")
def test_a_rate_that_is_a_constant_of_a_compiled_step_is_refused():
    class Wrapped(SGD):
        """A wrapper that does not pass on the variables of the optimizer inside it."""

        def __init__(self, inner):
            super().__init__(0.0)
            self.inside = [inner]

        def update_step(self, gradient, variable, learning_rate):
            del learning_rate
            super().update_step(gradient, variable, self.inside[0].learning_rate)

    with pytest.raises(OptimizerError, match=r"is a constant in the compiled step of JAX"):
        KerasLearner(two_layers(Wrapped(SGD(0.1))), batches()).iteration(0.5)


@pytest.mark.parametrize("wrap", [lambda one: one, keras.optimizers.LossScaleOptimizer])
def test_a_result_names_the_schedule_that_the_search_left_out(wrap):
    def notes(rate):
        return LRFinder(KerasLearner(two_layers(wrap(SGD(rate))), batches())).find(max_iterations=3).notes

    assert "the search left out the ExponentialDecay of the optimizer" in notes(Decay(0.1, 10, 0.5))[-1]
    assert not notes(0.1)


# --- the callback ---


def fit(model, *others, **settings):
    x, y = (np.concatenate(parts) for parts in zip(*batches(), strict=True))
    with LRRangeTest(0.5, 1.1, max_iterations=6, stopping=lambda _: None) as test:
        model.fit(x, y, batch_size=8, shuffle=False, verbose=0, callbacks=[test, *others], **settings)
    return test.result


@needs_multi
def test_the_callback_reaches_every_optimizer_of_a_multi_optimizer():
    one, other = (two_layers(multi(SGD(rate), SGD(rate / 2))) for rate in (0.02, 0.2))
    assert fit(one).losses.tolist() == fit(other).losses.tolist()
    assert fit(one).losses.tolist() != fit(two_layers(SGD(0.1))).losses.tolist()


@uncompiled
def test_the_callback_reaches_the_optimizers_of_a_training_step():
    assert fit(own()).losses.tolist() == fit(own(rates=(0.2, 0.1))).losses.tolist()
    assert fit(own()).losses.tolist() == pytest.approx(losses_of_the_learner(own()), rel=1e-5)


def losses_of_the_learner(model):
    return LRFinder(KerasLearner(model, batches())).find(0.5, 1.1, max_iterations=6, stopping=lambda _: None).losses.tolist()


@uncompiled
def test_the_callback_names_an_optimizer_that_makes_no_update():
    class Unused(Own):
        def apply_own(self, gradients, variables):
            self.own()[1].apply(gradients, variables)

    with pytest.raises(OptimizerError, match=r"first_optimizer \(SGD\) makes no update"):
        fit(own(base=Unused))


@pytest.mark.parametrize(
    "make",
    [
        lambda: keras.callbacks.LearningRateScheduler(lambda epoch: 0.001),
        lambda: keras.callbacks.ReduceLROnPlateau("loss", patience=0, min_delta=100.0),
    ],
    ids=["LearningRateScheduler", "ReduceLROnPlateau"],
)
def test_callbacks_that_write_a_rate_each_epoch_do_not_change_the_curve(make):
    assert fit(net(SGD(0.1)), make(), epochs=3).losses.tolist() == fit(net(SGD(0.1)), epochs=3).losses.tolist()


def test_a_callback_that_writes_a_rate_before_each_batch_is_refused():
    class Writes(keras.callbacks.Callback):
        def on_train_batch_begin(self, batch, logs=None):
            del batch, logs
            self.model.optimizer.learning_rate = 0.001

    with pytest.raises(OptimizerError, match=r"has 0.001, and 0.5 was written\. The train_step or a callback sets it"):
        fit(net(SGD(0.1)), Writes())


def test_a_callback_that_begins_to_write_a_rate_later_is_refused():
    class Writes(keras.callbacks.Callback):
        def on_train_batch_begin(self, batch, logs=None):
            del logs
            if batch > 3:
                self.model.optimizer.learning_rate = 0.001

    with pytest.raises(OptimizerError, match=r"has 0.001, and .* was written\. The train_step or a callback sets it"):
        fit(net(SGD(0.1)), Writes())


def test_a_schedule_that_the_test_left_out_is_among_the_notes():
    decay = Decay(0.1, 10, 0.5)
    assert "left out the ExponentialDecay" in " ".join(fit(net(SGD(decay))).notes)


# --- set_rate ---


@needs_multi
@pytest.mark.parametrize("wrap", [lambda one: one, keras.optimizers.LossScaleOptimizer, lambda one: [one]])
def test_a_rate_is_set_in_every_optimizer_at_its_ratio(wrap):
    first, second = SGD(0.02), SGD(0.01)
    schedules.set_rate(wrap(multi(first, second)), 0.5)
    assert (float(first.learning_rate), float(second.learning_rate)) == (0.5, 0.25)


@pytest.mark.parametrize(
    "make",
    [
        lambda: SGD(Decay(0.1, 10, 0.5)),
        lambda: keras.optimizers.LossScaleOptimizer(SGD(schedules.one_cycle(0.1, 10))),
        pytest.param(lambda: multi(SGD(0.1), SGD(Decay(0.1, 10, 0.5))), marks=needs_multi),
    ],
)
def test_a_rate_is_not_set_in_an_optimizer_with_a_schedule_and_the_line_to_write_is_given(make):
    with pytest.raises(OptimizerError, match=r"\(SGD\) was created with a .*model\.compile\(keras\.optimizers\.SGD\("):
        schedules.set_rate(make(), 0.5)


@pytest.fixture
def half_precision():
    before = keras.config.floatx()
    keras.config.set_floatx("float16")
    yield
    keras.config.set_floatx(before)


@pytest.mark.usefixtures("half_precision")
def test_a_range_test_records_the_rates_that_half_precision_applies():
    learner = KerasLearner(two_layers(SGD(0.1)), batches())
    lrs = LRFinder(learner).find(rates=[1.7e-4, 0.1], stopping=lambda _: False).lrs
    assert list(lrs) == [float(np.float16(lr)) for lr in (1.7e-4, 0.1)]
