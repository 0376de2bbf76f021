"""The page of predictions: every cell, escaped, filtered, alone."""

import shutil

import cv2
import numpy as np
import pytest

from leukobench.inference.page import write_page
from leukobench.inference.predict import predict_images
from leukobench.inference.reading import read_images

MARKUP = "<img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def predictions(lda, root, progress, tmp_path_factory):
    """What is said of labelled cells, of a file that wants to be markup and of one that is none."""
    there = tmp_path_factory.mktemp("page") / "cells"
    for name in ("lymphocyte", "monocyte"):
        (there / name).mkdir(parents=True)
        for path in sorted((root / "cvb").rglob("*.bmp"))[:6]:
            shutil.copy(path, there / name)
    shutil.copy(sorted((root / "barcelona").rglob("*.jpg"))[0], there / f"{MARKUP}.jpg")
    (there / "broken.jpg").write_bytes(b"\xff\xd8\xff nothing behind it")
    cv2.imwrite(str(there / "white.png"), np.full((90, 90, 3), 255, np.uint8))
    images, folder = read_images([there])
    return images, predict_images(lda, images, folder, progress=progress), folder


@pytest.fixture(scope="module")
def page_file(lda, root, predictions, progress, tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "predictions.html"
    images, table, folder = predictions
    write_page(path, lda, images, table, folder, root=root, progress=progress)
    return path


@pytest.mark.parametrize(("width", "scheme"), [(1600, "light"), (400, "dark")])
def test_cells_are_shown_and_filtered(page_file, predictions, visit, width, scheme):
    _, table, _ = predictions
    page = visit(page_file, width, color_scheme=scheme)
    assert page.locator(".card").count() == len(table)
    assert page.locator(".card .cell img").count() == (table["error"] == "").sum()
    assert page.locator(".card.unsure").count() == (table["class"] == "unsure").sum() > 0
    assert page.locator(".near img").count() > 0
    box = page.locator(".card .cell img").last.bounding_box()
    assert page.locator(".card .cell .outline").last.bounding_box() == pytest.approx(box, abs=1)
    assert page.get_by_text(f"{MARKUP}.jpg").count() == 1
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.select_option("#class", "unsure")
    assert page.locator(".card").count() == page.locator(".card.unsure").count()
    page.select_option("#class", "cannot be read")
    assert "truncated" in page.locator(".card").inner_text()
    page.select_option("#class", "")
    page.fill("#find", "monocyte/")
    assert page.locator(".card").count() == 6
    page.uncheck("#outlines")
    assert not page.locator(".outline").first.is_visible()


def test_cells_of_the_training_are_named_where_no_data_root_is(lda, predictions, progress, tmp_path):
    images, table, folder = predictions
    write_page(tmp_path / "page.html", lda, images, table, folder, progress=progress)
    text = (tmp_path / "page.html").read_text()
    assert "by name, as no data root is at hand" in text
    assert lda.trust.references[0].path.split("/")[0] in text
    assert text.count("data:image/webp") == (table["error"] == "").sum()
    assert MARKUP not in text
