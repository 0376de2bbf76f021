"""The look at a data root: what is sampled, what is drawn, and a page that no name can act in."""

import re
import sys
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from leukobench.datasets import build_index
from leukobench.errors import UsageError
from leukobench.exploration import look_at, write_page
from leukobench.exploration import page as page_module
from leukobench.exploration.look import CELL, NUCLEUS, SIDE, cut
from leukobench.exploration.maps import principal_components, umap_of
from tests.page.conftest import browser  # noqa: F401  (a fixture)

MARKUP = "<img src=x onerror=alert(1)>"


def drawn_cell(seed, radius=14):
    generator = np.random.default_rng(seed)
    image = np.full((70, 76, 3), 225, np.uint8)
    middle = tuple(int(v) for v in generator.integers(30, 42, 2))
    cv2.circle(image, middle, radius + 8, (190, 175, 215), -1)
    cv2.ellipse(image, middle, (radius, int(generator.integers(8, 14))), seed * 37 % 180, 0, 360, (90, 40, 130), -1)
    return cv2.add(image, generator.integers(0, 12, image.shape, dtype=np.uint8))


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """Two laboratories of two classes, with names that want to be markup, and a file that is no picture."""
    root = tmp_path_factory.mktemp("root")
    for lab, dataset in enumerate(("ward7", "ward8")):
        for kind, name in enumerate(("lymphocyte", "monocyte")):
            folder = root / dataset / name
            folder.mkdir(parents=True)
            for i in range(8):
                cv2.imwrite(str(folder / f"{i}.png"), drawn_cell(100 * lab + 10 * kind + i, 10 + 5 * kind))
    cv2.imwrite(str(root / "ward8" / "lymphocyte" / f"{MARKUP}.png"), drawn_cell(77))
    (root / "ward7" / "monocyte" / f"{MARKUP}.png").write_bytes(b"no picture")
    return root


@pytest.fixture(scope="module")
def look(root):
    return look_at(root, build_index(root), "L5", per_class=4)


@pytest.fixture(scope="module")
def written(look, tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "explore.html"
    with pytest.MonkeyPatch.context() as patch:  # the real one compiles for seconds
        patch.setattr(page_module, "umap_of", lambda components, seed: components[:, 1::-1])
        write_page(path, look)
    return path


def test_the_sample_is_as_large_for_each_class_and_origin(look, root):
    assert look.sample.groupby(["dataset", "L5"]).size().tolist() == [4] * 4
    assert len(look.features) == 16
    again = look_at(root, look.index, "L5", per_class=4)
    assert again.sample["path"].tolist() == look.sample["path"].tolist()
    assert look_at(root, look.index, "L5", per_class=4, seed=1).sample["path"].tolist() != look.sample["path"].tolist()


def test_examples_and_means_of_each_class_and_origin(look):
    places = {(dataset, code) for dataset in ("ward7", "ward8") for code in ("LY", "MO")}
    assert set(look.examples) == set(look.means) == places
    mean = look.means["ward7", "LY"].astype(int)
    assert mean.shape == (SIDE, SIDE, 3)
    assert mean[SIDE // 2, SIDE // 2].sum() < mean[2, 2].sum() - 200  # the nucleus lies in the middle


def test_a_cell_is_cut_in_the_middle_with_its_outlines():
    image, mask = np.full((90, 60, 3), 200, np.uint8), np.zeros((90, 60), np.uint8)
    cv2.circle(mask, (20, 60), 18, 1, -1)
    cv2.circle(mask, (20, 60), 8, 2, -1)
    image[mask == 2] = 50
    plain, outlined = cut(image, mask), cut(image, mask, outlined=True)
    rows, columns = np.nonzero(plain[..., 0] < 100)
    assert (rows.mean(), columns.mean()) == pytest.approx(((SIDE - 1) / 2,) * 2, abs=1)
    for colour in (CELL, NUCLEUS):
        assert np.abs(outlined.astype(int) - colour).sum(axis=-1).min() < 60  # lines are smooth
    assert cut(image, np.zeros_like(mask)).shape == (SIDE, SIDE, 3)


def test_a_file_that_went_since_is_named(root, look, tmp_path):
    index = look.index.copy()
    gone = look.sample["path"].iloc[0]
    index.loc[index["path"] == gone, "sha256"] = "0" * 64
    found = look_at(root, index, "L5", per_class=4)
    assert [line.split(":")[0] for line in found.lost] == [gone]
    assert len(found.features) == len(found.sample) == 15
    assert gone not in set(found.sample["path"])


def test_a_level_without_images_is_refused(root, look):
    with pytest.raises(UsageError, match="L8"):
        look_at(root, look.index.assign(L8=None), "L8")


def test_components_are_those_of_standardised_features(look):
    components, shares = principal_components(look.features, 2)
    assert components.shape == (16, 2)
    assert shares[0] >= shares[1] > 0
    values = look.features.loc[:, look.features.notna().all() & (look.features.std() > 1e-9)]
    if values.shape[1] == look.features.shape[1]:
        scores = np.linalg.svd((values - values.mean()) / values.std(ddof=0))[1]
        np.testing.assert_allclose(shares, (scores**2 / (scores**2).sum())[:2], rtol=1e-6)


def test_umap_is_seeded_and_left_out_where_it_cannot_be(monkeypatch):
    asked = {}

    class UMAP:
        def __init__(self, **options):
            asked.update(options)

        def fit_transform(self, rows):
            return rows[:, :2]

    monkeypatch.setitem(sys.modules, "umap", SimpleNamespace(UMAP=UMAP))
    rows = np.random.default_rng(0).normal(size=(40, 5))
    assert umap_of(rows, 3).shape == (40, 2)
    assert asked["random_state"] == 3
    assert umap_of(rows[:10]) is None
    monkeypatch.setitem(sys.modules, "umap", None)
    assert umap_of(rows) is None


def test_the_page_says_what_there_is_and_no_name_acts(written):
    text = written.read_text("utf-8")
    assert MARKUP not in text
    assert "monocyte/&lt;img src=x onerror=alert(1)&gt;.png</td><td>not_an_image</td>" in text
    assert '<th scope="row">LY</th><td>lymphocyte</td>' in text
    assert text.count('class="mean"') == 4
    assert len(re.findall(r"<img (?!class)", text)) == 4 * 3
    assert "http" not in re.sub(r"<script>.*?</script>", "", text, flags=re.S).replace("http-equiv", "")


@pytest.mark.parametrize("width", [400, 1600])
def test_the_page_opens_in_a_browser(written, browser, width):  # noqa: F811
    context = browser.new_context(viewport={"width": width, "height": 900})
    page, told = context.new_page(), []
    page.on("console", lambda message: told.append(message.text))
    page.on("pageerror", lambda error: told.append(str(error)))
    page.on("dialog", lambda dialog: told.append(dialog.message))
    page.on("request", lambda request: told.append(request.url) if request.url[:5] not in ("file:", "data:") else None)
    page.goto(written.as_uri())
    page.wait_for_selector("#plot-umap-class svg.main-svg")
    assert page.locator(".plot svg.main-svg .scatterlayer").count() == 5
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert told == []
    context.close()


def test_the_command_writes_it(root, tmp_path, monkeypatch, capsys):
    from leukobench.cli.explore import explore

    monkeypatch.setattr(page_module, "umap_of", lambda components, seed: None)
    explore(data=str(root), out=tmp_path / "x.html", level="L5", per_class=1)
    assert "No UMAP" in (tmp_path / "x.html").read_text("utf-8")
    with pytest.raises(UsageError, match="L6"):
        explore(data=str(root), out=tmp_path / "x.html", level="L6")
