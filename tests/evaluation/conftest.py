"""A small benchmark on made-up rows: three laboratories, three classes, a shift between laboratories."""

import numpy as np
import pandas as pd
import pytest

from leukobench.cache import TableCache
from leukobench.evaluation.plan import build_plan
from leukobench.evaluation.representations import get_representation, image_ids
from leukobench.evaluation.store import RunFolder
from leukobench.evaluation.suite import Budget, Suite

LABORATORIES = ("left", "middle", "right")
REPRESENTATION = "features:core"


@pytest.fixture
def suite():
    return Suite(
        name="small",
        description="three made-up laboratories",
        version=1,
        level="L5",
        datasets=LABORATORIES,
        models=("prior", "logistic_regression"),
        protocols=("within", "pairwise", "lodo", "merged"),
        seeds=(0,),
        budget=Budget("quick", 3, 3, 1, {"light": 2, "medium": 2, "heavy": 2}),
        min_source_images=10,
        min_test_images=5,
    )


@pytest.fixture
def samples():
    rows = []
    for laboratory in LABORATORIES:
        for name, count in {"NE": 20, "LY": 20, "MO": 18, "BA": 3}.items():
            for i in range(count):
                group = f"slide{i % 5}" if laboratory == "right" else None
                rows.append(
                    (laboratory, f"{laboratory}/{name}{i}.png", f"{laboratory}-{name}-{i}", np.nan, group, name)
                )
    return pd.DataFrame(rows, columns=["dataset", "path", "sha256", "um_per_px", "group", "class"])


@pytest.fixture
def cache(tmp_path, samples):
    """A cache that holds rows for every sample: class means apart, laboratories shifted."""
    rng = np.random.default_rng(0)
    table = rng.normal(size=(len(samples), 6))
    table[:, :3] += 3 * (samples["class"].to_numpy()[:, None] == np.array(["NE", "LY", "MO"]))
    table[:, 3] += samples["dataset"].map({name: i for i, name in enumerate(LABORATORIES)})
    cache = TableCache(tmp_path / "cache")
    rows = pd.DataFrame(table, index=image_ids(samples), columns=[f"f{i}" for i in range(6)])
    cache.save(get_representation(REPRESENTATION).key, rows)
    return cache


@pytest.fixture
def run_folder(tmp_path, samples):
    store = RunFolder(tmp_path / "run")
    store.write_samples(samples)
    return store


@pytest.fixture
def cells(suite, samples):
    return build_plan(suite, samples)
