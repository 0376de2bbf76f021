"""A dataset with a reader of one's own in one file, as docs/extending.md tells, in a leaderboard."""

import importlib.metadata
import json
import sys
from types import SimpleNamespace

import pytest

from leukobench import plugins
from leukobench.datasets import DATASETS, DatasetCard, build_index, get_dataset, present_datasets, register, unregister
from leukobench.datasets.phantom import write_phantom
from leukobench.datasets.registry import OWN, load_others
from leukobench.errors import UsageError
from leukobench.report import write_report
from leukobench.running import runner
from leukobench.running.suite import load_suite

FILE = '''
"""Pictures of ward 7, whose labels stand in the names of the files: <slide>_<label>_<number>.png."""

import sys
from pathlib import Path

from leukobench.datasets import DatasetCard, Record, register

LABELS = {"seg": "NE", "lym": "LY", "mono": "MO"}
card = DatasetCard(name="ward7", title="Ward 7", folder="ward 7", labels=LABELS, um_per_px=0.1, groups="slide")


def read(root):
    paths = sorted((Path(root) / card.folder).glob("*.png"))
    return [Record(path, path.stem.split("_")[1], group=path.stem.split("_")[0]) for path in paths]


register(sys.modules[__name__])
'''
LABELS = {"NE": "seg", "LY": "lym", "MO": "mono"}


@pytest.fixture(autouse=True)
def _forget(monkeypatch):
    monkeypatch.setenv(plugins.VARIABLE, "")
    yield
    for name in list(OWN):
        unregister(name)


@pytest.fixture
def root(tmp_path):
    """A data root with a phantom of CVB, and the same domain once more under ward 7's names."""
    root = write_phantom(tmp_path / "phantom", per_class=12, domains=["cvb", "barcelona"])
    (root / "ward 7").mkdir()
    index = build_index(root, names=["barcelona"])
    for number, row in enumerate(index[index["L5"].isin(LABELS)].itertuples()):
        (root / row.path).rename(root / "ward 7" / f"slide{number % 3}_{LABELS[row.L5]}_{number}.png")
    return root


def test_a_dataset_in_one_file_is_in_the_leaderboard(root, tmp_path):
    (tmp_path / "ward7.py").write_text(FILE)
    plugins.use(str(tmp_path / "ward7.py"))
    assert "ward7" in present_datasets(root)
    chosen = {"datasets": ["cvb", "ward7"], "models": ["prior"], "protocols": ["pairwise"], "budget": "tiny"}
    suite = load_suite("cross-dataset", **chosen)
    runner.run(suite, root, tmp_path / "run", cache=tmp_path / "cache", jobs=1)
    write_report(tmp_path / "run")
    (prior,) = json.loads((tmp_path / "run" / "leaderboard.json").read_text())["leaderboard"]
    assert prior["coverage"] == "2/2"
    assert "ward7" in (tmp_path / "run" / "matrix_prior.csv").read_text()


def test_an_installed_package_needs_no_name(monkeypatch):
    card = DatasetCard(name="theirs", title="Theirs", folder="theirs", labels={"n": "NE"})
    point = importlib.metadata.EntryPoint("theirs", "somebody:source", "leukobench.datasets")
    monkeypatch.setattr(importlib.metadata.EntryPoint, "load", lambda self: SimpleNamespace(card=card, read=list))
    monkeypatch.setattr(plugins, "entry_points", lambda group: [point])
    load_others.cache_clear()
    assert get_dataset("theirs").card is card
    load_others.cache_clear()


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        ({"name": "merged"}, "cannot be called 'merged'"),
        ({"name": "cvb"}, "name or folder of the dataset 'cvb' is taken"),
        ({"folder": "munich"}, "name or folder of the dataset 'x' is taken"),
        ({"labels": {"n": "NEUT"}}, "unknown cell type of x 'NEUT'"),
    ],
)
def test_mistakes_are_named(facts, message):
    card = DatasetCard(**{"name": "x", "title": "X", "folder": "x", "labels": {"n": "NE"}} | facts)
    with pytest.raises(UsageError, match=message):
        register(SimpleNamespace(card=card, read=list))
    with pytest.raises(UsageError, match="is no dataset"):
        register(sys)
    assert set(DATASETS) == {"barcelona", "cvb", "raabin", "munich", "jiangxi"}
