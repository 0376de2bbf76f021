"""What may be asked about: images, folders, tables."""

import os

import cv2
import numpy as np
import pytest

from leukobench.errors import UsageError
from leukobench.inference.reading import read_images
from leukobench.inputs import locate


@pytest.fixture
def there(tmp_path):
    """Images in class folders, in others, and beside a table."""
    for name in ("ward/lymphocyte/a.png", "ward/Monozyten/day 1/b.png", "ward/c.png", "more/d.png", "more/d mask.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(tmp_path / name), np.full((20, 20, 3), len(name), np.uint8))
    (tmp_path / "more" / "cells.csv").write_text("Datei;um_per_px;Maske\nd.png;0,2;d mask.png\n")
    (tmp_path / "more" / "labels.csv").write_text("path,label\nd.png,EOS\n")
    return tmp_path


def test_a_folder_named_like_a_cell_type_labels_what_is_in_it(there):
    images, folder = read_images([there / "ward"])
    assert folder == there / "ward"
    assert images["path"].tolist() == ["Monozyten/day 1/b.png", "c.png", "lymphocyte/a.png"]
    assert images["code"].tolist() == ["MO", "", "LY"]


def test_a_table_says_scale_and_label_and_names_what_is_asked(there):
    images, folder = read_images([there / "more" / "cells.csv"], 0.1)
    assert folder == there / "more"
    assert images[["path", "um_per_px", "code"]].to_numpy().tolist() == [["d.png", 0.2, ""]]
    assert read_images([there / "more" / "labels.csv"], 0.1)[0][["um_per_px", "code"]].to_numpy().tolist() == [
        [0.1, "EO"]
    ]


def test_a_mask_goes_with_its_image_or_says_what_is_wrong(there):
    more = there / "more"
    assert read_images([more / "cells.csv"])[0][["mask", "error"]].to_numpy().tolist() == [["d mask.png", ""]]
    cv2.imwrite(str(more / "d mask.png"), np.zeros((9, 9), np.uint8))
    cv2.imwrite(str(more / "e.png"), np.zeros((9, 9), np.uint8))
    (more / "cells.csv").write_text("path,mask\nd.png,d mask.png\ne.png,none.png\n")
    with pytest.raises(UsageError, match="mask and image are of different sizes, 9 x 9 and 20 x 20 pixels"):
        read_images([more / "cells.csv"])
    os.mkfifo(more / "pipe.png")
    for name, wrong in (("none.png", "No such file or directory"), ("pipe.png", "no regular file")):
        (more / "cells.csv").write_text(f"path,mask\nd.png,{name}\ne.png,\n")
        errors = read_images([more / "cells.csv"])[0]["error"].str.contains(f"its mask {name}: {wrong}")
        assert errors.tolist() == [True, False]


def test_paths_of_all_kinds_go_together_and_are_found_again(there):
    images, folder = read_images([there / "ward", there / "more" / "labels.csv", there / "ward" / "c.png"])
    assert folder == there
    assert len(images) == 4
    assert all(locate(folder, path).is_file() for path in images["path"])


def test_a_table_may_name_images_anywhere_by_their_whole_path(there, tmp_path_factory):
    table = tmp_path_factory.mktemp("lists") / "cells.csv"
    table.write_text(f"path,mask\n{there / 'more/d.png'},{there / 'more/d mask.png'}\n/nowhere/x.png,\n")
    images, folder = read_images([table])
    assert images["error"].tolist() == ["", "unreadable: No such file or directory"]
    assert locate(folder, images["path"][0]) == there / "more/d.png"
    assert locate(folder, images["mask"][0]) == there / "more/d mask.png"


@pytest.mark.parametrize(
    ("name", "words"),
    [("nowhere", "no file or folder"), ("ward/x.txt", "is no image and no table"), ("ward/x.csv", "no column 'path'")],
)
def test_what_cannot_be_asked_about_says_why(there, name, words):
    (there / "ward" / "x.txt").write_text("a note")
    (there / "ward" / "x.csv").write_text("cell,kind\n1,2\n")
    with pytest.raises(UsageError, match=words):
        read_images([there / name])
