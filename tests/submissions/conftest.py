"""A finished, sealed run of known predictions, and its submission."""

import copy

import pandas as pd
import pytest

from leukobench.readback import read_table
from leukobench.report import write_report
from leukobench.running.environment import describe_environment
from leukobench.running.store import RunFolder
from leukobench.submissions import submission_of
from tests.report.conftest import RunMaker

TRUTH = {name: ["LY"] * 12 + ["MO"] * 8 + ["NE"] * 10 for name in ("barcelona", "cvb", "raabin")}
NEXT = {"LY": "MO", "MO": "NE", "NE": "LY"}


def answer(model, protocol, train, test, true, seed):
    step = {"half": 3, "fragile": 4, "prior": 2}[model]
    return [NEXT[c] if (i + len(train) + seed) % step == 0 else c for i, c in enumerate(true)]


def write_sealed(folder, **fields):
    """A run folder as a run leaves it: records with checksums and seals, plan, environment, images and tables."""
    fields = {"truth": TRUTH, "models": ("half", "fragile", "prior"), "answer": answer, "seeds": (0, 1)} | fields
    made = RunMaker(folder, **fields)
    store = RunFolder(made.write())
    plan = store.read_plan()
    plan["suite"] |= {"name": "tiny", "version": 1, "preset": ""}
    store.write_json("plan.json", plan)
    store.write_json("environment.json", describe_environment())
    for cell in plan["cells"]:
        if record := store.written_record(cell["fingerprint"]):
            path = store.predictions_path(cell["fingerprint"])
            store.write_record(record, read_table(path) if path.exists() else None)
    rows = [(name, f"{name}{i:05d}", true) for name, labels in made.truth.items() for i, true in enumerate(labels)]
    store.write_samples(pd.DataFrame(rows, columns=["dataset", "sha256", "class"]).assign(group=None, um_per_px=0.1))
    write_report(store.path)
    return store.path


@pytest.fixture(scope="session")
def run_folder(tmp_path_factory):
    return write_sealed(tmp_path_factory.mktemp("submitted") / "run")


@pytest.fixture(scope="session")
def made(run_folder):
    return submission_of(run_folder, "our-lab", "a note")


@pytest.fixture
def submission(made):
    """A submission that a test may change."""
    return copy.deepcopy(made)
