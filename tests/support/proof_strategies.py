"""Strategies that draw cases: any net, optimizer with settings, scheduler and feed, at any moment."""

import proof_optimizers
from hypothesis import strategies as st
from proof_case import Case
from proof_feeds import FEEDS, WITH_WORKERS
from proof_nets import NETS, SPARSE
from proof_optimizers import OPTIMIZERS, REFUSED, needs_closure
from proof_schedulers import SCHEDULERS
from proof_training import AVERAGES, COMPILED, GROUPS, MODES, MOMENTS, PRECISIONS

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


def nets_for(name):
    if name == "SparseAdam":
        return sorted(SPARSE)
    return [net for net in NETS if net not in SPARSE or name in ACCEPT_SPARSE]


@st.composite
def cases(draw, rare=250):
    """Draw a case. One of ``rare`` cases has workers, one a compiled model, because both start slowly."""

    def rarely():
        return draw(st.integers(1, rare)) == rare // 3  # the ends of a range are drawn more often than the rest

    optimizer = draw(st.sampled_from([name for name in OPTIMIZERS if name not in REFUSED]))
    closure = needs_closure(optimizer)
    form = draw(st.sampled_from(["class", "step"]))
    feeds = WITH_WORKERS if rarely() else FEEDS
    return Case(
        net=draw(st.sampled_from(nets_for(optimizer))),
        optimizer=optimizer,
        settings=draw(settings(optimizer)),
        groups="one" if closure else draw(mostly(*GROUPS)),
        scheduler=draw(mostly(*SCHEDULERS, times=8)),
        precision=draw(mostly(*(PRECISIONS[:2] if closure else PRECISIONS), times=4)),
        accumulate=draw(mostly(1, 2)) if form == "class" else 1,
        clip=draw(st.booleans()),
        average=draw(mostly(*AVERAGES)),
        compiled=draw(st.sampled_from(COMPILED[1:])) if rarely() else "no",
        feed=draw(st.sampled_from(sorted(feeds))),
        moment=draw(st.sampled_from(list(MOMENTS))),
        mode=draw(mostly(*MODES)),
        form=form,
        hooks=draw(st.booleans()),
        what=draw(st.sampled_from(WHAT)),
        close=draw(st.booleans()),
        seed=draw(st.integers(0, 99)),
    )
