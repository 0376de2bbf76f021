"""A bad expert mask is named and left out of `segment bench` and `features bench`; the others are measured."""

import cv2
import numpy as np
import pytest

from leukobench.datasets.phantom import write_phantom
from leukobench.segmentation.bench import dice


@pytest.fixture
def root(tmp_path):
    return write_phantom(tmp_path / "phantom", per_class=2, domains=["cvb"], jobs=1)


def mask_of(root):
    return min((root / "cvb").rglob("*.png"))


BAD = {
    "no image": (lambda path: path.write_bytes(b"mask"), "does not begin like"),
    "empty": (lambda path: path.write_bytes(b""), "the file is empty"),
    "cut": (lambda path: path.write_bytes(path.read_bytes()[:60]), "end early"),
    "another size": (lambda path: cv2.imwrite(str(path), np.zeros((7, 9), np.uint8)), "different sizes, 9 x 7 and"),
    "missing": (lambda path: path.unlink(), ""),
}


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_mask_is_named_and_left_out(root, say, kind):
    path = mask_of(root)
    spoil, words = BAD[kind]
    spoil(path)
    code, text = say("segment", "bench", "--data", root)
    assert code == 0, text
    assert "Dice on cvb" in text
    if words:
        assert f"{path.relative_to(root)}: " in text
        assert words in text
    assert " 9 " in text, "one of ten is left out"


def test_no_mask_at_all_is_said(root, say):
    for path in (root / "cvb").rglob("*.png"):
        path.write_bytes(b"")
    code, text = say("segment", "bench", "--data", root)
    assert code == 2, text
    assert "no dataset with label masks" in text


@pytest.mark.parametrize("shape", [(1, 5), (4, 1), (5, 4)])
def test_masks_of_different_shapes_have_no_dice(shape):
    with pytest.raises(ValueError, match="different shapes"):
        dice(np.ones((4, 5), bool), np.ones(shape, bool))
