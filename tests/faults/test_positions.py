"""Rows are told apart by their positions, whatever the labels of an index say."""

import numpy as np
import pandas as pd
import pytest
from sklearn.naive_bayes import GaussianNB

from leukobench.features import HandcraftedFeatures
from leukobench.models import embedding
from leukobench.models.embedding import CNNEmbedding
from leukobench.models.estimators import Balanced
from leukobench.models.network.classifier import NetworkClassifier
from leukobench.models.sources import SourceExperts, StableFeatures
from leukobench.models.transductive import Coral, SelfTraining, StandardisedPerLaboratory
from leukobench.preparation.crops import crop_rows
from leukobench.segmentation import segment

IMAGES = [np.full((40, 40, 3), grey, np.uint8) for grey in (60, 130, 200)]
for _image in IMAGES:
    _image[12:28, 12:28] //= 2
INDEX = [2, 0, 1]


@pytest.fixture
def means(monkeypatch):
    """Networks whose vector is the mean grey of each of twenty rows of the picture."""
    monkeypatch.setattr(embedding, "embedder", lambda *args: lambda crops: crops[:, :20, :, 0].mean((2,)))
    monkeypatch.setattr("leukobench.models.backbones.card.Backbone.length", lambda self, pooling: 20)


@pytest.mark.parametrize("transform", ["default", "pandas"])
@pytest.mark.parametrize(
    "make",
    [
        lambda: CNNEmbedding(batch_size=2),
        lambda: HandcraftedFeatures("background", "reference"),
        lambda: HandcraftedFeatures("background", "reference", view="canonical"),
    ],
)
def test_a_series_of_images_gives_rows_in_its_order_and_its_index(means, make, transform):
    expected = np.asarray(make().fit_transform(IMAGES))
    sizes = pd.Series([0.1, None, 0.3], index=[1, 2, 0])
    scaled = np.asarray(make().fit(IMAGES).transform(IMAGES, um_per_px=list(sizes)))
    transformer = make().set_output(transform=transform)
    for um_per_px, right in ((None, expected), (sizes, scaled)):
        rows = transformer.fit(IMAGES).transform(pd.Series(IMAGES, index=INDEX), um_per_px=um_per_px)
        np.testing.assert_array_equal(rows, right)
        if transform == "pandas":
            assert list(rows.index) == INDEX
    assert len(np.unique(expected[:, 0])) == 3


def test_functions_take_a_series_and_an_array_of_images_alike():
    images, stack = pd.Series(IMAGES, index=INDEX), np.stack(IMAGES)
    for function in (segment, lambda images: crop_rows(images, "scale", [0.1, 0.2, 0.3])):
        for some in (images, stack):
            np.testing.assert_array_equal(function(some), function(IMAGES))


@pytest.fixture
def table():
    """Rows, classes and laboratories as arrays, where the order of each decides."""
    rng = np.random.default_rng(0)
    y, laboratories = rng.integers(0, 3, 60), rng.integers(0, 2, 60)
    X = rng.normal(size=(60, 4)) + y[:, None] * [1, 0, 2, 0] + laboratories[:, None] * [0, 3, 0, 1]
    return X, y, laboratories, rng.permutation(60)


WRAPPERS = [StableFeatures, StandardisedPerLaboratory, Coral, SelfTraining, SourceExperts, Balanced]


@pytest.mark.parametrize("wrap", WRAPPERS)
def test_tables_labels_and_laboratories_go_by_position(table, wrap):
    X, y, laboratories, order = table
    told = {} if wrap is Balanced else {"laboratories": laboratories}
    original = {"original": np.arange(60) % 3 == 0} if wrap is SourceExperts else {}
    expected = wrap(GaussianNB()).fit(X, y, **told, **original).predict_proba(X)
    frame = pd.DataFrame(X, columns=list("abcd"), index=order)
    told = {name: pd.Series(values, index=order[::-1]) for name, values in told.items()}
    original = {name: pd.Series(values.astype(int), index=order[::-1]) for name, values in original.items()}
    model = wrap(GaussianNB()).fit(frame, pd.Series(y, index=np.roll(order, 1)), **told, **original)
    np.testing.assert_allclose(model.predict_proba(frame), expected, rtol=1e-9)
    assert list(model.feature_names_in_) == list("abcd")


def test_a_network_takes_crops_labels_laboratories_and_groups_by_position():
    pytest.importorskip("skorch")
    rng = np.random.default_rng(0)
    X, y = rng.integers(0, 256, (24, 16 * 16 * 3), dtype=np.uint8), np.tile(["LY", "NE"], 12)
    told = {"laboratories": np.repeat(["a", "b"], 12), "groups": np.arange(24) // 3}
    order = rng.permutation(24)
    expected = NetworkClassifier("lenet", epochs=1, device="cpu").fit(X, y, **told).predict_proba(X)
    told = {name: pd.Series(values, index=order) for name, values in told.items()}
    frame = pd.DataFrame(X, index=order).rename(columns=str)
    model = NetworkClassifier("lenet", epochs=1, device="cpu").fit(frame, pd.Series(y, index=order[::-1]), **told)
    np.testing.assert_array_equal(model.predict_proba(frame), expected)
