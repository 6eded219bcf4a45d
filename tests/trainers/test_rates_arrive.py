"""The rate that is set is the one of the training, whatever scheduler a trainer has; see docs/evidence/rates.md."""

import pytest
from arrival import outcome
from arrival_page import PAGE, cases_of, rows_of

pytest.importorskip("skorch", reason="skorch is not installed")
pytest.importorskip("lightning", reason="Lightning is not installed")

CASES = cases_of("trainers")
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")  # the trainers' own


@pytest.mark.parametrize("case", CASES, ids=" with ".join)
def test_a_rate_is_reached_or_refused_as_the_page_says(case):
    assert outcome(CASES[case])[0] == rows_of(PAGE.read_text(encoding="utf-8"), "trainers")[case]
