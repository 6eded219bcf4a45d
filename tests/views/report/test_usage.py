from example_curves import suggested

from lrfinder import Status
from lrfinder.views.report import report_page
from lrfinder.views.report.usage import usage


def test_code_for_the_rate_has_the_rate_and_under_a_schedule_the_horizon():
    for code in usage(suggested()).values():
        assert "0.03" in code
    assert "one_cycle(optimizer, 0.03, 300)" in usage(suggested(schedule="one_cycle"))["PyTorch"]


def test_there_is_no_code_without_a_rate_nor_for_a_schedule_of_ones_own():
    assert usage(suggested(lr=None, low=None, high=None, status=Status.NO_DESCENT)) == {}
    assert usage(suggested(schedule="mine")) == {}
    assert "Give 0.03 to the schedule mine" in report_page({"": suggested(schedule="mine")})


def test_code_for_a_cosine_has_the_warm_up_of_the_search():
    assert "warmup_cosine(optimizer, 0.03, 300)" in usage(suggested(schedule="cosine"))["PyTorch"]
    warmed_up = usage(suggested(schedule="warmup_cosine(warmup=0.1)"))["PyTorch"]
    assert "warmup_cosine(optimizer, 0.03, 300, warmup=30)" in warmed_up
    assert usage(suggested(schedule="warmup_linear(warmup=0.1)")) == {}


def test_code_for_a_constant_rate_recommends_no_schedule_that_was_not_measured():
    for framework, code in usage(suggested()).items():
        assert "warmup" not in code, framework


def test_code_names_no_other_optimizer_as_if_it_were_the_users():
    for schedule in ("constant", "one_cycle"):
        for framework, code in usage(suggested(schedule=schedule)).items():
            assert "sgd" not in code.lower(), framework
            compile(code, framework, "exec")
