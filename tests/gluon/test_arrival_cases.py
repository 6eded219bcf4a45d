"""Rates that are set arrive, or the error names what stands in the way: the rows of docs/evidence/rates.md."""

import pytest
from arrival import outcome
from arrival_page import PAGE, cases_of, rows_of

pytest.importorskip("mxnet", reason="the session oldest has it")
CASES = cases_of("gluon")


@pytest.mark.parametrize("case", CASES, ids=", ".join)
def test_a_rate_that_is_set_has_the_outcome_of_the_page(case):
    assert outcome(CASES[case])[0] == rows_of(PAGE.read_text(encoding="utf-8"), "gluon")[case]
