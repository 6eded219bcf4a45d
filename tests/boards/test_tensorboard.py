import pytest
from example_curves import swept, usual

from lrfinder.boards import tensorboard
from lrfinder.errors import BoardError


@pytest.fixture
def writer(tmp_path):
    module = pytest.importorskip("torch.utils.tensorboard", reason="the session tests has it")
    with module.SummaryWriter(tmp_path / "logs") as opened:
        yield opened


def seen(writer):
    """Return the log as TensorBoard reads it."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    writer.flush()
    return EventAccumulator(str(writer.log_dir)).Reload()


def test_an_object_that_is_not_a_writer_is_refused_in_one_sentence():
    with pytest.raises(BoardError, match=r"log\(\) was given None; give a SummaryWriter\."):
        tensorboard.log(usual(), None)


def test_tensorboard_has_the_losses_by_iteration_the_rate_the_words_and_the_figure(writer):
    result = usual()
    tensorboard.log(result, writer)
    board = seen(writer)
    losses = board.Scalars("lrfinder/sweep_loss")
    assert [one.value for one in losses] == pytest.approx(result.losses)
    assert [one.step for one in losses] == list(range(90))
    assert board.Scalars("lrfinder/suggested_lr")[0].value == pytest.approx(result.suggestion.lr)
    assert b"Suggested:" in board.Tensors("lrfinder/in_words/text_summary")[0].tensor_proto.string_val[0]
    assert board.Images("lrfinder/figure")[0].encoded_image_string.startswith(b"\x89PNG")


def test_a_result_without_a_rate_is_logged_with_its_reason(writer):
    flat = swept([1.0] * 40)
    tensorboard.log(flat, writer)
    board = seen(writer)
    assert board.Tags()["scalars"] == ["lrfinder/sweep_loss", "lrfinder/sweep_lr"]
    status = board.Tensors("lrfinder/status/text_summary")[0].tensor_proto.string_val[0]
    assert status == flat.suggestion.status.encode()


def test_tensorboard_accepts_every_result(writer, any_result):
    tensorboard.log(any_result, writer, name="mine")
    assert seen(writer).Tags()["images"] == ["mine/figure"]
