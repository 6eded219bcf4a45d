"""Grids and searches on a real Ray: two local machines of one processor each, one of which is killed."""

import faulthandler
import functools
import os
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from example_grids import Decayed, bowl, breaking
from fake_learners import Bowl

import lrfinder
from lrfinder import LRFinder, one_cycle
from lrfinder._factories import FileFactory
from lrfinder.errors import ExecutorError, FactoryError
from lrfinder.executors import Ray
from lrfinder.views.describe import verdict

ray = pytest.importorskip("ray")
cluster_utils = pytest.importorskip("ray.cluster_utils")

pytestmark = pytest.mark.filterwarnings("default")  # Ray's own
SECONDS = 120  # that a test may take


@pytest.fixture(autouse=True)
def _within_the_time():
    """End a cluster that hangs, and show the frames in which it hung."""
    faulthandler.dump_traceback_later(SECONDS, exit=True)
    yield
    faulthandler.cancel_dump_traceback_later()


@pytest.fixture(scope="module")
def cluster():
    here = Path(__file__).parents[2]
    paths = [
        str(here),
        str(here / "tests" / "support"),
        str(Path(lrfinder.__file__).parents[1]),
        os.environ.get("PYTHONPATH", ""),
    ]
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, paths))  # what workers of these machines find
    started = cluster_utils.Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    started.add_node(num_cpus=1)
    yield started
    ray.shutdown()
    started.shutdown()
    if before is None:
        del os.environ["PYTHONPATH"]
    else:
        os.environ["PYTHONPATH"] = before


@pytest.fixture
def on_ray(cluster):
    return functools.partial(Ray, address=cluster.address)


def noisy():
    return Bowl(curvature=10.0, noise=0.05, momentum=0.5)


def waiting(folder, seed):
    """Note the node that called it, and wait for a sign."""
    node = ray.get_runtime_context().get_node_id()
    with (Path(folder) / f"cell-{seed}").open("a") as calls:
        calls.write(f"{node}\n")
    while not (Path(folder) / "go").exists():
        time.sleep(0.05)
    return bowl(seed=seed)


def nodes_at_work(folder):
    return {node for path in Path(folder).glob("cell-*") for node in path.read_text().split()}


def test_a_grid_is_the_one_of_this_process(on_ray):
    axes = {"weight_decay": [0.0, 0.1], "seed": [0, 1]}
    cells = []
    grid = lrfinder.grid(bowl, axes, executor=on_ray(), on_cell=cells.append)
    assert grid == lrfinder.grid(bowl, axes)
    assert sorted(cells, key=grid.cells.index) == list(grid.cells)


def test_a_cell_that_fails_is_reported_and_the_others_finish(on_ray):
    axes = {"seed": [0, 1, 2]}
    assert lrfinder.grid(breaking, axes, executor=on_ray()) == lrfinder.grid(breaking, axes)


def dying(seed):
    if seed == 1:
        os._exit(1)
    return bowl(seed=seed)


def test_a_cell_whose_process_always_dies_is_reported_and_the_others_finish(on_ray, tmp_path):
    path = tmp_path / "grid.json"
    grid = lrfinder.grid(dying, seed=[0, 1, 2], executor=on_ray(max_retries=1), path=path)
    assert [cell.error is None for cell in grid.cells] == [True, False, True]
    assert "lost by Ray" in grid.cells[1].error
    assert lrfinder.load(path) == grid


def test_a_worker_that_cannot_find_the_file_of_the_factory_says_so(on_ray, tmp_path):
    path = tmp_path / "train.py"
    path.write_text("def make(seed): ...")
    factory = FileFactory.named(f"{path}:make")

    def each(finder):
        raise AssertionError

    path.unlink()
    grid = lrfinder.grid(lambda seed: factory(seed=seed), seed=[0], executor=on_ray(), each=each)
    assert "a worker needs the file at the same path" in grid.cells[0].error


@pytest.mark.parametrize("settings", [{}, {"horizon": 600, "max_iterations": 1500}, {"schedule": one_cycle}])
def test_a_search_is_the_one_of_this_process(on_ray, settings):
    there, here = [], []
    suggestion = lrfinder.suggest(noisy, executor=on_ray(workers=2), on_record=there.append, **settings)
    assert suggestion == LRFinder(noisy()).suggest(on_record=here.append, **settings)
    assert there == here


def digits(seed):
    torch = pytest.importorskip("torch")
    from lrfinder.torch import TorchLearner

    torch.manual_seed(seed)
    inputs = torch.randn(512, 20)
    targets = (inputs[:, :5] ** 2).sum(1).sqrt().long().clamp(max=3)
    data = torch.utils.data.TensorDataset(inputs, targets)
    model = torch.nn.Sequential(torch.nn.Linear(20, 32), torch.nn.ReLU(), torch.nn.Dropout(0.1), torch.nn.Linear(32, 4))
    loader = torch.utils.data.DataLoader(data, batch_size=32, shuffle=True)
    return TorchLearner(model, torch.optim.SGD(model.parameters(), lr=0.1), torch.nn.CrossEntropyLoss(), loader)


def test_a_search_with_pytorch_is_the_one_of_this_process_bit_for_bit(on_ray):
    torch = pytest.importorskip("torch")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # as Ray has it for one processor
    try:
        here = LRFinder(digits(3)).suggest(200, max_iterations=400)
        there = lrfinder.suggest(functools.partial(digits, 3), 200, max_iterations=400, executor=on_ray(workers=2))
    finally:
        torch.set_num_threads(threads)
    assert there == here


def test_a_worker_with_another_learner_is_refused(on_ray):
    with pytest.raises(FactoryError, match="same learner"):
        lrfinder.suggest(lambda: Bowl(position=float(os.getpid())), executor=on_ray(workers=1))


class Fragile(Bowl):
    """A bowl whose process dies once, at the hundredth iteration."""

    def __init__(self, sign, parent):
        super().__init__(curvature=10.0, noise=0.05, momentum=0.5)
        self.sign, self.parent, self.count = Path(sign), parent, 0

    def iteration(self, lr):
        self.count += 1
        if self.count == 100 and os.getpid() != self.parent and not self.sign.exists():
            self.sign.touch()
            os._exit(1)
        return super().iteration(lr)


def test_a_search_survives_the_loss_of_a_worker(on_ray, tmp_path):
    factory = functools.partial(Fragile, str(tmp_path / "died"), os.getpid())
    suggestion = lrfinder.suggest(factory, executor=on_ray(workers=1))
    assert (tmp_path / "died").exists()
    assert suggestion == LRFinder(noisy()).suggest()


class Broken(Bowl):
    def iteration(self, lr):
        if lr == 0:
            message = "mine"
            raise ZeroDivisionError(message)
        return super().iteration(lr)


def test_an_exception_of_a_worker_s_learner_passes_through(on_ray):
    with pytest.raises(ZeroDivisionError, match="mine"):
        lrfinder.suggest(Broken, executor=on_ray(workers=1))


def test_what_no_machine_has_is_refused_and_not_waited_for(on_ray):
    with pytest.raises(ExecutorError, match="num_gpus=64"):
        lrfinder.grid(bowl, seed=[0], executor=on_ray(num_gpus=64))


def test_an_address_where_nothing_answers_is_refused(cluster):
    with pytest.raises(ExecutorError, match=r"127\.0\.0\.1:9"):
        lrfinder.grid(bowl, seed=[0], executor=Ray(address="127.0.0.1:9"))


def test_a_connection_that_was_there_stays(cluster):
    ray.init(address=cluster.address, log_to_driver=False)
    try:
        lrfinder.grid(bowl, seed=[0], executor=Ray())
        assert ray.is_initialized()
    finally:
        ray.shutdown()


def test_a_grid_survives_the_loss_of_a_machine_and_tells_it(cluster, on_ray, tmp_path):
    """The last test of this file: the cluster has one machine less afterwards."""
    killed = []

    def kill():
        until = time.monotonic() + SECONDS
        while len(nodes_at_work(tmp_path)) < 2 and time.monotonic() < until:
            time.sleep(0.1)
        (other,) = cluster.worker_nodes
        killed.append(other.node_id)
        cluster.remove_node(other, allow_graceful=False)
        (tmp_path / "go").touch()

    killer = threading.Thread(target=kill)
    killer.start()
    path = tmp_path / "grid.json"
    grid = lrfinder.grid(functools.partial(waiting, str(tmp_path)), seed=range(4), executor=on_ray(), path=path)
    killer.join()
    calls = {seed: (tmp_path / f"cell-{seed}").read_text().split() for seed in range(4)}
    assert killed[0] in {node for nodes in calls.values() for node in nodes}
    assert [cell.result for cell in grid.cells] == [LRFinder(bowl(seed=seed)).find() for seed in range(4)]
    assert {cell.seed: cell.attempts for cell in grid.cells} == {seed: len(nodes) for seed, nodes in calls.items()}
    assert sorted(map(len, calls.values())) == [1, 1, 1, 2]
    assert "1 of them was restarted" in verdict(grid)
    assert lrfinder.load(path) == grid


def test_decayed_bowls_differ_from_plain_ones():
    """The grids above would be equal if the cells were constant."""
    assert not np.array_equal(LRFinder(Decayed(0.1, 0.0, 0)).find().losses, LRFinder(Decayed(0.0, 0.0, 0)).find().losses)
