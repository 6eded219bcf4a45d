"""The page of faults is up to date and has enough of them."""

from fault_table_of_objects import ALL as FAULTS
from faults_page import PAGE, page


def test_the_page_of_faults_matches_the_table():
    assert PAGE.read_text(encoding="utf-8") == page()


def test_there_are_at_least_150_faults():
    assert len(FAULTS) >= 150
