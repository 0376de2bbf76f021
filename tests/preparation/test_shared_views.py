"""What several representations look at is made once."""

import cv2
import numpy as np
import pytest

from leukobench.preparation import shared_views
from leukobench.preparation.shared_views import SharedViews
from leukobench.preparation.views import VIEWS, View, apply_view
from leukobench.segmentation import segment

SCALES = np.array([0.2, np.nan])


@pytest.fixture(scope="module")
def images():
    image = np.full((96, 90, 3), 230, np.uint8)
    image = cv2.circle(image, (45, 48), 26, (190, 180, 215), -1)
    image = cv2.circle(image, (42, 48), 15, (90, 40, 130), -1)
    return [image, image[::-1].copy()]


@pytest.fixture
def made(monkeypatch):
    """Views that images were brought to, and how often they were segmented as they are."""
    made = []

    def looked(images, view, *more):
        made.append(view)
        return apply_view(images, view, *more)

    monkeypatch.setattr(shared_views, "apply_view", looked)
    monkeypatch.setattr(shared_views, "segment", lambda images: made.append(None) or segment(images))
    return made


def test_views_that_differ_in_copies_alone_are_made_once_and_give_what_each_gives_alone(images, made):
    few, many = View(0.2, "white_balance"), View(0.2, "white_balance", copies=2, description="for training")
    looks = SharedViews(images, SCALES, [few, many, few])
    for view in (few, many):
        seen, _ = looks.through(view)
        alone = apply_view(images, view, SCALES)
        for found, expected in zip((*seen.pictures, *seen.masks), (*alone.pictures, *alone.masks), strict=True):
            np.testing.assert_array_equal(found, expected)
        np.testing.assert_array_equal(seen.um_per_px, alone.um_per_px)
    assert [view.copies for view in made] == [2]


def test_other_views_and_no_view_are_made_apart_each_once(images, made):
    views = [None, VIEWS["scale"], VIEWS["canonical"]]
    looks = SharedViews(images, SCALES, views)
    for view in views * 2:
        looks.through(view)
    assert made == views
    np.testing.assert_array_equal(looks.through(None)[0].masks[1], segment(images)[1])


def test_each_of_those_that_share_a_view_is_told_its_own_part_of_the_time(images, monkeypatch):
    few, many = View(0.2), View(0.2, copies=1)
    clock = iter([10.0, 14.0])
    monkeypatch.setattr(shared_views.time, "perf_counter", lambda: next(clock))
    looks = SharedViews(images, SCALES, [few, many])
    assert [looks.through(view)[1] for view in (many, few)] == [4.0, 2.0]
