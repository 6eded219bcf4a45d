"""Rates that are set arrive, or the error names what stands in the way: the rows of docs/evidence/rates.md."""

import pytest
from arrival import outcome
from arrival_page import PAGE, cases_of, rows_of

pytest.importorskip("keras.layers", reason="the session jax_and_keras has it")
CASES = cases_of("keras")


@pytest.mark.parametrize("case", CASES, ids=", ".join)
def test_a_rate_that_is_set_has_the_outcome_of_the_page(case):
    if "MultiOptimizer" in case[1] and not hasattr(pytest.importorskip("keras.optimizers"), "MultiOptimizer"):
        pytest.skip("older than Keras 3.15")
    assert outcome(CASES[case])[0] == rows_of(PAGE.read_text(encoding="utf-8"), "keras")[case]
