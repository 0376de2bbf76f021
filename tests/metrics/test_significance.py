"""P values agree with the libraries that have them, and with the papers."""

import numpy as np
import pandas as pd
import pytest
import scikit_posthocs
from scipy import stats
from statsmodels.stats.multitest import multipletests

from leukobench.metrics.significance import flip_test, holm, rank_tests


def test_holm_is_that_of_statsmodels():
    values = np.random.default_rng(0).uniform(0, 0.2, 12) ** 2
    assert holm(values) == pytest.approx(multipletests(values, method="holm")[1])
    values[[2, 7]] = np.nan
    assert np.array_equal(np.isnan(holm(values)), np.isnan(values))
    known = np.isfinite(values)
    assert holm(values)[known] == pytest.approx(holm(values[known]))


def test_flipped_signs_are_all_tried():
    assert flip_test([0.1, 0.2, 0.3]) == 2 / 8
    assert flip_test([0.1, -0.2, 0.3]) == 6 / 8
    assert flip_test([0.0, 0.0]) == 1.0
    assert np.isnan(flip_test([0.3]))


def test_rank_tests_equal_scikit_posthocs():
    table = pd.DataFrame(np.random.default_rng(0).normal([0.0, 0.2, 1.0, 2.0], 0.5, (12, 4)), columns=list("abcd"))
    found = rank_tests(table)
    expected = stats.friedmanchisquare(*table.to_numpy().T)
    assert (found["statistic"], found["p"]) == pytest.approx((expected.statistic, expected.pvalue))
    ranks = pd.Series(found["average_ranks"])
    assert ranks.to_dict() == table.rank(axis=1, ascending=False).mean().to_dict()
    apart = np.abs(ranks.to_numpy()[:, None] - ranks.to_numpy()) > found["critical_difference"]
    nemenyi = scikit_posthocs.posthoc_nemenyi_friedman(table).to_numpy()
    assert np.array_equal(apart, nemenyi < 0.05)
    assert apart.any()
    assert not apart[0, 1]


def test_critical_difference_is_demsars():
    # Table 5 of the paper: q = 2.569 for four classifiers; its example has fourteen data sets and CD 1.25.
    table = pd.DataFrame(np.random.default_rng(0).normal(size=(14, 4)))
    assert rank_tests(table)["critical_difference"] == pytest.approx(2.569 * np.sqrt(4 * 5 / (6 * 14)), abs=1e-3)


def test_rank_tests_need_three_models_and_two_combinations():
    assert rank_tests(pd.DataFrame(np.ones((5, 2)))) is None
    assert rank_tests(pd.DataFrame([[1.0, 2.0, 3.0], [1.0, np.nan, 3.0]])) is None
    assert rank_tests(pd.DataFrame(np.ones((5, 3))))["p"] == 1.0
