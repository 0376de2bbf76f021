"""Pictures of one cell: found in spite of noise, shift and shade, and kept on one side of every split."""

import cv2
import numpy as np
import pandas as pd
import pytest

from leukobench.datasets import build_index
from leukobench.datasets.repeats import ALIKE, BLOCK, fine_structure, same_cells
from leukobench.running.folds import group_ids, make_folds
from leukobench.running.samples import select_samples
from leukobench.running.suite import load_suite


@pytest.fixture(scope="module")
def cells():
    """Six smooth pictures that have nothing in common but their shade."""
    rng = np.random.default_rng(0)
    noise = [cv2.GaussianBlur(each, (0, 0), 12) for each in rng.normal(0, 1, (6, 180, 192))]
    return [
        np.dstack([np.clip(130 + 1500 * each * tint, 0, 255).astype(np.uint8) for tint in (1, 0.8, 0.9)])
        for each in noise
    ]


def again(cell, shift=1):
    """The same cell once more: moved, brighter, other colours and noise, compressed."""
    moved = np.roll(cell, (shift, -shift), (0, 1)).astype(float) * (1.05, 0.95, 1.0) + 12
    noisy = np.clip(moved + np.random.default_rng(1).normal(0, 3, cell.shape), 0, 255).astype(np.uint8)
    return cv2.imdecode(cv2.imencode(".jpg", noisy)[1], cv2.IMREAD_COLOR)


def test_one_cell_twice_is_one_cell(cells):
    structures = [fine_structure(each) for each in [*cells, again(cells[2]), cells[0]]]
    assert same_cells(structures).tolist() == [0, 1, 2, 3, 4, 5, 2, 0]


def test_no_pair_is_lost_to_the_bound(cells):
    """Blends of two pictures run through all correlations, also those at the threshold."""
    shades = [fine_structure(cells[0]).astype(np.float32), fine_structure(cells[3]).astype(np.float32)]
    blends = np.array([share * shades[0] + (1 - share) * shades[1] for share in np.linspace(0, 1, 90)])
    blends /= np.linalg.norm(blends, axis=1, keepdims=True)
    for k in range(0, 90, 7):
        pair = np.stack([blends[0], blends[k]])
        assert (same_cells(pair)[1] == 0) == (float(pair[0] @ pair[1]) > ALIKE)


def test_every_block_is_compared_with_every_other(cells):
    structures = np.zeros((BLOCK + 2, 1024), np.float32)
    structures[1] = structures[BLOCK] = fine_structure(cells[0])
    structures[BLOCK - 1] = structures[BLOCK + 1] = fine_structure(cells[1])
    first = same_cells(structures)
    assert np.flatnonzero(first != np.arange(len(first))).tolist() == [BLOCK, BLOCK + 1]
    assert first[[BLOCK, BLOCK + 1]].tolist() == [1, BLOCK - 1]


@pytest.mark.parametrize("shade", [0, 130, 255])
def test_empty_pictures_are_alike_in_nothing(shade):
    rng = np.random.default_rng(shade)
    empty = [np.clip(shade + rng.integers(-1, 2, (40, 40, 3)), 0, 255).astype(np.uint8) for _ in range(3)]
    assert same_cells([fine_structure(each) for each in empty]).tolist() == [0, 1, 2]


@pytest.fixture
def root(tmp_path, cells):
    """Laboratory a shows cell 0 three times, b shows a's cell 1 again."""
    shown = [("a", "SNE", [cells[0], cells[1], again(cells[0]), again(cells[0], 0)]), ("a", "LY", cells[2:4])]
    shown += [("b", "SNE", [again(cells[1]), cells[4]]), ("b", "LY", cells[5:])]
    for name, label, pictures in shown:
        folder = tmp_path / name / label
        folder.mkdir(parents=True)
        for number, picture in enumerate(pictures):
            assert cv2.imwrite(str(folder / f"{number}.png"), picture[..., ::-1])
    return tmp_path


def test_the_index_names_the_cell_and_drops_it_in_another_dataset(root):
    index = build_index(root).set_index("path")
    assert index["same_cell"].dropna().to_dict() == dict.fromkeys(
        ("a/SNE/0.png", "a/SNE/2.png", "a/SNE/3.png"), "a/SNE/0.png"
    )
    assert index[index["status"] != "ok"][["status", "reason"]].to_numpy().tolist() == [
        ["duplicate", "the same cell as a/SNE/1.png"]
    ]


def test_a_split_keeps_a_cell_and_the_slides_that_share_it_together(root):
    index = build_index(root)
    index["group"] = index["path"].map({"a/SNE/1.png": "slide 1", "a/SNE/2.png": "slide 1", "a/SNE/3.png": "slide 2"})
    index["group"] = index["group"].where(index["group"].notna(), None)
    suite = load_suite("cross-dataset", datasets=["a", "b"])
    samples = select_samples(index, suite).set_index("path")
    assert samples["group"].dropna().to_dict() == dict.fromkeys([f"a/SNE/{n}.png" for n in range(4)], "slide 1")
    alone = select_samples(index.assign(group=None), suite)
    assert alone.loc[alone["group"].notna(), "group"].tolist() == ["a/SNE/0.png"] * 3
    together = group_ids(alone)
    assert len(np.unique(together[alone["group"].notna()])) == 1
    for train, test in make_folds(pd.factorize(alone["class"])[0], together, 2, 0):
        assert not set(together[train]) & set(together[test])
