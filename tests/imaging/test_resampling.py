"""Stacks brought to other sizes: as OpenCV brings each picture."""

import tracemalloc

import cv2
import numpy as np

from leukobench.imaging import resampling
from leukobench.imaging.resampling import resized
from tests.segmentation.strict_arrays import STRICT, bare, dressed


def test_pictures_become_what_opencv_makes_of_them():
    rng = np.random.default_rng(0)
    before = np.array([(40, 30), (33, 50), (40, 50), (7, 9), (40, 50), (20, 20)])
    after = np.array([(61, 41), (30, 47), (17, 20), (7, 9), (20, 25), (1, 1)])
    averaged = np.array([False, False, True, False, True, True])
    planes, expected = np.zeros((6, 2, 40, 50), np.float32), []
    for plane, (high, wide), (height, width), area in zip(planes, before, after, averaged, strict=True):
        plane[:, :high, :wide] = rng.integers(0, 256, (2, high, wide))
        way = cv2.INTER_AREA if area else cv2.INTER_LINEAR
        expected.append(
            [cv2.resize(each[:high, :wide], (int(width), int(height)), interpolation=way) for each in plane]
        )
    found = bare(resized(STRICT.xp, dressed(planes), before, after, averaged))
    assert found.shape == (6, 2, 61, 47)
    for one, planes_of, (height, width) in zip(found, expected, after, strict=True):
        np.testing.assert_allclose(one[:, :height, :width], planes_of, atol=0.01)
        assert not one[:, height:].any()
        assert not one[:, :, width:].any()


def test_long_strips_take_no_more_than_some_weights_at_a_time(monkeypatch):
    planes = np.random.default_rng(0).random((2, 1, 1, 1500), np.float32)
    before, after = np.array([(1, 1500), (1, 900)]), np.array([(1, 1000), (1, 1200)])
    averaged = np.array([True, False])
    whole = resized(np, planes, before, after, averaged)
    monkeypatch.setattr(resampling, "WEIGHTS", 100_000)
    tracemalloc.start()
    pieces = resized(np, planes, before, after, averaged)
    held = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    np.testing.assert_allclose(pieces, whole, atol=1e-6)
    # the weights of all columns have 14 MB, and several of that size are held
    assert held < 4e6
