"""Networks that answer together: their mean, their seeds, and what a kill leaves."""

import numpy as np
import pytest

from leukobench.models.network.classifier import NetworkClassifier
from leukobench.models.network.ensemble import NetworkEnsemble

pytest.importorskip("torch", reason="needs the extra `deep`")
pytest.importorskip("skorch", reason="needs the extra `deep`")

from leukobench.models.network import checkpoint  # after the skips
from leukobench.models.network.explain import grad_cam

EPOCHS, MEMBERS = 2, 2


@pytest.fixture
def problem():
    """24 dark and bright crops."""
    rng = np.random.default_rng(0)
    y = np.arange(24) % 2
    pixels = np.where(y == 1, 60, 190)[:, None] + rng.integers(-40, 41, (24, 3 * 24 * 24))
    return pixels.astype(np.uint8), np.array(["LY", "NE"])[y]


def ensemble():
    return NetworkEnsemble(NetworkClassifier("lenet", epochs=EPOCHS, random_state=3), MEMBERS)


def test_probabilities_and_maps_are_means_over_different_members(problem):
    X, y = problem
    model = ensemble().fit(X, y)
    first, second = (member.predict_proba(X) for member in model.estimators_)
    assert not np.allclose(first, second)
    np.testing.assert_allclose(model.predict_proba(X), (first + second) / 2)
    np.testing.assert_array_equal(model.predict(X), model.classes_[(first + second).argmax(axis=1)])
    np.testing.assert_array_equal(model.predict_proba(X), ensemble().fit(X, y).predict_proba(X))
    assert grad_cam(model, X[:3], "NE").shape == model.field_of(X[:3]).shape[:3]
    assert not np.allclose(grad_cam(model, X, "NE"), grad_cam(model.estimators_[0], X, "NE"))


def test_a_killed_fit_goes_on_and_trains_no_member_twice(problem, tmp_path, monkeypatch):
    X, y = problem
    whole = ensemble().fit(X, y)
    write, written = checkpoint.atomic_write, []

    def killed(path, content):
        write(path, content)
        written.append(path.name)
        if len(written) == EPOCHS + 1:
            raise SystemExit("killed")

    monkeypatch.setattr(checkpoint, "atomic_write", killed)
    with pytest.raises(SystemExit):
        ensemble().fit(X, y, checkpoint=tmp_path / "fit")
    resumed = ensemble().fit(X, y, checkpoint=tmp_path / "fit")
    assert written == ["fit.0"] * EPOCHS + ["fit.1"] * EPOCHS
    assert not list(tmp_path.iterdir())
    np.testing.assert_array_equal(resumed.predict_proba(X), whole.predict_proba(X))
    assert [member.history_ for member in resumed.estimators_] == [member.history_ for member in whole.estimators_]


def test_weights_reach_every_member(monkeypatch):
    told = []

    def fit(self, X, y, **facts):
        told.append(facts["sample_weight"])
        self.classes_, self.n_features_in_, self.size_ = np.unique(y), 12, 2
        return self

    monkeypatch.setattr(NetworkClassifier, "fit", fit)
    weights = np.array([1.0, 3.0])
    NetworkEnsemble(NetworkClassifier("lenet"), members=2).fit(np.zeros((2, 12)), [0, 1], sample_weight=weights)
    assert [each is weights for each in told] == [True, True]
