"""The table of faults of objects that a training reaches: what holds state, what refuses, what must not be touched."""

from __future__ import annotations

import signal
from functools import partial

import faulty_objects as objects
import numpy as np
import torch
from fault_outcomes import Interrupts, Loses, Raises, Undisturbed
from fault_table import ALONE, FAULTS, ITERATION, RESTORE, SNAPSHOT, Fault, given, raising, sending
from faulty_objects import watched
from faulty_surroundings import MyError, Refusing
from faulty_training import Training

from lrfinder import SnapshotError


def attached(attach, outcome=None, **settings):
    """Return a fault of an object that the loss reaches."""
    return given(outcome or Undisturbed(), verbs=ALONE, attach=attach, **settings)


def refused(attach, words, **settings):
    return attached(attach, Raises(SnapshotError, words, note=None), moments=SNAPSHOT, **settings)


def raised(attach, kind=MyError, words="mine", **settings):
    """Return a fault in code of the user that the snapshot calls; its exception passes through."""
    outcome = Raises(kind, words, note="raised while the snapshot was taken")
    return attached(attach, outcome, moments=SNAPSHOT, **settings)


def exploded(strike, outcome, point="loss"):
    return Fault(point, strike, outcome, ITERATION, ALONE, training=partial(Training, attach=objects.Exploding))


OF_OBJECTS = {
    # what refuses, before anything is trained
    "a tensor of the loss refuses to be written": refused(objects.of_class(objects.Unwritable), "MyError: mine"),
    "a tensor of the loss refuses to be copied": raised(objects.of_class(objects.Uncopyable)),
    "a wrapper does not say what it wraps": raised(objects.closed),
    "a stateful object refuses to give its state": raised(None, stateful=[objects.RefusingState()]),
    "a stateful object gives a state that cannot be copied": raised(
        None, TypeError, "lock", stateful=[objects.UncopyableState()]
    ),
    "an object of the loss refuses to load its state": attached(
        lambda training: Refusing(), Loses({"extra"}, r"extra \(MyError: mine\)"), moments=RESTORE
    ),
    # tensors of every kind
    "a tensor of the loss was made in inference mode": attached(
        watched(objects.of_inference, objects.add_in_inference, objects.numbers_of)
    ),
    "a tensor of the loss is sparse": attached(
        watched(lambda: torch.eye(3).to_sparse(), lambda held: held.mul_(2), objects.numbers_of)
    ),
    "a tensor of the loss is quantized": attached(
        watched(objects.quantized, objects.write_quantized, objects.numbers_of_quantized)
    ),
    "a tensor of the loss is in 8 bits": attached(
        watched(lambda: torch.ones(3).to(torch.float8_e4m3fn), objects.write_into_a_float8, objects.numbers_of_float8)
    ),
    "a tensor of the loss is a conjugate": attached(
        watched(lambda: torch.ones(3, dtype=torch.complex64).conj(), objects.add, objects.numbers_of)
    ),
    "a tensor of the loss is expanded": attached(
        watched(lambda: torch.ones(1).expand(3), lambda held: held[:1].add_(1), objects.numbers_of)
    ),
    "a tensor of the loss is resized": attached(watched(lambda: torch.ones(2), objects.resize, objects.length_of)),
    "the memory of a tensor of the loss is freed": attached(watched(lambda: torch.ones(2), objects.free, objects.length_of)),
    "a tensor of the loss has no data": attached(
        watched(objects.without_data, objects.replace_without_data, lambda held: held[0].shape)
    ),
    "a tensor of the loss shares the memory of a weight": attached(objects.share_a_view),
    "a tensor of the loss needs a gradient and has none": attached(
        watched(lambda: torch.ones(2, requires_grad=True), lambda held: held.detach().add_(1), objects.numbers_of)
    ),
    # containers and arrays
    "the methods of a dict raise": attached(
        watched(
            lambda: objects.refusing(dict, *objects.OF_A_DICT)(first=torch.zeros(1)), objects.write_an_item, objects.items_of
        )
    ),
    "the methods of a list raise": attached(
        watched(
            lambda: objects.refusing(list, *objects.OF_A_LIST)([torch.zeros(1)]),
            objects.write_into_a_list,
            lambda held: list(map(id, list.__iter__(held))),
        )
    ),
    "the methods of a set raise": attached(
        watched(lambda: objects.refusing(set, *objects.OF_A_SET)({7}), objects.write_into_a_set, lambda held: set.copy(held))
    ),
    "a list contains itself": attached(
        watched(objects.full_of_itself, objects.write_deep, lambda held: (len(held), held[0].tolist()))
    ),
    "containers are nested 5,000 deep": attached(
        watched(objects.deep, objects.raise_the_bottom, lambda held: objects.bottom(held).tolist())
    ),
    "the loss leads to more than 100,000 objects": attached(
        watched(objects.many, seen=len), around=objects.named_as_too_large
    ),
    "an array of the loss is read-only": attached(watched(objects.read_only, seen=objects.of_array)),
    "an array of the loss becomes read-only": attached(
        watched(lambda: np.zeros(2), lambda held: held.setflags(write=False), objects.of_array)
    ),
    "an array of the loss has fields": attached(
        watched(objects.structured, objects.write_structured, lambda held: held.tobytes())
    ),
    "an array of the loss holds objects": attached(
        watched(objects.of_objects, objects.write_objects, lambda held: held.tolist())
    ),
    # objects
    "the properties of an object raise": attached(watched(objects.Properties, objects.use_behind, objects.behind)),
    "the slots of an object are not all set": attached(watched(objects.half, objects.set_the_others, objects.set_slots)),
    "an object raises at nearly every use": attached(watched(objects.stubborn, objects.use_stubborn, objects.of_stubborn)),
    "an object is frozen": attached(watched(lambda: objects.Frozen(torch.zeros(1)), objects.use_frozen, objects.of_frozen)),
    "an object gets another dict": attached(watched(objects.Plain, objects.lose_attributes, objects.of_namespace)),
    "an object refers to others that are gone": attached(watched(objects.dead, objects.use_tensor, objects.of_tensor)),
    "the loss uses a logger, locks, files, threads and sockets": attached(objects.OfTheProcess),
    "the loss refers to a lock that another holds": attached(
        watched(objects.holding_a_lock, objects.use_tensor, objects.of_lock)
    ),
    "the loss refers to the learner, its finder and an open pass": attached(objects.KnowsAll),
    # a loss whose state exploded
    "the loss raises after its state exploded": exploded(raising(MyError), Raises(MyError)),
    "memory runs out after the state of the loss exploded": exploded(raising(MemoryError), Raises(MemoryError)),
    "Ctrl-C after the state of the loss exploded": exploded(sending(signal.SIGINT), Interrupts(KeyboardInterrupt)),
    "the step raises after the state of the loss exploded": exploded(raising(MyError), Raises(MyError), "step"),
    # batches
    "the copy of a batch raises": given(Undisturbed(), verbs=ALONE, data=objects.in_pairs_that_refuse),
    "all batches are in the same memory": given(Undisturbed(), verbs=ALONE, data=objects.InOneMemory),
    "all batches are in the same memory and none is stored": given(
        Undisturbed(), verbs=ALONE, data=objects.InOneMemory, replay_bytes=0
    ),
    "a batch is overwritten when the next is drawn": given(Undisturbed(), verbs=ALONE, data=objects.Spoiled),
}
ALL = FAULTS | OF_OBJECTS
