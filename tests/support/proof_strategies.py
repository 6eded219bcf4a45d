"""Cases, drawn: any net with any optimizer, any of its settings, any scheduler, any feed, at any moment."""

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
TAKE_SPARSE = ("SGD", "Adagrad", "SparseAdam")


def mostly(usual, *rarer, times=3):
    """``usual`` as often as each of the others, ``times`` over: what is quick, or tells most."""
    return st.sampled_from([usual] * times + list(rarer))


@st.composite
def settings(draw, name):
    """Up to 3 settings that PyTorch takes together."""
    chosen = (
        draw(st.lists(st.sampled_from(options), max_size=3, unique_by=lambda one: one[0]))
        if (options := proof_optimizers.settings_of(name))
        else []
    )
    kept = ()
    for one in sorted(chosen):
        if not proof_optimizers.why_not(name, (*kept, one)):
            kept = (*kept, one)
    return kept


def nets_for(name):
    if name == "SparseAdam":
        return sorted(SPARSE)
    return [net for net in NETS if net not in SPARSE or name in TAKE_SPARSE]


@st.composite
def cases(draw, rare=250):
    """A case. Workers come in one of ``rare`` cases, compiled models likewise: both are slow to start."""

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
