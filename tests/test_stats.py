"""What is written out of statistics is what scipy says."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import fisher_exact, kendalltau

from broken_record.stats import MOST_TABLES, compare_rates, fisher_p, more_often_p, rising_p


def near(value: float) -> object:
    return pytest.approx(value, rel=1e-9, abs=1e-15)


@given(
    st.lists(st.integers(0, 5), min_size=2, max_size=45)
    | st.lists(st.integers(0, 10**6), min_size=2, max_size=45, unique=True)
    | st.lists(st.integers(0, 10**6), min_size=2, max_size=45, unique=True).map(sorted)
)
def test_a_trends_p_is_scipys(values):
    if len({*values}) == 1:
        assert rising_p(values) == 1
        return
    found = kendalltau(range(len(values)), values, alternative="greater")
    assert rising_p(values) == near(float(found.pvalue))


@given(n=st.integers(1, 90), other_n=st.integers(1, 900), data=st.data())
def test_fishers_p_is_scipys(n, other_n, data):
    hits, other_hits = data.draw(st.integers(0, n)), data.draw(st.integers(0, other_n))
    table = [[hits, n - hits], [other_hits, other_n - other_hits]]
    p = {side: float(fisher_exact(table, alternative=side).pvalue) for side in SIDES}
    assert fisher_p(hits, n, other_hits, other_n) == near(p["two-sided"])
    assert more_often_p(hits, n, other_hits, other_n) == near(p["greater"])


SIDES = ("two-sided", "greater")


@pytest.mark.parametrize(
    "table",
    [(3, 3, 0, 7), (0, 5, 2, 9), (4, 9, 120, 3000), (12, 12, 40, 50), (1, 60, 900, 90_000)],
)
def test_fishers_p_of_uneven_tables_is_scipys(table):
    hits, n, other_hits, other_n = table
    rows = [[hits, n - hits], [other_hits, other_n - other_hits]]
    exact = float(fisher_exact(rows, alternative="greater").pvalue)
    assert more_often_p(*table) == near(exact)


def test_many_tables_are_left_to_scipy():
    n = 2 * MOST_TABLES
    assert fisher_p(600, n, 650, n) == fisher_exact([[600, n - 600], [650, n - 650]]).pvalue


def test_what_an_analysis_and_a_page_need_of_statistics_loads_no_scipy():
    code = """
import sys
from broken_record.stats import compare_rates, more_often_p, rising_p
compare_rates(8, 10, 1, 10), more_often_p(3, 30, 2, 10_000), rising_p([1, 2, 2, 9])
assert "scipy" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)
    assert compare_rates(8, 10, 1, 10) is not None
