"""docs/evidence/rates.md: every case has its row, and every row one of two outcomes."""

import pytest
from arrival import REACHED, REFUSED
from arrival_page import PAGE, SECTIONS, cases_of, rows_of


@pytest.mark.parametrize("section", SECTIONS)
def test_every_case_has_a_row_with_one_of_two_outcomes(section):
    rows = rows_of(PAGE.read_text(encoding="utf-8"), section)
    assert list(rows) == list(cases_of(section))
    assert set(rows.values()) <= {REACHED, REFUSED}
