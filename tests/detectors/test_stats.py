"""The exact test that is written out is scipy's."""

from __future__ import annotations

import pytest
from scipy.stats import fisher_exact

from broken_record.stats import more_often_p


@pytest.mark.parametrize(
    "table",
    [(3, 3, 0, 7), (0, 5, 2, 9), (4, 9, 120, 3000), (12, 12, 40, 50), (1, 60, 900, 90_000)],
)
def test_how_much_more_often_is_fishers_exact_test(table):
    hits, n, other_hits, other_n = table
    rows = [[hits, n - hits], [other_hits, other_n - other_hits]]
    exact = float(fisher_exact(rows, alternative="greater").pvalue)
    assert more_often_p(*table) == pytest.approx(exact, rel=1e-8)
