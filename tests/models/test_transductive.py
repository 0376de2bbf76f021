"""Wrappers for other laboratories, on tables whose laboratories differ in a known way."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from leukobench.models.sources import SourceExperts, StableFeatures
from leukobench.models.transductive import Coral, SelfTraining, StandardisedPerLaboratory


def laboratory(rng, n=120, shift=0.0, scale=1.0):
    """Three classes in a plane; a laboratory moves and stretches it."""
    y = rng.permutation(np.repeat([0, 1, 2], n // 3))
    centres = np.array([[0, 0], [4, 0], [0, 4]])
    return (centres[y] + rng.normal(0, 0.7, (n, 2))) * scale + shift, y


def recall(y, called):
    return np.mean([(called[y == k] == k).mean() for k in np.unique(y)])


@pytest.mark.parametrize("wrap", [StandardisedPerLaboratory, Coral])
def test_a_shifted_and_stretched_laboratory_is_read_again(wrap):
    rng = np.random.default_rng(0)
    (X, y), (X_new, y_new) = laboratory(rng), laboratory(rng, shift=30.0, scale=3.0)
    plain = make_pipeline(StandardScaler(), GaussianNB())
    assert recall(y_new, plain.fit(X, y).predict(X_new)) < 0.5
    assert recall(y_new, wrap(plain).fit(X, y).predict(X_new)) > 0.95


def test_sources_are_standardised_one_by_one():
    rng = np.random.default_rng(1)
    (X, y), (X_other, y_other) = laboratory(rng), laboratory(rng, shift=50.0)
    both, labels = np.concatenate([X, X_other]), np.concatenate([y, y_other])
    names = np.repeat(["here", "there"], len(y))
    seen = StandardisedPerLaboratory(_Recording()).fit(both, labels, laboratories=names).estimator_.seen_
    np.testing.assert_allclose([seen[names == name].mean(0) for name in ("here", "there")], 0, atol=1e-9)
    np.testing.assert_allclose([seen[names == name].std(0) for name in ("here", "there")], 1)


def test_missing_columns_stay_missing():
    X, y = laboratory(np.random.default_rng(2))
    X = np.column_stack([X, np.full(len(X), np.nan)])
    assert np.isnan(StandardisedPerLaboratory(_Recording()).fit(X, y).estimator_.seen_[:, 2]).all()


class _Recording(GaussianNB):
    """Keeps what it was fitted on."""

    def fit(self, X, y):
        self.seen_ = X
        return super().fit(np.nan_to_num(X), y)


def test_self_training_follows_a_moved_laboratory():
    rng = np.random.default_rng(3)
    (X, y), (X_new, y_new) = laboratory(rng, 300), laboratory(rng, 300, shift=1.3)
    plain = LogisticRegression(max_iter=500)
    before = recall(y_new, plain.fit(X, y).predict(X_new))
    after = recall(y_new, SelfTraining(plain, share=0.5).fit(X, y).predict(X_new))
    assert before < 0.93
    assert after > before + 0.02


def test_self_training_adapts_to_some_cells_for_others():
    rng = np.random.default_rng(3)
    (X, y), (X_new, y_new) = laboratory(rng, 300), laboratory(rng, 600, shift=1.3)
    plain = LogisticRegression(max_iter=500)
    model = SelfTraining(plain, share=0.5).fit(X, y)
    before = recall(y_new[300:], model.estimator_.predict(X_new[300:]))
    assert recall(y_new[300:], model.adapted(X_new[:300]).predict(X_new[300:])) > before + 0.02


def test_self_training_repeats_itself():
    X, y = laboratory(np.random.default_rng(4))
    model = SelfTraining(GaussianNB()).fit(X, y)
    np.testing.assert_array_equal(model.predict_proba(X), model.predict_proba(X))


def test_stable_features_leave_out_what_only_one_laboratory_knows():
    rng = np.random.default_rng(5)
    y = np.tile([0, 1], 100)
    names = np.repeat(["a", "b"], 100)
    everywhere = y + rng.normal(0, 0.3, 200)
    only_in_a = np.where(names == "a", 3 * y, rng.integers(0, 2, 200)) + rng.normal(0, 0.1, 200)
    X = np.column_stack([only_in_a, everywhere, rng.normal(size=200), np.ones(200)])
    model = StableFeatures(GaussianNB(), share=0.25).fit(X, y, laboratories=names)
    np.testing.assert_array_equal(model.kept_, [1])
    assert recall(y, model.predict(X)) > 0.9


class _Told(GaussianNB):
    """Keeps what it was told of the rows it was fitted on."""

    def fit(self, X, y, laboratories=None, original=None):
        self.told_ = list(laboratories), list(original)
        return super().fit(X, y)


@pytest.mark.parametrize("wrap", [StableFeatures, StandardisedPerLaboratory, Coral, SelfTraining, SourceExperts])
def test_a_wrapper_tells_what_it_wraps_of_the_rows(wrap):
    X, y = laboratory(np.random.default_rng(6), 60)
    names, original = np.repeat(["a", "b"], 30), np.tile([True, False], 30)
    model = wrap(_Told()).fit(X, y, laboratories=names, original=original)
    inner = model.experts_[0][1] if wrap is SourceExperts else model.estimator_
    assert np.unique(inner.told_[0], return_inverse=True)[1].tolist() == [0] * 30 + [1] * 30
    assert inner.told_[1] == original.tolist()
    assert model.predict(X).shape == (60,)
