"""Benchmarks that others run: representations known to follow the cell or the laboratory, and reproductions."""

import argparse
import ast
import importlib.util
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from leukobench.datasets.phantom import write_phantom
from leukobench.inputs import read_toml
from leukobench.running.protocols import PROTOCOLS, protocols_of
from tests.report.conftest import RunMaker

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
REPRODUCED = sorted((BENCHMARKS / "reproduce").glob("*.toml"))


pytestmark = pytest.mark.filterwarnings("ignore:.*RI/MaRI")


def load(path):
    spec = importlib.util.spec_from_file_location(f"bench_{path.parent.name}_{path.stem.strip('_')}", path)
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(path.parent)  # as Python does for what it is started with
        spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("path", sorted(BENCHMARKS.rglob("*.py")), ids=lambda path: str(path.relative_to(BENCHMARKS)))
def test_what_a_benchmark_imports_of_the_package_is_there(path):
    pytest.importorskip("torch", reason="needs the extra `deep`, as some of them do")
    nodes = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.ImportFrom)]
    for node in nodes:
        if (node.module or "").startswith("leukobench"):
            module = importlib.import_module(node.module)
            lacking = {each.name for each in node.names if not hasattr(module, each.name)}
            assert all(importlib.util.find_spec(f"{node.module}.{name}") for name in lacking), (node.module, lacking)


@pytest.fixture(scope="module")
def reproduce():
    return load(BENCHMARKS / "reproduce" / "__main__.py")


@pytest.fixture(scope="module")
def cells():
    """Ninety images of three classes in three laboratories: samples, and the directions of class and laboratory."""
    names = [(lab, code, f"{lab}{code}{i}") for lab in "abc" for code in ("LY", "MO", "NE") for i in range(10)]
    samples = pd.DataFrame(names, columns=["dataset", "class", "sha256"]).assign(path="x.png", group=None)
    one = np.eye(3)
    cell = one[samples["class"].map({"LY": 0, "MO": 1, "NE": 2})]
    laboratory = one[samples["dataset"].map({"a": 0, "b": 1, "c": 2})]
    noise = np.random.default_rng(0).normal(0, 0.1, (90, 6))
    return samples, cell, laboratory, noise


@pytest.mark.parametrize(("how", "cell_first"), [("cell", True), ("laboratory", False)])
def test_representations_are_told_apart_by_what_decides_them(cells, how, cell_first):
    pytest.importorskip("croma")
    bench = load(BENCHMARKS / "representations.py")
    samples, cell, laboratory, noise = cells
    weights = (3.0, 0.5) if how == "cell" else (0.5, 3.0)
    rows = np.hstack([weights[0] * cell, weights[1] * laboratory]) + noise
    found = bench.scores(rows, samples, argparse.Namespace(per_class=8, draws=2))
    assert (found["CRoMa"] > 0) == cell_first
    assert (found["RI"] > 0.9) == cell_first
    assert (found["laboratory first"] < 0.1) == cell_first


def test_a_shift_of_each_laboratory_goes_when_it_is_standardised_by_itself(cells):
    pytest.importorskip("croma")
    bench = load(BENCHMARKS / "representations.py")
    samples, cell, laboratory, noise = cells
    rows = np.hstack([cell + 10 * laboratory, 5 * laboratory]) + noise
    rows[0, 0] = np.nan
    options = argparse.Namespace(per_class=10, draws=1)
    whole, apart = (
        bench.scores(bench.prepare(rows, samples, how), samples, options)["CRoMa"]
        for how in ("standardised", "standardised by laboratory")
    )
    assert whole < 0 < apart


@pytest.mark.parametrize("path", REPRODUCED, ids=lambda path: path.stem)
def test_every_reproduction_names_its_source_and_what_it_asks(reproduce, path):
    told = read_toml(path)
    assert {"title", "source", "metric", "level", "datasets", "models", "differs"} <= told.keys()
    assert ("fits" in told) != ("protocols" in told)
    figures = reproduce.published(told)
    assert figures["score"].between(0, 1).all()
    assert {*figures["test"]} <= {*told["datasets"], "mean"}
    assert {*told.get("folders", ())} | {*told.get("full", ())} <= {*told["datasets"]}


def called_lymphocytes(model, protocol, train, test, true, seed):
    return ["LY"] * len(true)


def test_a_fit_loses_what_is_not_there(reproduce):
    fits = [
        {"train": "x", "sources": ["a", "b"], "targets": ["c", "d"]},
        {"train": "y", "sources": ["e"], "targets": ["a"]},
    ]
    assert reproduce.fits_of(fits, ["a", "c"]) == [("x", ("a",), ("c",))]


def test_ours_stands_beside_theirs_and_what_is_owed_is_named(reproduce, tmp_path, monkeypatch):
    def write_run(suite, root, folder):
        (protocol,) = protocols_of(suite.protocols)
        ((train, sources, targets),) = protocol.fits(suite.datasets)
        truth = {name: ["LY"] * 8 + ["MO"] * 8 for name in suite.datasets}
        maker = RunMaker(folder, truth, suite.models, called_lymphocytes, protocols=(protocol.name,))
        maker._places = lambda: [(protocol.name, train, list(sources), list(targets))]
        maker.write()

    monkeypatch.setattr(reproduce, "run", write_run)
    root = write_phantom(tmp_path / "phantom", per_class=1, domains=["barcelona", "cvb"])
    told = {
        "title": "a study",
        "source": "a paper",
        "metric": "macro_f1",
        "level": "L5",
        "datasets": ["barcelona", "cvb", "lisc"],
        "models": ["prior"],
        "differs": [],
        "fits": [
            {"train": "both", "sources": ["barcelona", "lisc"], "targets": ["cvb"]},
            {"train": "z", "sources": ["cvb"], "targets": ["lisc"]},
        ],
        "published": [{"model": "theirs", "train": "both", "scores": {"cvb": 0.5, "lisc": 0.25}}],
    }
    table, notes = reproduce.reproduce("study", told, root, tmp_path / "run")
    own = table[table["who"] == "ours"]
    assert own[["model", "train", "test"]].to_numpy().tolist() == [["prior", "both", "cvb"]]
    assert own["score"].tolist() == pytest.approx([1 / 3])
    assert own["data"].tolist() == ["no lisc, a part of barcelona, a part of cvb"]
    assert notes[0] == "owed, for lack of the data: lisc"
    assert "a part of the release: barcelona, 5 of 17,092 images" in notes
    del PROTOCOLS["reproduce_study"]
    text = reproduce.page("study", told, table, notes)
    assert "| theirs | theirs | 0.500 | 0.250 |" in text
    assert "Not comparable" in text
    assert "| both to cvb | no lisc, a part of barcelona, a part of cvb |" in text


def test_a_row_says_what_its_own_datasets_lack(reproduce):
    rows = [("theirs", "a", "b"), ("ours", "a", "b"), ("ours", "b", "b"), ("ours", "c", "d"), ("ours", "-", "mean")]
    table = pd.DataFrame(rows, columns=["who", "train", "test"])
    told = {"datasets": ["a", "b", "c", "d", "e"]}
    assert reproduce.with_data(table, told, ["e"], ["b"])["data"].tolist() == [
        *("", "a part of b", "a part of b", "", "no e, a part of b")
    ]


@pytest.fixture(scope="module")
def abroad():
    return load(BENCHMARKS / "abroad.py")


class Known:
    """Says LY with a confidence that depends on its seed."""

    def __init__(self, seed):
        self.sure = 0.9 - 0.2 * seed

    def predict_proba(self, rows, head):
        rest = (1 - self.sure) / (len(head) - 1)
        return np.where(np.array(head) == "LY", self.sure, rest) + np.zeros((len(rows), 1))


@pytest.fixture
def bench(abroad):
    bench = object.__new__(abroad.Bench)
    bench.epochs, bench.seed, bench.fits = 1, 0, []
    bench.rows = lambda name, samples: np.zeros((len(samples), 2))
    bench.fitted = lambda recipe, seed, train: bench.fits.append((recipe.name, seed)) or Known(seed)
    return bench


TRAIN = pd.DataFrame({"class": ["LY", "MO", "NE"]})


def test_members_of_one_name_are_fits_of_several_seeds_and_each_is_made_once(bench):
    known, rows = {}, pd.DataFrame({"class": ["LY"]})
    found = bench.probabilities('ensemble:"lda,lda,lda"', TRAIN, rows, known)
    assert found[0].round(6).tolist() == [0.7, 0.15, 0.15]
    bench.probabilities('ensemble:"lda,lda"', TRAIN, rows, known)
    assert bench.fits == [("lda", 0), ("lda", 1), ("lda", 2)]


def test_unusual_cells_are_the_ends_of_their_own_class(abroad):
    rng = np.random.default_rng(0)
    size = np.concatenate([rng.permutation(50), 100 + rng.permutation(50)])
    own = pd.DataFrame({"class": np.repeat(["LY", "MO"], 50), "dataset": "x", "group": None, "size": size})
    own["sha256"] = [f"{place:03}" for place in range(100)]
    own.loc[own["size"].isin((25, 49)), "group"] = "one smear"
    names = abroad.feature_names("untextured")
    rows = rng.normal(size=(100, len(names)))
    for name, sign in zip(abroad.SHAPE, (1, -1, 1, 1), strict=True):
        rows[:, names.index(name)] = sign * size
    # a cell that could not be measured is not unusual
    lost = int(np.flatnonzero(size == 140)[0])
    rows[lost] = np.nan
    bench = SimpleNamespace(rows=lambda name, samples: rows)
    train, held_out = abroad.unusual(bench, own)
    assert set(held_out["size"]) - {145, 104} == {*range(5), 25, *range(45, 50), *range(100, 104), *range(146, 150)}
    assert len(train) + len(held_out) == 100
    assert 140 in set(train["size"])


def test_cells_of_a_class_that_the_source_lacks_are_not_asked_about(abroad, bench):
    classes = ["LY"] * 6 + ["MO"] * 6 + ["EO"] * 6
    samples = pd.DataFrame({"class": classes, "dataset": "x", "test": "x", "group": None})
    samples["sha256"] = samples.index.astype(str)
    targets = {}
    bench.take(targets, "source", ["lda"], TRAIN, samples)
    table = abroad.figures(targets, ["lda"], {"mean": abroad.everything, "x": abroad.of(train="source", test="x")})
    assert table["figure"].tolist() == ["mean", "x"]
    assert table["score"].tolist() == [0.5, 0.5], "MO and LY count, EO does not"


def test_another_mix_is_four_of_five_of_one_class():
    adaptation = load(BENCHMARKS / "adaptation.py")
    classes, rng = np.array(["NE"] * 20 + ["LY"] * 60), np.random.default_rng(0)
    assert np.bincount(classes[adaptation.of_another_mix(50)(classes, rng)] == "NE").tolist() == [5, 20]
    assert set(classes[adaptation.of_all_classes_but_one(50)(classes, rng)]) == {"NE"}
    assert len(adaptation.any_of(10)(classes, rng)) == 10


@pytest.fixture
def training(monkeypatch):
    pytest.importorskip("torch")
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return load(BENCHMARKS / "tuning.py")


def test_masks_turn_with_their_pictures(training):
    torch, setting = training.torch, training.Setting("all")
    square = np.full((1, training.SIDE, training.SIDE, 4), (255, 255, 255, 0), np.uint8)
    square[0, 40:60, 50:90], square[0, 60:80, 50:60] = (0, 0, 200, 2), (200, 0, 0, 1)
    given = torch.from_numpy(np.repeat(square, 8, 0))
    still, _ = training.look(given, setting)
    assert torch.equal(still[0], still[7])
    luck = torch.Generator().manual_seed(0)
    pictures, cells = training.look(given, setting, luck)
    assert not torch.equal(pictures[0], pictures[1])
    red, blue = pictures[:, 0], pictures[:, 2]
    for found, told in ((blue - red, cells[:, 0]), (red - blue, cells[:, 1])):
        coloured = (pictures.amax(1) - pictures.amin(1) > 50).flatten(1).any(1)
        assert coloured.sum() > 4
        places = torch.stack([(found > 100).flatten(1), (told > 0.7).flatten(1)])[:, coloured]
        assert (places[0] & places[1]).sum() > 0.9 * (places[0] | places[1]).sum()


def test_rare_classes_are_drawn_as_often_as_others(training):
    labels = np.repeat([0, 1], [30, 3])
    made = iter(np.full((33, 1 + training.COPIES, 1, 1, 4), labels[:, None, None, None, None], np.uint8))
    pool = training.Pool(made, labels, "cpu")
    setting = training.Setting("all", draws=1000, batch=100)
    luck = training.torch.Generator().manual_seed(0)
    batches = list(pool.batches(setting, luck))
    assert len(batches) == 10
    assert all((given[:, 0, 0, 0] == told).all() for given, told in batches)
    assert 400 < sum(int(told.sum()) for _, told in batches) < 600


def test_a_transformer_learns_slower_towards_the_image(training):
    vit = load(BENCHMARKS / "vision_transformer.py").VisionTransformer(64, 2, 1, 3)
    setting = training.Setting("last", blocks=1)
    network = training.Tokens(vit, setting, 5)
    assert not any(each.requires_grad for name, each in network.named_parameters() if "blocks.0" in name)
    groups = network.groups(setting)
    rates = {id(each): group["lr"] for group in groups for each in group["params"]}
    assert rates[id(network.head.weight)] == pytest.approx(training.HEAD * setting.rate)
    assert rates[id(vit.norm.weight)] == pytest.approx(setting.rate)
    assert rates[id(vit.blocks[1].fc1.weight)] == pytest.approx(training.DECAY * setting.rate)
    assert len(rates) == sum(each.requires_grad for each in network.parameters())


def test_the_worst_tenth_of_simulated_laboratories_is_told_beside_their_mean(monkeypatch):
    pytest.importorskip("torch")
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    training = load(BENCHMARKS / "token_training.py")
    table = pd.DataFrame(
        {"part": "worlds", "condition": np.repeat(np.arange(20), 4), "class": ["LY", "LY", "NE", "NE"] * 20}
    )
    table = pd.concat([table, table[:4].assign(part="own")], ignore_index=True)
    given = np.eye(2)[(table["class"] == "NE").astype(int)]
    given[:4], given[4] = given[:4, ::-1], given[4, ::-1]  # all of one laboratory is wrong, and one cell of another
    found = training.scores(table, given, ["LY", "NE"])
    assert found == pytest.approx({"worlds": (0 + 0.75 + 18) / 20, "worst_tenth": 0.375, "own": 1.0})


@pytest.fixture
def detail(monkeypatch):
    pytest.importorskip("torch")
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return load(BENCHMARKS / "detail_training.py")


def test_squares_are_reduced_to_what_a_setting_asks_for_with_their_masks(detail):
    torch = detail.torch
    given = torch.zeros(1, 256, 256, 4, dtype=torch.uint8)
    given[:, 64:192, 64:192] = torch.tensor([100, 50, 200, 1], dtype=torch.uint8)
    given[:, 96:160, 96:160, 3] = 2
    assert detail.reduced(given, detail.FINE) is given
    small = detail.reduced(given, detail.BASE)
    assert small.shape == (1, 128, 128, 4)
    assert small[0, 64, 64].tolist() == [100, 50, 200, 2]
    assert [(small[..., 3] == label).sum().item() for label in (1, 2)] == [64**2 - 32**2, 32**2]
    assert detail.reduced(given, detail.MIDDLE).shape[1] == 183


def test_masks_say_nothing_at_first_and_something_after_a_step(detail):
    torch = detail.torch
    torch.manual_seed(0)
    plain = detail.Told(detail.BASE, 2).eval()
    torch.manual_seed(0)
    told = detail.Told(detail.told(detail.BASE), 2).eval()
    told.load_state_dict(plain.state_dict(), strict=False)
    pictures, cells = 255 * torch.rand(2, 3, 64, 64), torch.ones(2, 2, 64, 64)
    assert torch.equal(plain(pictures, cells), told(pictures, cells))
    told(pictures, cells)[:, 0].sum().backward()
    assert told.entry.weight.grad.abs().max() > 0
    assert any(each is told.entry.weight for each in told.groups(detail.BASE)[0]["params"])


def test_the_best_in_simulated_laboratories_go_on_by_the_mean_of_their_seeds(detail):
    rows = [{"name": each.name, "worlds": 0.9, "worst_tenth": 0.8} for each in detail.SETTINGS]
    rows[3] |= {"worst_tenth": 0.9}
    rows[5] |= {"worlds": 0.93}
    rows.append(rows[3] | {"worst_tenth": 0.7})
    rows.append({"name": detail.FINE.name, "fit": "lodo: all-cvb"})
    assert detail.ranked(rows)[0] == detail.SETTINGS[5].name
    fits = [{"name": "part"}, {"name": "whole"}]
    jobs = [(each.name, each.seed, fit["name"]) for each, fit in detail.planned(rows, fits)]
    number = len(detail.SETTINGS)
    assert jobs[:number] == [(each.name, 0, "part") for each in detail.SETTINGS]
    assert jobs[number][:2] == (detail.SETTINGS[5].name, 1)
    assert [each for each in jobs if each[2] == "whole"] == [
        (name, 0, "whole") for name in (detail.SETTINGS[5].name, detail.BASE.name)
    ]


def test_contrast_shows_two_copies_of_each_cell(detail):
    squares = np.zeros((4, 1 + detail.COPIES, 8, 8, 4), np.uint8)
    squares += np.arange(4, dtype=np.uint8)[:, None, None, None, None]
    source = detail.Source(squares, np.arange(4), np.array([0, 0, 1, 1]), np.zeros(4, int), "cpu")
    for alike in ("cell", "class"):
        setting = detail.replace(detail.BASE, alike=alike)
        ((given, together),) = source.pairs(setting, 1)
        shown = given[:, 0, 0, 0].numpy()
        assert (shown[::2] == shown[1::2]).all()
        assert together.tolist() == (shown if alike == "cell" else shown // 2).tolist()


def test_a_member_is_heard_less_where_it_is_far_from_what_it_learnt(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    trust, rng = load(BENCHMARKS / "trust.py"), np.random.default_rng(0)
    true, far = rng.integers(0, 3, 400), rng.normal(size=(2, 400))
    called = np.where(far < 0.3, true, rng.integers(0, 3, (2, 400)))  # beyond it they guess
    given = 0.8 * np.eye(3)[called] + 0.2 / 3
    told, asked = slice(200), slice(200, 400)
    right = {}
    for way in trust.WAYS:
        learnt = way(given[:, told], far[:, told], true[told])
        right[way.__name__] = (learnt(given[:, asked], far[:, asked]).argmax(1) == true[asked]).mean()
    assert right["by_distance"] > 0.05 + max(value for name, value in right.items() if name != "by_distance")
    assert min(right.values()) > 0.6


def test_temperatures_undo_what_makes_a_member_too_sure(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    trust, rng = load(BENCHMARKS / "trust.py"), np.random.default_rng(0)
    honest = rng.dirichlet(np.ones(4), 2000)
    true = (honest.cumsum(1) > rng.random((2000, 1))).argmax(1)
    found = trust.temperatures(np.array([honest, trust.cooled(honest, 0.5)]), true)
    assert found == pytest.approx([1, 2], rel=0.1)


@pytest.fixture(scope="module")
def unsure():
    return load(BENCHMARKS / "unsure.py")


def test_a_part_of_a_data_root_lacks_what_is_held_out_under_any_name(unsure, tmp_path):
    root, part = tmp_path / "root", tmp_path / "part"
    for name in ("a/LY/1.png", "a/LY/2.png", "a/labels.csv", "b/3.png"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name)
    unsure.link(root, part, ["a"], pd.DataFrame({"path": ["a/LY/2.png"]}))
    assert sorted(path.relative_to(part).as_posix() for path in part.rglob("*.*")) == ["a/LY/1.png", "a/labels.csv"]
    assert (part / "a/LY/1.png").read_text() == "a/LY/1.png"


def test_a_quarter_is_held_out_with_all_of_its_slide_and_its_answers_are_counted(unsure):
    asked = pd.DataFrame({"dataset": "a", "class": ["LY", "NE"] * 20, "group": [None] * 32 + ["slide"] * 8})
    asked["sha256"] = [f"{row:02}" for row in range(40)]
    held_out = unsure.held_out(asked)
    assert 8 <= len(held_out) <= 16
    assert (held_out["group"] == "slide").sum() in (0, 8)
    answers = pd.DataFrame({"likeliest": ["LY"] * 40, "class": ["LY"] * 30 + ["unsure"] * 10})
    table = unsure.told(asked, answers)
    assert table["source"].tolist() == ["a", "all"]
    assert table[["cells", "unsure", "right_if_sure", "right_if_unsure"]].iloc[1].tolist() == [40, 0.25, 0.5, 0.5]
    assert table["low"].iloc[0] < 0.25 < table["high"].iloc[0]
