"""A folder beside the data root is recognised: one level too deep, or too high."""

import pytest

from leukobench.datasets import find_data_root
from leukobench.errors import UsageError


@pytest.fixture
def root(official, write_picture):
    """A data root with a known dataset and two of a laboratory's own."""
    root = official("barcelona")
    write_picture(root / "ward7/LY/1.png")
    (root / "ward8").mkdir()
    write_picture(root / "ward8/1.png")
    (root / "ward8/labels.csv").write_text("path,label\n1.png,NE\n")
    return root


@pytest.mark.parametrize(
    "inside",
    ["barcelona", "barcelona/PBC_dataset_normal_DIB", "barcelona/PBC_dataset_normal_DIB/basophil"]
    + ["ward7", "ward7/LY", "ward8"],
)
def test_a_dataset_or_a_part_of_one_is_no_root(root, inside):
    with pytest.raises(UsageError) as told:
        find_data_root(root / inside)
    assert told.value.hint == f"--data names the folder that holds it: {root}"


def test_a_link_to_a_dataset_is_held_by_the_folder_that_it_lies_in(root, tmp_path):
    (tmp_path / "links").mkdir()
    (tmp_path / "links" / "barcelona").symlink_to(root / "barcelona")
    with pytest.raises(UsageError) as told:
        find_data_root(tmp_path / "links" / "barcelona")
    assert told.value.hint == f"--data names the folder that holds it: {tmp_path / 'links'}"


def test_the_folder_above_is_no_root(tmp_path, write_picture):
    write_picture(tmp_path / "images/ward7/LY/1.png")
    with pytest.raises(UsageError) as told:
        find_data_root(tmp_path)
    assert told.value.hint == f"--data {tmp_path / 'images'}"


def test_a_root_is_one(root, official, tmp_path, write_picture):
    assert find_data_root(root) == root
    write_picture(tmp_path / "own/ward9/LY/1.png")
    assert find_data_root(tmp_path / "own") == tmp_path / "own"
