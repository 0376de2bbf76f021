"""Pixel sizes travel through scikit-learn by metadata routing: the rows are those of a direct call."""

from typing import ClassVar

import numpy as np
import pandas as pd
import pytest
import sklearn
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline

from leukobench.features import HandcraftedFeatures

SCALES = np.linspace(0.05, 0.2, 8)


class Seen(DummyClassifier):
    """Remembers the rows that it was fitted on and asked about."""

    rows: ClassVar[list] = []

    def fit(self, X, y):
        self.rows.append(np.asarray(X))
        return super().fit(X, y)

    def predict(self, X):
        self.rows.append(np.asarray(X))
        return super().predict(X)


@pytest.fixture
def cells(cell, monkeypatch):
    """Eight images of one cell, whose rows differ in their scale alone, and their labels."""
    monkeypatch.setattr(Seen, "rows", [])
    with sklearn.config_context(enable_metadata_routing=True):
        yield pd.Series([cell[0]] * len(SCALES), index=list("abcdefgh")), np.array(["LY", "NE"] * 4)


def pipeline(last):
    features = HandcraftedFeatures("core", "cpu").set_transform_request(um_per_px=True)
    return make_pipeline(features, last)


def test_a_pipeline_hands_each_image_its_scale(cells):
    images, labels = cells
    model = pipeline(Seen()).fit(images, labels, um_per_px=SCALES)
    expected = HandcraftedFeatures("core", "cpu").transform(images, um_per_px=SCALES)
    assert expected.index.tolist() == images.index.tolist()
    np.testing.assert_array_equal(Seen.rows[0], expected)
    assert len(np.unique(Seen.rows[0], axis=0)) == len(SCALES)
    model.score(images, labels, um_per_px=SCALES)
    np.testing.assert_array_equal(Seen.rows[1], expected)
    assert not np.array_equal(model[:-1].transform(images, um_per_px=SCALES), model[:-1].transform(images))


def test_searches_and_cross_validation_hand_each_fold_its_own(cells):
    images, labels = cells
    expected = HandcraftedFeatures("core", "cpu").transform(images, um_per_px=SCALES).to_numpy()
    known = {row.tobytes() for row in expected}
    search = GridSearchCV(pipeline(Seen()), {"seen__strategy": ["prior"]}, cv=2)
    search.fit(images, labels, um_per_px=SCALES)
    scores = cross_val_score(pipeline(Seen()), images, labels, cv=2, params={"um_per_px": SCALES})
    assert len(scores) == 2
    assert len(Seen.rows) == 2 * 2 + 1 + 2 * 2
    assert all(row.tobytes() in known for rows in Seen.rows for row in rows)


def test_a_scale_that_nobody_asked_for_is_refused(cells):
    images, labels = cells
    model = make_pipeline(HandcraftedFeatures("core", "cpu"), LogisticRegression())
    with pytest.raises(sklearn.exceptions.UnsetMetadataPassedError, match="um_per_px"):
        model.fit(images, labels, um_per_px=SCALES)
