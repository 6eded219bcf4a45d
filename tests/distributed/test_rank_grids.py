"""A grid on several ranks: all are at the same cell, or none trains it."""

import pytest
import rank_grids
import rank_processes as ranks

from lrfinder import RankError


@pytest.mark.parametrize(("at", "fault"), [(0, 1), (1, 0), (2, 1)])
def test_a_factory_that_raises_on_one_rank_fails_its_cell_on_all_and_the_others_are_trained(at, fault):
    both = ranks.values(rank_grids.fails_after_wrapping, at, fault)
    for seed in range(3):
        (_, first_error, first_losses), (_, second_error, second_losses) = (cells[seed] for cells in both)
        assert first_losses == second_losses
        assert (first_losses is None) is (seed == at)
        if seed == at:
            own, other = (first_error, second_error) if fault == 0 else (second_error, first_error)
            assert own.startswith("OSError: no images (")
            assert other.startswith(f"RankError: Rank {fault}: OSError: no images (")


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (rank_grids.is_at_another_cell, r"Rank 0 is at {'seed': 0} of 2 cells, and rank 1 at {'seed': 1} of 2"),
        (rank_grids.has_fewer_cells, r"Rank 0 is at {'seed': 0} of 2 cells, and rank 1 at {'seed': 0} of 1"),
    ],
)
def test_ranks_at_different_cells_are_an_error_on_all(function, said):
    for outcome in ranks.run(function):
        assert isinstance(outcome.error, RankError)
        assert said in str(outcome.error)


def test_a_rank_whose_factory_raises_while_others_wait_inside_theirs_ends_the_grid():
    waiting, failed = ranks.run(rank_grids.fails_while_others_wait)
    assert isinstance(failed.error, RankError)
    assert "OSError: no images" in str(failed.error)
    assert "Rank 0 has not reached cell 1 in 3 s, and may wait for this one inside the factory" in str(failed.error)
    assert isinstance(waiting.error, RankError)
    assert "Rank 1 ended the grid at cell 1" in str(waiting.error)


def test_ranks_that_train_alone_have_grids_of_their_own():
    first, second = ranks.values(rank_grids.trains_alone)
    assert [error is None for _, error, _ in first] == [True, True]
    assert [error is None for _, error, _ in second] == [False, True, True]
