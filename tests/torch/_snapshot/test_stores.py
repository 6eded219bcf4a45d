"""Copies of a snapshot: complete for tensors of every kind, in reused memory, or on disk and removed afterwards."""

import gc
import shutil
import weakref

import pytest
import torch
from torch import nn
from torch_nets import loader, net

import lrfinder.testing
from lrfinder import LRFinder, LRFinderError, SnapshotError
from lrfinder.torch import TorchLearner
from lrfinder.torch._snapshot.snapshot import Snapshot
from lrfinder.torch._snapshot.stores import MIN_FREE_RATIO, InMemory, OnDisk, fits_on_accelerator
from lrfinder.torch.inspection import fingerprint

TENSORS = {
    "floats": lambda: torch.randn(3, 5),
    "half precision": lambda: torch.randn(7).to(torch.bfloat16),
    "booleans": lambda: torch.rand(3) > 0.5,
    "integers": lambda: torch.randint(0, 9, (2, 2)),
    "complex numbers": lambda: torch.randn(3, dtype=torch.complex128),
    "a scalar": lambda: torch.randn(()),
    "no elements": lambda: torch.zeros(0, 4),
    "channels last": lambda: torch.randn(2, 3, 4, 5).to(memory_format=torch.channels_last),
    "transposed": lambda: torch.randn(4, 6).t(),
    "with gaps": lambda: torch.randn(4, 6)[:, ::2],
    "expanded": lambda: torch.randn(4, 1).expand(4, 3),
    "conjugated": lambda: torch.randn(4, dtype=torch.complex64).conj(),
    "a view into shared memory": lambda: torch.randn(10)[3:7],
}


UNUSUAL = {torch.qint8, torch.quint8, torch.qint32, torch.quint4x2, torch.quint2x4, torch.complex32}  # PyTorch warns


def bits(tensor):
    return tensor.stride(), tensor.dtype, repr(tensor.tolist())


def scrambled(tensor):
    memory = tensor[tuple(slice(0, 1) if stride == 0 else slice(None) for stride in tensor.stride())]
    memory.copy_(~memory if memory.dtype is torch.bool else memory + 1)


@pytest.fixture(params=["in memory", "on disk"])
def copies(request, tmp_path):
    return InMemory() if request.param == "in memory" else OnDisk(tmp_path)


def test_tensors_of_every_kind_are_restored_in_their_own_memory(copies):
    tensors = {name: make() for name, make in TENSORS.items()}
    before = {name: (bits(one), one.data_ptr()) for name, one in tensors.items()}
    memory = Snapshot([tensors], copies)
    for _ in range(2):
        for one in tensors.values():
            scrambled(one)
        memory.restore()
        assert {name: (bits(one), one.data_ptr()) for name, one in tensors.items()} == before


def test_a_snapshot_does_not_change_when_others_are_created_and_released(copies):
    model = nn.Linear(30, 30)
    first, weight = Snapshot([model], copies), model.weight.tolist()
    for k in range(4):
        nn.init.constant_(model.weight, float(k))
        other = Snapshot([model], copies)
        other.restore()
        assert model.weight[0, 0].item() == k
    del other
    first.restore()
    assert model.weight.tolist() == weight


def test_the_block_of_a_released_snapshot_serves_the_next():
    model, copies = nn.Linear(30, 30), InMemory()
    start = Snapshot([model], copies)
    probe = Snapshot([model], copies)
    block = probe._copies.blocks[0].memory.data_ptr()
    del probe
    assert Snapshot([model], copies)._copies.blocks[0].memory.data_ptr() == block
    del start


def test_no_memory_is_held_once_every_snapshot_is_released():
    model, copies = nn.Linear(30, 30), InMemory()
    states = [Snapshot([model], copies) for _ in range(3)]
    states.clear()
    assert [pool._released() for pool in copies._pools.values()] == [None]


def test_one_unused_block_is_held_while_another_snapshot_lives():
    model, copies = nn.Linear(30, 30), InMemory()
    states = [Snapshot([model], copies) for _ in range(4)]
    memories = [weakref.ref(one._copies.blocks[0].memory) for one in states]
    del states[1:]
    assert [one() is not None for one in memories].count(True) == 2


def test_for_a_fresh_optimizer_only_parameters_and_buffers_are_copied():
    model = net()
    memory = Snapshot([model, torch.optim.Adam(model.parameters())])
    copied = sum(region.memory.nbytes for region in memory._copies.regions)
    assert copied == sum(one.nbytes for one in model.state_dict().values())


def is_copied(dtype):
    try:
        torch.empty(1, dtype=dtype).copy_(torch.empty(1, dtype=dtype))
    except (RuntimeError, NotImplementedError):  # numbers of less than 8 bits
        return False
    return True


DTYPES = sorted({one for one in vars(torch).values() if isinstance(one, torch.dtype)} - UNUSUAL, key=str)


@pytest.mark.parametrize("dtype", list(filter(is_copied, DTYPES)), ids=str)
def test_tensors_of_every_dtype_are_restored_in_one_block_with_others(dtype, copies):
    content = torch.ones(3 * dtype.itemsize, dtype=torch.uint8).view(dtype)
    tensors = [torch.ones(5), content, torch.empty(0, dtype=dtype), torch.ones(2)]
    memory = [one.view(torch.uint8).clone() for one in tensors]
    snapshot = Snapshot([tensors], copies)
    for one in tensors:
        one.view(torch.uint8).zero_()
    snapshot.restore()
    assert [one.view(torch.uint8).tolist() for one in tensors] == [one.tolist() for one in memory]


def test_a_snapshot_holds_few_objects_for_each_tensor():
    tensors = [torch.zeros(10) for _ in range(1000)]
    gc.collect()
    before = len(gc.get_objects())
    snapshot = Snapshot([tensors])
    gc.collect()
    assert len(gc.get_objects()) - before < 4.5 * len(tensors)
    del snapshot


def test_the_collector_does_not_run_while_many_tensors_are_restored():
    snapshot, collections = Snapshot([[torch.zeros(10) for _ in range(3000)]]), []
    gc.callbacks.append(lambda *event: collections.append(event))
    try:
        snapshot.restore()
    finally:
        gc.callbacks.pop()
    assert len(collections) <= 2
    assert gc.isenabled()


def test_copies_stay_on_an_accelerator_only_if_many_times_their_size_is_free():
    assert fits_on_accelerator(1000, MIN_FREE_RATIO * 1000)
    assert not fits_on_accelerator(1000, MIN_FREE_RATIO * 1000 - 1)


def learner_on_disk(folder, **settings):
    torch.manual_seed(0)
    model = net()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    learner = TorchLearner(model, optimizer, nn.CrossEntropyLoss(), loader(), snapshot_dir=folder, **settings)
    return model, optimizer, learner


def test_a_learner_whose_snapshots_are_on_disk_obeys_the_law(tmp_path):
    model, optimizer, learner = learner_on_disk(tmp_path)
    lrfinder.testing.check(learner, observe=lambda: fingerprint(model, optimizer))


def test_no_file_is_visible_while_a_snapshot_exists_or_afterwards(tmp_path):
    _, _, learner = learner_on_disk(tmp_path)
    LRFinder(learner).find()
    assert list(tmp_path.iterdir()) == []
    state = learner.snapshot()
    assert list(tmp_path.iterdir()) == []
    learner.restore(state)


def test_too_little_space_is_an_error_before_anything_is_written(tmp_path):
    model, optimizer, learner = learner_on_disk(tmp_path)
    learner._state._store = OnDisk(tmp_path, free_bytes=lambda folder: 100)
    before = fingerprint(model, optimizer)
    with pytest.raises(SnapshotError, match=r"takes [\d,]+ bytes, and 100 are free in snapshot_dir=.*another disk"):
        LRFinder(learner).find()
    assert list(tmp_path.iterdir()) == []
    assert fingerprint(model, optimizer) == before


def test_a_failed_write_names_the_folder(tmp_path):
    _, _, learner = learner_on_disk(tmp_path)
    shutil.rmtree(tmp_path)
    with pytest.raises(LRFinderError, match="snapshot_dir"):
        LRFinder(learner).find()


def test_a_snapshot_dir_that_is_not_a_folder_is_refused_at_once(tmp_path):
    with pytest.raises(SnapshotError, match="not a folder"):
        learner_on_disk(tmp_path / "missing")
