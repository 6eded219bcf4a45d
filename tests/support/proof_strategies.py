"""Strategies that draw cases: any net, optimizer with settings, scheduler and feed, at any moment."""

import proof_optimizers
from hypothesis import strategies as st
from proof_batches import CONTAINERS, USES
from proof_case import Case
from proof_environments import ENVIRONMENTS
from proof_feeds import WITH_WORKERS
from proof_foreign import FOREIGN
from proof_losses import CLIPS, LOSSES
from proof_nets import SPARSE
from proof_objects import ALL as NETS
from proof_objects import WITH_OBJECTS
from proof_optimizers import OPTIMIZERS, REFUSED, needs_closure
from proof_passes import IN_PAIRS, WITHOUT_WORKERS
from proof_samplers import IN_THE_SAME_MEMORY, WITH_LISTS
from proof_schedulers import SCHEDULERS
from proof_training import AVERAGES, COMPILED, GIVEN, GROUPS, MODES, MOMENTS, PRECISIONS

WHAT = (
    ("find",),
    ("compare",),
    ("suggest",),
    ("law",),
    ("find", "find"),
    ("compare", "compare"),
    ("find", "compare"),
    ("compare", "find"),
    ("suggest", "suggest"),
    ("suggest with probes",),
    ("find", "suggest", "compare"),
    ("suggest", "compare"),
    ("compare equal rates",),
    ("check",),
    ("find", "check"),
)
ACCEPT_SPARSE = ("SGD", "Adagrad", "SparseAdam")


def mostly(usual, *rarer, times=3):
    """Draw ``usual`` ``times`` as often as each of the others, because it is fast or finds most."""
    return st.sampled_from([usual] * times + list(rarer))


@st.composite
def settings(draw, name):
    """Draw up to 3 settings that PyTorch accepts together."""
    chosen = (
        draw(st.lists(st.sampled_from(options), max_size=3, unique_by=lambda one: one[0]))
        if (options := proof_optimizers.settings_of(name))
        else []
    )
    accepted = ()
    for one in sorted(chosen):
        if not proof_optimizers.why_not(name, (*accepted, one)):
            accepted = (*accepted, one)
    return accepted


def new_kinds(case):
    """Return which kinds of state the case has that only their objects know."""
    kinds = {
        f"loss: {case.loss}": case.loss != "none",
        f"clip: {case.clip}": case.clip not in {"no", "norm"},
        f"environment: {case.stateful}": case.stateful != "none",
        f"container: {case.container}": case.container != "pair",
        f"batch: the step {case.use}": case.use != "reads",
        f"net: {case.net}": case.net in WITH_OBJECTS,
        f"optimizer: {case.optimizer}": case.optimizer in FOREIGN,
        f"feed: {case.feed}": case.feed in WITH_LISTS or case.feed in IN_THE_SAME_MEMORY,
    }
    return {name for name, present in kinds.items() if present}


def nets_for(name):
    if name == "SparseAdam":
        return sorted(SPARSE)
    return [net for net in NETS if net not in SPARSE or name in ACCEPT_SPARSE]


def uses(feed, container, closure):
    """Return what a step may do to a batch; one that it empties cannot be read again."""
    if feed in IN_THE_SAME_MEMORY or container == "pair":
        return USES[:1]
    return [use for use in USES if use != "empties" or not (closure or feed in {"list", "tuple"})]


@st.composite
def cases(draw, rare=250):
    """Draw a case. One of ``rare`` cases has workers, one a compiled model, because both start slowly."""

    def rarely():
        return draw(st.integers(1, rare)) == rare // 3  # the ends of a range are drawn more often than the rest

    optimizer = draw(st.sampled_from([name for name in OPTIMIZERS if name not in REFUSED]))
    closure = needs_closure(optimizer)
    form = draw(st.sampled_from(["class", "step"]))
    feed = draw(st.sampled_from(sorted(WITH_WORKERS if rarely() else WITHOUT_WORKERS)))
    container = "pair" if feed in IN_PAIRS else draw(mostly(*CONTAINERS, times=len(CONTAINERS)))
    given = draw(mostly(*GIVEN[form]))
    return Case(
        net=draw(st.sampled_from(nets_for(optimizer))),
        optimizer=optimizer,
        settings=draw(settings(optimizer)),
        groups="one" if closure else draw(mostly(*GROUPS)),
        scheduler=draw(mostly(*SCHEDULERS, times=8)),
        precision=draw(mostly(*(PRECISIONS[:2] if closure else PRECISIONS), times=4)),
        accumulate=draw(mostly(1, 2)) if form == "class" and feed not in IN_THE_SAME_MEMORY else 1,
        clip=draw(mostly("no", *CLIPS)) if form == "class" or draw(st.booleans()) else "no",
        loss=draw(mostly(*LOSSES, times=len(LOSSES))),
        given="method" if given == "loss function" and container != "pair" else given,
        stateful=draw(mostly(*ENVIRONMENTS, times=len(ENVIRONMENTS))),
        average=draw(mostly(*AVERAGES)),
        compiled=draw(st.sampled_from(COMPILED[1:])) if rarely() else "no",
        feed=feed,
        container=container,
        use=draw(st.sampled_from(uses(feed, container, closure))),
        moment=draw(st.sampled_from(list(MOMENTS))),
        mode=draw(mostly(*MODES)),
        form=form,
        hooks=draw(st.booleans()),
        what=draw(st.sampled_from(WHAT)),
        on_disk=draw(mostly(False, True)),
        close=draw(st.booleans()),
        seed=draw(st.integers(0, 99)),
    )
