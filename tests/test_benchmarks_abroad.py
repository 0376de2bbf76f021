"""Benchmarks of what carries to laboratories that nobody has seen, on pictures and tables whose truth is known."""

import importlib
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


@pytest.fixture
def bench(monkeypatch):
    """Gives a benchmark by name; they import one another."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    before = set(sys.modules)
    yield importlib.import_module
    for name in set(sys.modules) - before:
        if str(BENCHMARKS) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


def drawn(*circles, size=120):
    mask = np.zeros((size, size), np.uint8)
    for x, y, radius, label in circles:
        cv2.circle(mask, (x, y), radius, label, -1)
    return mask


def two_lobes(width):
    mask = drawn((60, 60, 50, 1), (42, 60, 14, 2), (78, 60, 14, 2))
    mask[60 - width // 2 : 61 + width // 2, 42:79] = 2
    return mask


def picture(mask, glass=235, cytoplasm=190, nucleus=90):
    return np.array([glass, cytoplasm, nucleus], np.uint8)[mask][..., None].repeat(3, axis=2)


def test_a_neck_is_as_wide_as_what_joins_the_lobes(bench):
    candidates = bench("candidates")
    assert candidates.neck(drawn((60, 60, 20, 2)) == 2) == 1
    assert candidates.neck(two_lobes(5) == 2) == pytest.approx(5 / 29, abs=0.1)
    assert candidates.neck(two_lobes(17) == 2) == pytest.approx(17 / 29, abs=0.1)


def test_dents_are_counted_and_as_deep_as_they_are(bench):
    candidates = bench("candidates")
    disc = candidates.dents(drawn((60, 60, 20, 2)) == 2)
    assert disc["dents"] == 0
    lobed = candidates.dents(two_lobes(5) == 2)
    assert lobed["dents"] == 2
    assert lobed["dent_deepest"] * np.sqrt(4 * (two_lobes(5) == 2).sum() / np.pi) == pytest.approx(14 - 2.5, abs=1.5)


def test_granules_and_vacuoles_show_in_the_cytoplasm_alone(bench):
    candidates = bench("candidates")
    mask = drawn((60, 60, 50, 1), (60, 45, 16, 2))
    plain = picture(mask)
    grains, holes = plain.copy(), plain.copy()
    for x in (40, 50, 60, 70, 80):
        cv2.circle(grains, (x, 85), 2, (150, 90, 90), -1)
        cv2.circle(holes, (x, 85), 3, (230, 230, 230), -1)
    even, grainy, hollow = (candidates.candidates(each, mask) for each in (plain, grains, holes))
    assert grainy["try_granules_dark"] > even["try_granules_dark"] + 0.1
    assert grainy["try_granules_red"] < 0 < grainy["try_granules_blue"]
    assert hollow["try_vacuoles"] > 0.01 > even["try_vacuoles"] == 0
    assert all(grainy[name] == even[name] for name in ("try_neck", "try_chromatin_spread", "try_nucleus_ring_0"))


def test_a_feature_that_follows_the_class_is_ranked_over_one_that_follows_the_world(bench):
    pytest.importorskip("onnxruntime")
    surviving, rng = bench("surviving"), np.random.default_rng(0)
    classes = np.repeat(["LY", "NE"], 20)
    rows = rng.normal(0, 0.1, (40, 5, 2))
    rows[..., 0] += (classes == "NE")[:, None]
    rows[..., 1] += rng.normal(0, 1, (40, 5))
    cell, world = surviving.survival(rows, classes)
    assert cell > 5 > 0.5 > world


def test_what_a_scale_is_told_by_does_not_know_how_many_pixels_are_stored(bench):
    scale = bench("scale_regression")
    image = np.full((300, 300, 3), 235, np.uint8)
    for x, y in [(50, 60), (250, 70), (60, 240), (245, 235)]:
        cv2.circle(image, (x, y), 36, (205, 150, 150), -1)
    cv2.circle(image, (150, 150), 55, (190, 180, 215), -1)
    cv2.circle(image, (145, 150), 34, (90, 40, 130), -1)
    image = cv2.GaussianBlur(image, (0, 0), 2)
    rows = [scale.measures(each) for each in (image, cv2.resize(image, (600, 600), interpolation=cv2.INTER_CUBIC))]
    assert rows[1]["log_typical"] - rows[0]["log_typical"] == pytest.approx(-np.log(2), abs=0.02)
    for name in ("log_red_cell", "log_nucleus", "log_side", "log_cell_border", "stained"):
        assert rows[1][name] == pytest.approx(rows[0][name], abs=0.05)


def test_a_laboratory_that_differs_is_told_from_the_cloud(bench):
    pytest.importorskip("onnxruntime")
    cloud, rng = bench("cloud"), np.random.default_rng(0)
    cloud.TREES = 20
    classes = np.tile(["LY", "NE"], 20)
    own, others = (np.array([f"{part}{k}" for k in range(number)]) for part, number in (("a", 40), ("b", 200)))
    rows, rest = rng.normal(0, 1, (40, 4)), rng.normal(0, 1, (200, 4))
    told = own, rest, np.tile(classes, 5), others
    assert cloud.told_apart(rows, classes, *told) < 0.7
    assert cloud.told_apart(rows + [5, 0, 0, 0], classes, *told) > 0.95


def test_copies_that_lie_together_have_less_to_contrast(bench):
    torch = pytest.importorskip("torch")
    pytest.importorskip("onnxruntime")
    contrast = bench("pretraining").contrast
    cells = torch.tensor([0, 0, 1, 1, 2, 2])
    vectors = torch.eye(3)[cells]
    assert contrast(vectors, cells) < 1e-3 < 5 < contrast(vectors[[0, 2, 4, 1, 3, 5]], cells)


def test_tent_makes_a_network_surer_of_the_cells(bench):
    torch = pytest.importorskip("torch")
    pytest.importorskip("onnxruntime")
    adaptation = bench("network_adaptation")
    build = importlib.import_module("leukobench.models.network.architecture").build_network
    torch.manual_seed(0)
    module = build("lenet", 3, size=32).eval()
    crops = np.random.default_rng(0).integers(0, 256, (24, 32, 32, 3), dtype=np.uint8)

    def entropy(network):
        with torch.inference_mode():
            logs = torch.log_softmax(network(torch.from_numpy(crops))[0], 1)
        return -(logs.exp() * logs).sum(1).mean()

    before = {name: each.clone() for name, each in module.state_dict().items()}
    adapted = adaptation.minimise_entropy(module, crops, 1.0, 1e-2, 3)
    assert entropy(adapted) < entropy(adaptation.adapt_batch_norm(module, adaptation.even(crops)))
    assert all(torch.equal(each, before[name]) for name, each in module.state_dict().items())
