"""A model that was changed under its name is another model: its old score does not come back."""

import dataclasses
import functools
import importlib
import multiprocessing
import sys
import textwrap

import optuna
import pytest
from sklearn.ensemble import RandomForestClassifier

from leukobench.datasets.phantom import write_phantom
from leukobench.models import get_model
from leukobench.models.bases import BASES
from leukobench.models.identity import recipe_hash
from leukobench.models.pipeline import imputed
from leukobench.models.recipe import Recipe
from leukobench.models.words import Base
from leukobench.running import pool, runner
from leukobench.running.suite import Budget, Suite

OWN = """
    from sklearn.ensemble import RandomForestClassifier

    TREES = {trees}

    class Forest(RandomForestClassifier):
        depth = {depth}

    def build(params, seed):
        return Forest(TREES, max_depth=Forest.depth, random_state=seed)
"""


@pytest.fixture
def own(tmp_path, monkeypatch):
    """Function that writes an own model's file and imports it; gives its recipe."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)

    def make(**facts):
        (tmp_path / "own_model.py").write_text(textwrap.dedent(OWN).format(**{"trees": 50, "depth": 3} | facts))
        sys.modules.pop("own_model", None)
        importlib.invalidate_caches()
        return Recipe("own", "classical", "features:core", importlib.import_module("own_model").build)

    yield make
    sys.modules.pop("own_model", None)


def test_whatever_changes_in_the_file_of_an_own_model_changes_its_hash(own):
    hashes = [recipe_hash(own(**facts)) for facts in ({}, {"trees": 2}, {"depth": 4}, {})]
    assert len(set(hashes)) == 3
    assert hashes[0] == hashes[-1]


def forest(params, seed, trees=50):
    return RandomForestClassifier(trees, random_state=seed)


@dataclasses.dataclass(frozen=True)
class Build:
    trees: int
    inner: object = None

    def __call__(self, params, seed):
        return RandomForestClassifier(self.trees, random_state=seed)


class Plain:
    def __init__(self, trees):
        self.trees, self.me = trees, self  # an object may hold itself

    def __call__(self, params, seed):
        return RandomForestClassifier(self.trees, random_state=seed)


def closed(trees):
    return lambda params, seed: RandomForestClassifier(trees, random_state=seed)


@pytest.mark.parametrize(
    "made",
    [
        lambda trees: functools.partial(forest, trees=trees),
        lambda trees: Build(trees),
        lambda trees: Build(1, inner=Build(trees)),
        lambda trees: Build(1, inner=imputed(RandomForestClassifier(trees))),
        lambda trees: Build(1, inner=[{"trees": trees}]),
        Plain,
        lambda trees: Plain(trees).__call__,
        closed,
        lambda trees: eval(f"lambda params, seed: RandomForestClassifier({trees})", {}),
    ],
    ids=["partial", "value", "nested", "pipeline", "containers", "object", "method", "closure", "typed in"],
)
def test_what_a_builder_holds_counts(made):
    recipe = Recipe("own", "classical", "features:core", None)
    first, second, again = (recipe_hash(dataclasses.replace(recipe, build=made(trees))) for trees in (50, 2, 50))
    assert first == again != second


@pytest.mark.parametrize(
    "changed",
    [
        {"version": "99"},
        {"defaults": {"shrinkage": 0.06}},
        {"space": {"shrinkage": optuna.distributions.FloatDistribution(1e-3, 0.8, log=True)}},
        {"space": {}},
        {"build": get_model("knn").build},
    ],
)
def test_each_part_of_a_recipe_counts(changed):
    assert recipe_hash(dataclasses.replace(get_model("lda"), **changed)) != recipe_hash(get_model("lda"))


def test_what_decides_nothing_does_not_count():
    named = dataclasses.replace(get_model("lda"), description="in other words", contamination=("cvb",))
    assert recipe_hash(named) == recipe_hash(get_model("lda"))


def test_a_changed_model_is_run_again_in_the_same_folder(tmp_path, monkeypatch, own):
    root = write_phantom(tmp_path / "phantom", per_class=6, domains=["cvb", "barcelona"])
    fork = multiprocessing.get_context("fork")
    monkeypatch.setattr(pool.multiprocessing, "get_context", lambda kind=None: fork)
    said = []
    monkeypatch.setattr("leukobench.progress.ProgressReport.note", lambda self, text: said.append(text))
    budget = Budget("tiny", 2, 2, 1, {"light": 0})
    options = {"datasets": ("cvb", "barcelona"), "models": ("own",), "protocols": ("pairwise",), "seeds": (0,)}
    suite = Suite("small", "", 1, "L5", **options, budget=budget, min_source_images=3, min_test_images=2)

    def checksums(**facts):
        recipe = dataclasses.replace(own(**facts), representation="features:background")
        monkeypatch.setitem(BASES, "own", Base.of(recipe))
        records = runner.run(suite, root, tmp_path / "run", cache=tmp_path / "cache", jobs=1)
        assert {record["error"] for record in records} == {""}
        return [record["predictions_checksum"] for record in records]

    fifty, two = checksums(trees=50), checksums(trees=2)
    assert not set(fifty) & set(two)
    assert any("again: changed recipe" in line for line in said)
    assert checksums(trees=50) == fifty
