"""Whether an answer is to be trusted: pictures that are no cell of the model's, and cells that are."""

import dataclasses

import cv2
import numpy as np
import pandas as pd
import pytest

from leukobench.datasets import get_dataset
from leukobench.datasets.taxonomy import to_level
from leukobench.features.looks import MEASURES, cell_looks
from leukobench.imaging.io import read_image
from leukobench.inference.model_file import load_model, save_model
from leukobench.inference.predict import predict_images
from leukobench.inference.reading import read_images
from leukobench.inference.trained import train_model
from leukobench.inference.trust import ALLOWED, COLUMNS, fit_trust
from leukobench.segmentation import segment

GLASS = 232


def junk():
    """Pictures that no model of five white cells can be asked about, by name."""
    noise = np.random.default_rng(0)
    down, across = np.mgrid[:300, :300]
    bare = np.full((300, 300, 3), GLASS, np.uint8)
    red_cell = cv2.circle(bare.copy(), (150, 150), 42, (215, 150, 150), -1)
    red_cell = cv2.circle(red_cell, (150, 150), 16, (228, 190, 190), -1)
    platelet = cv2.circle(bare.copy(), (150, 150), 14, (150, 100, 180), -1)
    sunset = np.stack([255 - across / 3, 90 + down / 3, 60 + down / 2], -1)
    return {
        "white": np.full((200, 200, 3), 255, np.uint8),
        "grey": np.full((200, 200, 3), 128, np.uint8),
        "black": np.zeros((200, 200, 3), np.uint8),
        "noise": noise.integers(0, 256, (200, 200, 3), dtype=np.uint8),
        "8 px": noise.integers(0, 256, (8, 8, 3), dtype=np.uint8),
        "gradient": ((down + across) * 0.42).astype(np.uint8)[..., None].repeat(3, 2),
        "photograph": sunset.clip(0, 255).astype(np.uint8),
        "red cell": cv2.GaussianBlur(red_cell, (7, 7), 0),
        "platelet": cv2.GaussianBlur(platelet, (5, 5), 0),
    }


def asked_about(trained, pictures, where, progress, um_per_px=None):
    """The table of predictions of some pictures, by name."""
    where.mkdir()
    for name, picture in pictures.items():
        cv2.imwrite(str(where / f"{name}.png"), picture[..., ::-1])
    images, folder = read_images([where], um_per_px)
    table = predict_images(trained, images, folder, progress=progress)
    return table.assign(file=table["file"].str.removesuffix(".png")).set_index("file")


def test_junk_is_unsure_and_says_why(lda, tmp_path, progress):
    table = asked_about(lda, junk(), tmp_path / "junk", progress)
    assert (table["class"] == "unsure").all(), table[table["class"] != "unsure"]
    assert (table["why"] != "").all()
    for name in ("white", "grey", "black", "noise", "8 px"):
        assert table["why"][name] == "no cell is found in the picture"
    for name in ("red cell", "platelet"):
        assert "unlike the cells that the model was trained on" in table["why"][name]


def test_the_sources_own_cells_are_sure(lda, root, progress):
    images, folder = read_images([root / "barcelona"], 0.1)
    table = predict_images(lda, images, folder, progress=progress)
    assert (table["class"] == "unsure").mean() <= 0.05


def test_a_blurred_cell_and_one_of_another_size_say_so(lda, root, tmp_path, progress):
    image = read_image(sorted((root / "barcelona").rglob("LY_*.jpg"))[0])
    blurred = {"blurred": cv2.GaussianBlur(image, (0, 0), 12)}
    assert "it is blurred" in asked_about(lda, blurred, tmp_path / "a", progress, 0.1)["why"].iloc[0]
    large = asked_about(lda, {"as it is": image}, tmp_path / "b", progress, 0.5)
    assert "um across, unlike the cells" in large["why"].iloc[0]
    assert large["scale"].iloc[0] == "given"


@pytest.mark.parametrize("view", ["", "@canonical"])
def test_a_mask_of_ones_own_takes_the_place_of_the_segmentation(root, tmp_path, progress, view):
    name = f"lda{view}"
    trained = train_model(name, ["barcelona"], root, progress=progress)
    image = read_image(sorted((root / "barcelona").rglob("LY_*.jpg"))[0])
    (found,) = segment([image])
    masks = {"found": 127 * found, "empty": np.zeros_like(found), "wide": 127 * cv2.dilate(found, np.ones((41, 41)))}
    lines = ["path,mask,um_per_px", "plain.png,,0.1"]
    cv2.imwrite(str(tmp_path / "plain.png"), image[..., ::-1])
    for which, mask in masks.items():
        cv2.imwrite(str(tmp_path / f"{which}.png"), image[..., ::-1])
        cv2.imwrite(str(tmp_path / f"{which} mask.png"), mask)
        lines.append(f"{which}.png,{which} mask.png,0.1")
    (tmp_path / "cells.csv").write_text("\n".join(lines))
    images, folder = read_images([tmp_path / "cells.csv"])
    table = predict_images(trained, images, folder, progress=progress).set_index("file")
    assert table["why"]["empty.png"] == "no cell is found in the picture"
    assert table["diameter_um"]["wide.png"] > 1.2 * table["diameter_um"]["plain.png"]
    assert table["diameter_um"]["found.png"] == table["diameter_um"]["plain.png"]
    columns = [f"p_{each}" for each in trained.head]
    assert np.abs(table.loc["wide.png", columns] - table.loc["plain.png", columns]).max() > 1e-6
    if not view:
        assert table.loc["found.png", columns].tolist() == table.loc["plain.png", columns].tolist()


def drawn(n, seed):
    """Looks of n cells and three copies of each, around one middle."""
    rng = np.random.default_rng(seed)
    looks = pd.DataFrame(rng.normal(size=(4 * n, len(COLUMNS))), columns=COLUMNS)
    looks["quality"], looks["size"] = rng.uniform(0.9, 1, 4 * n), rng.normal(2.5, 0.1, 4 * n)
    looks["diameter"] = 100.0
    samples = pd.DataFrame({"sha256": [f"{i:064x}" for i in range(n)], "path": "a.png", "dataset": "a", "class": "LY"})
    return looks.to_numpy().reshape(n, 4, -1), samples


def test_few_of_the_held_out_cells_are_unsure_by_all_checks_together():
    looks, samples = drawn(400, 0)
    rng = np.random.default_rng(1)
    true = rng.integers(0, 2, 400)
    said = np.clip(np.eye(2)[true] * 0.8 + 0.1 + rng.normal(0, 0.15, (400, 2)), 0.01, 1)
    said /= said.sum(axis=1, keepdims=True)
    trust = fit_trust(looks, samples, np.arange(400), (np.arange(400), said, true))
    assert set(trust.limits) == {"outline", "distance", "pale", "blur", "size", "doubt"}
    own = pd.DataFrame(looks[:, 0], columns=COLUMNS)
    why = trust.judge(own, trust.nearest(own)[0], trust.calibrate(said), ("LY", "MO"))
    assert 0 < np.mean([text != "" for text in why]) <= ALLOWED
    new = pd.DataFrame(drawn(400, 2)[0][:, 0], columns=COLUMNS)
    why = trust.judge(new, trust.nearest(new)[0], trust.calibrate(said), ("LY", "MO"))
    assert np.mean([text != "" for text in why]) <= 0.07


def test_a_cell_that_is_smooth_for_a_rare_class_is_not_called_blurred():
    looks, samples = drawn(300, 0)
    smooth = np.arange(300) < 3  # of one class, and on too few images to set a quantile
    place = COLUMNS.index("sharpness")
    looks[..., place] = np.random.default_rng(1).normal(-2.2, 0.05, (300, 4))
    looks[smooth, :, place] = -2.5
    samples["class"] = np.where(smooth, "LY", "NE")
    limit = fit_trust(looks, samples, np.arange(300), (np.empty(0, int), np.empty((0, 2)), np.empty(0, int))).limits[
        "blur"
    ]
    assert 2.5 + np.log(1.3) < limit < 2.5 + np.log(2)


def test_a_red_cell_that_is_taken_for_a_leukocyte_has_no_part_as_dark_as_a_nucleus():
    looks, samples = drawn(300, 0)
    depth = COLUMNS.index("depth")
    # the one class of a laboratory that is pale, and rare: still darker than any red cell
    rare = np.arange(300) % 30 == 0
    samples["class"], samples["dataset"] = np.where(rare, "BA", "LY"), np.where(rare, "b", "a")
    looks[..., depth] = np.random.default_rng(1).normal(1.1, 0.05, (300, 4)) - 0.4 * rare[:, None]
    trust = fit_trust(looks, samples, np.arange(300), (np.empty(0, int), np.empty((0, 2)), np.empty(0, int)))
    own, red = (pd.DataFrame(looks[rare, 0][:2], columns=COLUMNS) for _ in range(2))
    own["depth"], red["depth"] = 0.7 - np.log(1.5), [0.06, -0.3]
    sure = np.full((2, 2), [0.99, 0.01])
    near = np.zeros(2)
    assert not any("nucleus" in why for why in trust.judge(own, near, sure, ("BA", "LY")))
    assert all("no part of it is as dark as a nucleus" in why for why in trust.judge(red, near, sure, ("BA", "LY")))


def test_the_temperature_makes_a_boaster_modest():
    looks, samples = drawn(300, 0)
    true = np.arange(300) % 2
    right = np.random.default_rng(0).random(300) < 0.75
    said = np.where((true == 1)[:, None] ^ ~right[:, None], [[0.001, 0.999]], [[0.999, 0.001]])
    trust = fit_trust(looks, samples, np.arange(300), (np.arange(300), said, true))
    assert trust.calibrate(said).max(axis=1).mean() == pytest.approx(right.mean(), abs=0.01)


def test_a_class_that_a_fold_never_saw_is_not_asked_about(root, progress, monkeypatch):
    asked = []

    def by_class(strata, classes, groups, n_folds, seed):
        odd = np.arange(len(classes)) % 2 == 1
        held = [(classes == name) | odd for name in ("BA", "MO")]
        return [(np.flatnonzero(~test), np.flatnonzero(test)) for test in held]

    def seen(looks, samples, groups, held_out, *more):
        asked.append(held_out)
        return fit_trust(looks, samples, groups, held_out, *more)

    monkeypatch.setattr("leukobench.inference.trained.inner_folds", by_class)
    monkeypatch.setattr("leukobench.inference.trained.fit_trust", seen)
    train_model("lda", ["barcelona"], root, progress=progress)
    ((rows, probabilities, true),) = asked
    assert len(rows) == 2 * 20
    assert (probabilities[np.arange(len(rows)), true] > 0).all()


def test_a_cell_is_nearest_to_itself_and_a_stranger_is_far(lda, root):
    paths = sorted((root / "barcelona").rglob("*.jpg"))[:3]
    looks = cell_looks([read_image(path) for path in paths], 0.1)
    distance, near = lda.trust.nearest(looks)
    assert [each[0].path for each in near] == [path.relative_to(root).as_posix() for path in paths]
    assert (distance < lda.trust.limits["distance"]).all()
    strange = looks.assign(**{name: looks[name] + 5 for name in MEASURES})
    assert (lda.trust.nearest(strange)[0] > lda.trust.limits["distance"]).all()


def test_what_the_file_keeps_is_what_was_learnt(lda, tmp_path):
    save_model(lda, tmp_path / "a.zip")
    save_model(lda, tmp_path / "b.zip")
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()
    assert load_model(tmp_path / "a.zip").trust == lda.trust


@pytest.fixture(scope="module")
def barcelona(data_root, progress, tmp_path_factory):
    """A model of 200 real cells, which hold every second cell of the first of each class, and what was left out."""
    source, found = get_dataset("barcelona"), {}
    for record in source.read(data_root):
        name = to_level(source.card.labels.get(record.native_label), "L5")
        found.setdefault(name, []).append(record.path)
    del found[None]
    place = tmp_path_factory.mktemp("real") / "own"
    few = [(name, path) for name, paths in found.items() for path in paths[:70]]
    for number, (name, path) in enumerate(few):
        to = place / ("held" if number % 2 else "fit") / name / f"{number}.jpg"
        to.parent.mkdir(parents=True, exist_ok=True)
        to.symlink_to(path)
    for name in ("fit", "held"):
        (place / name / "dataset.toml").write_text("um_per_px = 0.1\n")
    return train_model("lda", ["fit"], place, progress=progress), place / "held"


@pytest.mark.real
def test_few_of_a_real_laboratorys_held_out_cells_are_unsure(barcelona, progress):
    trained, held = barcelona
    images, folder = read_images([held], 0.1)
    table = predict_images(trained, images, folder, progress=progress)
    assert (table["class"] == "unsure").mean() <= 0.05


@pytest.mark.real
def test_red_cells_and_platelets_of_real_images_are_unsure(barcelona, data_root, tmp_path, progress):
    trained, _ = barcelona
    shown = {}
    for number, path in enumerate(sorted((data_root / "barcelona").rglob("PLATELET_*.jpg"))[:12]):
        shown[f"platelet {number}"] = read_image(path)
    for number, path in enumerate(sorted((data_root / "barcelona").rglob("LY_*.jpg"))[:12]):
        image = read_image(path)
        (mask,) = segment([image])
        corner = image[:150, :150]
        if not mask[:150, :150].any():
            shown[f"red cell {number}"] = corner
    table = asked_about(trained, shown | junk(), tmp_path / "shown", progress, 0.1)
    of_kind = table.groupby(table.index.str.rstrip("0123456789 "))["class"].agg(lambda each: (each == "unsure").mean())
    assert of_kind.drop(["platelet", "red cell"]).eq(1).all()
    assert of_kind["red cell"] == 1
    assert of_kind["platelet"] >= 0.8


def test_a_model_without_held_out_cells_still_knows_what_is_no_cell(lda, tmp_path, progress):
    looks, samples = drawn(20, 0)
    trust = fit_trust(looks, samples, np.zeros(20, int), (np.empty(0, int), np.empty((0, 5)), np.empty(0, int)))
    assert trust.temperature == 1.0
    assert set(trust.limits) == {"outline", "pale", "blur", "size"}
    table = asked_about(dataclasses.replace(lda, trust=trust), {"white": junk()["white"]}, tmp_path / "c", progress)
    assert table["class"].tolist() == ["unsure"]
