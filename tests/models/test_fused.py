import numpy as np
import pytest

from leukobench.features import feature_names
from leukobench.models import get_model


def test_the_trees_read_features_alone_and_the_linear_side_both():
    width = len(feature_names("untextured"))
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1], 40)
    X = rng.normal(size=(80, width + 30))
    X[:, width:] += 2 * y[:, None]  # only the vectors tell the class
    model = get_model("fused:mobilenet_v2").build({}, 0).fit(X, y)
    moved = X.copy()
    moved[:, width:] = rng.permutation(moved[:, width:])
    trees, linear = (model.named_estimators_[name] for name in ("extra_trees", "lda"))
    np.testing.assert_array_equal(trees.predict_proba(moved), trees.predict_proba(X))
    assert (linear.predict(X) == y).mean() > 0.95
    assert (linear.predict(moved) == y).mean() < 0.8


def test_it_stands_on_neither_side_and_names_what_it_reads():
    recipe = get_model("fused:efficientnet_lite0+flips")
    assert (recipe.family, recipe.side) == ("fused", "both")
    assert recipe.representation.endswith("&embedding:efficientnet_lite0@augmented+flips")


@pytest.mark.parametrize("option", ["experts", "coral"])
def test_it_takes_the_options_that_leave_its_columns_in_their_places(option):
    width = len(feature_names("untextured"))
    rng = np.random.default_rng(1)
    y = np.repeat([0, 1], 30)
    X = rng.normal(size=(60, width + 5)) + y[:, None]
    model = get_model(f"fused:mobilenet_v2+{option}").build({}, 0).fit(X, y, laboratories=np.arange(60) % 2)
    assert (model.predict(X) == y).mean() > 0.9
