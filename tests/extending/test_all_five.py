"""The five files of docs/extending.md in one run: what each adds is in the leaderboard of local and of Dask workers."""

import json
import shutil

import pandas as pd
import pytest

from leukobench.datasets import build_index

SECTIONS = {"my_features.py": "A feature", "ward7.py": "A dataset", "my_metric.py": "A metric"}
SECTIONS |= {"my_protocol.py": "A protocol", "my_forest.py": "A model"}
LABELS = {"NE": "seg", "LY": "lym", "MO": "mono"}


@pytest.fixture(scope="module")
def root(laboratories, tmp_path_factory):
    """A data root of two drawn laboratories, and of a third under the names that ward 7 gives its files."""
    root = shutil.copytree(laboratories, tmp_path_factory.mktemp("five") / "data")
    index = build_index(root, names=["barcelona"])
    (root / "ward 7").mkdir()
    for number, row in enumerate(index[index["L5"].isin(LABELS)].itertuples()):
        (root / row.path).rename(root / "ward 7" / f"slide{number % 3}_{LABELS[row.L5]}_{number}.png")
    return root


@pytest.fixture(scope="module")
def files(page, tmp_path_factory):
    """Name to path of the five files; the model reads the feature."""
    folder = tmp_path_factory.mktemp("own")
    for name, section in SECTIONS.items():
        text = page(section).replace('reads="features"', 'reads="features:ours"')
        (folder / name).write_text(text)
    return {name: folder / name for name in SECTIONS}


@pytest.mark.parametrize("workers", ["local", "dask"])
def test_a_run_of_all_five(workers, files, root, command, tmp_path, request):
    how = ["--jobs", 2]
    if workers == "dask":
        pytest.importorskip("distributed", reason="needs the extra `cluster`")
        how = ["--executor", "dask", "--scheduler", request.getfixturevalue("scheduler")]
        request.getfixturevalue("worker")()  # knows nothing of the files
    use = [word for name, path in files.items() if name != "my_forest.py" for word in ("--use", path)]
    what = ["--models", "prior", "--model-file", files["my_forest.py"], "--datasets", "cvb,munich,ward7"]
    what += [
        "--protocols",
        "two_to_rest",
        "--rank-by",
        "top_two",
        "--budget",
        "tiny",
        "--device",
        "reference",
        "--data",
        root,
    ]
    text = command(*use, "run", *what, *how, "--out", tmp_path)
    assert "from two" in text
    found = json.loads((tmp_path / "leaderboard.json").read_text())
    board = {row["model"]: row for row in found["leaderboard"]}
    assert found["metric"] == "top_two"
    assert board["my_forest"]["coverage_two_to_rest"] == "3/3"
    assert board["my_forest"]["from_two"] > board["prior"]["from_two"]
    cells = pd.read_csv(tmp_path / "cells.csv")
    assert set(cells["test"]) == {"cvb", "munich", "ward7"}
    assert set(cells["train"]) == {"cvb+munich", "cvb+ward7", "munich+ward7"}
    assert (tmp_path / "rows" / "features-ours.npy").is_file()
