"""Pictures of cells: the very files that were scored, small, with their outlines."""

import dataclasses

import cv2
import numpy as np
import pytest

from leukobench.page.gallery import SIDE, gallery, thumbnail
from tests.page.conftest import TRUTH

TESTS = list(TRUTH)


def test_outline_goes_round_cell_and_nucleus():
    mask = np.zeros((224, 448), np.uint8)
    cv2.circle(mask, (224, 112), 80, 1, -1)
    cv2.circle(mask, (224, 112), 40, 2, -1)
    found = thumbnail(np.full((224, 448, 3), 200, np.uint8), mask)
    assert (found["width"], found["height"]) == (SIDE, SIDE // 2)
    cell, nucleus = (
        np.array([point.split() for point in part.rstrip("Z").split("L")], float)
        for part in found["outline"].split("M")[1:]
    )
    for outline, radius in ((cell, 20), (nucleus, 10)):
        assert np.hypot(*(outline - [56, 28]).T) == pytest.approx(radius, abs=1.2)


def test_a_file_that_was_changed_gets_no_picture(data):
    root, report = data
    assert gallery(report, TESTS, root)["missing"] == ""
    sha = report.suspects["sha256"][0]
    changed = dataclasses.replace(report, suspects=report.suspects.assign(sha256="0" * 64).iloc[:1])
    found = gallery(changed, TESTS, root)
    assert "src" not in found["cells"][0]
    assert found["missing"].startswith("1 images")
    assert sha[:12] in [cell["sha256"] for cell in gallery(report, TESTS, root)["cells"] if cell.get("src")]
