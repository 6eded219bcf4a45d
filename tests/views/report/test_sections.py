import re

from example_curves import suggested, usual

from lrfinder.views.describe import describe
from lrfinder.views.report.sections import frame


def legend(figure):
    entries = re.findall(r"<li>(.*?)</li>", frame(figure, 0))
    return [re.sub(r"<[^>]+>", "", entry) for entry in entries]


def test_the_legend_of_a_single_group_lists_its_series_and_the_marks():
    (figure,) = describe(usual()).figures()
    lr = usual().suggestion.lr
    assert legend(figure)[:3] == ["loss of a batch", "smoothed", f"suggested {lr:.3g}"]


def test_the_legend_of_several_groups_has_a_button_for_each_and_a_label_once():
    figure = describe(suggested()).figures()[1]
    assert legend(figure) == [
        "after 40 iterations", "after 100 iterations", "suggested 0.03", "interval 0.02 to 0.1", "diverged",
    ]  # fmt: skip
    assert frame(figure, 0).count("data-group=") == 2


def test_an_axis_with_one_scale_has_no_button():
    figure = describe(suggested()).figures()[2]
    assert "logarithmic iteration" not in frame(figure, 0)
    assert "logarithmic loss" in frame(figure, 0)
