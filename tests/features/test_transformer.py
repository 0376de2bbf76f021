"""scikit-learn's conventions for the transformer."""

import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from leukobench.errors import UsageError
from leukobench.features import HandcraftedFeatures, extract_features
from leukobench.features.viewed import view_features
from leukobench.preparation.views import VIEWS
from leukobench.segmentation import segment


def test_it_segments_and_measures(cell):
    images = [cell[0]] * 2
    got = HandcraftedFeatures("core", "cpu").fit(images).transform(images, um_per_px=0.1)
    expected = extract_features(images, segment(images, um_per_px=0.1), um_per_px=0.1, device="cpu")
    assert got.equals(expected)


def test_clone_pickle_and_parameters():
    one = HandcraftedFeatures("background", "reference")
    for other in (clone(one), pickle.loads(pickle.dumps(one))):
        assert other.get_params() == {"feature_set": "background", "device": "reference", "view": None}


def test_names_and_set_output(cell):
    transformer = HandcraftedFeatures("tavakoli2021", "cpu").set_output(transform="pandas")
    table = transformer.fit_transform([cell[0]])
    assert list(table.columns) == list(transformer.get_feature_names_out())


def test_in_a_pipeline(cell):
    images = [cell[0], cell[0][::-1].copy()]
    pipeline = make_pipeline(HandcraftedFeatures("background", "cpu"), StandardScaler())
    assert np.asarray(pipeline.fit_transform(images)).shape == (2, 48)


def test_a_view_measures_the_image_without_copies(cell):
    images = [cell[0]]
    got = HandcraftedFeatures("core", "cpu", view="augmented").fit(images).transform(images, um_per_px=0.1)
    expected = view_features(images, VIEWS["canonical"], um_per_px=0.1, device="cpu")[:, 0]
    np.testing.assert_array_equal(got, expected)
    with pytest.raises(UsageError, match="unknown view"):
        HandcraftedFeatures(view="moon").fit(images)


def test_unknown_feature_set_is_reported_by_fit():
    with pytest.raises(UsageError, match="unknown feature set"):
        HandcraftedFeatures("everything").fit([])
