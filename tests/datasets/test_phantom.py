"""Phantom cells and datasets: exact, repeatable, readable by the ordinary readers, whole or absent."""

import subprocess
import sys

import numpy as np
import pytest
from PIL import Image
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.metrics import balanced_accuracy_score

from leukobench.datasets import build_index
from leukobench.datasets.phantom import DOMAINS, ensure_phantom, render_cell, write_phantom
from leukobench.datasets.phantom.kinds import CELLS
from leukobench.datasets.phantom.write import plan
from leukobench.errors import UsageError
from leukobench.imaging.io import read_image, read_mask

CLASSES = ("NE", "EO", "BA", "LY", "MO")
PER_CLASS = 4
FORMATS = {
    "barcelona": ("JPEG", "RGB", (360, 363)),
    "munich": ("TIFF", "RGBA", (400, 400)),
    "raabin": ("JPEG", "RGB", (575, 575)),
    "cvb": ("BMP", "RGB", (300, 300)),
}


def contents(root):
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return write_phantom(tmp_path_factory.mktemp("phantom") / "root", per_class=PER_CLASS, seed=5, jobs=1)


@pytest.fixture(scope="module")
def index(root):
    return build_index(root)


@pytest.fixture(scope="module")
def cells():
    """Twelve cells of each class in the sharpest and in the most blurred domain."""
    return [render_cell(code, name, rng=seed) for name in ("cvb", "munich") for code in CLASSES for seed in range(12)]


# -- single cells -------------------------------------------------------------------------------------------


def test_the_seed_decides_every_pixel():
    first, again, other = (render_cell("EO", "munich", rng=seed) for seed in (1, 1, 2))
    assert np.array_equal(first.image, again.image)
    assert np.array_equal(first.mask, again.mask)
    assert not np.array_equal(first.image, other.image)


@pytest.mark.parametrize("name", DOMAINS)
@pytest.mark.parametrize("code", [*CELLS, "NE"])
def test_a_cell_has_the_sizes_that_it_says(code, name):
    cell = render_cell(code, name, rng=11)
    assert cell.image.shape == (*DOMAINS[name].size, 3)
    assert cell.image.dtype == cell.mask.dtype == np.uint8
    assert cell.mask.shape == cell.image.shape[:2]
    measured = 2 * np.sqrt(cell.cell_area_px / np.pi) * cell.um_per_px
    assert measured == pytest.approx(cell.diameter_um, rel=0.02)
    kind = CELLS[cell.kind][cell.form]
    low, high = np.array(kind.diameter) * DOMAINS[name].cell_scale
    assert low <= cell.diameter_um <= high
    # lobes that overlap, and the cell's edge, take some of the nucleus; strands add a little
    assert 0.75 * kind.nc_ratio[0] <= cell.nucleus_area_px / cell.cell_area_px <= 1.08 * kind.nc_ratio[1]
    assert cell.kind in ({"SNE", "BNE"} if code == "NE" else {code})


def test_the_nucleus_lies_inside_the_cell(cells):
    for cell in cells:
        nucleus, whole = cell.mask == 2, cell.mask > 0
        for axis in (0, 1):
            for step in (-1, 1):
                assert whole[np.roll(nucleus, step, axis)].all()


def test_the_mask_is_where_the_stain_is(cells):
    for cell in cells:
        grey = cell.image.astype(float).mean(2)
        assert grey[cell.mask == 2].mean() < grey[cell.mask == 1].mean() < np.percentile(grey, 95)


def test_typical_cells_look_like_their_class():
    drawn = {code: [render_cell(code, rng=seed) for seed in range(12)] for code in (*CELLS,)}
    drawn = {code: [cell for cell in cells if cell.form == "typical"] for code, cells in drawn.items()}

    def mean(code, measure):
        return np.mean([measure(cell) for cell in drawn[code]])

    def redness(cell):
        red, _, blue = cell.image[cell.mask == 1].mean(0)
        return red - blue

    def nucleus_contrast(cell):
        return cell.image[cell.mask == 1].mean() / cell.image[cell.mask == 2].mean()

    size = {code: mean(code, lambda cell: cell.diameter_um) for code in drawn}
    assert size["LY"] < size["BA"] < size["SNE"] < size["MO"]
    assert {cell.lobes for cell in drawn["BNE"]} == {1}
    assert {cell.lobes for cell in drawn["SNE"]} >= {3, 4}
    assert mean("EO", lambda cell: cell.lobes) < mean("SNE", lambda cell: cell.lobes)
    assert mean("EO", redness) > mean("SNE", redness) > mean("LY", redness)
    assert mean("BA", nucleus_contrast) < 0.75 * mean("SNE", nucleus_contrast)
    ratio = {code: mean(code, lambda cell: cell.nucleus_area_px / cell.cell_area_px) for code in drawn}
    assert ratio["LY"] == max(ratio.values())


def test_slides_shift_the_light():
    glass = [np.percentile(render_cell("LY", "raabin", rng=3, slide=slide).image, 90, (0, 1)) for slide in range(5)]
    assert np.ptp(glass, axis=0).max() > 4


def test_a_model_loses_in_another_domain(cells):
    def measure(cell):
        parts = [cell.image[cell.mask == label].astype(float) for label in (1, 2)]
        area = cell.cell_area_px * cell.um_per_px**2
        return [area, cell.nucleus_area_px / cell.cell_area_px, *np.ravel([[p.mean(0), p.std(0)] for p in parts])]

    table, codes = np.array([measure(cell) for cell in cells]), np.array([cell.code for cell in cells])
    domain = np.array([cell.domain for cell in cells])
    odd = np.arange(len(cells)) % 2 == 1
    source = domain == "cvb"
    model = ExtraTreesClassifier(100, random_state=0).fit(table[source & odd], codes[source & odd])
    within = balanced_accuracy_score(codes[source & ~odd], model.predict(table[source & ~odd]))
    across = balanced_accuracy_score(codes[~source], model.predict(table[~source]))
    assert within > 0.8
    assert 0.3 < across < within - 0.1


@pytest.mark.parametrize("wrong", [{"code": "PLT"}, {"domain": "lisbon"}])
def test_unknown_names_are_refused(wrong):
    with pytest.raises(UsageError, match="known: "):
        render_cell(**{"code": "LY", "rng": 0} | wrong)


# -- whole sets ---------------------------------------------------------------------------------------------


def test_the_ordinary_readers_read_it(index):
    assert (index["status"] == "ok").all()
    assert index["synthetic"].all()
    counts = index.groupby(["dataset", "L5"], observed=True).size()
    assert counts.to_dict() == {(name, code): PER_CLASS for name in DOMAINS for code in CLASSES}
    by_code = index.groupby(["dataset", "code"], observed=True).size()
    assert by_code["barcelona", "BNE"] == by_code["munich", "BNE"] == 1
    assert by_code["raabin", "NE"] == PER_CLASS


def test_raabin_has_slides_with_every_class(index):
    raabin = index[index["dataset"] == "raabin"]
    assert raabin["group"].nunique() == DOMAINS["raabin"].slides
    assert raabin.groupby("group")["L5"].nunique().min() >= 3


def test_files_are_what_the_sources_have(root, index):
    for row in index.itertuples():
        with Image.open(root / row.path) as image:
            assert (image.format, image.mode, image.size) == FORMATS[row.dataset]


@pytest.mark.parametrize("name", DOMAINS)
def test_files_hold_what_render_cell_gives(name, root):
    for item in plan(name, PER_CLASS)[:: PER_CLASS - 1]:
        rng = [5, *name.encode(), *item.code.encode(), item.number]
        cell = render_cell(item.code, name, rng=rng, slide=item.slide)
        assert np.array_equal(read_image(root / item.image), cell.image)
        assert np.array_equal(read_mask(root / item.mask), cell.mask)
        with Image.open(root / item.mask) as grey:
            assert grey.mode == "L"
            assert set(np.unique(grey)) == {0, 128, 255}


def test_every_image_has_a_mask_of_its_own(root, index):
    items = [item for name in DOMAINS for item in plan(name, PER_CLASS)]
    assert {item.image for item in items} == set(index["path"])
    assert len({item.mask for item in items}) == len(items) == len(list(root.rglob("*.png")))


def test_jobs_do_not_change_a_byte(tmp_path, root):
    seen = []
    other = write_phantom(
        tmp_path / "other", PER_CLASS, seed=5, jobs=2, progress=lambda done, total: seen.append((done, total))
    )
    assert contents(other) == contents(root)
    assert seen[-1] == (4 * 5 * PER_CLASS, 4 * 5 * PER_CLASS)


def test_a_complete_set_is_left_alone_and_a_torn_one_mended(tmp_path):
    arguments = {"root": tmp_path / "set", "per_class": 1, "domains": ["cvb"], "jobs": 1}
    root = write_phantom(**arguments)
    before, image = contents(root), root / "cvb" / "Dataset 2" / "001.bmp"
    written = image.stat().st_mtime_ns
    write_phantom(**arguments)
    assert image.stat().st_mtime_ns == written
    image.unlink()
    write_phantom(**arguments)
    assert contents(root) == before
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == ["set"]


def test_what_lies_there_is_never_overwritten(tmp_path):
    root = write_phantom(tmp_path / "set", per_class=1, domains=["cvb"], jobs=1)
    with pytest.raises(UsageError, match="another phantom set"):
        write_phantom(root, per_class=1, seed=9, domains=["cvb"], jobs=1)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("keep")
    with pytest.raises(UsageError, match="something else"):
        write_phantom(tmp_path / "mine", per_class=1, domains=["cvb"], jobs=1)
    for text in ('{"seed": ', "[" * 100_000):
        (root / "PHANTOM.json").write_text(text)
        with pytest.raises(UsageError, match="something else"):
            write_phantom(root, per_class=1, domains=["cvb"], jobs=1)
    with pytest.raises(UsageError, match="per_class"):
        write_phantom(tmp_path / "none", per_class=0)


def test_an_interrupted_write_leaves_nothing(tmp_path):
    def interrupt(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_phantom(tmp_path / "set", per_class=1, domains=["cvb"], jobs=1, progress=interrupt)
    assert [path for path in tmp_path.iterdir() if path.is_dir()] == []


def test_a_kill_leaves_no_half_set(tmp_path):
    kill = (
        "import os, sys; from leukobench.datasets.phantom import write_phantom; "
        "write_phantom(sys.argv[1], per_class=1, domains=['cvb'], jobs=1, progress=lambda *_: os.kill(os.getpid(), 9))"
    )
    killed = subprocess.run([sys.executable, "-c", kill, str(tmp_path / "set")], check=False)
    assert killed.returncode == -9
    assert not (tmp_path / "set").exists()
    root = write_phantom(tmp_path / "set", per_class=1, domains=["cvb"], jobs=1)
    assert (root / "PHANTOM.json").is_file()
    assert [path for path in tmp_path.iterdir() if path.is_dir()] == [root]


def test_the_cache_folder_is_keyed_by_content(tmp_path, monkeypatch):
    monkeypatch.setenv("LEUKOBENCH_CACHE", str(tmp_path))
    root = ensure_phantom(seed=1, per_class=1, jobs=1)
    assert root.parent == tmp_path / "phantom"
    assert ensure_phantom(seed=1, per_class=1, jobs=1) == root
    assert ensure_phantom(seed=2, per_class=1, jobs=1) != root
