"""The validation loss of a JAX training."""

import numpy as np
import pytest

pytest.importorskip("optax", reason="the session jax_and_keras has it")
import jax.numpy as jnp
import optax
from jax_nets import Shuffled, arrays, batches, cross_entropy, params, state, with_dropout

from lrfinder import LRFinder, Validated
from lrfinder.errors import DataError, LossError
from lrfinder.jax import OptaxLearner, mean_loss


def learner(**settings):
    return OptaxLearner(cross_entropy, params(), optax.adam, batches(), **settings)


@pytest.mark.parametrize("size", [96, 40, 95, 1])
def test_it_is_the_mean_over_the_examples_whatever_the_size_of_the_last_batch(size):
    expected = float(cross_entropy(params(), arrays()))
    assert mean_loss(learner(), cross_entropy, batches(size))() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("donate", [False, True])
def test_it_follows_the_parameters_of_the_learner(donate):
    one = learner(donate=donate)
    evaluate = mean_loss(one, cross_entropy, batches(40))
    before = evaluate()
    one.iteration(0.1)
    assert evaluate() == pytest.approx(float(cross_entropy(one.params, arrays())), rel=1e-5)
    assert evaluate() != before


def test_a_loss_with_state_is_called_with_it_and_the_new_one_is_dropped():
    one = OptaxLearner(with_dropout, params(), optax.adam, batches(), state=state())
    kept = one.state
    expected = float(with_dropout(one.params, kept, arrays())[0])
    assert mean_loss(one, with_dropout, batches(96))() == pytest.approx(expected, rel=1e-5)
    assert one.state is kept


def test_every_call_reads_the_same_batches_and_leaves_the_generators():
    data, generator = Shuffled(), np.random.get_state()[1].tolist()
    own = data.noise.bit_generator.state
    evaluate = mean_loss(learner(), cross_entropy, data, 2)
    first = evaluate()
    assert np.random.get_state()[1].tolist() == generator
    assert data.noise.bit_generator.state == own
    np.random.random(3), data.noise.random(3)
    assert evaluate() == first


def test_it_is_the_curve_of_a_validated_learner():
    one = learner()
    before = one.params
    curve = LRFinder(Validated(one, mean_loss(one, cross_entropy, batches(40)))).find(max_iterations=5)
    assert curve.losses[0] == pytest.approx(float(cross_entropy(before, arrays())), rel=1e-5)
    assert one.params is before


def test_what_cannot_be_evaluated_is_refused_with_a_reason():
    with pytest.raises(DataError, match="at every rate"):
        mean_loss(learner(), cross_entropy, iter(batches()))
    with pytest.raises(LossError, match="shape"):
        mean_loss(learner(), lambda params, batch: jnp.ones(2), batches())()
