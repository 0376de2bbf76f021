"""Variance components: known ones come back, and the interval of a mean over laboratories holds the truth."""

import numpy as np
import pandas as pd
import pytest

from leukobench.metrics.components import components, crossed_components, total_interval

NAMES = [f"lab{k}" for k in range(5)]
PAIRS = [(s, t) for s in NAMES for t in NAMES if s != t]


def draw(rng, source=0.0, target=0.0, pair=0.0, seed=0.0, training=0.0, images=0.0, seeds=3, resamples=0, mean=0.6):
    """Scores of one model in five laboratories, made of independent normal parts."""
    of_source, of_target = (dict(zip(NAMES, rng.normal(0, sd, 5), strict=True)) for sd in (source, target))
    rows = []
    for s, t in PAIRS:
        level = mean + of_source[s] + of_target[t] + rng.normal(0, pair) + rng.normal(0, images)
        for resample in range(resamples + 1):
            drawn = level + (rng.normal(0, training) if resample else 0)
            for number in range(seeds if resample == 0 else 1):
                rows.append((s, t, number, resample, drawn + rng.normal(0, seed)))
    return pd.DataFrame(rows, columns=["train", "test", "seed", "resample", "score"])


def images_of(variance):
    return pd.Series(variance, index=pd.MultiIndex.from_tuples(PAIRS, names=["train", "test"]))


def test_known_components_come_back_on_average():
    truth = {"source": 0.05, "target": 0.08, "pair": 0.03, "seed": 0.02, "training": 0.04, "images": 0.03}
    rng = np.random.default_rng(0)
    found = [components(draw(rng, **truth, resamples=4), images_of(0.03**2)) for _ in range(300)]
    for name, value in truth.items():
        mean = np.mean([getattr(each, name) for each in found])
        # Components are cut at nothing, which lifts the mean of small ones a little.
        assert mean == pytest.approx(value**2, rel=0.2), name


def test_laboratories_without_gaps_agree_with_the_analysis_of_variance():
    """On a full table Henderson's method is the textbook's: mean squares of a two-way layout."""
    rng = np.random.default_rng(1)
    table = rng.normal(0, 1, (4, 6)) + rng.normal(0, 2, (4, 1)) + rng.normal(0, 3, (1, 6))
    sources, targets = np.indices(table.shape)
    found = crossed_components(table.ravel(), sources.ravel(), targets.ravel())
    centred = table - table.mean(0) - table.mean(1)[:, None] + table.mean()
    residual = (centred**2).sum() / (3 * 5)
    rows = 6 * table.mean(1).var(ddof=1)
    columns = 4 * table.mean(0).var(ddof=1)
    assert found["pair"] == pytest.approx(residual, rel=1e-10)
    assert found["source"] == pytest.approx((rows - residual) / 6, rel=1e-10)
    assert found["target"] == pytest.approx((columns - residual) / 4, rel=1e-10)


def test_the_total_interval_holds_the_mean_over_all_laboratories():
    rng = np.random.default_rng(2)
    held = narrow = 0
    for _ in range(300):
        scores = draw(rng, source=0.04, target=0.08, pair=0.03, seed=0.01, images=0.02)
        found = components(scores, images_of(0.02**2))
        interval = total_interval(scores.groupby(["train", "test"])["score"].mean().mean(), found, scores)
        held += interval.low < 0.6 < interval.high
        narrow += abs(interval.estimate - 0.6) < 1.96 * 0.02 / np.sqrt(20)
    assert 0.92 <= held / 300 <= 0.995
    assert narrow / 300 < 0.5, "an interval over images alone would hold it far more rarely than it says"


def test_what_a_run_cannot_tell_is_missing():
    one = components(draw(np.random.default_rng(3), target=0.1, seeds=1), images_of(0.01))
    assert np.isnan(one.seed)
    assert np.isnan(one.training)
    two = pd.DataFrame({"train": ["a", "b"], "test": ["b", "a"], "seed": 0, "resample": 0, "score": [0.5, 0.7]})
    found = components(two, pd.Series(0.01, index=pd.MultiIndex.from_frame(two[["train", "test"]])))
    assert np.isnan([found.source, found.target, found.pair]).all()
    assert np.isnan(total_interval(0.6, found, two).low)
