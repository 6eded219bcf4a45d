"""Checks of the facts of a learner that hold in every framework."""


def check_updates_are_seen(learner):
    """Fail unless updates are seen once there were some, and not after a restore."""
    assert not learner.facts().trained
    state = learner.snapshot()
    learner.iteration(0.01)
    assert learner.facts().trained
    learner.restore(state)
    assert not learner.facts().trained
