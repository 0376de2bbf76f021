"""What is no image, no label or of another length is refused by every estimator, as scikit-learn does."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.utils.estimator_checks import parametrize_with_checks

from leukobench.errors import UsageError
from leukobench.features import HandcraftedFeatures
from leukobench.imaging.check import check_images
from leukobench.models.embedding import CNNEmbedding
from leukobench.models.network.classifier import NetworkClassifier
from leukobench.models.network.ensemble import NetworkEnsemble
from leukobench.models.sources import SourceExperts, StableFeatures
from leukobench.models.transductive import Coral, SelfTraining, StandardisedPerLaboratory
from leukobench.preparation.crops import crop_rows
from leukobench.segmentation import segment

SIDE = 8
X = np.random.default_rng(0).integers(0, 256, (16, SIDE * SIDE * 3), dtype=np.uint8)
Y = np.tile(["LY", "NE"], 8)
IMAGE = X[0].reshape(SIDE, SIDE, 3)


@pytest.mark.parametrize("make", [NetworkClassifier, lambda name: NetworkEnsemble(NetworkClassifier(name), members=1)])
@pytest.mark.parametrize(
    ("crops", "labels", "told", "words"),
    [
        (X, Y[:14], {}, r"inconsistent numbers of samples: \[16, 14\]"),
        (X, Y, {"laboratories": ["a"] * 15}, r"inconsistent numbers of samples: \[16, 15\]"),
        (X, Y, {"groups": np.arange(17)}, r"inconsistent numbers of samples: \[16, 17\]"),
        (X / 255, Y, {}, "divided by 255"),
        (X / np.float32(255), Y, {}, "divided by 255"),
        ((X > 127).astype(float), Y, {}, "divided by 255"),
        (X - 0.5, Y, {}, "from 0 to 255 are needed"),
        (np.where(X > 9, X, np.nan), Y, {}, "contains NaN"),
        (np.where(X > 9, X, np.inf), Y, {}, "contains infinity"),
        (X.astype(int) - 300, Y, {}, "from 0 to 255 are needed"),
        (X[:, :-1], Y, {}, r"rows of shape \(n, side \* side \* 3\) are needed"),
        (X[0], Y, {}, "Expected 2D array"),
        (X.reshape(16, SIDE, SIDE, 3), Y, {}, "Found array with dim 4"),
        (X[:0], Y[:0], {}, "Found array with 0 sample"),
        (X.astype(str).tolist(), Y, {}, "(could not convert|dtype='numeric')"),
        (X, np.where(np.arange(16) > 2, 1.0, np.nan), {}, "contains NaN"),
        (X, np.linspace(0, 1, 16), {}, "Unknown label type"),
        (X, np.stack([Y, Y], 1), {}, "should be a 1d array"),
        (X, Y[:1].repeat(16), {}, "only the class"),
    ],
)
def test_a_network_refuses_what_is_no_table_of_pixels(make, crops, labels, told, words):
    with pytest.raises(ValueError, match=words):
        make("lenet").fit(crops, labels, **told)


def test_a_network_predicts_what_it_was_trained_on():
    pytest.importorskip("skorch")
    model = NetworkClassifier("lenet", epochs=1, device="cpu").fit(X, Y)
    for wrong, words in (
        (X / 255, "divided by 255"),
        (X[:, :12], "12 features, but NetworkClassifier is expecting 192"),
    ):
        with pytest.raises(ValueError, match=words):
            model.predict(wrong)
    np.testing.assert_array_equal(model.predict(X.astype(float)), model.predict(X))


def test_an_ensemble_has_members():
    with pytest.raises(ValueError, match="an ensemble of 0 members"):
        NetworkEnsemble(NetworkClassifier("lenet"), members=0).fit(X, Y)


@pytest.mark.parametrize(
    "take",
    [
        segment,
        lambda images: crop_rows(images, "scale"),
        CNNEmbedding().transform,
        HandcraftedFeatures(device="reference").transform,
        HandcraftedFeatures(device="reference", view="canonical").transform,
    ],
)
@pytest.mark.parametrize(
    "wrong",
    [
        IMAGE / 255,
        IMAGE.astype(np.int64),
        np.where(IMAGE > 9, IMAGE, np.nan),
        IMAGE[..., 0],
        np.concatenate([IMAGE, IMAGE[..., :1]], 2),
        IMAGE.transpose(2, 0, 1),
        IMAGE.tolist(),
        "cell.jpg",
        None,
    ],
)
def test_transformers_refuse_what_is_no_image_by_its_position(take, wrong):
    with pytest.raises(UsageError, match=r"image 1 is no RGB image: .*; give uint8 arrays"):
        take([IMAGE, wrong])


def test_a_list_of_images_is_no_table_no_single_image_and_no_image_without_pixels():
    for wrong in (IMAGE, pd.DataFrame({"image": [IMAGE]}), [IMAGE[:0]]):
        with pytest.raises(UsageError, match="image 0 is no RGB image"):
            check_images(wrong)
    assert check_images([IMAGE[:0]], empty=True)[0].shape == (0, SIDE, 3)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"batch_size": 0}, "batch_size"),
        ({"batch_size": 2.5}, "batch_size"),
        ({"input_size": 0}, "input_size"),
        ({"field_of_view_um": 0}, "field_of_view_um"),
        ({"field_of_view_um": np.inf}, "field_of_view_um"),
    ],
)
def test_an_embedding_refuses_settings_that_cannot_be(settings, words):
    with pytest.raises(UsageError, match=words):
        CNNEmbedding(**settings).fit([IMAGE])


@pytest.mark.parametrize("wrap", [StableFeatures, StandardisedPerLaboratory, Coral, SelfTraining, SourceExperts])
@pytest.mark.parametrize(
    ("labels", "told", "words"),
    [
        (Y[:14], {}, "inconsistent numbers of samples"),
        (Y, {"laboratories": ["a"] * 15}, "inconsistent numbers of samples"),
        (Y, {"laboratories": np.array([["a", "b"]] * 16)}, "should be a 1d array"),
        (np.linspace(0, 1, 16), {}, "Unknown label type"),
    ],
)
def test_wrappers_refuse_what_does_not_belong_to_the_rows(wrap, labels, told, words):
    with pytest.raises(ValueError, match=words):
        wrap(LogisticRegression()).fit(X[:, :4], labels, **told)


WRAPPERS = [
    StableFeatures(LogisticRegression(), share=1.0),
    StandardisedPerLaboratory(LogisticRegression(), least=1),
    Coral(LogisticRegression(), least=1),
    SelfTraining(LogisticRegression(), least=1),
    SourceExperts(LogisticRegression()),
]


def expected_failures(estimator):
    if isinstance(estimator, StandardisedPerLaboratory | Coral | SelfTraining):
        return {"check_methods_subset_invariance": "transductive: what it says of an image depends on the others"}
    return {}


@parametrize_with_checks(WRAPPERS, expected_failed_checks=expected_failures)
def test_scikit_learn_conventions_of_wrappers(estimator, check):
    check(estimator)
