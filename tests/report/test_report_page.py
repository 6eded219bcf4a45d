"""The page as a reader uses it, in a real browser."""

import math
import re

import numpy as np
import pytest
from example_curves import suggested, swept, usual
from example_grids import bowl, breaking
from fake_learners import Bowl, Scripted

from lrfinder import LRFinder, RangeTest, Record, Settings, Stop, grid

RATE = re.compile(r"learning rate ([\d.e+-]+)")


def compared(*rates):
    return LRFinder(Bowl(curvature=1.0, noise=0.01)).compare(rates, iterations=60)


def press(page, name, figure=0):
    page.locator("figure").nth(figure).get_by_role("button", name=name, exact=True).click()


def seen(page, figure=0):
    """Return the pixels of a figure once the browser has drawn it."""
    drawn = "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
    return page.evaluate(f"(figure) => {drawn}.then(() => plots[figure].uplot.ctx.canvas.toDataURL())", figure)


def test_pointing_at_a_place_reads_rate_loss_and_iteration_of_the_nearest_point(opened):
    result = usual()
    page = opened({"": result})
    page.mouse.move(*page.where(result.lrs[40], result.losses[40]))
    assert page.read() == f"loss of a batch: iteration 40, learning rate {result.lrs[40]:.4g}, loss {result.losses[40]:.4g}"
    dot = page.locator(".dot").bounding_box()
    assert [dot["x"] + 5.5, dot["y"] + 5.5] == pytest.approx(page.where(result.lrs[40], result.losses[40]), abs=1)


def test_the_arrow_keys_step_through_the_points_and_inform_a_screen_reader(opened):
    result = usual()
    page = opened({"": result})
    plot = page.get_by_role("slider", name="Points of: The sweep")
    plot.focus()
    for key, at in (
        ("ArrowRight", 0),
        ("ArrowRight", 1),
        ("End", 89),
        ("ArrowRight", 89),
        ("ArrowLeft", 88),
        ("PageDown", 79),
    ):
        page.keyboard.press(key)
        assert f"iteration {at}," in page.read(), key
        assert plot.get_attribute("aria-valuetext") == page.read()
    assert (plot.get_attribute("aria-valuenow"), plot.get_attribute("aria-valuemax")) == ("79", "89")


def test_up_and_down_change_the_line_and_stay_at_the_rate(opened):
    page = opened({"": usual()})
    page.get_by_role("slider").focus()
    page.keyboard.press("End")
    rate = RATE.search(page.read())[1]
    page.keyboard.press("ArrowDown")
    assert page.read().startswith("smoothed: ")
    assert RATE.search(page.read())[1] == rate
    page.keyboard.press("ArrowUp")
    assert page.read().startswith("loss of a batch: ")


def test_dragging_zooms_and_a_double_click_shows_the_whole(opened):
    result = usual()
    page = opened({"": result})
    whole = page.limits("x"), page.limits("y")
    assert whole[0] == pytest.approx([result.lrs[0], result.lrs[-1]])
    page.mouse.move(*page.where(1e-3, 4.0))
    page.mouse.down()
    page.mouse.move(*page.where(1e-1, 1.0), steps=4)
    page.mouse.up()
    assert page.limits("x") == pytest.approx([1e-3, 1e-1], rel=0.02)
    assert page.limits("y") == pytest.approx([1.0, 4.0], rel=0.02)
    page.mouse.dblclick(*page.where(1e-2, 2.0))
    assert (page.limits("x"), page.limits("y")) == whole


def test_a_drag_along_one_axis_does_not_zoom_the_other(opened):
    page = opened({"": usual()})
    losses = page.limits("y")
    page.mouse.move(*page.where(1e-3, 2.0))
    page.mouse.down()
    page.mouse.move(*page.where(1e-1, 2.0), steps=4)
    page.mouse.up()
    assert page.limits("x") == pytest.approx([1e-3, 1e-1], rel=0.02)
    assert page.limits("y") == pytest.approx(losses)


def test_keys_zoom_around_the_point_which_stays_in_view(opened):
    page = opened({"": usual()})
    page.get_by_role("slider").focus()
    page.keyboard.press("Home")
    for _ in range(3):
        page.keyboard.press("+")
    low, high = page.limits("x")
    assert low == pytest.approx(1e-5)
    assert math.log(high / low) == pytest.approx(math.log(usual().lrs[-1] / 1e-5) / 8)
    page.keyboard.press("End")
    low, high = page.limits("x")
    assert low < usual().lrs[-1] <= high * 1.001
    page.keyboard.press("Escape")
    assert page.limits("x") == pytest.approx([1e-5, usual().lrs[-1]])


def test_zooming_in_has_a_limit_and_zooming_out_ends_at_the_whole(opened):
    page = opened({"": usual()})
    for _ in range(20):
        press(page, "Zoom in")
    low, high = page.limits("x")
    assert low < high
    for _ in range(20):
        press(page, "Zoom out")
    assert page.limits("x") == pytest.approx([1e-5, usual().lrs[-1]])


@pytest.mark.parametrize(("which", "name"), [("x", "logarithmic learning rate"), ("y", "logarithmic loss")])
def test_a_reader_can_switch_an_axis_between_logarithmic_and_linear(opened, which, name):
    page = opened({"": usual()})
    middle = {"x": 0, "y": 1}[which]

    def share():
        """Return the position of the geometric mean between the ends of the axis."""
        low, high = page.limits(which)
        at = [
            page.where(*((value, 1.0) if which == "x" else (0.1, value)))[middle]
            for value in (low, math.sqrt(low * high), high)
        ]
        return (at[1] - at[0]) / (at[2] - at[0])

    low, high = page.limits(which)
    assert share() == pytest.approx(0.5)
    press(page, name)
    assert share() == pytest.approx((math.sqrt(low * high) - low) / (high - low))
    press(page, name)
    assert share() == pytest.approx(0.5)


def test_negative_losses_begin_linear_and_can_be_logarithmic_around_0(opened):
    page = opened({"": usual(shift=-1.5)})
    button = page.get_by_role("button", name="logarithmic loss")
    assert button.get_attribute("aria-pressed") == "false"
    before = seen(page)
    button.click()
    assert button.get_attribute("aria-pressed") == "true"
    assert seen(page) != before


@pytest.mark.parametrize(("hidden", "left"), [("single batches", "smoothed: "), ("smoothed", "loss of a batch: ")])
def test_raw_losses_and_smoothed_curve_can_each_be_hidden(opened, hidden, left):
    page = opened({"": usual()})
    both = seen(page)
    press(page, hidden)
    assert seen(page) != both
    page.get_by_role("slider").focus()
    for key in ("ArrowRight", "ArrowDown", "ArrowDown"):
        page.keyboard.press(key)
        assert page.read().startswith(left)
    page.keyboard.press("Escape")
    press(page, hidden)
    page.get_by_role("slider").focus()
    page.keyboard.press("ArrowDown")
    assert not page.read().startswith(left)


def test_runs_are_overlaid_and_each_can_be_hidden(opened):
    one, other = usual(), swept(np.array(usual().losses) * 1.3, usual().lrs * 3)
    page = opened({"adam": one, "sgd": other})
    page.mouse.move(*page.where(other.lrs[3], other.losses[3]))
    assert re.match("sgd, .*: iteration 3,", page.read())
    press(page, "sgd")
    page.mouse.move(*page.where(other.lrs[3], other.losses[3] * 1.01))
    assert page.read().startswith("adam, ")
    low, high = page.limits("x")
    assert (low, high) == pytest.approx((one.lrs[0], other.lrs[-1]))


def test_the_marks_of_a_run_are_hidden_with_it(opened):
    page = opened({"adam": usual(), "sgd": swept(np.array(usual().losses) * 1.3, usual().lrs * 3)})
    assert page.evaluate("plots[0].marks().map((mark) => mark.group)") == ["adam", "sgd"]
    press(page, "sgd")
    assert page.evaluate("plots[0].marks().map((mark) => mark.group)") == ["adam"]


def test_how_runs_differ_is_a_table(opened):
    one, other = usual(), swept(np.array(usual().losses) * 1.3, usual().lrs * 3)
    rows = opened({"adam": one, "sgd": other}).get_by_role("region", name="How the runs differ").locator("tbody tr")
    assert [row.split("\t")[:2] for row in rows.all_inner_texts()] == [
        ["adam", f"{one.suggestion.lr:.3g}"],
        ["sgd", f"{other.suggestion.lr:.3g}"],
    ]
    assert "times" in rows.nth(1).inner_text()


def test_behind_a_figure_is_a_table_of_its_points(opened):
    result = usual()
    page = opened({"": result})
    page.get_by_text("The points as a table").click()
    table = page.get_by_role("region", name="Points of: The sweep")
    assert table.locator("th").all_inner_texts() == ["iteration", "learning rate", "loss of a batch", "smoothed"]
    shown = np.array([row.split("\t") for row in table.locator("tbody tr").all_inner_texts()], dtype=float)
    assert shown[:, 0].tolist() == list(range(90))
    assert shown[:, 1] == pytest.approx(result.lrs, rel=1e-6)
    assert shown[:, 2] == pytest.approx(result.losses, rel=1e-6)


def test_a_suggestion_has_its_sweep_its_probes_and_code(opened):
    page = opened({"": suggested()})
    titles = page.locator("figcaption").all_inner_texts()
    assert titles == ["The probes, for a training of 300 iterations", "The sweep", "The probes, iteration by iteration"]
    page.mouse.move(*page.where(0.04, 0.4))
    assert page.read() == "after 100 iterations: learning rate 0.04, loss 0.4"
    assert "0.03" in page.locator("pre").first.inner_text()


def test_a_comparison_draws_a_line_for_each_rate(opened):
    page = opened({"": compared(0.01, 0.5)})
    names = page.locator("figure .legend button").all_inner_texts()
    assert [name.split(":")[0] for name in names] == ["0.01", "0.5"]
    page.get_by_role("slider").focus()
    page.keyboard.press("ArrowRight")
    assert page.read().startswith("0.01: ")


def test_the_ends_of_comparisons_are_overlaid(opened):
    page = opened({"one": compared(0.01, 0.5), "other": compared(0.1, 0.4)})
    assert page.locator("figcaption").first.inner_text() == "Where the trainings ended"
    assert "0.5 ended lowest" in page.get_by_role("region", name="How the runs differ").inner_text()


def test_the_panels_of_a_grid_stand_side_by_side_or_below_each_other_in_a_narrow_window(opened):
    page = opened({"": grid(bowl, weight_decay=[0.0, 0.01], momentum=[0.0, 0.9], seed=range(2))})
    tops = "[...document.querySelectorAll('figure')].map((figure) => figure.getBoundingClientRect().top)"
    assert len(set(page.evaluate(tops))) == 1
    page.set_viewport_size({"width": 500, "height": 900})
    assert len(set(page.evaluate(tops))) == 2


def test_the_page_follows_dark_mode_and_is_light_on_paper(opened):
    page = opened({"": usual()}, scheme="dark")
    dark = seen(page)
    assert page.evaluate("colorOf('ink')") == "#ececea"
    page.emulate_media(color_scheme="light")
    assert seen(page) != dark
    page.emulate_media(color_scheme="dark", media="print")
    assert page.evaluate("colorOf('ink')") == "#1d1d1b"
    assert not page.locator(".tools").first.is_visible()
    assert page.pdf().startswith(b"%PDF")


@pytest.mark.parametrize("width", [320, 768])
def test_nothing_sticks_out_of_a_narrow_window(opened, width):
    page = opened({"a-rather-long-name-of-a-run-without-any-space-in-it": suggested(), "b": usual()})
    page.set_viewport_size({"width": width, "height": 800})
    page.wait_until("plots.every((plot) => plot.uplot.width === plot.board.clientWidth)")
    assert page.evaluate("document.scrollingElement.scrollWidth") <= width


def test_all_controls_have_a_name_and_are_reached_by_keyboard(opened):
    page = opened({"": usual(), "other": compared(0.1, 0.2)})
    stops = page.evaluate(
        "[...document.querySelectorAll('button, summary, [tabindex]')].filter((one) => one.checkVisibility()).length"
    )
    reached = set()
    for _ in range(stops + 1):
        page.keyboard.press("Tab")
        named = "(one => one && [one.ariaLabel ?? one.textContent.trim(), [...document.querySelectorAll('*')].indexOf(one)])"
        name, place = page.evaluate(f"{named}(document.activeElement)")
        assert name
        reached.add(place)
    assert len(reached) >= stops


def test_foreign_text_is_shown_and_never_executed(opened):
    evil = "</script><script>window.run = 1</script><!--<script>&\u2028"
    settings = Settings(None, None, None, 3, 0.3, evil)
    page = opened({evil: RangeTest(usual().records, Stop.LAST_RATE, settings), "b": usual()})
    assert page.evaluate("window.run") is None
    assert evil.rstrip("\u2028") in page.title()
    assert "window.run = 1" in page.locator("figcaption + p").first.inner_text()


def test_the_policy_refuses_scripts_and_styles_other_than_the_pages_own(opened):
    html = "<script>window.run = 1</script><p style='color: red' onclick='window.run = 1' id=p>p</p><img src='https://example.org/x.png'>"
    page = opened({"": usual()}, spoil=lambda page: page.replace("<main>", f"<main>{html}"))
    page.locator("#p").click()
    page.wait_until("violations.length >= 4")
    assert page.evaluate("window.run") is None
    refused = page.evaluate("violations.splice(0)")
    assert sorted(refused) == ["https://example.org/x.png", "inline", "inline", "inline"]
    page.messages.clear()
    page.requests.pop()  # for the picture, which was refused


def test_without_scripts_text_and_tables_are_complete(chromium, tmp_path):
    usual().report(tmp_path / "page.html")
    with chromium.browser.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        page.goto((tmp_path / "page.html").as_uri())
        assert page.get_by_text("In about 8 of 10 cases").is_visible()
        assert page.get_by_role("cell", name="falls fastest").is_visible()


def test_what_is_read_stands_beside_its_point_and_inside_the_figure(opened):
    result = usual()
    page = opened({"": result})
    frame = page.locator(".plot").bounding_box()
    assert not page.locator("output").is_visible()
    for at in (2, 40, 65):
        point = page.where(result.lrs[at], result.losses[at])
        page.mouse.move(*point)
        frame, box = page.locator(".plot").bounding_box(), page.locator("output").bounding_box()
        assert frame["x"] <= box["x"]
        assert box["x"] + box["width"] <= frame["x"] + frame["width"]
        assert abs(box["y"] + box["height"] / 2 - point[1]) < 60
        assert min(abs(box["x"] - point[0]), abs(box["x"] + box["width"] - point[0])) < 60


def test_a_landmark_outside_the_view_has_no_label(opened):
    page = opened({"": usual()})
    drawn = """() => {
        const seen = [], plot = plots[0], { ctx } = plot.uplot, write = ctx.fillText;
        ctx.fillText = (text, ...at) => { seen.push(text); write.call(ctx, text, ...at); };
        drawMarks(plot.uplot, plot.marks());
        ctx.fillText = write;
        return seen;
    }"""
    assert {"starts to fall", "falls fastest", "is lowest"} <= set(page.evaluate(drawn))
    page.evaluate("plots[0].look({ x: [1e-5, 1e-4], y: [1, 4] })")
    assert page.evaluate(drawn) == []


@pytest.mark.parametrize("name", ["usual", "suggested", "compared", "grid"])
def test_nothing_is_wider_than_a_phone(opened, name):
    results = {
        "usual": usual,
        "suggested": suggested,
        "compared": lambda: compared(0.01, 0.1, 0.5, 0.7),
        "grid": lambda: grid(bowl, weight_decay=[0.0, 0.01], momentum=[0.0, 0.9], seed=range(2)),
    }
    page = opened({"": results[name]()})
    page.set_viewport_size({"width": 390, "height": 844})
    seen(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_on_paper_stand_the_settings_and_no_word_about_keys_and_pointers(opened):
    page = opened({"": suggested()})
    page.emulate_media(media="print")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    words = page.locator("body").inner_text()
    assert "double click" not in words
    assert "arrow keys" not in words
    assert "Reset zoom" not in words
    assert "iteration limit" in words
    page.emulate_media(media="screen")
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert "iteration limit" not in page.locator("body").inner_text()
    assert "double click" in page.locator("body").inner_text()


def test_more_than_three_results_have_a_table_of_contents(opened):
    runs = {f"run {number}": usual() for number in range(4)}
    page = opened(runs)
    links = page.get_by_role("navigation", name="Contents").get_by_role("link")
    assert links.count() == 4
    for row in range(4):
        target = page.locator(links.nth(row).get_attribute("href"))
        assert target.locator("h2").inner_text().startswith(f"run {row}")


HORRORS = {
    "nothing": swept([]),
    "NaN": swept([math.nan]),
    "one": swept([1.0]),
    "zeros": swept([0.0] * 30),
    "negative": swept([-5.0] * 30),
    "huge": swept([1e308] * 30),
    "tiny": swept([1e-320] * 30),
    "both": swept([1e308, -1e308] * 10),
    "through zero": swept([1e4, 1e3, 1e2, 1e1, 1.0, -1.0, -2.0]),
    "one rate": swept([1.0, 2.0, 1.5] * 5, [0.1] * 15),
    "any order": swept([1.0, 3.0, 2.0], [0.1, 0.3, 0.2]),
    "extreme rates": swept([1.0, 2.0, 3.0], [0.0, 5e-324, 1e308]),
    "nothing suggested": suggested(lr=None, low=None, high=None, status="no descent"),
    "no probes": suggested(()),
    "a grid that failed": grid(breaking, seed=[1]),
    "none reached its end": LRFinder(Scripted([1.0, math.nan])).compare([1.0, 2.0], iterations=10),
}


@pytest.mark.parametrize("name", HORRORS)
def test_any_losses_are_drawn_and_can_be_navigated(opened, name):
    page = opened({"": HORRORS[name]})
    for figure in range(page.locator("figure").count()):
        for button in page.locator("figure").nth(figure).locator(".tools button").all():
            button.click()
            button.click()
        page.get_by_role("slider").nth(figure).focus()
        for key in ("ArrowRight", "End", "+", "ArrowDown", "Escape"):
            page.keyboard.press(key)


def test_ten_thousand_records_are_drawn(opened):
    lrs = np.geomspace(1e-6, 10, 10_000)
    records = tuple(Record(lr, 2 + math.sin(math.log(lr))) for lr in lrs)
    page = opened({"": RangeTest(records, Stop.LAST_RATE, usual().settings)})
    page.mouse.move(*page.where(*records[5000]))
    assert f"learning rate {records[5000].lr:.2g}"[:-1] in page.read()
    page.get_by_role("slider").focus()
    page.keyboard.press("End")
    assert "iteration 9999," in page.read()
