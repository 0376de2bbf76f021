"""Statistics of one image, or of a few that agree by chance."""

import numpy as np
import pytest
from scipy.special import softmax
from sklearn.naive_bayes import GaussianNB

from leukobench.errors import UsageError
from leukobench.models import get_model
from leukobench.models.network import classifier
from leukobench.models.network.classifier import NetworkClassifier, _temperature
from leukobench.models.svm import PairwiseSVC
from leukobench.models.transductive import LEAST_IMAGES, Coral, SelfTraining, StandardisedPerLaboratory

TRANSDUCTIVE = ["lda+standardised", "lda+coral", "lda+self_training"]


@pytest.fixture(scope="module")
def source():
    rng = np.random.default_rng(0)
    y = np.tile([0, 1, 2], 20)
    return rng.normal(size=(60, 4)) + 3 * np.eye(4)[y], y


@pytest.mark.parametrize("name", TRANSDUCTIVE)
def test_a_transductive_model_says_nothing_of_a_few_images(source, name):
    recipe = get_model(name)
    X, y = source
    model = recipe.build(dict(recipe.defaults), 0).fit(X, y)
    for n in (1, 2, LEAST_IMAGES - 1):
        with pytest.raises(UsageError, match=rf"{n} image\(s\) of a laboratory are too few .* needs {LEAST_IMAGES}"):
            model.predict_proba(X[:n])
    enough = model.predict_proba(X[:LEAST_IMAGES])
    assert enough.shape == (LEAST_IMAGES, 3)
    assert (model.predict(X) == y).mean() > 0.8


@pytest.mark.parametrize("wrap", [StandardisedPerLaboratory, Coral, SelfTraining])
def test_how_few_is_a_parameter(source, wrap):
    X, y = source
    assert wrap(GaussianNB(), least=2).fit(X, y).predict(X[:2]).shape == (2,)


def test_a_source_of_one_image_is_not_standardised_by_itself(source):
    X, y = source
    names = np.where(np.arange(60) == 7, "alone", "large")
    with pytest.raises(UsageError, match=r"1 image\(s\) of a laboratory"):
        StandardisedPerLaboratory(GaussianNB()).fit(X, y, laboratories=names)


@pytest.fixture(scope="module")
def network():
    pytest.importorskip("skorch")
    rng = np.random.default_rng(0)
    X = rng.integers(0, 256, (140, 16 * 16 * 3), dtype=np.uint8)
    model = NetworkClassifier("lenet", epochs=1, adapt=True, device="cpu").fit(X, np.tile(["LY", "NE"], 70))
    return model, X


def test_batch_statistics_are_not_those_of_a_few_images(network):
    model, X = network
    with pytest.raises(UsageError, match="too few for a transductive model"):
        model.predict_proba(X[: LEAST_IMAGES - 1])
    assert model.predict_proba(X[:LEAST_IMAGES]).shape == (LEAST_IMAGES, 2)


def test_no_crop_has_more_say_in_the_batch_statistics_than_another(network, monkeypatch):
    model, X = network
    sizes = []
    batches_of = classifier.batches_of

    def recorded(*given, **settings):
        for batch in batches_of(*given, **settings):
            sizes.append(len(batch))
            yield batch

    monkeypatch.setattr(classifier, "batches_of", recorded)
    for n in (65, 129, 140):
        sizes.clear()
        model.network_for(model.field_of(X[:n]))
        assert sum(sizes) == n
        assert min(sizes) > 0.9 * max(sizes)


@pytest.mark.parametrize("n", [2, 6, 30])
def test_a_few_held_out_images_that_are_all_right_make_no_network_certain(n):
    labels = np.arange(n) % 2
    logits = np.where(np.eye(2)[labels] == 1, 2.0, -2.0)
    temperature = _temperature(logits, labels)
    assert softmax(logits / temperature, axis=1).max() == pytest.approx((n + 1) / (n + 2), abs=0.01)
    logits[0] = -logits[0]  # with one wrong there is a likeliest temperature, as far as the bounds let it be
    assert softmax(logits / _temperature(logits, labels), axis=1).max() == pytest.approx(1 - 1 / n, abs=0.05)


def test_a_few_images_that_are_told_apart_make_no_machine_certain():
    X, y = np.array([0.0, 0.1, 0.2, 1.0, 1.1, 1.2])[:, None], np.repeat([0, 1], 3)
    assert PairwiseSVC(random_state=0).fit(X, y).predict_proba(X).max() < 0.95
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1], 400)
    sure = PairwiseSVC(random_state=0).fit(rng.normal(8 * y[:, None], size=(800, 1)), y)
    assert sure.predict_proba([[0.0]]).max() > 0.99
