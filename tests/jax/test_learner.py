"""Iterations of every kind of training on JAX, and trainings together."""

import subprocess
import sys

import numpy as np
import pytest

pytest.importorskip("optax", reason="the session jax_and_keras has it")
import jax
import jax.numpy as jnp
import optax
from jax_nets import OPTIMIZERS, Shuffled, arrays, batches, bowl, cross_entropy, params, state, with_dropout

from lrfinder import Averaged, DataEndedError, LRFinder, Stop, constant, one_cycle, restored
from lrfinder.errors import LearnerError
from lrfinder.jax import OptaxLearner

LRS = np.geomspace(1e-5, 1e-1, 30).tolist()


def learner(data=None, **settings):
    return OptaxLearner(cross_entropy, params(), OPTIMIZERS["Adam"](), batches() if data is None else data, **settings)


def same(some, others):
    return all(jax.tree.leaves(jax.tree.map(lambda one, other: np.array_equal(one, other), some, others)))


# --- iterations ---


def test_an_iteration_equals_that_of_a_script():
    tx, data, now = optax.sgd(0.1, momentum=0.9), batches(), params()
    opt_state = tx.init(now)
    learner = OptaxLearner(cross_entropy, now, lambda lr: optax.sgd(lr, momentum=0.9), data)
    for batch in data[:5]:
        loss, gradients = jax.value_and_grad(cross_entropy)(now, batch)
        updates, opt_state = tx.update(gradients, opt_state, now)
        now = optax.apply_updates(now, updates)
        assert learner.iteration(0.1) == pytest.approx(float(loss), rel=1e-5)
    for one, other in zip(jax.tree.leaves(learner.params), jax.tree.leaves(now), strict=True):
        assert np.allclose(one, other, atol=1e-6)


@pytest.mark.parametrize("data", [batches, lambda: batches(10), Shuffled, lambda: Shuffled(10), lambda: iter(batches(7))])
@pytest.mark.parametrize("donate", [False, True])
def test_many_iterations_at_once_equal_single_ones_bit_for_bit(data, donate):
    def train(iterate):
        np.random.seed(0)
        one = OptaxLearner(with_dropout, params(), OPTIMIZERS["Adam"](), data(), state=state(), donate=donate)
        losses = []
        try:
            losses += iterate(one)
        except DataEndedError:
            losses.append("ended")
        return losses, one.params, one.opt_state, one.state["mean"]

    def at_once(one):
        yield from one.iterations(LRS)

    def one_by_one(one):
        for lr in LRS:
            yield one.iteration(lr)

    some, others = train(at_once), train(one_by_one)
    assert some[0] == others[0]
    assert same(some[1:], others[1:])


def test_a_net_with_convolutions_is_trained_outside_of_a_loop_on_a_cpu():
    def loss_fn(w, batch):
        return jnp.mean((jnp.convolve(batch, w, "same") - 1) ** 2)

    def convolving():
        return OptaxLearner(loss_fn, jnp.ones(3), OPTIMIZERS["Adam"](), np.ones((4, 8), "float32"))

    some, others = convolving(), convolving()
    assert list(some.iterations(LRS)) == [others.iteration(lr) for lr in LRS]
    assert same(some.params, others.params)
    assert some._program.loops == (jax.default_backend() != "cpu")


def test_a_sweep_equals_one_of_single_iterations_bit_for_bit():
    one = learner()
    assert LRFinder(one).find() == LRFinder(Averaged(one, 1)).find()


def test_arrays_are_the_same_objects_after_a_search():
    for donate in (False, True):
        one = learner(donate=donate)
        before = one.params, one.opt_state
        LRFinder(one).find()
        LRFinder(one).compare([0.1, 0.2], 5)
        assert one.params is before[0]
        assert one.opt_state is before[1]
        assert np.isfinite(one.params["out"]["w"]).all()


def test_a_training_continues_from_attributes_that_were_set():
    one, other = learner(), learner()
    one.iteration(0.1)
    other.params, other.opt_state = one.params, one.opt_state
    other.restore(other.snapshot()._replace(position=one.snapshot().position))
    assert other.iteration(0.1) == one.iteration(0.1)


# --- trainings together ---


class Together(OptaxLearner):
    """A learner that runs trainings together, as on an accelerator."""

    def _is_faster_together(self, trainings, iterations):
        return True


def together(data, **settings):
    np.random.seed(0)
    return Together(with_dropout, params(), OPTIMIZERS["Adam"](), data, state=state(), **settings)


def one_after_the_other(data):
    np.random.seed(0)
    return OptaxLearner(with_dropout, params(), OPTIMIZERS["Adam"](), data, state=state())


@pytest.mark.parametrize("data", [lambda: batches(), lambda: Shuffled(10)])
def test_trainings_together_equal_those_one_after_the_other_to_rounding(data):
    lrs, records = [1e-3, 1e-2, 3e-2], []
    some = LRFinder(together(data())).compare(lrs, 20, on_record=records.append)
    others = LRFinder(one_after_the_other(data())).compare(lrs, 20)
    assert np.allclose(some.losses, others.losses, rtol=1e-3)
    assert some.stops == others.stops
    assert [record.lr for record in records] == [lr for lr in lrs for _ in range(20)]


def test_trainings_continue_from_the_states_that_they_reached():
    one = together(batches())
    with restored(one) as state:
        whole, _ = one.trainings([state] * 2, [[1e-3] * 8, [1e-2] * 8])
        first, states = one.trainings([state] * 2, [[1e-3] * 5, [1e-2] * 5])
        second, _ = one.trainings(states, [[1e-3] * 3, [1e-2] * 3])
        one.restore(states[1])
        third = one.iteration(1e-2)
    assert np.allclose(np.concatenate([first, second], 1), whole, rtol=1e-5)
    assert third == pytest.approx(second[1, 0], rel=1e-5)


def test_each_training_follows_the_rates_of_its_row():
    one, lrs = together(batches()), [[1e-3, 1e-2, 3e-2], [3e-2, 1e-3, 1e-2]]
    with restored(one) as state:
        losses, _ = one.trainings([state] * 2, lrs)
        for row, rates in zip(losses, lrs, strict=True):
            one.restore(state)
            assert np.allclose(row, list(one.iterations(rates)), rtol=1e-5)


@pytest.mark.parametrize("data", [lambda: batches(), lambda: Shuffled(10)])
@pytest.mark.parametrize("schedule", [constant, one_cycle])
def test_probes_together_equal_those_one_after_the_other_to_rounding(data, schedule):
    some = LRFinder(together(data())).suggest(60, schedule=schedule)
    others = LRFinder(one_after_the_other(data())).suggest(60, schedule=schedule)
    assert len(some.probes) > 3
    assert [(probe.lr, len(probe.losses)) for probe in some.probes] == [(p.lr, len(p.losses)) for p in others.probes]
    assert all(np.allclose(a.losses, b.losses, rtol=1e-2) for a, b in zip(some.probes, others.probes, strict=True))
    assert (some.lr, some.iterations) == (pytest.approx(others.lr, rel=0.02), others.iterations)


def test_trainings_together_leave_no_trace():
    one = together(batches())
    before = one.params
    LRFinder(one).compare([0.1, 1.0], 5)
    assert one.params is before


def test_a_training_that_diverges_does_not_end_the_others():
    one = Together(bowl, jnp.ones(()), optax.sgd, [np.zeros(1)])
    comparison = LRFinder(one).compare([1e10, 0.5], 10)
    assert comparison.stops == (Stop.NOT_FINITE, Stop.MAX_ITERATIONS)
    assert comparison.best == 0.5


def test_trainings_together_end_where_the_data_do():
    one = Together(bowl, jnp.ones(()), optax.sgd, iter([np.zeros(1)] * 3))
    comparison = LRFinder(one).compare([0.1, 0.5], 10)
    assert comparison.stops == (Stop.DATA_ENDED, Stop.DATA_ENDED)
    assert np.isfinite(comparison.losses).sum(axis=1).tolist() == [3, 3]


def test_trainings_whose_state_changes_its_dtype_run_one_after_the_other():
    def loss_fn(w, mean, batch):
        return bowl(w, batch), 0.5 * mean + jnp.float32(0.5) * w

    one = Together(loss_fn, jnp.ones(()), optax.sgd, [np.zeros(1)], state=jnp.zeros((), jnp.bfloat16))
    assert LRFinder(one).compare([0.5], 3).losses.tolist() == [[0.5, 0.125, 0.03125]]


def test_states_at_different_positions_do_not_train_together():
    one = together(batches())
    first = one.snapshot()
    one.iteration(0.1)
    with pytest.raises(LearnerError, match="positions"):
        one.trainings([first, one.snapshot()], [[0.1] * 3] * 2)


@pytest.mark.parametrize("package", ["jax", "optax"])
def test_a_package_that_is_not_installed_is_named_with_the_extra(package):
    code = f"import sys; sys.modules[{package!r}] = None; import lrfinder.jax"
    error = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False).stderr.splitlines()[-1]
    assert "MissingExtraError" in error
    assert f'{package} is needed for this and is not installed: run  pip install "lrfinder[jax]"' in error


def test_an_epoch_has_the_batches_of_one_pass_over_the_data():
    data = batches()
    for one in (data, tuple(data), np.zeros((len(data), 3)), jnp.zeros((len(data), 3))):
        assert learner(one).iterations_per_epoch() == len(data)
    assert learner(iter(data)).iterations_per_epoch() is None
    assert LRFinder(learner(data)).suggest(epochs=2, max_iterations=60).horizon == 2 * len(data)


def test_a_function_that_returns_batches_is_data():
    inputs, labels = arrays()

    def get_batch():
        rows = np.random.randint(len(labels), size=8)
        return inputs[rows], labels[rows]

    learner = OptaxLearner(cross_entropy, params(), optax.adam, get_batch)
    with restored(learner) as start:
        first = [learner.iteration(0.01) for _ in range(4)]
        learner.restore(start)
        assert [learner.iteration(0.01) for _ in range(4)] == first


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("data", None), ("data", "abc"), ("data", 3), ("replay_bytes", "x"), ("device_bytes", -1), ("opt_state", "x"),
        ("opt_state", ()), ("opt_state", optax.sgd(1e-3).init({"w": jnp.zeros(3)})),
        ("opt_state", optax.adam(1e-3).init({"w": jnp.zeros(4)})), ("opt_state", optax.adam(1e-3).init({"v": jnp.zeros(3)})),
    ],
)  # fmt: skip
def test_an_argument_of_another_kind_is_refused_by_name(name, value):
    arguments = {"params": {"w": jnp.zeros(3)}, "tx": optax.adam, "data": [{"x": np.ones((4, 3), "f4")}]} | {name: value}
    with pytest.raises(LearnerError, match="data are" if name == "data" else name):
        OptaxLearner(lambda params, batch: jnp.mean(batch["x"] @ params["w"]), **arguments)


def test_a_state_of_the_same_optimizer_and_parameters_is_accepted():
    params = {"w": jnp.zeros(3)}
    for tx in (
        optax.adam,
        optax.inject_hyperparams(optax.adam)(1e-3),
        optax.chain(optax.clip(1.0), optax.inject_hyperparams(optax.sgd)(1e-3)),
    ):
        state = (tx(1e-3) if callable(tx) else tx).init(params)
        learner = OptaxLearner(
            lambda params, batch: jnp.mean(batch["x"] @ params["w"]),
            params,
            tx,
            [{"x": np.ones((4, 3), "f4")}],
            opt_state=state,
        )
        assert np.isfinite(learner.iteration(0.1))


@pytest.mark.parametrize("given", [(params(), optax.sgd), (cross_entropy, optax.sgd(0.1), params())], ids=["loss", "params"])
def test_arguments_in_another_order_are_answered_with_the_order(given):
    with pytest.raises(LearnerError, match=r"The order is OptaxLearner\(loss_fn, params, tx, data\)"):
        OptaxLearner(*given, *[batches()] * (4 - len(given)))


@pytest.mark.parametrize("name", ["model", "optimizer", "criterion"])
def test_an_argument_of_another_learner_is_answered_with_its_own(name):
    with pytest.raises(TypeError, match=r"It has loss_fn, params, tx, data, ") as raised:
        OptaxLearner(**{name: None})
    assert "TorchLearner" not in str(raised.value)
