"""A model of one's own in one file, as docs/extending.md tells, in a leaderboard of local and of Dask workers."""

import json

import pytest

from leukobench.datasets.phantom import write_phantom
from leukobench.models import OWN, get_model, register_file, unregister
from leukobench.models.identity import recipe_hash
from leukobench.report import write_report
from leukobench.running import runner
from leukobench.running.suite import load_suite

FILE = '''
"""A model of my own."""

from helper_beside import DEPTH, halve
from optuna.distributions import IntDistribution
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from leukobench.models import register


class MyForest(RandomForestClassifier):
    pass


register(
    "my_forest",
    MyForest(10, max_depth=DEPTH),
    space={"min_samples_leaf": IntDistribution(1, 4)},
    description="A small forest.",
)
register(
    "my_pixels",
    make_pipeline(FunctionTransformer(lambda rows: rows[:, ::999]), FunctionTransformer(halve), LogisticRegression()),
    reads="images",
    cost="light",
)
'''
HELPER = "DEPTH = 4\n\n\ndef halve(X):\n    return X / 255\n"


@pytest.fixture
def file(tmp_path, page):
    """The file, with a step and a module beside it; what it registers is forgotten at the end."""
    path = tmp_path / "my_models.py"
    path.write_text(FILE + page("A step"))
    (tmp_path / "helper_beside.py").write_text(HELPER)
    yield path
    for name in list(OWN):
        unregister(name)


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return write_phantom(tmp_path_factory.mktemp("data") / "phantom", per_class=10, domains=["cvb", "barcelona"])


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


def run(root, cache, out, **options):
    """Model to what the leaderboard says of it, of a run with both models beside a control."""
    chosen = {"datasets": ["cvb", "barcelona"], "protocols": ["pairwise"], "budget": "tiny", "seeds": [0]}
    suite = load_suite("cross-dataset", models=["prior", "my_forest+bagged[n_estimators=2]", "my_pixels"], **chosen)
    records = runner.run(suite, root, out, cache=cache, **options)
    assert [record["error"] for record in records if record["status"] != "ok"] == []
    write_report(out)
    return {row["model"]: row for row in json.loads((out / "leaderboard.json").read_text())["leaderboard"]}


def test_a_model_in_one_file_is_in_the_leaderboard(file, root, cache, tmp_path):
    assert register_file(str(file)) == ["my_forest", "my_pixels"]
    board = run(root, cache, tmp_path / "run", jobs=2)
    assert board["my_forest+bagged[n_estimators=2]"]["family"] == "classical"
    assert (
        board["my_forest+bagged[n_estimators=2]"]["out_of_domain"]
        > board["prior"]["out_of_domain"]
        == pytest.approx(0.2)
    )
    assert board["my_pixels"]["rank"] is not None


def test_it_travels_to_workers_of_a_cluster_that_never_saw_the_file(file, root, cache, tmp_path, request):
    pytest.importorskip("distributed", reason="needs the extra `cluster`")
    scheduler, worker = request.getfixturevalue("scheduler"), request.getfixturevalue("worker")
    worker()
    register_file(str(file))
    board = run(root, cache, tmp_path / "run", scheduler=scheduler)
    assert board["my_forest+bagged[n_estimators=2]"]["rank"] is not None


def test_another_source_another_parameter_or_a_changed_helper_is_another_model(file):
    versions = []
    for change in (lambda: None, lambda: None, lambda: _edit(file, "10", "11"), lambda: _edit(file, "pass", "x = 1")):
        change()
        register_file(str(file))
        versions.append(recipe_hash(get_model("my_forest")))
    _edit(file.parent / "helper_beside.py", "255", "256")
    register_file(str(file))
    versions.append(recipe_hash(get_model("my_forest")))
    assert versions[0] == versions[1]
    assert len(set(versions)) == 4


def _edit(path, old, new):
    path.write_text(path.read_text().replace(old, new, 1))
