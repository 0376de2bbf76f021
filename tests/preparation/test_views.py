"""Views: what they take out of an image, and what their copies change and do not."""

import itertools

import cv2
import numpy as np
import pytest

from leukobench.errors import UsageError
from leukobench.features import extract_features, feature_names
from leukobench.features.viewed import view_features
from leukobench.preparation import views
from leukobench.preparation.views import VIEWS, View, get_view, view_key
from leukobench.segmentation import segment

NAMES = feature_names("core")
AREA, RATIO = NAMES.index("cell_area"), NAMES.index("nc_area_ratio")
GLASS = NAMES.index("cytoplasm_lab_b_mean")


def smear(side=300, radius=60, glass=(238, 228, 214), red_cells=()):
    """A cell with a round nucleus on glass; lengths in px."""
    image = np.full((side, side, 3), glass, np.uint8)
    for x, y in red_cells:
        image = cv2.circle(image, (x, y), 36, (214, 160, 156), -1, cv2.LINE_AA)
    image = cv2.circle(image, (side // 2, side // 2), radius, (196, 180, 215), -1, cv2.LINE_AA)
    image = cv2.circle(image, (side // 2, side // 2), round(0.7 * radius), (92, 48, 136), -1, cv2.LINE_AA)
    grain = np.random.default_rng(0).normal(0, 2, image.shape)
    return np.clip(image + grain, 0, 255).astype(np.uint8)


def seen(image, view, um_per_px=None):
    return view_features([image], view, um_per_px=um_per_px, device="cpu")[0]


def test_no_view_at_all_is_plain_extraction():
    image = smear()
    plain = extract_features([image], segment([image]), um_per_px=0.1, device="cpu")
    np.testing.assert_array_equal(seen(image, View(), 0.1), plain)


def test_two_magnifications_of_one_cell_measure_alike():
    small, large = smear(200, 40), smear(400, 80)
    here, there = seen(small, VIEWS["scale"], 0.2)[0], seen(large, VIEWS["scale"], 0.1)[0]
    assert here[AREA] == pytest.approx(np.pi * (40 * 0.2) ** 2, rel=0.05)
    assert there[AREA] == pytest.approx(here[AREA], rel=0.03)
    assert there[RATIO] == pytest.approx(here[RATIO], rel=0.05)


def test_an_unknown_scale_is_read_from_red_cells():
    image = smear(radius=50, red_cells=[(50, 50), (250, 60), (60, 245), (245, 250)])
    assert seen(image, VIEWS["scale"])[0, AREA] == pytest.approx(np.pi * (50 * 0.1) ** 2, rel=0.1)


def test_lengths_are_missing_where_no_red_cell_shows():
    row = seen(smear(), VIEWS["scale"])[0]
    assert np.isnan(row[AREA])
    assert np.isfinite(row[RATIO])


def test_white_balance_takes_the_lamp_out():
    yellow, white = smear(glass=(240, 235, 170)), smear(glass=(240, 240, 240))
    lamp = np.array((240, 235, 170)) / 240
    yellow = np.clip(white * lamp, 0, 255).astype(np.uint8)
    raw = [seen(image, VIEWS["scale"], 0.1)[0, GLASS] for image in (yellow, white)]
    balanced = [seen(image, VIEWS["canonical"], 0.1)[0, GLASS] for image in (yellow, white)]
    assert abs(raw[0] - raw[1]) > 5
    assert abs(balanced[0] - balanced[1]) < 2


def test_copies_differ_repeat_and_hide_every_second_scale():
    image = smear()
    rows = seen(image, VIEWS["augmented"], 0.1)
    assert rows.shape == (9, len(NAMES))
    np.testing.assert_array_equal(np.isnan(rows[:, AREA]), [False] + [False, True] * 4)
    assert len(np.unique(rows[:, RATIO])) == 9
    np.testing.assert_array_equal(rows, seen(image, VIEWS["augmented"], 0.1))


def test_a_copy_does_not_depend_on_the_batch():
    images = [smear(), smear(200, 40), smear(radius=45)]
    together = view_features(images, VIEWS["augmented"], um_per_px=[0.1, 0.2, np.nan], device="cpu")
    np.testing.assert_array_equal(together[1], seen(images[1], VIEWS["augmented"], 0.2))


def test_an_image_and_its_copies_are_segmented_together(monkeypatch):
    asked = []
    monkeypatch.setattr(views, "segment", lambda pictures: asked.append(len(pictures)) or segment(pictures))
    own = np.ones((300, 300), np.uint8)
    masks = views.apply_view([smear(), smear()], View(copies=2), masks=[None, own]).masks
    assert asked == [3, 2]
    assert masks[3] is own


def test_without_segmentation_the_middle_is_measured():
    image = smear()
    nowhere = np.full_like(image, 230)
    assert np.isfinite(seen(nowhere, VIEWS["unsegmented"], 0.1)[0, AREA])
    found, drawn = (seen(image, VIEWS[name], 0.1)[0, AREA] for name in ("augmented", "unsegmented"))
    assert abs(drawn / found - 1) > 0.1


@pytest.mark.parametrize("side", [1, 7, 20, 700])
def test_images_of_any_size_and_nothing_on_them(side):
    image = np.full((side, side + 3, 3), 200, np.uint8)
    rows = seen(image, VIEWS["augmented"])
    assert rows.shape == (9, len(NAMES))
    assert not np.isinf(rows).any()


def test_keys_differ_where_pixels_do_and_only_there():
    keys = [view_key(view) for view in VIEWS.values()]
    assert all(one != other for one, other in itertools.combinations(keys, 2))
    assert view_key(View(description="a")) == view_key(View(description="b"))
    decided = {"um_per_px", "stain", "copies", "segmented", "view", "settings", "segmentation"}
    assert set(view_key(View())) == decided
    assert set(view_key(View(copies=2))) == decided | {"ranges"}


def test_an_unknown_view_is_named():
    with pytest.raises(UsageError, match="unknown view 'moon'"):
        get_view("moon")


@pytest.mark.real
def test_white_glass_on_real_cells(real_cells):
    images = real_cells[0][100::40]
    rows = view_features(images, VIEWS["canonical"], device="cpu")[:, 0]
    assert np.isfinite(rows[:, RATIO]).all()
