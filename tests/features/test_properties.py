"""What must hold for any cell: quarter turns, the order in a batch, magnification."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from leukobench.features import extract_features, features_of
from leukobench.features.registry import all_parts

FEATURES = features_of("extended")
_sides = st.integers(4, 30)


@st.composite
def cells(draw):
    """A smooth random image with a blobby random mask that has nucleus and cytoplasm."""
    height, width = draw(_sides), draw(_sides)
    seed = draw(st.integers(0, 2**32 - 1))
    rng = np.random.default_rng(seed)
    image = rng.integers(0, 256, (height, width, 3)).astype(np.uint8)
    coarse = draw(arrays(np.uint8, (4, 4), elements=st.integers(0, 2)))
    coarse[0, 0], coarse[3, 3] = 1, 2
    rows, columns = (np.arange(height) * 4 // height), (np.arange(width) * 4 // width)
    return image, coarse[np.ix_(rows, columns)]


def _values(images, masks):
    return extract_features(images, masks, device="cpu", feature_set="extended").to_numpy()


@settings(max_examples=40, deadline=None)
@given(cells(), st.integers(1, 3))
def test_quarter_turns_change_no_rotation_invariant_feature(cell, turns):
    image, mask = cell
    here, turned = _values([image, np.rot90(image, turns)], [mask, np.rot90(mask, turns)])
    invariant = np.array(["rotation" in f.invariances for f in FEATURES])
    np.testing.assert_allclose(turned[invariant], here[invariant], rtol=1e-4, atol=1e-4)


@settings(max_examples=20, deadline=None)
@given(st.lists(cells(), min_size=2, max_size=8), st.randoms(use_true_random=False))
def test_permuting_a_batch_permutes_its_rows(batch, random):
    order = list(range(len(batch)))
    random.shuffle(order)
    images, masks = zip(*batch, strict=True)
    rows = _values(images, masks)
    permuted = _values([images[k] for k in order], [masks[k] for k in order])
    np.testing.assert_array_equal(permuted, rows[order])


@settings(max_examples=30, deadline=None)
@given(cells(), st.integers(2, 4))
def test_magnification_at_the_same_size_in_micrometres(cell, factor):
    image, mask = cell
    large = [np.repeat(np.repeat(a, factor, 0), factor, 1) for a in (image, mask)]
    options = {"device": "cpu", "feature_set": "extended"}
    both = extract_features([image, large[0]], [mask, large[1]], um_per_px=[1.0, 1 / factor], **options)
    small, scaled = both.iloc[0], both.iloc[1]
    exact = ["area", "area_bbox", "area_convex", "extent", "feret_diameter_max", "feret_diameter_min", "solidity"]
    exact += ["min_rectangle_area", "rectangularity", "perimeter_convex", "equivalent_diameter_area"]
    columns = [f"{region}_{name}" for region in ("nucleus", "cell") for name in exact]
    parts = [part for part in all_parts() if part.name in ("colour", "percentiles", "zernike", "grid")]
    columns += [name for part in parts for name in part.columns]
    columns += ["nc_area_ratio", "nc_cytoplasm_ratio", "nc_convex_ratio", "nc_feret_ratio"]
    np.testing.assert_allclose(scaled[columns], small[columns], rtol=1e-4, atol=1e-4)
