"""The time that `plan` tells, held to what was measured."""

from types import SimpleNamespace

import pandas as pd
import pytest

from leukobench.models import MODELS, get_model
from leukobench.running.estimate import preparation_seconds, seconds_of, whole_seconds
from leukobench.running.plan import build_plan
from leukobench.running.protocols import PROTOCOLS
from leukobench.running.setting import PLAIN
from leukobench.running.suite import load_suite

CLASSES = ("BA", "EO", "LY", "MO", "NE")


def drawn(sizes):
    """Images of some datasets, the classes in turn."""
    names = [name for name, n in sizes.items() for _ in range(n)]
    classes = [CLASSES[place % 5] for n in sizes.values() for place in range(n)]
    samples = pd.DataFrame({"dataset": names, "class": classes, "group": None, "um_per_px": 0.1})
    samples["sha256"] = samples["path"] = samples.index.astype(str)
    return samples


@pytest.fixture(scope="module")
def fits(pytestconfig):
    """Seconds of a whole run's fits by model: told, and taken by those of the machine that the rates are of."""
    taken = pd.read_csv(pytestconfig.rootpath / "results" / "path" / "fits.csv").groupby("model")["core_s"].sum()
    sizes = {"barcelona": 2002, "cvb": 100, "jiangxi": 299, "munich": 88, "raabin": 300}
    suite = load_suite("cross-dataset", datasets=[*sizes], models=[*taken.index], budget="quick")
    told = pd.DataFrame([(cell.model, seconds_of(cell, sizes)) for cell in build_plan(suite, drawn(sizes))])
    return pd.DataFrame({"taken": taken, "told": told.groupby(0)[1].sum()})


def test_it_is_near_to_what_fits_take(fits):
    assert len(fits) > 15
    assert fits.notna().all(axis=None)
    assert 0.8 < fits["told"].sum() / fits["taken"].sum() < 1.25
    ratio = (fits["told"] / fits["taken"]).drop("prior")  # a few milliseconds
    assert ratio.between(0.6, 1.6).all(), ratio.sort_values()


def test_members_copies_and_epochs_count():
    def seconds(model, **inputs):
        cell = {"model": model, "recipe": get_model(model), "sources": ["x"], "held_out": False}
        cell |= {"targets": [], "setting": PLAIN}
        return seconds_of(SimpleNamespace(**cell, inputs={"folds": [3, 2], "trials": 0, **inputs}), {"x": 1000})

    assert seconds("lenet+ensemble", epochs=8) == 3 * seconds("lenet", epochs=8) == 6 * seconds("lenet", epochs=4)
    assert seconds("lenet[epochs=32]", epochs=8) == 4 * seconds("lenet", epochs=8)
    both = 'ensemble:"mlp@many_worlds,lenet[epochs=32]"'
    assert seconds(both, epochs=8) == seconds("mlp@many_worlds") + seconds("lenet[epochs=32]")
    assert 0 < seconds("lenet", precision="bfloat16") < seconds("lenet", precision="float32") == seconds("lenet")
    assert seconds("vote@augmented+experts") == seconds("vote@augmented")  # of one laboratory
    assert seconds("vote@augmented") == pytest.approx(9 * seconds("vote"))
    # measured on 1,000 images of five classes: of ever more rows it needs ever fewer epochs
    measured = {"mlp": 1.35, "mlp@worlds": 3.7, "mlp@many_worlds": 7.0}
    assert {name: seconds(name) for name in measured} == pytest.approx(measured, rel=0.1)
    assert seconds("extra_trees", trials=2) == 3 * seconds("extra_trees")


def test_a_small_source_is_shown_to_a_network_many_times():
    def seconds(n):
        cell = {"model": "lenet", "recipe": get_model("lenet"), "sources": ["x"], "held_out": False, "targets": []}
        return seconds_of(SimpleNamespace(**cell, inputs={"folds": [3, 2], "trials": 0, "epochs": 8}), {"x": n})

    assert seconds(10_000) == pytest.approx(10 * seconds(1000), rel=0.05)
    assert seconds(100) > 0.7 * seconds(800)


def test_a_picture_is_measured_once_for_all_models():
    cells = [SimpleNamespace(recipe=get_model(name), setting=PLAIN) for name in ("lda", "knn")]
    rows = [("x", str(number), "NE") for number in range(100)]
    samples = pd.DataFrame(rows, columns=["dataset", "sha256", "class"])
    once = preparation_seconds(cells[:1], samples)
    assert preparation_seconds(cells, samples) == once > 0
    augmented = SimpleNamespace(recipe=get_model("lda@augmented"), setting=PLAIN)
    assert preparation_seconds([*cells, augmented], samples) == pytest.approx(10 * once)
    corrupted = SimpleNamespace(recipe=get_model("lda"), setting=PROTOCOLS["corrupted"].setting)
    shown = len(corrupted.setting.conditions) * corrupted.setting.shown
    assert preparation_seconds([*cells, corrupted], samples) == pytest.approx((1 + shown / 100) * once)


@pytest.mark.parametrize(
    ("sizes", "models", "budget", "measured"),
    [
        (
            {"cvb": 100, "jiangxi": 299, "munich": 88, "raabin": 300},
            ["prior", "lda", "extra_trees", "vote@augmented", "mobilenet_v2+knn"],
            "quick",
            141,
        ),
        (
            {"barcelona": 60, "cvb": 60, "ward7": 60},
            [name for name, recipe in MODELS.items() if recipe.family in ("control", "classical")],
            "tiny",
            122,
        ),
    ],
)
def test_a_whole_run_is_within_a_factor_of_two_of_the_truth(sizes, models, budget, measured):
    """Measured: seconds of processor of all processes together, from the command to the page."""
    samples = drawn(sizes)
    cells = build_plan(load_suite("cross-dataset", datasets=list(sizes), models=models, budget=budget), samples)
    assert 0.5 < whole_seconds(cells, samples, jobs=1) / measured < 2
    assert whole_seconds(cells, samples, jobs=2) < whole_seconds(cells, samples, jobs=1)
