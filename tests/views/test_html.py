import re
from base64 import b64decode
from html.parser import HTMLParser

from example_curves import suggested, swept, usual
from fake_learners import Bowl

from lrfinder import LRFinder, RangeTest, Settings, Stop


class Tags(HTMLParser):
    """The elements of a page; checks that each is closed."""

    def __init__(self, text):
        super().__init__()
        self.open, self.seen, self.texts = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.seen.append(tag)
        if tag != "img":
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)


def test_a_notebook_gets_words_picture_and_tables():
    result = usual()
    tags = Tags(result._repr_html_())
    assert tags.open == []
    assert tags.seen.count("img") == 1
    assert tags.seen.count("table") == 2
    assert f"{result.suggestion.lr:.3g}" in tags.texts
    assert "valley" in tags.texts


def test_the_picture_is_inside():
    png = re.search(r"data:image/png;base64,([A-Za-z0-9+/=]+)", usual()._repr_html_())
    assert b64decode(png[1]).startswith(b"\x89PNG")


def test_a_curve_without_a_suggestion_and_one_without_records_have_their_html_too():
    empty = RangeTest((), Stop.DATA_ENDED, Settings(None, None, None, 1, 0.3, "<script>"))
    for result in (swept([1.0] * 40), empty):
        tags = Tags(result._repr_html_())
        assert tags.open == []
        assert "script" not in tags.seen


def test_a_comparison_has_a_row_for_each_rate():
    tags = Tags(LRFinder(Bowl(curvature=1.0, noise=0.01)).compare([0.01, 0.5, 3.0], iterations=60)._repr_html_())
    assert tags.open == []
    assert tags.seen.count("tr") == 4


def test_a_suggestion_has_a_row_for_each_probe():
    tags = Tags(suggested()._repr_html_())
    assert tags.open == []
    assert tags.seen.count("tr") == 5
    assert tags.seen.count("img") == 1


def test_a_suggestion_without_probes_has_no_table():
    assert "table" not in Tags(suggested(())._repr_html_()).seen
